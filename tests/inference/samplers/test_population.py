"""Population Monte Carlo: how good a proposal is, the draws of all proposals tell."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.inference.samplers import population
from crsea_infer.inference.samplers.mixtures import StudentMixture
from crsea_infer.inference.samplers.population import Improving, improved, thinned
from crsea_infer.inference.samplers.proposals import effective_sample

_DIMENSIONS = 8
_APART = 3.0
_WIDTH = 0.2


def _log_target(points: np.ndarray) -> np.ndarray:
    """Two normals of the same width and evidence, the sum of which is one."""
    offsets = np.zeros(_DIMENSIONS)
    offsets[0] = 0.5 * _APART
    peaks = [np.log(0.5) - 0.5 * np.sum(((points - centre) / _WIDTH) ** 2, axis=1) for centre in (-offsets, offsets)]
    return np.logaddexp(*peaks) - 0.5 * _DIMENSIONS * np.log(2.0 * np.pi * _WIDTH**2)


def _chain(n_first: int, n_second: int) -> np.ndarray:
    points = _WIDTH * np.random.default_rng(1).standard_normal((n_first + n_second, _DIMENSIONS))
    points[:n_first, 0] -= 0.5 * _APART
    points[n_first:, 0] += 0.5 * _APART
    return points


def test_one_peak_of_two_does_not_pass_for_the_better_proposal() -> None:
    """A fortieth of the chain is at the second: a single component follows the first, with even weights of its own."""
    proposal = improved(_chain(1950, 50), _log_target, Improving((1, 4), 3.0, 0.01, 8, 2000), np.random.default_rng(2))
    draws = proposal.draw(20_000, np.random.default_rng(3))
    log_weights = _log_target(draws) - proposal.log_density(draws)
    assert np.mean(draws[:, 0] > 0.0) > 0.15
    assert np.mean(np.exp(log_weights)) == pytest.approx(1.0, abs=0.03)
    assert effective_sample(log_weights) > 4000.0


def test_a_target_that_is_nowhere_gives_some_proposal() -> None:
    nowhere = improved(
        _chain(100, 100),
        lambda points: np.full(len(points), -np.inf),
        Improving((1,), 3.0, 0.1, 3, 500),
        np.random.default_rng(4),
    )
    assert np.all(np.isfinite(nowhere.log_density(_chain(5, 5))))


def test_one_draw_that_counts_is_not_all_that_is_fitted() -> None:
    """Of thousands of draws a single one may be where the target is."""
    far = np.full(_DIMENSIONS, 4.0)

    def log_target(points: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(points)) == 7, 0.0, -np.inf) - 0.5 * np.sum((points - far) ** 2, axis=1)

    how = Improving((1, 4), 3.0, 0.1, 3, 3000)
    proposal = improved(_chain(100, 100), log_target, how, np.random.default_rng(6))
    assert np.all(np.isfinite(proposal.log_density(_chain(5, 5))))


@pytest.mark.parametrize("n_finite", [1, 5, 12, 17])
def test_fewer_different_draws_than_components_are_no_reason_to_stop(n_finite: int) -> None:
    """A first round short enough to be fitted whole, of which hardly any draw is where the target holds."""

    def log_target(points: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(points)) < n_finite, -0.5 * np.sum(points**2, axis=1), -np.inf)

    how = Improving((1, 16), 3.0, 0.1, 3, 500)
    proposal = improved(_chain(100, 100), log_target, how, np.random.default_rng(7))
    assert np.all(np.isfinite(proposal.log_density(_chain(5, 5))))


def test_the_best_round_is_returned_however_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits that are made to get ever worse after the first."""
    widths: list[float] = []

    def fit(*_: object) -> StudentMixture:
        widths.append(0.5 + 0.15 * len(widths))
        factors = widths[-1] * np.eye(_DIMENSIONS)
        return StudentMixture(np.ones(1), np.zeros((1, _DIMENSIONS)), factors[None], 4.0)

    def log_target(points: np.ndarray) -> np.ndarray:
        return -0.5 * np.sum((points / 0.3) ** 2, axis=1)

    monkeypatch.setattr(population, "fit_mixture", fit)
    proposal = improved(_chain(100, 100), log_target, Improving((1,), 3.0, 0.01, 8, 2000), np.random.default_rng(9))
    assert len(widths) == 4  # and three without progress
    assert proposal.mixture.factors[0, 0, 0] == widths[0]


@pytest.mark.parametrize("n", [3000, 9000])
def test_one_draw_far_above_all_others_is_not_all_that_is_fitted(n: int) -> None:
    """So far that no power of the weights that is not nearly zero lets others count."""
    points = np.random.default_rng(12).standard_normal((n, 4))
    log_weights = np.zeros(n)
    log_weights[7] = 2e4
    kept, weights = thinned(points, log_weights, np.random.default_rng(13))
    assert len(kept) == n
    assert np.all(weights > 0.0)


def test_rounds_that_miss_a_target_of_hardly_any_volume_end() -> None:
    """Finite within a hundredth of a few draws of the first round alone: later rounds hit it by no draw."""
    seen: list[np.ndarray] = []

    def log_target(points: np.ndarray) -> np.ndarray:
        seen.append(points)
        distances = np.linalg.norm(points[:, None] - seen[0][None, :5], axis=2)
        return np.where(np.min(distances, axis=1) < 1e-2, 0.0, -np.inf)

    for seed in range(24):
        seen.clear()
        how = Improving((1, 4), 3.0, 0.1, 8, 1000)
        proposal = improved(_chain(100, 100), log_target, how, np.random.default_rng(seed))
        assert np.all(np.isfinite(proposal.log_density(_chain(5, 5))))


def test_thinned_draws_stand_once_with_the_weight_of_their_copies() -> None:
    points = np.random.default_rng(10).standard_normal((20_000, 2))
    log_weights = -0.5 * np.sum((points - 1.0) ** 2, axis=1) + 0.5 * np.sum(points**2, axis=1)
    kept, weights = thinned(points, log_weights, np.random.default_rng(11))
    assert len(kept) == len(np.unique(kept, axis=0)) <= 4096
    assert np.mean(weights) == pytest.approx(1.0)
    assert np.average(kept, axis=0, weights=weights) == pytest.approx([1.0, 1.0], abs=0.1)


def test_rounds_are_asked_for() -> None:
    with pytest.raises(ValueError, match="no rounds"):
        improved(_chain(50, 50), _log_target, Improving((1,), 3.0, 0.1, 0, 500), np.random.default_rng(5))
