"""Runs of residuals of one sign: a statistic of shape, for data that have an order.

chi2 does not see the order of the residuals. A spectrum that bends where its model does not leaves neighbours on the
same side, which is improbable long before any single point is. The statistic is that of Beaujean and Caldwell (2011, J.
Stat. Plan. Inference 141, 3437, arXiv:1005.3233), here for runs on either side,

    T = largest, over runs of neighbours whose pulls have one sign, of the sum of their squared pulls,

which counts like the runs test of Wald and Wolfowitz how long a run is, and unlike it how far off its points are: with
the eight points of a spectrum, the number of runs alone has no power.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["heaviest_run"]


def heaviest_run(pulls: Float64) -> Float64:
    """Return T [...] of pulls [..., n] in their order; 0 where there are none."""
    heaviest = weight = np.zeros(pulls.shape[:-1])
    above = np.zeros(pulls.shape[:-1], dtype=bool)
    for column in range(pulls.shape[-1]):
        pull = pulls[..., column]
        goes_on = (pull > 0.0) == above
        above = pull > 0.0
        weight = np.where(goes_on, weight, 0.0) + pull**2
        heaviest = np.maximum(heaviest, weight)
    return heaviest
