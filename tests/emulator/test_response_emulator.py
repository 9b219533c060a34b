"""The shipped emulator against the solver, its files, and what happens outside its box."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.emulator.held_out import solve_held_out
from crsea_infer.emulator.response.chebyshev import chebyshev_polynomials, train
from crsea_infer.emulator.response.store import read_emulator, write_emulator
from crsea_infer.emulator.response_validation import validate
from crsea_infer.grids.response_grid import GridSettings, build_grid
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import digest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_held_out_error_is_within_target() -> None:
    emulator = read_emulator()
    table = validate(emulator, solve_held_out(emulator.settings, n_points=16, seed=7)).table()
    assert table["quantile_99.9"] <= 2e-5
    assert table["maximum"] <= 1e-4


def test_the_stated_error_is_inside_the_file() -> None:
    validation = read_emulator().metadata["validation"]
    assert validation["n_points"] >= 500
    assert validation["quantile_99.9"] <= 2e-5
    assert validation["maximum"] <= 1e-4


def test_the_shipped_emulator_is_that_of_the_default_settings() -> None:
    shipped = read_emulator()
    assert shipped.settings.as_json() == GridSettings().as_json()
    assert shipped.metadata["grid_hash"] == digest(GridSettings().as_json())


@pytest.mark.slow
def test_rebuilding_the_shipped_emulator_gives_the_same_numbers() -> None:
    shipped = read_emulator()
    regions = ("lhaaso_outer", "tibet_outer")
    rebuilt = train(build_grid(replace(shipped.settings, regions=regions)))
    # fewer regions are compressed differently, within the error of the emulator
    index = [shipped.settings.regions.index(name) for name in regions]
    point = {"delta_slope": np.array([0.0, 0.031, 0.09]), "halo_height": np.array([2.2, 4.7, 11.0])}
    assert rebuilt.responses(point) == pytest.approx(shipped.responses(point)[:, index], rel=2e-5)
    assert rebuilt.lepton_intensities(point) == pytest.approx(shipped.lepton_intensities(point)[:, index], rel=2e-5)


def test_outside_the_box_there_is_no_number() -> None:
    emulator = read_emulator()
    inside = np.isfinite(
        emulator.responses(
            {
                "delta_slope": np.array([0.05, 0.11, 0.05, -0.01]),
                "halo_height": np.array([4.0, 4.0, 1.9, 4.0]),
            }
        )
    ).all(axis=(1, 2, 3, 4))
    assert inside.tolist() == [True, False, False, False]


def test_chebyshev_polynomials_are_cosines() -> None:
    x = np.linspace(-1, 1, 11)
    assert chebyshev_polynomials(x, 6) == pytest.approx(np.cos(np.arange(6) * np.arccos(x)[:, None]), abs=1e-12)


def test_files_are_reproducible_and_complete(tmp_path: Path) -> None:
    emulator = read_emulator()
    write_emulator(emulator, tmp_path / "a.npz")
    write_emulator(read_emulator(tmp_path / "a.npz"), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.slow
def test_a_file_with_a_changed_byte_is_refused_or_reads_the_same(tmp_path: Path) -> None:
    """Whatever zipfile, zlib and numpy raise is one message; what is read is what was written."""
    path = tmp_path / "emulator.npz"
    shipped = read_emulator()
    emulator = replace(shipped, coefficients=shipped.coefficients[:9, :3], basis=shipped.basis[:3, :1])
    emulator = replace(emulator, lepton_coefficients=None, lepton_basis=None)
    write_emulator(emulator, path)
    data = path.read_bytes()
    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            found = read_emulator(path)
        except UserError:
            continue
        assert np.array_equal(found.basis, emulator.basis)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "emulator.npz"
    with pytest.raises(UserError, match="no emulator file"):
        read_emulator(path)
    write_emulator(read_emulator(), path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match="not a readable emulator"):
        read_emulator(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", '{"format": "something else"}')
        for name in ("coefficients", "basis"):
            np.save(tmp_path / f"{name}.npy", np.ones(2))
            archive.write(tmp_path / f"{name}.npy", f"{name}.npy")
    with pytest.raises(UserError, match="something else"):
        read_emulator(path)
