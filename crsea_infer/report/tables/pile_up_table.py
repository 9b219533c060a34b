"""Posteriors that heap at a bound: pile_ups.ecsv, cautions on page and console, a mark in the table of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crsea_infer.analysis.pile_ups import LEAST_RATIO, ZONE, pile_ups
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.analysis.pile_ups import PileUp
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary

__all__ = ["FILE", "bounds_of", "files", "pile_up_section", "sides_with_heaps", "write_pile_ups"]

(FILE,) = PRODUCTS["pile-ups"].tables

_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "sampler": Column("whose posterior was used", str),
    "parameter": Column("name of the parameter", str),
    "side": Column("lower or upper bound", str),
    "bound": Column("the bound, in the unit of the parameter: of its prior, or of the range of the sky model"),
    "unit": Column("unit of the parameter", str),
    "zone_begins": Column(f"where the outermost {100 * ZONE:g} % of the prior between the bounds begin"),
    "share": Column("probability of the posterior in this zone"),
    "share_err": Column("one-sigma Monte-Carlo error of share"),
    "ratio": Column("share over the probability of the prior there"),
    "outer_share": Column("how much of the share lies in the outer half of the zone; nan when it is empty"),
    "heaps": Column(f"whether the posterior heaps there: ratio at least {LEAST_RATIO:g}, outer_share a third", bool),
}


def bounds_of(item: HypothesisSummary) -> list[PileUp]:
    """Return every bound of every parameter of a hypothesis."""
    return pile_ups(item.parameters, item.results[item.shown], item.posterior.box)


def sides_with_heaps(item: HypothesisSummary) -> dict[str, str]:
    """Return the parameters whose posteriors heap at a bound, with its side in words."""
    sides: dict[str, list[str]] = {}
    for one in bounds_of(item):
        if one.heaps:
            sides.setdefault(one.parameter, []).append(one.side)
    return {name: " and ".join(own) for name, own in sides.items()}


def files(_summary: RunSummary) -> list[str]:
    """Return the file."""
    return [FILE]


def write_pile_ups(directory: Path, summary: RunSummary) -> None:
    """Write the table."""
    rows = [
        {
            **vars(one),
            "hypothesis": item.name,
            "sampler": item.shown,
            "zone_begins": one.begins,
            "ratio": one.ratio,
            "heaps": one.heaps,
        }
        for item in summary.hypotheses
        for one in bounds_of(item)
    ]
    write_table(directory / FILE, _COLUMNS, rows, summary.table_meta)


def pile_up_section(directory: Path, _summary: RunSummary) -> Section | None:
    """Return what the page says; nothing when no posterior heaps at a bound."""
    rows = [row for row in read_table(directory / FILE) if row["heaps"]]
    if not rows:
        return None
    columns = ("hypothesis", "parameter", "bound", "posterior there", "times the prior")
    table = SectionTable(
        columns,
        tuple(
            (
                row["hypothesis"],
                row["parameter"],
                f"{row['side']}, {_bound(row)}",
                f"{100 * row['share']:.1f} % ± {100 * row['share_err']:.1f} %",
                f"{row['ratio']:.0f}",
            )
            for row in rows
        ),
        frozenset(columns[3:]),
    )
    words = (
        (
            f"Posteriors that hold at least {LEAST_RATIO:g} times as much of the outermost {100 * ZONE:g} % of their "
            "priors at a bound as the prior, and do not thin out towards it. The data ask for what was ruled out: "
            "intervals are those of the bound, and ln Z depends on where it stands. All bounds are in pile_ups.ecsv."
        ),
    )
    cautions = tuple(
        f"{row['hypothesis']}: the posterior of {row['parameter']} heaps at its {row['side']} bound, {_bound(row)} "
        f"({100 * row['share']:.0f} % of it where {100 * ZONE:g} % of the prior are)"
        for row in rows
    )
    return Section("Posteriors at bounds", (table,), words, cautions=cautions)


def _bound(row: dict[str, Any]) -> str:
    return f"{row['bound']:g} {row['unit']}".strip()
