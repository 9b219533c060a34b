"""How figures look: journal widths, legible type, colours that colour-blind readers can tell apart."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crsea_infer.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

__all__ = ["COLOURS", "COLUMN", "LINES", "PAGE", "new_figure", "save", "styled"]

COLUMN = 3.4
"""Width of a journal column, inches."""

PAGE = 7.0
"""Width of a journal page, inches."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito (2008), in an order whose first two also differ in lightness."""

LINES = ("-", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (6, 2)), "-", "-.")
"""Line styles that go with the colours."""

_RC: dict[str, Any] = {
    "font.family": "serif",
    "font.serif": ["STIXGeneral", "DejaVu Serif"],
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
    "figure.facecolor": "white",
}


@contextmanager
def styled() -> Iterator[None]:
    """Use the project's style inside the block, whatever the user's own settings are."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return a figure that belongs to no window and to no global list of figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, folder: Path, name: str, suffixes: Sequence[str] = (".pdf", ".png")) -> None:
    """Write NAME.pdf and NAME.png (300 dpi), each whole or not at all."""
    metadata = {".pdf": {"CreationDate": None}, ".png": {"Software": None}}
    for suffix in suffixes:
        with atomic_path(folder / f"{name}{suffix}") as path:
            figure.savefig(path, dpi=300, metadata=metadata[suffix])
