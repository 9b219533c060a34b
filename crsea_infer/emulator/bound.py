"""A sky model fixed to its requests: what does not depend on the parameters is done once, and what requests share once
per call.

All requests of a model need the local spectra at their own energies, and all sky regions need the same transport. Each
call therefore evaluates the spectra of each species once, at the union of all energies, of which every request takes
its slice, and asks for transport once, from an object that computes what it is asked for and keeps it for the call.
What is left for each request is one matrix product for its spectra, one for its gas, and a short sum over nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from crsea_infer.arrays import Array, Float64, array_namespace
from crsea_infer.emulator.fold import SpectralFold, lattice
from crsea_infer.errors import UserError
from crsea_infer.physics.geometry import COMPONENTS
from crsea_infer.physics.leptons import LEPTON_COMPONENTS
from crsea_infer.physics.local_spectrum import Species, SpectrumNodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crsea_infer.physics.hadronic import Product

__all__ = [
    "COMPONENT_SCALES",
    "LEPTON_SCALES",
    "Bound",
    "CosmicRayRequest",
    "Moments",
    "Seen",
    "SkyRequest",
    "Transport",
    "gather_energies",
]

COMPONENT_SCALES: Final[Mapping[str, str]] = {"HI": "hi_scale", "H2": "xco_scale"}
"""Parameter that scales each component of pion decay; absent parameters count as 1."""

LEPTON_SCALES: Final[Mapping[str, str]] = {"IC": "inverse_compton_scale", "bremsstrahlung": "bremsstrahlung_scale"}
"""Parameter that scales each component of electrons; a component whose parameter is absent is left out."""

_SPECIES: Final[tuple[Species, Species]] = ("proton", "helium")

Transport = Any
"""Transport at the points of one call; only the closures of the model that made it look inside."""


def gather_energies(
    wanted: Sequence[SpectralFold | tuple[Species, Float64]],
) -> tuple[tuple[SpectrumNodes, ...], list[slice]]:
    """Join the energies at which requests need the local spectra.

    Parameters
    ----------
    wanted
        For each request its contraction, whose nodes lie on a lattice that requests share, or a species with its
        energies [n], GeV (per nucleon).

    Returns
    -------
    nodes : tuple of SpectrumNodes
        Of each species that is needed.
    slices : list of slice
        Where each request finds its own: for contractions in both species alike.
    """
    ranges: dict[Product, tuple[int, int]] = {}
    for one in wanted:
        if isinstance(one, SpectralFold):
            first, last = ranges.get(one.product, (one.first, one.first))
            ranges[one.product] = min(first, one.first), max(last, one.first + one.kinetic.size)
    shared: list[Float64] = []
    offsets: dict[Product, int] = {}
    for product, (first, last) in ranges.items():
        offsets[product] = sum(part.size for part in shared) - first
        shared.append(lattice(product, first, last - first))
    parts = {species: list(shared) for species in _SPECIES}
    slices = []
    for one in wanted:
        if isinstance(one, SpectralFold):
            start, size = offsets[one.product] + one.first, one.kinetic.size
        else:
            species, energies = one
            start, size = sum(part.size for part in parts[species]), energies.size
            parts[species].append(energies)
        slices.append(slice(start, start + size))
    nodes = [SpectrumNodes.at(species, np.concatenate(parts[species])) for species in _SPECIES if parts[species]]
    return tuple(nodes), slices


@dataclass(frozen=True)
class Moments:
    """Takes the local spectra to what a unit column of gas emits.

    Attributes
    ----------
    where
        Of its energies among those of the nodes, proton and helium alike.
    matrices
        [n_kinetic, node * energy], for protons and for helium.
    shape
        (node, energy).
    """

    where: slice
    matrices: tuple[Float64, Float64]
    shape: tuple[int, int]

    @classmethod
    def of(cls, fold: SpectralFold, where: slice) -> Moments:
        """Prepare those of a contraction; nodes stand before energies, because sums over the first are faster."""
        n_energies, n_nodes = fold.absorption.shape[0], fold.nodes.shape[0]
        tensor = fold.matrix.reshape(2, fold.kinetic.size, n_energies, n_nodes).swapaxes(-1, -2)
        proton, helium = np.ascontiguousarray(tensor).reshape(2, fold.kinetic.size, -1)
        return cls(where, (proton, helium), (n_nodes, n_energies))

    def __call__(self, spectra: Mapping[Species, Array]) -> Array:
        """Return intensity per 1e22 cm^-2 of column [..., node, energy] from spectra [..., n] at all nodes."""
        total: Any = 0.0
        for species, matrix in zip(_SPECIES, self.matrices, strict=True):
            spectrum = spectra[species][..., self.where]
            total = total + array_namespace(spectrum).matmul(spectrum, matrix)
        return array_namespace(total).reshape(total, (*total.shape[:-1], *self.shape))


@dataclass(frozen=True)
class Seen:
    """What the requests of one call share.

    Attributes
    ----------
    spectra
        Local spectra [..., n] of each species at all nodes.
    moments
        [..., node, energy], of each distinct set of energies.
    transport
        At the points of the call.
    """

    spectra: Mapping[Species, Array]
    moments: tuple[Array, ...]
    transport: Transport


@dataclass(frozen=True)
class SkyRequest:
    """Gamma rays or neutrinos of one region.

    Attributes
    ----------
    moments
        Which of the moments that requests share.
    columns
        From transport, and factors [..., component] that join components (None: keep them), to columns
        [..., (component,) node, energy] in 1e22 cm^-2.
    leptons
        The same for intensities of electrons [..., (component,) energy]; None for neutrinos.
    """

    moments: int
    columns: Callable[[Transport, Array | None], Array]
    leptons: Callable[[Transport, Array | None], Array] | None

    def total(self, parameters: Mapping[str, Array], seen: Seen) -> Array:
        """Return the intensity [..., energy]."""
        moments, transport = seen.moments[self.moments], seen.transport
        xp = array_namespace(moments)
        product = self.columns(transport, _factors(parameters, COMPONENTS, COMPONENT_SCALES, 1.0))
        product *= moments
        intensity = xp.sum(product, axis=-2)
        if self.leptons is not None and any(scale in parameters for scale in LEPTON_SCALES.values()):
            factors = _factors(parameters, LEPTON_COMPONENTS, LEPTON_SCALES, 0.0)
            intensity = intensity + self.leptons(transport, factors)
        return intensity

    def components(self, parameters: Mapping[str, Array], seen: Seen) -> dict[str, Array]:
        """Return the intensity [..., energy] of each component."""
        moments, transport = seen.moments[self.moments], seen.transport
        xp = array_namespace(moments)
        intensities = xp.sum(self.columns(transport, None) * moments[..., None, :, :], axis=-2)
        parts = {name: intensities[..., i, :] for i, name in enumerate(COMPONENTS)}
        wanted = [name for name, scale in LEPTON_SCALES.items() if scale in parameters]
        if self.leptons is not None and wanted:
            of_electrons = self.leptons(transport, None)
            parts = {name: of_electrons[..., LEPTON_COMPONENTS.index(name), :] for name in wanted} | parts
        scales = {**COMPONENT_SCALES, **LEPTON_SCALES}
        return {
            name: part * parameters[scales[name]][..., None] if scales.get(name) in parameters else part
            for name, part in parts.items()
        }


@dataclass(frozen=True)
class CosmicRayRequest:
    """Protons or helium at the Sun, or elsewhere in the disc.

    Attributes
    ----------
    species
        "proton" or "helium".
    where
        Of its energies among those of the nodes.
    relative_density
        From the parameters to the density relative to the Sun [..., energy]; None at the Sun.
    """

    species: Species
    where: slice
    relative_density: Callable[[Mapping[str, Array]], Array] | None = None

    def total(self, parameters: Mapping[str, Array], seen: Seen) -> Array:
        """Return the intensity [..., energy]."""
        local = seen.spectra[self.species][..., self.where]
        return local if self.relative_density is None else local * self.relative_density(parameters)

    def components(self, parameters: Mapping[str, Array], seen: Seen) -> dict[str, Array]:
        """Return the intensity under the name of the species."""
        return {self.species: self.total(parameters, seen)}


@dataclass(frozen=True)
class Bound:
    """A sky model fixed to its requests; see :class:`crsea_infer.emulator.model.BoundModel`.

    Attributes
    ----------
    needs
        Parameters without which nothing can be said.
    requests
        In order.
    nodes
        Energies of the local spectra of each species that is needed.
    moments
        One for each distinct set of energies of sky requests.
    transport
        Makes the transport of a call from its parameters.
    """

    needs: tuple[str, ...]
    requests: tuple[SkyRequest | CosmicRayRequest, ...]
    nodes: tuple[SpectrumNodes, ...]
    moments: tuple[Moments, ...]
    transport: Callable[[Mapping[str, Array]], Transport]

    def __call__(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        """Return one intensity [..., energy] per request."""
        given = self._prepare(parameters)
        return tuple(request.total(*given) for request in self.requests)

    def components(self, parameters: Mapping[str, Array]) -> tuple[dict[str, Array], ...]:
        """Return the same per component."""
        given = self._prepare(parameters)
        return tuple(request.components(*given) for request in self.requests)

    def _prepare(self, parameters: Mapping[str, Array]) -> tuple[dict[str, Array], Seen]:
        batch = _batch(parameters, self.needs)
        spectra = {nodes.species: nodes.intensity(batch) for nodes in self.nodes}
        moments = tuple(one(spectra) for one in self.moments)
        return batch, Seen(spectra, moments, self.transport(batch))


def _factors(
    parameters: Mapping[str, Array], components: Sequence[str], scales: Mapping[str, str], absent: float
) -> Array:
    """Return the factor of each component [..., component]; `absent` for those whose parameter is not given."""
    like = next(iter(parameters.values()))
    xp = array_namespace(like)
    return xp.stack([parameters.get(scales.get(name, ""), xp.full_like(like, absent)) for name in components], axis=-1)


def _batch(parameters: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    """Return the parameters as arrays of one batch shape."""
    xp = array_namespace(*parameters.values())
    missing = [name for name in names if name not in parameters]
    if missing:
        raise UserError(
            f"the sky model needs a value for {', '.join(missing)}",
            valid="a prior set that defines it",
            fix="add the prior set 'base' or 'gamma_optimized' to the hypothesis",
        )
    arrays = [xp.asarray(value, dtype=xp.float64) if xp is np else xp.asarray(value) for value in parameters.values()]
    return cast("dict[str, Array]", dict(zip(parameters, xp.broadcast_arrays(*arrays), strict=True)))
