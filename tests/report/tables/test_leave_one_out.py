"""Leave-one-out where it is known: normal data with a normal prior, by refitting without each point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from crsea_infer.report.layout.arviz_versions import psis_loo
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.tables.leave_one_out import FILE, files, loo_section, write_loo

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.results.summary import RunSummary


def test_leaving_out_by_weights_is_leaving_out_by_refitting() -> None:
    rng = np.random.default_rng(3)
    data, width = rng.normal(size=20), 5.0
    variance = 1.0 / (len(data) + 1.0 / width**2)
    draws = rng.normal(variance * data.sum(), np.sqrt(variance), 8000)
    found = psis_loo(stats.norm.logpdf(data, draws[:, None]), 1.0)
    without = 1.0 / (len(data) - 1 + 1.0 / width**2)
    exact = stats.norm.logpdf(data, without * (data.sum() - data), np.sqrt(1.0 + without))
    assert found.elpd == pytest.approx(exact, abs=0.02)
    assert found.effective_parameters == pytest.approx(np.var(data), abs=0.3)
    assert np.all(found.pareto_k < 0.5)


def test_a_point_that_alone_decides_is_found() -> None:
    rng = np.random.default_rng(4)
    draws = rng.standard_t(3, 4000)
    log_likelihood = np.stack([stats.norm.logpdf(draws, 0.0, 3.0), stats.norm.logpdf(draws, 9.0, 0.5)], axis=-1)
    assert psis_loo(log_likelihood, 1.0).pareto_k[1] > 0.7


def test_a_point_that_no_parameter_moves_costs_nothing_and_repeated_draws_are_told() -> None:
    rng = np.random.default_rng(5)
    few = np.repeat(rng.normal(size=3), 1000)
    log_likelihood = np.stack([np.full(3000, -2.5), stats.norm.logpdf(few)], axis=-1)
    found = psis_loo(log_likelihood, 1.0)
    assert found.elpd[0] == -2.5
    assert found.pareto_k[0] == -np.inf
    assert found.pareto_k[1] > 0.7
    assert np.isfinite(found.elpd[1])


def test_the_table_compares_with_the_best_hypothesis(nested_run: RunSummary, tmp_path: Path) -> None:
    assert files(nested_run) == [FILE]
    write_loo(tmp_path, nested_run)
    rows = read_table(tmp_path / FILE)
    assert [row["hypothesis"] for row in rows] == [item.name for item in nested_run.hypotheses]
    best = max(rows, key=lambda row: row["elpd_loo"])
    assert best["elpd_difference"] == 0.0
    for row in rows:
        assert row["n_data"] == 15
        assert row["elpd_difference"] == pytest.approx(row["elpd_loo"] - best["elpd_loo"])
        assert row["p_loo"] > 0.0
        assert (row["elpd_difference_err"] > 0.0) == (row is not best)
        assert row["sampler"] == "dynesty"
    section = loo_section(tmp_path, nested_run)
    assert sum("best" in row for row in section.tables[0].rows) == 1
    assert len(section.cautions) == sum(row["n_large_k"] > 0 for row in rows)
