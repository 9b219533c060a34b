"""Inner panels of a corner of many parameters: the contours of the package `corner`, in their places."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from corner import hist2d
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure

from crsea_infer.hypotheses.distributions import normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.report.figures.corner_figures import AT_MOST
from crsea_infer.report.figures.corner_parts import LEVELS, ranges_of
from crsea_infer.report.figures.corner_sheet import Grid, Inner, draw_inner, is_inner
from crsea_infer.report.figures.posterior_figures import corner_of
from crsea_infer.report.layout.style import look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

N = AT_MOST + 2
GRID = Grid(N, 8.0, 0.8, 0.7, 0.1, 0.1)


def parameters() -> list[Parameter]:
    return [
        Parameter(
            name=f"p{i}", distribution=normal(0.0, 2.0), fiducial=0.3, label=f"p_{{{i}}}", description="", source=""
        )
        for i in range(N)
    ]


@pytest.fixture(scope="module")
def draws() -> np.ndarray:
    """Samples of a normal whose neighbours are correlated, the fifth cut off at its middle."""
    found = np.random.default_rng(1).standard_normal((20_000, N))
    found[:, 1:] += 0.8 * found[:, :-1]
    return found[found[:, 5] > 0.0]


@pytest.fixture(scope="module")
def sheet(draws: np.ndarray) -> Axes:
    """The sheet alone."""
    figure = Figure(figsize=(8.0, 8.0))
    limits = ranges_of([draws], None)
    shown = Inner(parameters(), [False] * N, limits, [draws], [0.3] * N)
    draw_inner(figure, GRID, shown, [look(0)], with_prior=True)
    (axis,) = figure.axes
    return axis


def area(lines: list[np.ndarray]) -> float:
    """Area within lines, by Gauss."""
    return sum(abs(0.5 * np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) for x, y in (line.T for line in lines))


@pytest.mark.parametrize(("row", "column"), [(4, 3), (6, 2), (N - 2, 1)])
def test_contours_are_those_of_corner_in_the_right_panel(draws: np.ndarray, sheet: Axes, row: int, column: int) -> None:
    limits = ranges_of([draws], None)
    axis = Figure().add_subplot()
    options = {"bins": 26, "smooth": 1.2, "levels": LEVELS, "plot_datapoints": False, "plot_density": False}
    hist2d(
        draws[:, column], draws[:, row], range=[limits[column], limits[row]], ax=axis, fill_contours=False, **options
    )
    (theirs,) = (one for one in axis.collections if isinstance(one, QuadContourSet) and not one.filled)
    left, bottom = GRID.corner_of(row, column)
    across, up = GRID.size
    every = [np.asarray(line) for line in sheet.collections[3].get_segments()]
    ours = [one for one in every if left < one[:, 0].mean() < left + across and bottom < one[:, 1].mean() < bottom + up]
    assert len(ours) == 2
    scale = np.array([across, up]) / [limits[column][1] - limits[column][0], limits[row][1] - limits[row][0]]
    found = [path.vertices for path in theirs.get_paths()]
    for mine, other in zip(
        sorted(ours, key=lambda one: area([one])), sorted(found, key=lambda one: area([one])), strict=True
    ):
        placed = (other - [limits[column][0], limits[row][0]]) * scale + [left, bottom]
        assert area([mine]) == pytest.approx(area([placed]), rel=1e-3)
        assert mine.mean(axis=0) == pytest.approx(placed.mean(axis=0), abs=0.03 * across)


def test_nothing_leaves_its_panel(sheet: Axes) -> None:
    across, up = GRID.size
    panels = [GRID.corner_of(row, column) for row, column in itertools.product(range(N), range(N)) if column <= row]
    inner = [GRID.corner_of(r, c) for r in range(N) for c in range(r + 1) if is_inner(r, c, N)]
    assert len(inner) == len(panels) - (2 * N - 1)
    points = [path.vertices for one in sheet.collections for path in one.get_paths()]
    assert len(points) > len(inner)
    for some in points:
        low, high = some.min(axis=0), some.max(axis=0)
        assert any(
            left - 1e-9 <= low[0]
            and high[0] <= left + across + 1e-9
            and bottom - 1e-9 <= low[1]
            and high[1] <= bottom + up + 1e-9
            for left, bottom in inner
        )


@pytest.mark.parametrize(("n", "axes"), [(AT_MOST, AT_MOST * (AT_MOST + 1) // 2), (N, 2 * N)])
def test_only_panels_with_numbers_are_axes_where_there_are_many(draws: np.ndarray, n: int, axes: int) -> None:
    figure = corner_of("normal", parameters(), draws, [f"p{i}" for i in range(n)])
    assert len(figure.axes) == axes
    figure.draw_without_rendering()


def test_samples_that_are_all_the_same_leave_an_empty_panel() -> None:
    draws = np.random.default_rng(1).standard_normal((500, N))
    draws[:, 4] = 1.0
    corner_of("normal", parameters(), draws, [f"p{i}" for i in range(N)]).draw_without_rendering()
