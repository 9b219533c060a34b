"""What --json prints: its keys stay, its numbers are those of the tables."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from crsea_infer.cli.machine_output import cite_json, compare_json
from crsea_infer.cli.main import main
from crsea_infer.content.bibliography import merged
from crsea_infer.inference.evidence import Evidence, Spread, bayes_factor
from crsea_infer.workflow.comparison import Comparison


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main((*arguments, "--json")) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["form"] == f"crsea-infer {arguments[0]} 1"
    return found


@pytest.mark.slow
def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "list")
    assert set(found) == {"form", "regions", "priors", "likelihoods", "hypotheses", "runs", "choices", "forecasts"}
    region = next(one for one in found["regions"] if one["name"] == "lhaaso_inner")
    assert (region["longitude"], region["latitude"]) == ([15.0, 125.0], [-5.0, 5.0])
    likelihood = next(one for one in found["likelihoods"] if one["name"] == "lhaaso_km2a_outer")
    assert set(likelihood) == {"name", "from", "title", "n_data", "region", "status", "reference"}
    assert (likelihood["n_data"], likelihood["reference"]) == (5, "arXiv:2305.05372")
    run = next(one for one in found["runs"] if one["name"] == "min_vs_max")
    assert run["hypotheses"] == ["gamma-optimized-min", "gamma-optimized-max"]
    hypothesis = next(one for one in found["hypotheses"] if one["name"] == "gamma-optimized-min")
    assert (hypothesis["n_parameters"], hypothesis["prior_sets"]) == (19, ["gamma_optimized", "min", "gas"])


def test_list_tells_of_a_bad_file(capsys: pytest.CaptureFixture[str], monkeypatch: Any, tmp_path: Any) -> None:
    (tmp_path / "priors").mkdir()
    (tmp_path / "priors" / "bad.toml").write_text("title = [[")
    monkeypatch.chdir(tmp_path)
    bad = next(one for one in _json(capsys, "list", "priors")["priors"] if one["name"] == "bad")
    assert set(bad) == {"name", "from", "error"}
    assert bad["from"] == "yours"


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "check", "min_vs_max")
    assert {"kind", "title", "path", "hypotheses", "likelihoods", "samplers", "seed", "n_data"} <= set(found)
    assert (found["kind"], found["n_data"], found["seed"]) == ("run", 15, 1)
    parameter = found["hypotheses"][0]["parameters"][2]
    assert parameter["name"] == "halo_height"
    assert (parameter["published"], parameter["unit"], parameter["free"]) == (4.7, "kpc", True)
    assert set(found["samplers"]) == {"emcee", "dynesty", "importance"}


def test_cite(capsys: pytest.CaptureFixture[str]) -> None:
    entries = _json(capsys, "cite", "min_vs_max")["entries"]
    keys = [entry["key"] for entry in entries if entry["key"]]
    assert len(set(keys)) == len(keys)
    assert "LHAASO:2023gne" in keys
    assert all(entry["bibtex"].startswith("@") for entry in entries if entry["key"])
    assert all(entry["used_for"] for entry in entries)
    assert keys[0] == "crsea_infer"
    assert [entry["key"] for entry in _json(capsys, "cite")["entries"]] == ["crsea_infer"]


def test_a_reference_without_an_entry_is_a_note() -> None:
    cited = merged([("@article{a:1,\n  title = {A},\n}", "x"), ("a book", "models of x")])
    entries = json.loads(cite_json(cited))["entries"]
    assert [entry["key"] for entry in entries] == ["a:1", None]
    assert entries[1]["note"] == "a book"
    assert entries[1]["used_for"] == ["models of x"]


def test_compare() -> None:
    evidences = {"a": Evidence(10.0, 0.1, "dynesty"), "b": Evidence(4.0, math.inf, "importance")}
    factors = (bayes_factor("a", evidences["a"], "b", evidences["b"], ["b"]),)
    spreads = {("b", "a"): Spread(-5.0, -7.0, -2.0)}
    found = json.loads(compare_json(Comparison(evidences, ("b",), factors, ("caution: x",), {}, spreads)))
    assert [one["converged"] for one in found["evidences"]] == [True, False]
    assert found["evidences"][1]["lnz_err"] is None  # JSON has no infinity
    factor = found["bayes_factors"][0]
    assert (factor["ln_b"], factor["ln_b_averaged"], factor["ln_b_low"], factor["ln_b_high"]) == (6.0, 5.0, 2.0, 7.0)
    assert found["notes"] == ["caution: x"]


def test_an_error_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("check", "no_such_run", "--json")) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "no_such_run" in told.err
