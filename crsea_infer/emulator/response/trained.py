"""What regions of a response emulator receive, for all requests together.

An emulator's answer is amplitudes of a few dozen dimensions, which all regions and energies share, times a basis. The
amplitudes are computed once per call, and one matrix product takes them, already multiplied with the scales of the
components, to whatever any number of requests need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.support.arrays import Array, Float64, array_namespace, reshaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crsea_infer.emulator.response.chebyshev import ResponseEmulator
    from crsea_infer.emulator.response.contraction import Joined

__all__ = ["Amplitudes", "Trained"]


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
    """

    emulator: ResponseEmulator
    regions: tuple[str, ...]
    of_electrons: Callable[[], ResponseEmulator]

    def columns(self, pieces: Sequence[tuple[str, Callable[[Float64], Float64]]]) -> Joined:
        """Prepare columns; see :class:`crsea_infer.emulator.response.contraction.Family`."""
        found = [onto(self.emulator.basis[:, self.regions.index(region)]) for region, onto in pieces]
        apart, together = _bases(np.concatenate(found, axis=-1))

        def evaluate(transport: Amplitudes, factors: Array | None) -> Array:
            return _joined(transport.nuclei(self.emulator, factors), factors, apart, together)

        return evaluate

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
                both = amplitudes[..., :, None] * factors[..., None, :]
                amplitudes = reshaped(array_namespace(both), both, (*amplitudes.shape[:-1], -1))
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
