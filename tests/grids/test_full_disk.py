"""Grids on a disk that fills up, and in a process that is killed: one message, no half file, the old file kept."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.grids.response_grid import read_grid

if TYPE_CHECKING:
    from pathlib import Path

# Each defines write(path, n): a small file for n = 1, one of hundreds of kilobytes for n = 30_000.
SPECTRA = """
from crsea_infer.grids.spectra_grid import Parameter, SpectraGrid, Spectrum, write_spectra_grid
def write(path, n):
    parameters = (Parameter("halo_height", 2.0, 12.0, "kpc"),)
    points = np.linspace(2.0, 12.0, n + 1)[:, None]
    spectra = (Spectrum("gamma", "lhaaso_inner", "total", (10.0, 100.0)),)
    write_spectra_grid(SpectraGrid(parameters, points, spectra, np.random.rand(n + 1, 2) + 1.0), path)
"""
DRAGON = """
import xarray as xr
from crsea_infer.grids.importing import write_dragon_grid
def write(path, n):
    write_dragon_grid(xr.Dataset({"local": ("energy", np.random.rand(n))}, attrs={"kind": "dragon"}), path)
"""
RESPONSE = """
import xarray as xr
from crsea_infer.grids.response_grid import write_grid
def write(path, n):
    write_grid(xr.Dataset({"response": ("point", np.random.rand(n))}, attrs={"kind": "response"}), path)
"""
GAS = """
from crsea_infer.physics import gas_maps
gas_maps.file_digest = lambda _: "0"
def write(path, n):
    # maps of one value compress to nothing, noise does not
    maps = np.ones((12, 360, 720)) * (1.0 if n == 1 else np.random.uniform(0.1, 1.0, (12, 360, 720)))
    gas_maps._read = lambda _: (maps, maps, "")
    gas_maps.compact_gas_table([Path("maps.fits")], path)
"""
PIECES = """
from crsea_infer.support.pieces import Build, Pieces
def write(path, n):
    Pieces(path.parent, Build("task", {}, ("x",), np.zeros((1, 1)))).write([0], np.random.rand(1, n))
"""
VALUES = """
from crsea_infer.support.pieces import Build, Pieces
def write(path, n):
    build = Build("task", {}, ("x",), np.zeros((40, 1)))
    pieces = Pieces(path.parent, build)
    for i in range(40):
        pieces.write([i], np.random.rand(1, 1 + n // 40))
    pieces.collect()
"""
WRITERS = {
    "spectra.nc": SPECTRA,
    "dragon.nc": DRAGON,
    "response.nc": RESPONSE,
    "gas.nc": GAS,
    "piece-000000000-1.npz": PIECES,
    "values.npy": VALUES,
}
HEAD = """
import os, resource, signal, sys
from pathlib import Path
import numpy as np
from crsea_infer.support.errors import UserError
"""
# a good file first, and a copy of it
OLD = """
path = Path(sys.argv[1])
write(path, 1)
Path(sys.argv[2]).write_bytes(path.read_bytes())
"""
# The kernel itself refuses the bytes, inside whichever library writes them: as on a full disk, and with a quota.
FULL = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
try:
    write(path, 30_000)
except UserError as error:
    print(error); sys.exit(1)
"""
KILLED = """
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
write(Path(sys.argv[1]), 30_000)
"""


def run(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", HEAD + code, *paths], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_a_full_file_system_is_one_message_and_keeps_the_old_file(name: str, tmp_path: Path) -> None:
    path, copy = tmp_path / "grids" / name, tmp_path / "copy"
    path.parent.mkdir()
    ended = run(WRITERS[name] + OLD + FULL, path, copy)
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout.startswith(f"cannot write {path}: ")
    assert "free space" in ended.stdout
    assert not ended.stderr
    assert path.read_bytes() == copy.read_bytes()
    assert not list(path.parent.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_a_process_killed_while_it_writes_leaves_the_old_file(name: str, tmp_path: Path) -> None:
    path, copy = tmp_path / "grids" / name, tmp_path / "copy"
    path.parent.mkdir()
    ended = run(WRITERS[name] + OLD + KILLED, path, copy)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert path.read_bytes() == copy.read_bytes()


GRID_BUILD = """
from crsea_infer.cli.main import main
if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    box = ["--region", "l=60..62,b=-1..1", "--no-leptons", "--workers", "1"]
    sys.exit(main(["grid", "build", *box, "--output", sys.argv[1]]))
"""


@pytest.mark.slow
def test_grid_build_on_a_full_disk_ends_with_status_1_and_goes_on_when_there_is_space(tmp_path: Path) -> None:
    program, path = tmp_path / "build.py", tmp_path / "grid.nc"
    program.write_text(HEAD + GRID_BUILD)
    path.write_text("an older grid")
    # a piece has 140 kB, all their values 602 kB, the grid 664 kB
    for limit, named in ((100_000, "piece-"), (500_000, "values.npy"), (640_000, "grid.nc")):
        command = [sys.executable, str(program), str(path), str(limit)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 1, ended.stderr
        assert "cannot write" in ended.stderr
        assert named in ended.stderr
        assert "Traceback" not in ended.stderr
        assert path.read_text() == "an older grid"
        assert not [one for one in tmp_path.rglob(".*") if one.is_file()]
    command = [sys.executable, str(program), str(path), str(10**9)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert np.isfinite(read_grid(path)["response"].values).all()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["build.py", "grid.nc"]


def test_a_build_killed_at_its_first_file_can_be_started_again(tmp_path: Path) -> None:
    path = tmp_path / "points" / "values.npy"
    assert run(VALUES + KILLED, path).returncode == -signal.SIGKILL
    assert [one.name[:7] for one in path.parent.iterdir()] == [".build."]
    assert run(VALUES + "\nwrite(Path(sys.argv[1]), 1)", path).returncode == 0
    assert not list(path.parent.glob(".*"))


def test_a_grid_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    from crsea_infer.grids.response_grid import Axis, GridSettings, grid_dataset, write_grid

    axes = Axis("delta_slope", 0.0, 0.1, 2, "1/kpc"), Axis("halo_height", 2.0, 12.0, 3, "kpc", "log")
    settings = GridSettings(regions=("lhaaso_inner", "l=60..62,b=-1..1"), axes=axes)
    rng = np.random.default_rng(1)
    design = np.array(list(itertools.product(*(axis.nodes for axis in axes))))
    grid = grid_dataset(settings, design, rng.random((6, 2, 2, 9, 16)), rng.random((6, 2, 2, 37)))
    write_grid(grid, tmp_path / "grid.nc")
    assert read_grid(tmp_path / "grid.nc").identical(grid)
