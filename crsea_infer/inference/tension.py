"""Do two data sets agree under a hypothesis? The evidence ratio R and the suspiciousness S.

For data sets A and B with evidences Z_A, Z_B and, together, Z_AB,

    ln R = ln Z_AB - ln Z_A - ln Z_B,
    ln S = <ln L_AB>_AB - <ln L_A>_A - <ln L_B>_B    (means over the respective posteriors),
    d = d_A + d_B - d_AB,   d_X = 2 Var_X(ln L_X)    (Bayesian model dimensionality),

(Handley & Lemos 2019, Phys. Rev. D 100, 043504 and 023512). R depends on the width of the priors, S does not. Where
posteriors are Gaussian, d - 2 ln S is distributed as chi2 with d degrees of freedom, which gives the probability p of a
worse disagreement by chance. All that is needed are runs of one hypothesis on A, on B and on both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from crsea_infer.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.arrays import Float64

__all__ = ["Fit", "Tension", "tension"]


@dataclass(frozen=True)
class Fit:
    """What a run of one hypothesis on some data gave.

    Attributes
    ----------
    lnz, lnz_err
        Natural-log evidence and its error.
    log_likelihood
        ln L of the posterior samples [n], of these data.
    log_weights
        Natural-log weights of the samples [n]; None when they are equal.
    """

    lnz: float
    lnz_err: float
    log_likelihood: Float64
    log_weights: Float64 | None = None

    def moments(self) -> tuple[float, float]:
        """Return mean and variance of ln L over the posterior."""
        weights = (
            np.ones(len(self.log_likelihood))
            if self.log_weights is None
            else np.exp(self.log_weights - np.max(self.log_weights))
        )
        weights = weights / weights.sum()
        mean = float(weights @ self.log_likelihood)
        return mean, float(weights @ (self.log_likelihood - mean) ** 2)


@dataclass(frozen=True)
class Tension:
    """How well two data sets agree.

    Attributes
    ----------
    ln_r, ln_r_err
        Evidence ratio and its error.
    ln_s
        Suspiciousness; negative where the data sets disagree more than by chance.
    dimensionality
        Number of parameters that both constrain.
    probability
        Of a worse disagreement by chance; NaN where no parameter is constrained by both.
    """

    ln_r: float
    ln_r_err: float
    ln_s: float
    dimensionality: float
    probability: float


def tension(first: Fit, second: Fit, joint: Fit) -> Tension:
    """Return the tension between two data sets from runs on each and on both.

    Raises
    ------
    UserError
        When a ln L is not finite.
    """
    fits = (first, second, joint)
    if not all(np.all(np.isfinite(fit.log_likelihood)) for fit in fits):
        raise UserError("a posterior sample with ln L that is not finite", valid="samples of a finished run")
    (mean_1, variance_1), (mean_2, variance_2), (mean_12, variance_12) = (fit.moments() for fit in fits)
    ln_s = mean_12 - mean_1 - mean_2
    dimensionality = 2.0 * (variance_1 + variance_2 - variance_12)
    probability = float("nan")
    if dimensionality > 0:
        probability = float(stats.chi2.sf(max(dimensionality - 2.0 * ln_s, 0.0), dimensionality))
    return Tension(
        ln_r=joint.lnz - first.lnz - second.lnz,
        ln_r_err=float(np.sqrt(sum(fit.lnz_err**2 for fit in fits))),
        ln_s=ln_s,
        dimensionality=dimensionality,
        probability=probability,
    )
