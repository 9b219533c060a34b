"""From a profile along the plane as others write it to the columns of a data set of the kind profile.

A row is a window (lower and upper edge in longitude or latitude, or its middle where all are equally wide) and a band
of energy, of the row or of the whole table. Intensities must be per steradian: how much sky of a masked window was seen
is not in the table. Numbers without a unit are a shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from crsea_infer.content.foreign_columns import ForeignColumn
from crsea_infer.inference.likelihoods.foreign_flux_points import ConvertedPoints, convert
from crsea_infer.inference.likelihoods.foreign_quantities import by_gadf_name
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.content.foreign_columns import ForeignTable
    from crsea_infer.inference.likelihoods.foreign_quantities import Reading
    from crsea_infer.support.arrays import Float64

__all__ = ["ProfileReading", "convert_profile"]

_WORDS: Final = {
    "longitude": ("longitude", "l", "glon", "gal_lon", "galactic_longitude"),
    "latitude": ("latitude", "b", "glat", "gal_lat", "galactic_latitude"),
}
_LOWER: Final = ("min", "low", "lo", "lower")
_UPPER: Final = ("max", "high", "hi", "upper", "up")


@dataclass(frozen=True)
class ProfileReading:
    """What the user says of a profile, where the table itself does not.

    Attributes
    ----------
    axis
        Along which it is cut.
    band
        Of energy, GeV, for tables without one.
    window_degrees
        Width of windows that have a middle only.
    shape_only
        Whether the numbers have no unit, and only their shape counts.
    """

    axis: Literal["longitude", "latitude"]
    band: tuple[float, float] | None = None
    window_degrees: float | None = None
    shape_only: bool = False


def convert_profile(table: ForeignTable, reading: Reading, profile: ProfileReading) -> ConvertedPoints:
    """Return a profile in the columns and units of this package, in order of the axis.

    Raises
    ------
    UserError
        When windows, bands, a unit per steradian or errors are missing, or there are upper limits.
    """
    where = str(table.path)
    low, high = _windows(table, profile, where)
    order = np.lexsort((_first_energies(table), low))
    low, high = low[order], high[order]
    columns = {
        name: ForeignColumn(column.values[order], column.unit)
        for name, column in table.columns.items()
        if _edge(name, profile.axis) is None
    }
    columns |= _band(by_gadf_name(replace(table, columns=columns)), profile, low.size, where)
    found: list[ConvertedPoints] = []
    starts = [0, *(np.flatnonzero(np.diff(low) != 0) + 1).tolist()]
    for start, end in zip(starts, [*starts[1:], low.size], strict=True):
        rows = {name: ForeignColumn(one.values[start:end], one.unit) for name, one in columns.items()}
        found.append(_window(replace(table, columns=rows), reading, profile, where))
    joined = {name: np.concatenate([one.columns[name] for one in found]) for name in found[0].columns}
    joined["profile"] = joined.pop("intensity")
    edges = {f"{profile.axis}_min": low, f"{profile.axis}_max": high}
    return replace(found[0], columns={**edges, **joined})


def _window(table: ForeignTable, reading: Reading, profile: ProfileReading, where: str) -> ConvertedPoints:
    """Convert the bands of one window as flux points."""
    if profile.shape_only:
        unit = "1 / (GeV cm2 s sr)"  # none is meant: the numbers are taken as they stand
        energies = {"e_ref", "e_min", "e_max"}
        columns = {
            name: one if name in energies else ForeignColumn(one.values, None) for name, one in table.columns.items()
        }
        table, reading = replace(table, columns=columns), replace(reading, flux_unit=unit, reference_index="mean")
    points = convert(table, reading)
    if "is_upper_limit" in points.columns:
        raise UserError(f"{where}: has upper limits", valid="a profile of measured numbers", fix="remove their rows")
    if any("was divided by" in note for note in points.notes):
        raise UserError(
            f"{where}: its numbers are not per steradian, and how much sky a masked window has is not known",
            valid="intensities per steradian, or numbers without a unit (--shape-only)",
            fix="divide them by the solid angle of each window, or say --shape-only",
        )
    return points


def _edge(name: str, axis: str) -> str | None:
    """Return what a column is of a window: "min", "max" or "middle"; None when it is something else."""
    lower = name.strip().lower().replace(" ", "_")
    for word in _WORDS[axis]:
        if lower == word:
            return "middle"
        for ending, endings in (("min", _LOWER), ("max", _UPPER)):
            if any(lower in {f"{word}_{one}", f"{word}{one}"} for one in endings):
                return ending
    return None


def _windows(table: ForeignTable, profile: ProfileReading, where: str) -> tuple[Float64, Float64]:
    """Return the lower and upper edges of the window of each row, degrees."""
    found: dict[str, Float64] = {}
    for name, column in table.columns.items():
        if (edge := _edge(name, profile.axis)) is not None:
            found.setdefault(edge, column.values)
    if {"min", "max"} <= set(found):
        low, high = found["min"], found["max"]
    elif "middle" in found and profile.window_degrees is not None:
        low, high = (found["middle"] + sign * 0.5 * profile.window_degrees for sign in (-1.0, 1.0))
    else:
        raise UserError(
            f"{where}: no edges of windows in {profile.axis}; the columns are {', '.join(table.columns)}",
            valid=f"{profile.axis}_min and {profile.axis}_max, or {profile.axis} with --window-degrees",
            fix="rename the columns, or say how wide the windows are with --window-degrees",
        )
    if not (np.isfinite(low) & np.isfinite(high)).all():
        raise UserError(f"{where}: a window has no edges", valid="numbers in every row", fix="remove the row")
    return low, high


def _first_energies(table: ForeignTable) -> Float64:
    """Return what orders the bands of a window."""
    columns = by_gadf_name(table)
    for name in ("e_min", "e_ref"):
        if name in columns:
            return columns[name].values
    return np.zeros(len(next(iter(table.columns.values())).values))


def _band(
    columns: Mapping[str, ForeignColumn], profile: ProfileReading, n: int, where: str
) -> dict[str, ForeignColumn]:
    """Return the columns of the band of the whole table, where it has none of its own."""
    if "e_min" in columns or "e_ref" in columns:
        return {}
    if profile.band is None:
        raise UserError(
            f"{where}: has no column of energies",
            valid="energy_min and energy_max in the table, or one band for all of it",
            fix="say the band with --band LOW..HIGH, and its unit with --energy-unit",
        )
    low, high = profile.band
    return {"e_min": ForeignColumn(np.full(n, low), "GeV"), "e_max": ForeignColumn(np.full(n, high), "GeV")}
