"""How figures look: journal widths, legible type, colours that colour-blind readers can tell apart.

Figures are drawn with matplotlib's Agg canvas, in no window and no list of figures, whatever backend the environment
or the user's settings ask for; what the user draws beside in the same process keeps theirs.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.report.layout.figure_words import wrapped
from crsea_infer.support.files import atomic_path
from crsea_infer.support.loading import load_matplotlib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "COLUMN",
    "FEW",
    "LETTER",
    "LONG",
    "PAGE",
    "RESOLUTION",
    "Look",
    "legend_below",
    "legend_size",
    "look",
    "marker_size",
    "new_figure",
    "plain_log_ticks",
    "save",
    "styled",
]

COLUMN = 3.35
"""Width of a journal column, inches."""

PAGE = 7.0
"""Width of a journal page, inches."""

RESOLUTION: Final = 300
"""Of figures in pixels, per inch."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito (2008), in an order whose first two also differ in lightness."""

INDEXED: Final = 8.6
"""Points of text with indices or exponents, which are 7/10 as large: 6 points, the least that journals print."""

FEW: Final = len(COLOURS)
"""Up to so many hypotheses each has a colour of its own, and there is room for all that can be said of each."""

LONG: Final = 3.2
"""Length of the lines in a legend, in font sizes, at which a marker leaves the line style visible."""

LETTER: Final = 3.7
"""Mean width of a letter of a legend, points."""

_TICKS: Final[tuple[tuple[float, tuple[float, ...]], ...]] = (
    (1.9, (1.0,)),
    (1.4, (1.0, 3.0)),
    (0.6, (1.0, 2.0, 5.0)),
    (0.35, (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)),
    (0.0, (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)),
)
_LINES = (
    ("-", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (6, 2)), "-", "-."),
    ((0, (1, 1)),) * 6,
    ((0, (3, 1)),) * 6,
)
_MARKERS = ("os^Dv<", "XP*>pd", "d>pX*P")
_CROSSES = "x+1"

_RC: dict[str, Any] = {
    "font.family": "serif",
    "font.serif": ["STIXGeneral", "DejaVu Serif"],
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": INDEXED,
    "ytick.labelsize": INDEXED,
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
    "savefig.dpi": RESOLUTION,
    "figure.facecolor": "white",
}


@dataclass(frozen=True)
class Look:
    """How one of several hypotheses looks in every figure.

    Attributes
    ----------
    colour, line, marker, cross
        As matplotlib takes them; the cross marks what is withheld.
    """

    colour: str
    line: str | tuple[int, tuple[int, ...]]
    marker: str
    cross: str


def look(index: int) -> Look:
    """Return the look of hypothesis number `index`: first all colours, then the colours again with other lines.

    Eighteen are distinct, each by its colour and, within a colour, by line, marker and cross alike.
    """
    place = index % len(COLOURS)
    turn = index // len(COLOURS) % len(_LINES)
    return Look(COLOURS[place], _LINES[turn][place], _MARKERS[turn][place], _CROSSES[turn])


def marker_size(size: float, n: int) -> dict[str, Any]:
    """Return the size and edge of the markers of `n` hypotheses: `size` for few, in points.

    Those of many have a thin edge, since a wide one rounds off what tells their shapes apart.
    """
    return {"markersize": size} if n <= FEW else {"markersize": 3.6, "markeredgewidth": 0.2}


def legend_size(handles: Sequence[Any], width: float, **options: Any) -> tuple[int, float]:
    """Return the number of columns, four at most, in which a legend fits a width, and its height in inches then.

    Parameters
    ----------
    handles
        What stands in the legend, each with its label.
    width
        Inches.
    options
        As for the legend itself.
    """
    figure = new_figure(width, width)
    for columns in range(min(len(handles), 4), 0, -1):
        legend = figure.legend(handles=handles, ncols=columns, borderaxespad=0.0, **options)
        box = legend.get_window_extent()
        if box.width <= figure.bbox.width:
            break
        legend.remove()
    return columns, box.height / figure.dpi


def legend_below(figure: Figure, handles: Sequence[Any], length: float = LONG) -> None:
    """Make a figure taller, its panels as they are, and put a legend into the room below them.

    Parameters
    ----------
    figure
        Whose panels stand where they were put.
    handles
        What stands in the legend, each with its label.
    length
        Of the lines, in font sizes.
    """
    width, height = figure.get_size_inches()
    letters = int((72.0 * width - 7.5 * (length + 1.5)) / LETTER)
    for one in handles:
        one.set_label(wrapped(str(one.get_label()), letters))
    columns, room = legend_size(handles, width, handlelength=length, columnspacing=1.4)
    room += 0.06
    whole = height + room
    panels = [(panel, panel.get_position()) for panel in figure.axes]
    figure.set_figheight(whole)
    for panel, box in panels:
        panel.set_position((box.x0, (box.y0 * height + room) / whole, box.width, box.height * height / whole))
    options = {"handlelength": length, "columnspacing": 1.4, "borderaxespad": 0.2}
    figure.legend(handles=handles, loc="lower center", ncols=columns, **options)


def plain_log_ticks(axis: Axis, exponent: int) -> None:
    """Write the numbers of a logarithmic axis in units of a power of ten, few enough never to touch.

    Matplotlib writes 4 × 10^-5 at each of them, which is wider than the space between panels. The limits of the axis
    are set before.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    subs = next((one for least, one in _TICKS if decades > least), _TICKS[-1][1])
    axis.set_major_locator(LogLocator(subs=subs, numticks=100))
    axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=100))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value / 10.0**exponent)))
    axis.set_minor_formatter(NullFormatter())


def _plain(value: float) -> str:
    """Return a number for a tick; a power of ten where it would be long."""
    rounded = f"{float(f'{value:.3g}'):g}"  # 1000, which .3g makes 1e+03
    return rounded if 1e-3 < value < 9e3 else rf"$10^{{{math.log10(value):.0f}}}$"


@contextmanager
def styled() -> Iterator[None]:
    """Use the project's style inside the block, whatever the user's own settings are."""
    mpl = load_matplotlib()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return a figure that belongs to no window and to no global list of figures."""
    load_matplotlib()
    from crsea_infer.report.layout.notebook_figure import NotebookFigure

    return NotebookFigure(width, height, styled)


def save(figure: Figure, folder: Path, name: str, suffixes: Sequence[str] = (".pdf", ".png")) -> None:
    """Write NAME.pdf and NAME.png (300 dpi), or what else is asked for, such as .svg, each whole or not at all."""
    metadata = {".pdf": {"CreationDate": None}, ".png": {"Software": None}, ".svg": {"Date": None}}
    for suffix in suffixes:
        with atomic_path(folder / f"{name}{suffix}") as path:
            figure.savefig(path, dpi=RESOLUTION, metadata=metadata[suffix])
