"""Data sets whose numbers are not at hand: said so, and ready once a table is there."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.table import Table

from crsea_infer.cli.main import main
from crsea_infer.content.finding import packaged_root
from crsea_infer.inference.likelihoods.absent_tables import AbsentDataError
from crsea_infer.inference.likelihoods.likelihood import load_likelihood

if TYPE_CHECKING:
    from pathlib import Path

HOME = packaged_root() / "likelihoods"
ABSENT = sorted(path.parent.name for path in HOME.glob("*/likelihood.toml") if not list(path.parent.glob("*.ecsv")))


def test_the_experiments_whose_numbers_are_not_at_hand_are_listed_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"antares_ridge", "hawc_plane", "icecube_tracks", "km3net_galactic"} < set(ABSENT)
    assert main(["list", "likelihoods"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("absent") >= len(ABSENT)
    assert "not valid" not in shown


@pytest.mark.parametrize("name", ABSENT)
def test_whoever_asks_for_one_is_told_which_table_to_put_there(name: str) -> None:
    with pytest.raises(AbsentDataError) as caught:
        load_likelihood(name)
    assert "not at hand" in str(caught.value)
    assert ".ecsv" in caught.value.fix
    assert "arXiv" in caught.value.fix or "abstract" in caught.value.fix
    assert caught.value.title


def synthetic(folder: Path) -> None:
    """Write a made-up table of every form that the folder names: a power law, for the test alone."""
    energy = np.array([1e3, 1e4, 1e5])
    meta = {"reference": "none", "table_or_figure": "none", "status": "digitised", "transcribed_from": "made up"}
    intensity = 1e-9 * (energy / 1e3) ** -2.7
    columns = {"intensity": intensity, "error_low": intensity / 5, "error_high": intensity / 4}
    flux = Table(
        {"energy_min": energy / 2, "energy_max": energy * 2, **columns, "systematic": intensity / 10},
        units={"energy_min": "GeV", "energy_max": "GeV"}
        | dict.fromkeys((*columns, "systematic"), "1 / (GeV cm2 s sr)"),
        meta=meta,
    )
    text = (folder / "likelihood.toml").read_text()
    if "flux.ecsv" in text:
        flux.write(folder / "flux.ecsv", format="ascii.ecsv")
        return
    for kind in ("fit", "spectrum"):
        table = Table.read(HOME / "icecube_pi0" / f"pi0_{kind}.ecsv", format="ascii.ecsv")
        table.write(folder / f"cringe_{kind}.ecsv", format="ascii.ecsv")


@pytest.mark.parametrize("name", ABSENT)
def test_with_its_table_it_is_a_data_set_like_any_other(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(HOME / name, folder)
    synthetic(folder)
    likelihood = load_likelihood(str(folder))
    predictions = tuple(1e-9 * (np.array(one.energies) / 1e3) ** -2.7 for one in likelihood.requests)
    values = {one.name: np.asarray(one.fiducial) for one in likelihood.nuisances}
    assert np.isfinite(likelihood.log_likelihood(predictions, values))
    assert likelihood.citations


def test_a_run_that_names_one_ends_with_one_message(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run = tmp_path / "mine.toml"
    run.write_text(
        'title = "t"\ndescription = "d"\nhypotheses = ["base-min"]\nlikelihoods = ["antares_ridge"]\nseed = 1\n'
        "[samplers.importance]\n"
    )
    assert main(["check", str(run)]) == 1
    assert "not at hand" in capsys.readouterr().err
