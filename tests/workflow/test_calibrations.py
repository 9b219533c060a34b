"""`crsea-infer calibrate` from the command line to the directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from quick_run import living

from crsea_infer.analysis import calibration
from crsea_infer.cli import calibrate_command, main
from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.sampler import SamplerResult
from crsea_infer.plan.run_file import load_run
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.tables.calibration_tables import FILES
from crsea_infer.support import schedule
from crsea_infer.support.checkpoint import lock
from crsea_infer.support.errors import UserError
from crsea_infer.support.output_names import CALIBRATION_FILES
from crsea_infer.workflow import calibrations, runs

if TYPE_CHECKING:
    from pathlib import Path


def from_prior(posterior: Any, seed: np.random.SeedSequence, _: object) -> tuple[int, SamplerResult]:
    """A crude estimate: prior draws, weighted with the likelihood and tempered, so that some weight is left."""
    unit = np.random.default_rng(seed).random((300, len(posterior.names)))
    samples = posterior.prior_transform(unit)
    lnl = posterior.log_likelihood(samples)
    return 1, SamplerResult(
        "importance",
        posterior.names,
        samples,
        unit,
        0.02 * lnl,
        lnl,
        Evidence(float(np.mean(lnl)), 0.1, "none"),
        300,
        0.0,
        {"status": "converged", "effective_samples": 300.0, "pareto_k_hat": 0.1},
    )


@pytest.mark.slow
def test_the_whole_way_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = []

    def here(build: Any, directory: Path, _schedule: Any, _progress: Any, recipe: Any) -> np.ndarray:
        directory.mkdir(exist_ok=True)
        task = recipe()
        done.append(len(build.points))
        (directory.parent / ".calibration.crsea-0123abcd.ecsv").write_text("half a file, of a killed process")
        return np.stack([task(build.point(index)) for index in range(len(build.points))])

    monkeypatch.setattr(schedule, "run_build", here)
    monkeypatch.setattr(calibration, "_estimate", from_prior)
    assert main.main(["calibrate", "min_vs_max", "-n", "20", "--seed", "5", "--output", str(tmp_path / "out")]) == 0
    assert done == [40]
    assert not list(tmp_path.glob("out/.*crsea*"))
    said = capsys.readouterr().out
    assert "20 data sets simulated" in said
    assert "calibration.html" in said
    rows = read_table(tmp_path / "out" / "calibration.ecsv")
    names = {row["parameter"] for row in rows if row["hypothesis"] == "gamma-optimized-max"}
    assert {"halo_height", "ln L"} <= names
    assert {row["n_ranks"] for row in rows} == {20}


def test_help_tells_the_least_number_of_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["calibrate", "--help"])
    assert f"each hypothesis, {calibrate_command._LEAST} or more" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["min_vs_max", "-n", "3"], "-n 3"),
        (["min_vs_max", "-n", "50", "--seed", "-2"], "--seed -2"),
        (["min_vs_mox", "-n", "50"], "min_vs_max"),
        (["min_vs_max", "-n", "50", "--workers", "0"], "--workers 0"),
        (["min_vs_max", "-n", "50", "--workers", "two"], "--workers two"),
        (["min_vs_max", "-n", "x"], "-n x"),
        (["min_vs_max", "-n", "50", "--scheduler", "nonsense"], "'nonsense' of a dask scheduler"),
        (["paper", "-n", "50"], "is a study of several runs"),
    ],
)
def test_what_makes_no_sense_is_one_message(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main.main(["calibrate", *arguments, "--output", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert "valid:" in said
    assert not (tmp_path / "out").exists()


def test_a_run_with_training_sets_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="training sets") as caught:
        calibrations.calibrate(load_run("conditional"), 20, tmp_path / "out")
    assert "train_on" in caught.value.fix
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["run.toml", "evidence.ecsv"])
def test_the_directory_of_a_run_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("[identity]\n")
    with pytest.raises(UserError, match=f"holds a run \\({name}\\)"):
        calibrations.calibrate(load_run("min_vs_max"), 20, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["calibration.html", "calibration.ecsv", "figures/mine.pdf"])
def test_files_that_no_calibration_wrote_are_not_written_over(name: str, tmp_path: Path) -> None:
    mine = [tmp_path / name, tmp_path / ".session-0123abcd", tmp_path / ".page.crsea-0123abcd.html"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    with pytest.raises(UserError, match="not known whose"):
        calibrations.calibrate(load_run("min_vs_max"), 20, tmp_path)
    assert all(path.read_text() == "mine" for path in mine)


def test_the_directory_of_another_calibration_keeps_all_its_files(tmp_path: Path) -> None:
    manifest = {"n_points": 40, "hash": "0", "settings": {"identity": {"run": "0"}}}
    leftover = tmp_path / ".calibration.crsea-0123abcd.ecsv"
    leftover.write_text("")
    (tmp_path / "data_sets").mkdir()
    (tmp_path / "data_sets" / "build.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="another calibration"):
        calibrations.calibrate(load_run("min_vs_max"), 20, tmp_path)
    assert leftover.exists()


def test_the_files_of_a_calibration_are_those_that_names_are_reserved_for() -> None:
    assert {*FILES, "calibration.html"} == set(CALIBRATION_FILES)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", ["data_sets/build.json", "calibration.html"])
def test_a_run_is_refused_in_the_directory_of_a_calibration(name: str, fresh: bool, tmp_path: Path) -> None:
    """Finished or not, and even with --fresh, which replaces runs only."""
    kept = [tmp_path / name, tmp_path / "figures" / "calibration_bayes_factors.png"]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    with pytest.raises(UserError, match="holds a calibration"):
        runs.execute(load_run("min_vs_max"), tmp_path, fresh=fresh)
    assert all(path.read_text() == "{}" for path in kept)
    assert not (tmp_path / "run.toml").exists()


def test_two_calibrations_cannot_share_a_directory(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(UserError, match="another run is at work"):
        calibrations.calibrate(load_run("min_vs_max"), 20, tmp_path)


def start(out: Path) -> subprocess.Popen[bytes]:
    """Start a calibration with one worker in a group of its own, and wait for its first data set."""
    command = [
        sys.executable,
        "-m",
        "crsea_infer.cli.main",
        "calibrate",
        "min_vs_max",
        "-n",
        "20",
        "--output",
        str(out),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, "--workers", "1"],
        start_new_session=True,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    limit = time.monotonic() + 120.0
    while not list(out.glob("data_sets/piece-*.npz")) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.1)
    return process


@pytest.mark.slow
def test_a_terminated_calibration_exits_130_at_once_and_keeps_its_data_sets(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"interrupted" in said
    assert b"Traceback" not in said
    assert list(tmp_path.glob("data_sets/piece-*.npz"))


@pytest.mark.slow
def test_a_killed_calibration_keeps_its_data_sets_and_another_seed_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(out)
    process.kill()  # the parent alone: its workers must not outlive it
    process.communicate()
    limit = time.monotonic() + 20.0
    while living(process.pid) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not living(process.pid)
    kept = {path.name: path.read_bytes() for path in out.glob("data_sets/piece-*.npz")}
    assert kept
    run = load_run("min_vs_max")
    with pytest.raises(UserError, match=f"another calibration: the seed: there {run.seed}, here 77"):
        calibrations.calibrate(replace(run, seed=77), 20, out)
    assert {path.name: path.read_bytes() for path in out.glob("data_sets/piece-*.npz")} == kept
