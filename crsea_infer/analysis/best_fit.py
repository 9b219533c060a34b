"""Where a hypothesis fits best, and how well.

With more parameters than data points, the largest likelihood alone says little: parameters would run to the edges of
their priors. *Best fit* here means the point of highest posterior density in probit coordinates, that is the minimum of

    -2 ln L(theta) + |z(theta)|^2,

where each prior counts like a measurement of its parameter. chi2 is compared with the number of data points: every
parameter brings its own constraint with it, so neither the published values (nothing fitted) nor the best fit lose
degrees of freedom. The systematic nuisances stand at their best values in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.hypotheses.variants import VARIANT
from crsea_infer.inference.samplers.sampler import Counted, to_probit, to_unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.support.arrays import Float64

__all__ = ["BestFit", "best_of_variants", "find_best_fit"]

_STEP = 1e-4
_OUTSIDE = 1e10  # of -2 ln L where the model does not hold: a wall that the line search backs away from


@dataclass(frozen=True)
class BestFit:
    """The best fit of a hypothesis and chi2 there and at the published values.

    Attributes
    ----------
    parameters
        Best-fit values [n], in the order of the posterior's names.
    log_likelihood
        ln L there.
    prior_pull
        |z|^2 there: how far the parameters left the middle of their priors, as chi2 of n constraints.
    chi2
        Per data set, at the best fit, nuisances at their best.
    chi2_published
        Per data set, at the published values, nuisances at their best.
    n_data
        Points per data set.
    """

    parameters: Float64
    log_likelihood: float
    prior_pull: float
    chi2: Mapping[str, float]
    chi2_published: Mapping[str, float]
    n_data: Mapping[str, int]


def find_best_fit(posterior: Posterior, start: Float64) -> BestFit:
    """Minimise from a point of the unit cube [n], best that of the best posterior sample; its variant is kept."""
    from scipy.optimize import minimize

    counted = Counted(posterior)
    free = np.array([name != VARIANT for name in posterior.names], dtype=float)
    n = len(posterior.names)
    steps = _STEP * np.diag(free)
    shifts = np.concatenate([np.zeros((1, n)), steps, -steps])

    def value_and_slope(probit: Float64) -> tuple[float, Float64]:
        points = probit + shifts
        log_likelihood = counted.from_probit(points)
        pulls = np.sum((points * free) ** 2, axis=1)
        values = np.where(np.isfinite(log_likelihood), -2.0 * log_likelihood, _OUTSIDE) + pulls
        return float(values[0]), (values[1 : n + 1] - values[n + 1 :]) / (2.0 * _STEP)

    probit = to_probit(start)
    for _ in range(2 if n else 0):  # a second start forgets the curvature of the first
        found = minimize(value_and_slope, probit, jac=True, method="L-BFGS-B", options={"maxiter": 500})
        probit = np.asarray(found.x)
    theta = np.asarray(posterior.prior_transform(to_unit(probit)))
    published = posterior.fiducial
    return BestFit(
        parameters=theta,
        log_likelihood=float(posterior.log_likelihood(theta)),
        prior_pull=float(np.sum((probit * free) ** 2)),
        chi2={name: float(value) for name, value in posterior.chi2_profiled(theta).items()},
        chi2_published={name: float(value) for name, value in posterior.chi2_profiled(published).items()},
        n_data={likelihood.name: likelihood.n_data for likelihood in posterior.likelihoods},
    )


def best_of_variants(posterior: Posterior, result: SamplerResult) -> BestFit:
    """Return the best fit, found from the best of a sampler's samples; with variants, the best of their best fits."""
    if VARIANT not in posterior.names:
        return find_best_fit(posterior, result.unit_samples[np.argmax(result.log_likelihood)])
    numbers = result.samples[:, posterior.names.index(VARIANT)]
    found = []
    for number, variant in enumerate(posterior.hypothesis.variants, start=1):
        own = np.flatnonzero(numbers == number)
        best = own[int(np.argmax(result.log_likelihood[own]))]
        fit = find_best_fit(posterior, result.unit_samples[best])
        found.append((fit.prior_pull - 2.0 * (fit.log_likelihood + float(np.log(variant.weight))), fit))
    return min(found, key=lambda one: one[0])[1]
