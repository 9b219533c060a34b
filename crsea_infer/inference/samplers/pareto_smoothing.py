"""How far importance weights can be trusted: the Pareto k-hat.

The largest weights are fitted by a generalised Pareto distribution; its shape k says how heavy their tail is. Below 0.7
the mean weight (which is the evidence) converges at a useful rate, above it does not (Vehtari et al., Pareto smoothed
importance sampling, arXiv:1507.02646). The fit is that of Zhang and Stephens (2009, Technometrics 51, 316).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["generalised_pareto_shape", "pareto_k_hat"]

_NO_TAIL = 3.0
_LEAST = 1e-300
"""Parts of the largest weight: below, a number is nought or so near to it that its inverse overflows."""


def pareto_k_hat(log_weights: Float64) -> float:
    """Return k-hat of the tail of the weights.

    Infinite when fewer than 25 have any weight, or fewer than five any beside the largest of all. Minus infinity when
    none exceeds three times their mean: such weights have no tail, and the fit to their largest would say nothing
    about it.
    """
    n_samples = len(log_weights)
    n_tail = int(min(0.2 * n_samples, 3.0 * np.sqrt(n_samples)))
    ordered = np.sort(log_weights)
    if n_tail < 5 or not np.isfinite(ordered[-25:]).all():
        return float("inf")
    relative = np.exp(ordered - ordered[-1])
    if np.mean(relative) * _NO_TAIL > 1.0:
        return float("-inf")
    if relative[-5] < _LEAST:
        return float("inf")
    threshold = relative[-n_tail - 1]
    excess = relative[-n_tail:] - threshold
    excess = excess[excess > 0.0]
    return generalised_pareto_shape(excess) if len(excess) >= 5 else float("-inf")


def generalised_pareto_shape(excess: Float64) -> float:
    """Estimate the shape k of a generalised Pareto distribution from positive excesses [n] in increasing order.

    Infinite when a quarter of them are nought beside the largest: no finite shape reaches so far. Includes the weak
    prior on k of Vehtari et al., appendix C: ten observations of k = 0.5.
    """
    n = len(excess)
    m = 30 + int(np.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    if quartile < _LEAST * excess[-1]:
        return float("inf")
    trial = 1.0 / excess[-1] + (1.0 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3.0 * quartile)
    trial = trial[trial != 0.0]  # hit exactly where the quartile is the largest; one of the grid may be left out
    shape = np.mean(np.log1p(-trial[:, None] * excess), axis=1)
    log_likelihood = n * (np.log(-trial / shape) - shape - 1.0)
    weight = np.exp(log_likelihood - np.max(log_likelihood))
    best = float(np.sum(trial * weight) / np.sum(weight))
    k = float(np.mean(np.log1p(-best * excess)))
    return (n * k + 10.0 * 0.5) / (n + 10.0)
