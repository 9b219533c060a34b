"""One process for the device of JAX, the others beside it; and clear words where there is none or too little."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from crsea_infer.plan.run_file import load_run
from crsea_infer.support import lanes
from crsea_infer.support.errors import UserError
from crsea_infer.support.jobs import run_jobs
from crsea_infer.support.lanes import CORES, DEVICE, Lanes, device_present
from crsea_infer.workflow import runs, samplings

if TYPE_CHECKING:
    from pathlib import Path

WORK = """
import os, time

def work(task, tell):
    time.sleep(0.05)
    if task == "full":
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 96.00GiB.\\nmore")
    return os.getpid(), os.environ.get("JAX_PLATFORMS"), os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE")
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "work_of_lanes.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
    return importlib.import_module("work_of_lanes").work


def done(work: Any, tasks: list[str], **options: Any) -> dict[int, tuple[int, str | None, str | None]]:
    found: dict[int, tuple[int, str | None, str | None]] = {}
    run_jobs(work, tasks, tasks, lambda *_: None, workers=2, take=found.__setitem__, **options)
    return found


def test_one_process_owns_the_device_and_the_others_do_not_see_it(work: Any) -> None:
    tasks = ["cores", "device", "device", "cores", "cores", "device"]
    found = done(work, tasks, lanes=Lanes(device=True), lane_of=lambda task: DEVICE if task == "device" else CORES)
    by_lane = {lane: {found[index] for index, task in enumerate(tasks) if task == lane} for lane in ("cores", "device")}
    assert len(by_lane["device"]) == 1
    ((owner, platforms, preallocates),) = by_lane["device"]
    assert (platforms, preallocates) == (None, "false")
    assert {platforms for _, platforms, _ in by_lane["cores"]} == {"cpu"}
    assert owner not in {process for process, _, _ in by_lane["cores"]}


def test_what_the_user_sets_for_the_device_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    environment = Lanes(device=True).environment(DEVICE)
    assert environment == {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_CPP_MIN_LOG_LEVEL": "0"}


def test_without_a_device_all_processes_are_alike(work: Any) -> None:
    found = done(work, ["device"] * 4, lanes=Lanes(), lane_of=lambda _task: DEVICE)
    assert len({process for process, _, _ in found.values()}) == 2
    assert {rest for _, *rest in map(list, found.values()) for rest in rest} == {None}


def test_too_little_memory_on_the_device_is_one_message(work: Any) -> None:
    for workers in (0, 1):
        with pytest.raises(UserError, match=r"full: not enough memory on the device .*96\.00GiB") as caught:
            run_jobs(work, ["full"], ["full"], lambda *_: None, workers=workers)
        assert "live_points" in caught.value.fix


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_samplings_with_jax_go_to_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    smc = f'[samplers.smc]\nbackend = "{backend}"\n'
    text = 'title = "Lanes"\nhypotheses = ["base-min"]\nlikelihoods = ["lhaaso_km2a_outer"]\n'
    (tmp_path / "lanes.toml").write_text(text + "[samplers.nuts]\n[samplers.emcee]\n[samplers.jax-nested]\n" + smc)
    given: dict[str, Any] = {}

    class NothingElseError(Exception):
        pass

    def instead(_work: Any, tasks: Any, *_: Any, **options: Any) -> None:
        given.update({task.sampler: options["lane_of"](task) for task in tasks}, lanes=options["lanes"])
        raise NothingElseError

    monkeypatch.setattr(samplings, "run_jobs", instead)
    monkeypatch.setattr(samplings, "device_present", lambda: True)
    with pytest.raises(NothingElseError):
        runs.execute(load_run(str(tmp_path / "lanes.toml")), tmp_path / "out")
    smc_lane = DEVICE if backend == "jax" else CORES
    assert given == {"nuts": DEVICE, "jax-nested": DEVICE, "emcee": CORES, "smc": smc_lane, "lanes": Lanes(device=True)}


@pytest.mark.parametrize(
    ("nodes", "variables", "present"),
    [
        ((), {}, False),
        (("nvidiactl",), {}, True),
        (("kfd",), {}, True),
        (("nvidiactl",), {"CUDA_VISIBLE_DEVICES": ""}, False),
        (("nvidiactl",), {"JAX_PLATFORMS": "cpu"}, False),
        ((), {"JAX_PLATFORMS": "cuda"}, True),
        ((), {"JAX_PLATFORMS": "cuda,cpu"}, True),
    ],
)
def test_a_device_is_seen_without_touching_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nodes: tuple[str, ...],
    variables: dict[str, str],
    present: bool,
) -> None:
    (tmp_path / "dev").mkdir()
    for node in nodes:
        (tmp_path / "dev" / node).touch()
    for name in ("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(lanes, "_has_plugin", lambda: True)
    assert device_present(tmp_path) is present


@pytest.mark.slow
def test_a_platform_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    pytest.importorskip("blackjax")
    text = 'title = "Away"\nhypotheses = ["base-min"]\nlikelihoods = ["lhaaso_km2a_outer"]\n[samplers.nuts]\n'
    (tmp_path / "away.toml").write_text(text)
    ended = subprocess.run(
        [sys.executable, "-m", "crsea_infer.cli.main", "run", "away.toml", "--output", "out"],
        cwd=tmp_path,
        env={**os.environ, "JAX_PLATFORMS": "rocm"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("crsea-infer:") == 1
    assert "JAX finds no device for JAX_PLATFORMS=rocm" in ended.stderr
