"""The table of predictive p-values, and what page, console and other tables say of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_up import result_at

from crsea_infer import emulator
from crsea_infer.analysis.best_fit import find_best_fit
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run
from crsea_infer.report.layout.ecsv import read_table, write_table
from crsea_infer.report.pages.plain_lines import result_lines
from crsea_infer.report.pages.run_page import write_page
from crsea_infer.report.results.summary import HypothesisSummary, RunSummary
from crsea_infer.report.tables import goodness_of_fit_table
from crsea_infer.report.tables.goodness_of_fit_table import (
    FILE,
    goodness_of_fit_section,
    read_fits,
    write_goodness_of_fit,
)
from crsea_infer.report.tables.run_tables import write_tables
from crsea_infer.support.output_names import FACTORS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def summary() -> RunSummary:
    """Min, sampled near its best fit, and Max, likewise: with one shift per region neither describes the KM2A data."""
    run = replace(load_run("min_vs_max"), fit_replicates=2000)
    one_shift = tuple(load_likelihood(one.name) for one in run.likelihoods)
    run = replace(run, likelihoods=one_shift)
    model = emulator.load()
    items = []
    for number, hypothesis in enumerate(run.hypotheses):
        posterior = posterior_for(hypothesis, run.likelihoods, model)
        best = find_best_fit(posterior, np.full(len(posterior.names), 0.5))
        unit = np.random.default_rng(number).normal(0.5, 0.01, size=(400, len(posterior.names)))
        result = result_at(posterior, "dynesty", 612.8 - 29.1 * number, np.clip(unit, 0.01, 0.99))
        draws = np.repeat(best.parameters[None], 4, axis=0)
        items.append(HypothesisSummary(posterior, {"dynesty": result}, best, draws))
    return RunSummary(run, {"run": "a", "data": "b"}, model, tuple(items))


@pytest.fixture(scope="module")
def written(summary: RunSummary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fit")
    write_goodness_of_fit(folder, summary)
    write_tables(folder, summary)
    return folder


def test_there_is_a_row_for_each_data_set_and_for_all(written: Path) -> None:
    rows = read_table(written / FILE)
    data_sets = ["lhaaso_km2a_inner", "lhaaso_km2a_outer", "all"]
    assert [(row["hypothesis"], row["likelihood"]) for row in rows] == [
        (name, data) for name in ("gamma-optimized-min", "gamma-optimized-max") for data in data_sets
    ]
    for row in rows:
        assert row["n_data"] == {"lhaaso_km2a_inner": 10, "lhaaso_km2a_outer": 5, "all": 15}[row["likelihood"]]
        assert (row["n_replicates"], row["n_replicates_prior"]) == (2000, 1000)
        for name in ("p_posterior", "p_runs_posterior", "p_prior", "p_runs_prior"):
            assert 1 / 2001 <= row[name] <= 1.0, name
            assert row[f"{name}_err"] > 0.0
    assert rows[2]["chi2"] == pytest.approx(rows[0]["chi2"] + rows[1]["chi2"])
    assert {row["verdict"] for row in rows if row["likelihood"] == "all"} == {"does not describe"}


def test_it_is_made_again_with_other_replicates_and_not_at_all_with_none(written: Path, summary: RunSummary) -> None:
    assert goodness_of_fit_table.is_current(written, summary)
    more = replace(summary, run=replace(summary.run, fit_replicates=3000))
    assert not goodness_of_fit_table.is_current(written, more)
    assert goodness_of_fit_table.files(summary) == [FILE]
    assert goodness_of_fit_table.files(replace(summary, run=replace(summary.run, fit_replicates=0))) == []


def test_the_fit_is_that_of_the_smaller_posterior_p(written: Path, tmp_path: Path) -> None:
    fits = read_fits(written)
    assert not any(fit.describes for fit in fits.values())
    rows = read_table(written / FILE)
    assert fits["gamma-optimized-min"].p.value == min(rows[2]["p_posterior"], rows[2]["p_runs_posterior"])
    for row in rows:
        row |= {"p_posterior": 0.2, "p_runs_posterior": np.nan}
    write_table(tmp_path / FILE, goodness_of_fit_table._COLUMNS, rows, {})
    good = read_fits(tmp_path)["gamma-optimized-min"]
    assert good.words("it") == "it describes these data (p = 0.2)"
    assert read_fits(tmp_path / "elsewhere") == {}


def test_the_verdict_stands_in_every_output(written: Path, summary: RunSummary) -> None:
    says = "but gamma-optimized-min does not describe these data (p = "
    (row,) = read_table(written / FACTORS)
    assert row["verdict"].startswith("very strong evidence for gamma-optimized-min over gamma-optimized-max; but ")
    assert says in row["verdict"]
    section = goodness_of_fit_section(written, summary)
    assert section.on_console
    lines = result_lines(summary, [section], written)
    (line,) = [line for line in lines if line.startswith("ln B")]
    assert says in line
    assert "(numerical)" in line
    assert any("spread over choices: not measured" in line for line in lines)
    write_page(written, summary, [section], {})
    page = (written / "index.html").read_text()
    low, high = (f"“Gamma-optimized transport, {name} local spectra”" for name in ("Min", "Max"))
    assert f"<strong>Very strong evidence for {low} over {high}; but {low} does not describe these data (p = " in page
    assert "Do the hypotheses describe the data?" in page
    assert "The systematic error of “KM2A inner” and “KM2A outer” is one shift of all points" in page
    assert "That of LHAASO-KM2A says no" in page
    unequal = "widths of the priors differ: proton_slope_3 (0.05 and 0.15), helium_slope_3 (0.05 and 0.15)"
    assert unequal in row["priors"]
    assert f"A part of ln&thinsp;B is due to unequal priors: {unequal}" in page
    assert any(unequal in line for line in lines)
    assert "(numerical); spread over choices: not measured (crsea-infer robustness RUN)" in page


def test_a_spread_over_choices_outlives_the_tables_that_are_written_again(written: Path, summary: RunSummary) -> None:
    (row,) = read_table(written / FACTORS)
    assert all(np.isnan(row[f"ln_b_{name}"]) for name in ("averaged", "low", "high"))
    from crsea_infer.report.tables.run_tables import _FACTOR_COLUMNS

    write_table(
        written / FACTORS, _FACTOR_COLUMNS, [row | {"ln_b_averaged": 7.4, "ln_b_low": 3.1, "ln_b_high": 33.9}], {}
    )
    write_tables(written, summary)
    (again,) = read_table(written / FACTORS)
    assert (again["ln_b_averaged"], again["ln_b_low"], again["ln_b_high"]) == (7.4, 3.1, 33.9)
    (line,) = [line for line in result_lines(summary, [], written) if line.startswith("ln B")]
    assert "over choices: 3.1 to 33.9, averaged 7.4" in line


def test_training_sets_are_not_predicted(summary: RunSummary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []

    def note(*_: Any, **given: Any) -> list[Any]:
        asked.append(given["data_sets"])
        return []

    monkeypatch.setattr(goodness_of_fit_table, "check_predictions", note)
    trained = replace(summary.run.subsets, training={"gamma-optimized-min": ("lhaaso_km2a_inner",)})
    run = replace(summary.run, subsets=trained)
    write_goodness_of_fit(tmp_path, replace(summary, run=run))
    assert asked == [["lhaaso_km2a_outer"]] * 2
