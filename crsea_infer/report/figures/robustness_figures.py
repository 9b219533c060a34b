"""The tornado figure of an atlas: what each choice by itself, and with one other, makes of ln B.

One row for each axis. The thin line reaches over all combinations in which the axis differs from what ships, the thick
bar over its options by themselves, and each option is a marker with its words. The upright lines are ln B of what ships
and the average over all choices.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any, cast

from crsea_infer.report.layout.figure_words import typeset, wrapped
from crsea_infer.report.layout.style import COLOURS, COLUMN, new_figure, save, styled
from crsea_infer.support.output_names import TORNADO

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from crsea_infer.report.tables.robustness_tables import AtlasReport

__all__ = ["figure_names", "tornado", "write_figures"]

_ROW, _HEAD, _FOOT = 0.17, 0.42, 0.42  # inches: of an option, above and below the panel
_LINE, _HEADING = 0.20, 54  # inches of a line of the heading, and characters that stand in it
_WORDS = 34  # characters of an option that stand in a column


def figure_names(report: AtlasReport) -> dict[tuple[str, str], str]:
    """Return the figure of each pair of hypotheses with a Bayes factor: the first is called as the figure itself."""
    return {
        pair: TORNADO if number == 0 else f"{TORNADO}_{pair[0]}_{pair[1]}" for number, pair in enumerate(report.factors)
    }


def caption(report: AtlasReport, pair: tuple[str, str]) -> str:
    """Return what a figure shows."""
    n = report.factors[pair].n
    return (
        f"ln B({_pair_words(report, pair)}) under other choices, those that move it most on top. Markers: each option "
        f"by itself. Thin lines: the reach of all {n} combinations in which the axis has another option than what "
        "ships. "
        "Dashed: as shipped; solid: the average over all combinations, each evidence with its prior weight."
    )


def _pair_words(report: AtlasReport, pair: tuple[str, str]) -> str:
    return " : ".join(report.words[name] for name in pair)


def write_figures(folder: Path, report: AtlasReport) -> None:
    """Write the tornado of each pair of hypotheses."""
    for pair, name in figure_names(report).items():
        with styled():
            save(tornado(report, pair), folder, name)


def tornado(report: AtlasReport, pair: tuple[str, str]) -> Figure:
    """Draw ln B of a pair of hypotheses under each choice, within one column."""
    shipped = report.factors[pair].ln_b
    rows = []
    for axis in report.choices.axes:
        options = [
            (option.title, report.ln_b(pair, ((axis.name, option.name),))[0])
            for option in axis.options
            if ((axis.name, option.name),) in report.weights
        ]
        options = [(words, value) for words, value in options if math.isfinite(value)]
        reach = [report.ln_b(pair, one)[0] for one in report.combinations if any(name == axis.name for name, _ in one)]
        known = [value for value in reach if math.isfinite(value)]
        if options:
            rows.append((axis.title, sorted(options, key=lambda item: item[1]), known))
    if math.isfinite(shipped):
        rows.sort(key=lambda row: -max(abs(value - shipped) for _, value in row[1]))
    n_lines = sum(len(options) + 1 for _, options, _ in rows)
    heading = wrapped(_pair_words(report, pair), _HEADING)
    head = _HEAD + _LINE * heading.count("\n")
    height = head + _FOOT + _ROW * n_lines
    figure = new_figure(COLUMN, height)
    panel = figure.add_axes((0.5, _FOOT / height, 0.46, 1.0 - (head + _FOOT) / height))
    words, numbers, y = [], [], 0.0
    for title, options, known in rows:
        words.append(_said(panel, 0.02, y, typeset(title), fontsize=8, fontweight="bold"))
        _reach(panel, y, known)
        for number, (option, value) in enumerate(options, start=1):
            _bar(panel, y + number, value, shipped)
            short = textwrap.shorten(option, _WORDS, placeholder=" ...")
            words.append(_said(panel, 0.04, y + number, typeset(short), fontsize=7))
            numbers.append(_said(panel, 0.5, y + number, _signed(value), fontsize=7, ha="right"))
        y += len(options) + 1
    _finish(panel, report, pair, n_lines, heading)
    _make_room(figure, panel, words, numbers)
    return figure


def _signed(value: float) -> str:
    """Return a number with a true minus sign."""
    return f"{value:.1f}".replace("-", "\u2212")


def _said(panel: Axes, x: float, y: float, words: str, **style: Any) -> Text:
    """Write words beside the panel: x in parts of the figure, y in lines of the panel."""
    from matplotlib.transforms import blended_transform_factory

    place = blended_transform_factory(panel.figure.transFigure, panel.transData)
    return panel.text(x, y, words, transform=place, va="center", clip_on=False, **style)


def _make_room(figure: Figure, panel: Axes, words: list[Text], numbers: list[Text]) -> None:
    """Let the panel begin where the widest words and numbers end."""
    figure.canvas.draw()
    width = figure.bbox.width
    after_words = max((text.get_window_extent().x1 for text in words), default=0.0) / width
    wide = max((text.get_window_extent().width for text in numbers), default=0.0) / width
    ends = after_words + wide + 0.02
    for text in numbers:
        text.set_x(ends)
    box = panel.get_position()
    panel.set_position((ends + 0.02, box.y0, 0.97 - ends - 0.02, box.height))


def _reach(panel: Axes, y: float, known: list[float]) -> None:
    """Draw over what all combinations with the axis reach."""
    panel.plot([min(known), max(known)], [y, y], color="0.55", linewidth=1.0, solid_capstyle="butt")
    for end in (min(known), max(known)):
        panel.plot([end, end], [y - 0.25, y + 0.25], color="0.55", linewidth=1.0)


def _bar(panel: Axes, y: float, value: float, shipped: float) -> None:
    """Draw an option, from what ships to its ln B."""
    start = shipped if math.isfinite(shipped) else value
    colour = COLOURS[0] if value >= start else COLOURS[1]
    panel.barh(y, value - start, left=start, height=0.62, color=colour, alpha=0.85, linewidth=0)
    panel.plot([value], [y], marker="|", color=colour, markersize=7, markeredgewidth=1.4)


def _finish(panel: Axes, report: AtlasReport, pair: tuple[str, str], n_lines: int, heading: str) -> None:
    factor = report.factors[pair]
    panel.set_ylim(n_lines - 0.3, -0.7)
    low, high = min(factor.low, 0.0), max(factor.high, 0.0)
    room = 0.06 * (high - low)
    panel.set_xlim(low - room, high + room)
    panel.set_yticks([])
    panel.axvline(0.0, color="0.8", linewidth=0.6, zorder=0)
    panel.axvline(factor.ln_b, color="0.15", linewidth=0.8, linestyle=(0, (4, 2)), zorder=0.5)
    panel.axvline(factor.averaged, color="0.15", linewidth=0.9, zorder=0.5)
    panel.set_xlabel(r"$\ln B$")
    panel.tick_params(axis="y", left=False, right=False)
    from matplotlib.ticker import MaxNLocator

    panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    figure = cast("Figure", panel.figure)
    top = 1.0 - 0.05 / figure.get_figheight()
    figure.text(0.02, top, heading, fontsize=8, va="top", ha="left")
    second = f"as shipped {_signed(factor.ln_b)} (dashed), averaged {_signed(factor.averaged)} (solid)"
    below = top - (0.16 + _LINE * heading.count("\n")) / figure.get_figheight()
    figure.text(0.02, below, second, fontsize=7.5, va="top", ha="left", color="0.25")
