"""The numbers that come with the package, summed up column by column.

``tests/data/packaged_numbers.ecsv`` keeps what the tables of all data sets and of the gas held when they were last
compared with their sources (the tests that take ``shared_data`` do that, where the sources are at hand). A table that
was edited since shows without them. After a change that is meant, and that was compared with the source, write the
file anew: ``python tests/packaged_numbers.py``.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
from astropy.table import Table

RECORD = Path(__file__).parent / "data" / "packaged_numbers.ecsv"
DESCRIPTIONS = {
    "table": "data set and file, or the table of gas columns",
    "column": "name of the column",
    "unit": "its unit",
    "rows": "how many values it has",
    "smallest": "the smallest of them; the first for words",
    "largest": "the largest of them; the last for words",
    "sha256": "first 16 digits of the SHA-256 of the values in order: doubles, low byte first, or words with newlines",
}


def _row(table: str, name: str, unit: str, values: Any) -> tuple[str, str, str, int, str, str, str]:
    words = np.asarray(values)
    if words.dtype.kind in "fiu":
        numbers = np.asarray(values, dtype="<f8").ravel()
        content = (numbers + 0.0).tobytes()
        ends = f"{numbers.min():.9g}", f"{numbers.max():.9g}"
    else:
        content = "\n".join(str(word) for word in words).encode()
        ends = str(words[0]), str(words[-1])
    return table, name, unit, words.size, *ends, hashlib.sha256(content).hexdigest()[:16]


def summed_up() -> dict[tuple[str, str], tuple[str, str, str, int, str, str, str]]:
    """Every column of every packaged table, by table and column."""
    from crsea_infer.content import finding
    from crsea_infer.physics.gas import load_gas

    root = finding.packaged_root() / "likelihoods"
    found = []
    for path in sorted(root.glob("*/*.ecsv")):
        table = Table.read(path, format="ascii.ecsv")
        name = path.relative_to(root).as_posix()
        found += [_row(name, column.name, str(column.unit or "") or "none", column) for column in table.itercols()]
    gas = load_gas()
    columns = {"longitude": "deg", "latitude": "deg", "longitude_width": "deg", "latitude_width": "deg"}
    columns |= {"atomic": "cm-2", "carbon_monoxide": "K km s-1"}
    found += [_row("gas_columns.nc", name, unit, getattr(gas, name)) for name, unit in columns.items()]
    tables = {
        "aafrag_kernels.nc": ("mb", ("gamma_proton", "gamma_helium", "neutrino_proton", "neutrino_helium")),
        "infrared_depth.nc": ("none", ("depth",)),
    }
    for table, (unit, names) in tables.items():
        with h5netcdf.File(Path(str(files("crsea_infer.physics"))) / "data" / table) as file:
            found += [_row(table, name, unit, file[name][:]) for name in names]
    return {(row[0], row[1]): row for row in found}


def recorded() -> dict[tuple[str, str], tuple[str, str, str, int, str, str, str]]:
    """What the file keeps, in the form of :func:`summed_up`."""
    rows = [tuple(row) for row in Table.read(RECORD, format="ascii.ecsv")]
    kept = [(*map(str, row[:3]), int(row[3]), *map(str, row[4:])) for row in rows]
    return {(row[0], row[1]): row for row in kept}  # type: ignore[misc]


def write() -> None:
    """Write the file anew."""
    table = Table(rows=list(summed_up().values()), names=list(DESCRIPTIONS))
    for name, description in DESCRIPTIONS.items():
        table[name].description = description
    table.meta["status"] = "sums of packaged tables, which name their own sources"
    table.write(RECORD, format="ascii.ecsv", overwrite=True)


if __name__ == "__main__":
    write()
