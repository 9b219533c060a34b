"""Proposals: mixtures, turns, and how far their weights can be trusted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import genpareto, multivariate_t

from crsea_infer.inference.samplers.convergence import autocorrelation_time, split_r_hat
from crsea_infer.inference.samplers.mixtures import StudentMixture, fit_mixture, joined
from crsea_infer.inference.samplers.pareto_smoothing import generalised_pareto_shape, pareto_k_hat
from crsea_infer.inference.samplers.population import Improving, improved
from crsea_infer.inference.samplers.proposals import Proposal, effective_sample
from crsea_infer.inference.samplers.turns import Normal


def test_density_of_a_mixture_is_that_of_its_student_distributions() -> None:
    factors = np.array([[[1.0, 0.0], [0.5, 0.7]], [[0.3, 0.0], [0.0, 2.0]]])
    mixture = StudentMixture(np.array([0.3, 0.7]), np.array([[0.0, 1.0], [2.0, -1.0]]), factors, 5.0)
    points = np.random.default_rng(1).normal(size=(50, 2))
    expected = sum(
        share * multivariate_t(centre, factor @ factor.T, df=5.0).pdf(points)
        for share, centre, factor in zip(mixture.shares, mixture.centres, factors, strict=True)
    )
    assert np.exp(mixture.log_density(points)) == pytest.approx(expected)


def test_density_of_narrow_peaks_far_apart_is_theirs() -> None:
    centres = np.array([[6.0, -6.0], [-6.0, 6.0]])
    mixture = StudentMixture(np.array([0.5, 0.5]), centres, np.array([1e-6 * np.eye(2), 1e-5 * np.eye(2)]), 3.0)
    points = np.concatenate([mixture.draw(3000, np.random.default_rng(7)), centres])  # more than are taken at once
    expected = sum(
        0.5 * multivariate_t(centre, width**2 * np.eye(2), df=3.0).pdf(points)
        for centre, width in zip(centres, (1e-6, 1e-5), strict=True)
    )
    assert np.exp(mixture.log_density(points)) == pytest.approx(expected, rel=1e-6)


def test_points_of_little_weight_count_as_much_as_that() -> None:
    """Half of the points, with a tenth of the weight: a group of its own."""
    generator = np.random.default_rng(10)
    points = np.concatenate([generator.normal(-20.0, 1.0, size=(1000, 2)), generator.normal(20.0, 1.0, size=(1000, 2))])
    weights = np.repeat([1.8, 0.2], 1000)
    mixture = fit_mixture(points, 4, 5.0, generator, weights)
    assert mixture.shares[mixture.centres[:, 0] > 0].sum() == pytest.approx(0.1, abs=0.01)


def test_draws_of_a_mixture_follow_its_density() -> None:
    mixture = fit_mixture(np.random.default_rng(1).normal(size=(2000, 3)), 4, 5.0, np.random.default_rng(2))
    draws = mixture.draw(40_000, np.random.default_rng(3))
    # E[q0 / q] = 1 for any normalised density q0.
    log_normal = -0.5 * np.sum(draws**2, axis=1) - 1.5 * np.log(2.0 * np.pi)
    assert np.mean(np.exp(log_normal - mixture.log_density(draws))) == pytest.approx(1.0, abs=0.02)


def test_a_fit_finds_separate_groups() -> None:
    generator = np.random.default_rng(4)
    points = np.concatenate([generator.normal(-20.0, 1.0, size=(500, 2)), generator.normal(20.0, 1.0, size=(1500, 2))])
    mixture = fit_mixture(points, 6, 5.0, generator)
    assert mixture.shares[mixture.centres[:, 0] < 0].sum() == pytest.approx(0.25, abs=0.01)
    assert np.all(np.abs(np.abs(mixture.centres) - 20.0) < 5.0)


@pytest.mark.parametrize("shape", [-0.2, 0.2, 0.6, 1.0])
def test_pareto_shape_is_recovered(shape: float) -> None:
    sample = np.sort(genpareto(shape).rvs(size=4000, random_state=np.random.default_rng(5)))
    assert generalised_pareto_shape(sample) == pytest.approx(shape, abs=0.1)


@pytest.mark.parametrize("n", [5, 17, 100])
def test_equal_excesses_have_a_shape_too(n: int) -> None:
    """A trial value of zero would be hit exactly: nought over nought."""
    assert -10.0 < generalised_pareto_shape(np.full(n, 0.37)) < 0.0


def test_k_hat_tells_good_weights_from_bad() -> None:
    generator = np.random.default_rng(6)
    normal = generator.standard_normal(20_000)
    wide = -0.5 * normal**2 * (1.0 - 1.5**2)  # target narrower than the proposal: bounded weights
    assert pareto_k_hat(-np.abs(wide)) < 0.5
    narrow = 0.5 * normal**2 * (1.0 - 0.2**2)  # target five times wider than the proposal
    assert pareto_k_hat(narrow) > 0.7
    assert pareto_k_hat(np.full(1000, -np.inf)) == np.inf


@pytest.mark.parametrize("shape", [3.0, 30.0, 300.0, 1e3, 1e4, 1e6])
@pytest.mark.parametrize("seed", range(3))
def test_weights_over_hundreds_of_powers_of_ten_are_refused_too(shape: float, seed: int) -> None:
    """Logarithms that are exponential have a Pareto tail of exactly this shape; most weights underflow here."""
    heavy = shape * np.random.default_rng(seed).exponential(size=4000)
    assert pareto_k_hat(heavy) > 0.5 * min(shape, 10.0)


def test_weights_that_are_nearly_equal_have_no_tail() -> None:
    nearly = 0.1 * np.random.default_rng(5).standard_normal(4000)
    assert pareto_k_hat(nearly) == -np.inf


def test_turns_keep_a_normal_distribution_whatever_the_angle() -> None:
    generator = np.random.default_rng(7)
    normal = Normal.like(generator.normal(size=(300, 4)) * [1.0, 2.0, 0.1, 1.0] + 1.0)
    points = normal.colour(generator.standard_normal((50_000, 4)))
    for angle in (0.1, 0.7, 1.0):
        turned = normal.colour(normal.turn(normal.whiten(points), angle, generator))
        assert turned.mean(axis=0) == pytest.approx(normal.centre, abs=0.05)
        assert np.cov(turned.T) == pytest.approx(normal.factor @ normal.factor.T, abs=0.06)


def test_r_hat_and_autocorrelation_time_see_a_bad_chain() -> None:
    generator = np.random.default_rng(8)
    good = generator.standard_normal((400, 10, 2))
    assert split_r_hat(good) == pytest.approx(1.0, abs=0.02)
    drift = good + np.linspace(0.0, 5.0, 400)[:, None, None]
    assert np.all(split_r_hat(drift) > 1.2)
    slow = np.cumsum(good, axis=0)
    assert np.all(autocorrelation_time(slow) > 10.0 * autocorrelation_time(good))


def test_joined_mixtures_have_the_mean_density() -> None:
    generator = np.random.default_rng(9)
    points = generator.normal(size=(500, 3))
    mixtures = [fit_mixture(points, 1, 5.0, generator), fit_mixture(points + 1.0, 4, 5.0, generator)]
    together = joined(mixtures, np.array([0.2, 0.8])).log_density(points)
    expected = 0.2 * np.exp(mixtures[0].log_density(points)) + 0.8 * np.exp(mixtures[1].log_density(points))
    assert np.exp(together) == pytest.approx(expected)


def test_weights_of_a_fit_stand_for_repeated_points() -> None:
    points = np.random.default_rng(10).normal(size=(300, 2))
    weights = np.where(points[:, 0] > 0.0, 3.0, 1.0)
    repeated = np.repeat(points, weights.astype(int), axis=0)
    one = fit_mixture(points, 1, 5.0, np.random.default_rng(1), weights / weights.mean())
    other = fit_mixture(repeated, 1, 5.0, np.random.default_rng(1))
    assert one.centres == pytest.approx(other.centres, abs=1e-6)
    assert one.factors == pytest.approx(other.factors, rel=0.02)


def test_a_proposal_recovers_from_points_that_are_far_from_the_posterior() -> None:
    generator = np.random.default_rng(11)
    n_dimensions, width = 12, 0.3

    def log_target(points: np.ndarray) -> np.ndarray:
        return -0.5 * np.sum(((points - 1.0) / width) ** 2, axis=1)

    start = 1.8 + 0.5 * generator.normal(size=(500, n_dimensions))

    def share(proposal: Proposal) -> float:
        draws = proposal.draw(4000, np.random.default_rng(12))
        return effective_sample(log_target(draws) - proposal.log_density(draws)) / len(draws)

    first, last = (
        improved(start, log_target, Improving((1, 4), 5.0, 0.03, rounds, 1500), generator) for rounds in (1, 8)
    )
    assert share(first) < 0.02
    assert share(last) > 0.2
