"""Tables on disk as ECSV: every column with unit and description, the run's identity in the header.

A table is described by its columns, so that the file and the documentation of the file are one thing; numbers that do
not exist are nan, never absent.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_write, check_regular
from crsea_infer.support.names import check_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Column", "read_table", "write_table"]


@dataclass(frozen=True)
class Column:
    """One column: what it holds, of which type and in which unit."""

    description: str
    kind: type[str | int | float | bool] = float
    unit: str = ""


def write_table(
    path: Path, columns: Mapping[str, Column], rows: Sequence[Mapping[str, Any]], meta: Mapping[str, str]
) -> None:
    """Write rows, whole or not at all; keys of a row that are no column are left out."""
    from astropy import table as astropy_table

    table = astropy_table.Table(meta=dict(meta))
    for name, column in columns.items():
        values = np.array([row[name] for row in rows], dtype=column.kind)
        table[name] = astropy_table.Column(values, unit=column.unit or None, description=column.description)
    stream = io.StringIO()
    table.write(stream, format="ascii.ecsv")
    atomic_write(path, stream.getvalue())


def read_table(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a table, as plain numbers and texts.

    Raises
    ------
    UserError
        When the file is absent or damaged.
    """
    from astropy.table import Table

    try:
        check_regular(path)
        table = Table.read(path, format="ascii.ecsv")
        columns = {name: _plain(table[name]) for name in table.colnames}
        check_texts(columns, str(path))
        return [{name: values[number] for name, values in columns.items()} for number in range(len(table))]
    except FileNotFoundError as error:
        raise UserError(
            f"there is no {path}", valid="the output directory of a finished run", fix="run it to its end first"
        ) from error
    except (ValueError, KeyError, TypeError, OSError, AttributeError) as error:
        raise UserError(
            f"{path} cannot be read: {error}",
            valid=f"the {path.name} of a finished run",
            fix="delete it and run again: it is made anew",
        ) from error


def _plain(column: Any) -> list[Any]:
    """Return the values of a column; empty texts, which ECSV takes for missing, as they were."""
    if np.asarray(column).dtype.kind in "US" and hasattr(column, "filled"):
        column = column.filled("")
    return list(np.asarray(column).tolist())
