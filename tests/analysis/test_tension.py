"""Tension between two data sets of a linear Gaussian model, where everything is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from crsea_infer.analysis.tension import Fit, tension
from crsea_infer.support.errors import UserError

WIDTH = 10.0  # of the normal prior of the one parameter


def fit(data: list[float]) -> Fit:
    """One parameter mu with prior N(0, WIDTH), data y ~ N(mu, 1): evidence and posterior in closed form."""
    y = np.array(data)
    variance = 1.0 / (1.0 / WIDTH**2 + len(y))
    mean = variance * y.sum()
    covariance = np.eye(len(y)) + WIDTH**2
    lnz = float(stats.multivariate_normal(np.zeros(len(y)), covariance).logpdf(y))
    samples = np.random.default_rng(len(y)).normal(mean, math.sqrt(variance), 100_000)
    log_likelihood = stats.norm.logpdf(y[:, None], samples, 1.0).sum(axis=0)
    return Fit(lnz, 0.02, log_likelihood)


def both(first: float, second: float) -> tuple[list[Fit], Fit]:
    return [fit([first]), fit([second])], fit([first, second])


@pytest.mark.parametrize("distance", [0.0, 1.0, 4.0])
def test_the_suspiciousness_of_two_gaussians_is_that_of_the_formula(distance: float) -> None:
    found = tension(*both(0.0, distance))
    assert found.dimensionality == pytest.approx(1.0, abs=0.05)
    # chi2 of the distance between the two posteriors, each of width 1
    expected = float(stats.chi2.sf(distance**2 / 2, 1))
    assert found.probability == pytest.approx(expected, abs=0.03)
    assert found.ln_s == pytest.approx(0.5 * (1 - distance**2 / 2), abs=0.05)
    assert found.ln_r_err == pytest.approx(0.02 * math.sqrt(3))


def test_agreement_raises_the_evidence_ratio_and_disagreement_lowers_it() -> None:
    assert tension(*both(0.0, 0.0)).ln_r > 1.0
    assert tension(*both(0.0, 6.0)).ln_r < -5.0


def test_three_data_sets_have_two_distances() -> None:
    """Of three normals with one mean, the chi2 of their scatter has two degrees of freedom."""
    values = [-1.0, 0.5, 2.0]
    found = tension([fit([value]) for value in values], fit(values))
    assert found.dimensionality == pytest.approx(2.0, abs=0.1)
    chi2 = float(np.var(values) * len(values))
    assert found.probability == pytest.approx(float(stats.chi2.sf(chi2, 2)), abs=0.04)


def test_weights_count() -> None:
    parts, joint = both(0.0, 2.0)
    doubled = Fit(
        joint.lnz,
        joint.lnz_err,
        np.repeat(joint.log_likelihood, 2),
        np.tile([0.0, -math.inf], len(joint.log_likelihood)),
    )
    assert tension(parts, doubled).ln_s == pytest.approx(tension(parts, joint).ln_s)
    assert tension(parts, doubled).ln_s_err == pytest.approx(tension(parts, joint).ln_s_err)


@pytest.mark.slow
def test_the_error_of_the_suspiciousness_is_that_of_repeated_posteriors() -> None:
    spread = np.random.default_rng(1)
    few = [Fit(0.0, 0.0, spread.choice(fit([0.0]).log_likelihood, 200)) for _ in range(300)]
    known = fit([0.0])
    values = [tension([one, known], known) for one in few]
    assert np.std([one.ln_s for one in values]) == pytest.approx(np.mean([one.ln_s_err for one in values]), rel=0.15)


def test_what_has_no_tension_is_refused() -> None:
    parts, joint = both(0.0, 2.0)
    broken = Fit(0.0, 0.0, np.array([0.0, -np.inf]))
    with pytest.raises(UserError, match="not finite"):
        tension([parts[0], broken], joint)
    with pytest.raises(UserError, match="at least two"):
        tension(parts[:1], joint)
