"""Show: what stands in a prior set, a data set, a hypothesis or a region, in words, numbers and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.cli.main import main
from crsea_infer.content import finding

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = {".pdf": b"%PDF", ".png": b"\x89PNG", ".svg": b"<?xml"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("min", ["proton_slope_4", "normal -3.865 +- 0.15", "-4.014 to -3.716", "fixed at -2.698", "arXiv:2203.15759"]),
        ("base_published", ["Physics", "12 kpc"]),
        (
            "gamma-optimized-min",
            ["gamma_optimized, min, gas", "19 free parameters", "Sky model", "Kelner", "halo_height"],
        ),
        ("lhaaso_km2a_inner", ["10 points", "1.9e-16", "[1 / (GeV cm2 s sr)]", "published-table", "common systematic"]),
        ("kascade_protons", ["cosmic-ray-flux", "[GeV]"]),
        ("icecube_pi0", ["template-normalisation", "1 point"]),
        ("lhaaso_inner", ["15 to 125 deg", "mask         lhaaso", "0.20836 sr"]),
        ("l=25..100,b=-5..5", ["0.22817 sr, 100 % of the box"]),  # 75 deg x 2 sin(5 deg)
    ],
)
def test_a_summary_is_printed(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", name]) == 0
    shown = capsys.readouterr().out
    for word in words:
        assert word in shown


@pytest.mark.parametrize("name", ["min", "gamma-optimized-min", "lhaaso_km2a_inner"])
@pytest.mark.parametrize("width", [60, 80])
def test_no_word_is_split_where_lines_are_short(
    name: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["show", name]) == 0
    whole = {word.strip(":") for word in capsys.readouterr().out.split()}
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["show", name]) == 0
    shown = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width
    # a line of dashes is as long as there is room, and a name stands with a colon where rows are shown one by one
    assert [word for word in shown.split() if word.strip(":") not in whole and not set(word) <= set("─")] == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["mim"], ["unknown", "did you mean 'min'?"]),
        (["lhaaso_km2a_iner"], ["did you mean 'lhaaso_km2a_inner'?"]),
        (["gamma-optimised-min"], ["did you mean 'gamma-optimized-min'?"]),
        (["full_skye"], ["did you mean 'full_sky'?"]),
        (["min", "--kind", "region"], ["did you mean 'regions'?"]),
        (["min", "--kind", "regions"], ["unknown region 'min'"]),
        (["min", "--output", "min.jpeg"], [".pdf, .png or .svg"]),
        (["l=5..1,b=0..1"], ["west < east"]),
        (["priors/none.toml"], ["no prior set file"]),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest(
    given: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", *given]) == 1
    said = capsys.readouterr().err
    for word in words:
        assert word in said


def test_a_name_of_two_things_asks_which(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "priors").mkdir()
    own = finding.packaged_root() / "priors" / "gas.toml"
    (folder / "priors" / "lhaaso_inner.toml").write_text(own.read_text())
    assert main(["show", "lhaaso_inner"]) == 1
    assert "--kind priors" in capsys.readouterr().err
    assert main(["show", "lhaaso_inner", "--kind", "priors"]) == 0
    assert "hi_scale" in capsys.readouterr().out
    assert main(["show", "./priors/lhaaso_inner.toml"]) == 0


@pytest.mark.parametrize(
    ("name", "suffix"), [("l=25..30,b=-1..1", ".png"), ("tibet_asgamma_inner", ".svg"), ("icecube_pi0", ".pdf")]
)
def test_a_picture_is_drawn_in_the_format_of_its_name(folder: Path, name: str, suffix: str) -> None:
    assert main(["show", name, "--output", f"pictures/one{suffix}"]) == 0
    assert (folder / "pictures" / f"one{suffix}").read_bytes().startswith(FORMATS[suffix])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["max", "gas", "gamma-optimized-max"])
def test_priors_are_drawn_against_the_data(folder: Path, name: str) -> None:
    assert main(["show", name, "--output", "one.png"]) == 0
    assert (folder / "one.png").stat().st_size > 20_000


@pytest.mark.slow
def test_every_kind_of_data_that_has_errors_is_drawn(folder: Path) -> None:
    for name in ("lhaaso_wcda_inner", "ams02_protons", "fermi_lat_masked_inner"):
        assert main(["show", name, "--output", f"{name}.png"]) == 0
    assert len(list(folder.glob("*.png"))) == len({"index", "rigidity", "components"})
    assert np.all([path.stat().st_size > 5000 for path in folder.glob("*.png")])
