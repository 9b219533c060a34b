"""What a finding says to the reader, in one form for the page and for the console.

A :class:`Section` is a heading with words, tables and figures. Whatever a run finds beyond its evidences (nested
hypotheses, tensions, leave-one-out, ...) becomes one, so that a new finding needs no change of the page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Section", "SectionTable"]


@dataclass(frozen=True)
class SectionTable:
    """A table as it is read: texts, in columns.

    Attributes
    ----------
    columns
        Headings.
    rows
        As many texts per row as there are columns.
    numbers
        Headings of the columns that stand to the right.
    title
        For the console, where a table may stand far from its heading.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()
    title: str = ""


@dataclass(frozen=True)
class Section:
    """One heading of the page.

    Attributes
    ----------
    title
        The heading.
    tables
        Shown first.
    words
        Paragraphs below the tables.
    figures
        Name of each figure in `figures/`, without suffix, and its caption.
    cautions
        What a reader must know before believing the numbers; shown at the top of the page and on the console.
    on_console
        Whether the console shows the tables and words too.
    """

    title: str
    tables: tuple[SectionTable, ...] = ()
    words: tuple[str, ...] = ()
    figures: Mapping[str, str] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()
    on_console: bool = False
