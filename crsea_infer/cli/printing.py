"""How commands print what they found: a console, tables, and texts of files that act on no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.support.names import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["new_table", "shown_text", "wide_console"]


def wide_console() -> Console:
    """Return a console that wraps at the terminal's width, and late when the output goes to a file or a pipe."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # for the command line to deal with, instead of rich's exit with status 1

    console = Plain(highlight=False, emoji=False)
    return console if console.is_terminal else Plain(highlight=False, width=160, emoji=False)


def shown_text(text: str) -> str:
    """Return a text as it is to be shown: no part of it is taken for markup, and none acts on the terminal."""
    from rich.markup import escape

    return escape(visible(text))


def new_table(title: str, *columns: str) -> Table:
    """Return an empty table; its first column is never broken."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    return table
