"""The inner panels of a corner of many parameters, drawn on one sheet.

A corner of n parameters has n (n + 1) / 2 panels, and an axes for each takes most of the time of the figure: a
hypothesis of thirty parameters has 465. Only those of the left column and of the bottom row carry numbers. The others
are drawn here into one axes over the whole figure, with coordinates in inches and one collection for each kind of mark,
and look as axes of their own would.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.report.figures.corner_parts import (
    LEVELS,
    PRIOR_LINE,
    PUBLISHED_LINE,
    density_of,
    faded,
    inner_ticks,
    prior_density,
)
from crsea_infer.report.layout.style import FEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec
    from matplotlib.path import Path

    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.report.layout.style import Look
    from crsea_infer.support.arrays import Float64

__all__ = ["Grid", "Inner", "draw_inner", "is_inner", "levels_of"]

_BINS: Final = 26
_SMOOTH: Final = 1.2  # bins
_TICK: Final = 2.0 / 72.0  # inches


@dataclass(frozen=True)
class Grid:
    """Where the panels of a corner are: n by n of them, inches from the left and from the bottom of a square figure.

    Attributes
    ----------
    n
        Parameters.
    width
        Of the figure.
    left, bottom, margin
        Of the first column, of the last row, and what is left free at the right and at the top.
    space
        Between panels, in units of a panel.
    """

    n: int
    width: float
    left: float
    bottom: float
    margin: float
    space: float

    def corner_of(self, row: int, column: int) -> tuple[float, float]:
        """Return the lower left corner of a panel."""
        across, up = self.size
        x = self.left + column * across * (1.0 + self.space)
        return x, self.width - self.margin - up - row * up * (1.0 + self.space)

    def add_to(self, figure: Figure) -> GridSpec:
        """Return the places of axes of a figure."""
        return figure.add_gridspec(
            self.n,
            self.n,
            left=self.left / self.width,
            right=1.0 - self.margin / self.width,
            bottom=self.bottom / self.width,
            top=1.0 - self.margin / self.width,
            wspace=self.space,
            hspace=self.space,
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of a panel."""
        panels = self.n + self.space * (self.n - 1)
        return (self.width - self.margin - self.left) / panels, (self.width - self.margin - self.bottom) / panels


@dataclass
class _Marks:
    """What is drawn of one hypothesis: filled areas by level, contours, lines of densities."""

    areas: list[list[Path]] = field(default_factory=lambda: [[], []])
    contours: list[Float64] = field(default_factory=list)
    curves: list[Float64] = field(default_factory=list)
    below: list[Float64] = field(default_factory=list)


class _Sheet:
    """Draws panels of a corner into one axes.

    Parameters
    ----------
    figure
        The corner.
    grid
        Its panels.
    limits
        Of each parameter.
    n_items
        Hypotheses.
    """

    def __init__(
        self,
        figure: Figure,
        grid: Grid,
        limits: Sequence[tuple[float, float]],
        n_items: int,
    ) -> None:
        self._grid, self._limits = grid, limits
        self._ticks = [inner_ticks(*own) for own in limits]
        self._axis: Axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), zorder=-1)
        self._axis.set_axis_off()
        self._axis.set_xlim(0.0, grid.width)
        self._axis.set_ylim(0.0, grid.width)
        self._frames: list[Float64] = []
        self._marks = [_Marks() for _ in range(n_items)]
        self._priors: list[Float64] = []
        self._published: list[Float64] = []

    def _place(self, row: int, column: int, x: Float64, y: Float64) -> Float64:
        """Return points of a panel, given as shares of its width and height, on the sheet [n, 2]."""
        corner, size = self._grid.corner_of(row, column), self._grid.size
        return np.stack([corner[0] + size[0] * np.asarray(x), corner[1] + size[1] * np.asarray(y)], axis=-1)

    def _share(self, parameter: int, value: Float64 | float) -> Float64:
        low, high = self._limits[parameter]
        return (np.asarray(value, dtype=np.float64) - low) / (high - low)

    def _line(self, row: int, column: int, x: Sequence[float], y: Sequence[float]) -> Float64:
        return self._place(row, column, np.asarray(x), np.asarray(y))

    def _frame(self, row: int, column: int) -> None:
        self._frames.append(self._line(row, column, [0, 1, 1, 0, 0], [0, 0, 1, 1, 0]))
        across, up = self._grid.size
        for tick in self._ticks[column]:
            x = float(self._share(column, tick))
            self._frames.append(self._line(row, column, [x, x], [0, _TICK / up]))
        if row != column:
            for tick in self._ticks[row]:
                y = float(self._share(row, tick))
                self._frames.append(self._line(row, column, [0, _TICK / across], [y, y]))

    def density(
        self, row: int, curves: Sequence[tuple[Float64, Float64]], prior: tuple[Float64, Float64] | None
    ) -> None:
        """Draw the density of a parameter for each hypothesis, and of its prior."""
        self._frame(row, row)
        every = [*curves, *([prior] if prior is not None else [])]
        tallest = 1.12 * max(float(density.max()) for _, density in every)
        for marks, (x, density) in zip(self._marks, curves, strict=True):
            drawn = self._place(row, row, self._share(row, x), density / tallest)
            marks.curves.append(drawn)
            floor = self._line(row, row, [float(self._share(row, x[-1])), float(self._share(row, x[0]))], [0, 0])
            marks.below.append(np.concatenate([drawn, floor]))
        if prior is not None:
            self._priors.append(self._place(row, row, self._share(row, prior[0]), prior[1] / tallest))

    def pair(self, row: int, column: int, samples: Sequence[Float64], levels: Sequence[float]) -> None:
        """Draw contours of two parameters for each hypothesis, whose samples are [n, 2], column first."""
        import contourpy
        from matplotlib.path import Path

        self._frame(row, column)
        at = np.concatenate([[0.0], (np.arange(_BINS) + 0.5) / _BINS, [1.0]])
        for marks, drawn in zip(self._marks, samples, strict=True):
            counts = _histogram(self._share(column, drawn[:, 0]), self._share(row, drawn[:, 1]))
            if counts is None:
                continue
            heights = levels_of(counts, levels)
            found: Any = contourpy.contour_generator(
                at, at, np.pad(counts, 1, mode="edge").T, fill_type="OuterCode", line_type="Separate"
            )
            ends = [*heights, float(counts.max()) * 1.0001]
            for areas, low, high in zip(marks.areas[-len(heights) :], ends[:-1], ends[1:], strict=True):
                points, codes = found.filled(low, high)
                for some, kinds in zip(points, codes, strict=True):
                    areas.append(Path(self._place(row, column, some[:, 0], some[:, 1]), kinds))
            for height in heights:
                for line in found.lines(height):
                    points_of = np.asarray(line)
                    marks.contours.append(self._place(row, column, points_of[:, 0], points_of[:, 1]))

    def published(self, row: int, column: int, values: Sequence[float]) -> None:
        """Mark published values, where they are within the panel."""
        x, y = float(self._share(column, values[column])), float(self._share(row, values[row]))
        if 0.0 <= x <= 1.0:
            self._published.append(self._line(row, column, [x, x], [0, 1]))
        if row != column and 0.0 <= y <= 1.0:
            self._published.append(self._line(row, column, [0, 1], [y, y]))

    def finish(self, looks: Sequence[Look]) -> None:
        """Put all that was drawn on the sheet."""
        from matplotlib import rcParams
        from matplotlib.collections import LineCollection, PathCollection, PolyCollection

        add = self._axis.add_collection
        for marks, own in zip(self._marks, looks, strict=True):
            if len(looks) <= FEW:
                for areas, share in zip(marks.areas, (0.22, 0.5), strict=True):
                    add(PathCollection(areas, facecolors=[faded(own.colour, share)], linewidths=0, zorder=1))
                add(PolyCollection(marks.below, facecolors=[own.colour], alpha=0.15, linewidths=0, zorder=1))
            add(LineCollection(marks.contours, colors=[own.colour], linestyles=[own.line], linewidths=0.8, zorder=2))
            add(LineCollection(marks.curves, colors=[own.colour], linestyles=[own.line], linewidths=1.1, zorder=2))
        add(LineCollection(self._priors, **PRIOR_LINE))
        add(LineCollection(self._published, **PUBLISHED_LINE))
        edges, thick = rcParams["axes.edgecolor"], rcParams["axes.linewidth"]
        add(LineCollection(self._frames, colors=[edges], linewidths=thick, zorder=6))


@dataclass(frozen=True)
class Inner:
    """What the panels of a corner show.

    Attributes
    ----------
    parameters, as_log
        The parameters, and whether each is shown as its logarithm.
    limits
        Of each.
    samples
        Of each hypothesis [n, parameter].
    published
        Value of each.
    """

    parameters: Sequence[Parameter]
    as_log: Sequence[bool]
    limits: Sequence[tuple[float, float]]
    samples: Sequence[Float64]
    published: Sequence[float]


def is_inner(row: int, column: int, n: int) -> bool:
    """Return whether a panel carries no numbers."""
    return column > 0 and row < n - 1


def draw_inner(figure: Figure, grid: Grid, shown: Inner, looks: Sequence[Look], *, with_prior: bool) -> None:
    """Draw the panels of a corner that carry no numbers.

    Parameters
    ----------
    figure
        The corner.
    grid
        Its panels.
    shown
        What they show.
    looks
        Of each hypothesis.
    with_prior
        Whether prior and published values are drawn too.
    """
    sheet = _Sheet(figure, grid, shown.limits, len(looks))
    levels = LEVELS if len(looks) <= FEW else LEVELS[1:]
    for row in range(1, grid.n - 1):
        for column in range(1, row + 1):
            if row == column:
                prior = None
                if with_prior:
                    prior = prior_density(shown.parameters[row], shown.limits[row], as_log=shown.as_log[row])
                sheet.density(row, [density_of(drawn[:, row], shown.limits[row]) for drawn in shown.samples], prior)
            else:
                sheet.pair(row, column, [drawn[:, [column, row]] for drawn in shown.samples], levels)
            if with_prior:
                sheet.published(row, column, shown.published)
    sheet.finish(looks)


def _histogram(x: Float64, y: Float64) -> Float64 | None:
    """Return the smoothed counts [x, y] of points given as shares; None where there is none."""
    from scipy.ndimage import gaussian_filter

    inside = (x >= 0.0) & (x <= 1.0) & (y >= 0.0) & (y <= 1.0)
    if not inside.any():
        return None
    bins = [np.minimum((one[inside] * _BINS).astype(np.intp), _BINS - 1) for one in (x, y)]
    counts = np.bincount(bins[0] * _BINS + bins[1], minlength=_BINS * _BINS).reshape(_BINS, _BINS)
    return np.asarray(gaussian_filter(counts.astype(np.float64), _SMOOTH))


def levels_of(counts: Float64, shares: Sequence[float]) -> list[float]:
    """Return the heights, rising, above which these shares of all counts lie."""
    falling = np.sort(counts, axis=None)[::-1]
    within = np.cumsum(falling) / np.sum(falling)
    heights = sorted(float(falling[max(int(np.sum(within <= share)) - 1, 0)]) for share in shares)
    for i in range(1, len(heights)):  # two that are one, of few points
        if heights[i] <= heights[i - 1]:
            heights[i - 1] *= 1.0 - 1e-4
    return heights
