"""``predict --run`` and ``predict --map``: bands and maps of a finished run, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from crsea_infer.cli.main import main
from crsea_infer.interface.finished_run import open_run

if TYPE_CHECKING:
    from pathlib import Path

_HYPOTHESIS = "gamma-optimized-min"
_WHERE = ("--region", "lhaaso_inner", "--energies", "1e4,1e5")


@pytest.mark.slow
def test_bands_of_a_run_have_units_and_what_they_are_of(
    finished: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = finished[1]
    assert main(["predict", _HYPOTHESIS, "--run", str(out), *_WHERE]) == 0
    table = Table.read(capsys.readouterr().out, format="ascii.ecsv")
    assert table.colnames == ["energy_gev", "median", "low68", "high68", "low95", "high95"]
    assert table.meta["hypothesis"] == _HYPOTHESIS
    assert table.meta["solid_angle_sr"] == pytest.approx(0.2084, abs=1e-4)
    assert (table["low95"] < table["low68"]).all()
    assert (table["low68"] < table["median"]).all()
    wanted = open_run(out)[_HYPOTHESIS].predict(region="lhaaso_inner", energies=[10, 100] * u.TeV)
    np.testing.assert_allclose(table["median"], wanted["median"].value)
    assert main(["predict", _HYPOTHESIS, "--run", str(out), *_WHERE, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    np.testing.assert_allclose(found["high95"], table["high95"])
    assert found["units"]["median"] == "1 / (GeV s sr cm2)"
    assert found["meta"]["n_draws"] == table.meta["n_draws"]


@pytest.mark.slow
def test_a_profile_of_a_run_has_the_steps_of_its_regions(
    finished: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = finished[1]
    given = ("--region", "l=25..35,b=-5..5", "--energies", "1e4", "--messenger", "neutrino", "--all-flavours")
    assert main(["predict", _HYPOTHESIS, "--run", str(out), *given, "--profile", "longitude", "--bins", "2"]) == 0
    table = Table.read(capsys.readouterr().out, format="ascii.ecsv")
    assert table["longitude_high_deg"].tolist() == [30.0, 35.0]
    one = open_run(out)[_HYPOTHESIS].predict(region="l=30..35,b=-5..5", energies=[10] * u.TeV, messenger="neutrino")
    assert table["median"][1] == pytest.approx(3.0 * one["median"][0].value, rel=1e-5)


@pytest.mark.slow
def test_a_map_of_a_run(finished: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nu.fits"
    given = ["predict", _HYPOTHESIS, "--run", str(finished[1]), "--messenger", "neutrino", "--energies", "1e4,1e5"]
    assert main([*given, "--map", "nside=16,format=icecube", "--output", str(path)]) == 0
    assert "icecube, NSIDE 16, RING, icrs, 2 energies" in capsys.readouterr().out
    found = open_run(finished[1]).sky_map(
        _HYPOTHESIS, energies=[10, 100] * u.TeV, messenger="neutrino", nside=16, frame="icrs"
    )
    with fits.open(path) as hdus:
        assert hdus[0].header["HYPOTHES"] == _HYPOTHESIS
        np.testing.assert_allclose(hdus["PER_FLAVOUR_MEAN"].data["ENERGY2"], found.mean()[1].value, rtol=1e-6)
        sd = found.standard_deviation("pion decay")[1].value
        np.testing.assert_allclose(hdus["PER_FLAVOUR_SD"].data["ENERGY2"], sd, rtol=1e-5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--map", "nside=64"), "--map without --output"),
        (("--map", "nside", "--output", "x.fits"), "cannot read 'nside'"),
        (("--map", "nside=x", "--output", "x.fits"), "nside=x is not a whole number"),
        (("--map", "nside=3", "--output", "x.fits"), "nside = 3"),
        (("--map", "side=64", "--output", "x.fits"), "unknown key of --map"),
        (("--map", "format=png", "--output", "x.fits"), "unknown format of --map"),
        (("--map", "order=up", "--output", "x.fits"), "unknown order of --map"),
        (("--map", "frame=mars", "--output", "x.fits"), "unknown frame"),
        (("--map", "nside=8,nside=8", "--output", "x.fits"), "nside is given twice"),
        (("--map", "nside=8", "--region", "full_sky", "--output", "x.fits"), "--region with --map"),
        (("--map", "nside=8", "--messenger", "proton", "--output", "x.fits"), "a map of the messenger proton"),
        (("--map", "nside=8", "--set", "xco_gradiant=0", "--output", "x.fits"), "did you mean 'xco_gradient'"),
        (("--region", "full_sky", "--output", "x.fits"), "--output without --map"),
        (("--region", "full_sky", "--run", "nowhere"), "nowhere holds no run"),
        (("--region", "full_sky", "--run", "nowhere", "--set", "halo_height=6"), "--set with --run"),
    ],
)
def test_what_does_not_go_together_is_refused(
    given: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict", _HYPOTHESIS, *given]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.fits").exists()


def test_a_run_of_several_hypotheses_needs_a_name(
    finished: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--run", str(finished[1]), *_WHERE]) == 1
    assert "gamma-optimized-max" in capsys.readouterr().err
    assert main(["predict", *_WHERE]) == 1
    assert "no HYPOTHESIS" in capsys.readouterr().err


def test_regions_are_listed_with_their_solid_angles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "regions", "--json"]) == 0
    found = {one["name"]: one["solid_angle_sr"] for one in json.loads(capsys.readouterr().out)["regions"]}
    assert found["full_sky"] == pytest.approx(4.0 * np.pi, rel=1e-3)
    assert found["lhaaso_inner"] == pytest.approx(0.2084, abs=1e-4)
