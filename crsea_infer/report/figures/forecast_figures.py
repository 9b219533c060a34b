"""Figures of a forecast, a journal column wide: the probability of a decisive verdict, and ln B, against exposure.

One figure of each for every pair of hypotheses, with a panel for each truth. Instruments have colour, line and marker
of their own, in both panels alike; where evidences were refused, the interval of the probability reaches over both
answers.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.evidence import DECISIVE
from crsea_infer.report.layout.figure_words import legend_words
from crsea_infer.report.layout.style import COLUMN, legend_below, look, new_figure, save, styled

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.report.tables.forecast_tables import ForecastReport

__all__ = ["factor_figure", "figure_names", "probability_figure", "write_forecast_figures"]

_HEIGHT = 3.4  # inches, without the legend
_SPREAD = 0.022  # of neighbours side by side, in decades of exposure


def figure_names(report: ForecastReport) -> dict[tuple[int, int], str]:
    """Return the ending of the figures of each pair of hypotheses; none for the first pair."""
    names = report.forecast.hypotheses
    return {
        (one, other): f"_{names[one]}_{names[other]}" if number else ""
        for number, (one, other) in enumerate(combinations(range(len(names)), 2))
    }


def write_forecast_figures(folder: Path, report: ForecastReport) -> None:
    """Write both figures of every pair."""
    for pair, ending in figure_names(report).items():
        with styled():
            save(probability_figure(report, pair), folder, f"forecast{ending}")
            save(factor_figure(report, pair), folder, f"forecast_ln_b{ending}")


def probability_figure(report: ForecastReport, pair: tuple[int, int]) -> Figure:
    """Draw the probability of a decisive verdict for the truth against exposure, with 68 % intervals."""

    def draw(panel: Axes, instrument: int, truth: int, other: int, x: Any, style: dict[str, Any]) -> None:
        found = [report.outlook(instrument, j, truth, other) for j in range(len(report.forecast.exposures))]
        value = np.array([one.probability for one in found])
        reach = [value - [one.low for one in found], np.array([one.high for one in found]) - value]
        panel.errorbar(x, value, yerr=np.nan_to_num(np.maximum(reach, 0.0)), **style)

    figure, panels = _panels(report, pair, draw)
    for panel in panels:
        panel.set_ylim(-0.04, 1.04)
        panel.set_ylabel(rf"$P(\ln B > {DECISIVE:g})$")
    return figure


def factor_figure(report: ForecastReport, pair: tuple[int, int]) -> Figure:
    """Draw the median of ln B for the truth and its central 68 % against exposure."""

    def draw(panel: Axes, instrument: int, truth: int, other: int, x: Any, style: dict[str, Any]) -> None:
        found = [report.outlook(instrument, j, truth, other).quantiles for j in range(len(report.forecast.exposures))]
        _, low, value, high, _ = np.array(found).T
        panel.errorbar(x, value, yerr=[value - low, high - value], **style)

    figure, panels = _panels(report, pair, draw)
    for panel in panels:
        for threshold in (0.0, DECISIVE):
            panel.axhline(threshold, color="0.6", linewidth=0.6, linestyle=":" if threshold else "-", zorder=0)
        panel.set_yscale("symlog", linthresh=10.0)
        panel.set_yticks([0, 5, 10, 30, 100], ["0", "5", "10", "30", "100"])
        panel.set_yticks([], minor=True)
        panel.set_ylabel(r"$\ln B$ (median, 68 %)")
    return figure


def _panels(report: ForecastReport, pair: tuple[int, int], draw: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each truth of a pair, drawn by `draw`, and its panels."""
    from matplotlib.lines import Line2D

    forecast = report.forecast
    titles = {one.name: one.title for one in forecast.instruments[0].run.hypotheses}
    words = list(legend_words(titles).values())
    exposures = np.array(forecast.exposures)
    n = len(forecast.instruments)
    figure = new_figure(COLUMN, _HEIGHT)
    panels = list(figure.subplots(2, 1, sharex=True))
    figure.subplots_adjust(left=0.15, right=0.97, top=0.95, bottom=0.12, hspace=0.17)
    for panel, (truth, other) in zip(panels, (pair, pair[::-1]), strict=True):
        for i in range(n):
            own = look(i)
            style = {
                "color": own.colour,
                "linestyle": own.line,
                "marker": own.marker,
                "markersize": 3.2,
                "elinewidth": 0.6,
                "linewidth": 0.9,
            }
            draw(panel, i, truth, other, exposures * 10.0 ** (_SPREAD * (i - 0.5 * (n - 1))), style)
        panel.set_xscale("log")
        panel.set_title(f"truth: {words[truth]}", fontsize=8, loc="left", pad=2.5)
    panels[1].set_xlabel("exposure, relative to what is × 1 for each" if n > 1 else "exposure, relative to today")
    panels[1].xaxis.set_major_formatter("{x:g}")
    handles = [
        Line2D([], [], color=look(i).colour, linestyle=look(i).line, marker=look(i).marker, markersize=3.2, label=label)
        for i, label in enumerate(one.label for one in forecast.instruments)
    ]
    legend_below(figure, handles)
    return figure, panels
