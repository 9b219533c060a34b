"""Do data sets agree under a hypothesis? The evidence ratio R and the suspiciousness S.

For data sets A and B with evidences Z_A, Z_B and, together, Z_AB,

    ln R = ln Z_AB - ln Z_A - ln Z_B,
    ln S = <ln L_AB>_AB - <ln L_A>_A - <ln L_B>_B    (means over the respective posteriors),
    d = d_A + d_B - d_AB,   d_X = 2 Var_X(ln L_X)    (Bayesian model dimensionality),

(Handley & Lemos 2019, Phys. Rev. D 100, 043504 and 023512). R depends on the width of the priors, S does not. Where
posteriors are Gaussian, d - 2 ln S is distributed as chi2 with d degrees of freedom, which gives the probability p of a
worse disagreement by chance. For more than two, the sums run over all of them, and a disagreement of any counts. All
that is needed are runs of one hypothesis on each and on all together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.support.arrays import Float64

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

    def moments(self) -> tuple[float, float, float]:
        """Return mean and variance of ln L over the posterior, and the Monte-Carlo variance of that mean.

        Raises
        ------
        UserError
            When a ln L that has weight is not finite.
        """
        weights = (
            np.ones(len(self.log_likelihood))
            if self.log_weights is None
            else np.exp(self.log_weights - np.max(self.log_weights))
        )
        log_likelihood, weights = self.log_likelihood[weights > 0.0], weights[weights > 0.0] / weights.sum()
        if not np.all(np.isfinite(log_likelihood)):
            raise UserError("a posterior sample with ln L that is not finite", valid="samples of a finished run")
        if np.ptp(log_likelihood) == 0.0:  # of fixed parameters: no rounding is to pass for a spread
            return float(log_likelihood[0]), 0.0, 0.0
        mean = float(weights @ log_likelihood)
        squares = (log_likelihood - mean) ** 2
        return mean, float(weights @ squares), float(weights**2 @ squares)


@dataclass(frozen=True)
class Tension:
    """How well data sets agree.

    Attributes
    ----------
    ln_r, ln_r_err
        Evidence ratio and its error.
    ln_s, ln_s_err
        Suspiciousness and its Monte-Carlo error, for independent samples; negative where the data sets disagree more
        than by chance.
    dimensionality
        Number of parameters that several of them constrain.
    probability
        Of a worse disagreement by chance; NaN where no parameter is constrained by several.
    """

    ln_r: float
    ln_r_err: float
    ln_s: float
    ln_s_err: float
    dimensionality: float
    probability: float


def tension(parts: Sequence[Fit], joint: Fit) -> Tension:
    """Return the tension between data sets from runs on each and on all together.

    Raises
    ------
    UserError
        When there are fewer than two, or a ln L is not finite where it has weight.
    """
    if len(parts) < 2:
        raise UserError(f"tension between {len(parts)} data sets", valid="at least two")
    moments = [fit.moments() for fit in (joint, *parts)]
    (mean, variance, _), *others = moments
    ln_s = mean - sum(one[0] for one in others)
    dimensionality = 2.0 * (sum(one[1] for one in others) - variance)
    probability = math.nan
    if dimensionality > 0:
        probability = float(stats.chi2.sf(max(dimensionality - 2.0 * ln_s, 0.0), dimensionality))
    return Tension(
        ln_r=joint.lnz - sum(fit.lnz for fit in parts),
        ln_r_err=math.sqrt(sum(fit.lnz_err**2 for fit in (joint, *parts))),
        ln_s=ln_s,
        ln_s_err=math.sqrt(sum(of_mean for _, _, of_mean in moments)),
        dimensionality=dimensionality,
        probability=probability,
    )
