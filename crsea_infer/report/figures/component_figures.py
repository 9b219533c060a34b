"""What the emission is made of: one figure per hypothesis, its components against the data of each region.

Colours are those of components here, one for each, as there is one hypothesis in a figure. Components are of the sky
model (pion decay on each gas, inverse Compton, unresolved sources) and, where a data set contains more, its own
(resolved sources, the isotropic background).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from crsea_infer.physics.geometry import COMPONENTS
from crsea_infer.report.figures.spectrum_figures import draw_data, exponent_of, frame, intensity_label
from crsea_infer.report.layout.figure_words import component_words, plain_text
from crsea_infer.report.layout.sections import Section
from crsea_infer.report.layout.style import COLUMN, PAGE, legend_below, look, new_figure, plain_log_ticks
from crsea_infer.report.results.shown_run import is_spectrum, titles_of
from crsea_infer.report.results.spectrum_curves import TOTAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.report.results.shown_run import ShownData, ShownHypothesis, ShownRun
    from crsea_infer.report.results.spectrum_curves import Curve
    from crsea_infer.report.results.summary import RunSummary

__all__ = ["component_section", "draw_components", "figure_names", "figures"]

_POWER = 2.8
_STEM = "components_"


def figure_names(run: ShownRun) -> list[str]:
    """Return the names of the figures: one per hypothesis, where there are flux points."""
    return [f"{_STEM}{item.name}" for item in run.hypotheses] if any(is_spectrum(one) for one in run.data_sets) else []


def figures(run: ShownRun) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    if not figure_names(run):
        return {}
    return {f"{_STEM}{item.name}": partial(draw_components, item, run) for item in run.hypotheses}


def draw_components(item: ShownHypothesis, run: ShownRun) -> Figure:
    """Draw the components of a hypothesis, with 68 % bands, one panel per data set of flux points."""
    own = [curve for curve in run.curves if curve.hypothesis == item.name and curve.data_set]
    with_curves = {curve.data_set for curve in own}
    shown = [data for data in run.data_sets if is_spectrum(data) and data.name in with_curves]
    looks = {name: index for index, name in enumerate(_components(own))}
    columns = max(min(len(shown), 3), 1)
    rows = max(-(-len(shown) // columns), 1)
    width, height = (PAGE if columns > 1 else COLUMN), 2.55 * rows
    figure = new_figure(width, height)
    for index, data in enumerate(shown):
        left, right = 0.52 / width, 1.0 - 0.08 / width
        wide = (right - left - 0.055 * (columns - 1)) / columns
        row, column = divmod(index, columns)
        tall = (2.55 - 0.42 - 0.25) / height
        bottom = (2.55 * (rows - 1 - row) + 0.42) / height
        axes = figure.add_axes((left + column * (wide + 0.055), bottom, wide, tall))
        exponent = exponent_of(shown)
        _draw(axes, data, [curve for curve in own if curve.data_set == data.name], looks)
        plain_log_ticks(axes.yaxis, exponent)
        axes.set_xlabel("energy $E$  [TeV]")
        if column == 0:
            axes.set_ylabel(intensity_label(exponent))
    legend_below(figure, _handles(looks, titles_of(run)[item.name]), 2.2)
    return figure


def _components(curves: Sequence[Curve]) -> list[str]:
    """Return the components, those of the sky model first; without the only one, which is the total."""
    names = dict.fromkeys(curve.component for curve in curves if curve.component != TOTAL)
    return sorted(names, key=lambda name: name not in COMPONENTS)  # gas first: it shines most


def _draw(axes: Axes, data: ShownData, curves: Sequence[Curve], looks: dict[str, int]) -> None:
    lowest = 1.0
    for curve in curves:
        tev, scale = curve.energies / 1e3, curve.energies**_POWER
        band = {name: values * scale for name, values in curve.bands.items()}
        if curve.component == TOTAL:
            style: dict[str, Any] = {"color": "0.15", "linewidth": 1.3}
            axes.fill_between(tev, band["low68"], band["high68"], color="0.15", alpha=0.2, linewidth=0)
            top = float(band["median"].max())
        else:
            own = look(looks[curve.component])
            style = {"color": own.colour, "linestyle": own.line}
            axes.fill_between(tev, band["low68"], band["high68"], color=own.colour, alpha=0.25, linewidth=0)
        axes.plot(tev, band["median"], **style)
        lowest = min(lowest, float(band["median"].min()))
    draw_data(axes, data)
    frame(axes, data, [curve.energies for curve in curves], 1.0)
    # a component that is next to nothing does not push the others together
    axes.set_ylim(max(0.6 * lowest, top / 300.0), axes.get_ylim()[1])
    plain_log_ticks(axes.xaxis, 0)


def _handles(looks: dict[str, int], title: str) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color="black", linestyle="", marker="o", markersize=3, label="data")]
    handles.append(Line2D([], [], color="0.15", linewidth=1.3, label=f"total: {title}"))
    for name, index in looks.items():
        words = plain_text(component_words(name))
        handles.append(Line2D([], [], color=look(index).colour, linestyle=look(index).line, label=words))
    return handles


def component_section(_directory: Path, summary: RunSummary) -> Section:
    """Return what the page says."""
    captions = {
        f"{_STEM}{item.name}": (
            f"{item.title or item.name}: what the emission is made of. Lines: median of the posterior; bands: 68 %. "
            "Points: data, with systematic errors in grey."
        )
        for item in summary.hypotheses
    }
    return Section("Components of the emission", figures=captions)
