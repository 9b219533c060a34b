"""The spectrum of a region: data, what each hypothesis expects, and what is left over.

Bands hold 68 % and 95 % of the posterior of the intensity itself, without the systematic shifts of the data; the dashed
line is the expectation at the published parameters. Pulls are (data - model) / statistical error at the best fit, with
the systematic nuisance where that fit has it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.report.layout.sections import Section
from crsea_infer.report.layout.style import (
    COLUMN,
    FEW,
    LETTER,
    LONG,
    PAGE,
    legend_below,
    look,
    marker_size,
    new_figure,
    plain_log_ticks,
)
from crsea_infer.report.results.shown_run import PULLS, common_words, is_spectrum, titles_of
from crsea_infer.report.results.spectrum_curves import TOTAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.report.results.shown_run import ShownData, ShownRun
    from crsea_infer.report.results.spectrum_curves import Curve
    from crsea_infer.report.results.summary import RunSummary
    from crsea_infer.support.arrays import Float64

__all__ = [
    "bands_caption",
    "draw_data",
    "draw_spectrum",
    "exponent_of",
    "figure_names",
    "figures",
    "frame",
    "intensity_label",
    "spectrum_section",
]

_POWER = 2.8
_ALL = "spectra"


def figure_names(summary: RunSummary) -> dict[str, str]:
    """Return figure name -> caption, for the data sets that can be shown."""
    how = (
        f"Points: data with statistical errors (thin) and systematic errors (thick, grey). {bands_caption(summary)} "
        "Lower panels: (data \u2212 best fit) / statistical error, the systematic shift of the best fit taken out."
        f"{common_words(summary)}{summary.unconverged_shown}"
    )
    titles = {data.name: data.title for data in _shown(summary)}
    found = {f"spectrum_{name}": f"{title}. {how}" for name, title in titles.items()}
    return ({_ALL: f"{'; '.join(titles.values())}. {how}"} if len(found) > 1 else {}) | found


def spectrum_section(_directory: Path, summary: RunSummary) -> Section:
    """Return what the page says: all data sets in one figure where there is one, for it holds the others."""
    names = figure_names(summary)
    return Section("Spectra", figures={_ALL: names[_ALL]} if _ALL in names else names)


def bands_caption(run: ShownRun) -> str:
    """Return what bands and lines of a figure of spectra are."""
    if len(run.hypotheses) > FEW:
        return "Bands: 68 % of the posterior; lines: its median."
    return "Bands: 68 % and 95 % of the posterior; dashed: published parameters."


def figures(run: ShownRun) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name: one per data set of flux points, and one with all of them."""
    shown = _shown(run)
    found: dict[str, Callable[[], Figure]] = {_ALL: partial(_spectra, shown, run)} if len(shown) > 1 else {}
    return found | {f"spectrum_{data.name}": partial(draw_spectrum, data, run) for data in shown}


def _shown(run: ShownRun) -> list[ShownData]:
    return [data for data in run.data_sets if is_spectrum(data)]


def draw_spectrum(data: ShownData, run: ShownRun) -> Figure:
    """Draw the spectrum of a region within one column, pulls below it."""
    figure = new_figure(COLUMN, 3.7)
    axes = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1], "hspace": 0.0, "left": 0.16, "right": 0.97}
    )
    figure.subplots_adjust(bottom=0.115, top=0.93)
    _finish(figure, [tuple(axes)], [data], run, 1)
    return figure


def _spectra(shown: Sequence[ShownData], run: ShownRun) -> Figure:
    """Draw all data sets side by side."""
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    figure = new_figure(PAGE, 3.5 * rows)
    outer = figure.add_gridspec(
        rows, columns, left=0.075, right=0.99, bottom=0.12 / rows, top=1 - 0.07 / rows, wspace=0.16, hspace=0.3
    )
    pairs = []
    for index in range(len(shown)):
        inner = outer[index // columns, index % columns].subgridspec(2, 1, height_ratios=[3, 1], hspace=0.0)
        upper = figure.add_subplot(inner[0])
        pairs.append((upper, figure.add_subplot(inner[1], sharex=upper)))
    _finish(figure, pairs, shown, run, columns)
    return figure


def _finish(
    figure: Figure, pairs: Sequence[tuple[Axes, Axes]], shown: Sequence[ShownData], run: ShownRun, columns: int
) -> None:
    """Draw the panels, with a legend inside the first where it is small enough, else below all of them."""
    handles = _handles(run, shown)
    inside = _fits(figure, pairs[0][0], handles)
    for index, (pair, data) in enumerate(zip(pairs, shown, strict=True)):
        room = 2.6 if inside and index == 0 else 1.2
        _draw(pair, data, run, room=room, labels=index % columns == 0, exponent=exponent_of(shown))
    if inside:
        options = {"handlelength": 1.8, "labelspacing": 0.3, "borderaxespad": 0.4}
        pairs[0][0].legend(handles=handles, loc="lower left", **options)
    else:
        legend_below(figure, handles, LONG if len(run.hypotheses) > FEW else 1.8)


def _fits(figure: Figure, panel: Axes, handles: Sequence[Any]) -> bool:
    """Tell whether a legend has room below the curves: two hypotheses, in words that are no wider than the panel."""
    wide = 72.0 * figure.get_figwidth() * panel.get_position().width
    return len(handles) <= 5 and all(30.0 + LETTER * len(one.get_label()) < wide for one in handles)


def _draw(axes: tuple[Axes, Axes], data: ShownData, run: ShownRun, *, room: float, labels: bool, exponent: int) -> None:
    upper, lower = axes
    totals = {
        curve.hypothesis: curve for curve in run.curves if (curve.data_set, curve.component) == (data.name, TOTAL)
    }
    for index, item in enumerate(run.hypotheses):
        if item.name in totals:
            _draw_bands(upper, totals[item.name], index, titles_of(run)[item.name], few=len(run.hypotheses) <= FEW)
    draw_data(upper, data)
    _draw_pulls(lower, data, run)
    frame(upper, data, [curve.energies for curve in totals.values()], room)
    upper.tick_params(labelbottom=False, which="both")
    lower.tick_params(labelbottom=True)
    plain_log_ticks(upper.yaxis, exponent)
    if labels:
        upper.set_ylabel(intensity_label(exponent))
        lower.set_ylabel("pull", labelpad=8)
    lower.set_xlabel("energy $E$  [TeV]")
    plain_log_ticks(lower.xaxis, 0)


def intensity_label(exponent: int) -> str:
    """Return the label of an axis of intensities whose numbers are in units of a power of ten."""
    unit = rf"GeV$^{{{_POWER - 1:.1f}}}$ cm$^{{-2}}$ s$^{{-1}}$ sr$^{{-1}}$"
    return rf"$E^{{{_POWER}}}\,I(E)$  [$10^{{{exponent}}}$ {unit}]"


def exponent_of(shown: Sequence[ShownData]) -> int:
    """Return the power of ten in which the intensities of data sets are small numbers."""
    values = np.concatenate([data.columns["values"] * data.columns["energy_reference"] ** _POWER for data in shown])
    return int(np.floor(np.log10(np.median(values[values > 0.0])))) if np.any(values > 0.0) else 0


def frame(axes: Axes, data: ShownData, energies: Sequence[Float64], room: float) -> None:
    """Set logarithmic axes about curves and points, with a factor `room` below for a legend, and the title."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    ends = [data.columns["energy_min"], data.columns["energy_max"], *energies]
    axes.set_xlim(min(float(one.min()) for one in ends) / 1e3, max(float(one.max()) for one in ends) / 1e3)
    scale, values = data.columns["energy_reference"] ** _POWER, data.columns["values"]
    floor = float(np.min(np.maximum(values - data.columns["error_low"], 0.3 * values) * scale))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, floor) / room, high * 1.1)
    axes.set_title(data.words, pad=4)


def _handles(run: ShownRun, shown: Sequence[ShownData]) -> list[Any]:
    """Return what stands in the legend: each hypothesis, data and their errors, and what dashed lines are."""
    from matplotlib.lines import Line2D

    few = len(run.hypotheses) <= FEW
    size = marker_size(3, len(run.hypotheses))
    handles = [
        Line2D([], [], color=own.colour, linestyle=own.line, marker=own.marker, label=words, **size)
        for own, words in ((look(index), words) for index, words in enumerate(titles_of(run).values()))
    ]
    if few:
        handles.append(Line2D([], [], color="0.3", linestyle="--", linewidth=0.8, label="published parameters"))
    handles.append(Line2D([], [], color="black", linestyle="", marker="o", markersize=3, label="data"))
    if any(np.any(data.columns["systematic"] > 0.0) for data in shown):
        handles.append(Line2D([], [], color="0.55", alpha=0.6, linewidth=3.2, label="systematic error"))
    return handles


def _draw_bands(axes: Axes, curve: Curve, index: int, words: str, *, few: bool) -> None:
    colour, line = look(index).colour, look(index).line
    tev, scale = curve.energies / 1e3, curve.energies**_POWER
    band = {name: values * scale for name, values in curve.bands.items()}
    if few:
        axes.fill_between(tev, band["low95"], band["high95"], color=colour, alpha=0.18, linewidth=0)
    axes.fill_between(tev, band["low68"], band["high68"], color=colour, alpha=0.38 if few else 0.1, linewidth=0)
    axes.plot(tev, band["median"], color=colour, linestyle=line, label=words)
    if few:
        axes.plot(tev, band["published"], color=colour, linestyle="--", linewidth=0.8)


def draw_data(axes: Axes, data: ShownData) -> None:
    """Draw the points of a data set, its upper limits as arrows, and grey its systematic errors, times E^2.8."""
    known = data.columns
    scale, tev = known["energy_reference"] ** _POWER, known["energy_reference"] / 1e3
    across = np.stack([tev - known["energy_min"] / 1e3, known["energy_max"] / 1e3 - tev])
    limits = known["is_upper_limit"] > 0.0
    points, values = ~limits, known["values"] * scale
    if np.any(known["systematic"] > 0.0):
        options: dict[str, Any] = {"ecolor": "0.55", "elinewidth": 3.2, "alpha": 0.6, "zorder": 4}
        systematic = (known["systematic"] * scale)[points]
        axes.errorbar(tev[points], values[points], yerr=systematic, fmt="none", **options)
    axes.errorbar(
        tev[points],
        values[points],
        xerr=across[:, points],
        yerr=np.stack([known["error_low"] * scale, known["error_high"] * scale])[:, points],
        fmt="o",
        color="black",
        markersize=3,
        elinewidth=0.8,
        zorder=5,
    )
    if limits.any():
        options = {"uplims": True, "fmt": "none", "ecolor": "black", "elinewidth": 0.8, "zorder": 5}
        axes.errorbar(tev[limits], values[limits], yerr=0.3 * values[limits], **options)


def _draw_pulls(axes: Axes, data: ShownData, run: ShownRun) -> None:
    axes.axhspan(-1.0, 1.0, color="0.9", linewidth=0)
    axes.axhline(0.0, color="0.4", linewidth=0.6)
    n = len(run.hypotheses)
    wide = data.columns["energy_max"] / data.columns["energy_min"]
    largest = 2.0
    for index, item in enumerate(run.hypotheses):
        pulls = run.pulls[item.name].get(data.name)
        if pulls is None:
            continue
        best = pulls[PULLS.index("best_fit")]
        # side by side, within the bin however many there are
        shift = wide ** (min(0.16, 0.96 / n) * (index - 0.5 * (n - 1)))
        where = data.columns["energy_reference"] * shift / 1e3
        axes.plot(where, best, look(index).marker, color=look(index).colour, **marker_size(3, n))
        largest = max(largest, float(np.max(np.abs(best))))
    axes.set_ylim(-1.25 * largest, 1.25 * largest)
    axes.yaxis.set_major_locator(_pull_ticks(largest))


def _pull_ticks(largest: float) -> Any:
    from matplotlib.ticker import MultipleLocator

    return MultipleLocator(next((step for step in (1, 2, 5, 10, 20, 50) if largest / step < 2.6), 100))
