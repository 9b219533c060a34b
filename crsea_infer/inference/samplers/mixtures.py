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

        n_dimensions = points.shape[1]
        inverse = np.linalg.inv(self.factors)
        white = np.einsum("kij,nkj->nki", inverse, points[:, None, :] - self.centres, optimize=True)
        distance = np.sum(white**2, axis=-1)
        log_determinant = np.sum(np.log(np.diagonal(self.factors, axis1=1, axis2=2)), axis=1)
        half = 0.5 * (self.freedom + n_dimensions)
        constant = gammaln(half) - gammaln(0.5 * self.freedom) - 0.5 * n_dimensions * math.log(self.freedom * math.pi)
        log_density = constant - log_determinant - half * np.log1p(distance / self.freedom)
        with np.errstate(divide="ignore"):
            return log_density + np.log(self.shares), distance

    def log_density(self, points: Float64) -> Float64:
        """Return the logarithm of the density [n] at points [n, d]."""
        return np.concatenate(
            [
                np.logaddexp.reduce(self._component_terms(points[start : start + 2048])[0], axis=1)
                for start in range(0, len(points), 2048)
            ]
        )

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
    """
    n_points, n_dimensions = points.shape
    each = np.ones(n_points) if weights is None else weights
    overall = np.atleast_2d(np.cov(points.T, aweights=each)) + 1e-10 * np.eye(n_dimensions)
    centre = np.average(points, axis=0, weights=each)
    white = np.linalg.solve(np.linalg.cholesky(overall), (points - centre).T).T
    chosen = [int(generator.choice(n_points, p=each / each.sum()))]
    nearest = np.sum((white - white[chosen[0]]) ** 2, axis=1)
    for _ in range(n_components - 1):
        chosen.append(int(generator.choice(n_points, p=each * nearest / np.sum(each * nearest))))
        nearest = np.minimum(nearest, np.sum((white - white[chosen[-1]]) ** 2, axis=1))
    belongs = np.argmin(np.stack([np.sum((white - white[index]) ** 2, axis=1) for index in chosen], axis=1), axis=1)
    first = np.eye(n_components)[belongs] * each[:, None]
    mixture = _maximise(points, first, np.ones((n_points, n_components)), freedom)
    for _ in range(_ITERATIONS):
        terms, distance = mixture._component_terms(points)  # noqa: SLF001
        share = np.exp(terms - np.logaddexp.reduce(terms, axis=1)[:, None]) * each[:, None]
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
    scatter = np.empty((len(total), n_dimensions, n_dimensions))
    for index in range(len(total)):
        offset = points - centres[index]
        scatter[index] = (offset * weight[:, index, None]).T @ offset
    within = scatter.sum(axis=0) / n_points + 1e-10 * np.eye(n_dimensions)
    # As if every component had seen 2 d more points of the common shape.
    extra = 2.0 * n_dimensions
    covariances = (scatter + extra * within) / (total + extra)[:, None, None]
    return StudentMixture(total / total.sum(), centres, np.linalg.cholesky(covariances), freedom)
