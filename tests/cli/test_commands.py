"""List, check, cite and init: what a user sees before running anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from crsea_infer.cli import commands
from crsea_infer.support.errors import UserError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("regions", ["lhaaso_inner", "15..125"]),
        ("priors", ["gamma_optimized_free", "proton_norm", "package"]),
        ("likelihoods", ["lhaaso_km2a_outer", "arXiv:2305.05372", "published-table"]),
        ("hypotheses", ["gamma-optimized-min", "gamma_optimized, min, gas", "19"]),
        ("runs", ["min_vs_max", "gamma-optimized-max"]),
    ],
)
def test_list_shows_what_comes_with_the_package(
    capsys: pytest.CaptureFixture[str], kind: str, words: list[str]
) -> None:
    commands.list_content((kind,), long=True)
    shown = capsys.readouterr().out
    for word in words:
        assert word in shown


def test_list_shows_the_users_own_and_what_is_wrong_with_it(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "priors").mkdir()
    (folder / "priors" / "bad.toml").write_text("title = [[")
    (folder / "priors" / "min.toml").write_text("title = 3")
    commands.list_content(("priors",))
    shown = capsys.readouterr().out
    assert shown.count("not valid") == 2
    assert "gamma_optimized_free" in shown
    assert "yours" in shown


def test_check_shows_the_resolved_run(capsys: pytest.CaptureFixture[str]) -> None:
    commands.check("min_vs_max")
    shown = capsys.readouterr().out
    for word in ("20 free parameters", "halo_height", "log-uniform 2 to 12", "lhaaso_inner", "published-table"):
        assert word in shown
    assert "Kelner" in shown  # a run must say which cross-sections it uses
    assert "15 data points" in shown


def test_check_refuses_a_hypothesis_that_the_sky_model_cannot_use(folder: Path) -> None:
    text = '[hypotheses]\nonly = ["min", "gas"]\n[samplers.emcee]\n'
    (folder / "r.toml").write_text('title = "T"\nlikelihoods = ["lhaaso_km2a_inner"]\n' + text)
    with pytest.raises(UserError, match=r"halo_height|delta_slope"):
        commands.check("r.toml")


def test_check_refuses_a_region_that_does_not_exist(folder: Path) -> None:
    text = 'title = "T"\nlikelihoods = ["lhaaso_km2a_inner"]\nhypotheses = ["base-min"]\n[samplers.emcee]\n'
    (folder / "r.toml").write_text(text + '[options.lhaaso_km2a_inner]\nregion = "lhaaso_iner"\n')
    with pytest.raises(UserError, match="did you mean 'lhaaso_inner'"):
        commands.check("r.toml")


def test_cite_gives_each_reference_once() -> None:
    text = commands.cite("min_vs_max")
    assert text.count("@article{LHAASO:2023gne") == 1
    for reference in ("2203.15759", "2507.07083", "1202.3665", "1904.02180"):
        assert text.count(f"eprint = {{{reference}}}") == 1
    assert text.count("{") == text.count("}")


def test_init_writes_a_run_that_passes_its_check(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.init(Path("analysis"))
    monkeypatch.chdir(folder / "analysis")
    commands.check("my_run")
    shown = capsys.readouterr().out
    assert "my-gas" in shown
    assert "my_data" in shown
    commands.list_content(("hypotheses",))
    assert "base-min-my-gas" in capsys.readouterr().out


def test_init_overwrites_nothing(folder: Path) -> None:
    commands.init(folder)
    mine = folder / "runs" / "my_run.toml"
    mine.write_text("mine")
    with pytest.raises(UserError, match="there already"):
        commands.init(folder)
    assert mine.read_text() == "mine"
