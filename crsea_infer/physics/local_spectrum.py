"""Spectra of protons and helium at the Sun as broken power laws in rigidity.

The number of breaks is that of the parameters given. Breaks are rounded over a fixed, narrow range of rigidity, so that
spectra are differentiable; the published spectra are straight lines between breaks. A hypothesis may give a break a
width of its own, free or fixed (`proton_smoothness_1`, ...), or replace the broken power law by a table
(:mod:`crsea_infer.physics.tabulated_spectrum`). Everything here is evaluated per posterior sample, on NumPy or JAX
arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from crsea_infer.physics.constants import HELIUM_MASS_PER_NUCLEON, PROTON_MASS
from crsea_infer.physics.tabulated_spectrum import TABLE_STEMS, table_parameter, tabulated_intensity
from crsea_infer.support.arrays import Array, Float64, array_namespace, reshaped, stack_last
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "BREAK_WIDTH",
    "NORMALISATION_ENERGY",
    "LocalSpectra",
    "Species",
    "SpectrumNodes",
    "SpectrumParameters",
    "kinetic_energy",
    "local_intensity",
    "rigidity",
]

Species = Literal["proton", "helium"]

BREAK_WIDTH: Final = 0.1
"""Width of a break in natural-log rigidity: the slope changes from 12 to 88 per cent over +-0.2."""

NORMALISATION_ENERGY: Final = 1.0e4
"""Kinetic energy (protons) or kinetic energy per nucleon (helium) at which spectra are normalised, GeV."""

_MASS: Final[Mapping[str, float]] = {"proton": PROTON_MASS, "helium": HELIUM_MASS_PER_NUCLEON}
_NUCLEONS_PER_CHARGE: Final[Mapping[str, float]] = {"proton": 1.0, "helium": 2.0}


def rigidity(species: Species, energy: Array) -> Array:
    """Return the rigidity in GV of a proton or helium nucleus of kinetic energy per nucleon `energy` in GeV."""
    xp = array_namespace(energy)
    return _NUCLEONS_PER_CHARGE[species] * xp.sqrt(energy * (energy + 2.0 * _MASS[species]))


def kinetic_energy(species: Species, rigidity_gv: Array) -> Array:
    """Return the kinetic energy per nucleon in GeV of a nucleus of given rigidity in GV."""
    xp = array_namespace(rigidity_gv)
    momentum = rigidity_gv / _NUCLEONS_PER_CHARGE[species]
    return momentum**2 / (xp.sqrt(momentum**2 + _MASS[species] ** 2) + _MASS[species])


def _softplus(xp: Any, x: Array) -> Array:
    return xp.logaddexp(x, xp.zeros_like(x))


@dataclass(frozen=True, eq=False)
class SpectrumNodes:
    """Energies at which a local spectrum is wanted again and again, with all that does not depend on its parameters.

    Attributes
    ----------
    species
        "proton" or "helium".
    energies
        Kinetic energies (per nucleon), GeV, shape [n].
    distance
        Natural log of rigidity relative to that of the normalisation, [n].
    steep
        exp(distance / BREAK_WIDTH), and 1 [2, n].
    jacobian
        d rigidity / d energy relative to its value at the normalisation, [n].
    """

    species: Species
    energies: Float64
    distance: Float64
    steep: Float64
    jacobian: Float64

    @classmethod
    def at(cls, species: Species, energies: Float64) -> SpectrumNodes:
        """Prepare the energies [n]."""
        distance = np.log(rigidity(species, energies)) - _log_rigidity_of_normalisation(species)
        jacobian = _jacobian(energies, _MASS[species]) / _jacobian(np.asarray(NORMALISATION_ENERGY), _MASS[species])
        steep = np.stack([np.exp(distance / BREAK_WIDTH), np.ones_like(distance)])
        return cls(species, energies, distance, steep, jacobian)


class SpectrumParameters(NamedTuple):
    """Names of the parameters of one species: those without which there is no spectrum, those that may be absent.

    `numbered` are stems of names that count from 1, with one slope more than breaks. A parameter whose name begins with
    `table` stands in for all that are required.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    numbered: tuple[str, ...]
    table: str

    @classmethod
    def of(cls, species: Species) -> SpectrumParameters:
        """Return those of a species."""
        slope = f"{species}_slope"
        numbered = (slope, f"{species}_break", f"{species}_smoothness", "spectrum_mode")
        optional = (f"{species}_ratio", f"{species}_tilt")
        return cls((f"{species}_norm", f"{slope}_1"), optional, numbered, TABLE_STEMS[species])


class _Law(NamedTuple):
    """Parameters of one species, each of batch shape [...]; log_pivot is that of the rigidity of the normalisation.

    `widths` are those of the breaks; None when all are BREAK_WIDTH.
    """

    slopes: list[Array]
    breaks: list[Array]
    norm: Array
    log_pivot: float
    widths: list[Array] | None

    @classmethod
    def of(cls, species: Species, parameters: Mapping[str, Array]) -> _Law:
        slopes = _numbered(parameters, f"{species}_slope")
        breaks = _numbered(parameters, f"{species}_break")
        norm = parameters.get(f"{species}_norm")
        if not slopes or len(breaks) != len(slopes) - 1 or norm is None:
            raise UserError(
                f"the {species} spectrum has {len(slopes)} slopes, {len(breaks)} breaks and "
                f"{'a' if norm is not None else 'no'} normalisation",
                valid=f"{species}_norm, {species}_slope_1 to _n and {species}_break_1 to _(n-1)",
                fix="add a prior set for the local spectra, such as 'min' or 'max'",
            )
        ratio = parameters.get(f"{species}_ratio")
        norm = norm * NORMALISATION_ENERGY**-2.8
        given = [parameters.get(f"{species}_smoothness_{number}") for number in range(1, len(breaks) + 1)]
        widths = None
        if any(width is not None for width in given):
            widths = [norm * 0.0 + BREAK_WIDTH if width is None else width for width in given]
        norm = norm if ratio is None else norm * ratio
        return cls(slopes, breaks, norm, _log_rigidity_of_normalisation(species), widths)


def _numbered(parameters: Mapping[str, Array], stem: str) -> list[Array]:
    found: list[Array] = []
    while (name := f"{stem}_{len(found) + 1}") in parameters:
        found.append(parameters[name])
    return found


@dataclass(frozen=True, eq=False)
class LocalSpectra:
    """Spectra of one or both species at energies that do not change, evaluated together.

    With x = ln(rigidity / that of the normalisation) and w the width of a break, each spectrum is

        ln(J / norm) = slope_1 x + ln(d rigidity / dE) + sum over breaks b of w (slope_b+1 - slope_b) (L_b(x) - L_b(0)),
        L_b(x) = ln(1 + exp((x - x_b) / w)) = ln(1 + exp(x / w) exp(-x_b / w)),

    whose first two terms, and the constants L_b(0), are one matrix product for all species together. exp(x / w) is
    known beforehand, so that no exponential is taken per sample, node and break.

    Attributes
    ----------
    parts
        Energies of each species.
    """

    parts: tuple[SpectrumNodes, ...]

    @cached_property
    def places(self) -> dict[Species, slice]:
        """Where each species stands among the results."""
        ends = np.cumsum([0, *(part.energies.size for part in self.parts)]).tolist()
        pairs = zip(self.parts, pairwise(ends), strict=True)
        return {part.species: slice(start, end) for part, (start, end) in pairs}

    @cached_property
    def lines(self) -> Float64:
        """What a slope and a level for each part, and 1, are multiplied with [2 n_parts + 1, n]."""
        lines = np.zeros((2 * len(self.parts) + 1, sum(part.energies.size for part in self.parts)))
        for row, (part, where) in enumerate(zip(self.parts, self.places.values(), strict=True)):
            lines[2 * row, where] = part.distance
            lines[2 * row + 1, where] = 1.0
            lines[-1, where] = np.log(part.jacobian)
        return lines

    def __call__(self, parameters: Mapping[str, Array]) -> Array:
        """Return the intensity at all energies [..., n], one species after the other.

        See :func:`local_intensity` for units and errors.
        """
        if any(table_parameter(part.species, parameters) is not None for part in self.parts):
            return self._one_by_one(parameters)
        laws = [_Law.of(part.species, parameters) for part in self.parts]
        xp = array_namespace(laws[0].norm)
        if laws[0].norm.dtype == xp.float32 or any(law.widths is not None for law in laws):
            pairs = zip(self.parts, laws, strict=True)
            return xp.concat([_softly_broken(xp, part, law) for part, law in pairs], axis=-1)
        steps, at_breaks, levels = _breaks(xp, laws)
        numbers = [number for law, level in zip(laws, levels, strict=True) for number in (law.slopes[0], level)]
        lines = xp.matmul(stack_last(xp, [*numbers, xp.ones_like(laws[0].norm)]), xp.asarray(self.lines))
        spectra = []
        for part, where, law, own in zip(self.parts, self.places.values(), laws, _own_breaks(laws), strict=True):
            spectrum = lines[..., where]
            if law.breaks:
                bends = _bends(xp, at_breaks[..., own, :], part.steep)
                spectrum += xp.matmul(steps[..., None, own], bends)[..., 0, :]
            spectrum = np.exp(spectrum, out=spectrum) if xp is np else xp.exp(spectrum)
            spectrum *= law.norm[..., None]
            spectra.append(spectrum)
        return lines if xp is np else xp.concat(spectra, axis=-1)  # NumPy's spectra are views of the lines

    def _one_by_one(self, parameters: Mapping[str, Array]) -> Array:
        """Return the intensities when at least one species has a table."""
        xp = array_namespace(*parameters.values())
        spectra = []
        for part in self.parts:
            if table_parameter(part.species, parameters) is None:
                spectra.append(_softly_broken(xp, part, _Law.of(part.species, parameters)))
                continue
            at = np.exp(part.distance + _log_rigidity_of_normalisation(part.species))
            per_energy = (
                part.jacobian
                * _NUCLEONS_PER_CHARGE[part.species]
                * _jacobian(np.asarray(NORMALISATION_ENERGY), _MASS[part.species])
            )
            spectra.append(tabulated_intensity(part.species, at, parameters) * xp.asarray(per_energy))
        return xp.concat(spectra, axis=-1)


def _own_breaks(laws: Sequence[_Law]) -> list[slice]:
    """Return which of the breaks of all laws belong to each."""
    ends = [0, *accumulate(len(law.breaks) for law in laws)]
    return [slice(start, end) for start, end in pairwise(ends)]


def _breaks(xp: Any, laws: Sequence[_Law]) -> tuple[Array, Array, list[Array]]:
    """Return what does not depend on energy, for all laws together.

    These are w (slope_b+1 - slope_b) [..., break], exp(-x_b / w) beside 1 [..., break, 2], and for each law the sum of
    its constants [...].
    """
    if not any(law.breaks for law in laws):
        return None, None, [xp.zeros_like(law.norm) for law in laws]
    below = stack_last(xp, [slope for law in laws for slope in law.slopes[:-1]])
    above = stack_last(xp, [slope for law in laws for slope in law.slopes[1:]])
    log_breaks = xp.log(stack_last(xp, [value for law in laws for value in law.breaks]))
    log_pivots = np.array([law.log_pivot for law in laws for _ in law.breaks])
    steps = BREAK_WIDTH * (above - below)
    at_breaks = xp.exp((log_pivots - log_breaks) / BREAK_WIDTH)
    constants = steps * xp.log(1.0 + at_breaks)
    levels = [-xp.sum(constants[..., own], axis=-1) for own in _own_breaks(laws)]
    return steps, stack_last(xp, [at_breaks, xp.ones_like(at_breaks)]), levels


def _bends(xp: Any, at_breaks: Array, steep: Float64) -> Array:
    """Return L_b(x) [..., break, n]; the argument of the logarithm as a matrix product, which is twice as fast."""
    argument = xp.matmul(reshaped(xp, at_breaks, (-1, 2)), xp.asarray(steep))
    argument = reshaped(xp, argument, (*at_breaks.shape[:-1], steep.shape[-1]))
    return np.log(argument, out=argument) if xp is np else xp.log(argument)


def _softly_broken(xp: Any, part: SpectrumNodes, law: _Law) -> Array:
    """Return the intensity [..., n] without the factors exp(x / w).

    They are not known beforehand when widths are free, and single precision does not hold them.
    """
    distance = xp.asarray(part.distance)
    result = law.slopes[0][..., None] * distance
    for number, value in enumerate(law.breaks):
        width = BREAK_WIDTH if law.widths is None else law.widths[number][..., None]
        step = (law.slopes[number + 1] - law.slopes[number])[..., None] * width
        to_pivot = (law.log_pivot - xp.log(value))[..., None] / width
        beyond = _softplus(xp, distance / width + to_pivot)
        result = result + step * (beyond - _softplus(xp, to_pivot))
    return xp.exp(result) * xp.asarray(part.jacobian) * law.norm[..., None]


def local_intensity(species: Species, energies: Float64, parameters: Mapping[str, Array]) -> Array:
    """Return the intensity of protons or helium at the Sun, per GeV (per GeV/n), m2, s and sr.

    Parameters
    ----------
    species
        "proton" or "helium".
    energies
        Kinetic energies (per nucleon), GeV, shape [n].
    parameters
        ``proton_norm`` (E^2.8 J at 10 TeV, GeV^1.8 m^-2 s^-1 sr^-1), ``proton_slope_1``... and ``proton_break_1``...
        (GV); for helium the same with ``helium_`` and optionally ``helium_ratio``. Each of batch shape [...].

    Returns
    -------
    Array
        Shape [..., n].

    Raises
    ------
    UserError
        When parameters of the spectrum are missing or the number of breaks does not fit the number of slopes.
    """
    return LocalSpectra((SpectrumNodes.at(species, np.asarray(energies, dtype=float)),))(parameters)


def _log_rigidity_of_normalisation(species: Species) -> float:
    mass = _MASS[species]
    energy = NORMALISATION_ENERGY
    return math.log(_NUCLEONS_PER_CHARGE[species] * math.sqrt(energy * (energy + 2.0 * mass)))


def _jacobian(energy: Float64, mass: float) -> Float64:
    return np.asarray((energy + mass) / np.sqrt(energy * (energy + 2.0 * mass)))
