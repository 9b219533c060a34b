"""The spectrum of a region: data, what each hypothesis expects, and what is left over.

Bands hold 68 % and 95 % of the posterior of the intensity itself, without the systematic shifts of the data; the dashed
line is the expectation at the published parameters. Pulls are (data - model) / statistical error at the best fit, with
the systematic nuisance where that fit has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.report.attempts import attempts
from crsea_infer.report.spectrum_curves import N_CURVES, curve_energies, curves, own_data_set, shown_data_sets
from crsea_infer.report.style import COLUMN, FEW, PAGE, legend_below, look, marker_size, new_figure, save, styled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.inference.likelihoods.flux_points import FluxPoints
    from crsea_infer.report.summary import HypothesisSummary, RunSummary
    from crsea_infer.support.arrays import Float64

__all__ = ["figure_names", "write_spectra"]

_POWER = 2.8


def figure_names(summary: RunSummary) -> dict[str, str]:
    """Return figure name -> caption, for the data sets that can be shown."""
    shown = shown_data_sets(summary)
    bands = "68 % and 95 % of the posterior; dashed: published parameters"
    if len(summary.hypotheses) > FEW:
        bands = "68 % of the posterior; lines: its median"
    how = (
        f"Points: data with statistical errors (thin) and systematic errors (thick, grey). Bands: {bands}. Lower "
        "panels: (data \u2212 best fit) / statistical error, the systematic shift of the best fit taken out."
        f"{summary.unconverged_shown}"
    )
    names = {}
    if len(shown) > 1:
        names["spectra"] = f"{'; '.join(likelihood.title for likelihood in shown)}. {how}"
    names |= {f"spectrum_{likelihood.name}": f"{likelihood.title}. {how}" for likelihood in shown}
    return names


def write_spectra(folder: Path, summary: RunSummary) -> None:
    """Draw one figure per data set of flux points, and one with all of them."""
    shown = shown_data_sets(summary)
    with styled(), attempts() as attempt:
        for likelihood in shown:
            with attempt():
                save(_spectrum(likelihood, summary), folder, f"spectrum_{likelihood.name}")
        if len(shown) > 1:
            with attempt():
                save(_spectra(shown, summary), folder, "spectra")


def _spectrum(likelihood: FluxPoints, summary: RunSummary) -> Figure:
    few = len(summary.hypotheses) <= FEW
    figure = new_figure(COLUMN, 3.7)
    axes = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1], "hspace": 0.0, "left": 0.195, "right": 0.97}
    )
    figure.subplots_adjust(bottom=0.115, top=0.93)
    _draw(axes, likelihood, summary, legend=few, labels=True)
    if not few:
        legend_below(figure, _handles(axes[0], summary))
    return figure


def _spectra(shown: Sequence[FluxPoints], summary: RunSummary) -> Figure:
    """Draw all data sets side by side."""
    few = len(summary.hypotheses) <= FEW
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    figure = new_figure(PAGE, 3.6 * rows)
    outer = figure.add_gridspec(
        rows, columns, left=0.095, right=0.99, bottom=0.12 / rows, top=1 - 0.07 / rows, wspace=0.16, hspace=0.3
    )
    for index, likelihood in enumerate(shown):
        inner = outer[index // columns, index % columns].subgridspec(2, 1, height_ratios=[3, 1], hspace=0.0)
        upper = figure.add_subplot(inner[0])
        lower = figure.add_subplot(inner[1], sharex=upper)
        _draw((upper, lower), likelihood, summary, legend=few and index == 0, labels=index % columns == 0)
    if not few:
        legend_below(figure, _handles(figure.axes[0], summary))
    return figure


def _draw(axes: Any, likelihood: FluxPoints, summary: RunSummary, *, legend: bool, labels: bool) -> None:
    upper, lower = axes
    energies = curve_energies(likelihood, summary)
    for index, item in enumerate(summary.hypotheses):
        if own_data_set(item, likelihood) is not None:
            _draw_hypothesis(upper, item, likelihood, energies, summary, index)
    _draw_data(upper, likelihood)
    _draw_pulls(lower, likelihood, summary)
    upper.set_xscale("log")
    upper.set_yscale("log")
    low, high = float(likelihood.energy_min.min()), float(likelihood.energy_max.max())
    upper.set_xlim(min(energies[0], low) / 1e3, max(energies[-1], high) / 1e3)
    _set_range(upper, likelihood, room=2.6 if legend else 1.2)
    upper.tick_params(labelbottom=False, which="both")
    upper.set_title(likelihood.label, pad=4)
    if labels:
        upper.set_ylabel(rf"$E^{{{_POWER}}}\,I(E)$  [GeV$^{{{_POWER - 1:.1f}}}$ cm$^{{-2}}$ s$^{{-1}}$ sr$^{{-1}}$]")
        lower.set_ylabel("pull", labelpad=8)
    lower.set_xlabel("energy $E$  [TeV]")
    from matplotlib.ticker import FuncFormatter

    lower.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if legend:
        upper.plot([], [], color="0.3", linestyle="--", linewidth=0.8, label="published parameters")
        upper.legend(loc="lower left", handlelength=1.8, labelspacing=0.3, borderaxespad=0.4)


def _handles(upper: Axes, summary: RunSummary) -> list[Any]:
    """Return what stands in a legend of many: the line of each hypothesis with its marker, and the data."""
    from matplotlib.lines import Line2D

    size = marker_size(3, len(summary.hypotheses))
    looks = {item.name: look(index) for index, item in enumerate(summary.hypotheses)}
    handles = [
        Line2D([], [], color=own.colour, linestyle=own.line, marker=own.marker, label=name, **size)
        for name, own in looks.items()
    ]
    data, names = upper.get_legend_handles_labels()
    return handles + [handle for handle, name in zip(data, names, strict=True) if name not in looks]


def _draw_hypothesis(
    axes: Axes,
    item: HypothesisSummary,
    likelihood: FluxPoints,
    energies: Float64,
    summary: RunSummary,
    index: int,
) -> None:
    few = len(summary.hypotheses) <= FEW
    colour, line = look(index).colour, look(index).line
    intensity = curves(item, likelihood, energies, summary)
    scale = energies**_POWER
    drawn = intensity(item.draws[:N_CURVES]) * scale
    low95, low68, middle, high68, high95 = np.quantile(drawn, [0.025, 0.16, 0.5, 0.84, 0.975], axis=0)
    tev = energies / 1e3
    if few:
        axes.fill_between(tev, low95, high95, color=colour, alpha=0.18, linewidth=0)
    axes.fill_between(tev, low68, high68, color=colour, alpha=0.38 if few else 0.1, linewidth=0)
    axes.plot(tev, middle, color=colour, linestyle=line, label=item.name)
    if few:
        axes.plot(tev, intensity(item.posterior.fiducial) * scale, color=colour, linestyle="--", linewidth=0.8)


def _draw_data(axes: Axes, likelihood: FluxPoints) -> None:
    scale = likelihood.energy_reference**_POWER
    tev = likelihood.energy_reference / 1e3
    across = np.stack([tev - likelihood.energy_min / 1e3, likelihood.energy_max / 1e3 - tev])
    points = ~likelihood.is_upper_limit
    values = likelihood.values * scale
    if np.any(likelihood.systematic > 0.0):
        axes.errorbar(
            tev[points],
            values[points],
            yerr=(likelihood.systematic * scale)[points],
            fmt="none",
            ecolor="0.55",
            elinewidth=3.2,
            alpha=0.6,
            zorder=4,
            label="systematic error",
        )
    errors = np.stack([likelihood.error_low * scale, likelihood.error_high * scale])
    axes.errorbar(
        tev[points],
        values[points],
        xerr=across[:, points],
        yerr=errors[:, points],
        fmt="o",
        color="black",
        markersize=3,
        elinewidth=0.8,
        zorder=5,
        label="data",
    )
    limits = likelihood.is_upper_limit
    if limits.any():
        axes.errorbar(
            tev[limits],
            values[limits],
            yerr=0.3 * values[limits],
            uplims=True,
            fmt="none",
            ecolor="black",
            elinewidth=0.8,
            zorder=5,
        )


def _draw_pulls(axes: Axes, likelihood: FluxPoints, summary: RunSummary) -> None:
    axes.axhspan(-1.0, 1.0, color="0.9", linewidth=0)
    axes.axhline(0.0, color="0.4", linewidth=0.6)
    n = len(summary.hypotheses)
    largest = 2.0
    for index, item in enumerate(summary.hypotheses):
        theta = item.best_fit.parameters
        own = own_data_set(item, likelihood)
        if own is None:
            continue
        intensities = item.posterior.intensities(theta)[likelihood.name]
        pulls = np.asarray(own.pulls(intensities, item.posterior.nuisance_values(theta)))
        # side by side, within the bin however many there are
        shift = (likelihood.energy_max / likelihood.energy_min) ** (min(0.16, 0.96 / n) * (index - 0.5 * (n - 1)))
        axes.plot(
            likelihood.energy_reference * shift / 1e3,
            pulls,
            look(index).marker,
            color=look(index).colour,
            **marker_size(3, n),
        )
        largest = max(largest, float(np.max(np.abs(pulls))))
    axes.set_ylim(-1.25 * largest, 1.25 * largest)
    axes.yaxis.set_major_locator(_pull_ticks(largest))


def _pull_ticks(largest: float) -> Any:
    from matplotlib.ticker import MultipleLocator

    return MultipleLocator(next((step for step in (1, 2, 5, 10, 20, 50) if largest / step < 2.6), 100))


def _set_range(axes: Axes, likelihood: FluxPoints, room: float) -> None:
    """Keep every curve and every error bar inside, with a factor `room` below for the legend."""
    scale = likelihood.energy_reference**_POWER
    floor = float(np.min(np.maximum(likelihood.values - likelihood.error_low, 0.3 * likelihood.values) * scale))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, floor) / room, high * 1.1)
