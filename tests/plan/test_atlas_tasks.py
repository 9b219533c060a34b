"""Evidences of an atlas of a run with training sets: the conditional ones, by the bridge that the run itself has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from trained_run import TRAINED

from crsea_infer.inference.samplers.sampler import CONVERGED
from crsea_infer.inference.samplers.warm_start import WarmStart
from crsea_infer.plan.atlas_tasks import AtlasTask, bridge_of, data_asked, found_from_arrays, measure, question_key
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.tasks import Task, target_of
from crsea_infer.support.checkpoint import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.plan.run_file import RunFile

BRIDGE = "[samplers.bridge]\ngroups = 3\nparticles = 96\nrounds = 4\nmoves = 1\n"


def run_with(folder: Path, samplers: str, text: str = TRAINED) -> RunFile:
    (folder / "run.toml").write_text(text + samplers)
    return load_run(folder / "run.toml")


def test_only_a_run_with_the_bridge_needs_no_evidence_of_the_training_set(tmp_path: Path) -> None:
    plain = run_with(tmp_path, "[samplers.importance]\n")
    assert bridge_of(plain, "base-min") is None
    assert data_asked(plain, "base-min") == ["all", "training"]
    bridged = run_with(tmp_path, BRIDGE)
    assert data_asked(bridged, "base-min") == ["all"]
    longer = run_with(tmp_path, BRIDGE.replace("rounds = 4", "rounds = 5"))
    fewer = run_with(
        tmp_path,
        BRIDGE,
        TRAINED.replace('train_on = ["dampe_protons", "dampe_helium"]', 'train_on = ["dampe_protons"]'),
    )
    keys = [question_key(run, "base-min", "all", "model") for run in (plain, bridged, longer, fewer)]
    assert len(set(keys)) == 4


@pytest.mark.slow
def test_what_ships_has_the_numbers_of_the_run(tmp_path: Path) -> None:
    from crsea_infer import emulator

    run = run_with(tmp_path, BRIDGE)
    task = AtlasTask(run, "base-min", "all", "key", (), WarmStart(), model=emulator.load())
    arrays = measure(task, lambda *_: None)
    found = found_from_arrays(arrays)
    bridge = bridge_of(run, "base-min")
    assert bridge is not None
    target = target_of(run, run.hypotheses[0], "all", "bridge", emulator.load())
    seed = Task(run, "base-min", "bridge", tmp_path, {}, target.names).seed
    result = bridge.run(target, seed, Checkpoint(None), lambda *_: None)
    assert result.conditional is not None
    assert found.n_calls == result.n_calls
    if result.converged:
        assert (found.lnz, found.lnz_err) == (result.conditional.lnz, result.conditional.lnz_err)
        assert found.status == CONVERGED
    else:
        assert np.isnan(found.lnz)
        assert found.status == result.diagnostics["status"]
    assert found.neighbour is None
