"""Importance sampling that quotes no evidence is taken over by smc, and goes on there when it was killed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from known_problems import LinearGaussian

from crsea_infer.inference.samplers import importance_fallback
from crsea_infer.inference.samplers.importance import Importance, ImportanceOptions
from crsea_infer.inference.samplers.sampler import SamplerResult, no_progress
from crsea_infer.inference.samplers.tempered_particles import Smc, SmcOptions
from crsea_infer.support.checkpoint import Checkpoint

OPTIONS = {"walkers": 32, "steps": 60, "draws": 1000, "components": 4, "scouts": 0, "rounds": 2}
REFUSED = 995.0  # effective of a thousand draws: more than a proposal with a share of the prior gives


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small = SmcOptions(particles=64, draws=1000, components=4, least_effective=100.0)
    monkeypatch.setattr(importance_fallback, "Smc", lambda: Smc(small))


def run(
    target: Any, checkpoint: Checkpoint | None = None, progress: Any = no_progress, **options: Any
) -> SamplerResult:
    sampler = Importance(ImportanceOptions(**OPTIONS, **options))
    return sampler.run(target, np.random.SeedSequence(1), checkpoint or Checkpoint(None), progress)


def test_what_is_refused_is_taken_over() -> None:
    target = LinearGaussian.make(3, 10, 0.5)
    alone = run(target, least_effective=REFUSED, fallback="none")
    assert alone.evidence is None
    result = run(target, least_effective=REFUSED)
    assert result.sampler == "importance"
    assert result.evidence is not None
    assert result.evidence.method.startswith("tempered Monte Carlo")
    assert abs(result.evidence.lnz - target.lnz) < 4.0 * result.evidence.lnz_err
    assert "no evidence is quoted" in str(result.diagnostics["importance_refused"])
    assert result.n_calls > alone.n_calls


def test_what_passes_is_left_as_it_was() -> None:
    target = LinearGaussian.make(3, 10, 0.5)
    with_fallback = run(target, least_effective=100.0)
    without = run(target, least_effective=100.0, fallback="none")
    assert with_fallback.evidence == without.evidence
    assert with_fallback.evidence is not None
    assert with_fallback.evidence.method == "importance sampling"
    assert np.array_equal(with_fallback.samples, without.samples)


@pytest.mark.parametrize("where", ["repetition 2/2", "smc: power", "smc: weighted draws"])
def test_a_run_that_was_killed_ends_with_the_same_numbers(tmp_path: Any, where: str) -> None:
    class BrokenError(Exception):
        pass

    def interrupt(_fraction: float, message: str) -> None:
        if message.startswith(where):
            raise BrokenError(message)

    target = LinearGaussian.make(3, 10, 0.5)
    unbroken = run(target, least_effective=REFUSED)
    path = tmp_path / "checkpoint.h5"
    with pytest.raises(BrokenError):
        run(target, Checkpoint(path, {}, interval=0.0), interrupt, least_effective=REFUSED)
    assert path.exists()
    resumed = run(target, Checkpoint(path, {}, interval=0.0), least_effective=REFUSED)
    assert resumed.evidence == unbroken.evidence
    assert resumed.n_calls == unbroken.n_calls
    assert np.array_equal(resumed.samples, unbroken.samples)
