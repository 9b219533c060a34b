"""What a report shows: right numbers, right words, figures one can print."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from figure_texts import check_text
from hypothesis import given
from hypothesis import strategies as st
from made_up import result_at

from crsea_infer import emulator
from crsea_infer.analysis.best_fit import find_best_fit
from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run
from crsea_infer.report.figures import corner_figures, spectrum_figures
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.layout.style import COLUMN, PAGE, look, styled
from crsea_infer.report.pages.run_page import write_page
from crsea_infer.report.results.summary import HypothesisSummary, RunSummary, shown_sampler
from crsea_infer.report.tables.run_tables import (
    chi2_rows,
    evidence_rows,
    read_cautions,
    read_evidences,
    read_unconverged,
    write_tables,
)
from crsea_infer.workflow.run_directory import to_toml

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.inference.samplers.sampler import SamplerResult


def fake_result(posterior: Any, sampler: str, lnz: float | None, seed: int) -> SamplerResult:
    unit = np.clip(np.random.default_rng(seed).normal(0.5, 0.15, size=(1500, len(posterior.names))), 0.01, 0.99)
    return result_at(posterior, sampler, lnz, unit)


@pytest.fixture(scope="module")
def summary() -> RunSummary:
    run = replace(load_run("min_vs_max"), beside=())
    model = emulator.load()
    items = []
    for number, hypothesis in enumerate(run.hypotheses):
        posterior = posterior_for(hypothesis, run.likelihoods, model)
        results = {
            "emcee": fake_result(posterior, "emcee", None, number),
            "dynesty": fake_result(posterior, "dynesty", 600.0 - 30.0 * number, number),
        }
        best = find_best_fit(posterior, np.full(len(posterior.names), 0.5))
        items.append(HypothesisSummary(posterior, results, best, results["dynesty"].samples))
    return RunSummary(run, {"run": "a", "data": "b"}, model, tuple(items))


def test_tables_are_read_back_as_written(summary: RunSummary, tmp_path: Path) -> None:
    write_tables(tmp_path, summary)
    assert read_evidences(tmp_path / "evidence.ecsv") == {
        "gamma-optimized-min": {"dynesty": Evidence(600.0, 0.1, "nested sampling")},
        "gamma-optimized-max": {"dynesty": Evidence(570.0, 0.1, "nested sampling")},
    }
    rows = evidence_rows(summary.hypotheses[0])
    assert np.isnan(rows[0].lnz)
    assert rows[0].method == "none"
    best = int(np.argmax(summary.hypotheses[0].results["emcee"].log_likelihood))
    chi2 = summary.hypotheses[0].posterior.chi2_of_all(summary.hypotheses[0].results["emcee"].samples[best])
    assert rows[0].chi2 == pytest.approx(float(chi2))


def test_chi2_of_all_data_is_the_sum(summary: RunSummary) -> None:
    *parts, total = chi2_rows(summary.hypotheses[0])
    assert total["likelihood"] == "all"
    for name in ("n_data", "chi2_published", "chi2_best_fit"):
        assert total[name] == pytest.approx(sum(row[name] for row in parts))
    assert total["reduced_chi2_best_fit"] == pytest.approx(total["chi2_best_fit"] / 15)


def test_warnings_tell_what_did_not_converge(summary: RunSummary) -> None:
    assert summary.warnings == ()
    item = summary.hypotheses[0]
    stuck = SimpleNamespace(**vars(item.results["emcee"]))
    stuck.converged, stuck.diagnostics, stuck.evidence = False, {"status": "the chain is short"}, None
    changed = HypothesisSummary(item.posterior, {**item.results, "emcee": stuck}, item.best_fit, item.draws)  # type: ignore[dict-item]
    (words,) = RunSummary(summary.run, summary.identity, summary.model, (changed,)).warnings
    assert words == "gamma-optimized-min, emcee: the chain is short"


def test_a_precise_evidence_that_did_not_converge_is_told_but_not_quoted(summary: RunSummary, tmp_path: Path) -> None:
    item = summary.hypotheses[0]
    good = item.results["dynesty"]
    assert good.evidence is not None
    precise = Evidence(good.evidence.lnz + 0.2, 0.5 * good.evidence.lnz_err, "importance sampling")
    stuck = replace(good, sampler="importance", evidence=precise, diagnostics={"status": "a heavy tail"})
    changed = HypothesisSummary(item.posterior, {**item.results, "importance": stuck}, item.best_fit, item.draws)
    assert changed.evidence == good.evidence
    assert changed.unconverged == ["gamma-optimized-min, importance: a heavy tail"]
    write_tables(tmp_path, RunSummary(summary.run, summary.identity, summary.model, (changed, *summary.hypotheses[1:])))
    assert read_evidences(tmp_path / "evidence.ecsv")["gamma-optimized-min"] == {"dynesty": good.evidence}
    assert read_cautions(tmp_path / "evidence.ecsv") == {"gamma-optimized-min": ["importance: a heavy tail"]}
    alone = HypothesisSummary(item.posterior, {"importance": stuck}, item.best_fit, item.draws)
    assert alone.evidence == precise


def _stuck(result: SamplerResult, why: str = "the chain is short") -> SamplerResult:
    return replace(result, diagnostics={**result.diagnostics, "status": why})


def _with(summary: RunSummary, *changes: dict[str, SamplerResult]) -> RunSummary:
    items = [replace(item, results=results) for item, results in zip(summary.hypotheses, changes, strict=True)]
    return replace(summary, hypotheses=tuple(items))


def test_the_posterior_shown_is_that_of_a_sampler_that_converged(summary: RunSummary) -> None:
    first, second = (dict(item.results) for item in summary.hypotheses)
    assert shown_sampler(first) == "dynesty"
    first["dynesty"] = _stuck(first["dynesty"])
    assert shown_sampler(first) == "emcee"
    assert summary.unconverged_shown == ""
    changed = _with(summary, first, second)
    assert changed.unconverged_shown == ""
    assert "(emcee)" in corner_figures.figure_names(changed)["corner_gamma-optimized-min"]


def test_where_none_converged_captions_and_the_table_of_parameters_say_so(summary: RunSummary, tmp_path: Path) -> None:
    stuck = {name: _stuck(one) for name, one in summary.hypotheses[0].results.items()}
    changed = _with(summary, stuck, dict(summary.hypotheses[1].results))
    said = "Not converged: gamma-optimized-min (dynesty)."
    captions = corner_figures.figure_names(changed)
    assert "(dynesty, not converged)" in captions["corner_gamma-optimized-min"]
    assert "not converged" not in captions["corner_gamma-optimized-max"]
    assert said in captions["corner_overlay"]
    assert all(said in caption for caption in spectrum_figures.figure_names(changed).values())
    (tmp_path / "figures").mkdir()
    write_page(tmp_path, changed, [], {})
    page = (tmp_path / "index.html").read_text()
    assert "median and 68 % of dynesty, not converged" in page
    assert "median and 68 % of dynesty)" in page


def test_a_bayes_factor_of_evidences_that_did_not_converge_is_marked(summary: RunSummary, tmp_path: Path) -> None:
    write_tables(tmp_path, summary)
    (row,) = read_table(tmp_path / "bayes_factors.ecsv")
    assert row["status"] == "converged"
    assert "converged" not in row["verdict"]
    assert read_unconverged(tmp_path / "evidence.ecsv") == set()
    stuck = {name: _stuck(one) for name, one in summary.hypotheses[1].results.items()}
    changed = _with(summary, dict(summary.hypotheses[0].results), stuck)
    write_tables(tmp_path, changed)
    (row,) = read_table(tmp_path / "bayes_factors.ecsv")
    assert row["status"] == "not converged: gamma-optimized-max"
    assert row["verdict"].startswith("very strong evidence for gamma-optimized-min")
    assert row["verdict"].endswith("(not converged)")
    assert read_unconverged(tmp_path / "evidence.ecsv") == {"gamma-optimized-max"}
    write_page(tmp_path, changed, [], {})
    assert (
        "over “Gamma-optimized transport, Max local spectra” (not converged)</strong>"
        in (tmp_path / "index.html").read_text()
    )


def test_the_overlay_leaves_out_what_only_shares_a_name(summary: RunSummary) -> None:
    shared = corner_figures._shared(summary)
    assert {"delta_slope", "halo_height", "hi_scale", "xco_scale"} <= set(shared)
    assert "proton_slope_2" not in shared, "to 24 TV in one model, to the knee in the other"
    assert len(shared) <= 8


def test_the_corner_for_the_paper_shows_transport_gas_and_what_the_data_know(summary: RunSummary) -> None:
    item = summary.hypotheses[0]
    chosen = corner_figures.chosen_parameters(item, summary)
    assert {"delta_slope", "halo_height", "hi_scale", "xco_scale"} <= set(chosen)
    assert len(chosen) == 8
    assert item.informativeness.shape == (len(item.posterior.names),)
    assert "8 of its 27 parameters" in corner_figures.figure_names(summary)["corner_gamma-optimized-min"]


@pytest.mark.parametrize("width", [PAGE])
def test_text_in_a_corner_is_legible_and_inside(summary: RunSummary, width: float) -> None:
    item = summary.hypotheses[0]
    with styled():
        figure = corner_figures.draw_corner(
            [item], corner_figures.chosen_parameters(item, summary), [look(0)], width, with_prior=True
        )
        check_text(figure)


@pytest.mark.slow
def test_text_in_a_spectrum_is_legible_and_inside(summary: RunSummary) -> None:
    with styled():
        seen = {name: check_text(draw()) for name, draw in spectrum_figures.figures(summary).items()}
    assert set(seen) == set(spectrum_figures.figure_names(summary))
    assert seen["spectrum_lhaaso_km2a_inner"] == pytest.approx(COLUMN)
    assert seen["spectra"] == pytest.approx(PAGE)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (29.8642, 0.0091, "29.8642 ± 0.0091"),
        (29.86, 0.13, "29.86 ± 0.13"),
        (612.8, 1.3, "612.8 ± 1.3"),
        (612.8, 25.0, "613 ± 25"),
        (np.nan, np.nan, "–"),
    ],
)
def test_numbers_carry_two_figures_of_their_error(value: float, error: float, text: str) -> None:
    assert number_with_error(value, error) == text


KEYS = st.text(min_size=1, max_size=8)
VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: st.lists(children, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@given(st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=3), max_size=4))
def test_toml_reads_back_as_written(content: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(content)) == content
