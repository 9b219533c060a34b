"""Gamma rays and neutrinos of all requests together: few large matrix products in place of many small ones.

The intensity at energy E is a sum over the kinetic energies k of cosmic rays and over the nodes n of rigidity,

    I(E) = sum_k,n J_k kernel_kE interpolation_kn C_nE,        C_nE = columns,

and the order of the sums decides what it costs. Columns depend on E only through absorption. Where gamma rays are
absorbed, the sum over k comes first, as one product with a matrix for all requests. Elsewhere C_n is interpolated to
the kinetic energies and multiplied with the local spectrum, and only then is the sum over k taken. That is many times
less work, because no matrix has nodes and energies on one axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from crsea_infer.support.arrays import Array, Float64, array_namespace, reshaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crsea_infer.emulator.response.cross_sections import Choice, Mixture
    from crsea_infer.emulator.response.fold import SpectralFold
    from crsea_infer.emulator.response.gas_mix import Classes
    from crsea_infer.physics.hadronic import Product

__all__ = ["Absorbed", "Family", "Group", "Joined", "Seen", "SkyRequest", "Transport", "Unabsorbed", "group_requests"]

Transport = Any
"""Transport at the points of one call; only the closures of the model that made it look inside."""


class Joined(Protocol):
    """From transport, and factors [..., component] or None, to what requests need [..., (component,) n].

    Factors join components; without them components stay apart.
    """

    def __call__(self, transport: Transport, factors: Array | None, /) -> Array: ...  # noqa: D102


class Family(Protocol):
    """Regions whose transport is known from the same source, such as one emulator."""

    def columns(self, pieces: Sequence[tuple[str, Callable[[Float64], Float64]]]) -> Joined:
        """Prepare columns of regions, one after the other.

        Parameters
        ----------
        pieces
            Regions, and what takes their responses [..., absorption, rigidity] to what is needed [..., n].
        """

    def groups(self, pieces: Sequence[tuple[str, Callable[[Float64], Float64]]]) -> Callable[[Classes], Joined]:
        """Prepare columns of groups of gas, joined in classes; always with factors, [..., class] or apart
        [..., component, class].
        """

    def leptons(self, pieces: Sequence[tuple[str, Float64]]) -> Joined:
        """Prepare intensities of electrons in regions, one after the other.

        Parameters
        ----------
        pieces
            Regions, and matrices [lepton energy, n] that take their intensities to what is needed.
        """


@dataclass(frozen=True)
class SkyRequest:
    """A request as this module sees it.

    Attributes
    ----------
    number
        Place among the requests of the model.
    region
        Its key.
    energies
        Energies, GeV.
    fold
        Their matrices.
    leptons
        [lepton energy, energy], for gamma rays.
    """

    number: int
    region: str
    energies: tuple[float, ...]
    fold: SpectralFold
    leptons: Float64 | None


@dataclass(frozen=True)
class Seen:
    """What the requests of one call share.

    Attributes
    ----------
    spectra
        Local spectra [..., 2, n] of protons and helium at the lattices of kinetic energies.
    transport
        At the points of the call.
    gas, electrons
        Factors [..., component]; None to keep components apart, and for electrons where there are none.
    groups
        Groups of gas that have factors of their own; `gas` is then [..., class], or [..., component, class] apart.
    apart
        Whether components are kept apart.
    has_electrons
        Whether electrons shine.
    mixtures
        Cross-sections of each secondary.
    """

    spectra: Array
    transport: Transport
    gas: Array | None
    groups: Classes | None
    apart: bool
    electrons: Array | None
    has_electrons: bool
    mixtures: Mapping[Product, Mixture]


@dataclass(frozen=True)
class Absorbed:
    """Requests whose columns depend on energy; energies of all stand one after the other.

    Attributes
    ----------
    numbers
        Of the requests.
    slices
        Their energies.
    where
        Kinetic energies among those of the lattices.
    moments
        From cross-sections to what takes the local spectra to intensities per column, for each cross-section
        [2 n_kinetic, cross-section * node * distinct energy].
    places
        Of the energies [n] among the distinct ones; None if they are the same.
    shape
        (node, distinct energy).
    columns, leptons
        Give [..., (component,) node * n] and [..., (component,) n].
    groups
        The same as `columns` for groups of gas.
    """

    numbers: tuple[int, ...]
    slices: tuple[slice, ...]
    where: slice
    moments: Callable[[tuple[Choice, ...]], Float64]
    places: np.typing.NDArray[np.int64] | None
    shape: tuple[int, int]
    columns: Joined
    groups: Callable[[Classes], Joined]
    leptons: Joined | None

    @classmethod
    def of(cls, family: Family, requests: Sequence[SkyRequest], offset: int) -> Absorbed:
        """Join requests of one family, all of gamma rays; `offset` is the place of their lattice's node 0."""
        folds: dict[tuple[float, ...], SpectralFold] = {}
        starts: dict[tuple[float, ...], int] = {}
        places: list[Any] = []
        for request in requests:
            if request.energies not in folds:
                starts[request.energies] = sum(len(known) for known in folds)
                folds[request.energies] = request.fold
            places.append(starts[request.energies] + np.arange(len(request.energies)))
        first = min(fold.first for fold in folds.values())
        last = max(fold.first + fold.kinetic.size for fold in folds.values())
        n_nodes = max(fold.nodes.shape[0] for fold in folds.values())
        n_energies = sum(len(known) for known in folds)

        @cache
        def moments(choices: tuple[Choice, ...]) -> Float64:
            found = np.zeros((2, last - first, len(choices), n_nodes, n_energies))
            for energies, fold in folds.items():
                own = slice(starts[energies], starts[energies] + len(energies))
                kinetic = slice(fold.first - first, fold.first - first + fold.kinetic.size)
                for place, choice in enumerate(choices):
                    found[:, kinetic, place, : fold.nodes.shape[0], own] = (
                        fold.kernel_of(choice)[:, :, None, :] * fold.interpolation[:, :, :, None]
                    )
            return found.reshape(2 * (last - first), -1)

        def onto(fold: SpectralFold) -> Callable[[Float64], Float64]:
            def columns(responses: Float64) -> Float64:
                found = fold.columns(responses).swapaxes(-1, -2)
                missing = np.zeros((*found.shape[:-2], n_nodes - found.shape[-2], found.shape[-1]))
                return np.concatenate([found, missing], axis=-2)

            return columns

        joined = np.concatenate(places)
        pieces = [(request.region, onto(request.fold)) for request in requests]
        with_leptons = [(request.region, request.leptons) for request in requests if request.leptons is not None]
        return cls(
            numbers=tuple(request.number for request in requests),
            slices=_slices([len(place) for place in places]),
            where=slice(first + offset, last + offset),
            moments=moments,
            places=None if len(folds) == len(requests) else joined,
            shape=(n_nodes, n_energies),
            columns=family.columns(pieces),
            groups=family.groups(pieces),
            leptons=family.leptons(with_leptons) if with_leptons else None,
        )

    def gas(self, seen: Seen) -> Array:
        """Return the intensity of gas [..., (component,) n]."""
        columns = _columns(self, seen)
        xp = array_namespace(columns)
        spectra = _flat(xp, seen.spectra[..., self.where])
        mixture = seen.mixtures["gamma"]
        # cross-sections are mixed last, where an array of energies alone takes the weights
        moments = xp.matmul(spectra, xp.asarray(self.moments(mixture.choices)))
        moments = reshaped(xp, moments, (*moments.shape[:-1], len(mixture.choices), *self.shape))
        if self.places is not None:
            moments = xp.take(moments, xp.asarray(self.places), axis=-1)
        columns = reshaped(xp, columns, (*columns.shape[:-1], *moments.shape[-2:]))
        found = [_contracted(xp, columns, moments[..., i, :, :], apart=seen.apart) for i in range(moments.shape[-3])]
        if mixture.weights is None:
            return found[0]
        weights = mixture.weights[..., None, :] if seen.apart else mixture.weights
        return sum(one * weights[..., i, None] for i, one in enumerate(found))

    def split(self, intensities: Array) -> list[Array]:
        """Return the intensities of each request."""
        return [intensities[..., where] for where in self.slices]


@dataclass(frozen=True)
class Unabsorbed:
    """Requests of the same energies in different regions, whose columns do not depend on energy.

    Attributes
    ----------
    numbers
        Of the requests.
    product
        Gamma rays or neutrinos.
    n_energies
        Of each request.
    where
        Kinetic energies among those of the lattices, in stretches.
    interpolation
        Takes columns to the kinetic energies [node, 2 n_kinetic].
    kernel
        From cross-sections to the emission per column [2 n_kinetic, cross-section * energy].
    columns, leptons
        Give [..., (component,) request * node] and [..., (component,) request * energy].
    groups
        The same as `columns` for groups of gas.
    """

    numbers: tuple[int, ...]
    product: Product
    n_energies: int
    where: tuple[slice, ...]
    interpolation: Float64
    kernel: Callable[[tuple[Choice, ...]], Float64]
    columns: Joined
    groups: Callable[[Classes], Joined]
    leptons: Joined | None

    @classmethod
    def of(cls, family: Family, requests: Sequence[SkyRequest], offsets: Mapping[str, int]) -> Unabsorbed:
        """Join requests of one family and the same energies; `offsets` are the places of node 0 of each lattice."""
        fold = requests[0].fold
        rows = [np.arange(fold.kinetic.size)[stretch.rows] for stretch in fold.stretches]
        starts = [offsets[stretch.lattice] + stretch.first for stretch in fold.stretches]
        order = np.concatenate(rows)

        @cache
        def kernel(choices: tuple[Choice, ...]) -> Float64:
            found = [np.concatenate(fold.kernel_of(choice)[:, order]) for choice in choices]
            return np.concatenate(found, axis=-1)

        def columns(responses: Float64) -> Float64:
            return np.asarray(fold.columns(responses)[..., 0, :])

        with_leptons = [(request.region, request.leptons) for request in requests if request.leptons is not None]
        pieces = [(request.region, columns) for request in requests]
        return cls(
            numbers=tuple(request.number for request in requests),
            product=fold.product,
            n_energies=len(requests[0].energies),
            where=tuple(slice(start, start + row.size) for start, row in zip(starts, rows, strict=True)),
            interpolation=np.ascontiguousarray(np.concatenate(fold.interpolation[:, order]).T),
            kernel=kernel,
            columns=family.columns(pieces),
            groups=family.groups(pieces),
            leptons=family.leptons(with_leptons) if with_leptons else None,
        )

    def gas(self, seen: Seen) -> Array:
        """Return the intensity of gas [..., (component,) request * energy]."""
        columns = _columns(self, seen)
        xp = array_namespace(columns)
        stretches = [seen.spectra[..., where] for where in self.where]
        spectra = _flat(xp, stretches[0] if len(stretches) == 1 else xp.concat(stretches, axis=-1))
        if seen.apart:
            spectra = spectra[..., None, :]
        mixture = seen.mixtures[self.product]
        kernel = xp.asarray(self.kernel(mixture.choices))
        if len(self.numbers) == 1:
            found = xp.matmul(xp.matmul(columns, xp.asarray(self.interpolation)) * spectra, kernel)
            return self._mixed(xp, found[..., None, :], mixture, apart=seen.apart)
        # matrix products of two dimensions: one call for the batch, where more dimensions would mean one for each point
        outer = (*columns.shape[:-1], len(self.numbers))
        columns = xp.matmul(reshaped(xp, columns, (-1, self.interpolation.shape[0])), xp.asarray(self.interpolation))
        emission = reshaped(xp, columns, (*outer, -1)) * spectra[..., None, :]
        intensities = xp.matmul(reshaped(xp, emission, (-1, kernel.shape[0])), kernel)
        return self._mixed(xp, reshaped(xp, intensities, (*outer, -1)), mixture, apart=seen.apart)

    def _mixed(self, xp: Any, found: Array, mixture: Mixture, *, apart: bool) -> Array:
        """Return intensities [..., (component,) request, cross-section * energy] as [..., request * energy]."""
        if mixture.weights is not None:
            found = reshaped(xp, found, (*found.shape[:-1], len(mixture.choices), self.n_energies))
            weights = mixture.weights[..., None, :, None]
            found = xp.sum(found * (weights[..., None, :, :, :] if apart else weights), axis=-2)
        return reshaped(xp, found, (*found.shape[:-2], -1))

    def split(self, intensities: Array) -> list[Array]:
        """Return the intensities of each request."""
        n = self.n_energies
        return [intensities[..., k * n : (k + 1) * n] for k in range(len(self.numbers))]


Group = Absorbed | Unabsorbed


def group_requests(
    families: Mapping[str, Family], requests: Sequence[SkyRequest], offsets: Mapping[str, int]
) -> tuple[Group, ...]:
    """Join requests that can be evaluated together.

    Parameters
    ----------
    families
        Of each region.
    requests
        Of the sky.
    offsets
        Place of node 0 of each lattice.
    """
    absorbed: dict[int, list[SkyRequest]] = {}
    others: dict[tuple[int, Product, tuple[float, ...]], list[SkyRequest]] = {}
    for request in requests:
        fold = request.fold
        family = id(families[request.region])
        if fold.is_absorbed:
            absorbed.setdefault(family, []).append(request)  # gamma rays: neutrinos never are
        else:
            others.setdefault((family, fold.product, request.energies), []).append(request)
    return (
        *(Absorbed.of(families[own[0].region], own, offsets["common"]) for own in absorbed.values()),
        *(Unabsorbed.of(families[own[0].region], own, offsets) for own in others.values()),
    )


def _contracted(xp: Any, columns: Array, moments: Array, *, apart: bool) -> Array:
    """Return the sum over nodes [..., (component,) n] of columns [..., (component,) node, n] times moments without
    component.
    """
    if apart:
        moments = moments[..., None, :, :]
    if xp is np:
        return np.einsum("...ne,...ne->...e", columns, moments)  # keeps no product of the two
    return xp.sum(columns * moments, axis=-2)


def _columns(group: Group, seen: Seen) -> Array:
    """Return the columns of a group of requests, of whole components or of groups of gas."""
    joined = group.columns if seen.groups is None else group.groups(seen.groups)
    return joined(seen.transport, seen.gas)


def _slices(sizes: Sequence[int]) -> tuple[slice, ...]:
    ends = np.cumsum([0, *sizes]).tolist()
    return tuple(slice(ends[i], ends[i + 1]) for i in range(len(sizes)))


def _flat(xp: Any, spectra: Array) -> Array:
    """Return spectra [..., 2, n] as [..., 2 n]."""
    return reshaped(xp, spectra, (*spectra.shape[:-2], 2 * spectra.shape[-1]))
