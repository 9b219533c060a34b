"""Corner figures: the posterior of each hypothesis, and all hypotheses on the parameters they share.

With twenty parameters a corner is a wall. The figure for the paper shows at most eight: transport and gas, and those on
which the data say most beyond the prior; the full one is written beside it. Parameters that span decades are drawn as
their logarithm.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.content.labels import unit_in_tex
from crsea_infer.hypotheses.variants import VARIANT
from crsea_infer.report.figures.corner_parts import (
    LEVELS,
    PRIOR_LINE,
    PUBLISHED_LINE,
    columns_of,
    density_of,
    faded,
    inner_ticks,
    is_large,
    label_of,
    prior_density,
    ranges_of,
)
from crsea_infer.report.figures.corner_sheet import Grid, Inner, draw_inner, is_inner
from crsea_infer.report.layout.figure_words import legend_words, wrapped
from crsea_infer.report.layout.style import FEW, INDEXED, LONG, PAGE, Look, look, new_figure
from crsea_infer.report.results.shown_run import common_words
from crsea_infer.support.loading import load_arviz

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.report.results.shown_run import Drawn, ShownHypothesis, ShownRun
    from crsea_infer.report.results.summary import RunSummary
    from crsea_infer.support.arrays import Float64

__all__ = [
    "AT_MOST",
    "chosen_parameters",
    "draw_corner",
    "figure_names",
    "figures",
    "full_figures",
]

AT_MOST = 8
"""Parameters in a figure for a paper."""

_LEFT, _BOTTOM = 0.82, 0.74  # inches
_LETTERS = 44  # of a line of the legend, which stands above the diagonal
_LETTERS_OF_MANY = 56
_OVERLAY, _WHOLE = "corner_overlay", "_all"


def figure_names(summary: RunSummary) -> dict[str, str]:
    """Return figure name -> caption."""
    names = {}
    if len(summary.hypotheses) > 1 and len(_shared(summary)) > 1:
        names["corner_overlay"] = "Posteriors of all hypotheses on parameters that mean the same in each. " + (
            "Contours: 39 % and 86 % (one and two sigma in two dimensions)."
            if len(summary.hypotheses) <= FEW
            else "Contours: 86 % (two sigma in two dimensions)."
        )
        names["corner_overlay"] += f"{common_words(summary)}{summary.unconverged_shown}"
    for item in summary.hypotheses:
        chosen = chosen_parameters(item, summary)
        n = len(_drawable(item))
        if n == 0:  # a hypothesis of fixed parameters has no posterior to draw
            continue
        which = (
            f"Shown are {len(chosen)} of its {n} parameters: transport, gas, and those on which the data say most"
            * (len(chosen) < n)
        )
        names[f"corner_{item.name}"] = (
            f"Posterior of {item.title or item.name} ({item.shown_words}). {which}{'.' if which else ''} "
            "Grey: prior. Dashed: published values."
        )
    return names


def full_figures(summary: RunSummary) -> list[str]:
    """Return the files of the corners of all parameters, of hypotheses with more than the paper's figure shows."""
    return [
        f"figures/corner_{item.name}_all.pdf"
        for item in summary.hypotheses
        if len(chosen_parameters(item, summary)) < len(_drawable(item))
    ]


def figures(run: ShownRun) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name: a corner per hypothesis, one of all its parameters, and one of all."""
    found: dict[str, Callable[[], Figure]] = {}
    for index, item in enumerate(run.hypotheses):
        solid, chosen, names = [replace(look(index), line="-")], chosen_parameters(item, run), _drawable(item)
        if chosen:
            found[f"corner_{item.name}"] = partial(draw_corner, [item], chosen, solid, PAGE, with_prior=True)
        if len(chosen) < len(names):
            width = 0.8 * len(names)
            found[f"corner_{item.name}{_WHOLE}"] = partial(draw_corner, [item], names, solid, width, with_prior=True)
    if len(run.hypotheses) > 1 and len(_shared(run)) > 1:
        found[_OVERLAY] = partial(overlay, run)
    return found


def overlay(run: ShownRun) -> Figure:
    """Draw all hypotheses on the parameters they share; many of them with lines of their own, and nothing filled."""
    looks = [look(index) for index in range(len(run.hypotheses))]
    if len(looks) <= FEW:
        looks = [replace(one, line="-") for one in looks]
    return draw_corner(run.hypotheses, _shared(run), looks, PAGE, with_prior=False)


def _drawable(item: Drawn) -> list[str]:
    """Return the parameters that have a density; the number of a variant has shares, which stand in a table."""
    return [name for name in item.names if name != VARIANT]


def chosen_parameters(item: ShownHypothesis, run: ShownRun) -> list[str]:
    """Return the parameters worth a reader's time, in the order of the posterior."""
    names = _drawable(item)
    if len(names) <= AT_MOST:
        return names
    return _worth_showing(names, dict(zip(item.names, item.informativeness.tolist(), strict=True)), run)


def _shared(run: ShownRun) -> list[str]:
    """Return parameters that mean the same in all hypotheses: a third slope may lie elsewhere in another spectrum."""
    first, *others = run.hypotheses
    meaning = [{one.name: (one.description, one.unit) for one in item.parameters} for item in others]
    common = [
        parameter.name
        for parameter in first.parameters
        if parameter.name != VARIANT
        and all(other.get(parameter.name) == (parameter.description, parameter.unit) for other in meaning)
    ]
    if len(common) <= AT_MOST:
        return common
    says = {
        name: max(float(item.informativeness[item.names.index(name)]) for item in run.hypotheses) for name in common
    }
    return _worth_showing(common, says, run)


def _worth_showing(names: Sequence[str], says: Mapping[str, float], run: ShownRun) -> list[str]:
    """Choose transport and gas, and those on which the data say most; keep the order."""
    always = [name for name in names if name in run.transport or name.endswith("_scale")]
    others = sorted((name for name in names if name not in always), key=lambda name: -says[name])
    kept = {*always, *others[: max(AT_MOST - len(always), 0)]}
    return [name for name in names if name in kept]


def draw_corner(
    items: Sequence[Drawn], names: Sequence[str], looks: Sequence[Look], width: float, *, with_prior: bool
) -> Figure:
    """Draw a corner.

    Parameters
    ----------
    items
        Hypotheses.
    names
        Parameters that all of them have.
    looks
        Of each hypothesis.
    width
        Inches.
    with_prior
        Whether prior and published values of the first are drawn too.
    """
    parameters = [items[0].parameters[items[0].names.index(name)] for name in names]
    n = len(names)
    as_log = [is_large(items, name) for name in names]
    samples = [columns_of(item, names, as_log) for item in items]
    published = [
        float(np.log10(parameter.fiducial)) if logarithmic else parameter.fiducial
        for parameter, logarithmic in zip(parameters, as_log, strict=True)
    ]
    ranges = ranges_of(samples, published if with_prior else None)
    figure = new_figure(width, width)
    panels = Grid(n, width, _LEFT, _BOTTOM, 0.08, 0.08)
    grid = panels.add_to(figure)
    has_sheet = n > AT_MOST  # most panels carry no numbers, and need no axes of their own
    if has_sheet:
        draw_inner(figure, panels, Inner(parameters, as_log, ranges, samples, published), looks, with_prior=with_prior)
    for row in range(n):
        for column in range(row + 1):
            if has_sheet and is_inner(row, column, n):
                continue
            axis = figure.add_subplot(grid[row, column])
            if row == column:
                _draw_diagonal(axis, [drawn[:, row] for drawn in samples], ranges[row], looks)
                if with_prior:
                    _draw_prior(axis, parameters[row], ranges[row], as_log=as_log[row])
            else:
                pairs = [drawn[:, [column, row]] for drawn in samples]
                _draw_pair(axis, pairs, [ranges[column], ranges[row]], looks)
            if with_prior:
                _mark_published(axis, published, row, column)
            _set_ticks(axis, row, column, n)
            if row == n - 1:
                axis.set_xlabel(label_of(parameters[column], as_log=as_log[column]), fontsize=INDEXED)
                axis.xaxis.set_label_coords(0.5, -0.50 / ((width - _BOTTOM) / n))
            if column == 0 and row > 0:
                axis.set_ylabel(label_of(parameters[row], as_log=as_log[row]), fontsize=INDEXED)
                axis.yaxis.set_label_coords(-0.60 / ((width - _LEFT) / n), 0.5)
    _explain(
        figure,
        items,
        looks,
        [one for one, logarithmic in zip(parameters, as_log, strict=True) if logarithmic],
        with_prior=with_prior,
    )
    return figure


def _explain(
    figure: Figure, items: Sequence[Drawn], looks: Sequence[Look], large: Sequence[Parameter], *, with_prior: bool
) -> None:
    """Write the legend, and below it the units of logarithms that do not fit into the labels."""
    from matplotlib.lines import Line2D

    words = legend_words({item.name: item.title for item in items})
    letters, size = (_LETTERS, 9.0) if len(items) <= FEW else (_LETTERS_OF_MANY, 7.0)
    handles: list[Any] = [
        Line2D([], [], color=own.colour, linestyle=own.line, linewidth=1.6, label=wrapped(words[item.name], letters))
        for item, own in zip(items, looks, strict=True)
    ]
    if with_prior:
        handles.append(Line2D([], [], color="0.55", linewidth=1.0, label="prior"))
        handles.append(Line2D([], [], color="black", linewidth=0.7, linestyle="--", label="published value"))
    options: dict[str, Any] = {} if len(items) <= FEW else {"handlelength": LONG}
    legend = figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.985, 0.985), fontsize=size, **options)
    notes = [
        rf"${parameter.label}$ in $\mathrm{{{unit_in_tex(parameter.unit)}}}$"
        for parameter in large
        if "^" in parameter.unit
    ]
    if notes:
        bottom = legend.get_window_extent().transformed(figure.transFigure.inverted()).y0
        figure.text(0.985, bottom - 0.01, "\n".join(notes), ha="right", va="top", fontsize=INDEXED)


def _draw_diagonal(axis: Axes, samples: Sequence[Float64], limits: tuple[float, float], looks: Sequence[Look]) -> None:
    """Draw the density of one parameter for each hypothesis."""
    tallest = 0.0
    for drawn, own in zip(samples, looks, strict=True):
        centres, density = density_of(drawn, limits)
        axis.plot(centres, density, color=own.colour, linestyle=own.line, linewidth=1.1)
        if len(looks) <= FEW:
            axis.fill_between(centres, density, color=own.colour, alpha=0.15, linewidth=0)
        tallest = max(tallest, float(density.max()))
    axis.set_xlim(limits)
    axis.set_ylim(0.0, 1.12 * tallest)


def _draw_pair(
    axis: Axes, samples: Sequence[Float64], limits: Sequence[tuple[float, float]], looks: Sequence[Look]
) -> None:
    """Draw contours of two parameters for each hypothesis."""
    load_arviz()  # corner imports it
    from corner import hist2d

    few = len(looks) <= FEW
    for drawn, own in zip(samples, looks, strict=True):
        hist2d(
            drawn[:, 0],
            drawn[:, 1],
            bins=26,
            range=list(limits),
            ax=axis,
            color=own.colour,
            levels=LEVELS if few else LEVELS[1:],
            smooth=1.2,
            plot_datapoints=False,
            plot_density=False,
            fill_contours=few,
            no_fill_contours=True,
            contour_kwargs={"linewidths": 0.8, "linestyles": [own.line]},
            contourf_kwargs={"colors": ["none", faded(own.colour, 0.22), faded(own.colour, 0.5)]} if few else None,
        )
    axis.set_xlim(limits[0])
    axis.set_ylim(limits[1])


def _draw_prior(axis: Axes, parameter: Parameter, limits: tuple[float, float], *, as_log: bool) -> None:
    grid, density = prior_density(parameter, limits, as_log=as_log)
    axis.plot(grid, density, **PRIOR_LINE)
    axis.set_ylim(0.0, max(axis.get_ylim()[1], 1.12 * float(density.max())))


def _mark_published(axis: Axes, published: Sequence[float], row: int, column: int) -> None:
    axis.axvline(published[column], **PUBLISHED_LINE)
    if row != column:
        axis.axhline(published[row], **PUBLISHED_LINE)


def _set_ticks(axis: Axes, row: int, column: int, n: int) -> None:
    """Give numbers to the outer panels only, few enough and far enough from the corners never to touch."""
    axis.tick_params(labelsize=7, length=2, which="both", top=False, right=False)
    axis.set_xticks(inner_ticks(*axis.get_xlim()))
    axis.tick_params(axis="x", labelbottom=row == n - 1, labelrotation=50)
    if row == column:
        axis.set_yticks([])
        return
    axis.set_yticks(inner_ticks(*axis.get_ylim()))
    axis.tick_params(axis="y", labelleft=column == 0)
