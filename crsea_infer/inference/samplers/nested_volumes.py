"""From dead points to evidence: the volumes of nested sampling.

A nested sampling run is a list of dead points in order of likelihood with the number of live points at each death
(Skilling 2006, Bayesian Analysis 1, 833). At a death among n live points the remaining prior volume shrinks by a factor
t distributed as the largest of n uniform numbers, so ln t = -E/n with E exponential: mean -1/n. This holds as well
when the live points at the end are used up one by one. Runs merge by sorting their deaths and adding their live points.

Where the likelihood is constant over a region, a plateau, several live points have the same ln L. They die one after
the other, and what replaces them lies above the plateau and is not live before the last of them has died (Fowlie,
Handley and Su 2020, arXiv:2010.13884): over the plateau the number of live points falls, and the volume shrinks by the
share of them that lay on it. To count replacements there as live makes the volume shrink too little, and ln Z too high.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.support.arrays import Float64

__all__ = ["Deaths", "insertion_ranks", "integrate", "live_counts", "merge", "simulate_error", "uniform_p_value"]


@dataclass(frozen=True)
class Deaths:
    """Dead points in order of likelihood.

    Attributes
    ----------
    log_likelihood
        [n], not decreasing.
    live
        Live points just before each death [n].
    log_volume_start
        Logarithm of the fraction of the prior in which the run started (0: all of it).
    """

    log_likelihood: Float64
    live: Float64
    log_volume_start: float = 0.0


def live_counts(born: Float64, log_likelihood: Float64) -> Float64:
    """Return how many points are live just before each death [n].

    Parameters
    ----------
    born
        The ln L above which each point was drawn [n], -inf for the whole prior; below its own ln L.
    log_likelihood
        Of the points, in order [n].
    """
    return np.searchsorted(np.sort(born), log_likelihood, side="left") - np.arange(float(len(born)))


def merge(runs: Sequence[Deaths]) -> tuple[Deaths, Any]:
    """Merge runs on the same problem.

    Returns
    -------
    merged, order
        The merged run, and the order [n] that sorts the concatenated points of the runs.
    """
    together = np.concatenate([run.log_likelihood for run in runs])
    order = np.argsort(together, kind="stable")
    live = np.zeros(len(together), dtype=np.float64)
    owner = np.repeat(np.arange(len(runs)), [len(run.log_likelihood) for run in runs])[order]
    for index, run in enumerate(runs):
        # At the death of a point, this run has as many live points as just before its own next death, ...
        padded = np.append(np.asarray(run.live, dtype=np.float64), 0.0)
        following = np.cumsum(owner == index) - (owner == index)
        own = padded[following]
        # ... unless points of its own have died on the same plateau: what replaces those is not live there.
        dead = np.append(run.log_likelihood, np.inf)
        left = (following > 0) & (dead[following - 1] == together[order]) & (dead[following] > together[order])
        own[left] = padded[following[left] - 1] - 1.0
        live += own
    start = float(np.log(np.mean(np.exp([run.log_volume_start for run in runs]))))
    return Deaths(together[order], live, start), order


def integrate(run: Deaths) -> tuple[float, Float64]:
    """Return ln Z and the logarithms of the posterior weights [n], with the mean shrinkage at every death."""
    log_volume = run.log_volume_start - np.cumsum(1.0 / run.live)
    log_weights = _log_weights(run, log_volume)
    return float(np.logaddexp.reduce(log_weights)), log_weights


def simulate_error(run: Deaths, generator: np.random.Generator, n_simulations: int = 200) -> float:
    """Return the standard deviation of ln Z over simulated shrinkages."""
    values = np.empty(n_simulations)
    for index in range(n_simulations):
        log_volume = run.log_volume_start - np.cumsum(generator.exponential(size=len(run.live)) / run.live)
        values[index] = np.logaddexp.reduce(_log_weights(run, log_volume))
    return float(np.std(values, ddof=1))


def _log_weights(run: Deaths, log_volume: Float64) -> Float64:
    """Trapezoidal rule: each interval of volume takes the mean likelihood of its two ends."""
    before = np.concatenate([[run.log_volume_start], log_volume[:-1]])
    log_width = before + np.log(-np.expm1(log_volume - before))
    earlier = np.concatenate([[-np.inf], run.log_likelihood[:-1]])
    return np.asarray(log_width + np.logaddexp(run.log_likelihood, earlier) - np.log(2.0))


def insertion_ranks(log_likelihood: Float64, slot: Any, n_live: int, seed: np.random.SeedSequence) -> Float64:
    """Return where each new live point came among the others, as fractions [m] between 0 and 1.

    Ranks are whole numbers; spread evenly within their steps, they are uniform when the walks are good. A point on a
    plateau has any of the ranks of those with the same ln L; points as low as the one that died, where that was on a
    plateau, do not count.

    Parameters
    ----------
    log_likelihood, slot
        Of the dead points of one run of constant size [n]: a point that dies leaves its slot to the new one.
    n_live
        Size of the run.
    seed
        Of the choice among ranks on a plateau; another one for every run, whose ranks are independent of each other's.
    """
    generator = np.random.default_rng(0)
    among_equals = np.random.default_rng(seed)
    n_births = len(slot) - n_live
    # The next dead point of the same slot is the one that was born at this death.
    later: dict[int, int] = {}
    born = np.full(len(slot), -1)
    for index in range(len(slot) - 1, -1, -1):
        born[index] = later.get(int(slot[index]), -1)
        later[int(slot[index])] = index
    alive = sorted(float(log_likelihood[index]) for index in later.values())
    ranks = np.empty(n_births)
    for index in range(n_births):
        threshold = float(log_likelihood[index])
        del alive[bisect_left(alive, threshold)]
        value = float(log_likelihood[born[index]])
        lowest, below = bisect_right(alive, threshold), bisect_left(alive, value)
        tied = bisect_right(alive, value) - below
        rank = below - lowest + (int(among_equals.integers(tied + 1)) if tied else 0)
        ranks[index] = (rank + generator.random()) / (len(alive) - lowest + 1)
        insort(alive, value)
    return ranks


def uniform_p_value(ranks: Float64) -> float:
    """Return the p-value of a Kolmogorov-Smirnov test of insertion ranks [m] against a uniform distribution."""
    from scipy.stats import kstest

    return float(kstest(ranks, "uniform").pvalue) if len(ranks) else 1.0
