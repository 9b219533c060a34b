"""Profiles along the plane or across it: windows of the sky side by side, data and what each hypothesis expects.

What is drawn is the expectation at the points, as the likelihood has it: sources and the isotropic background are in
it, and a profile of which only the shape is known has its norm. Longitude grows to the left, as on the sky.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.inference.likelihoods.flux_points_file import INTENSITY
from crsea_infer.report.layout.sections import Section
from crsea_infer.report.layout.style import COLUMN, FEW, INDEXED, PAGE, legend_below, look, new_figure
from crsea_infer.report.results.shown_run import common_words, is_profile, titles_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.report.results.shown_run import ShownData, ShownRun
    from crsea_infer.report.results.summary import RunSummary
    from crsea_infer.support.arrays import Float64

__all__ = ["draw_profile", "figure_names", "figures", "profile_section"]

_STEM: Final = "profile_"
_MOST: Final = 6
_ACROSS: Final = 3
_PLAIN: Final = 3  # powers of ten from which on numbers stand in units of one
_SYMBOL: Final = {"longitude": "l", "latitude": "b"}


def figure_names(run: ShownRun) -> list[str]:
    """Return the names of the figures: one per profile."""
    return [f"{_STEM}{data.name}" for data in run.data_sets if is_profile(data)]


def figures(run: ShownRun) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    return {f"{_STEM}{data.name}": partial(draw_profile, data, run) for data in run.data_sets if is_profile(data)}


def draw_profile(data: ShownData, run: ShownRun) -> Figure:
    """Draw a profile, one panel per band of energy: six at most, spread evenly over those there are."""
    energies = np.unique(data.columns["energy_min"])
    if len(energies) > _MOST:
        energies = energies[np.round(np.linspace(0, len(energies) - 1, _MOST)).astype(int)]
    expected = {item.name: _bands(item.expected(data.name)) for item in run.hypotheses}
    columns = min(len(energies), _ACROSS)
    rows = -(-len(energies) // columns)
    width, tall = (PAGE, 1.95) if columns > 1 else (COLUMN, 2.4)
    height = tall * rows + 0.2
    figure = new_figure(width, height)
    left, gap = 0.52 / width, 0.36 / width
    wide = (1.0 - left - 0.08 / width - gap * (columns - 1)) / columns
    for index, energy in enumerate(energies):
        row, column = divmod(index, columns)
        bottom = (tall * (rows - 1 - row) + (0.42 if row == rows - 1 else 0.3)) / height
        top = (tall * (rows - row) - 0.22) / height
        axes = figure.add_axes((left + column * (wide + gap), bottom, wide, top - bottom))
        _draw(axes, data, run, data.columns["energy_min"] == energy, expected)
        if row == rows - 1 or index + columns >= len(energies):
            axes.set_xlabel(f"Galactic {_axis(data)} ${_SYMBOL[_axis(data)]}$  [deg]")
        if column == 0:
            axes.set_ylabel("intensity", labelpad=3)
    unit = _unit(data)
    words = f"{data.words}" + (f", intensity in {unit}" if unit else ", shape only")
    figure.text(0.5, 1.0 - 0.04 / height, words, ha="center", va="top", fontsize=9)
    legend_below(figure, _handles(run), 1.8)
    return figure


def _axis(data: ShownData) -> str:
    return str(data.settings.get("axis", "longitude"))


def _unit(data: ShownData) -> str:
    from astropy import units as u

    if not data.unit:
        return ""
    unit = u.Unit(data.unit)
    if unit == u.Unit(INTENSITY):
        return "GeV$^{-1}$ cm$^{-2}$ s$^{-1}$ sr$^{-1}$"
    return f"${unit.to_string('latex_inline').strip('$')}$"


def _bands(drawn: Float64 | None) -> Float64 | None:
    """Return the quantiles at 2.5, 16, 50, 84 and 97.5 % of draws [n_draws, n_data]: [5, n_data]."""
    return None if drawn is None else np.asarray(np.quantile(drawn, [0.025, 0.16, 0.5, 0.84, 0.975], axis=0))


def _draw(
    axes: Axes,
    data: ShownData,
    run: ShownRun,
    rows: np.typing.NDArray[np.bool_],
    expected: dict[str, Float64 | None],
) -> None:
    known = {name: column[rows] for name, column in data.columns.items()}
    values = known["values"]
    exponent = math.floor(math.log10(float(np.max(np.abs(values))) or 1.0))
    exponent = 0 if abs(exponent) < _PLAIN else exponent
    scale = 10.0**-exponent
    few = len(run.hypotheses) <= FEW
    for index, item in enumerate(run.hypotheses):
        bands = expected[item.name]
        if bands is not None:
            _steps(axes, known["window_min"], known["window_max"], bands[:, rows] * scale, index, few=few)
    centre = 0.5 * (known["window_min"] + known["window_max"])
    errors = np.stack([known["error_low"], known["error_high"]]) * scale
    style: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 2.8, "elinewidth": 0.7, "zorder": 5}
    axes.errorbar(centre, values * scale, yerr=errors, **style)
    low, high = float(known["window_min"].min()), float(known["window_max"].max())
    room = 0.03 * (high - low)
    axes.set_xlim(low - room, high + room)
    if _axis(data) == "longitude":
        axes.invert_xaxis()
    if np.all(values > 0.0):
        axes.set_ylim(bottom=0.0)
    first, last = (float(known[f"energy_{end}"][0]) for end in ("min", "max"))
    factor = rf"  [$10^{{{exponent}}}$]" if exponent else ""
    axes.set_title(f"{_energy(first, last)}{factor}", pad=3, fontsize=INDEXED)
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 4, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _steps(axes: Axes, low: Float64, high: Float64, bands: Float64, index: int, *, few: bool) -> None:
    """Draw bands over each window, and a line where they touch."""
    own = look(index)
    order = np.argsort(low)
    low, high, bands = low[order], high[order], bands[:, order]
    edges = np.stack([low, high], axis=1).ravel()
    steps = np.repeat(bands, 2, axis=1)
    apart = np.flatnonzero(np.abs(low[1:] - high[:-1]) > 1e-6)
    for part in np.split(np.arange(edges.size), 2 * (apart + 1)):
        if few:
            axes.fill_between(edges[part], steps[0, part], steps[4, part], color=own.colour, alpha=0.18, linewidth=0)
        shade = 0.38 if few else 0.1
        axes.fill_between(edges[part], steps[1, part], steps[3, part], color=own.colour, alpha=shade, linewidth=0)
        axes.plot(edges[part], steps[2, part], color=own.colour, linestyle=own.line, linewidth=1.0)


def _energy(low: float, high: float) -> str:
    """Return a band of energy in words, in TeV from 1 TeV on."""
    unit, scale = ("TeV", 1e-3) if low >= 1e3 else ("GeV", 1.0)
    return f"{low * scale:.3g} to {high * scale:.3g} {unit}"


def _handles(run: ShownRun) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=look(index).colour, linestyle=look(index).line, label=words)
        for index, words in enumerate(titles_of(run).values())
    ]
    handles.append(Line2D([], [], color="black", linestyle="", marker="o", markersize=2.8, label="data"))
    return handles


def profile_section(_directory: Path, summary: RunSummary) -> Section:
    """Return what the page says."""
    bands = "Bands: 68 % and 95 % of the posterior." if len(summary.hypotheses) <= FEW else "Bands: 68 %."
    captions = {}
    for data in summary.data_sets:
        if is_profile(data):
            n = len(np.unique(data.columns["energy_min"]))
            some = f" Six of its {n} bands of energy are shown; all are in pulls.ecsv." if n > _MOST else ""
            captions[f"{_STEM}{data.name}"] = (
                f"{data.title}. {bands} Errors are those that are independent from point to point.{some}"
                f"{common_words(summary)}{summary.unconverged_shown}"
            )
    return Section("Profiles", figures=captions)
