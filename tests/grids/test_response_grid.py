"""Response grids: provenance inside, the same numbers when rebuilt, refusals of what is no grid."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.grids.response_grid import Axis, GridSettings, build_grid, read_grid, write_grid
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

SMALL = GridSettings(
    regions=("l=60..62,b=-1..1",),
    axes=(Axis("delta_slope", 0.0, 0.1, 4, "1/kpc"), Axis("halo_height", 2.0, 12.0, 3, "kpc", "log")),
)


@pytest.mark.slow
def test_a_grid_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    grid = build_grid(SMALL)
    write_grid(grid, tmp_path / "grid.nc")
    again = read_grid(tmp_path / "grid.nc")
    assert np.array_equal(again["response"].values, grid["response"].values)
    assert again.attrs["hash"] == grid.attrs["hash"]
    settings = GridSettings.from_json(json.loads(again.attrs["settings"]))
    assert settings.as_json() == SMALL.as_json()
    assert np.array_equal(build_grid(settings)["response"].values, grid["response"].values)


def test_responses_carry_units_and_shrink_with_absorption() -> None:
    grid = build_grid(SMALL)
    assert grid["response"].attrs["units"] == "cm-2"
    assert grid["halo_height"].attrs["units"] == "kpc"
    along_absorption = np.diff(grid["response"].values, axis=3)
    assert np.all(along_absorption < 0)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no grid file"):
        read_grid(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("not netCDF")
    with pytest.raises(UserError, match="not a readable"):
        read_grid(tmp_path / "text.nc")
    build_grid(SMALL).drop_attrs().to_netcdf(tmp_path / "bare.nc", engine="h5netcdf")
    with pytest.raises(UserError, match="not a response grid"):
        read_grid(tmp_path / "bare.nc")
