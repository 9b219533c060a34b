"""Population Monte Carlo: how good a proposal is, the draws of all proposals tell."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.inference.samplers.population import Improving, improved
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


def test_rounds_are_asked_for() -> None:
    with pytest.raises(ValueError, match="no rounds"):
        improved(_chain(50, 50), _log_target, Improving((1,), 3.0, 0.1, 0, 500), np.random.default_rng(5))
