"""Marginals of any skew and tail become nearly normal, without loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import skew

from crsea_infer.inference.samplers.marginals import Marginals, fit_marginals
from crsea_infer.inference.samplers.mixtures import fit_mixture
from crsea_infer.inference.samplers.proposals import Proposal, effective_sample


def _lopsided(n: int, seed: int) -> np.ndarray:
    """Three parameters: normal, with a long tail, and the probit of one that piles up at a bound of its prior."""
    from scipy.special import ndtri

    generator = np.random.default_rng(seed)
    at_bound = np.clip(generator.exponential(0.05, size=n), 1e-9, 1.0 - 1e-9)
    return np.stack([generator.normal(2.0, 0.1, n), generator.gamma(2.0, size=n), ndtri(at_bound)], axis=1)


@given(
    middle=st.floats(-3.0, 3.0),
    spread=st.floats(1e-3, 2.0),
    bend=st.sampled_from([(0.0, 1.0), (0.8, 1.0), (-1.5, 0.6), (0.3, 1.4)]),
)
def test_coordinates_come_back_and_the_determinant_is_that_of_their_slopes(
    middle: float, spread: float, bend: tuple[float, float]
) -> None:
    marginals = Marginals(
        *(np.array([value, other]) for value, other in ((middle, 0.0), (spread, 1.0), (bend[0], 0.0), (bend[1], 1.0)))
    )
    straight = middle + spread * np.linspace(-4.0, 4.0, 9)[:, None] * [1.0, -0.5]
    points = marginals.bent(straight)
    again, log_slopes = marginals.straightened(points)
    assert again == pytest.approx(straight, abs=1e-7)
    step = 1e-6 * spread
    slopes = (marginals.bent(straight + step) - marginals.bent(straight - step)) / (2.0 * step)
    assert log_slopes == pytest.approx(-np.sum(np.log(slopes), axis=1), abs=1e-5)


def test_what_is_normal_stays_as_it_is_and_tails_go() -> None:
    points = _lopsided(20_000, 1)
    marginals = fit_marginals(points)
    straight = marginals.straightened(points)[0]
    assert (marginals.skew[0], marginals.tail[0]) == (0.0, 1.0)
    assert np.all(np.abs(skew(points[:, 1:])) > 0.4)
    assert np.all(np.abs(skew(straight)) < 0.15)
    assert np.all(straight[:, 0] == points[:, 0])


def test_two_peaks_are_left_to_the_mixture() -> None:
    generator = np.random.default_rng(4)
    points = np.concatenate([generator.normal(0.0, 0.1, (3000, 1)), generator.normal(2.0, 0.1, (1000, 1))])
    marginals = fit_marginals(points)
    assert (marginals.skew[0], marginals.tail[0]) == (0.0, 1.0)


def test_weights_count_as_repeated_points() -> None:
    points = _lopsided(400, 2)
    counts = np.random.default_rng(3).integers(1, 4, size=400)
    one, other = fit_marginals(points, counts / counts.mean()), fit_marginals(np.repeat(points, counts, axis=0))
    assert one.middle == pytest.approx(other.middle, abs=0.05)
    assert one.spread == pytest.approx(other.spread, rel=0.05)
    assert one.skew == pytest.approx(other.skew, abs=0.2)


def test_one_value_alone_has_no_width_but_does_no_harm() -> None:
    points = np.ones((50, 2))
    straight, log_slopes = fit_marginals(points).straightened(points)
    assert np.all(straight == 1.0)
    assert np.all(log_slopes == 0.0)


def test_more_draws_count_where_marginals_are_straight() -> None:
    """Of a product of three gamma distributions of shape 2, whose density is known."""

    def log_target(points: np.ndarray) -> np.ndarray:
        inside = np.all(points > 0.0, axis=1)
        return np.where(inside, np.sum(np.log(np.maximum(points, 1e-300)) - points, axis=1), -np.inf)

    points = np.random.default_rng(5).gamma(2.0, size=(4000, 6))
    marginals = fit_marginals(points)
    straight = marginals.straightened(points)[0]
    shares = []
    for proposal in (
        Proposal(fit_mixture(points, 1, 5.0, np.random.default_rng(6)), 1e-9),
        Proposal(fit_mixture(straight, 1, 5.0, np.random.default_rng(6)), 1e-9, marginals),
    ):
        draws = proposal.draw(8000, np.random.default_rng(7))
        log_weights = log_target(draws) - proposal.log_density(draws)
        shares.append(effective_sample(log_weights) / 8000)
        assert np.mean(np.exp(log_weights)) == pytest.approx(1.0, abs=0.1)  # its integral
    assert shares[1] > 1.5 * shares[0]
