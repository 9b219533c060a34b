"""Evidence from weighted draws, and when it is not to be trusted.

Draws from a proposal, weighted with prior times likelihood over proposal, have the evidence as their mean weight. The
estimate is refused when the effective sample is small, when the tail of the weights is too heavy (Pareto k-hat), or
when independent repetitions disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.inference.samplers.pareto_smoothing import pareto_k_hat
from crsea_infer.inference.samplers.proposals import effective_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.support.arrays import Float64

__all__ = ["LARGEST_K_HAT", "Estimate", "refusals"]

LARGEST_K_HAT: Final = 0.7
"""Pareto k-hat from which on the mean weight converges too slowly."""

_AGREEMENT_SIGMA = 3.0


@dataclass(frozen=True)
class Estimate:
    """An estimate of ln Z from weighted draws, with what tells how good it is.

    Attributes
    ----------
    lnz, lnz_err
        ln Z and its error from the spread of the weights.
    effective
        Effective sample.
    k_hat
        Shape of the tail of the weights.
    """

    lnz: float
    lnz_err: float
    effective: float
    k_hat: float

    @classmethod
    def of(cls, log_weights: Float64) -> Estimate:
        """Return that of weights [n]."""
        n = len(log_weights)
        largest = float(np.max(log_weights))
        if not np.isfinite(largest):
            return cls(-np.inf, np.inf, 0.0, np.inf)
        weights = np.exp(log_weights - largest)
        effective = effective_sample(log_weights)
        lnz = largest + float(np.log(np.mean(weights)))
        return cls(lnz, float(np.sqrt(max(1.0 / effective - 1.0 / n, 0.0))), effective, pareto_k_hat(log_weights))


def refusals(estimates: Sequence[Estimate], least_effective: float) -> list[str]:
    """Say why independent repetitions of an estimate are not to be trusted; nothing when they are."""
    found = []
    least = min(estimate.effective for estimate in estimates)
    if least < least_effective:
        found.append(f"the effective sample is {least:.0f}, below {least_effective:g}")
    k_hat = max(estimate.k_hat for estimate in estimates)
    if not k_hat < LARGEST_K_HAT:
        found.append(f"the weights have too heavy a tail (Pareto k-hat {k_hat:.2f}, limit {LARGEST_K_HAT})")
    for first, other in combinations(estimates, 2):
        error = float(np.hypot(first.lnz_err, other.lnz_err))
        if not abs(first.lnz - other.lnz) <= _AGREEMENT_SIGMA * error:
            found.append(f"two repetitions differ by {abs(first.lnz - other.lnz):.3f} +- {error:.3f} in ln Z")
    return found
