"""Tables of measurements as others write them: FITS and ECSV of gammapy, CSV of scripts, CSV and YAML of HEPData.

What is read here is what stands in the file, names, numbers and units, and nothing is made of it: no column is renamed,
nothing is converted. That is done in :mod:`crsea_infer.inference.likelihoods.foreign_flux_points`, which knows what a
flux point is.
"""

from __future__ import annotations

import csv
import re
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.content.foreign_columns import ForeignColumn, ForeignTable, is_number, numbers_of, split_unit
from crsea_infer.content.hepdata_tables import from_csv, from_yaml
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import check_regular, read_text
from crsea_infer.support.names import check_texts

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_foreign_table"]

_LARGEST: Final = 20 * 2**20
"""Bytes of a table: those of flux points have thousands."""


def read_foreign_table(path: Path, table: str | None = None, column: str | None = None) -> ForeignTable:
    """Read a table by what it is: FITS (.fits, .fit, .gz), YAML (.yaml, .yml), ECSV or CSV (anything else).

    Parameters
    ----------
    table
        Which one, where a FITS or YAML file has several.
    column
        Which quantity, where a table of HEPData has several.

    Raises
    ------
    UserError
        When the file is absent, unreadable, too large, of none of these formats or without rows.
    """
    check_regular(path)
    if not path.is_file():
        raise UserError(f"there is no file {path}", valid="a FITS, ECSV, CSV or YAML file with flux points")
    if path.stat().st_size > _LARGEST:
        raise UserError(f"{path}: is larger than {_LARGEST // 2**20} MB", valid="a table of flux points")
    try:
        found = _read(path, table, column)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not text in UTF-8", valid="a FITS, ECSV, CSV or YAML file") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}", valid="a FITS, ECSV, CSV or YAML file") from error
    check_texts(list(found.columns), f"{path}: a name of a column")
    check_texts({key: value for key, value in found.metadata.items() if isinstance(value, str)}, f"{path}: metadata")
    if not found.columns or not len(next(iter(found.columns.values())).values):
        raise UserError(f"{path}: the table has no rows", valid="at least one measurement")
    return found


def _read(path: Path, table: str | None, column: str | None) -> ForeignTable:
    with path.open("rb") as stream:
        head = stream.read(64)
    if head.startswith((b"SIMPLE", b"\x1f\x8b")):
        return _read_with_astropy(path, "fits", table)
    if head.startswith(b"# %ECSV"):
        return _read_with_astropy(path, "ascii.ecsv", None)
    text = read_text(path).lstrip("\ufeff")
    if path.suffix.lower() in {".yaml", ".yml"} or re.search(r"^(in)?dependent_variables\s*:", text, re.MULTILINE):
        return from_yaml(path, text, table, column)
    if text.startswith("#:"):
        return from_csv(path, text, column)
    return _read_csv(path, text)


def _read_with_astropy(path: Path, written_as: str, table: str | None) -> ForeignTable:
    from astropy.table import Table

    options: dict[str, Any] = {"unit_parse_strict": "silent"} if written_as == "fits" else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # units that are not read are refused with their column
            if written_as == "fits":
                options["hdu"] = _hdu(path, table)
            found = Table.read(path, format=written_as, **options)
    except UserError:
        raise
    except Exception as error:
        # Astropy raises a dozen types on malformed files; all of them mean the same to the user.
        reason = str(error).strip().splitlines()
        words = "FITS" if written_as == "fits" else "ECSV"
        raise UserError(
            f"{path}: cannot be read as {words}: {reason[0] if reason else error!r}",
            valid="a table written by gammapy or astropy",
        ) from error
    columns = {}
    for name in found.colnames:
        one = found[name]
        if one.ndim != 1 or one.dtype.kind not in "biuf":
            continue  # profiles of the likelihood, names: no part of a flux point
        values = np.ma.filled(np.ma.asarray(one, dtype=np.float64), np.nan)
        columns[name] = ForeignColumn(np.asarray(values), None if one.unit is None else str(one.unit))
    return ForeignTable(path, "gadf", columns, {str(key): value for key, value in found.meta.items()})


def _hdu(path: Path, table: str | None) -> int | str:
    """Return the extension to read: the one named, GADF's FLUXPOINTS, or the only table."""
    from astropy.io import fits

    with fits.open(path) as hdus:
        tables = [hdu.name or str(number) for number, hdu in enumerate(hdus) if isinstance(hdu, fits.BinTableHDU)]
    if table is not None:
        if table not in tables:
            raise UserError(f"{path}: there is no table {table!r}", valid=", ".join(tables) or "a table")
        return table
    if "FLUXPOINTS" in tables:
        return "FLUXPOINTS"
    if len(tables) != 1:
        raise UserError(
            f"{path}: has {len(tables)} tables{': ' if tables else ''}{', '.join(tables)}",
            valid="one table of flux points",
            fix="say which with --table NAME" if tables else "",
        )
    return tables[0]


def _read_csv(path: Path, text: str) -> ForeignTable:
    """Read a table with a line of names, its cells apart by commas, semicolons, tabs or blanks."""
    lines = [line for line in text.splitlines() if line.strip()]
    comments = [line for line in lines if line.lstrip().startswith("#")]
    rows = [line for line in lines if not line.lstrip().startswith("#")]
    if not rows:
        raise UserError(f"{path}: the table has no rows", valid="a line of names, then a line for each point")
    if is_number(re.split(r"[,;\t\s]+", rows[0].strip())[0]) and comments:
        rows.insert(0, comments[-1].lstrip("# "))  # the names stand in a comment, as numpy.savetxt writes them
    delimiter = next((one for one in ",;\t" if one in rows[0]), None)
    cells = list(csv.reader(rows, delimiter=delimiter)) if delimiter else [line.split() for line in rows]
    names = [name.strip() for name in cells[0]]
    if all(is_number(name) for name in names):
        raise UserError(
            f"{path}: the first line has numbers, and no names",
            valid="a line of names such as e_min [TeV], e_max [TeV], dnde [TeV-1 cm-2 s-1], dnde_err, then the numbers",
        )
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UserError(f"{path}: two columns are called {repeated[0]!r}", valid="a name for each column")
    columns = {}
    for place, whole in enumerate(names):
        name, unit = split_unit(whole)
        given = [(row[place].strip() if place < len(row) else "") for row in cells[1:]]
        columns[name] = ForeignColumn(numbers_of(path, name, given), unit)
    long = next((number for number, row in enumerate(cells[1:], 1) if len(row) > len(names)), None)
    if long is not None:
        raise UserError(f"{path}: row {long} has more cells than there are names", valid=f"{len(names)} cells")
    return ForeignTable(path, "csv", columns, {})
