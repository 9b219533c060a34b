"""The Savage-Dickey ratio where it is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from crsea_infer.analysis.savage_dickey import savage_dickey
from crsea_infer.hypotheses.distributions import normal, uniform
from crsea_infer.support.errors import UserError

PRIOR = uniform(0.0, 0.08)


def posterior(mean: float, width: float) -> object:
    """Gaussian likelihood times the uniform prior: a truncated normal."""
    return stats.truncnorm((0.0 - mean) / width, (0.08 - mean) / width, loc=mean, scale=width)


@pytest.mark.parametrize(("mean", "width"), [(0.0, 0.01), (0.02, 0.01), (0.03, 0.015), (-0.01, 0.02), (0.04, 0.1)])
def test_the_ratio_at_the_edge_of_the_prior_is_that_of_a_gaussian(mean: float, width: float) -> None:
    exact = posterior(mean, width)
    samples = exact.rvs(4000, random_state=np.random.default_rng(2))  # type: ignore[attr-defined]
    found = savage_dickey(samples, None, PRIOR, 0.0, rng=np.random.default_rng(3))
    expected = float(exact.logpdf(0.0)) - math.log(1 / 0.08)  # type: ignore[attr-defined]
    assert found.ln_b == pytest.approx(expected, abs=4 * found.ln_b_err + 0.02)
    assert found.ln_b_err < 0.35


def test_the_error_is_that_of_repeated_posteriors() -> None:
    exact = posterior(0.02, 0.012)
    expected = float(exact.logpdf(0.0)) - math.log(1 / 0.08)  # type: ignore[attr-defined]
    pulls = []
    for seed in range(40):
        samples = exact.rvs(1500, random_state=np.random.default_rng(seed))  # type: ignore[attr-defined]
        found = savage_dickey(samples, None, PRIOR, 0.0, rng=np.random.default_rng(100 + seed), n_bootstrap=30)
        pulls.append((found.ln_b - expected) / found.ln_b_err)
    assert abs(np.mean(pulls)) < 0.6
    assert 0.4 < np.std(pulls) < 1.6


def test_weights_count() -> None:
    """Prior draws with the likelihood as weight are the same posterior."""
    rng = np.random.default_rng(5)
    draws = rng.uniform(0.0, 0.08, 60_000)
    found = savage_dickey(draws, -0.5 * ((draws - 0.02) / 0.012) ** 2, PRIOR, 0.0, rng=rng, n_bootstrap=30)
    exact = posterior(0.02, 0.012)
    expected = float(exact.logpdf(0.0)) - math.log(1 / 0.08)  # type: ignore[attr-defined]
    assert found.ln_b == pytest.approx(expected, abs=4 * found.ln_b_err + 0.02)
    assert found.effective_samples < 60_000


def test_a_skewed_posterior_is_followed_beyond_the_gaussian() -> None:
    exact = stats.gamma(3.0, scale=0.008)
    samples = exact.rvs(6000, random_state=np.random.default_rng(8))
    samples = samples[samples < 0.08]
    found = savage_dickey(samples, None, PRIOR, 0.02, rng=np.random.default_rng(9))
    expected = float(exact.logpdf(0.02)) - math.log(float(exact.cdf(0.08))) - math.log(1 / 0.08)
    assert found.degree > 2
    assert found.ln_b == pytest.approx(expected, abs=4 * found.ln_b_err + 0.03)


def test_a_value_far_in_the_tail_says_so() -> None:
    exact = posterior(0.05, 0.006)
    samples = exact.rvs(3000, random_state=np.random.default_rng(1))  # type: ignore[attr-defined]
    far = savage_dickey(samples, None, PRIOR, 0.0, rng=np.random.default_rng(1))
    near = savage_dickey(samples, None, PRIOR, 0.05, rng=np.random.default_rng(1))
    assert far.share_near == 0.0
    assert near.share_near > 0.05
    assert far.ln_b_err > 5 * near.ln_b_err
    assert far.ln_b < -15


def test_what_has_no_ratio_is_refused() -> None:
    samples = np.random.default_rng(0).uniform(0.0, 0.08, 500)
    rng = np.random.default_rng(0)
    with pytest.raises(UserError, match=r"0\.09"):
        savage_dickey(samples, None, PRIOR, 0.09, rng=rng)
    with pytest.raises(UserError, match="finite bounds"):
        savage_dickey(samples, None, normal(0.0, 1.0), 0.0, rng=rng)
    with pytest.raises(UserError, match="effective samples"):
        savage_dickey(samples[:50], None, PRIOR, 0.0, rng=rng)
