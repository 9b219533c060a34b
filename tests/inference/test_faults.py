"""Runs that are killed, and files that are not what they should be: nothing is lost, nothing is taken for another."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crsea_infer.inference.samplers.importance import ImportanceOptions
from crsea_infer.inference.samplers.registry import gives_conditional, sampler_names
from crsea_infer.inference.samplers.sampler import no_progress
from crsea_infer.plan.tasks import Task
from crsea_infer.support.checkpoint import Checkpoint
from crsea_infer.support.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
QUICK = ImportanceOptions(walkers=64, steps=80, draws=2000, least_effective=100.0)
IDENTITY = {"run": "aa", "data": "bb", "model": "cc", "version": "0.1.0", "seed": "1"}


@pytest.mark.slow
@pytest.mark.parametrize("sampler", sorted(name for name in sampler_names() if not gives_conditional(name)))
def test_killed_at_random_moments_it_ends_as_if_left_alone(sampler: str) -> None:
    kills = "1" if sampler in {"jax-nested", "nuts"} else "2"  # those compile for seconds each time they start
    command = [sys.executable, str(ROOT / "benchmarks" / "faults.py"), "--no-table", "--kills", kills, "--seed", "3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ended = subprocess.run(
        [*command, "--samplers", sampler], capture_output=True, text=True, env=environment, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"| {kills} |" in ended.stdout


@dataclass(frozen=True)
class Peak:
    """A normal peak in the unit cube; not a number in a corner if asked for."""

    names: tuple[str, ...] = ("halo_height", "hi_scale")
    broken: bool = False

    def prior_transform(self, unit: np.ndarray) -> np.ndarray:
        return np.asarray(unit)

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        value = -0.5 * np.sum(((theta - 0.4) / 0.1) ** 2, axis=-1)
        return np.where((theta[..., 0] > 0.9) & self.broken, np.nan, value)


@dataclass(frozen=True)
class SmallRun:
    """What a task needs of a run."""

    samplers: dict[str, Any]
    seed: int = 1


def task_in(folder: Path, identity: dict[str, str] | None = None) -> Task:
    run: Any = SmallRun({"importance": QUICK})
    return Task(run, "min", "importance", folder, identity or IDENTITY, Peak().names)


@pytest.fixture
def interrupted(tmp_path: Path) -> Task:
    """A task that was stopped after the first of two repetitions."""
    task = task_in(tmp_path)

    def stop(fraction: float, _message: str) -> None:
        if fraction > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        task.sample(Peak(), stop)
    assert task.checkpoint_path.exists()
    return task


def refuse_and_keep(task: Task, message: str) -> None:
    """The task must refuse its checkpoint, from `check` and from `sample`, and leave it alone."""
    before = task.checkpoint_path.read_bytes()
    for act in (task.check, lambda: task.sample(Peak(), no_progress)):
        with pytest.raises(UserError, match=message) as caught:
            act()
        assert "--fresh" in caught.value.fix
    assert task.checkpoint_path.read_bytes() == before
    assert not task.result_path.exists()


@pytest.mark.parametrize("key", sorted(IDENTITY))
def test_a_checkpoint_of_another_run_seed_version_or_data_is_refused_and_kept(interrupted: Task, key: str) -> None:
    other = task_in(interrupted.folder, {**IDENTITY, key: "other"})
    refuse_and_keep(other, f"there {IDENTITY[key]}, here other")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_truncated_checkpoint_is_refused_and_kept(interrupted: Task, share: float) -> None:
    whole = interrupted.checkpoint_path.read_bytes()
    interrupted.checkpoint_path.write_bytes(whole[: int(share * len(whole))])
    refuse_and_keep(interrupted, "damaged or truncated")


def test_an_interrupted_task_ends_with_the_numbers_of_an_unbroken_one(interrupted: Task, tmp_path: Path) -> None:
    interrupted.sample(Peak(), no_progress)
    whole = task_in(tmp_path / "whole")
    whole.folder.mkdir()
    whole.sample(Peak(), no_progress)
    one, other = interrupted.result(), whole.result()
    assert one is not None
    assert other is not None
    assert one.evidence == other.evidence
    assert np.array_equal(one.samples, other.samples)
    assert not interrupted.checkpoint_path.exists()


def test_a_disk_that_fills_up_stops_the_run_and_keeps_the_last_checkpoint(
    interrupted: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = interrupted.checkpoint_path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="No space left") as caught:
            interrupted.sample(Peak(), no_progress)
    assert "free space" in caught.value.fix
    assert interrupted.checkpoint_path.read_bytes() == before
    assert sorted(path.name for path in interrupted.folder.iterdir()) == ["importance.checkpoint.h5"]
    interrupted.sample(Peak(), no_progress)
    assert interrupted.result() is not None


def test_hdf5_on_a_full_file_system_is_one_message_and_keeps_the_old_checkpoint(tmp_path: Path) -> None:
    """Not a simulated error: the kernel refuses to let the file grow, inside the HDF5 library."""
    path = tmp_path / "c.h5"
    Checkpoint(path, IDENTITY).save({"points": np.arange(10.0)})
    code = (
        "import resource, signal, sys; import numpy as np; from pathlib import Path\n"
        "from crsea_infer.support.errors import UserError; from crsea_infer.support.checkpoint import Checkpoint\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        f"    Checkpoint(Path({str(path)!r}), {IDENTITY!r}).save({{'points': np.arange(1e5)}})\n"
        "except UserError as error:\n"
        "    print(error); sys.exit(1)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "cannot write" in ended.stdout
    assert np.array_equal(Checkpoint(path, IDENTITY).load()["points"], np.arange(10.0))
    assert [one.name for one in tmp_path.iterdir()] == ["c.h5"]


def test_a_likelihood_that_is_not_a_number_names_the_parameters_and_keeps_nothing_wrong(tmp_path: Path) -> None:
    task = task_in(tmp_path)
    with pytest.raises(UserError, match=r"nan at halo_height = 0\.9\d*, hi_scale = "):
        task.sample(Peak(broken=True), no_progress)
    assert not task.result_path.exists()
    task.sample(Peak(), no_progress)
    assert task.result() is not None


def test_a_result_of_another_seed_is_refused(tmp_path: Path) -> None:
    task = task_in(tmp_path)
    task.sample(Peak(), no_progress)
    other = replace(task, identity={**IDENTITY, "seed": "2"})
    with pytest.raises(UserError, match="the seed: there 1, here 2"):
        other.check()
    assert task.result() is not None


@pytest.mark.slow
def test_a_posterior_on_a_full_file_system_is_one_message(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; import numpy as np; from pathlib import Path\n"
        "import xarray, h5netcdf\n"
        "from crsea_infer.support.errors import UserError\n"
        "from crsea_infer.inference.posterior_file import _write_groups\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    groups = {'posterior': {'x': (('chain', 'draw'), np.random.rand(4, 9000), {})}}\n"
        f"    _write_groups(Path({str(tmp_path / 'posterior.nc')!r}), groups, {{}})\n"
        "except UserError as error:\n"
        "    print(error); sys.exit(1)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "cannot write" in ended.stdout
    assert list(tmp_path.iterdir()) == []
