"""What every figure must be: within its canvas, legible, and in words."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text

from crsea_infer.report.layout.style import COLUMN, PAGE, styled

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST = 6.0
"""Points of the smallest letters that a journal prints."""


def smallest_letters(text: Any) -> float:
    """Return the size in points of the smallest letters of a text: of its indices and exponents, where it has any."""
    size = float(text.get_fontsize())
    for line in text.get_text().split("\n"):
        if line.count("$") - line.count("\\$") >= 2:
            drawn = MathTextParser("path").parse(line, 72.0, text.get_fontproperties())
            size = min([size, *(glyph[1] for glyph in drawn.glyphs)])
    return size


def check_text(figure: Any) -> float:
    """Check that all text is at least 7 points, inside the figure, and that tick labels of an axis do not touch."""
    figure.canvas.draw()
    frame = figure.bbox
    for text in figure.findobj(Text):
        if not (text.get_text() and text.get_visible()):
            continue
        assert text.get_fontsize() >= 7.0, text
        if _is_drawn(text, figure):
            assert smallest_letters(text) >= LEAST, f"{text}: {smallest_letters(text):.2f} points"
        box = text.get_window_extent()
        inside = box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1
        assert inside or not _is_drawn(text, figure), text
    for axes in figure.axes:
        labels = [label for label in axes.get_yticklabels() if label.get_text() and _is_drawn(label, figure)]
        boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
        assert all(low.y1 <= high.y0 + 0.5 for low, high in pairwise(boxes))
    return float(figure.get_size_inches()[0])


def check_figure(figure: Any, machine_names: Iterable[str], *, any_width: bool = False) -> list[str]:
    """Check the width, and that all text is inside, large enough and without machine names; return the texts."""
    with styled():
        figure.canvas.draw()
        frame = figure.bbox
        if not any_width:
            assert figure.get_figwidth() in (COLUMN, PAGE)
        shown = []
        for text in figure.findobj(Text):
            words = text.get_text()
            if not (words.strip() and text.get_visible() and text.figure is not None and _is_drawn(text, figure)):
                continue
            assert smallest_letters(text) >= LEAST, f"{words}: {smallest_letters(text):.2f} points"
            box = text.get_window_extent()
            inside = box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1
            assert inside, f"{words!r} reaches over the edge: {box} of {frame}"
            assert not any(name in words for name in machine_names), words
            shown.append(words)
        return shown


def _is_drawn(text: Any, figure: Any) -> bool:
    """Tell tick labels beyond the limits of their axes, which exist but are not drawn, from what is."""
    for axes in figure.axes:
        if not axes.get_visible() and text in axes.findobj(Text):
            return False
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            if not axes.axison and text in axis.findobj(Text):
                return False
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if text in (tick.label1, tick.label2):
                    return bool(min(low, high) <= tick.get_loc() <= max(low, high))
    return True
