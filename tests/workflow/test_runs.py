"""Whole runs: from a run file to a directory, killed and resumed, refused and repaired."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.table import Table
from quick_run import QUICK, evidences, numbers_alone

from crsea_infer.cli.console import ConsoleListener
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError
from crsea_infer.workflow import runs, samplings
from crsea_infer.workflow.comparison import compare

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = {"hypothesis", "sampler", "lnz", "lnz_err", "n_calls", "wall_s", "max_lnl", "chi2", "n_data"}


def test_a_run_leaves_what_the_contract_says(finished: tuple[Path, Path]) -> None:
    _, out = finished
    evidence = Table.read(out / "evidence.ecsv")
    assert set(evidence.colnames) >= CONTRACT
    assert len(evidence) == 4
    assert list(evidence["n_data"]) == [15] * 4
    assert all(column.info.description for column in evidence.itercols())
    factors = Table.read(out / "bayes_factors.ecsv")
    assert {"hypothesis_1", "hypothesis_2", "ln_b", "ln_b_err", "verdict"} <= set(factors.colnames)
    lnz = evidences(out)
    expected = lnz["gamma-optimized-min", "dynesty"][0] - lnz["gamma-optimized-max", "dynesty"][0]
    assert factors["ln_b"][0] == pytest.approx(expected)
    assert "gamma-optimized" in factors["verdict"][0]
    for hypothesis in ("gamma-optimized-min", "gamma-optimized-max"):
        assert (out / hypothesis / "posterior.nc").stat().st_size > 10_000
        for suffix in ("pdf", "png"):
            assert (out / "figures" / f"corner_{hypothesis}.{suffix}").stat().st_size > 10_000
    assert (out / "figures" / "spectrum_lhaaso_km2a_inner.png").stat().st_size > 10_000
    assert not list(out.glob("**/.*-*")), "temporary files are left"


CONDITIONAL = """
title = "Conditional"
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer", "tibet_asgamma_inner"]
[exact_check]
samples = 0
[[hypotheses]]
name = "after-outer"
prior_sets = ["gamma_optimized", "min", "gas"]
train_on = ["lhaaso_km2a_outer"]
[[hypotheses]]
name = "after-tibet"
prior_sets = ["gamma_optimized", "min", "gas"]
train_on = ["tibet_asgamma_inner"]
[samplers.importance]
walkers = 64
steps = 100
draws = 6000
[samplers.emcee]
max_steps = 100
block = 100
"""


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of one hypothesis with two training sets, and its directory."""
    folder = tmp_path_factory.mktemp("conditional")
    path = folder / "conditional.toml"
    path.write_text(CONDITIONAL)
    with pytest.MonkeyPatch.context() as patch:
        numbers_alone(patch)
        return path, runs.execute(load_run(path), folder / "out", workers=0, accept_unconverged=True)


@pytest.mark.slow
def test_conditional_evidence_is_that_of_all_data_less_that_of_the_training(conditional: tuple[Path, Path]) -> None:
    _, out = conditional
    table = Table.read(out / "evidence.ecsv")
    rows = {(row["hypothesis"], row["data"]): row for row in table if row["sampler"] == "importance"}
    for name, n_training in (("after-outer", 5), ("after-tibet", 3)):
        given, joint, training = (rows[name, data] for data in ("conditional", "all", "training"))
        assert given["lnz"] == pytest.approx(joint["lnz"] - training["lnz"])
        assert given["lnz_err"] == pytest.approx(np.hypot(joint["lnz_err"], training["lnz_err"]))
        assert 0.0 < given["lnz_err"] < 0.5
        assert (given["n_data"], training["n_data"]) == (10, n_training)
        assert given["n_calls"] == joint["n_calls"] + training["n_calls"]
        assert (out / name / "importance_on_training.h5").exists()
    assert [row["data"] for row in table if row["sampler"] == "emcee"] == ["all", "all"]
    factors = Table.read(out / "bayes_factors.ecsv")
    assert list(factors["data"]) == ["conditional"]
    expected = rows["after-outer", "conditional"]["lnz"] - rows["after-tibet", "conditional"]["lnz"]
    assert factors["ln_b"][0] == pytest.approx(expected)
    page = (out / "index.html").read_text()
    assert re.search(r"the probability of [^<]* after training: [^<]* given [^<]*;", page)


@pytest.mark.slow
def test_conditional_evidences_compare_across_directories_with_any_on_the_same_data(
    conditional: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers_alone(monkeypatch)
    _, out = conditional
    ln_b = float(Table.read(out / "bayes_factors.ecsv")["ln_b"][0])
    assert f"(after-outer : after-tibet) = {ln_b:.3f}" in "\n".join(compare([out]).lines)
    path = tmp_path / "plain.toml"
    plain = CONDITIONAL.replace('"lhaaso_km2a_outer", "tibet_asgamma_inner"', "").replace(
        '"lhaaso_km2a_inner", ]', '"lhaaso_km2a_inner"]'
    )
    path.write_text("\n".join(line for line in plain.splitlines() if not line.startswith("train_on")))
    untrained = runs.execute(load_run(path), tmp_path / "out", workers=0, accept_unconverged=True)
    assert "after-outer : " in "\n".join(compare([out, untrained]).lines)


@pytest.mark.slow
def test_a_conditional_run_resumes_and_refuses_other_training(
    conditional: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers_alone(monkeypatch)
    path, out = conditional
    before = (out / "evidence.ecsv").read_bytes()
    other = tmp_path / "conditional.toml"
    other.write_text(
        CONDITIONAL.replace(
            'train_on = ["tibet_asgamma_inner"]', 'train_on = ["tibet_asgamma_inner", "lhaaso_km2a_outer"]'
        )
    )
    with pytest.raises(UserError, match="training: there"):
        runs.execute(load_run(other), out)
    monkeypatch.setattr(samplings, "run_jobs", None)
    runs.execute(load_run(path), out, accept_unconverged=True)
    assert (out / "evidence.ecsv").read_bytes() == before


@pytest.mark.slow
def test_tension_adds_samplings_to_a_finished_run_and_changes_none_of_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers_alone(monkeypatch, "tension")
    path = tmp_path / "plain.toml"
    plain = CONDITIONAL.replace("train_on", "# train_on").replace(', "tibet_asgamma_inner"]', "]", 1)
    path.write_text(plain)
    out = runs.execute(load_run(path), tmp_path / "out", workers=0, accept_unconverged=True)
    before = evidences(out)
    path.write_text(plain.replace("[exact_check]", "tension = true\n[exact_check]"))
    runs.execute(load_run(path), out, workers=0, accept_unconverged=True)
    rows = [row for row in Table.read(out / "evidence.ecsv") if row["sampler"] == "importance"]
    assert {row["data"] for row in rows} == {"all", "lhaaso_km2a_inner", "lhaaso_km2a_outer"}
    assert evidences(out) == before
    lnz = {(row["hypothesis"], row["data"]): row["lnz"] for row in rows}
    tension = next(iter(Table.read(out / "tension.ecsv")))
    name = tension["hypothesis"]
    parts = sum(lnz[name, data] for data in ("lhaaso_km2a_inner", "lhaaso_km2a_outer"))
    assert tension["ln_r"] == pytest.approx(lnz[name, "all"] - parts)
    assert "tension" in tomllib.loads((out / "run.toml").read_text())["resolved"]
    assert "Tension between data" in (out / "index.html").read_text()


SHORT = QUICK.replace("[samplers.dynesty]", "[samplers.nothing]").partition("[samplers.nothing]")[0]


@pytest.mark.slow
def test_a_run_that_did_not_converge_is_kept_told_and_ends_with_1_unless_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers_alone(monkeypatch)
    from crsea_infer.cli.main import main

    monkeypatch.chdir(tmp_path)
    path = tmp_path / "short.toml"
    path.write_text(SHORT)
    assert main(["run", str(path), "--output", "out"]) == 1
    output, message = capsys.readouterr()
    assert message.count("crsea-infer:") == 1
    assert "not converged: gamma-optimized-min, emcee: " in message
    assert "--accept-unconverged" in message
    assert "caution: gamma-optimized-min, emcee: " in output
    page = (tmp_path / "out" / "index.html").read_text()
    assert "not converged: " in page
    assert (tmp_path / "out" / "gamma-optimized-min" / "posterior.nc").exists()
    status = str(Table.read(tmp_path / "out" / "evidence.ecsv")["status"][0])
    assert status != "converged"
    assert main(["run", str(path), "--output", "out"]) == 1, "resumed: still not converged"
    capsys.readouterr()
    assert main(["run", str(path), "--output", "out", "--accept-unconverged"]) == 0
    output, message = capsys.readouterr()
    assert message == ""
    assert f"caution: gamma-optimized-min, emcee: {status}" in output


def test_run_toml_reads_back_with_hashes_versions_and_seed(finished: tuple[Path, Path]) -> None:
    path, out = finished
    content = tomllib.loads((out / "run.toml").read_text())
    assert set(content["identity"]) == {"run", "data", "model", "version", "seed"}
    assert content["identity"]["seed"] == "3"
    assert content["resolved"] == load_run(path).resolved()
    assert content["versions"]["numpy"] == np.__version__
    assert "cross_section" in content["sky_model"]


def test_the_page_is_self_contained_and_escapes_what_users_write(finished: tuple[Path, Path]) -> None:
    _, out = finished
    page = (out / "index.html").read_text()
    assert "Quick &amp; dirty &lt;test&gt;" in page
    links = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert links
    assert links.pop(0) == "data:,"  # no icon, so that no browser asks for one
    links = [link for link in links if not link.startswith("#")]
    for link in links:
        assert (out / link).is_file(), link
    assert "published-table" in page
    assert "Kelner" in page


def test_a_posterior_opens_in_arviz(finished: tuple[Path, Path]) -> None:
    import arviz

    path, out = finished
    run = load_run(path)
    data = arviz.from_netcdf(out / "gamma-optimized-min" / "posterior.nc")
    posterior = data["posterior"]
    assert {"chain", "draw"} <= set(posterior["halo_height"].dims)
    assert posterior["halo_height"].attrs["units"] == "kpc"
    total = sum(
        data["log_likelihood"][likelihood.name].sum(f"{likelihood.name}_point") for likelihood in run.likelihoods
    )
    assert np.asarray(total) == pytest.approx(np.asarray(data["sample_stats"]["lnl"]))
    for likelihood in run.likelihoods:
        drawn = data["posterior_predictive"][likelihood.name]
        assert drawn.shape[-1] == likelihood.n_data
        assert np.asarray(data["observed_data"][likelihood.name]) == pytest.approx(likelihood.values)  # type: ignore[attr-defined]
        expected = data["posterior_predictive"][f"{likelihood.name}_expected"]
        spread = (np.asarray(drawn) - np.asarray(expected)).std(axis=(0, 1))
        assert np.all(spread > 0.3 * likelihood.error_low)  # type: ignore[attr-defined]
    walkers = arviz.from_netcdf(out / "gamma-optimized-min" / "posterior_emcee.nc")
    assert walkers["posterior"].sizes["chain"] > 10


@pytest.mark.slow
def test_a_finished_run_samples_nothing_again_and_mends_what_is_missing(
    own_copy: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = own_copy
    before = (out / "evidence.ecsv").read_bytes()
    kept = out / "figures" / "corner_overlay.png"
    stamp = kept.stat().st_mtime_ns
    (out / "figures" / "spectra.pdf").unlink()
    (out / "index.html").unlink()
    monkeypatch.setattr(samplings, "run_jobs", None)
    runs.execute(load_run(path), out, accept_unconverged=True, listener=ConsoleListener())
    assert "finished before" in capsys.readouterr().out
    assert (out / "figures" / "spectra.pdf").exists()
    assert (out / "index.html").exists()
    assert (out / "evidence.ecsv").read_bytes() == before
    assert kept.stat().st_mtime_ns == stamp


@pytest.mark.slow
def test_checks_are_made_and_made_again_when_the_run_file_asks_for_others(
    own_copy: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copy = own_copy
    assert set(Table.read(copy / "exact_check.ecsv")["n_samples"]) == {100}
    assert {"hi_scale", "xco_scale"} <= set(Table.read(copy / "prior_sensitivity.ecsv")["parameter"])
    page = (copy / "index.html").read_text()
    assert '<h2 id="exact-check">Exact check</h2>' in page
    assert "figures/prior_sensitivity.png" in page
    (copy / "gamma-optimized-min" / ".dynesty.crsea-0123abcd.h5").write_text("half a file, of a killed process")
    other = tmp_path / "quick.toml"
    text = path.read_text().replace("samples = 100", "samples = 110")
    other.write_text(text + '[prior_sensitivity]\nparameters = ["proton_norm"]\n')
    monkeypatch.setattr(samplings, "run_jobs", None)
    runs.execute(load_run(other), copy, accept_unconverged=True)
    assert set(Table.read(copy / "exact_check.ecsv")["n_samples"]) == {110}
    assert set(Table.read(copy / "prior_sensitivity.ecsv")["parameter"]) == {"proton_norm"}
    assert not list(copy.glob("**/.*-*"))
