"""Mixtures of Student-t distributions: heavy-tailed proposals that follow the shape of a posterior.

Fitted by expectation maximisation (Peel and McLachlan 2000, Statistics and Computing 10, 339) with fixed degrees of
freedom. Each covariance is drawn towards the mean within-component covariance, so that a component with few points
keeps full rank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.support.arrays import Float64

__all__ = ["StudentMixture", "fit_mixture", "joined"]

_ITERATIONS = 25
_SETTLED = 1e-8  # change of ln of the density of a point, on average, below which further iterations change nothing
_BLOCK = 1024  # points at once: what becomes of them stays in the cache of a core


@dataclass(frozen=True)
class StudentMixture:
    """A mixture of k Student-t distributions in d dimensions.

    Attributes
    ----------
    shares
        Weights of the components [k], summing to one.
    centres
        [k, d].
    factors
        Cholesky factors of the scale matrices [k, d, d].
    freedom
        Degrees of freedom of every component.
    """

    shares: Float64
    centres: Float64
    factors: Float64
    freedom: float

    def _component_terms(self, points: Float64) -> tuple[Float64, Float64]:
        """Return ln (share x density) [n, k] and squared Mahalanobis distances [n, k]."""
        from scipy.special import gammaln

        n_components, n_dimensions = self.centres.shape
        inverse = np.linalg.inv(self.factors)
        middle = np.mean(self.centres, axis=0)  # taken off first: peaks may be far narrower than far from 0
        shift = np.einsum("kij,kj->ki", inverse, self.centres - middle).reshape(-1)
        all_at_once = np.ascontiguousarray(inverse.reshape(-1, n_dimensions).T)  # one product for all components
        distance = np.empty((len(points), n_components))
        for start in range(0, len(points), _BLOCK):
            white = (points[start : start + _BLOCK] - middle) @ all_at_once - shift
            white = white.reshape(-1, n_components, n_dimensions)
            distance[start : start + _BLOCK] = np.einsum("nki,nki->nk", white, white)
        log_determinant = np.sum(np.log(np.diagonal(self.factors, axis1=1, axis2=2)), axis=1)
        half = 0.5 * (self.freedom + n_dimensions)
        constant = gammaln(half) - gammaln(0.5 * self.freedom) - 0.5 * n_dimensions * math.log(self.freedom * math.pi)
        log_density = constant - log_determinant - half * np.log1p(distance / self.freedom)
        with np.errstate(divide="ignore"):
            return log_density + np.log(self.shares), distance

    def log_density(self, points: Float64) -> Float64:
        """Return the logarithm of the density [n] at points [n, d]."""
        return np.asarray(np.logaddexp.reduce(self._component_terms(points)[0], axis=1))

    def draw(self, n: int, generator: np.random.Generator) -> Float64:
        """Draw points [n, d]."""
        n_dimensions = self.centres.shape[1]
        component = generator.choice(len(self.shares), size=n, p=self.shares)
        normal = generator.standard_normal((n, n_dimensions))
        stretch = np.sqrt(self.freedom / generator.chisquare(self.freedom, size=n))
        points = np.empty((n, n_dimensions))
        for index in range(len(self.shares)):
            own = component == index
            points[own] = self.centres[index] + (normal[own] * stretch[own, None]) @ self.factors[index].T
        return points


def fit_mixture(
    points: Float64,
    n_components: int,
    freedom: float,
    generator: np.random.Generator,
    weights: Float64 | None = None,
) -> StudentMixture:
    """Fit a mixture to points [n, d], of equal weight or with weights [n] of mean 1.

    The first centres are spread over the points (k-means++ of Arthur and Vassilvitskii 2007, in whitened coordinates).
    Points of hardly any weight are not left out, though most are such and half of the time goes into them: where a
    thousandth of the weights was missing from the skirts, half of some hypotheses' evidences were refused.
    """
    n_points, n_dimensions = points.shape
    each = np.ones(n_points) if weights is None else weights
    overall = np.atleast_2d(np.cov(points.T, aweights=each)) + 1e-10 * np.eye(n_dimensions)
    centre = np.average(points, axis=0, weights=each)
    white = np.linalg.solve(np.linalg.cholesky(overall), (points - centre).T).T
    chosen = [int(generator.choice(n_points, p=each / each.sum()))]
    nearest = np.sum((white - white[chosen[0]]) ** 2, axis=1)
    for _ in range(n_components - 1):
        odds = each * nearest if np.any(each * nearest > 0.0) else each  # fewer different points than components
        chosen.append(int(generator.choice(n_points, p=odds / np.sum(odds))))
        nearest = np.minimum(nearest, np.sum((white - white[chosen[-1]]) ** 2, axis=1))
    belongs = np.argmin(np.stack([np.sum((white - white[index]) ** 2, axis=1) for index in chosen], axis=1), axis=1)
    first = np.eye(n_components)[belongs] * each[:, None]
    mixture = _maximise(points, first, np.ones((n_points, n_components)), freedom)
    height = -np.inf
    for _ in range(_ITERATIONS):
        terms, distance = mixture._component_terms(points)  # noqa: SLF001
        together = np.logaddexp.reduce(terms, axis=1)
        before, height = height, float(np.mean(each * together))
        if abs(height - before) < _SETTLED:
            break
        share = np.exp(terms - together[:, None]) * each[:, None]
        mixture = _maximise(points, share, (freedom + n_dimensions) / (freedom + distance), freedom)
    return mixture


def joined(mixtures: Sequence[StudentMixture], shares: Float64) -> StudentMixture:
    """Return one mixture of several with the same degrees of freedom, in the given shares (summing to one)."""
    return StudentMixture(
        np.concatenate([share * mixture.shares for share, mixture in zip(shares, mixtures, strict=True)]),
        np.concatenate([mixture.centres for mixture in mixtures]),
        np.concatenate([mixture.factors for mixture in mixtures]),
        mixtures[0].freedom,
    )


def _maximise(points: Float64, share: Float64, scale: Float64, freedom: float) -> StudentMixture:
    """Update the mixture, given each point's weighted share [n, k] in the components and its tail weight [n, k]."""
    n_points, n_dimensions = points.shape
    total = share.sum(axis=0) + 1e-12
    weight = share * scale
    heavy = weight.sum(axis=0) + 1e-12
    centres = (weight.T @ points) / heavy[:, None]
    scatter = np.zeros((len(total), n_dimensions, n_dimensions))
    root = np.sqrt(weight)
    for start in range(0, n_points, _BLOCK):
        block, own = points[start : start + _BLOCK], root[start : start + _BLOCK]
        for index in range(len(total)):
            offset = (block - centres[index]) * own[:, index, None]
            scatter[index] += offset.T @ offset
    within = scatter.sum(axis=0) / n_points + 1e-10 * np.eye(n_dimensions)
    # As if every component had seen 2 d more points of the common shape.
    extra = 2.0 * n_dimensions
    covariances = (scatter + extra * within) / (total + extra)[:, None, None]
    return StudentMixture(total / total.sum(), centres, np.linalg.cholesky(covariances), freedom)
