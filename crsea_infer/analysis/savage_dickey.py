"""The Savage-Dickey ratio: a Bayes factor between nested hypotheses, from one posterior.

When hypothesis 0 is hypothesis 1 with one parameter fixed at a value, and the priors of the others agree,

    ln B_01 = ln Z_0 - ln Z_1 = ln p_1(value | data) - ln p_1(value)

(Dickey 1971, Ann. Math. Stat. 42, 204). Base is gamma-optimized-free at delta_slope = 0, which is the lower bound of
its prior: there a kernel density estimate is biased by the edge. The marginal posterior is fitted instead, by maximum
likelihood, with the exponential of a polynomial on the prior's range, which has no kernel and no edge,

    p(x | data) = exp(sum_k c_k P_k(t)) / norm,    t in [-1, 1] over the range of the samples and the value,

P_k Legendre polynomials of degree 1 to 6, the degree chosen by the Bayesian information criterion. A Gaussian
likelihood with a uniform prior is of degree 2 exactly. The error is that of a bootstrap over the samples, joined with
the spread between the chosen degree and its neighbours, which tells when the value lies so far in the tail that the fit
extrapolates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.hypotheses.distributions import Distribution
    from crsea_infer.support.arrays import Float64

__all__ = ["SavageDickey", "savage_dickey"]

_DEGREES: Final = (1, 2, 3, 4, 5, 6)
_GRID: Final = 801


@dataclass(frozen=True)
class SavageDickey:
    """A Savage-Dickey ratio.

    Attributes
    ----------
    ln_b, ln_b_err
        Natural log of the evidence of the nested hypothesis over that of the wider one, and its error.
    log_posterior_density, log_prior_density
        At the value.
    degree
        Of the polynomial that was used.
    effective_samples
        Of the posterior.
    share_near
        Share of the posterior within a tenth of its own 98 % width of the value: when it is 0, the density at the value
        is an extrapolation, and only as good as the shape of the fit.
    """

    ln_b: float
    ln_b_err: float
    log_posterior_density: float
    log_prior_density: float
    degree: int
    effective_samples: float
    share_near: float


def savage_dickey(
    samples: Float64,
    log_weights: Float64 | None,
    prior: Distribution,
    value: float,
    *,
    rng: np.random.Generator,
    n_bootstrap: int = 50,
) -> SavageDickey:
    """Return ln B of the hypothesis with the parameter fixed at `value`, over the one that was sampled.

    Parameters
    ----------
    samples
        Values of the parameter in the posterior [n].
    log_weights
        Their natural-log weights [n]; None when they have equal ones.
    prior
        Of the parameter, with finite bounds.
    value
        Where the nested hypothesis has it.
    rng, n_bootstrap
        For the error.

    Raises
    ------
    UserError
        When the prior does not contain the value or has no finite bounds, or there are too few samples.
    """
    log_prior = float(prior.log_pdf(np.asarray(value)))
    if not (np.isfinite(log_prior) and np.isfinite(prior.lower) and np.isfinite(prior.upper)):
        raise UserError(
            f"the value {value:g} for a Savage-Dickey ratio, with the prior {prior.describe()}",
            valid="a value within a prior that has finite bounds",
        )
    weights = np.ones(len(samples)) if log_weights is None else np.exp(log_weights - np.max(log_weights))
    weights = weights / weights.sum()
    effective = 1.0 / float(np.sum(weights**2))
    if effective < 100:
        raise UserError(
            f"a posterior of {effective:.0f} effective samples for a Savage-Dickey ratio", valid="at least 100"
        )
    fits = {degree: _fit(samples, weights, prior, value, degree) for degree in _DEGREES}
    # information criterion of the effective number of samples, not of the number of rows
    score = {degree: -2.0 * effective * mean_log + degree * np.log(effective) for degree, (_, mean_log) in fits.items()}
    best = min(score, key=lambda degree: score[degree])
    log_density = fits[best][0]
    neighbours = [
        fits[degree][0] for degree in (best - 1, best + 1) if degree in fits and score[degree] < score[best] + 10.0
    ]
    spread = max((abs(log_density - other) for other in neighbours), default=0.0)
    resampled = [
        _fit(samples, rng.multinomial(round(effective), weights).astype(float), prior, value, best)[0]
        for _ in range(n_bootstrap)
    ]
    error = float(np.hypot(np.std(resampled), spread))
    return SavageDickey(
        ln_b=log_density - log_prior,
        ln_b_err=error,
        log_posterior_density=log_density,
        log_prior_density=log_prior,
        degree=best,
        effective_samples=effective,
        share_near=_share_near(samples, weights, value),
    )


def _fit(samples: Float64, weights: Float64, prior: Distribution, value: float, degree: int) -> tuple[float, float]:
    """Return the fitted ln p at `value`, and the weighted mean of ln p over the samples.

    Newton's method on a convex function: the log-normalisation of an exponential family less the linear term.
    """
    weights = weights / weights.sum()
    order = np.argsort(samples)
    cumulative = np.cumsum(weights[order])
    core_low, core_high = (float(samples[order][np.searchsorted(cumulative, share)]) for share in (1e-4, 1.0 - 1e-4))
    reach = core_high - core_low
    low = max(prior.lower, min(core_low - reach, value - 0.1 * reach))
    high = min(prior.upper, max(core_high + reach, value + 0.1 * reach))
    grid: Float64 = np.linspace(low, high, _GRID)
    step: Float64 = np.full(_GRID, (high - low) / (_GRID - 1))
    step[[0, -1]] *= 0.5
    basis = _legendre(grid, low, high, degree)
    mean = weights @ _legendre(np.clip(samples, low, high), low, high, degree)
    coefficients = np.zeros(degree)

    def normalised(at: Float64) -> tuple[float, Float64]:
        exponent = basis @ at
        peak = float(exponent.max())
        density: Float64 = np.exp(exponent - peak) * step
        total = float(density.sum())
        return peak + np.log(total), density / total

    trial, trial_norm, trial_probability = coefficients, *normalised(coefficients)
    log_norm, probability = trial_norm, trial_probability
    for _ in range(100):
        expected = probability @ basis
        centred = basis - expected
        hessian = (centred * probability[:, None]).T @ centred + 1e-12 * np.eye(degree)
        move = np.linalg.solve(hessian, mean - expected)
        decrement = float(move @ (mean - expected))
        if decrement < 1e-12:
            break
        size = 1.0
        while size > 1e-6:
            trial = np.asarray(coefficients + size * move, dtype=np.float64)
            trial_norm, trial_probability = normalised(trial)
            if trial_norm - mean @ trial <= log_norm - mean @ coefficients - 0.1 * size * decrement:
                break
            size *= 0.5
        coefficients, log_norm, probability = trial, trial_norm, trial_probability
    at_value = _legendre(np.array([value]), low, high, degree)[0]
    return float(at_value @ coefficients - log_norm), float(mean @ coefficients - log_norm)


def _legendre(x: Float64, low: float, high: float, degree: int) -> Float64:
    """Return Legendre polynomials of degree 1 to `degree` [n, degree] of x [n] scaled to [-1, 1]."""
    t = 2.0 * (x - low) / (high - low) - 1.0
    values = np.polynomial.legendre.legvander(t, degree)[:, 1:]
    return np.asarray(values, dtype=np.float64)


def _share_near(samples: Float64, weights: Float64, value: float) -> float:
    """Return the share of the posterior within a tenth of its own 98 % width of the value."""
    order = np.argsort(samples)
    cumulative = np.cumsum(weights[order])
    low, high = (float(samples[order][np.searchsorted(cumulative, share)]) for share in (0.01, 0.99))
    return float(weights[np.abs(samples - value) < 0.1 * (high - low)].sum())
