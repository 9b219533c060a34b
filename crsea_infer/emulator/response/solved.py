"""What regions receive by the transport solver itself, for all requests of a call together.

The counterpart of :mod:`crsea_infer.emulator.response.trained`: what is asked for is solved once per distinct point of
the call, and only what is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.support.arrays import Array, Float64
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.response.contraction import Joined
    from crsea_infer.emulator.response.gas_mix import Classes

__all__ = ["Solve", "Solved", "Solving"]

Solve = Callable[[float, float], Float64]
"""From delta_slope and halo_height to what regions receive [region, ...]."""


@dataclass(frozen=True)
class Solving:
    """Regions that the solver knows, as a family of :mod:`crsea_infer.emulator.response.contraction`."""

    regions: tuple[str, ...]

    def columns(self, pieces: Sequence[tuple[str, Callable[[Float64], Float64]]]) -> Joined:
        """Prepare columns; see :class:`crsea_infer.emulator.response.contraction.Family`."""

        def evaluate(solved: Solved, factors: Array | None) -> Array:
            responses = solved.responses
            parts = [onto(responses[..., self.regions.index(region), :, :, :]) for region, onto in pieces]
            return _sum_of_components(np.concatenate(parts, axis=-1), responses.ndim - 4, factors)

        return evaluate

    def groups(self, pieces: Sequence[tuple[str, Callable[[Float64], Float64]]]) -> Callable[[Classes], Joined]:
        """Prepare columns of groups of gas; see :class:`crsea_infer.emulator.response.contraction.Family`."""

        def prepared(classes: Classes) -> Joined:
            def evaluate(solved: Solved, factors: Array) -> Array:
                of_groups = solved.groups
                joined = np.stack([of_groups[..., list(one), :, :].sum(axis=-3) for one in classes], axis=-3)
                parts = [onto(joined[..., self.regions.index(region), :, :, :]) for region, onto in pieces]
                return _sum_of_components(np.concatenate(parts, axis=-1), joined.ndim - 4, factors)

            return evaluate

        return prepared

    def leptons(self, pieces: Sequence[tuple[str, Float64]]) -> Joined:
        """Prepare intensities of electrons; see :class:`crsea_infer.emulator.response.contraction.Family`."""

        def evaluate(solved: Solved, factors: Array | None) -> Array:
            intensities = solved.leptons
            parts = [intensities[..., self.regions.index(region), :, :] @ onto for region, onto in pieces]
            return _sum_of_components(np.concatenate(parts, axis=-1), intensities.ndim - 3, factors)

        return evaluate


def _sum_of_components(found: Float64, batch_axes: int, factors: Float64 | None) -> Float64:
    """Return what was found for components [batch, component, ...] as [batch, component, n], or with factors summed."""
    flat = found.reshape(*found.shape[: batch_axes + 1], -1)
    if factors is not None and factors.ndim > batch_axes + 1:  # groups summed to components
        flat = flat[..., None, :, :]
    return flat if factors is None else np.sum(flat * factors[..., None], axis=-2)


class Solved:
    """The solver's answers at the points of one call, for all regions together; NaN outside the box."""

    def __init__(
        self,
        parameters: Mapping[str, Array],
        ranges: Sequence[tuple[float, float]],
        nuclei: Solve | None,
        electrons: Callable[[], Solve | None],
        groups: Callable[[], Solve],
    ) -> None:
        self._points = [np.asarray(parameters[name], dtype=float) for name in ("delta_slope", "halo_height")]
        self._ranges, self._nuclei, self._electrons, self._groups = ranges, nuclei, electrons, groups

    @cached_property
    def responses(self) -> Float64:
        """Of nuclei [..., region, component, absorption, rigidity], cm^-2."""
        if self._nuclei is None:
            raise AssertionError("a sky request always has a region")
        return self._solve(self._nuclei)

    @cached_property
    def groups(self) -> Float64:
        """Of nuclei on groups of gas [..., region, group, absorption, rigidity], cm^-2."""
        return self._solve(self._groups())

    @cached_property
    def leptons(self) -> Float64:
        """Gamma rays of electrons [..., region, component, lepton energy], GeV^-1 cm^-2 s^-1 sr^-1."""
        electrons = self._electrons()
        if electrons is None:
            raise UserError("this model was set up without electrons", fix="leave the prior set 'leptons' out")
        return self._solve(electrons)

    def _solve(self, solve: Solve) -> Float64:
        points = np.stack(self._points, axis=-1)
        flat = points.reshape(-1, 2)
        inside = np.all([(low <= x) & (x <= high) for x, (low, high) in zip(flat.T, self._ranges, strict=True)], axis=0)
        distinct, place = np.unique(flat[inside], axis=0, return_inverse=True)
        if not len(distinct):
            distinct, place = np.array([[low for low, _ in self._ranges]]), np.zeros(0, dtype=int)
        solved = np.stack([solve(float(slope), float(height)) for slope, height in distinct])
        found = np.full((len(flat), *solved.shape[1:]), np.nan)
        found[inside] = solved[place.ravel()]
        return found.reshape(*points.shape[:-1], *solved.shape[1:])
