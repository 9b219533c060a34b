"""Two peaks, each with a proposal of its own."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.inference.samplers.peaks_apart import Joined, improved_apart, peaks_that_matter, territory_of
from crsea_infer.inference.samplers.population import Improving
from crsea_infer.inference.samplers.proposals import Proposal, effective_sample
from crsea_infer.inference.samplers.scouts import Peak

_HOW = Improving(sizes=(1, 4), freedom=3.0, prior_share=0.03, rounds=6, n_trial=2000)
_DIMENSIONS = 16
_CENTRES = (np.full(_DIMENSIONS, -0.7), np.full(_DIMENSIONS, 0.7))
_WIDTHS = (0.4, 0.15)
_SHARES = (0.7, 0.3)


def _peak(index: int, log_mass: float = 0.0) -> Peak:
    return Peak(_CENTRES[index], _WIDTHS[index] * np.eye(_DIMENSIONS), log_mass)


def _log_target(points: np.ndarray) -> np.ndarray:
    """Two normals of known shares: the evidence is one."""
    normals = [
        np.log(share)
        - 0.5 * np.sum(((points - centre) / width) ** 2, axis=1)
        - 0.5 * _DIMENSIONS * np.log(2.0 * np.pi * width**2)
        for share, centre, width in zip(_SHARES, _CENTRES, _WIDTHS, strict=True)
    ]
    return np.logaddexp(*normals)


def _first_peak_alone(n: int) -> np.ndarray:
    return _CENTRES[0] + _WIDTHS[0] * np.random.default_rng(1).standard_normal((n, _DIMENSIONS))


def test_a_peak_that_the_chain_never_met_gets_its_share() -> None:
    proposal = improved_apart(
        _first_peak_alone(2000), (_peak(0), _peak(1)), _log_target, _HOW, np.random.SeedSequence(2)
    )
    assert isinstance(proposal, Joined)
    assert proposal.shares == pytest.approx([0.66, 0.34], abs=0.03)  # a fifth of the draws goes to both alike
    draws = proposal.draw(10_000, np.random.default_rng(3))
    log_weights = _log_target(draws) - proposal.log_density(draws)
    assert effective_sample(log_weights) > 3000.0
    assert np.mean(np.exp(log_weights)) == pytest.approx(1.0, abs=0.03)


def test_copies_of_a_few_points_are_not_a_chain_at_a_peak() -> None:
    """Walkers that are stuck in the second peak."""
    stuck = np.repeat(_peak(1).draw(3, np.random.default_rng(8)), 400, axis=0)
    points = np.concatenate([_first_peak_alone(2000), stuck])
    proposal = improved_apart(points, (_peak(0), _peak(1)), _log_target, _HOW, np.random.SeedSequence(9))
    draws = proposal.draw(10_000, np.random.default_rng(10))
    log_weights = _log_target(draws) - proposal.log_density(draws)
    assert effective_sample(log_weights) > 3000.0
    assert np.mean(np.exp(log_weights)) == pytest.approx(1.0, abs=0.03)


def test_points_of_no_weight_are_no_chain_at_a_peak() -> None:
    """Weighted draws of which those near the second peak are worth nothing."""
    points = np.concatenate([_first_peak_alone(2000), _peak(1).draw(1000, np.random.default_rng(11))])
    weights = np.repeat([1.5, 0.0], [2000, 1000])
    proposal = improved_apart(points, (_peak(0), _peak(1)), _log_target, _HOW, np.random.SeedSequence(12), weights)
    draws = proposal.draw(10_000, np.random.default_rng(13))
    log_weights = _log_target(draws) - proposal.log_density(draws)
    assert np.mean(np.exp(log_weights)) == pytest.approx(1.0, abs=0.03)


def test_a_walk_in_one_dimension_needs_two_pairs() -> None:
    """A second peak of which hardly any draw is in the target."""
    peaks = (Peak(np.array([-1.0]), np.array([[0.3]]), 0.0), Peak(np.array([2.0]), np.array([[0.3]]), -1.0))

    def log_target(points: np.ndarray) -> np.ndarray:
        second = np.where(np.abs(points[:, 0] - 2.0) < 4.5e-4, 0.0, -np.inf)
        return np.where(points[:, 0] < 0.0, -0.5 * ((points[:, 0] + 1.0) / 0.3) ** 2, second)

    start = peaks[0].draw(500, np.random.default_rng(14))
    how = Improving((1, 4), 3.0, 0.1, 3, 500)
    for seed in range(12):
        proposal = improved_apart(start, peaks, log_target, how, np.random.SeedSequence(seed))
        assert np.all(np.isfinite(proposal.log_density(start)))


def test_the_chain_alone_misses_it() -> None:
    """What the territories are for: without the second peak three tenths of the evidence are not there."""
    proposal = improved_apart(_first_peak_alone(2000), (_peak(0),), _log_target, _HOW, np.random.SeedSequence(2))
    assert isinstance(proposal, Proposal)
    draws = proposal.draw(10_000, np.random.default_rng(3))
    assert np.mean(np.exp(_log_target(draws) - proposal.log_density(draws))) == pytest.approx(0.7, abs=0.05)


def test_points_belong_to_the_peak_of_the_higher_density() -> None:
    points = np.concatenate([_first_peak_alone(200), _peak(1).draw(100, np.random.default_rng(4))])
    assert np.array_equal(territory_of((_peak(0), _peak(1)), points), np.repeat([0, 1], [200, 100]))


def test_peaks_of_hardly_any_evidence_get_no_territory() -> None:
    assert [peak.log_mass for peak in peaks_that_matter((_peak(0, 3.0), _peak(1, -5.0)))] == [3.0]
    assert len(peaks_that_matter((_peak(0, 3.0), _peak(1, 0.0)))) == 2
    assert peaks_that_matter(()) == ()


def test_draws_follow_the_density() -> None:
    joined = Joined(
        tuple(
            improved_apart(
                _peak(index).draw(500, np.random.default_rng(5)), (), _log_target, _HOW, np.random.SeedSequence(6)
            )
            for index in (0, 1)
        ),
        np.array([0.25, 0.75]),
    )
    draws = joined.draw(40_000, np.random.default_rng(7))
    assert np.mean(draws[:, 0] > 0.0) == pytest.approx(0.75, abs=0.05)
    normal = -0.5 * np.sum(draws**2, axis=1) - 0.5 * _DIMENSIONS * np.log(2.0 * np.pi)
    assert np.mean(np.exp(normal - joined.log_density(draws))) == pytest.approx(1.0, abs=0.1)  # the prior is 3 % of it
