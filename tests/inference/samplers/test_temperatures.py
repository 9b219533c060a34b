"""Steps from prior to posterior, and the evidence of the whole way, where both are known."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.inference.samplers.proposals import effective_sample
from crsea_infer.inference.samplers.temperatures import evidence_of_all, next_temperature, resampled

WIDTH = 0.1
BETAS = np.array([0.0, 0.003, 0.02, 0.1, 0.4, 1.0])
N_DIMENSIONS = 3
TRUTH = -0.5 * N_DIMENSIONS * np.log1p(WIDTH**-2)


def drawn(n: int, seed: int) -> np.ndarray:
    """Return ln L [t, n] of draws from a standard normal prior times powers of a normal likelihood."""
    normal = np.random.default_rng(seed).standard_normal((len(BETAS), n, N_DIMENSIONS))
    points = normal / np.sqrt(1.0 + BETAS / WIDTH**2)[:, None, None]
    return -0.5 * np.sum(points**2, axis=-1) / WIDTH**2


def test_the_next_temperature_leaves_the_share_effective() -> None:
    values = drawn(2000, 1)[0]
    beta = next_temperature(values, 0.0, 0.5)
    assert effective_sample(beta * values) == pytest.approx(1000.0, rel=1e-6)
    assert next_temperature(values, beta, 0.5) > beta


def test_it_goes_to_the_posterior_where_it_can() -> None:
    assert next_temperature(np.linspace(0.0, 0.1, 50), 0.3, 0.5) == 1.0
    assert next_temperature(np.zeros(50), 0.0, 0.5) == 1.0


def test_one_particle_far_above_all_others_does_not_stop_it() -> None:
    assert 0.0 < next_temperature(np.append(np.zeros(50), 1e9), 0.0, 0.9) < 1e-6


def test_particles_are_copied_as_often_as_their_weights_say() -> None:
    weights = np.array([0.1, 0.2, 0.7])
    log_weights = np.log(np.repeat(weights, 100)) + 500.0
    counts = np.bincount(resampled(log_weights, np.random.default_rng(1)), minlength=300)
    expected = np.repeat(weights, 100) / weights.sum() / 100.0 * 300.0
    assert np.all(np.abs(counts - expected) < 1.0)


def test_evidence_is_known_within_its_error_and_the_error_is_that_of_repetitions() -> None:
    found = np.array([evidence_of_all(drawn(300, seed), BETAS) for seed in range(60)])
    lnz, errors = found.T
    assert np.mean(lnz) == pytest.approx(TRUTH, abs=4.0 * np.mean(errors) / np.sqrt(60.0))
    assert np.std(lnz) == pytest.approx(np.mean(errors), rel=0.35)
    product = sum(
        np.log(np.mean(np.exp(rise * values))) for rise, values in zip(np.diff(BETAS), drawn(300, 0)[:-1], strict=True)
    )
    assert abs(product - TRUTH) < 6.0 * errors[0]


def test_many_particles_give_what_few_begin() -> None:
    lnz, error = evidence_of_all(drawn(4000, 3), BETAS)
    assert lnz == pytest.approx(TRUTH, abs=4.0 * error)
    assert error < 0.05


def test_a_prior_that_is_the_posterior_has_no_error() -> None:
    assert evidence_of_all(np.zeros((1, 10)), np.zeros(1)) == (0.0, 0.0)
    lnz, error = evidence_of_all(np.full((2, 10), -3.0), np.array([0.0, 1.0]))
    assert lnz == pytest.approx(-3.0)
    assert error == pytest.approx(0.0, abs=1e-6)
