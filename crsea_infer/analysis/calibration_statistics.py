"""What ranks and Bayes factors of simulated data say about an analysis.

Ranks of truths among L posterior draws are uniform when the posterior is right. Two tests look at them: chi2 of the
histogram, which sees humps and troughs, and Kolmogorov-Smirnov on (rank + U) / (L + 1) with uniform U, which sees
slopes. With n tests the smallest p-value is small by chance: 1 - (1 - p_min)^n is quoted with it (Sidak 1967, exact for
independent tests, cautious for parameters that move together).

A Bayes factor is calibrated when, of the data sets to which it gives hypothesis 1 the probability p (at even prior
odds), a share p comes from hypothesis 1. The number from 1 less the sum of p is then zero on average. How many data
sets come from each hypothesis is fixed, so its variance is that of p among those from 1 times their number, plus the
same for 2 (not the sum of p (1 - p), which holds when the hypotheses are drawn, and is larger). How often ln B misleads
by more than t has a bound that holds for every pair of hypotheses: the probability under hypothesis 1 that
B_21 > exp(t) is at most exp(-t) (Royall 2000, J. Am. Stat. Assoc. 95, 760).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.support.arrays import Float64

__all__ = [
    "THRESHOLDS",
    "Misleading",
    "RankTest",
    "Reliability",
    "bins_for",
    "look_elsewhere",
    "misleading",
    "prior_p",
    "rank_counts",
    "rank_test",
    "reliability",
]

THRESHOLDS: Final = (0.0, 1.0, 2.5, 5.0)
"""On |ln B|; the last three are the steps of the Jeffreys scale as cosmology uses it."""

_LEAST_EXPECTED: Final = 5.0
_LEAST_VARIANCE: Final = 0.25
"""Of the number of data sets from hypothesis 1: as of one data set at even odds. Below it, all are decided."""


@dataclass(frozen=True)
class RankTest:
    """Tests of the ranks of one parameter.

    Attributes
    ----------
    n
        Ranks.
    chi2_p, ks_p
        p-values; nan when there are too few ranks.
    mean
        Mean of (rank + 1/2) / (L + 1): 0.5 is expected.
    mean_err
        Its standard deviation when the ranks are uniform.
    """

    n: int
    chi2_p: float
    ks_p: float
    mean: float
    mean_err: float

    @property
    def p(self) -> float:
        """The smaller p-value, times two for having looked twice."""
        return float(np.minimum(1.0, 2.0 * np.minimum(self.chi2_p, self.ks_p)))


def bins_for(n: int, draws: int) -> int:
    """Return a number of bins that divides the L + 1 ranks, with at least five ranks expected in each; 0 for none."""
    divisors = [bins for bins in range(2, 21) if (draws + 1) % bins == 0 and n / bins >= _LEAST_EXPECTED]
    return max(divisors, default=0)


def rank_counts(ranks: np.typing.NDArray[np.int64], draws: int, bins: int) -> np.typing.NDArray[np.int64]:
    """Return the number of ranks [bins] in equal bins of 0..L; negative ranks are none."""
    known = ranks[ranks >= 0]
    return np.asarray(np.bincount(known * bins // (draws + 1), minlength=bins), dtype=np.int64)


def rank_test(ranks: np.typing.NDArray[np.int64], draws: int, generator: np.random.Generator) -> RankTest:
    """Test ranks [n] of 0..L (negative ones are none) for uniformity; the generator breaks ties of ranks."""
    from scipy import stats

    known = ranks[ranks >= 0]
    bins = bins_for(len(known), draws)
    if not bins:
        return RankTest(len(known), np.nan, np.nan, np.nan, np.nan)
    counts = rank_counts(known, draws, bins)
    spread = (known + generator.random(len(known))) / (draws + 1)
    return RankTest(
        n=len(known),
        chi2_p=float(stats.chisquare(counts).pvalue),
        ks_p=float(stats.kstest(spread, "uniform").pvalue),
        mean=float(np.mean((known + 0.5) / (draws + 1))),
        mean_err=float(np.sqrt((1.0 - 1.0 / (draws + 1) ** 2) / 12.0 / len(known))),
    )


def prior_p(unit: Float64) -> float:
    """Return the p-value with which places [n] in the unit interval of a prior are drawn from it.

    Where the data say little, the rank of a truth is its place in the prior: a small p-value of the ranks with a small
    one here is the luck of the draw, and no fault of the posterior.
    """
    from scipy import stats

    return float(stats.kstest(unit, "uniform").pvalue)


def look_elsewhere(p_values: Sequence[float]) -> tuple[float, int]:
    """Return the probability that the smallest of so many p-values is as small as it is, and how many there are."""
    known = [p for p in p_values if np.isfinite(p)]
    if not known:
        return float("nan"), 0
    return float(-np.expm1(len(known) * np.log1p(-min(*known, 1.0 - 1e-16)))), len(known)


@dataclass(frozen=True)
class Misleading:
    """How often the Bayes factor misleads by more than a threshold.

    Attributes
    ----------
    threshold
        t.
    n
        Data sets with a Bayes factor.
    against, supporting
        Of these, those with ln B < -t and ln B > t for the true hypothesis.
    share_upper
        Upper limit at 95 % confidence on the probability of being misled (Clopper and Pearson 1934).
    bound
        exp(-t): what no pair of hypotheses can exceed.
    """

    threshold: float
    n: int
    against: int
    supporting: int
    share_upper: float
    bound: float


def misleading(ln_b: Float64) -> tuple[Misleading, ...]:
    """Count how often ln B [n] of the true hypothesis over another points the wrong way; nan entries are left out."""
    from scipy import stats

    known = ln_b[np.isfinite(ln_b)]
    n = len(known)
    found = []
    for threshold in THRESHOLDS:
        against = int(np.sum(known < -threshold))
        upper = float(stats.beta.ppf(0.95, against + 1, n - against)) if against < n else 1.0
        supporting = int(np.sum(known > threshold))
        found.append(Misleading(threshold, n, against, supporting, upper, float(np.exp(-threshold))))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Posterior probabilities against what was true.

    Attributes
    ----------
    edges
        Of the bins of the probability of hypothesis 1 [bins + 1].
    counts, probability, share
        Per bin [bins]: data sets, their mean probability, and the share that came from hypothesis 1.
    low, high
        Per bin: central 68 % interval for that share.
    deviation
        (number from hypothesis 1 - sum of probabilities) in its standard deviations; nan when all are certain, or when
        either hypothesis has fewer than two data sets.
    effective
        4 sum p (1 - p): how many data sets at even odds would say as much.
    """

    edges: Float64
    counts: np.typing.NDArray[np.int64]
    probability: Float64
    share: Float64
    low: Float64
    high: Float64
    deviation: float
    effective: float


def reliability(ln_b_under_1: Float64, ln_b_under_2: Float64, bins: int = 8) -> Reliability:
    """Compare probabilities of hypothesis 1 with the truth, for ln B_12 of data from hypothesis 1 and from 2.

    Even prior odds: when the numbers of data sets differ, they are taken as the odds.
    """
    from scipy import special, stats

    known_1, known_2 = (values[np.isfinite(values)] for values in (ln_b_under_1, ln_b_under_2))
    ln_b = np.concatenate([known_1, known_2])
    is_1 = np.concatenate([np.ones(len(known_1)), np.zeros(len(known_2))])
    odds = np.log(len(known_1) / len(known_2)) if len(known_1) and len(known_2) else 0.0
    p = special.expit(ln_b + odds)
    variance = float(np.sum(p * (1.0 - p)))
    edges = np.linspace(0.0, 1.0, bins + 1)
    which = np.minimum((p * bins).astype(np.int64), bins - 1)
    counts = np.bincount(which, minlength=bins)
    true = np.bincount(which, weights=is_1, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(which, weights=p, minlength=bins) / counts
        share = true / counts
    return Reliability(
        edges=edges,
        counts=counts,
        probability=mean,
        share=share,
        low=np.where(true > 0, stats.beta.ppf(0.16, np.maximum(true, 1e-9), counts - true + 1), 0.0),
        high=np.where(counts > true, stats.beta.ppf(0.84, true + 1, np.maximum(counts - true, 1e-9)), 1.0),
        deviation=_deviation(p[is_1 == 1.0], p[is_1 == 0.0]) if variance > _LEAST_VARIANCE else float("nan"),
        effective=4.0 * variance,
    )


def _deviation(p_from_1: Float64, p_from_2: Float64) -> float:
    """Return (number from 1 - sum of p) in standard deviations, or nan where there are too few data sets to tell."""
    if min(len(p_from_1), len(p_from_2)) < 2:
        return float("nan")
    variance = sum(len(p) * float(np.var(p, ddof=1)) for p in (p_from_1, p_from_2))
    excess = len(p_from_1) - float(np.sum(p_from_1)) - float(np.sum(p_from_2))
    return excess / float(np.sqrt(variance)) if variance > 0.0 else float("nan")
