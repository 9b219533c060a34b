"""Tension in the report: one row per hypothesis and sampler that weighs, with the reason where there is no number."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.tables.run_tables import evidence_rows
from crsea_infer.report.tables.tension_table import FILE, files, tension_section, write_tension

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.results.summary import RunSummary


def test_the_evidence_ratio_is_that_of_the_evidences(nested_run: RunSummary, tmp_path: Path) -> None:
    assert files(nested_run) == [FILE]
    write_tension(tmp_path, nested_run)
    rows = read_table(tmp_path / FILE)
    assert [(row["hypothesis"], row["sampler"]) for row in rows] == [
        (item.name, "dynesty") for item in nested_run.hypotheses
    ]
    assert [row["ln_r"] for row in rows] == pytest.approx([600.0 - n - 299.0 - 298.0 for n in range(3)])
    assert rows[0]["ln_r_err"] == pytest.approx(0.1 * np.sqrt(3.0))
    item = nested_run.hypotheses[0]
    means = [item.samplings[data].results["dynesty"].log_likelihood.mean() for data in item.samplings]
    assert rows[0]["ln_s"] == pytest.approx(means[0] - means[1] - means[2])


def test_an_evidence_that_is_withheld_leaves_the_reason(nested_run: RunSummary, changed: Any, tmp_path: Path) -> None:
    item = nested_run.hypotheses[0]
    data, sampling = next(iter(item.others.items()))
    without = replace(sampling, results={"dynesty": replace(sampling.results["dynesty"], evidence=None)})
    write_tension(tmp_path, changed(replace(item, others={**item.others, data: without})))
    (row,) = read_table(tmp_path / FILE)
    assert np.isnan(row["ln_r"])
    assert row["remark"] == f"no evidence of {data}"
    assert row["remark"] in tension_section(tmp_path, nested_run).tables[0].rows[0]


def test_no_evidence_at_all_is_a_remark_too(nested_run: RunSummary, changed: Any, tmp_path: Path) -> None:
    """As when importance sampling refuses every estimate."""
    item = nested_run.hypotheses[0]
    refused = {
        data: replace(sampling, results={"dynesty": replace(sampling.results["dynesty"], evidence=None)})
        for data, sampling in item.samplings.items()
    }
    joint = refused.pop("all")
    write_tension(tmp_path, changed(replace(item, results=joint.results, others=refused)))
    (row,) = read_table(tmp_path / FILE)
    assert np.isnan(row["ln_s"])
    assert row["remark"] == "no evidence of all data, lhaaso_km2a_inner, lhaaso_km2a_outer"


def test_what_rests_on_a_sampling_that_did_not_converge_is_marked(
    nested_run: RunSummary, changed: Any, tmp_path: Path
) -> None:
    item = nested_run.hypotheses[0]
    data, sampling = next(iter(item.others.items()))
    stuck = replace(sampling, results={"dynesty": replace(sampling.results["dynesty"], diagnostics={"status": "x"})})
    write_tension(tmp_path, nested_run)
    rows = tension_section(tmp_path, changed(replace(item, others={**item.others, data: stuck}))).tables[0].rows
    assert [row[1] for row in rows] == ["dynesty (not converged)", "dynesty", "dynesty"]


def test_data_that_disagree_are_a_caution(nested_run: RunSummary, tmp_path: Path) -> None:
    write_tension(tmp_path, nested_run)
    text = (tmp_path / FILE).read_text()
    quiet = tension_section(tmp_path, nested_run)
    rows = read_table(tmp_path / FILE)
    assert len(quiet.cautions) == sum(row["probability"] < 0.01 for row in rows)
    assert "lhaaso_km2a_inner; lhaaso_km2a_outer" in quiet.words[0]
    assert "name of the hypothesis" in text


def test_the_samplings_of_groups_stand_in_the_table_of_evidences(nested_run: RunSummary) -> None:
    rows = evidence_rows(nested_run.hypotheses[0])
    assert [(row.sampler, row.data, row.n_data) for row in rows] == [
        ("dynesty", "all", 15),
        ("emcee", "all", 15),
        ("dynesty", "lhaaso_km2a_inner", 10),
        ("dynesty", "lhaaso_km2a_outer", 5),
    ]
