"""How `show` and `init` print what they found: tables, and texts of files that act on no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.support.names import visible

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["new_table", "shown_text"]


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
