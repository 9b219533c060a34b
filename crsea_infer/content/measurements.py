"""Tables of measurements, read from ECSV and checked before anything is computed from them.

A data set's numbers stand in an ECSV table whose columns carry units and descriptions and whose metadata say where the
numbers come from. A table with a missing column, a wrong unit, an empty cell, a NaN, a negative error or a bin out of
order would give a wrong answer without a sound, so each of these is refused with one message that names file, column,
row and value. So are logarithmic units, in which an error has no one meaning, and numbers that only look like numbers:
digits of other scripts, half precision, and what is too large or too small to be squared. What is returned are plain
arrays in the fixed units of the package: GeV, cm, s, sr.
"""

from __future__ import annotations

import copy
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from crsea_infer.content.column_synonyms import fix_for_column, known_as
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import check_regular
from crsea_infer.support.names import check_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

__all__ = ["STATUSES", "Column", "MeasurementTable", "Provenance", "check_bins", "read_table"]

_REACH = (1e-150, 1e150)
"""Between these the squares of numbers are numbers too."""

_ODD = re.compile(r"[^\x00-\x7f]|_")
"""What Python takes for a part of a number and a table of numbers does not have."""

STATUSES = ("published-table", "abstract", "digitised", "unpublished", "counts", "assumption")
"""What is known of numbers: reports print it beside them."""


@dataclass(frozen=True)
class Column:
    """A column that a kind of likelihood reads.

    Attributes
    ----------
    name
        In the table.
    unit
        Canonical unit, as astropy writes it; the table's must be convertible. "" for a number without unit, None for
        true or false.
    sign
        "positive", "non-negative" or "any".
    required
        Whether the table must have it.
    """

    name: str
    unit: str | None
    sign: Literal["positive", "non-negative", "any"] = "any"
    required: bool = True


@dataclass(frozen=True)
class Provenance:
    """Where the numbers of a table come from.

    Attributes
    ----------
    reference
        Bibcode or arXiv identifier.
    table_or_figure
        Of the paper.
    status
        "published-table", "abstract", "digitised", "unpublished" (one's own), "assumption" (of a
        forecast, not measured) or "counts" (of events, made from cubes by
        a command of this package); reports print it.
    transcribed_from
        What was actually read, when it was not the paper itself.
    """

    reference: str
    table_or_figure: str
    status: str
    transcribed_from: str


@dataclass(frozen=True)
class MeasurementTable:
    """A checked table.

    Attributes
    ----------
    path
        Of the file.
    columns
        Arrays [n_rows] in canonical units; optional columns that the table lacks are absent here.
    provenance, metadata
        Where the numbers come from, and all metadata of the table.
    """

    path: Path
    columns: Mapping[str, Float64]
    provenance: Provenance
    metadata: Mapping[str, Any]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


def read_table(path: Path, columns: Sequence[Column], *, others_allowed: bool = False) -> MeasurementTable:
    """Read an ECSV table and convert it to canonical units; of other columns nothing is read when they are allowed.

    Raises
    ------
    UserError
        Naming file, column, row and value: when the file is not an ECSV table, is empty, lacks a column or has an
        unknown one, or a column has a wrong or logarithmic unit, half precision, an empty cell, NaN, infinity, a number
        that is too large, too small, in other digits or of a wrong sign; when two rows are the same; when the metadata
        do not say where the numbers come from.
    """
    table = _open(path)
    known = [column.name for column in columns]
    missing = [column.name for column in columns if column.required and column.name not in table.colnames]
    unknown = [name for name in table.colnames if name not in known]
    if unknown and not others_allowed:
        raise UserError(
            f"{path}: unknown column {unknown[0]!r}",
            valid=", ".join(sorted(known)),
            fix=fix_for_column(unknown[0], known, table.colnames),
        )
    if missing:
        raise UserError(
            f"{path}: the column {missing[0]!r} is missing",
            valid=", ".join(column.name + ("" if column.required else " (optional)") for column in columns),
            fix=f"{_missing(missing[0], table.colnames)}; the table has {', '.join(table.colnames)}",
        )
    if len(table) == 0:
        raise UserError(f"{path}: the table has no rows", valid="at least one measurement")
    _refuse_odd_digits(path)
    values = {
        column.name: _values(path, table[column.name], column) for column in columns if column.name in table.colnames
    }
    _refuse_duplicates(path, values)
    metadata = {str(key): copy.deepcopy(value) for key, value in table.meta.items() if not str(key).startswith("__")}
    check_texts(metadata, f"{path}: the metadata")
    return MeasurementTable(path, values, _provenance(path, metadata), metadata)


def _missing(name: str, present: Sequence[str]) -> str:
    """Return what to do about a column that is not there: rename one that others call so, or add it."""
    word = next((one for one in present if known_as(one) == name), None)
    return "add it" if word is None else f"rename {word} to {name}"


@lru_cache(maxsize=128)
def _parsed(path: Path, _content: bytes) -> Any:
    """Return the table of a file that holds this: all runs of a study read the same few."""
    from astropy.table import Table

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units that astropy does not know are refused below, with the column's name
        return Table.read(path, format="ascii.ecsv")


def _open(path: Path) -> Any:
    """Return a table that is left as it is: others read it too."""
    check_regular(path)
    if not path.is_file():
        raise UserError(f"there is no table {path}", valid="the name of an ECSV file in the likelihood's folder")
    try:
        return _parsed(path, path.read_bytes())
    except Exception as error:
        # Astropy and YAML raise a dozen types on malformed files; all of them mean the same to the user.
        raise UserError(
            f"{path}: cannot be read as an ECSV table: {str(error).strip().splitlines()[0] if str(error) else error!r}",
            valid="a table written by astropy: Table.write(path, format='ascii.ecsv')",
        ) from error


def _values(path: Path, column: Any, expected: Column) -> Float64:
    if getattr(column, "ndim", 1) != 1:
        raise UserError(
            f"{path}: column {expected.name!r} holds {' x '.join(map(str, column.shape[1:]))} values in each row",
            valid="one number in each row",
            fix="give each of them a column of its own, such as error_low and error_high",
        )
    mask = np.ma.getmaskarray(np.ma.asarray(column))
    if mask.any():
        raise UserError(
            f"{path}: column {expected.name!r}, row {int(np.argmax(mask)) + 1}: the cell is empty",
            valid="a number in every cell",
        )
    if expected.unit is None:
        return _flags(path, column, expected)
    if column.dtype.kind not in "iuf":
        raise UserError(
            f"{path}: column {expected.name!r} holds {column.dtype}, such as {column[0]!r}", valid="numbers"
        )
    if column.dtype.kind == "f" and column.dtype.itemsize < 4:
        raise UserError(
            f"{path}: column {expected.name!r} holds {column.dtype}, which keeps three figures of a number",
            valid="datatype: float64 (or float32)",
            fix="write the table again from the numbers themselves",
        )
    factor = _factor(path, column, expected)
    with np.errstate(over="ignore", under="ignore"):
        raw = np.asarray(column, dtype=np.float64)
        values = raw * factor
    _refuse(path, expected.name, raw, ~np.isfinite(raw), "finite numbers")
    if expected.sign == "positive":
        _refuse(path, expected.name, raw, raw <= 0, "numbers above 0")
    if expected.sign == "non-negative":
        _refuse(path, expected.name, raw, raw < 0, "numbers not below 0")
    size = np.abs(values)
    beyond = (raw != 0) & ~((size >= _REACH[0]) & (size <= _REACH[1]))
    valid = f"numbers of {_REACH[0]:g} to {_REACH[1]:g} {expected.unit}".rstrip()
    _refuse(path, expected.name, raw, beyond, valid if expected.sign == "positive" else f"0, or {valid}")
    return values


def _refuse_odd_digits(path: Path) -> None:
    """Refuse cells with digits of other scripts or with underscores, which Python takes for numbers."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line for line in lines if line.strip() and not line.startswith("#")][1:]  # the first one has the names
    for number, line in enumerate(rows, start=1):
        odd = next((cell for cell in re.split(r"[,;|\s]+", line) if _ODD.search(cell)), None)
        if odd is not None:
            raise UserError(
                f"{path}: row {number}: {odd!r} is no number",
                valid="the digits 0 to 9, a point, a sign and e, as in 1.5e-7",
            )


def _flags(path: Path, column: Any, expected: Column) -> Float64:
    if column.dtype.kind != "b":
        raise UserError(
            f"{path}: column {expected.name!r} holds {column.dtype}", valid="True or False (datatype: bool)"
        )
    return np.asarray(column, dtype=np.float64)


def _factor(path: Path, column: Any, expected: Column) -> float:
    """Return the number that converts the column to its canonical unit."""
    from astropy import units

    canonical = units.Unit(expected.unit)
    given = column.unit if column.unit is not None else units.dimensionless_unscaled
    if isinstance(given, units.function.FunctionUnitBase):
        raise UserError(
            f"{path}: column {expected.name!r} has the logarithmic unit {str(given)!r}",
            valid=f"a unit that converts to {canonical.to_string() or 'a pure number'} by a factor",
            fix="write the quantity itself, not its logarithm or magnitude",
        )
    try:
        factor = float(given.to(canonical))
        if not 0.0 < factor < np.inf:
            raise ValueError(f"the factor is {factor:g}")  # noqa: TRY301 -- told as the other faults are
    except (units.UnitConversionError, ValueError, TypeError) as error:
        shown = f"the unit {str(given)!r}" if column.unit is not None else "no unit"
        raise UserError(
            f"{path}: column {expected.name!r} has {shown}",
            valid=f"a unit that converts to {canonical.to_string() or 'a pure number'}",
        ) from error
    return factor


def _refuse(path: Path, name: str, values: Float64, wrong: np.typing.NDArray[np.bool_], valid: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UserError(f"{path}: column {name!r}, row {row + 1}: the value is {values[row]:g}", valid=valid)


def _refuse_duplicates(path: Path, values: Mapping[str, Float64]) -> None:
    seen: dict[tuple[float, ...], int] = {}
    for row, cells in enumerate(zip(*(column.tolist() for column in values.values()), strict=True), start=1):
        if cells in seen:
            raise UserError(f"{path}: rows {seen[cells]} and {row} are the same", valid="each measurement once")
        seen[cells] = row


def check_bins(table: MeasurementTable, lower: str, upper: str, reference: str | None = None) -> None:
    """Refuse energy bins that are empty, overlap, are out of order, or do not hold their reference energy.

    Bins may leave gaps; edges may overlap by the rounding of printed tables (1e-3 of the energy).

    Raises
    ------
    UserError
        Naming file, columns, row and values.
    """
    low, high = table.columns[lower], table.columns[upper]
    for row in range(len(table)):
        where = f"{table.path}: row {row + 1}"
        if not low[row] < high[row]:
            raise UserError(
                f"{where}: {lower} = {low[row]:g} GeV and {upper} = {high[row]:g} GeV", valid=f"{lower} below {upper}"
            )
        if row and low[row] < high[row - 1] * (1 - 1e-3):
            raise UserError(
                f"{where}: the bin begins at {low[row]:g} GeV, before the end of the one above, {high[row - 1]:g} GeV",
                valid="bins in order of energy that do not overlap",
            )
        centre = table.columns[reference][row] if reference is not None and reference in table.columns else None
        if centre is not None and not low[row] <= centre <= high[row]:
            raise UserError(
                f"{where}: {reference} = {centre:g} GeV lies outside its bin, {low[row]:g} to {high[row]:g} GeV",
                valid=f"{reference} between {lower} and {upper}",
            )


def _provenance(path: Path, metadata: Mapping[str, Any]) -> Provenance:
    texts = {}
    for key in ("reference", "table_or_figure", "status", "transcribed_from"):
        value = metadata.get(key)
        if not isinstance(value, str) or not value.strip():
            raise UserError(
                f"{path}: the metadata do not say {key!r}",
                valid="reference, table_or_figure, status and transcribed_from, each a text",
                fix=f"add '# - {{{key}: ...}}' under '# meta: !!omap' in the header",
            )
        texts[key] = value.strip()
    if texts["status"] not in STATUSES:
        raise unknown_name("status", texts["status"], STATUSES, where=f"{path}: metadata")
    return Provenance(**texts)
