"""Tables of local cosmic-ray spectra, which prior sets name in place of broken power laws.

A table is a file `tables/NAME.ecsv` in a folder of prior sets: the intensities of protons and helium per rigidity, and
optionally what the components of their published error change, so that a prior may have the error with its correlation.
It is found by name like a prior set: the user's own `priors/tables` first, then those of the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.content import finding
from crsea_infer.content.measurements import Column, read_table
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import check_regular, file_digest

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

__all__ = ["SpectrumTable", "find_spectrum_table", "load_spectrum_table"]

_INTENSITY = "1 / (GV m2 s sr)"
_SPECIES = ("proton", "helium")


@dataclass(frozen=True, eq=False)
class SpectrumTable:
    """Local spectra as a table.

    Attributes
    ----------
    name
        Of the file.
    rigidity
        GV, rising [n].
    intensity
        Of each species that the table has, per GV, m2, s and sr [n].
    modes
        Of each species: what one standard deviation of each component of the error adds to ln intensity [n_modes, n].
    sha256
        Hash of the file.
    """

    name: str
    rigidity: Float64
    intensity: dict[str, Float64]
    modes: dict[str, Float64]
    sha256: str


def find_spectrum_table(name: str, *, where: str = "") -> Path:
    """Return the file of a table; raise UserError when there is none of that name."""
    known: dict[str, Path] = {}
    for folder, _ in finding.folders("priors"):
        for path in sorted((folder / "tables").glob("*.ecsv")):
            known.setdefault(path.stem, path)
    if name not in known:
        raise unknown_name("table of local spectra", name, known, where=where, fix="add it to ./priors/tables")
    return known[name]


def load_spectrum_table(name: str, *, where: str = "") -> SpectrumTable:
    """Find a table by name, and read it.

    Raises
    ------
    UserError
        When it is not there or not valid.
    """
    path = find_spectrum_table(name, where=where)
    check_regular(path)
    return _read(path, file_digest(path))


@lru_cache(maxsize=8)
def _read(path: Path, sha256: str) -> SpectrumTable:
    modes = [Column(name, "", required=False) for name in _columns_of(path) if name.partition("_mode_")[0] in _SPECIES]
    species = [Column(name, _INTENSITY, "positive", required=False) for name in _SPECIES]
    extra = [column for column in modes if "_mode_" in column.name]
    table = read_table(path, [Column("rigidity", "GV", "positive"), *species, *extra])
    rigidity = table.columns["rigidity"]
    if len(rigidity) < 4 or not np.all(np.diff(rigidity) > 0):
        raise UserError(f"{path}: column 'rigidity' is not rising", valid="at least four rigidities in rising order")
    found = {name: table.columns[name] for name in _SPECIES if name in table.columns}
    if not found:
        raise UserError(f"{path}: has neither a column 'proton' nor 'helium'", valid="one of them, or both")
    numbers = sorted({int(column.name.rpartition("_")[2]) for column in extra})
    if numbers != list(range(1, len(numbers) + 1)):
        raise UserError(f"{path}: has modes {numbers}", valid="modes numbered from 1 without gaps")
    zeros = np.zeros_like(rigidity)
    stacked = {
        name: np.array([table.columns.get(f"{name}_mode_{number}", zeros) for number in numbers]).reshape(
            -1, rigidity.size
        )
        for name in found
    }
    return SpectrumTable(path.stem, rigidity, found, stacked, sha256)


def _columns_of(path: Path) -> list[str]:
    from astropy.table import Table

    try:
        names = [str(name) for name in Table.read(path, format="ascii.ecsv").colnames]
    except Exception:  # noqa: BLE001  # read_table says what is wrong with the file
        return []
    return [name for name in names if name.rpartition("_")[2].isdigit()]
