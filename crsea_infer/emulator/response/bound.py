"""A sky model fixed to its requests: what does not depend on the parameters is done once, and what requests share once
per call.

All requests of a model need the local spectra at their own energies, and all sky regions need the same transport. Each
call therefore evaluates the local spectra once, at the union of all energies, and asks for transport once, from an
object that computes what it is asked for and keeps it for the call. Requests of the sky are then answered together, in
the groups of :mod:`crsea_infer.emulator.response.contraction`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.emulator.response.contraction import Group, Seen, Transport
from crsea_infer.emulator.response.cross_sections import Choice, Mixture
from crsea_infer.emulator.response.fold import SpectralFold, Stretch
from crsea_infer.physics.geometry import COMPONENTS
from crsea_infer.physics.leptons import LEPTON_COMPONENTS
from crsea_infer.physics.local_spectrum import LocalSpectra, Species, SpectrumNodes
from crsea_infer.support.arrays import Array, Float64, array_namespace, full_precision, reshaped, stack_last
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crsea_infer.emulator.response.gas_mix import GasMix
    from crsea_infer.physics.hadronic import Product

__all__ = ["COMPONENT_SCALES", "INFRARED", "LEPTON_SCALES", "Bound", "CosmicRayRequest", "Energies", "gather_energies"]

COMPONENT_SCALES: Final[Mapping[str, str]] = {"HI": "hi_scale", "H2": "xco_scale"}
"""Parameter that scales each component of pion decay; absent parameters count as 1."""

INFRARED: Final = "infrared_absorption"
"""Parameter that scales the optical depth on infrared and starlight; absent: none, as in the published models."""

_PRODUCTS: Final[tuple[Product, ...]] = ("gamma", "neutrino")

LEPTON_SCALES: Final[Mapping[str, str]] = {"IC": "inverse_compton_scale", "bremsstrahlung": "bremsstrahlung_scale"}
"""Parameter that scales each component of electrons; a component whose parameter is absent is left out."""


@dataclass(frozen=True)
class Energies:
    """Where the requests of a model find their local spectra.

    Attributes
    ----------
    spectra
        At all energies: protons of requests for cosmic rays, protons and helium on the lattices, helium of requests.
    lattices
        The part on the lattices, both species.
    offsets
        Place of node 0 of each lattice within the lattices of one species.
    own
        Of each request for cosmic rays its energies, in order.
    """

    spectra: LocalSpectra
    lattices: slice
    offsets: Mapping[str, int]
    own: tuple[slice, ...]


def gather_energies(wanted: Sequence[SpectralFold | tuple[Species, Float64]]) -> Energies:
    """Join the energies at which requests need the local spectra.

    Parameters
    ----------
    wanted
        For each request its contraction, whose nodes lie on a lattice that requests share, or a species with its
        energies [n], GeV (per nucleon).
    """
    ranges: dict[str, tuple[Stretch, int, int]] = {}
    for one in wanted:
        if isinstance(one, SpectralFold):
            for stretch in one.stretches:
                end = stretch.first + len(one.kinetic[stretch.rows])
                _, first, last = ranges.get(stretch.lattice, (stretch, stretch.first, end))
                ranges[stretch.lattice] = stretch, min(first, stretch.first), max(last, end)
    shared: list[Float64] = []
    offsets: dict[str, int] = {}
    for name, (stretch, first, last) in ranges.items():
        offsets[name] = sum(part.size for part in shared) - first
        shared.append(stretch.energies(first, last))
    own: dict[Species, list[Float64]] = {"proton": [], "helium": []}
    for one in wanted:
        if not isinstance(one, SpectralFold):
            own[one[0]].append(one[1])
    sizes = {species: sum(part.size for part in parts) for species, parts in own.items()}
    on_lattices = sum(part.size for part in shared)
    starts = {"proton": 0, "helium": sizes["proton"] + 2 * on_lattices}
    slices = []
    for one in wanted:
        if not isinstance(one, SpectralFold):
            slices.append(slice(starts[one[0]], starts[one[0]] + one[1].size))
            starts[one[0]] += one[1].size
    joined: dict[Species, list[Float64]] = {"proton": [*own["proton"], *shared], "helium": [*shared, *own["helium"]]}
    nodes = [SpectrumNodes.at(species, np.concatenate(parts)) for species, parts in joined.items() if parts]
    lattices = slice(sizes["proton"], sizes["proton"] + 2 * on_lattices)
    return Energies(LocalSpectra(tuple(nodes)), lattices, offsets, tuple(slices))


@dataclass(frozen=True)
class CosmicRayRequest:
    """Protons or helium at the Sun, or elsewhere in the disc.

    Attributes
    ----------
    number
        Place among the requests of the model.
    species
        "proton" or "helium".
    where
        Of its energies among all.
    relative_density
        From the parameters to the density relative to the Sun [..., energy]; None at the Sun.
    """

    number: int
    species: Species
    where: slice
    relative_density: Callable[[Mapping[str, Array]], Array] | None = None

    def total(self, parameters: Mapping[str, Array], spectra: Array) -> Array:
        """Return the intensity [..., energy]."""
        local = spectra[..., self.where]
        return local if self.relative_density is None else local * self.relative_density(parameters)


@dataclass(frozen=True)
class Bound:
    """A sky model fixed to its requests; see :class:`crsea_infer.emulator.sky_model.BoundModel`.

    Attributes
    ----------
    needs
        Parameters without which nothing can be said.
    energies
        Of the local spectra.
    sky
        Requests for gamma rays and neutrinos.
    cosmic_rays
        Requests for protons and helium.
    transport
        Makes the transport of a call from its parameters.
    gas
        From the parameters to the factors of gas.
    infrared
        Of each request for gamma rays that are absorbed, what gives its effective depth on infrared and starlight
        [energy].
    cross_section
        Of the grid.
    """

    needs: tuple[str, ...]
    energies: Energies
    sky: tuple[Group, ...]
    cosmic_rays: tuple[CosmicRayRequest, ...]
    transport: Callable[[Mapping[str, Array]], Transport]
    gas: GasMix
    infrared: Mapping[int, Callable[[], Float64]]
    cross_section: Choice = "kelner-aharonian"

    def __call__(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        """Return one intensity [..., energy] per request."""
        with full_precision(array_namespace(*parameters.values())):
            return self._intensities(parameters)

    def _intensities(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        batch, spectra, seen = self._prepare(parameters, apart=False)
        answers: dict[int, Array] = {}
        for group in self.sky:
            intensities = group.gas(seen)
            if seen.has_electrons and group.leptons is not None:
                intensities = intensities + group.leptons(seen.transport, seen.electrons)
            for number, intensity in zip(group.numbers, group.split(intensities), strict=True):
                answers[number] = self._transmitted(number, intensity, batch)
        for request in self.cosmic_rays:
            answers[request.number] = request.total(batch, spectra)
        return tuple(answers[number] for number in range(len(answers)))

    def components(self, parameters: Mapping[str, Array]) -> tuple[dict[str, Array], ...]:
        """Return the same per component."""
        with full_precision(array_namespace(*parameters.values())):
            return self._components(parameters)

    def _components(self, parameters: Mapping[str, Array]) -> tuple[dict[str, Array], ...]:
        batch, spectra, seen = self._prepare(parameters, apart=True)
        answers: dict[int, dict[str, Array]] = {}
        wanted = [name for name, scale in LEPTON_SCALES.items() if scale in batch]
        for group in self.sky:
            for number, gas in zip(group.numbers, group.split(group.gas(seen)), strict=True):
                answers[number] = self._of_gas(gas, batch, seen)
            if group.leptons is None or not wanted:
                continue
            of_electrons = group.split(group.leptons(seen.transport, None))
            for number, electrons in zip(group.numbers, of_electrons, strict=True):
                found = {name: electrons[..., LEPTON_COMPONENTS.index(name), :] for name in wanted}
                scaled = {name: _scaled(part, batch, LEPTON_SCALES[name]) for name, part in found.items()}
                answers[number] = scaled | answers[number]
        for number, parts in answers.items():
            answers[number] = {name: self._transmitted(number, part, batch) for name, part in parts.items()}
        for request in self.cosmic_rays:
            answers[request.number] = {request.species: request.total(batch, spectra)}
        return tuple(answers[number] for number in range(len(answers)))

    def _transmitted(self, number: int, intensity: Array, batch: Mapping[str, Array]) -> Array:
        """Return the intensity [..., energy] of a request behind infrared and starlight, if parameters have them."""
        if INFRARED not in batch or number not in self.infrared:
            return intensity
        xp = array_namespace(intensity)
        return intensity * xp.exp(-batch[INFRARED][..., None] * xp.asarray(self.infrared[number]()))

    def _of_gas(self, gas: Array, batch: Mapping[str, Array], seen: Seen) -> dict[str, Array]:
        """Return the components of gas by name from intensities [..., component, energy]."""
        if seen.groups is not None:
            names, _ = self.gas.factors_apart(batch, seen.groups)
            return {name: gas[..., i, :] for i, name in enumerate(names)}
        gas = self.gas.enhanced(batch, gas)
        return {name: _scaled(gas[..., i, :], batch, COMPONENT_SCALES.get(name)) for i, name in enumerate(COMPONENTS)}

    def _prepare(self, parameters: Mapping[str, Array], *, apart: bool) -> tuple[dict[str, Array], Array, Seen]:
        """Return the parameters in one batch shape, the local spectra, and what sky requests share."""
        batch = _batch(parameters, self.needs)
        spectra = self.energies.spectra(batch)
        xp = array_namespace(spectra)
        pair = spectra[..., self.energies.lattices]
        pair = reshaped(xp, pair, (*pair.shape[:-1], 2, pair.shape[-1] // 2))
        has_electrons = any(scale in batch for scale in LEPTON_SCALES.values())
        gas = electrons = groups = None
        if self.sky:
            groups = self.gas.classes(batch)
            if groups is not None:
                gas = self.gas.factors_apart(batch, groups)[1] if apart else self.gas.factors(batch, groups)
            elif not apart:
                gas = _factors(batch, COMPONENTS, COMPONENT_SCALES, 1.0)
            if gas is not None:
                gas = self.gas.enhanced(batch, gas)
            if has_electrons and not apart:
                electrons = _factors(batch, LEPTON_COMPONENTS, LEPTON_SCALES, 0.0)
        mixtures = {product: Mixture.of(batch, self.cross_section, product) for product in _PRODUCTS}
        return (
            batch,
            spectra,
            Seen(
                spectra=pair,
                transport=self.transport(batch),
                gas=gas,
                groups=groups,
                apart=apart,
                electrons=electrons,
                has_electrons=has_electrons,
                mixtures=mixtures,
            ),
        )


def _scaled(intensity: Array, parameters: Mapping[str, Array], scale: str | None) -> Array:
    return intensity if scale is None or scale not in parameters else intensity * parameters[scale][..., None]


def _factors(
    parameters: Mapping[str, Array], components: Sequence[str], scales: Mapping[str, str], absent: float
) -> Array:
    """Return the factor of each component [..., component]; `absent` for those whose parameter is not given."""
    like = next(iter(parameters.values()))
    xp = array_namespace(like)
    given = [parameters.get(scales.get(name, "")) for name in components]
    return stack_last(xp, [xp.full_like(like, absent) if factor is None else factor for factor in given])


def _batch(parameters: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    """Return the parameters as arrays of one batch shape."""
    missing = [name for name in names if name not in parameters]
    if missing:
        raise UserError(
            f"the sky model needs a value for {', '.join(missing)}",
            valid="a prior set that defines it",
            fix="add the prior set 'base' or 'gamma_optimized' to the hypothesis",
        )
    xp = array_namespace(*parameters.values())
    arrays = [_as_array(xp, value) for value in parameters.values()]
    if len({array.shape for array in arrays}) > 1:
        arrays = list(xp.broadcast_arrays(*arrays))
    return dict(zip(parameters, arrays, strict=True))


def _as_array(xp: Any, value: Array) -> Array:
    if xp is not np:
        return xp.asarray(value)
    return value if type(value) is np.ndarray and value.dtype == np.float64 else np.asarray(value, dtype=np.float64)
