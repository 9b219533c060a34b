"""A table of measurements as it stands in a file of another format: names, numbers, units, and nothing made of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.content.printed_units import is_unit
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

__all__ = ["ForeignColumn", "ForeignTable", "is_number", "numbers_of", "split_unit"]

_BRACKETS: Final = (re.compile(r"^(.*?)\s*\[([^\[\]]*)\]\s*$"), re.compile(r"^(.*?)\s*\((.*)\)\s*$"))
_TRUE: Final = {"true", "t", "yes", "1", "1.0"}
_FALSE: Final = {"false", "f", "no", "0", "0.0", ""}


@dataclass(frozen=True, eq=False)
class ForeignColumn:
    """A column as it stands in a file.

    Attributes
    ----------
    values
        [n_rows]; NaN where a cell is empty; 0 and 1 for flags.
    unit
        As printed; None when the file gives none.
    """

    values: Float64
    unit: str | None = None


@dataclass(frozen=True, eq=False)
class ForeignTable:
    """A table as it stands in a file.

    Attributes
    ----------
    kind
        "gadf" (FITS and ECSV), "hepdata" or "csv".
    columns
        By name, in order.
    metadata
        What the file says besides.
    """

    path: Path
    kind: Literal["gadf", "hepdata", "csv"]
    columns: Mapping[str, ForeignColumn]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def split_unit(name: str) -> tuple[str, str | None]:
    """Return the name and the unit of a heading such as "E [TeV]"; brackets without a unit stay in the name."""
    for pattern in _BRACKETS:
        match = pattern.match(name)
        if match and match[1] and is_unit(match[2]):
            return match[1], match[2]
    return name, None


def numbers_of(path: Path, name: str, cells: Sequence[str]) -> Float64:
    """Return the numbers of a column, NaN for empty cells; words such as true count as 1.

    Raises
    ------
    UserError
        Naming file, column, row and cell, when one is no number.
    """
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if is_number(cell):
            values[row] = float(cell)
        elif cell.lower() in _TRUE - {"1", "1.0"}:
            values[row] = 1.0
        elif cell.lower() in _FALSE - {"0", "0.0", ""}:
            values[row] = 0.0
        elif cell.lower() not in {"", "-", "--", "nan", "none"}:
            raise UserError(
                f"{path}: column {name!r}, row {row + 1}: {cell!r} is no number",
                valid="the digits 0 to 9, a point, a sign and e, as in 1.5e-7",
                fix="give upper limits a column of their own, and say which points are limits in a column is_ul"
                if cell.startswith("<")
                else "",
            )
    return values


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number in the digits 0 to 9."""
    return re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", cell) is not None
