"""Proposals for importance sampling: mixtures in coordinates that suit them.

A proposal is a mixture of Student-t distributions, in coordinates in which the marginals are nearly normal
(:mod:`crsea_infer.inference.samplers.marginals`), and a few per cent of the prior, so that the weights of what the
mixture misses stay finite. The degrees of freedom grow with the dimensions: with three of them, distances from the
centre are spread so much more than those of a normal that in thirty dimensions hardly a tenth of the draws counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.samplers.marginals import Marginals, fit_marginals
from crsea_infer.inference.samplers.mixtures import StudentMixture, fit_mixture
from crsea_infer.inference.samplers.sampler import standard_normal_log_density

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.support.arrays import Float64

__all__ = ["Proposal", "best_of", "effective_sample", "freedom_for", "softened"]

_FREEDOMS = (3.0, 8.0)  # of mixtures that are tried on particles, the second at least
_MOST_FITTED = 2048  # points to which they are fitted, or up to twice as many


@dataclass(frozen=True)
class Proposal:
    """A mixture with a share of the prior, in probit coordinates.

    Attributes
    ----------
    mixture
        Of Student-t distributions.
    prior_share
        Of the prior.
    marginals
        The coordinates in which the mixture stands; None where it stands in probit coordinates.
    """

    mixture: StudentMixture
    prior_share: float
    marginals: Marginals | None = None

    def draw(self, n: int, generator: np.random.Generator) -> Float64:
        """Draw points [n, d]."""
        from_prior = generator.random(n) < self.prior_share
        n_prior = int(from_prior.sum())
        points = np.empty((n, self.mixture.centres.shape[1]))
        points[from_prior] = generator.standard_normal((n_prior, points.shape[1]))
        drawn = self.mixture.draw(n - n_prior, generator)
        points[~from_prior] = drawn if self.marginals is None else self.marginals.bent(drawn)
        return points

    def log_density(self, points: Float64) -> Float64:
        """Return the logarithm of the density [n] at points [n, d]."""
        straight, log_slopes = (points, 0.0) if self.marginals is None else self.marginals.straightened(points)
        return np.asarray(
            np.logaddexp(
                np.log(self.prior_share) + standard_normal_log_density(points),
                np.log1p(-self.prior_share) + self.mixture.log_density(straight) + log_slopes,
            )
        )


def freedom_for(least: float, n_dimensions: int) -> float:
    """Return the degrees of freedom of a mixture: `least`, or half the dimensions where that is more."""
    return max(least, 0.5 * n_dimensions)


def effective_sample(log_weights: Float64) -> float:
    """Return (sum w)^2 / sum w^2; 0 when no weight is finite."""
    largest = float(np.max(log_weights))
    if not np.isfinite(largest):
        return 0.0
    weights = np.exp(log_weights - largest)
    return float(np.sum(weights) ** 2 / np.sum(weights**2))


def best_of(
    points: Float64,
    log_target: Callable[[Float64], Float64],
    sizes: tuple[int, ...],
    prior_share: float,
    n_trial: int,
    generator: np.random.Generator,
) -> tuple[Proposal, float]:
    """Return the most efficient of several proposals, and the share of its draws that is effective.

    A single Student-t with the moments of the points follows a peak with skirts at the bounds of its prior where
    mixtures fit noise; mixtures follow bends. Which of them is best, draws tell that do not enter the evidence.

    Parameters
    ----------
    points
        Draws from the posterior [n, d].
    log_target
        ln of prior times likelihood [n] of points [n, d].
    sizes, prior_share, n_trial
        Numbers of components, share of the prior, and draws by which each is tried.
    """
    marginals = fit_marginals(points)
    points = marginals.straightened(points)[0]
    single = np.linalg.cholesky(np.atleast_2d(np.cov(points.T)) + 1e-10 * np.eye(points.shape[1]))
    freedoms = (_FREEDOMS[0], freedom_for(_FREEDOMS[1], points.shape[1]))
    mixtures = [
        StudentMixture(
            np.ones(1), np.mean(points, axis=0)[None], single[None] * np.sqrt((freedom - 2.0) / freedom), freedom
        )
        for freedom in freedoms
    ]
    few = points[:: max(1, len(points) // _MOST_FITTED)]
    mixtures += [fit_mixture(few, size, freedom, generator) for size in sizes for freedom in freedoms]
    best, most = None, -1.0
    for mixture in mixtures:
        proposal = Proposal(mixture, prior_share, marginals)
        draws = proposal.draw(n_trial, generator)
        effective = effective_sample(log_target(draws) - proposal.log_density(draws))
        if effective > most:
            best, most = proposal, effective
    if best is None:
        raise ValueError("no sizes were asked for")
    return best, most / n_trial


def softened(log_weights: Float64, wanted: float) -> Float64:
    """Return weights [n] of mean 1, raised to a power of at most 1 so that `wanted` of them (or half) are effective."""
    finite = np.isfinite(log_weights)
    wanted = min(wanted, 0.5 * float(finite.sum()))
    power = 1.0
    while power > 1e-3 and effective_sample(power * log_weights) < wanted:
        power *= 0.8
    weights = np.exp(power * (log_weights - np.max(log_weights)))
    return np.asarray(weights / np.mean(weights))
