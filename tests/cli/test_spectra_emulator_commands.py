"""From files of other codes to an emulator, through the functions that the command line calls."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import healpy
import numpy as np
import pytest
from astropy.io import fits

from crsea_infer.cli import grid_commands, import_commands
from crsea_infer.cli.spectra_emulator_commands import add_training_arguments, train_on_spectra
from crsea_infer.emulator.spectra.any_grid import models_inside
from crsea_infer.emulator.spectra.spectra_emulator import read_spectra_emulator
from crsea_infer.grids.spectra_grid import grid_kind, read_spectra_grid
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

N_SIDE = 16
ENERGIES = np.geomspace(10.0, 1e4, 5)


def _map(path: Path, height: float, index: float) -> str:
    """A HERMES file whose brightness falls away from the plane the slower, the higher the halo."""
    _, latitude = healpy.pix2ang(N_SIDE, np.arange(12 * N_SIDE**2), lonlat=True)
    hdus = [fits.PrimaryHDU()]
    for energy in ENERGIES:
        values = energy**index * np.exp(-np.abs(latitude) / (3.0 * height)) * np.log1p(height)
        unit = "GeV^-1 m^-2 s^-1 sr^-1"
        column = fits.Column("TFLOAT", "1E", unit=unit, array=values.astype(np.float32))
        table = fits.BinTableHDU.from_columns([column])
        for key, value in {
            "PIXTYPE": "HEALPIX",
            "INDXSCHM": "IMPLICIT",
            "ORDERING": "RING",
            "COORDSYS": "G",
            "NSIDE": N_SIDE,
            "ENERGY": energy * 1.602176634e-10,
        }.items():
            table.header[key] = value
        hdus.append(table)
    fits.HDUList(hdus).writeto(path)
    return path.name


def _table(folder: Path, n_models: int, seed: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    rows = ["halo_height,index,gamma_pi0"]
    corners = [(2.0, -2.8), (12.0, -2.5)]
    points = corners + [(rng.uniform(2, 12), rng.uniform(-2.8, -2.5)) for _ in range(n_models - 2)]
    rows += [f"{h!r},{i!r},{_map(folder / f'{n}.fits', h, i)}" for n, (h, i) in enumerate(points)]
    (folder / "models.csv").write_text("\n".join(rows))
    return folder / "models.csv"


def _import(arguments: list[str]) -> str:
    parser = argparse.ArgumentParser()
    import_commands.add_arguments(parser)
    return import_commands.execute(parser.parse_args(arguments))


def _train(grid: Path, output: Path, *options: str) -> str:
    parser = argparse.ArgumentParser()
    add_training_arguments(parser)
    parser.add_argument("grid")
    arguments = parser.parse_args([*options, "unused"])
    arguments.grid, arguments.output = grid, output
    return train_on_spectra(arguments)


@pytest.mark.slow
def test_maps_become_an_emulator_that_knows_its_error(tmp_path: Path) -> None:
    region = ["--region", "l=20..60,b=-5..5"]
    table, other = _table(tmp_path / "training", 40, 1), _table(tmp_path / "test", 12, 2)
    said = _import(["hermes", str(table), *region, "--output", str(tmp_path / "grid.nc")])
    assert "40 models x 1 regions" in said
    assert "halo_height, index" in said
    assert grid_kind(tmp_path / "grid.nc") == "spectra"
    said = _train(tmp_path / "grid.nc", tmp_path / "emulator.npz")
    assert "gamma pi0 l=20..60,b=-5..5" in said
    emulator = read_spectra_emulator(tmp_path / "emulator.npz")
    assert emulator.metadata["validation"]["quantile_99.9"] < 1e-2
    assert emulator.metadata["provenance"]["table"] == "models.csv"
    assert "40 held-out points" in said
    _import(["hermes", str(other), *region, "--output", str(tmp_path / "test.nc")])
    grid, n_outside = models_inside(emulator, tmp_path / "test.nc")
    assert (len(grid.points), n_outside) == (12, 0)
    _import(["hermes", str(other), "--region", "l=0..90,b=-5..5", "--output", str(tmp_path / "else.nc")])
    with pytest.raises(UserError, match="other spectra"):
        models_inside(emulator, tmp_path / "else.nc")


def test_one_model_alone_can_be_averaged_but_not_learned(tmp_path: Path) -> None:
    table = _table(tmp_path / "one", 2, 1)
    lines = table.read_text().splitlines()
    table.write_text("\n".join(lines[:2]))
    said = _import(["hermes", str(table), "--region", "l=20..60,b=-5..5", "--output", str(tmp_path / "grid.nc")])
    assert "none: one model" in said
    with pytest.raises(UserError, match="at least"):
        _train(tmp_path / "grid.nc", tmp_path / "emulator.npz")


def test_neutrino_maps_are_not_read_before_it_is_said_what_they_hold(tmp_path: Path) -> None:
    """HERMES's PROCESS does not say it, and its own maps hold all flavours: a factor of 1 was silently wrong."""
    name = _map(tmp_path / "nu.fits", 4.0, -2.7)
    _map(tmp_path / "gamma.fits", 4.0, -2.7)
    (tmp_path / "models.csv").write_text(f"halo_height,gamma_pi0,neutrino_pi0\n4,gamma.fits,{name}\n")
    command = [
        "hermes",
        str(tmp_path / "models.csv"),
        "--region",
        "l=20..60,b=-5..5",
        "--output",
        str(tmp_path / "g.nc"),
    ]
    with pytest.raises(UserError) as caught:
        _import(command)
    for word in (
        "neutrino_pi0",
        "PROCESS",
        "--neutrino-flavours all",
        "--neutrino-flavours one",
        "--neutrino-factor F",
    ):
        assert word in str(caught.value)
    found = {}
    for said in (["--neutrino-flavours", "all"], ["--neutrino-flavours=one"], ["--neutrino-factor", "0.5"]):
        _import([*command, *said])
        gamma, neutrino = read_spectra_grid(tmp_path / "g.nc").intensities.reshape(2, -1)
        found[said[-1]] = float((neutrino / gamma)[0])
    assert list(found.values()) == pytest.approx([1 / 3, 1.0, 0.5])
    with pytest.raises(UserError, match="both given"):
        _import([*command, "--neutrino-flavours", "all", "--neutrino-factor", "1"])
    with pytest.raises(UserError, match="two"):
        _import([*command, "--neutrino-flavours", "two"])


def test_one_file_in_two_columns_is_refused(tmp_path: Path) -> None:
    name = _map(tmp_path / "a.fits", 4.0, -2.7)
    (tmp_path / "models.csv").write_text(f"halo_height,gamma_pi0,gamma_HI\n4,{name},{name}\n")
    with pytest.raises(UserError, match="in two columns"):
        _import(["hermes", str(tmp_path / "models.csv"), "--output", str(tmp_path / "g.nc")])


def test_a_pipe_in_a_table_of_models_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "models.csv").write_text("halo_height,gamma_pi0\n4,pipe.fits\n")
    with pytest.raises(UserError, match="no regular file"):
        _import(["hermes", str(tmp_path / "models.csv"), "--output", str(tmp_path / "g.nc")])


@pytest.mark.parametrize("factor", ["0", "-1", "nan"])
def test_senseless_factors_are_refused(tmp_path: Path, factor: str) -> None:
    with pytest.raises(UserError, match="--neutrino-factor"):
        _import(
            ["hermes", str(tmp_path / "absent.csv"), f"--neutrino-factor={factor}", "--output", str(tmp_path / "g")]
        )


def test_options_of_a_build_are_checked() -> None:
    parser = argparse.ArgumentParser()
    grid_commands._add_schedule(parser)
    schedule = grid_commands._schedule_of(parser.parse_args(["--scheduler", "tcp://host:8786", "--chunk", "200"]))
    assert (schedule.scheduler, schedule.chunk, schedule.workers) == ("tcp://host:8786", 200, 2)
    with pytest.raises(UserError, match="--workers 0"):
        grid_commands._schedule_of(parser.parse_args(["--workers", "0"]))
