"""Posteriors at bounds are told: in a table, as cautions, and beside the parameter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.pages.plain_lines import caution_lines
from crsea_infer.report.pages.run_page import write_page
from crsea_infer.report.tables.pile_up_table import FILE, pile_up_section, sides_with_heaps, write_pile_ups

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary


def piled_up(item: HypothesisSummary, parameter: str) -> HypothesisSummary:
    """The same samples, with half of one parameter next to its upper bound."""
    result = item.results[item.shown]
    column = item.names.index(parameter)
    unit = result.unit_samples.copy()
    unit[::2, column] = 1.0 - 0.01 * np.random.default_rng(1).random(len(unit[::2]))
    samples = np.asarray(item.posterior.prior_transform(unit))
    return replace(item, results={item.shown: replace(result, unit_samples=unit, samples=samples)})


def test_a_heap_is_told_in_table_cautions_and_page(nested_run: RunSummary, changed: Any, tmp_path: Path) -> None:
    usual, other, _ = nested_run.hypotheses
    summary = changed(piled_up(usual, "halo_height"), other)
    write_pile_ups(tmp_path, summary)
    rows = read_table(tmp_path / FILE)
    heaps = [(row["hypothesis"], row["parameter"], row["side"]) for row in rows if row["heaps"]]
    assert heaps == [(usual.name, "halo_height", "upper")]
    (row,) = [row for row in rows if row["heaps"]]
    assert row["bound"] == 12.0
    assert abs(row["share"] - 0.5) < 0.02
    section = pile_up_section(tmp_path, summary)
    assert section is not None
    (line,) = caution_lines(summary, [section])
    assert line == (
        f"caution: {usual.name}: the posterior of halo_height heaps at its upper bound, 12 kpc "
        f"({100 * row['share']:.0f} % of it where 2 % of the prior are)"
    )
    assert sides_with_heaps(summary.hypotheses[0]) == {"halo_height": "upper"}
    write_page(tmp_path, summary, [section], {})
    page = (tmp_path / "index.html").read_text()
    assert page.count("heaps at its upper bound") == 2
    assert "Posteriors at bounds" in page


def test_where_nothing_heaps_there_is_a_table_and_no_section(nested_run: RunSummary, tmp_path: Path) -> None:
    write_pile_ups(tmp_path, nested_run)
    assert {row["parameter"] for row in read_table(tmp_path / FILE)} >= {"halo_height", "delta_slope"}
    assert pile_up_section(tmp_path, nested_run) is None
