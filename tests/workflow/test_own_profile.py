"""`crsea-infer init --kind profile`: a profile of one's own becomes a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.cli.main import main
from crsea_infer.inference.likelihoods.likelihood import load_likelihood

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = """l [deg],flux,flux_err
30,11.8,1.7
20,18.3,3.5
40,11.0,1.5
"""
BANDS = """l_min,l_max,energy_min [GeV],energy_max [GeV],intensity [GeV-1 cm-2 s-1 sr-1],err_low,err_high,sys
20,30,10,20,4e-8,2e-9,3e-9,4e-9
20,30,20,40,6e-9,5e-10,5e-10,6e-10
30,40,10,20,3e-8,2e-9,2e-9,3e-9
30,40,20,40,5e-9,5e-10,5e-10,5e-10
"""
MASKED = ["--region", "l=15..235,b=-5..5,mask=lhaaso"]


def made(folder: Path, text: str, *options: str) -> int:
    (folder / "mine.csv").write_text(text)
    return main(["init", str(folder / "out"), "--from", str(folder / "mine.csv"), "--kind", "profile", *options])


def test_numbers_without_a_unit_are_a_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--shape-only", "--window-degrees", "10", "--band", "10..63", "--energy-unit", "TeV")
    assert made(tmp_path, SHAPE, *MASKED, *options) == 0
    assert "a data set of 3 points" in capsys.readouterr().out
    found: Any = load_likelihood(str(tmp_path / "out" / "likelihoods" / "mine") + "/")
    assert found.settings["kind"] == "profile"
    assert found.values.tolist() == [18.3, 11.8, 11.0]  # in order of longitude
    assert [nuisance.name for nuisance in found.nuisances] == ["mine_norm"]
    assert found.requests[0].region == "l=15..25,b=-5..5,mask=lhaaso"
    assert min(found.requests[0].energies) >= 1e4
    assert max(found.requests[0].energies) <= 6.3e4


def test_intensities_in_bands_of_windows(tmp_path: Path) -> None:
    options = ("--region", "l=15..45,b=-5..5", "--reference-index", "mean", "--flux-unit", "GeV-1 cm-2 s-1 sr-1")
    assert made(tmp_path, BANDS, *options) == 0
    found: Any = load_likelihood(str(tmp_path / "out" / "likelihoods" / "mine") + "/")
    assert found.values == pytest.approx([4e-8, 6e-9, 3e-8, 5e-9])
    assert found.nuisances == ()
    assert [request.region for request in found.requests] == ["l=20..30,b=-5..5", "l=30..40,b=-5..5"]
    assert np.all(np.diff(found.requests[0].energies) > 0)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (SHAPE, ["--shape-only", "--band", "10..63"], "--window-degrees"),
        (SHAPE, ["--shape-only", "--window-degrees", "10"], "--band LOW..HIGH"),
        (SHAPE, ["--window-degrees", "10", "--band", "1..2"], "unit"),
        (SHAPE, ["--window-degrees", "0", "--band", "1..2"], "--window-degrees 0"),
        (SHAPE, ["--shape-only", "--window-degrees", "10", "--band", "63..10"], "--band"),
        (SHAPE, ["--axis", "latitude", "--shape-only", "--band", "1..2"], "latitude_min"),
        (
            BANDS.replace(" sr-1", ""),
            ["--reference-index", "mean", "--flux-unit", "GeV-1 cm-2 s-1"],
            "not per steradian",
        ),
        (
            SHAPE.replace("40,11.0,1.5", "40,11.0,"),
            ["--shape-only", "--window-degrees", "10", "--band", "1..2"],
            "error",
        ),
        (SHAPE, ["--shape-only", "--window-degrees", "30", "--band", "1..2"], "region"),
    ],
)
def test_what_is_missing_is_said_in_one_message(
    text: str, options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert made(tmp_path, text, *MASKED, *options) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "out" / "likelihoods" / "mine").exists()


def test_options_of_profiles_need_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.csv").write_text(SHAPE)
    given = ["init", str(tmp_path / "out"), "--from", str(tmp_path / "mine.csv"), *MASKED, "--shape-only"]
    assert main(given) == 1
    assert "--shape-only without --kind profile" in capsys.readouterr().err
    assert main(["init", str(tmp_path / "out"), "--kind", "profile"]) == 1
    assert "--kind without --from" in capsys.readouterr().err
