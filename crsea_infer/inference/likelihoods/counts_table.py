"""Photon counts of a few regions in a table: what `crsea-infer counts` makes of cubes of the whole sky.

The statistics are those of a counts map (:mod:`crsea_infer.inference.likelihoods.counts_map`); what differs is where
the numbers stand. A row of the table is a region and a bin: its counts, the exposure times solid angle at the lower and
the upper edge of the bin, between which it is a power law of energy, and the counts that known components have at
norm 1.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from crsea_infer.content.measurements import Column, check_bins, read_table
from crsea_infer.content.toml_files import validate
from crsea_infer.emulator.sky_model import Request
from crsea_infer.inference.likelihoods.counts_entries import CountsTableEntry
from crsea_infer.inference.likelihoods.counts_map import CountsMap
from crsea_infer.inference.likelihoods.counts_scales import scales_of
from crsea_infer.inference.likelihoods.energy_bins import bin_integral, bins_between
from crsea_infer.inference.likelihoods.extra_components import norm_parameter, power_law_between
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import file_digest

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.content.measurements import MeasurementTable
    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.likelihoods.likelihood import CommonEntry, LikelihoodFolder
    from crsea_infer.support.arrays import Float64

__all__ = ["CountsTable"]

_COLUMNS = (
    Column("region", "", "positive"),
    Column("energy_min", "GeV", "positive"),
    Column("energy_max", "GeV", "positive"),
    Column("counts", "", "non-negative"),
    Column("exposure_min", "cm2 s sr", "positive"),
    Column("exposure_max", "cm2 s sr", "positive"),
)


@dataclass(frozen=True, eq=False)
class CountsTable(CountsMap):
    """Counts in sky regions and energy bins, read from a table; see :class:`CountsMap`."""

    Settings: ClassVar[type[CommonEntry]] = CountsTableEntry

    @classmethod
    def read(cls, folder: LikelihoodFolder) -> Self:
        """Read a data set's folder.

        Raises
        ------
        UserError
            When `likelihood.toml` or its table is not valid, or they do not fit together.
        """
        entry = validate(CountsTableEntry, folder.settings, folder.where)
        path = folder.path.parent / entry.table
        names = dict.fromkeys(component.column for component in entry.components)
        taken = sorted(set(names) & {column.name for column in _COLUMNS})
        if taken:
            raise UserError(f"{folder.where}: the component {taken[0]!r} is a column of the counts themselves")
        table = read_table(
            path, [*_COLUMNS, *(Column(name, "", "non-negative") for name in names)], others_allowed=True
        )
        regions = [parse_region(text) for text in entry.regions]
        if len(set(regions)) != len(regions) or not regions:
            raise UserError(f"{folder.where}: regions is empty, or names one twice", valid="each region once")
        rows = _rows(table, len(regions), entry, folder.where)
        low, high, counts = (table.columns[name][rows] for name in ("energy_min", "energy_max", "counts"))
        if not np.array_equal(counts, np.rint(counts)):
            raise UserError(f"{path}: column 'counts' has fractions", valid="whole numbers of photons")
        n_bins = len(rows) // len(regions)
        nodes = [bin_integral(float(a), float(b)) for a, b in zip(low[:n_bins], high[:n_bins], strict=True)]
        energies = np.concatenate([energy for energy, _ in nodes])
        folding = tuple(_folding(table, rows[k * n_bins : (k + 1) * n_bins], nodes) for k in range(len(regions)))
        norms, added = _components(table, entry, folder, rows, n_bins)
        scales, widths = scales_of(entry, folder.name, table.provenance.reference, low, high)
        return cls(
            name=folder.name,
            title=entry.title,
            label=entry.label,
            region=regions[0].name if len(regions) == 1 else None,
            citations=tuple(text.strip() for text in entry.citations),
            provenance=table.provenance,
            settings={**entry.model_dump(exclude={"regions"}), "files_sha256": {entry.table: file_digest(path)}},
            requests=tuple(Request("gamma", tuple(energies.tolist()), region.name) for region in regions),
            values=counts,
            energy_min=low,
            energy_max=high,
            folding=folding,
            added=added,
            norms=norms,
            exposure_error=entry.exposure_error,
            exposure_error_name=entry.exposure_error_name or f"{folder.name}_exposure",
            scales=scales,
            scale_widths=widths,
        )


def _rows(table: MeasurementTable, n_regions: int, entry: CountsTableEntry, where: str) -> np.typing.NDArray[np.int64]:
    """Return the rows within the limits of energy, known to be the same bins of region 1, 2, and so on."""
    path: Path = table.path
    region, low, high = (table.columns[name] for name in ("region", "energy_min", "energy_max"))
    if not np.array_equal(region, np.sort(region)) or set(region) != set(range(1, n_regions + 1)):
        raise UserError(
            f"{path}: column 'region' is not 1 to {n_regions} in order, as many as regions in likelihood.toml",
            valid="the rows of region 1, then those of region 2, and so on",
        )
    inside = bins_between(low, high, entry.energy_min, entry.energy_max, where)
    groups = [np.flatnonzero(inside & (region == k + 1)) for k in range(n_regions)]
    for group in groups:
        same = len(group) == len(groups[0]) and all(
            np.allclose(edge[group], edge[groups[0]], rtol=1e-6) for edge in (low, high)
        )
        if not same:
            raise UserError(f"{path}: the regions have other bins", valid="the same bins of each region")
        one = {name: table.columns[name][group] for name in ("energy_min", "energy_max")}
        check_bins(type(table)(path, one, table.provenance, table.metadata), "energy_min", "energy_max")
    return np.concatenate(groups)


def _folding(
    table: MeasurementTable, rows: np.typing.NDArray[np.int64], nodes: list[tuple[Float64, Float64]]
) -> Float64:
    """Return the matrix [n_energies, n_bins] from intensities to expected counts of one region."""
    names = ("energy_min", "energy_max", "exposure_min", "exposure_max")
    low, high, first, last = (table.columns[name][rows] for name in names)
    starts = [0, *itertools.accumulate(len(energy) for energy, _ in nodes)]
    matrix = np.zeros((starts[-1], len(nodes)))
    for k, (energy, measure) in enumerate(nodes):
        depth = power_law_between(energy, np.array([low[k], high[k]]), np.array([first[k], last[k]]))
        matrix[starts[k] : starts[k + 1], k] = measure * depth
    return matrix


def _components(
    table: MeasurementTable,
    entry: CountsTableEntry,
    folder: LikelihoodFolder,
    rows: np.typing.NDArray[np.int64],
    n_bins: int,
) -> tuple[tuple[Parameter, ...], Float64]:
    """Return the norms of the components, and their expected counts [n_norms, n_data]."""
    norms: list[Parameter] = []
    added: list[Float64] = []
    source = table.provenance.reference
    region = np.repeat(np.arange(len(entry.regions)), n_bins)
    for component in entry.components:
        counts = table.columns[component.column][rows]
        if not component.each_region:
            norms.append(norm_parameter(component, source, where=folder.where, data_set=folder.name))
            added.append(counts)
            continue
        for k in range(len(entry.regions)):
            own = component.model_copy(
                update={"norm_name": f"{component.norm_name}_{k + 1}", "label": f"{component.label} {k + 1}"}
            )
            norms.append(norm_parameter(own, source, where=folder.where, data_set=folder.name))
            added.append(np.where(region == k, counts, 0.0))
    return tuple(norms), np.array(added).reshape(len(added), len(rows))
