"""Each data set by itself: sums that add up, pulls that are the data's, a figure one can read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from figure_texts import check_text

from crsea_infer.report.figures import data_set_pulls
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.layout.style import PAGE, styled

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.results.summary import RunSummary


@pytest.mark.slow
def test_tables_add_up_and_agree_with_the_posterior(nested_run: RunSummary, tmp_path: Path) -> None:
    data_set_pulls.write_data_sets(tmp_path, nested_run)
    assert all((tmp_path / name).stat().st_size > 500 for name in data_set_pulls.FILES)
    rows = read_table(tmp_path / "data_sets.ecsv")
    pulls = read_table(tmp_path / "pulls.ecsv")
    assert len(pulls) == 3 * 15
    for item in nested_run.hypotheses:
        *parts, total = [row for row in rows if row["hypothesis"] == item.name]
        assert total["likelihood"] == "all"
        for key in ("n_data", "chi2_best_fit", "lnl_best_fit", "chi2_posterior_mean", "lnl_posterior_mean"):
            assert total[key] == pytest.approx(sum(row[key] for row in parts))
        mean = item.draws.mean(axis=0)
        for where, theta in (("best_fit", item.best_fit.parameters), ("posterior_mean", mean)):
            assert total[f"lnl_{where}"] == pytest.approx(float(item.posterior.log_likelihood(theta)))
            for row in parts:
                own = [one[f"pull_{where}"] for one in pulls if _is(one, item.name, row["likelihood"])]
                assert len(own) == row["n_data"]
                assert row[f"largest_pull_{where}"] == pytest.approx(max(own, key=abs))
                shifts = item.posterior.nuisance_values(theta)
                eta = next(float(value) for name, value in shifts.items() if row["likelihood"] in name)
                assert row[f"chi2_{where}"] == pytest.approx(np.sum(np.square(own)) + eta**2)


def _is(row: dict[str, object], hypothesis: str, likelihood: str) -> bool:
    return (row["hypothesis"], row["likelihood"]) == (hypothesis, likelihood)


def test_the_figure_of_pulls_is_legible(nested_run: RunSummary) -> None:
    with styled():
        figure = data_set_pulls.draw_pulls(nested_run)
        assert check_text(figure) == pytest.approx(PAGE)


def test_a_data_set_that_only_some_hypotheses_have_is_drawn_for_them(nested_run: RunSummary) -> None:
    run = replace(nested_run)
    run.pulls["base-min"] = {"lhaaso_km2a_inner": run.pulls["base-min"]["lhaaso_km2a_inner"]}
    figure = data_set_pulls.draw_pulls(run)
    inner, outer = figure.axes[:2]
    assert len(inner.lines) - len(outer.lines) == 2
