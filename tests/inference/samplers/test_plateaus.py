"""Likelihoods that are constant over regions: volumes against theory, and every sampler with an evidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from known_problems import QUICK, UnitCube, modest_options
from scipy import stats

from crsea_infer.inference.samplers.nested_volumes import (
    Deaths,
    insertion_ranks,
    integrate,
    live_counts,
    merge,
    simulate_error,
    uniform_p_value,
)
from crsea_infer.inference.samplers.registry import make
from crsea_infer.inference.samplers.sampler import Counted, SamplerResult, no_progress
from crsea_infer.inference.samplers.starts import live_start
from crsea_infer.support.arrays import array_namespace
from crsea_infer.support.checkpoint import Checkpoint

EVIDENCES = ("dynesty", "dynesty-dynamic", "importance", "jax-nested", "nautilus")
SLOW = {"jax-nested", "nautilus"}


def by_speed(samplers: tuple[str, ...]) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in samplers]


@dataclass(frozen=True)
class Terraces(UnitCube):
    """A stepped pyramid of plateaus only: every step up is a cube with `share` of the volume of the one below."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2")
    share: float = 0.3
    step: float = 1.0
    n_steps: int = 5

    @cached_property
    def lnz(self) -> float:
        heights = np.arange(self.n_steps + 1.0)
        shares = self.share**heights
        return float(np.log(np.sum((shares - np.append(shares[1:], 0.0)) * np.exp(self.step * heights))))

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        side = 2.0 * xp.max(abs(theta - 0.5), axis=-1)
        height = 0.0 * side
        for index in range(1, self.n_steps + 1):
            height = height + xp.where(side < self.share ** (index / len(self.names)), 1.0, 0.0)
        return self.step * height


@dataclass(frozen=True)
class Constant(UnitCube):
    """The same likelihood everywhere."""

    lnz: float = 612.8

    def log_likelihood(self, theta: Any) -> Any:
        return 0.0 * array_namespace(theta).sum(theta, axis=-1) + self.lnz


def run(sampler: str, target: Any, seed: int = 1, options: Any = None) -> SamplerResult:
    chosen = options or modest_options(sampler, len(target.names))
    return make(sampler, chosen).run(target, np.random.SeedSequence(seed), Checkpoint(None), no_progress)


def perfect_run(n_live: int, seed: int, target: Terraces) -> tuple[Deaths, Any]:
    """Nested sampling of terraces without a sampler: volumes drawn as theory has them; and the slots of the deaths."""
    generator = np.random.default_rng(seed)

    def height(volume: Any) -> Any:
        return np.minimum(np.floor(np.log(volume) / np.log(target.share)), target.n_steps)

    live = generator.random(n_live)
    born, dead, birth, slots = np.full(n_live, -np.inf), [], [], []
    while np.ptp(height(live)) > 0.0:
        worst = int(np.argmin(height(live)))
        dead.append(float(height(live)[worst]))
        birth.append(born[worst])
        slots.append(worst)
        born[worst] = dead[-1]
        live[worst] = target.share ** (dead[-1] + 1.0) * generator.random()  # anywhere above this terrace
    values = target.step * np.append(dead, height(live))
    births = np.append(target.step * np.array(birth), target.step * born)
    return Deaths(values, live_counts(births, values)), np.append(slots, np.arange(n_live))


def test_live_points_of_a_plateau_die_before_what_replaces_them_is_live() -> None:
    born = np.array([-np.inf, -np.inf, -np.inf, -np.inf, 1.0, 1.0, 2.0])
    log_likelihood = np.array([1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 4.0])
    # Four until two have died on the plateau at 1; then the two that were left and the two born above it.
    assert live_counts(np.sort(born), log_likelihood).tolist() == [4.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0]


def test_runs_on_a_plateau_merge_as_one_run_of_all_their_points() -> None:
    one = (np.array([-np.inf, -np.inf, -np.inf, 1.0, 1.0]), np.array([1.0, 1.0, 3.0, 3.0, 3.0]))
    other = (np.array([-np.inf, -np.inf, 1.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    merged, _ = merge([Deaths(death, live_counts(born, death)) for born, death in (one, other)])
    death, born = np.concatenate([one[1], other[1]]), np.concatenate([one[0], other[0]])
    order = np.argsort(death, kind="stable")
    assert merged.log_likelihood.tolist() == death[order].tolist()
    assert merged.live.tolist() == live_counts(born, death[order]).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("n_runs", [1, 4])
def test_evidence_of_terraces_is_right_on_average(n_runs: int) -> None:
    target = Terraces()
    pulls = []
    for seed in range(60):
        merged, _ = merge([perfect_run(100, 10 * seed + index, target)[0] for index in range(n_runs)])
        pulls.append((integrate(merged)[0] - target.lnz) / simulate_error(merged, np.random.default_rng(1)))
    assert abs(np.mean(pulls)) < 3.5 / np.sqrt(60)
    assert 0.75 < np.std(pulls) < 1.3


def test_insertion_ranks_on_plateaus_are_uniform() -> None:
    ranks = []
    for seed in range(20):
        deaths, slots = perfect_run(100, seed, Terraces())
        ranks.append(insertion_ranks(deaths.log_likelihood, slots, 100, np.random.SeedSequence(seed)))
    assert uniform_p_value(np.concatenate(ranks)) > 1e-3


@pytest.mark.parametrize("step", [1.0, 2.0])
@pytest.mark.parametrize("sampler", by_speed(EVIDENCES))
def test_evidence_of_terraces_is_known_within_four_sigma(sampler: str, step: float) -> None:
    target = Terraces(step=step)
    result = run(sampler, target)
    if result.evidence is None:
        assert sampler == "importance"
        return
    assert result.converged
    assert abs(result.evidence.lnz - target.lnz) < 4.0 * result.evidence.lnz_err
    assert result.evidence.lnz_err < 0.6  # of two sub-runs of 0.3 each: half their difference, where that is more


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["dynesty", "dynesty-dynamic"])
def test_errors_on_plateaus_are_honest_over_many_seeds(sampler: str) -> None:
    target = Terraces()
    pulls = []
    for seed in range(20):
        evidence = run(sampler, target, seed).evidence
        assert evidence is not None
        pulls.append((evidence.lnz - target.lnz) / evidence.lnz_err)
    assert abs(np.mean(pulls)) < 0.8  # 3.5 sigma of the mean of 20 unit pulls
    assert 0.4 < np.std(pulls) < 1.5


@pytest.mark.parametrize("sampler", by_speed(EVIDENCES))
def test_a_constant_likelihood_is_its_own_evidence(sampler: str) -> None:
    target = Constant()
    result = run(sampler, target, options=QUICK[sampler])
    assert result.evidence is not None
    assert result.converged
    assert result.evidence.lnz == pytest.approx(target.lnz, abs=max(0.02, 4.0 * result.evidence.lnz_err))
    assert result.evidence.lnz_err < 0.1


def test_a_plateau_that_holds_nearly_all_of_the_prior_is_drawn_from_until_points_lie_above() -> None:
    target = Counted(Terraces(share=0.02, n_steps=1))
    start = live_start(target, 50, np.random.default_rng(1))
    assert len(start.log_likelihood) == 50
    assert np.all(start.log_likelihood == 1.0)
    assert np.all(start.dead_log_likelihood == 0.0)
    drawn = target.n_calls
    above = drawn - len(start.dead_live)
    assert stats.binomtest(above, drawn, 0.02).pvalue > 1e-3
    assert start.dead_live.tolist() == list(range(drawn, above, -1))


def test_live_points_are_drawn_as_before_where_there_is_no_plateau_at_the_bottom() -> None:
    target = Counted(Terraces())  # 70 of a hundred on the lowest terrace
    start = live_start(target, 100, np.random.default_rng(1))
    assert target.n_calls > 100

    @dataclass(frozen=True)
    class Slope(UnitCube):
        def log_likelihood(self, theta: Any) -> Any:
            return -theta[..., 0]

    target = Counted(Slope())
    start = live_start(target, 100, np.random.default_rng(1))
    assert target.n_calls == 100
    assert len(start.dead_live) == 0
    assert np.array_equal(start.probit, np.random.default_rng(1).standard_normal((100, 5)))
