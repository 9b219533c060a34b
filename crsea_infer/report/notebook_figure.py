"""Figures that belong to no window, and that a notebook shows as the value of a cell all the same.

A notebook draws figures of pyplot by itself, and only those. Figures here never touch pyplot, whose state is the
user's; so they say how they look.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["NotebookFigure"]

_DPI: Final = 130
"""Of the picture in a notebook: what is 7 inches wide fills a column of text on a screen."""


class NotebookFigure(Figure):
    """A figure with a canvas of its own, drawn by Agg."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height))
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        """Return the picture as a notebook shows it."""
        from crsea_infer.report.style import styled

        stream = BytesIO()
        with styled():  # fonts are looked up when a figure is drawn
            self.savefig(stream, format="png", dpi=_DPI)
        return stream.getvalue()
