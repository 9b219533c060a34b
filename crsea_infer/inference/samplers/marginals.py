"""Straight marginals: coordinates in which every parameter by itself is nearly normal.

A parameter that ends at a bound of its prior, or that the data limit on one side only, has a lopsided marginal with a
long tail on one side. In thirty dimensions a mixture of a few ellipsoids has no component to spare for such a tail, and
the draws that fall there carry the largest weights. So each parameter z is first put through the sinh-arcsinh
transformation of Jones and Pewsey (2009, Biometrika 96, 761),

    y = middle + spread sinh(tail asinh((z - middle) / spread) - skew),

whose inverse and derivative are as short as itself. A parameter that is nearly normal as it is stays as it is, and so
does one that no such transformation makes nearly normal: of two peaks it would make one narrow and the other wide, and
a mixture has components for peaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["Marginals", "fit_marginals"]

_PROBABILITIES: Final = np.array([0.005, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.995])
_SKEWS: Final = np.linspace(-1.5, 1.5, 31)
_TAILS: Final = np.linspace(0.6, 1.4, 9)
_WORTH_IT: Final = 0.002  # gain in the correlation of quantiles with those of a normal, below which nothing is changed
_NEARLY_NORMAL: Final = 0.995  # such a correlation


@dataclass(frozen=True, eq=False)
class Marginals:
    """A sinh-arcsinh transformation of each of d parameters, all [d].

    Attributes
    ----------
    middle, spread
        Median, and half the width of the central 68 %.
    skew, tail
        Of the transformation; 0 and 1 leave a parameter as it is.
    """

    middle: Float64
    spread: Float64
    skew: Float64
    tail: Float64

    def straightened(self, points: Float64) -> tuple[Float64, Float64]:
        """Return the coordinates [n, d] of points [n, d], and ln of the determinant of their derivatives [n]."""
        bent, middle, spread = self._bent
        own = (points[:, bent] - middle) / spread
        angle = self.tail[bent] * np.arcsinh(own) - self.skew[bent]
        straight = points.copy()
        straight[:, bent] = middle + spread * np.sinh(angle)
        slopes = np.log(self.tail[bent]) + np.logaddexp(angle, -angle) - np.log(2.0) - 0.5 * np.log1p(own**2)
        return straight, np.asarray(np.sum(slopes, axis=1))

    def bent(self, straight: Float64) -> Float64:
        """Invert :meth:`straightened`."""
        bent, middle, spread = self._bent
        angle = np.arcsinh((straight[:, bent] - middle) / spread) + self.skew[bent]
        points = straight.copy()
        points[:, bent] = middle + spread * np.sinh(angle / self.tail[bent])
        return points

    @property
    def _bent(self) -> tuple[np.typing.NDArray[np.intp], Float64, Float64]:
        """Which parameters are not left as they are, their middles and spreads."""
        bent = np.flatnonzero((self.skew != 0.0) | (self.tail != 1.0))
        return bent, self.middle[bent], self.spread[bent]


def fit_marginals(points: Float64, weights: Float64 | None = None) -> Marginals:
    """Return the transformation that makes the quantiles of points [n, d], with weights [n], most nearly normal."""
    from scipy.special import ndtri

    weights = np.ones(len(points)) if weights is None else weights
    normal = ndtri(_PROBABILITIES)
    importance = np.exp(-0.25 * normal**2)  # outer quantiles are less well known
    importance /= np.sum(importance)
    normal = normal - np.sum(importance * normal)
    skews, tails = (grid.ravel() for grid in np.meshgrid(_SKEWS, _TAILS))
    unchanged = int(np.argmin(np.abs(skews) + np.abs(tails - 1.0)))
    d = points.shape[1]
    middle, spread, skew, tail = np.zeros(d), np.ones(d), np.zeros(d), np.ones(d)
    for column in range(d):
        quantiles, middle[column], width = _quantiles(points[:, column], weights)
        if not width > 0.0:
            continue
        spread[column] = width
        angles = np.arcsinh((quantiles - middle[column]) / spread[column])
        moved = np.sinh(tails[:, None] * angles - skews[:, None])
        moved -= np.sum(importance * moved, axis=1)[:, None]
        size = np.sqrt(np.sum(importance * moved**2, axis=1) * np.sum(importance * normal**2))
        correlation = np.sum(importance * moved * normal, axis=1) / size
        best = int(np.argmax(correlation))
        if correlation[best] > max(_NEARLY_NORMAL, correlation[unchanged] + _WORTH_IT):
            skew[column], tail[column] = skews[best], tails[best]
    return Marginals(middle, spread, skew, tail)


def _quantiles(values: Float64, weights: Float64) -> tuple[Float64, float, float]:
    """Return weighted quantiles, the median, and half the width of the central 68 %."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    cumulative = (cumulative - 0.5 * weights[order]) / cumulative[-1]
    low, middle, high = np.interp([0.15866, 0.5, 0.84134], cumulative, values[order])
    return np.interp(_PROBABILITIES, cumulative, values[order]), float(middle), 0.5 * float(high - low)
