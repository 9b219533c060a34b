"""What choices make of a Bayes factor: its average over them, its spread between them, and what each axis does to it.

Choices c have prior weights w(c), a product over the axes. The evidence of a hypothesis that does not claim to know
them is its average (Bayesian model averaging; Hoeting et al. 1999, Statist. Sci. 14, 382),

    Z = sum_c w(c) Z(c) / sum_c w(c),      share of c in the posterior:  w(c) Z(c) / sum w Z,

over the combinations that were evaluated. A ratio of such averages lies between the least and the largest ratio of a
combination, and near those where the data are probable: a choice under which no hypothesis describes the data counts
little, whatever its ln B.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from crsea_infer.support.arrays import Float64

__all__ = ["Averaged", "ChoiceFactor", "averaged", "choice_factor", "weighted_quantile"]

_Combination = TypeVar("_Combination", bound="Hashable")


@dataclass(frozen=True)
class Averaged:
    """An evidence averaged over choices.

    Attributes
    ----------
    lnz, lnz_err
        Its natural log, and the one-sigma numerical error.
    shares
        Posterior share of each choice [n], summing to one.
    """

    lnz: float
    lnz_err: float
    shares: Float64


@dataclass(frozen=True)
class ChoiceFactor:
    """A Bayes factor over all choices.

    Attributes
    ----------
    ln_b, ln_b_err
        Of what ships.
    averaged, averaged_err
        ln of the ratio of the averaged evidences, and its numerical error.
    low, high
        Least and largest ln B of a combination of choices.
    quantile_16, quantile_84
        Of ln B over the combinations, by prior weight.
    n
        Combinations with both evidences.
    """

    ln_b: float
    ln_b_err: float
    averaged: float
    averaged_err: float
    low: float
    high: float
    quantile_16: float
    quantile_84: float
    n: int


def averaged(lnz: Float64, lnz_err: Float64, weights: Float64) -> Averaged:
    """Return the average of evidences.

    Parameters
    ----------
    lnz, lnz_err
        Natural logs of the evidences and their independent errors [n].
    weights
        Prior weights [n], up to a constant.

    Raises
    ------
    ValueError
        When there is none, or a weight is not above 0.
    """
    if not len(lnz) or not np.all(weights > 0.0):
        raise ValueError("an average over nothing, or with weights that are not above 0")
    terms = np.log(weights / np.sum(weights)) + lnz
    total = float(np.logaddexp.reduce(terms))
    shares = np.exp(terms - total)
    return Averaged(total, float(np.sqrt(np.sum((shares * lnz_err) ** 2))), shares)


def weighted_quantile(values: Float64, weights: Float64, q: float) -> float:
    """Return the quantile of values [n] with weights [n]: each stands for the middle of its share."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    middles = (cumulative - 0.5 * weights[order]) / cumulative[-1]
    return float(np.interp(q, middles, values[order]))


def choice_factor(
    first: Mapping[_Combination, tuple[float, float]],
    other: Mapping[_Combination, tuple[float, float]],
    weights: Mapping[_Combination, float],
    shipped: Hashable = (),
) -> ChoiceFactor:
    """Return what choices make of the Bayes factor of two hypotheses.

    Parameters
    ----------
    first, other
        Combination -> ln Z and its error, of each hypothesis; nan, or absent, where there is none.
    weights
        Combination -> prior weight.
    shipped
        The combination that ships.

    Raises
    ------
    ValueError
        When no combination has both evidences.
    """
    known = [one for one in weights if _is_known(first.get(one)) and _is_known(other.get(one))]
    if not known:
        raise ValueError("no combination of choices has both evidences")
    weight = np.array([weights[one] for one in known])
    (lnz_1, err_1), (lnz_2, err_2) = (np.array([given[one] for one in known]).T for given in (first, other))
    ln_b = lnz_1 - lnz_2
    one, two = averaged(lnz_1, err_1, weight), averaged(lnz_2, err_2, weight)
    own = known.index(shipped) if shipped in known else None
    return ChoiceFactor(
        ln_b=float(ln_b[own]) if own is not None else math.nan,
        ln_b_err=float(np.hypot(err_1[own], err_2[own])) if own is not None else math.nan,
        averaged=one.lnz - two.lnz,
        averaged_err=math.hypot(one.lnz_err, two.lnz_err),
        low=float(np.min(ln_b)),
        high=float(np.max(ln_b)),
        quantile_16=weighted_quantile(ln_b, weight, 0.16),
        quantile_84=weighted_quantile(ln_b, weight, 0.84),
        n=len(known),
    )


def _is_known(given: Sequence[float] | None) -> bool:
    return given is not None and all(math.isfinite(value) for value in given)
