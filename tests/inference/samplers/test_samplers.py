"""Every sampler, on problems with known answers, interrupted and not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from known_problems import (
    PROBLEMS,
    QUICK,
    AtAnEdge,
    FlatDirection,
    InterruptAfterError,
    Interrupted,
    LinearGaussian,
    TwoModes,
    modest_options,
)

from crsea_infer.inference.samplers.emcee_ensemble import EmceeOptions
from crsea_infer.inference.samplers.registry import gives_conditional, make, sampler_names
from crsea_infer.inference.samplers.sampler import (
    CONVERGED,
    SamplerResult,
    no_progress,
    result_arrays,
    result_from_arrays,
    to_probit,
    to_unit,
)
from crsea_infer.support.arrays import array_namespace
from crsea_infer.support.checkpoint import Checkpoint
from crsea_infer.support.errors import UserError

EVIDENCES = {"dynesty", "dynesty-dynamic", "importance", "jax-nested", "nautilus", "smc"}
TRACED = {"jax-nested", "nuts"}
REFUSED = {("importance", "twisted banana, 4 dimensions"), ("importance", "unequal modes")}
"""Where these settings do not suffice, and the sampler says so."""


def run(sampler: str, target: Any, seed: int = 1, options: Any = None, checkpoint: Any = None) -> SamplerResult:
    keeper = Checkpoint(None) if checkpoint is None else checkpoint
    return make(sampler, options).run(target, np.random.SeedSequence(seed), keeper, no_progress)


def same(one: SamplerResult, other: SamplerResult) -> bool:
    diagnostics = {key: value for key, value in one.diagnostics.items() if other.diagnostics.get(key) != value}
    return (
        not diagnostics
        and one.evidence == other.evidence
        and np.array_equal(one.samples, other.samples)
        and np.array_equal(one.log_likelihood, other.log_likelihood)
        and one.n_calls == other.n_calls
    )


SPREADS = {("jax-nested", "twisted banana, 4 dimensions"): 1.7}
"""Errors of two small sub-runs are too small by so much there: measured, and said in docs/samplers.md."""


PLAIN = tuple(name for name in sampler_names() if not gives_conditional(name))
"""Those that take any target; the others need a training set."""

COSTLY = ("jax-nested", "nautilus", "nuts")
"""What compiles, or trains networks, for seconds."""


def each(names: Any) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow) if name in COSTLY else name for name in sorted(names)]


def sampler_and_problem() -> list[Any]:
    quick = {("jax-nested", "upper limit"), ("nautilus", "upper limit")}
    long = {*product(COSTLY, PROBLEMS), ("importance", "twisted banana, 4 dimensions")} - quick
    return [
        pytest.param(*pair, marks=pytest.mark.slow) if pair in long else pair
        for pair in product(sorted(EVIDENCES), sorted(PROBLEMS))
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "problem"), sampler_and_problem())
def test_evidence_is_known_within_four_sigma(sampler: str, problem: str) -> None:
    target = PROBLEMS[problem]
    if sampler in {"jax-nested", "nautilus"} and problem.startswith("Gaussian") and len(target.names) != 5:
        pytest.skip("takes long; benchmarks/calibration.py has it")
    if (sampler, problem) == ("nautilus", "twisted banana, 4 dimensions"):
        pytest.skip("takes long; benchmarks/calibration.py has it")
    result = run(sampler, target, 1, modest_options(sampler, len(target.names)))
    if (sampler, problem) in REFUSED and result.evidence is None:
        assert not result.converged
        return
    assert result.evidence is not None
    if (sampler, problem) == ("nautilus", "corner of the prior") and not result.converged:
        assert "the bounds miss at least" in str(result.diagnostics["status"])
        return
    assert abs(result.evidence.lnz - target.lnz) < 4.0 * SPREADS.get((sampler, problem), 1.0) * result.evidence.lnz_err
    assert result.evidence.lnz_err < 1.0
    assert np.all(np.isfinite(result.log_likelihood))
    assert result.log_likelihood == pytest.approx(target.log_likelihood(result.samples))


@pytest.mark.slow
def test_default_dynesty_gives_two_tenths_in_twenty_dimensions() -> None:
    target = LinearGaussian.make(20, 15, 0.15)
    result = run("dynesty", target)
    assert result.evidence is not None
    assert abs(result.evidence.lnz - target.lnz) < 3.0 * result.evidence.lnz_err
    assert result.evidence.lnz_err < 0.25
    assert result.weights @ result.samples == pytest.approx(target.mean, abs=0.25)


@pytest.mark.slow
def test_importance_gives_the_known_evidence_to_two_hundredths() -> None:
    target = LinearGaussian.make(8, 15, 0.3)
    result = run("importance", target)
    assert result.evidence is not None
    assert abs(result.evidence.lnz - target.lnz) < max(3.0 * result.evidence.lnz_err, 0.02)
    assert result.evidence.lnz_err < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["dynesty", "dynesty-dynamic", "importance"])
def test_evidence_errors_are_honest_over_many_seeds(sampler: str) -> None:
    target = LinearGaussian.make(6, 15, 0.3)
    pulls = []
    for seed in range(20):
        evidence = run(sampler, target, seed, modest_options(sampler, 6)).evidence
        assert evidence is not None
        pulls.append((evidence.lnz - target.lnz) / evidence.lnz_err)
    assert abs(np.mean(pulls)) < 0.8  # 3.5 sigma of the mean of 20 unit pulls
    assert 0.4 < np.std(pulls) < 1.5


# no gradient leads from one mode to the other
@pytest.mark.slow
@pytest.mark.parametrize("sampler", each(set(PLAIN) - {"nuts"}))
def test_separate_modes_are_both_found(sampler: str) -> None:
    target = TwoModes()
    options = modest_options(sampler, 5) if sampler in EVIDENCES else None
    result = run(sampler, target, 1, options)
    share = result.weights @ (result.samples[:, 0] > 0.5)
    if sampler == "emcee":  # moves along differences do, now and then
        assert 0.0 < share < 1.0
    else:
        assert share == pytest.approx(0.7, abs=0.02 if sampler in {"importance", "nautilus"} else 0.2)


@pytest.mark.slow
def test_nuts_says_so_when_its_chains_sit_in_different_modes() -> None:
    result = run("nuts", TwoModes(), 2, QUICK["nuts"])
    share = np.mean(result.samples[:, 0] > 0.5)
    assert 0.0 < share < 1.0
    assert not result.converged
    assert "R-hat" in str(result.diagnostics["status"])


@pytest.mark.parametrize("sampler", each(PLAIN))
def test_a_posterior_cut_off_by_its_prior_has_the_right_mean(sampler: str) -> None:
    target = AtAnEdge()
    options = modest_options(sampler, len(target.names)) if sampler in EVIDENCES else None
    result = run(sampler, target, 3, options)
    assert result.weights @ result.samples[:, 0] == pytest.approx(target.edge_mean, abs=0.006)
    assert np.all(result.samples > 0.0)


@pytest.mark.parametrize("sampler", each(PLAIN))
def test_what_the_data_leave_open_is_left_as_the_prior(sampler: str) -> None:
    target = FlatDirection()
    options = modest_options(sampler, len(target.names)) if sampler in EVIDENCES else None
    result = run(sampler, target, 4, options)
    for flat in (3, 4):
        values = result.samples[:, flat]
        mean = result.weights @ values
        assert mean == pytest.approx(0.5, abs=0.06)
        assert np.sqrt(result.weights @ (values - mean) ** 2) == pytest.approx(1.0 / np.sqrt(12.0), abs=0.03)
    assert result.weights @ result.samples[:, 2] == pytest.approx(0.5, abs=0.004)


@pytest.mark.slow
def test_emcee_gives_the_known_mean_and_covariance() -> None:
    target = LinearGaussian.make(10, 15, 0.3)
    result = run("emcee", target)
    assert result.evidence is None
    assert result.diagnostics["status"] == CONVERGED
    assert result.samples.mean(axis=0) == pytest.approx(target.mean, abs=0.1)
    assert np.cov(result.samples.T) == pytest.approx(target.covariance, abs=0.1)
    assert result.log_likelihood == pytest.approx(target.log_likelihood(result.samples))
    assert result.chains is not None
    assert result.chains.reshape(result.samples.shape) == pytest.approx(result.samples)


def test_emcee_says_so_when_the_chain_is_too_short() -> None:
    result = run("emcee", LinearGaussian.make(10, 15, 0.3), options=EmceeOptions(block=100, max_steps=100))
    assert not result.converged
    assert "autocorrelation" in str(result.diagnostics["status"])


@cache
def unbroken(sampler: str) -> SamplerResult:
    """Return what a quick run on the small problem gives when it is left alone."""
    return run(sampler, LinearGaussian.make(3, 5, 0.5), 5, QUICK[sampler])


@pytest.mark.slow
@pytest.mark.parametrize("sampler", each(PLAIN))
def test_same_seed_same_numbers_and_another_seed_others(sampler: str) -> None:
    target = LinearGaussian.make(3, 5, 0.5)
    assert same(unbroken(sampler), run(sampler, target, 5, QUICK[sampler]))
    assert not same(unbroken(sampler), run(sampler, target, 6, QUICK[sampler]))


def interrupting(limit: float) -> Any:
    """Return a progress that interrupts."""

    def progress(fraction: float, message: str) -> None:
        if fraction >= limit:
            raise InterruptAfterError(message)

    return progress


@pytest.mark.parametrize("sampler", each(PLAIN))
@pytest.mark.parametrize("fraction", [0.02, 0.7, 0.97])
def test_an_interrupted_run_ends_with_the_numbers_of_an_unbroken_one(
    sampler: str, fraction: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = LinearGaussian.make(3, 5, 0.5)
    options = QUICK[sampler]
    whole = unbroken(sampler)
    path = tmp_path / "checkpoint.h5"
    monkeypatch.setattr("crsea_infer.inference.samplers.nautilus._PIECE_S", 1e-3)
    checkpoint = Checkpoint(path, {"seed": 5}, interval=0.0)
    # Compiled code cannot be interrupted by the likelihood.
    broken = target if sampler in TRACED else Interrupted(target, int(fraction * whole.n_calls))
    progress = interrupting(fraction - 0.02) if sampler in TRACED else no_progress
    with pytest.raises(InterruptAfterError):
        make(sampler, options).run(broken, np.random.SeedSequence(5), checkpoint, progress)
    assert path.exists() == (fraction > 0.5)
    resumed = run(sampler, target, 5, options, Checkpoint(path, {"seed": 5}, interval=0.0))
    assert same(resumed, whole)


def compiled_before() -> dict[str, str]:
    """Return an environment in which another process finds what JAX compiled in this one."""
    import jax

    return {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(jax.config.jax_compilation_cache_dir),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }


_CHILD = """
import sys, numpy as np
from pathlib import Path
sys.path.insert(0, {root!r})
from known_problems import QUICK, LinearGaussian
from crsea_infer.inference.samplers.registry import make
from crsea_infer.inference.samplers.sampler import no_progress
from crsea_infer.support.checkpoint import Checkpoint
import time
class Slow(LinearGaussian):
    def log_likelihood(self, theta):
        time.sleep(0.002)
        return super().log_likelihood(theta)
print("started", flush=True)
make({sampler!r}, QUICK[{sampler!r}]).run(
    Slow.make(3, 5, 0.5), np.random.SeedSequence(5), Checkpoint(Path({path!r}), {{}}, interval=0.0), no_progress
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("sampler", sorted(PLAIN))
def test_kill_minus_nine_loses_nothing_but_time(sampler: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.h5"
    code = _CHILD.format(root=str(Path(__file__).parent), sampler=sampler, path=str(path))
    for extra in (0.0, 0.3):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=compiled_before())
        assert child.stdout is not None
        child.stdout.readline()
        limit = time.monotonic() + 60.0
        while not path.exists() and child.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(extra)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert path.exists()
    target = LinearGaussian.make(3, 5, 0.5)
    resumed = run(sampler, target, 5, QUICK[sampler], Checkpoint(path, {}))
    assert same(resumed, unbroken(sampler))


@pytest.mark.parametrize("sampler", each(PLAIN))
def test_a_likelihood_that_is_not_a_number_stops_with_the_parameters(sampler: str) -> None:
    class Broken(LinearGaussian):
        def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
            xp = array_namespace(theta)
            return xp.where(theta[..., 0] > 1.0, np.nan, super().log_likelihood(theta))

    with pytest.raises(UserError, match=r"nan at coefficient_0 = 1\.|nan at coefficient_0 = 2\."):
        run(sampler, Broken.make(3, 5, 0.5), options=QUICK[sampler])


@pytest.mark.parametrize("sampler", each(EVIDENCES))
def test_a_prior_partly_outside_the_model_gives_the_evidence_of_the_part_inside(sampler: str) -> None:
    class Half(LinearGaussian):
        def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
            xp = array_namespace(theta)
            return xp.where(theta[..., 0] > 0.0, 0.0 * theta[..., 0] - 0.01 * theta[..., 1] ** 2, -np.inf)

    evidence = run(sampler, Half.make(3, 5, 0.5), 1, modest_options(sampler, 3)).evidence
    assert evidence is not None
    expected = np.log(0.5 / np.sqrt(1.02))
    assert abs(evidence.lnz - expected) < max(4.0 * evidence.lnz_err, 0.02)


def test_a_prior_wholly_outside_the_model_is_refused() -> None:
    class Nowhere(LinearGaussian):
        def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
            return array_namespace(theta).full(theta.shape[:-1], -np.inf)

    for sampler in PLAIN:
        with pytest.raises(UserError, match="finite likelihood"):
            run(sampler, Nowhere.make(3, 5, 0.5), options=QUICK[sampler])


def test_a_result_survives_being_stored(tmp_path: Path) -> None:
    result = run("importance", LinearGaussian.make(3, 5, 0.5), options=QUICK["importance"])
    keeper = Checkpoint(tmp_path / "result.h5", {"seed": 1})
    keeper.save(result_arrays(result))
    assert same(result_from_arrays(keeper.load()), result)


def test_resampling_follows_the_weights() -> None:
    result = run("importance", LinearGaussian.make(3, 5, 0.5), options=QUICK["importance"])
    chosen = result.resampled(4000, np.random.default_rng(1))
    assert result.samples[chosen].mean(axis=0) == pytest.approx(result.weights @ result.samples, abs=0.05)


def test_probit_coordinates_invert_and_stay_finite() -> None:
    probit = np.linspace(-6.0, 6.0, 25)
    assert to_probit(to_unit(probit)) == pytest.approx(probit, abs=1e-6)
    unit = to_unit(np.array([-50.0, 50.0]))
    assert np.all((unit > 0.0) & (unit < 1.0))
