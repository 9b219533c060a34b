"""The Savage-Dickey ratio of a run: found where hypotheses nest, right where known, absent where it says nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_up import SLOPE

from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.tables.nested_hypotheses import FILE, files, nested_section, nestings, write_savage_dickey

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.results.summary import RunSummary

EXACT = float(SLOPE.logpdf(0.0)) + math.log(0.08)


def test_base_is_found_in_the_free_gradient_and_not_where_the_prior_leaves_it_out(nested_run: RunSummary) -> None:
    (nesting,) = nestings(nested_run)
    assert nesting.narrow is not None
    assert (nesting.narrow.name, nesting.wide.name) == ("base-min", "gamma-optimized-free-min")
    assert (nesting.parameter, nesting.value) == ("delta_slope", 0.0)


def test_base_is_looked_for_even_if_the_run_does_not_have_it(
    nested_run: RunSummary, changed: Any, tmp_path: Path
) -> None:
    alone = changed(nested_run.hypotheses[1])
    write_savage_dickey(tmp_path, alone)
    row = read_table(tmp_path / FILE)[0]
    assert row["hypothesis_1"] == "gamma-optimized-free-min at delta_slope = 0"
    assert np.isnan(row["ln_b_direct"])
    assert row["ln_b"] == pytest.approx(EXACT, abs=3.0 * row["ln_b_err"])
    assert files(changed(nested_run.hypotheses[0])) == []
    assert files(changed(nested_run.hypotheses[2])) == []


def test_the_ratio_is_the_known_one_for_every_sampler_and_stands_beside_the_direct_one(
    nested_run: RunSummary, tmp_path: Path
) -> None:
    write_savage_dickey(tmp_path, nested_run)
    rows = read_table(tmp_path / FILE)
    assert [row["sampler"] for row in rows] == ["dynesty", "emcee"]
    assert [row["ln_b"] for row in rows] == pytest.approx([EXACT] * 2, abs=3.0 * rows[0]["ln_b_err"])
    assert rows[0]["ln_b_err"] < 0.3
    assert rows[0]["ln_b_direct"] == pytest.approx(1.0)
    assert rows[0]["ln_b_direct_err"] == pytest.approx(0.1 * math.sqrt(2.0))
    assert rows[0]["remark"] == ""
    section = nested_section(tmp_path, nested_run)
    assert section.on_console
    assert "base-min : gamma-optimized-free-min" in section.tables[0].rows[0]
    assert [row[1] for row in section.tables[0].rows] == ["dynesty", "emcee"]
    free = nested_run.hypotheses[1]
    stuck = replace(free, results={**free.results, "emcee": replace(free.results["emcee"], diagnostics={})})
    marked = nested_section(tmp_path, replace(nested_run, hypotheses=(nested_run.hypotheses[0], stuck)))
    assert [row[1] for row in marked.tables[0].rows] == ["dynesty", "emcee (not converged)"]


def test_a_disagreement_with_the_evidences_is_a_caution(nested_run: RunSummary, changed: Any, tmp_path: Path) -> None:
    base, free, _ = nested_run.hypotheses
    off = replace(base.results["dynesty"], evidence=replace(base.results["dynesty"].evidence, lnz=609.0))  # type: ignore[type-var]
    write_savage_dickey(tmp_path, changed(replace(base, results={"dynesty": off}), free))
    caution, _ = nested_section(tmp_path, nested_run).cautions
    assert "base-min : gamma-optimized-free-min" in caution
    assert "sigma" in caution


def test_a_likelihood_that_is_another_function_for_base_is_told(
    nested_run: RunSummary, changed: Any, tmp_path: Path
) -> None:
    base, free, _ = nested_run.hypotheses
    first, *others = base.posterior.likelihoods
    other = replace(base.posterior, likelihoods=(replace(first, values=1.5 * first.values), *others))  # type: ignore[type-var,attr-defined]
    write_savage_dickey(tmp_path, changed(replace(base, posterior=other), free))
    row = read_table(tmp_path / FILE)[0]
    assert "not nested in lhaaso_km2a_inner" in row["remark"]
    assert nested_section(tmp_path, nested_run).cautions == ()


def test_too_few_samples_give_no_number_and_the_reason(nested_run: RunSummary, changed: Any, tmp_path: Path) -> None:
    base, free, _ = nested_run.hypotheses
    result = free.results["dynesty"]
    few = replace(result, samples=result.samples[:40], unit_samples=result.unit_samples[:40])
    write_savage_dickey(tmp_path, changed(base, replace(free, results={"dynesty": few})))
    row = read_table(tmp_path / FILE)[0]
    assert np.isnan(row["ln_b"])
    assert "effective samples" in row["remark"]
