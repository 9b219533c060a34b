"""What regions of a response emulator receive, for all requests together.

An emulator's answer is amplitudes of a few dozen dimensions, which all regions and energies share, times a basis. The
amplitudes are computed once per call, and one matrix product takes them, already multiplied with the scales of the
components, to whatever any number of requests need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.emulator.response.compression import compressed
from crsea_infer.support.arrays import Array, Float64, array_namespace, reshaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crsea_infer.emulator.response.chebyshev import ResponseEmulator
    from crsea_infer.emulator.response.contraction import Joined
    from crsea_infer.emulator.response.gas_mix import Classes

__all__ = ["Amplitudes", "Trained"]

_LEFT_OUT: Final = 1e-11
"""Singular values below this fraction of the largest are left out of groups of gas."""


@dataclass(frozen=True)
class Trained:
    """Regions of one emulator, as a family of :mod:`crsea_infer.emulator.response.contraction`.

    Attributes
    ----------
    emulator
        Of nuclei.
    regions
        In its order.
    of_electrons
        Gives the emulator of electrons, of the same regions.
    of_groups
        From a region to an emulator of its groups of gas, and its place there.
    """

    emulator: ResponseEmulator
    regions: tuple[str, ...]
    of_electrons: Callable[[], ResponseEmulator]
    of_groups: Callable[[str], tuple[ResponseEmulator, int]]

    def columns(self, pieces: Sequence[tuple[str, Callable[[Float64], Float64]]]) -> Joined:
        """Prepare columns; see :class:`crsea_infer.emulator.response.contraction.Family`."""
        found = [onto(self.emulator.basis[:, self.regions.index(region)]) for region, onto in pieces]
        apart, together = _bases(np.concatenate(found, axis=-1))

        def evaluate(transport: Amplitudes, factors: Array | None) -> Array:
            return _joined(transport.nuclei(self.emulator, factors), factors, apart, together)

        return evaluate

    def groups(self, pieces: Sequence[tuple[str, Callable[[Float64], Float64]]]) -> Callable[[Classes], Joined]:
        """Prepare columns of groups of gas; see :class:`crsea_infer.emulator.response.contraction.Family`."""

        @cache
        def prepared(classes: Classes) -> Joined:
            placed = [self.of_groups(region) for region, _ in pieces]
            emulators = list({id(emulator): emulator for emulator, _ in placed}.values())
            found = []
            for emulator in emulators:
                parts = []
                for (own, region), (_, onto) in zip(placed, pieces, strict=True):
                    basis = emulator.basis[:, region] if own is emulator else np.zeros_like(emulator.basis[:, 0])
                    parts.append(onto(np.stack([basis[:, list(one)].sum(axis=1) for one in classes], axis=1)))
                joined = np.concatenate(parts, axis=-1)
                found.append(joined.reshape(joined.shape[0] * joined.shape[1], -1))
            sizes = [np.repeat(np.linalg.norm(one.coefficients, axis=0), len(classes)) for one in emulators]
            first, second = compressed(np.concatenate(found), np.concatenate(sizes), _LEFT_OUT)

            def evaluate(transport: Amplitudes, factors: Array) -> Array:
                amplitudes = [transport.groups(emulator, factors) for emulator in emulators]
                xp = array_namespace(*amplitudes)
                all_of_them = amplitudes[0] if len(amplitudes) == 1 else xp.concat(amplitudes, axis=-1)
                return xp.matmul(xp.matmul(all_of_them, xp.asarray(first)), xp.asarray(second))

            return evaluate

        return prepared

    def leptons(self, pieces: Sequence[tuple[str, Float64]]) -> Joined:
        """Prepare intensities of electrons; see :class:`crsea_infer.emulator.response.contraction.Family`."""

        @cache
        def bases() -> tuple[ResponseEmulator, Float64, Float64]:
            emulator = self.of_electrons()
            basis = emulator.require_leptons()[1]
            found = [basis[:, self.regions.index(region)] @ onto for region, onto in pieces]
            return emulator, *_bases(np.concatenate(found, axis=-1))

        def evaluate(transport: Amplitudes, factors: Array | None) -> Array:
            emulator, apart, together = bases()
            return _joined(transport.leptons(emulator, factors), factors, apart, together)

        return evaluate


class Amplitudes:
    """Amplitudes of the emulators' compressed dimensions at the points of one call; each computed once."""

    def __init__(self, parameters: Mapping[str, Array]) -> None:
        self._parameters = parameters
        self._terms: dict[int, Array] = {}
        self._found: dict[tuple[int, str], Array] = {}

    def nuclei(self, emulator: ResponseEmulator, factors: Array | None) -> Array:
        """Return those of nuclei [..., rank], or times the factors [..., rank * component], the same in all calls."""
        return self._once(emulator, "nuclei", emulator.amplitudes_of, factors)

    def groups(self, emulator: ResponseEmulator, factors: Array) -> Array:
        """Return those of groups of gas, times the factors [..., rank * class] or [..., component, rank * class]."""
        return self._once(emulator, "groups", emulator.amplitudes_of, factors)

    def leptons(self, emulator: ResponseEmulator, factors: Array | None) -> Array:
        """Return those of electrons."""
        return self._once(emulator, "leptons", emulator.lepton_amplitudes_of, factors)

    def _once(
        self, emulator: ResponseEmulator, what: str, evaluate: Callable[[Array], Array], factors: Array | None
    ) -> Array:
        key = id(emulator), what
        if key not in self._found:
            axes = id(emulator.settings.axes)
            if axes not in self._terms:
                self._terms[axes] = emulator.terms(self._parameters)
            amplitudes = evaluate(self._terms[axes])
            if factors is not None:
                if factors.ndim > amplitudes.ndim:  # components apart
                    amplitudes = amplitudes[..., None, :]
                both = amplitudes[..., :, None] * factors[..., None, :]
                amplitudes = reshaped(array_namespace(both), both, (*both.shape[:-2], -1))
            self._found[key] = amplitudes
        return self._found[key]


def _bases(basis: Float64) -> tuple[Float64, Float64]:
    """Return a basis [rank, component, ...] as [rank, component * n] and as [rank * component, n]."""
    rank, components = basis.shape[:2]
    flat = np.ascontiguousarray(basis)
    return flat.reshape(rank, -1), flat.reshape(rank * components, -1)


def _joined(amplitudes: Array, factors: Array | None, apart: Float64, together: Float64) -> Array:
    """Take amplitudes onto a basis; with factors one matrix product sums over rank and component at once."""
    xp = array_namespace(amplitudes)
    if factors is not None:
        return xp.matmul(amplitudes, xp.asarray(together))
    n = together.shape[-1]
    return reshaped(xp, xp.matmul(amplitudes, xp.asarray(apart)), (*amplitudes.shape[:-1], apart.shape[-1] // n, n))
