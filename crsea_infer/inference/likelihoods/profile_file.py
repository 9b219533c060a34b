"""What the folder of a profile along the sky holds: keys of its `likelihood.toml`, columns and bins of its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from crsea_infer.content.measurements import Column, read_table
from crsea_infer.content.toml_files import Entry
from crsea_infer.inference.likelihoods.flux_points_file import INTENSITY
from crsea_infer.inference.likelihoods.flux_systematics import Systematics  # noqa: TC001  # pydantic reads annotations
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, SpectralSlope
from crsea_infer.physics.regions import Region, parse_region
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crsea_infer.content.measurements import MeasurementTable
    from crsea_infer.support.arrays import Float64

__all__ = [
    "FreeNormEntry",
    "GasShapeEntry",
    "ProfileComponentEntry",
    "ProfileEntry",
    "Window",
    "gas_shape",
    "read_profile",
    "windows_of",
]

Axis = Literal["longitude", "latitude"]


class GasShapeEntry(Entry):
    """The table `gas_shape`: errors of the gas columns along the profile.

    Attributes
    ----------
    fraction
        Relative error of one stretch, independent of the others; 0 for none.
    stretch
        Length of a stretch in degrees; the first begins where the profile does.
    """

    fraction: float = Field(default=0.1, ge=0.0, le=0.5)
    stretch: float = Field(default=10.0, ge=0.5, le=360.0)


class FreeNormEntry(Entry):
    """The table `free_norm`: only the shape of the profile is measured.

    Attributes
    ----------
    norm_error
        Width of the normal prior of the norm around 1, at which the means of data and prediction agree.
    name
        Of the parameter; that of the data set goes before "norm" when there is none.
    """

    norm_error: float = Field(default=0.5, gt=0.0, le=10.0)
    name: str | None = None


class ProfileComponentEntry(Entry):
    """A table [[components]]: emission in the data that the sky model does not contain.

    Attributes
    ----------
    column
        Of the profile's table: its intensity in each bin.
    label
        Words for legends.
    norm, norm_error
        Mean and width of its norm.
    each_window
        Whether each window of the profile has a norm of its own, or all of them one.
    """

    column: str
    label: str
    norm: float = Field(default=1.0, ge=0.0)
    norm_error: float = Field(gt=0.0, le=10.0)
    each_window: bool = False


class ProfileEntry(CommonEntry):
    """Intensities along Galactic longitude or latitude, in one or more bands of energy.

    Attributes
    ----------
    messenger
        What was measured; neutrinos per flavour.
    region
        The sky of the whole profile, with its mask: a name, or a box "l=15..235,b=-5..5,mask=lhaaso".
    axis
        Along which it is cut.
    table
        The ECSV table of the profile.
    systematics
        How the column `systematic` is used: one shift of all points, in quadrature, not at all.
    common_error_share
        For tables without a systematic column: the share of the variance of the quoted errors that is common.
    reference_index
        Spectral index with which the experiment quotes its points; without it, plain means over the bands.
    gas_shape
        Errors of the gas along the profile.
    free_norm
        For profiles without a unit: only the shape counts.
    components
        Columns of the table, each with a norm.
    """

    messenger: Literal["gamma", "neutrino"]
    region: str
    axis: Axis
    table: str
    systematics: Systematics = "correlated"
    common_error_share: float | None = None
    reference_index: SpectralSlope | None = None
    gas_shape: GasShapeEntry = Field(default_factory=GasShapeEntry)
    free_norm: FreeNormEntry | None = None
    components: list[ProfileComponentEntry] = Field(default_factory=list)


@dataclass(frozen=True)
class Window:
    """One place of a profile.

    Attributes
    ----------
    region
        Its sky.
    low, high
        Its edges along the axis, degrees.
    rows
        Those of the table that were measured there.
    """

    region: Region
    low: float
    high: float
    rows: slice


def read_profile(path: Path, entry: ProfileEntry, where: str) -> MeasurementTable:
    """Read the table of a profile; its columns depend on the axis, on the components and on whether it has a unit.

    Raises
    ------
    UserError
        When a column of a component is named twice or is one of the profile's own, or the table is not valid.
    """
    unit = INTENSITY if entry.free_norm is None else ""
    own = (
        Column(f"{entry.axis}_min", "deg"),
        Column(f"{entry.axis}_max", "deg"),
        Column("energy_min", "GeV", "positive"),
        Column("energy_max", "GeV", "positive"),
        Column("energy_reference", "GeV", "positive", required=False),
        Column("profile", unit),
        Column("error_low", unit, "positive"),
        Column("error_high", unit, "positive"),
        Column("systematic", unit, "non-negative", required=False),
    )
    names = [component.column for component in entry.components]
    for name in names:
        if names.count(name) > 1 or name in {column.name for column in own}:
            raise UserError(f"{where}: components: the column {name!r}", valid="a column of its own for each component")
    if entry.components and entry.free_norm is not None:
        raise UserError(
            f"{where}: has components and a free_norm",
            valid="components for profiles in units of intensity, with which their spectra can be compared",
            fix="remove one of the two",
        )
    return read_table(path, [*own, *(Column(name, unit, "non-negative") for name in names)])


def windows_of(table: MeasurementTable, entry: ProfileEntry) -> list[Window]:
    """Return the windows of a profile in the order of the table; one that a mask hides is refused where it is solved.

    Raises
    ------
    UserError
        When windows or bands are empty, overlap, are out of order or lie outside the region, or an energy lies outside
        its band.
    """
    whole = parse_region(entry.region)
    edges = whole.longitude if entry.axis == "longitude" else whole.latitude
    low, high = table.columns[f"{entry.axis}_min"], table.columns[f"{entry.axis}_max"]
    first, last = table.columns["energy_min"], table.columns["energy_max"]
    centre = table.columns.get("energy_reference", np.sqrt(first * last))
    starts: list[int] = []
    for row in range(len(table)):
        here = f"{table.path}: row {row + 1}"
        if not edges[0] <= low[row] < high[row] <= edges[1]:
            raise UserError(
                f"{here}: the window runs from {low[row]:g} to {high[row]:g} deg",
                valid=f"{entry.axis}_min below {entry.axis}_max, within {edges[0]:g} to {edges[1]:g} deg of the region",
            )
        if not first[row] < last[row] or not first[row] <= centre[row] <= last[row]:
            raise UserError(
                f"{here}: the band runs from {first[row]:g} to {last[row]:g} GeV, its reference is {centre[row]:g} GeV",
                valid="energy_min below energy_max, and the reference between them",
            )
        if row and (low[row], high[row]) == (low[row - 1], high[row - 1]):
            if first[row] < last[row - 1] * (1 - 1e-3):
                raise UserError(
                    f"{here}: the band begins at {first[row]:g} GeV, before the end of the one above",
                    valid="bands in order of energy that do not overlap",
                )
            continue
        if row and low[row] < high[row - 1]:
            raise UserError(
                f"{here}: begins at {low[row]:g} deg, before the end of the one above, {high[row - 1]:g} deg",
                valid=f"windows in order of {entry.axis} that do not overlap, all bands of one together",
            )
        starts.append(row)
    ends = [*starts[1:], len(table)]
    found = []
    for start, end in zip(starts, ends, strict=True):
        cut = (float(low[start]), float(high[start]))
        found.append(Window(_cut(whole, entry.axis, cut), *cut, slice(start, end)))
    return found


def _cut(whole: Region, axis: Axis, edges: tuple[float, float]) -> Region:
    """Return the part of a region between two edges, with the mask of the whole."""
    longitude, latitude = (edges, whole.latitude) if axis == "longitude" else (whole.longitude, edges)
    west, east, south, north = (np.format_float_positional(edge) for edge in (*longitude, *latitude))
    mask = "" if whole.mask is None else f",mask={whole.mask}"
    content = "" if whole.mask_sha256 is None else f"#sha256-{whole.mask_sha256}"
    return parse_region(f"l={west}..{east},b={south}..{north}{mask}{content}")


def gas_shape(windows: Sequence[Window], entry: GasShapeEntry, n_data: int) -> Float64:
    """Return by which fraction one standard deviation of each stretch of gas changes each point [n_data, n_stretches].

    A window sees of a stretch the share of its own length that lies in it, so that W degrees have an error of
    `fraction` sqrt(stretch / W) if they hold whole stretches; all bands of a window see the same gas.
    """
    origin = windows[0].low
    count = int(np.ceil((windows[-1].high - origin) / entry.stretch - 1e-9))
    edges = origin + entry.stretch * np.arange(count + 1)
    found = np.zeros((n_data, count))
    for window in windows:
        overlap = np.minimum(window.high, edges[1:]) - np.maximum(window.low, edges[:-1])
        found[window.rows] = entry.fraction * np.maximum(overlap, 0.0) / (window.high - window.low)
    kept = found[:, found.any(axis=0)]  # nothing depends on the gas between the windows
    return np.ascontiguousarray(kept)
