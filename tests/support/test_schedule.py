"""Builds on many workers: complete and identical whatever dies on the way, resumed, and honest about failures."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
from dask_on_loopback import dask_cluster
from quick_run import living

from crsea_infer.grids.response_build import build_response_grid, response_build
from crsea_infer.grids.response_grid import Axis, GridSettings, build_grid, read_grid
from crsea_infer.support import cluster
from crsea_infer.support.errors import UserError
from crsea_infer.support.pieces import Build, Pieces
from crsea_infer.support.schedule import Schedule, run_build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = GridSettings(
    regions=("l=60..62,b=-1..1",),
    axes=(Axis("delta_slope", 0.0, 0.1, 4, "1/kpc"), Axis("halo_height", 2.0, 12.0, 3, "kpc", "log")),
)
# worker processes find the tasks of this file as a plain module
TASKS = """
import json, math, os, signal, time
from pathlib import Path

class Square:
    def __init__(self, content): self.content = content
    @classmethod
    def from_json(cls, content): return cls(content)
    def __call__(self, point):
        content = self.content
        if content.get("log"):
            with Path(content["log"]).open("a") as stream:
                stream.write(f"{os.getpid()} {point['x']}\\n")
        if point["x"] >= content.get("sleep_after", 0):
            time.sleep(content.get("sleep", 0.0))
        if point["x"] == content.get("bad"):
            if content["how"] == "raise":
                raise ValueError("no such model")
            if content["how"] == "nan":
                return [math.nan, 1.0]
            flag = Path(content["flag"])
            if content["how"] == "once" and not flag.exists():
                flag.touch()
                raise RuntimeError("passing trouble")
            if content["how"] == "die" and not flag.exists():
                flag.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return [point["x"] ** 2, point["x"]]
"""


@pytest.fixture(autouse=True)
def _tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "tasks_of_tests.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))  # spawned processes inherit it
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'modules'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def _build(n: int = 40, **content: Any) -> Build:
    return Build("tasks_of_tests:Square", content, ("x",), np.arange(n, dtype=float)[:, None])


def _expected(n: int = 40) -> np.ndarray:
    x = np.arange(n, dtype=float)
    return np.stack([x**2, x], axis=-1)


def _assert_same(grid: xr.Dataset, other: xr.Dataset) -> None:
    """Everything the same; numbers to the last bits, which a sum may change with the place of its array in memory."""
    xr.testing.assert_allclose(grid, other, rtol=1e-13)
    assert grid.attrs == other.attrs
    assert {name: array.attrs for name, array in grid.variables.items()} == {
        name: array.attrs for name, array in other.variables.items()
    }


def test_points_come_back_in_order(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    values = run_build(_build(), tmp_path / "b", Schedule(chunk=7), lambda done, total: seen.append((done, total)))
    assert np.array_equal(values, _expected())
    assert seen[-1] == (40, 40)


@pytest.mark.slow
def test_a_response_grid_of_many_workers_is_that_of_one(tmp_path: Path) -> None:
    grid = build_response_grid(SMALL, tmp_path / "grid.nc", Schedule(chunk=4))
    _assert_same(grid, build_grid(SMALL))
    assert read_grid(tmp_path / "grid.nc").identical(grid)
    assert not (tmp_path / "grid.nc.points").exists()


@pytest.mark.parametrize(("how", "said"), [("raise", "no such model"), ("nan", "not finite")])
def test_a_point_that_always_fails_is_named_and_the_rest_is_kept(tmp_path: Path, how: str, said: str) -> None:
    build = _build(bad=13.0, how=how, log=str(tmp_path / "log"))
    with pytest.raises(UserError, match=r"1 of 40 points failed 3 times each") as caught:
        run_build(build, tmp_path / "b", Schedule(chunk=8))
    assert "x=13" in str(caught.value)
    assert said in str(caught.value)
    assert Pieces(tmp_path / "b", build).finished().sum() == 39
    computed = [line.split()[1] for line in (tmp_path / "log").read_text().splitlines()]
    assert computed.count("13.0") == 3


@pytest.mark.parametrize("how", ["once", "die"])
def test_passing_trouble_and_dead_workers_leave_no_hole(tmp_path: Path, how: str) -> None:
    build = _build(bad=13.0, how=how, flag=str(tmp_path / "flag"))
    assert np.array_equal(run_build(build, tmp_path / "b", Schedule(chunk=5)), _expected())
    assert (tmp_path / "flag").exists()


def _drive(build: Build, folder: Path) -> subprocess.Popen[bytes]:
    """Compute a build of 60 points in a process of its own, the way a command does, and wait for some of them."""
    program = f"""
import json, signal, sys, numpy as np
from pathlib import Path
from crsea_infer.support.pieces import Build
from crsea_infer.support.schedule import Schedule, run_build
from crsea_infer.support.processes import ignore_interrupts, terminated_like_interrupted
signal.signal(signal.SIGINT, signal.default_int_handler)
build = Build({build.task!r}, json.loads({json.dumps(dict(build.settings))!r}), ("x",), np.arange(60.0)[:, None])
try:
    with terminated_like_interrupted():
        run_build(build, Path({str(folder / "b")!r}), Schedule(chunk=3))
except KeyboardInterrupt:
    ignore_interrupts()  # as the command does
    sys.exit(130)
"""
    (folder / "drive.py").write_text(program)
    process = subprocess.Popen(
        [sys.executable, str(folder / "drive.py")], start_new_session=True, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while len(list((folder / "b").glob("piece-*"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    return process


def _all_end(group: int, seconds: float) -> bool:
    """Tell whether every process of a group ends in so many seconds."""
    deadline = time.monotonic() + seconds
    while living(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not living(group)


def test_workers_end_when_their_parent_alone_is_killed(tmp_path: Path) -> None:
    process = _drive(_build(60, sleep=0.1), tmp_path)
    assert len(living(process.pid)) > 2
    process.kill()
    process.communicate()
    assert _all_end(process.pid, 10.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_build_ends_in_the_middle_of_its_points(tmp_path: Path, number: signal.Signals) -> None:
    """Points that would take a minute are under way; SIGINT reaches every process, twice, as from a terminal."""
    build = _build(60, sleep_after=12, sleep=60.0)
    process = _drive(build, tmp_path)
    if number == signal.SIGTERM:
        process.send_signal(number)
    else:
        os.killpg(process.pid, number)
        os.killpg(process.pid, number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said == b""
    assert _all_end(process.pid, 10.0)
    assert Pieces(tmp_path / "b", build).finished().sum() == 12


def test_a_killed_build_goes_on_without_computing_anything_twice(tmp_path: Path) -> None:
    build = _build(60, sleep=0.05, log=str(tmp_path / "log"))
    process = _drive(build, tmp_path)
    pieces = tmp_path / "b"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kept = Pieces(pieces, build).finished()
    assert 0 < kept.sum() < 60
    before = len((tmp_path / "log").read_text().splitlines())
    assert np.array_equal(run_build(build, pieces, Schedule(chunk=3)), _expected(60))
    again = (tmp_path / "log").read_text().splitlines()[before:]
    assert {float(line.split()[1]) for line in again} == set(np.flatnonzero(~kept).astype(float))


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    """Change one bit of one value."""
    where = content.index(np.float64(17.0**2).tobytes())
    return content[: where + 3] + bytes([content[where + 3] ^ 0x10]) + content[where + 4 :]


@pytest.mark.parametrize("damage", [_truncated, _flipped, lambda _content: b""])
def test_a_damaged_piece_is_named_and_left_until_it_is_deleted(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    log = tmp_path / "log"
    build, schedule = _build(log=str(log)), Schedule(chunk=8)
    run_build(build, tmp_path / "b", schedule)
    piece = sorted((tmp_path / "b").glob("piece-*"))[2]
    damaged = damage(piece.read_bytes())
    piece.write_bytes(damaged)
    with pytest.raises(UserError, match=f"{piece.name} is damaged or truncated") as caught:
        run_build(build, tmp_path / "b", schedule)
    assert "delete it" in caught.value.fix
    assert piece.read_bytes() == damaged
    piece.unlink()
    before = len(_writers(log))
    assert np.array_equal(run_build(build, tmp_path / "b", schedule), _expected())
    assert len(_writers(log)) == before + 8


def test_no_flipped_byte_of_a_piece_changes_a_value_unnoticed(tmp_path: Path) -> None:
    build, directory = _build(2), tmp_path / "b"
    Pieces(directory, build).write([0, 1], _expected(2))
    (piece,) = directory.glob("piece-*")
    whole = piece.read_bytes()
    refused = 0
    for position in range(len(whole)):
        piece.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            values = Pieces(directory, build).collect()
        except UserError:
            refused += 1
        else:
            assert np.array_equal(values, _expected(2)), position
    assert refused > len(whole) / 2


def test_the_directory_of_another_build_is_refused(tmp_path: Path) -> None:
    run_build(_build(5), tmp_path / "b")
    with pytest.raises(UserError, match="another build: n_points: there 5, here 6"):
        run_build(_build(6), tmp_path / "b")
    with pytest.raises(UserError, match=r"another build: settings\.gas: there nothing, here"):
        run_build(_build(5, gas="rings"), tmp_path / "b")
    with pytest.raises(UserError, match="another build: the values of its points differ"):
        run_build(replace(_build(5), points=_build(5).points + 1.0), tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "thesis.tex").touch()
    with pytest.raises(UserError, match="something else"):
        run_build(_build(5), tmp_path / "c")


def test_a_worker_with_other_tables_does_not_contribute(tmp_path: Path) -> None:
    build = response_build(SMALL)
    other = Build(build.task, {**build.settings, "gas": "another table"}, build.names, build.points[:2])
    with pytest.raises(UserError, match="another grid: gas differ"):
        run_build(other, tmp_path / "b", Schedule(workers=1, retries=0))


def test_a_scheduler_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_PATIENCE", 0.5)
    monkeypatch.setattr(distributed, "Client", None)  # one that finds nobody waits and prints when it is thrown away
    with pytest.raises(UserError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:1 ") as caught:
        run_build(_build(3), tmp_path / "b", Schedule(scheduler="tcp://127.0.0.1:1"))
    assert "()" not in str(caught.value)


def test_a_scheduler_that_is_not_there_is_told_within_an_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_PATIENCE", 0.5)

    async def in_a_notebook() -> None:
        run_build(_build(3), tmp_path / "b", Schedule(scheduler="127.0.0.1:1"))

    with pytest.raises(UserError, match="no dask scheduler answers"):
        asyncio.run(in_a_notebook())


@pytest.mark.parametrize(
    "address", ["", "nonsense", "host", "host:", ":8786", "host:port", "tcp://host", "tcp://host:0", "host:70000"]
)
def test_what_is_no_address_is_told_before_anybody_is_asked(address: str) -> None:
    with pytest.raises(UserError, match=r"address .* of a dask scheduler") as caught:
        Schedule(scheduler=address)
    assert "tcp://host:port" in caught.value.valid


@pytest.mark.parametrize(
    "address",
    [
        "tcp://host:8786",
        "host:8786",
        "tls://node-1.cluster.org:8786",
        "10.0.0.1:8786",
        "tcp://[::1]:8786",
        "inproc://10.0.0.1/42/1",
    ],
)
def test_addresses_that_dask_takes_are_taken(address: str) -> None:
    assert Schedule(scheduler=address).scheduler == address


@pytest.mark.parametrize(
    ("given", "said"), [({"workers": 0}, "0 workers"), ({"chunk": 0}, "chunks of 0"), ({"retries": -1}, "-1 retries")]
)
def test_a_number_that_makes_no_sense_is_told_alone(given: dict[str, int], said: str) -> None:
    with pytest.raises(UserError) as caught:
        Schedule(**given)
    assert caught.value.given.startswith(said)
    assert "," not in caught.value.given


@pytest.mark.slow
def test_a_dask_worker_killed_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    log = tmp_path / "log"
    build = _build(80, sleep=0.05, log=str(log))
    with dask_cluster(tmp_path) as (address, workers):

        def kill_one() -> None:
            while len(set(_writers(log))) < 2 or len(_writers(log)) < 20:
                time.sleep(0.02)
            workers[0].kill()

        killer = threading.Thread(target=kill_one)
        killer.start()
        values = run_build(build, tmp_path / "b", Schedule(scheduler=address, chunk=4))
        killer.join()
        assert workers[0].poll() is not None
    assert np.array_equal(values, _expected(80))
    assert len(set(_writers(log))) == 2


@pytest.mark.slow
def test_a_response_grid_through_dask_is_that_of_one_process(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with dask_cluster(tmp_path) as (address, workers):

        def kill_one(done: int, total: int) -> None:
            if done >= total / 3:
                workers[0].kill()

        grid = build_response_grid(SMALL, tmp_path / "grid.nc", Schedule(scheduler=address, chunk=1), kill_one)
        assert workers[0].poll() is not None
    _assert_same(grid, build_grid(SMALL))


def _writers(log: Path) -> list[str]:
    return [line.split()[0] for line in log.read_text().splitlines()] if log.is_file() else []
