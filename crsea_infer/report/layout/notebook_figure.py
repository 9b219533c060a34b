"""Figures that belong to no window, and that a notebook shows as the value of a cell all the same.

A notebook draws figures of pyplot by itself, and only those. Figures here never touch pyplot, whose state is the
user's; so they say how they look.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["NotebookFigure"]

_DPI: Final = 130
"""Of the picture in a notebook: what is 7 inches wide fills a column of text on a screen."""


class NotebookFigure(Figure):
    """A figure with a canvas of its own, drawn by Agg in the style that it was made in."""

    def __init__(self, width: float, height: float, styled: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(figsize=(width, height))
        FigureCanvasAgg(self)
        self._styled = styled

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """Write the figure as matplotlib does, in the style that it was made in."""
        with self._styled():  # fonts are looked up when a figure is drawn
            super().savefig(*args, **kwargs)

    def _repr_png_(self) -> bytes:
        """Return the picture as a notebook shows it."""
        stream = BytesIO()
        self.savefig(stream, format="png", dpi=_DPI)
        return stream.getvalue()
