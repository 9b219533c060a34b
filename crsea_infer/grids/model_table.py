"""The table that says which files belong to which model: one row per model, its parameters and its files.

ECSV (with units) or CSV. Columns of numbers are parameters, named as in prior sets; columns of text are files, relative
to the table. An ECSV table may state the ranges of its parameters in its metadata, ``ranges: {halo_height: [2, 12]}``,
and which are spread in their logarithm, ``log: [halo_height]``; otherwise a range is that of the rows. A column whose
value never changes is no parameter; it is kept as provenance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.grids.spectra_grid import Parameter
from crsea_infer.support.array_files import first_words, refusing
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import check_regular, file_digest
from crsea_infer.support.names import check_name, check_texts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

__all__ = ["ModelTable", "read_model_table"]

_LARGEST: Final = 2**28
_LARGEST_NUMBER: Final = 1e300
_LONGEST_NAME: Final = 100
_EXAMPLE: Final = "halo_height,gamma_pi0\n4.7,first_model_pi0.fits.gz"


@dataclass(frozen=True)
class ModelTable:
    """Models of another code.

    Attributes
    ----------
    path
        Of the table.
    parameters
        Names, units, ranges.
    points
        Shape [n_models, n_parameters].
    fixed
        Values of the columns that do not vary, and so are no parameters.
    files
        Column -> one path per model.
    """

    path: Path
    parameters: tuple[Parameter, ...]
    points: Float64
    fixed: Mapping[str, float]
    files: Mapping[str, tuple[Path, ...]]

    @property
    def provenance(self) -> dict[str, Any]:
        """Hashes of the table and of every file."""
        return {
            "table": self.path.name,
            "table_hash": file_digest(self.path),
            "fixed": dict(self.fixed),
            "files": {
                column: [f"{path.name} {file_digest(path)}" for path in paths] for column, paths in self.files.items()
            },
        }


def read_model_table(path: Path) -> ModelTable:
    """Read a table of models.

    Raises
    ------
    UserError
        When it is missing or unreadable, has empty cells, names no files, or files that do not exist.
    """
    table = _open(path)
    numbers = [name for name in table.colnames if table[name].dtype.kind in "fiu"]
    for column in table.itercols():
        _check_column(path, column)
    points = np.array([[float(row[name]) for name in numbers] for row in table]).reshape(len(table), len(numbers))
    if not np.isfinite(points).all():
        row, column = np.argwhere(~np.isfinite(points))[0]
        raise UserError(f"{path}, row {row + 1}: {numbers[column]} is {points[row, column]}", valid="a finite number")
    parameters, fixed = _parameters(path, table, numbers, points)
    varying = [numbers.index(parameter.name) for parameter in parameters]
    return ModelTable(path, parameters, points[:, varying], fixed, _files(path, table))


def _open(path: Path) -> Any:
    """Return the table, known to have rows and no empty cell."""
    from astropy.table import Table

    check_regular(path)
    if not path.is_file():
        raise UserError(f"there is no table of models {path}", valid="an ECSV or CSV table with one row per model")
    if path.stat().st_size > _LARGEST:
        raise UserError(f"{path} has {path.stat().st_size / 2**20:.0f} MiB", valid=f"at most {_LARGEST >> 20} MiB")
    with refusing(f"{path} is not a readable table", valid=f"for example\n{_EXAMPLE}"):
        table = Table.read(path, format="ascii.ecsv" if path.suffix == ".ecsv" else "ascii.csv")
    if len(table) == 0:
        raise UserError(f"{path} has no rows", valid="one row per model")
    check_texts([*table.colnames, *map(str, table.meta)], str(path), "name")
    for name in table.colnames:
        if table[name].ndim != 1:
            raise UserError(f"{path}: {name} holds several values in each row", valid="one value in each cell")
        if np.ma.is_masked(table[name]):
            row = int(np.argmax(np.ma.getmaskarray(table[name])))
            raise UserError(f"{path}, row {row + 1}: {name} is empty", valid="a value in every cell")
    return table


def _check_column(path: Path, column: Any) -> None:
    """Refuse columns that are neither numbers nor words, one per row."""
    name = first_words(column.name)
    dtype = getattr(column, "dtype", None)
    number = dtype is not None and (dtype.kind in "iu" or dtype in (np.dtype("f4"), np.dtype("f8")))
    if np.ndim(column) != 1 or dtype is None or not (number or dtype.kind in "US"):
        raise UserError(
            f"{path}: the column {name} holds {dtype or type(column).__name__} of shape {list(np.shape(column)[1:])}",
            valid="numbers in single or double precision, or file names, one per row",
        )
    if name != column.name or not name.strip() or len(name) > _LONGEST_NAME:
        raise UserError(f"{path}: a column is called {column.name[:_LONGEST_NAME]!r}", valid="a short printable name")


def _files(path: Path, table: Any) -> dict[str, tuple[Path, ...]]:
    names = [name for name in table.colnames if table[name].dtype.kind in "US"]
    if not names:
        raise UserError(f"{path} names no files", valid=f"a column of file names, for example\n{_EXAMPLE}")
    files = {name: tuple(path.parent / str(cell) for cell in table[name]) for name in names}
    for name, paths in files.items():
        for row, file in enumerate(paths):
            if not file.is_file():
                raise UserError(
                    f"{path}, row {row + 1}: {name} names {file}, "
                    + ("which is no regular file" if file.exists() else "which does not exist"),
                    valid="file names relative to the table",
                )
    return files


def _parameters(
    path: Path, table: Any, names: list[str], points: Float64
) -> tuple[tuple[Parameter, ...], dict[str, float]]:
    """Return the columns that vary as parameters, and the values of those that do not."""
    ranges, in_log = _stated(path, table, names)
    parameters, fixed = [], {}
    for i, name in enumerate(names):
        lowest, highest = float(points[:, i].min()), float(points[:, i].max())
        low, high = ranges.get(name, (lowest, highest))
        slack = 1e-9 * max(abs(low), abs(high))
        if low == high == lowest == highest:
            fixed[name] = low
            continue
        check_name(name, str(path), "parameter of a grid")
        scale: Literal["linear", "log"] = "log" if name in in_log else "linear"
        parameter = Parameter(name, low, high, first_words(table[name].unit or ""), scale)
        if lowest < low - slack or highest > high + slack:
            raise UserError(
                f"{path}: {name} runs from {lowest:g} to {highest:g}",
                valid=f"{low:g} to {high:g}, the range that its metadata state",
                fix="widen the range, or leave rows out",
            )
        parameters.append(parameter)
    return tuple(parameters), fixed


def _stated(path: Path, table: Any, names: list[str]) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Return the ranges that the metadata of a table state, and the columns that they call logarithmic."""
    ranges, in_log = table.meta.get("ranges", {}), table.meta.get("log", [])
    if not isinstance(ranges, dict) or not isinstance(in_log, list):
        raise UserError(
            f"{path}: the metadata state ranges or log in another form",
            valid="ranges: {halo_height: [2, 12]} and log: [halo_height]",
        )
    for name in [*ranges, *in_log]:
        if name not in names:
            raise UserError(f"{path}: the metadata speak of {first_words(repr(name))}", valid=", ".join(names))
    for name, edges in ranges.items():
        good = isinstance(edges, list) and len(edges) == 2 and all(_is_number(edge) for edge in edges)
        if not good:
            raise UserError(
                f"{path}: the metadata give {name} the range {first_words(repr(edges))}",
                valid="two finite numbers, [lower, upper]",
            )
    return {name: (float(low), float(high)) for name, (low, high) in ranges.items()}, in_log


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST_NUMBER
