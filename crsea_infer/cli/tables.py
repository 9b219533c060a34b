"""What the commands show on a terminal: consoles that know their width, and tables that fit it without split words.

The width is that of the terminal, or what COLUMNS says; where neither is known (a file, a pipe), lines are long, for
whoever searches them. A table whose columns cannot stand side by side with their words whole is shown row by row: the
first cell as a heading, the others below it with their names.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from crsea_infer.support.names import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console

__all__ = ["count_words", "new_console", "say", "show_table"]

_WIDE: Final = 160
"""Width of what goes to a file or a pipe."""
_NARROWEST: Final = 20
_GAP: Final = 2
_ERROR: Final = "not valid: "


def new_console() -> Console:
    """Return a console as wide as its terminal or as COLUMNS says, and wide where neither tells."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # for the command line to deal with, instead of rich's exit with status 1

    width = _asked_width()
    if width is None and not Console(width=_WIDE).is_terminal:
        width = _WIDE
    others = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return Plain(highlight=False, emoji=False, width=width, _environ=others)


def _asked_width() -> int | None:
    """Return what COLUMNS says; None when it says nothing of use."""
    asked = os.environ.get("COLUMNS", "")
    return max(int(asked), _NARROWEST) if asked.isascii() and asked.isdigit() and int(asked) > 0 else None


def say(console: Console, words: str, head: str = "") -> None:
    """Print a line of words as it is, behind a heading if there is one; where the width is known, it breaks at it."""
    from rich.text import Text

    line = Text.assemble((f"{head}  " if head else "", "bold"), words)
    console.print(line, soft_wrap=not console.is_terminal and _asked_width() is None)


def count_words(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count_words(1, "hypothesis", "hypotheses"), count_words(2, "run")
    ('1 hypothesis', '2 runs')
    """
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def show_table(
    console: Console,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Collection[str] = (),
) -> None:
    """Print a table that no word of is split, side by side or, where that does not fit, row by row.

    Parameters
    ----------
    console
        Where to.
    title
        Above it; empty for none.
    columns
        Headings.
    rows
        As many texts each as there are columns; nothing in them is taken for markup or acts on the terminal.
    numbers
        Headings of the columns that stand to the right.
    """
    texts = [[visible(text) for text in row] for row in rows]
    widths = _widths(columns, texts, console.width)
    if title:
        console.print(f"{visible(title)}", markup=False, style="bold")
    if widths is None:
        _show_rows(console, columns, texts)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for name, width in zip(columns, widths, strict=True):
        table.add_column(Text(visible(name)), width=width, justify="right" if name in numbers else "left")
    for row in texts:
        table.add_row(*(Text(text, style="red" if text.startswith(_ERROR) else "") for text in row))
    console.print()
    console.print(table)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], available: int) -> list[int] | None:
    """Return the widths of columns that let every word stand whole; None when they do not fit.

    The widest columns give way first. The first column, of names, does not.
    """
    from rich.cells import cell_len

    cells = [[name, *(row[number] for row in rows)] for number, name in enumerate(columns)]
    whole = [max(map(cell_len, texts)) for texts in cells]
    least = [max(_longest_word(text) for text in texts) for texts in cells]
    least[0] = whole[0]
    room = available - _GAP * (len(columns) - 1)
    if sum(least) > room:
        return None
    widths = list(whole)
    while sum(widths) > room:
        widest = max((width, number) for number, width in enumerate(widths) if width > least[number])[1]
        widths[widest] -= 1
    return widths


def _longest_word(text: str) -> int:
    """Return the width of the longest word; an error may be folded anywhere, so that it changes no table."""
    from rich.cells import cell_len

    return 0 if text.startswith(_ERROR) else max(map(cell_len, text.split()), default=0)


def _show_rows(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    for row in rows:
        console.print()
        console.print(Text(row[0], style="bold"))
        told = Table.grid(padding=(0, _GAP, 0, 0))
        told.add_column(no_wrap=True, style="dim")
        told.add_column(overflow="fold")
        for name, text in zip(columns[1:], row[1:], strict=True):
            if text:
                told.add_row(visible(name), Text(text, style="red" if text.startswith(_ERROR) else ""))
        console.print(Padding(told, (0, 0, 0, _GAP)))
