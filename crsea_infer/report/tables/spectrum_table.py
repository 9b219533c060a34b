"""The numbers behind the figures of spectra: spectra.ecsv.

Bands of the posterior of every hypothesis: the intensity of each region that has flux points, in total and by
components, and the local proton and helium spectra. Systematic shifts of the data are not in them. Figures are drawn of
these numbers, while a run makes them and whenever it is opened again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.results.spectrum_curves import BANDS, TOTAL, Curve
from crsea_infer.support.errors import UserError
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crsea_infer.report.results.summary import RunSummary

__all__ = ["FILE", "files", "read_curves", "write_spectrum_table"]

(FILE,) = PRODUCTS["tables of spectra"].tables
_INTENSITY = "1 / (GeV cm2 s sr)"
_KEYS = ("hypothesis", "messenger", "place", "data_set", "component")

_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "messenger": Column("gamma, neutrino (per flavour, with antineutrinos), proton or helium", str),
    "place": Column("region of the sky that the intensity is averaged over, or the Sun", str),
    "data_set": Column("the data set of that region; empty for local spectra", str),
    "component": Column(f"part of the emission, or {TOTAL}", str),
    "energy": Column("energy; of protons kinetic, of helium kinetic per nucleon", unit="GeV"),
    **{
        name: Column(f"{100 * quantile:g} % quantile of the posterior; of helium per GeV per nucleon", unit=_INTENSITY)
        for name, quantile in BANDS.items()
    },
    "published": Column("at the published parameters", unit=_INTENSITY),
}


def files(_summary: RunSummary) -> list[str]:
    """Return the table."""
    return [FILE]


def write_spectrum_table(directory: Path, summary: RunSummary) -> None:
    """Write the table."""
    rows = [row for curve in summary.curves for row in _rows(curve)]
    write_table(directory / FILE, _COLUMNS, rows, summary.table_meta)


def read_curves(directory: Path) -> list[Curve]:
    """Return the curves of the table of a run.

    Raises
    ------
    UserError
        When the table is absent or damaged.
    """
    path = directory / FILE
    grouped: dict[tuple[str, str, str, str, str], list[dict[str, Any]]] = {}
    try:
        for row in read_table(path):
            hypothesis, messenger, place, data_set, component = (str(row[key]) for key in _KEYS)
            grouped.setdefault((hypothesis, messenger, place, data_set, component), []).append(row)
        return [
            Curve(
                *key,
                np.array([row["energy"] for row in rows], dtype=np.float64),
                {name: np.array([row[name] for row in rows], dtype=np.float64) for name in (*BANDS, "published")},
            )
            for key, rows in grouped.items()
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read: {error}",
            valid=f"the {FILE} of a run of this version",
            fix="delete it and give the command of the run again: it is made anew",
        ) from error


def _rows(curve: Curve) -> Iterator[dict[str, Any]]:
    about = {key: getattr(curve, key) for key in _KEYS}
    for index, energy in enumerate(curve.energies.tolist()):
        yield {**about, "energy": energy, **{name: float(band[index]) for name, band in curve.bands.items()}}
