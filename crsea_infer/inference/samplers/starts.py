"""The live points with which nested sampling begins, also where a plateau covers most of the prior.

A likelihood may have its smallest value over a large part of the prior: a model that is switched off, a floor at which
ln L is cut. Live points there have nowhere to go but up, and hardly any of them shows the way; when all of them lie on
the plateau there is no way at all. So the prior is drawn from until enough points lie above. What was drawn on the
plateau is not lost: it dies first, one point after the other without replacement (Fowlie, Handley and Su 2020,
arXiv:2010.13884), and so tells how much of the prior the plateau has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.samplers.sampler import Counted, draw_from_prior, to_unit

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["LiveStart", "live_start"]

_MOST_BATCHES = 100


@dataclass(frozen=True)
class LiveStart:
    """Live points, and the points of a plateau at the bottom that are dead already.

    Attributes
    ----------
    probit, log_likelihood
        The n live points [n, d] in probit coordinates, and their ln L [n].
    log_share
        Logarithm of the share of the prior with finite likelihood.
    dead_probit, dead_log_likelihood, dead_live
        Points that died before sampling begins [m, d], in order of ln L [m], and the live points just before each of
        these deaths [m]; there are none where no plateau holds more than half of the prior.
    """

    probit: Float64
    log_likelihood: Float64
    log_share: float
    dead_probit: Float64
    dead_log_likelihood: Float64
    dead_live: Float64

    @property
    def is_flat(self) -> bool:
        """Whether all live points have the same ln L, so that there is nothing to sample."""
        return bool(np.ptp(self.log_likelihood) == 0.0)

    def completed(self, log_likelihood: Float64, unit: Float64, live: Float64) -> dict[str, Float64]:
        """Return all deaths of a run, given those [n] since its beginning, as sub-runs keep them."""
        # The likelihood of compiled code may differ in the last digits from the one by which the dead were drawn.
        before = np.minimum(self.dead_log_likelihood, log_likelihood[0])
        return {
            "log_likelihood": np.concatenate([before, log_likelihood]),
            "unit": np.concatenate([to_unit(self.dead_probit), unit]),
            "live": np.concatenate([self.dead_live, live]).astype(np.int64),
            "log_volume_start": np.asarray(self.log_share),
        }

    def completed_at_once(self) -> dict[str, Float64]:
        """Return all deaths where there is nothing to sample: the live points die as they are."""
        n_live = len(self.log_likelihood)
        return self.completed(self.log_likelihood, to_unit(self.probit), np.arange(n_live, 0.0, -1.0))


def live_start(counted: Counted, n_live: int, generator: np.random.Generator) -> LiveStart:
    """Draw `n_live` live points from the prior, half of them or more above any plateau at the bottom if there is a way.

    Raises
    ------
    UserError
        When hardly any point of the prior has a finite likelihood.
    """
    probit, values, share = draw_from_prior(counted, n_live, generator)
    log_share, floor = float(np.log(share)), float(np.min(values))
    n_floor = int(np.sum(values == floor))
    if 2 * n_floor <= n_live or n_floor == 1:
        return LiveStart(probit, values, log_share, probit[:0], values[:0], values[:0])
    points, found = [probit], [values]
    n_above = n_live - n_floor
    for _ in range(_MOST_BATCHES):
        batch = generator.standard_normal((n_live, probit.shape[1]))
        drawn = counted.from_probit(batch)
        finite = np.isfinite(drawn)
        points.append(batch[finite])
        found.append(drawn[finite])
        n_above += int(np.sum(drawn > floor))
        if n_above >= n_live:
            break
    probit, values = np.concatenate(points), np.concatenate(found)
    above = values > floor
    # Where there are too few above, points of the plateau stay among the live ones.
    chosen = np.concatenate([np.flatnonzero(above), np.flatnonzero(~above)])[:n_live]
    left = np.ones(len(values), dtype=bool)
    left[chosen] = False
    dead = np.flatnonzero(left & ~above)
    dead = dead[np.argsort(values[dead], kind="stable")]
    dead_live = len(values) - np.arange(float(len(dead)))
    return LiveStart(probit[chosen], values[chosen], log_share, probit[dead], values[dead], dead_live)
