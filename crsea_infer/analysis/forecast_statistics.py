"""What simulated Bayes factors say of an instrument at one exposure.

*Decisive* is ln B > 5 for the truth: very strong evidence on the scale of Kass and Raftery, that of all verdicts of
this package. Of N data sets the share that is decisive has a binomial error; an evidence that was refused might be
either, so that the interval of the probability reaches from none to all of them.

Two checks need no truth beyond the simulation. Under hypothesis 1 the mean of B_21 = exp(-ln B_12) is 1 for any data
and any pair. It is carried by the rare data sets that mislead, so that it can be estimated only where there are some:
its effective number says when. And of the data sets to which ln B gives hypothesis 1 the probability p, a share p comes
from it (:func:`crsea_infer.analysis.calibration_statistics.reliability`); that has bounded terms and always works.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.analysis.calibration_statistics import reliability
from crsea_infer.inference.evidence import DECISIVE

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["LEVELS", "Outlook", "inverse_mean", "outlook", "pair_deviation"]

LEVELS: Final = (0.05, 0.16, 0.5, 0.84, 0.95)
"""Quantiles of ln B that are told."""


@dataclass(frozen=True)
class Outlook:
    """What data of one truth would say against another hypothesis.

    Attributes
    ----------
    n, refused
        Data sets simulated, and those of which an evidence was refused.
    quantiles
        Of ln B(truth : other), at :data:`LEVELS`; nan where all were refused.
    decisive, wrong, misled
        Data sets with ln B > 5, < 0 and < -5.
    probability, low, high
        Of a decisive verdict, among those with a Bayes factor, and its central 68 % interval, refused ones either way.
    inverse, inverse_err, inverse_effective
        Mean of B(other : truth), which is 1; its error, and how many data sets carry it.
    """

    n: int
    refused: int
    quantiles: tuple[float, ...]
    decisive: int
    wrong: int
    misled: int
    probability: float
    low: float
    high: float
    inverse: float
    inverse_err: float
    inverse_effective: float


def outlook(ln_b: Float64) -> Outlook:
    """Summarise ln B(truth : other) [n] of data simulated under the truth; nan: refused."""
    from scipy import stats

    known = ln_b[np.isfinite(ln_b)]
    n, refused = len(ln_b), len(ln_b) - len(known)
    decisive = int(np.sum(known > DECISIVE))
    low = float(stats.beta.ppf(0.16, decisive, n - decisive + 1)) if decisive else 0.0
    most = decisive + refused
    high = float(stats.beta.ppf(0.84, most + 1, n - most)) if most < n else 1.0
    return Outlook(
        n=n,
        refused=refused,
        quantiles=tuple(np.quantile(known, LEVELS).tolist()) if known.size else (float("nan"),) * len(LEVELS),
        decisive=decisive,
        wrong=int(np.sum(known < 0.0)),
        misled=int(np.sum(known < -DECISIVE)),
        probability=decisive / len(known) if known.size else float("nan"),
        low=low,
        high=high,
        **dict(zip(("inverse", "inverse_err", "inverse_effective"), inverse_mean(known), strict=True)),
    )


def inverse_mean(ln_b: Float64) -> tuple[float, float, float]:
    """Return the mean of exp(-ln B) [n] over data of the truth, its error, and how many data sets carry it."""
    if len(ln_b) < 2:
        return float("nan"), float("nan"), float("nan")
    inverse = np.exp(-ln_b)
    squares = float(np.sum(inverse**2))
    effective = float(np.sum(inverse) ** 2 / squares) if squares else 0.0
    return float(np.mean(inverse)), float(np.std(inverse, ddof=1) / np.sqrt(len(ln_b))), effective


def pair_deviation(ln_b_under_1: Float64, ln_b_under_2: Float64) -> float:
    """Return by how many standard deviations probabilities of hypothesis 1 differ from what is true of both truths."""
    return reliability(ln_b_under_1, ln_b_under_2).deviation
