"""Whether a Markov chain has converged, in numbers.

Autocorrelation time after Goodman and Weare (2010) as emcee computes it; split R-hat after Gelman et al., Bayesian Data
Analysis, 3rd edition, equation 11.4, with every walker cut into two halves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["autocorrelation_time", "split_r_hat"]


def autocorrelation_time(points: Float64) -> Float64:
    """Return the integrated autocorrelation time [d], in draws, of chains [draw, walker, d]."""
    from emcee.autocorr import integrated_time

    return np.asarray(integrated_time(points, tol=0, quiet=True))


def split_r_hat(points: Float64) -> Float64:
    """Return split R-hat [d] of chains [draw, walker, d] with at least four draws."""
    half = len(points) // 2
    halves = np.concatenate([points[:half], points[-half:]], axis=1)
    within = np.mean(np.var(halves, axis=0, ddof=1), axis=0)
    between = np.var(np.mean(halves, axis=0), axis=0, ddof=1)
    return np.asarray(np.sqrt((half - 1) / half + between / within))
