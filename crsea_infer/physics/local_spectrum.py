"""Spectra of protons and helium at the Sun as broken power laws in rigidity.

The number of breaks is that of the parameters given. Breaks are rounded over a fixed, narrow range of rigidity, so that
spectra are differentiable; the published spectra are straight lines between breaks. Everything here is evaluated per
posterior sample, on NumPy or JAX arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.arrays import Array, Float64, array_namespace
from crsea_infer.errors import UserError
from crsea_infer.physics.constants import HELIUM_MASS_PER_NUCLEON, PROTON_MASS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BREAK_WIDTH",
    "NORMALISATION_ENERGY",
    "SpectrumNodes",
    "broken_power_law",
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


def _bend(xp: Any, steepness: Array, scaled: Array) -> Array:
    """Return ln(1 + steepness scaled), in place where that is allowed: temporaries cost more than the logarithm."""
    product = steepness * scaled
    product += 1.0
    return np.log(product, out=product) if xp is np else xp.log(product)


def broken_power_law(
    distance: Array, slopes: list[Array], log_breaks: list[Array], log_pivot: float, steep: Array | None = None
) -> Array:
    """Return the natural logarithm of a power law with rounded breaks, zero at the pivot.

    Parameters
    ----------
    distance
        Natural log of rigidity relative to the pivot, shape [n].
    slopes
        Spectral slopes from low to high rigidity, each of batch shape [...].
    log_breaks
        Natural log of the breaks between them, each of batch shape [...], one fewer than the slopes.
    log_pivot
        Natural log of the rigidity where the result is zero.
    steep
        exp(distance / BREAK_WIDTH), if it is at hand.

    Returns
    -------
    Array
        Shape [..., n].
    """
    xp = array_namespace(slopes[0], distance)
    result = slopes[0][..., None] * distance
    if result.dtype == xp.float32:
        # the factors below do not fit single precision
        for below, above, log_break in zip(slopes[:-1], slopes[1:], log_breaks, strict=True):
            step, to_pivot = (above - below) * BREAK_WIDTH, (log_pivot - log_break) / BREAK_WIDTH
            beyond = _softplus(xp, distance / BREAK_WIDTH + to_pivot[..., None])
            result = result + step[..., None] * (beyond - _softplus(xp, to_pivot)[..., None])
        return result
    # exp of the distance to a break is a factor of the rigidity times a factor of the break: no exp per sample and node
    at_rigidity = xp.exp(distance / BREAK_WIDTH) if steep is None else steep
    offset = xp.zeros_like(slopes[0])
    for below, above, log_break in zip(slopes[:-1], slopes[1:], log_breaks, strict=True):
        step = (above - below) * BREAK_WIDTH
        at_break = xp.exp((log_pivot - log_break) / BREAK_WIDTH)
        beyond = _bend(xp, at_rigidity, at_break[..., None])
        beyond *= step[..., None]
        result += beyond
        offset = offset - step * xp.log(1.0 + at_break)
    result += offset[..., None]
    return result


def _numbered(parameters: Mapping[str, Array], stem: str) -> list[Array]:
    found: list[Array] = []
    while (name := f"{stem}_{len(found) + 1}") in parameters:
        found.append(parameters[name])
    return found


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
        exp(distance / BREAK_WIDTH), [n].
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
        return cls(species, energies, distance, np.exp(distance / BREAK_WIDTH), jacobian)

    def intensity(self, parameters: Mapping[str, Array]) -> Array:
        """Return the intensity at the energies [..., n]; see :func:`local_intensity`."""
        species = self.species
        slopes = _numbered(parameters, f"{species}_slope")
        breaks = _numbered(parameters, f"{species}_break")
        if not slopes or len(breaks) != len(slopes) - 1 or f"{species}_norm" not in parameters:
            raise UserError(
                f"the {species} spectrum has {len(slopes)} slopes, {len(breaks)} breaks and "
                f"{'a' if f'{species}_norm' in parameters else 'no'} normalisation",
                valid=f"{species}_norm, {species}_slope_1 to _n and {species}_break_1 to _(n-1)",
                fix="add a prior set for the local spectra, such as 'min' or 'max'",
            )
        xp = array_namespace(slopes[0])
        log_breaks = [xp.log(value) for value in breaks]
        log_pivot = _log_rigidity_of_normalisation(species)
        intensity = broken_power_law(self.distance, slopes, log_breaks, log_pivot, self.steep)
        intensity = np.exp(intensity, out=intensity) if xp is np else xp.exp(intensity)
        norm = parameters[f"{species}_norm"] * NORMALISATION_ENERGY**-2.8
        if f"{species}_ratio" in parameters:
            norm = norm * parameters[f"{species}_ratio"]
        # a law of rigidity carries d rigidity / d energy per unit of energy, here relative to the pivot
        intensity *= self.jacobian
        intensity *= norm[..., None]
        return intensity


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
    return SpectrumNodes.at(species, np.asarray(energies, dtype=float)).intensity(parameters)


def _log_rigidity_of_normalisation(species: Species) -> float:
    mass = _MASS[species]
    energy = NORMALISATION_ENERGY
    return math.log(_NUCLEONS_PER_CHARGE[species] * math.sqrt(energy * (energy + 2.0 * mass)))


def _jacobian(energy: Float64, mass: float) -> Float64:
    return np.asarray((energy + mass) / np.sqrt(energy * (energy + 2.0 * mass)))
