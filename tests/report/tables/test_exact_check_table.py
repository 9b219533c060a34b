"""The exact check as a table and as words on the page."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.tables import exact_check_table

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def summary() -> Any:
    """Two hypotheses on one region, with draws near the middle of their priors."""
    run = load_run("min_vs_max")
    run = SimpleNamespace(likelihoods=run.likelihoods[:1], hypotheses=run.hypotheses, exact_samples=120)
    model = emulator.load()
    items = []
    for hypothesis in run.hypotheses:
        posterior = posterior_for(hypothesis, run.likelihoods, model)
        draws = posterior.prior_transform(np.random.default_rng(1).uniform(0.3, 0.7, size=(150, len(posterior.names))))
        result = SimpleNamespace(diagnostics={}, weights=np.full(150, 1.0 / 150))
        items.append(
            SimpleNamespace(
                name=hypothesis.name, posterior=posterior, draws=draws, shown="dynesty", results={"dynesty": result}
            )
        )
    return SimpleNamespace(run=run, model=model, hypotheses=tuple(items), table_meta={"run": "x"}, unconverged_shown="")


@pytest.mark.slow
def test_the_table_has_every_parameter_of_every_hypothesis(summary: Any, tmp_path: Path) -> None:
    exact_check_table.write_exact_check(tmp_path, summary)
    rows = read_table(tmp_path / "exact_check.ecsv")
    for item in summary.hypotheses:
        own = [row for row in rows if row["hypothesis"] == item.name]
        assert [row["quantity"] for row in own] == ["ln Z", *item.posterior.names]
        assert {row["n_samples"] for row in own} == {120}
        assert {row["status"] for row in own} == {"passed"}
        assert all(abs(row["shift"]) < 0.01 and row["shift_err"] > 0.0 for row in own)
    section = exact_check_table.exact_section(tmp_path, summary)
    (table,) = section.tables
    assert [row[0] for row in table.rows] == [item.name for item in summary.hypotheses]
    assert section.cautions == ()
    assert exact_check_table.is_current(tmp_path, summary)
    more = SimpleNamespace(**{**vars(summary), "run": SimpleNamespace(**{**vars(summary.run), "exact_samples": 140})})
    assert not exact_check_table.is_current(tmp_path, more)


@pytest.mark.slow
def test_the_numbers_are_those_of_one_process_however_many_there_are(
    summary: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = SimpleNamespace(**{**vars(summary), "run": SimpleNamespace(**{**vars(summary.run), "exact_samples": 20})})
    found = []
    monkeypatch.setattr(exact_check_table, "_PAYS", 20)
    for workers in (1, 2):
        exact_check_table.write_exact_check(tmp_path, few, workers)
        rows = read_table(tmp_path / "exact_check.ecsv")
        found.append([{**row, "wall_s": 0.0} for row in rows])
    assert found[0] == found[1]
    asked: list[int] = []

    def lost(_work: Any, tasks: Any) -> Any:
        asked.append(len(tasks))
        return nullcontext(lambda: [None] * len(tasks))

    monkeypatch.setattr(exact_check_table, "jobs_beside", lost)  # its process comes to nothing: done here
    exact_check_table.write_exact_check(tmp_path, few, 2)
    assert asked == [1]
    assert [{**row, "wall_s": 0.0} for row in read_table(tmp_path / "exact_check.ecsv")] == found[0]


@pytest.mark.parametrize(
    "result",
    [
        SimpleNamespace(diagnostics={"effective_samples": 40.0}),  # a chain, by its autocorrelation
        SimpleNamespace(diagnostics={}, weights=np.r_[np.full(40, 0.025), np.zeros(500)]),
    ],
)
def test_samples_count_as_what_they_are_worth(
    summary: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: Any
) -> None:
    from crsea_infer.analysis.exact_check import compare_likelihoods

    def shifted(emulated: Any, _exact: Any, samples: Any, independent: float) -> Any:
        zero = np.zeros(len(samples))
        noise = np.random.default_rng(2).normal(0.0, 0.1, len(samples))
        return compare_likelihoods(emulated.hypothesis.name, emulated.names, samples, zero, noise, 0.0, independent)

    monkeypatch.setattr(exact_check_table, "check_with_solver", shifted)
    exact_check_table.write_exact_check(tmp_path, summary)
    free = read_table(tmp_path / "exact_check.ecsv")
    items = [SimpleNamespace(**{**vars(item), "results": {"dynesty": result}}) for item in summary.hypotheses]
    few = SimpleNamespace(**{**vars(summary), "hypotheses": tuple(items)})
    exact_check_table.write_exact_check(tmp_path, few)
    worth = 1.0 / (1.0 / 40.0 + 1.0 / 120.0 - 1.0 / 150.0)
    for before, row in zip(free, read_table(tmp_path / "exact_check.ecsv"), strict=True):
        assert (before["n_samples"], row["n_samples"]) == (120, 120)
        assert before["effective_samples"] == pytest.approx(120.0, rel=0.02)
        assert row["effective_samples"] == pytest.approx(worth, rel=0.02)
        assert row["shift_err"] == pytest.approx(before["shift_err"] * np.sqrt(120.0 / worth))
        assert row["status"] == "not to be believed: only 37 of 120 samples are effective"


def test_the_worth_of_draws_is_that_of_the_scatter_of_their_means() -> None:
    """Means over 60 of 200 draws, resampled from 40 samples, scatter as those over so many independent ones."""
    rng = np.random.default_rng(6)
    item: Any = SimpleNamespace(
        draws=np.empty(200), shown="x", results={"x": SimpleNamespace(diagnostics={"effective_samples": 40.0})}
    )
    means = [rng.permutation(np.repeat(rng.normal(size=40), 5))[:60].mean() for _ in range(4000)]
    assert 1.0 / np.var(means) == pytest.approx(exact_check_table._independent(item, 60), rel=0.1)


def test_without_a_solver_it_says_so(summary: Any, tmp_path: Path) -> None:
    foreign = SimpleNamespace(**{**vars(summary), "model": SimpleNamespace()})
    exact_check_table.write_exact_check(tmp_path, foreign)
    rows = read_table(tmp_path / "exact_check.ecsv")
    assert [row["status"] for row in rows] == ["absent: no solver for this sky model"] * 2
    assert all(np.isnan(row["shift"]) for row in rows)
    assert "absent" in exact_check_table.exact_section(tmp_path, foreign).tables[0].rows[0][-1]
    assert exact_check_table.is_current(tmp_path, foreign)


def test_what_is_turned_off_makes_no_file(summary: Any) -> None:
    off = SimpleNamespace(run=SimpleNamespace(exact_samples=0))
    assert exact_check_table.files(off) == []
    assert exact_check_table.files(summary) == ["exact_check.ecsv"]


def test_a_shift_that_matters_is_a_caution(tmp_path: Path, summary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from crsea_infer.analysis.exact_check import compare_likelihoods

    def shifted(emulated: Any, _exact: Any, samples: Any, _independent: float) -> Any:
        zero = np.zeros(len(samples))
        return compare_likelihoods(emulated.hypothesis.name, emulated.names, samples, zero, zero - 0.5)

    monkeypatch.setattr(exact_check_table, "check_with_solver", shifted)
    exact_check_table.write_exact_check(tmp_path, summary)
    cautions = exact_check_table.exact_section(tmp_path, summary).cautions
    assert len(cautions) == 2
    assert "emulation shifts ln Z by +0.50" in cautions[0]
