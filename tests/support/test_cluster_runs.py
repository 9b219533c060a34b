"""Samplings on a dask cluster: the numbers of this machine, whatever dies on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from dask_on_loopback import dask_cluster
from quick_run import numbers_alone

from crsea_infer.cli.console import ConsoleListener, Display
from crsea_infer.cli.main import main
from crsea_infer.plan.study_file import load_study
from crsea_infer.workflow.combinations import carry_out

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

STUDY = """
title = "Two errors"
hypotheses = ["base-min"]
seed = 5
[samplers.importance]
walkers = 64
steps = 100
draws = 3000
least_effective = 100
[samplers.emcee]
block = 100
max_steps = 200
[combinations.correlated]
title = "Correlated"
likelihoods = ["lhaaso_km2a_outer"]
[combinations.diagonal]
title = "Diagonal"
likelihoods = ["lhaaso_km2a_outer"]
options.lhaaso_km2a_outer.systematics = "diagonal"
"""


def results(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Every array of every result, by file."""
    found = {}
    for path in sorted(folder.glob("*/*/*.h5")):
        with h5py.File(path) as file:
            arrays: dict[str, np.ndarray] = {}
            file.visititems(lambda name, entry: arrays.update({name: entry[()]} if hasattr(entry, "shape") else {}))  # noqa: B023
        found[str(path.relative_to(folder))] = {name: one for name, one in arrays.items() if "wall" not in name}
    return found


@pytest.mark.slow
def test_a_study_on_a_cluster_that_loses_a_worker_ends_with_the_numbers_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    path = tmp_path / "two.toml"
    path.write_text(STUDY)
    study = load_study(str(path))
    numbers_alone(monkeypatch)
    carry_out({tmp_path / "here" / name: run for name, run in study.runs.items()}, workers=0)
    killed: list[subprocess.Popen[bytes]] = []
    heard: list[int] = []
    update = Display.update

    def and_kill_one(display: Display, index: int, fraction: float, words: str) -> None:
        heard.append(index)
        if not killed and len(set(heard)) == 2:  # both workers are at work
            killed.append(workers[0])
            workers[0].kill()
        update(display, index, fraction, words)

    path.unlink()  # workers need no file of this machine
    with dask_cluster(tmp_path) as (address, workers):
        monkeypatch.setattr(Display, "update", and_kill_one)
        there = {tmp_path / "there" / name: run for name, run in study.runs.items()}
        carry_out(there, workers=0, scheduler=address, listener=ConsoleListener())
        assert workers[0].poll() is not None
    here, away = results(tmp_path / "here"), results(tmp_path / "there")
    assert len(here) == 4
    assert list(here) == list(away)
    for name, arrays in here.items():
        assert arrays.keys() == away[name].keys()
        for key, array in arrays.items():
            assert np.array_equal(array, away[name][key]), (name, key)
    assert not list(tmp_path.glob("there/*/*/*.checkpoint.h5"))


@pytest.mark.slow
def test_what_is_no_address_is_told_before_anything_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    for run in ("min_vs_max", "paper"):
        assert main(["run", run, "--scheduler", "nonsense"]) == 1
        assert "'nonsense' of a dask scheduler" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
