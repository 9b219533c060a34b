"""Proposals for importance sampling, improved by what their own draws say.

A proposal is a mixture of Student-t distributions and a few per cent of the prior, so that the weights of what the
mixture misses stay finite. How many components suit a posterior depends on its shape and on how well it is known: one
follows a nearly normal posterior in thirty dimensions from a few hundred points, where sixteen fit noise; sixteen
follow two modes or a curved valley, where one fails. So mixtures of several sizes are fitted, tried by some draws, and
fitted again to all those draws with their weights, until one is good (population Monte Carlo, Cappe et al. 2004, J.
Comput. Graph. Stat. 13, 907; weights of the joint proposal, Cornuet et al. 2012, arXiv:0907.1254). Of the round
with the largest effective sample, all mixtures make up the proposal, the better ones with larger shares: where one
is too narrow, another is not. None of the draws made here enters the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.samplers.mixtures import StudentMixture, fit_mixture, joined
from crsea_infer.inference.samplers.sampler import standard_normal_log_density

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.support.arrays import Float64

__all__ = ["Proposal", "best_of", "effective_sample", "improved", "softened"]

_POINTS_PER_DIMENSION = 20.0  # effective points to which weights are softened before a fit

_FREEDOMS = (3.0, 8.0)  # of mixtures that are tried on particles
_MOST_FITTED = 2048  # points to which they are fitted, or up to twice as many
_GOOD = 0.2  # share of effective draws at which a proposal is good enough
_FEWEST_ROUNDS = 1
_SIZES_KEPT = 2


@dataclass(frozen=True)
class Proposal:
    """A mixture with a share of the prior, in probit coordinates."""

    mixture: StudentMixture
    prior_share: float

    def draw(self, n: int, generator: np.random.Generator) -> Float64:
        """Draw points [n, d]."""
        from_prior = generator.random(n) < self.prior_share
        n_prior = int(from_prior.sum())
        points = np.empty((n, self.mixture.centres.shape[1]))
        points[from_prior] = generator.standard_normal((n_prior, points.shape[1]))
        points[~from_prior] = self.mixture.draw(n - n_prior, generator)
        return points

    def log_density(self, points: Float64) -> Float64:
        """Return the logarithm of the density [n] at points [n, d]."""
        return np.asarray(
            np.logaddexp(
                np.log(self.prior_share) + standard_normal_log_density(points),
                np.log1p(-self.prior_share) + self.mixture.log_density(points),
            )
        )


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
    log_target, sizes, prior_share, n_trial
        As in :func:`improved`.
    """
    single = np.linalg.cholesky(np.atleast_2d(np.cov(points.T)) + 1e-10 * np.eye(points.shape[1]))
    mixtures = [
        StudentMixture(
            np.ones(1), np.mean(points, axis=0)[None], single[None] * np.sqrt((freedom - 2.0) / freedom), freedom
        )
        for freedom in _FREEDOMS
    ]
    few = points[:: max(1, len(points) // _MOST_FITTED)]
    mixtures += [fit_mixture(few, size, freedom, generator) for size in sizes for freedom in _FREEDOMS]
    best, most = None, -1.0
    for mixture in mixtures:
        proposal = Proposal(mixture, prior_share)
        draws = proposal.draw(n_trial, generator)
        effective = effective_sample(log_target(draws) - proposal.log_density(draws))
        if effective > most:
            best, most = proposal, effective
    if best is None:
        raise ValueError("no sizes were asked for")
    return best, most / n_trial


def improved(
    points: Float64,
    log_target: Callable[[Float64], Float64],
    sizes: tuple[int, ...],
    freedom: float,
    prior_share: float,
    rounds: int,
    n_trial: int,
    generator: np.random.Generator,
) -> Proposal:
    """Return the best proposal found.

    Parameters
    ----------
    points
        From a chain [n, d], near the posterior.
    log_target
        ln of prior times likelihood [n] of points [n, d].
    sizes
        Numbers of components that are tried.
    freedom, prior_share
        Degrees of freedom of the mixtures; share of the prior.
    rounds
        How often mixtures are fitted at most; at least 2, as a chain may be far from done.
    n_trial
        Draws by which each is tried.
    """
    log_weights = np.zeros(len(points))
    best, most = None, -1.0
    for count in range(rounds):
        if count >= _FEWEST_ROUNDS and most >= _GOOD * n_trial:
            break
        weights = softened(log_weights, _POINTS_PER_DIMENSION * points.shape[1])
        mixtures = [fit_mixture(points, size, freedom, generator, weights) for size in sizes]
        proposals = [Proposal(mixture, prior_share) for mixture in mixtures]
        points = np.concatenate([proposal.draw(n_trial, generator) for proposal in proposals])
        target = log_target(points)
        densities = np.stack([proposal.log_density(points) for proposal in proposals])
        own = [slice(index * n_trial, (index + 1) * n_trial) for index in range(len(sizes))]
        effective = np.array([effective_sample(target[s] - densities[k, s]) for k, s in enumerate(own)])
        if np.max(effective) > most:
            most = float(np.max(effective))
            shares = 0.5 / len(sizes) + 0.5 * effective / max(float(np.sum(effective)), 1e-300)
            best = Proposal(joined(mixtures, shares / np.sum(shares)), prior_share)
        log_weights = target - np.logaddexp.reduce(densities, axis=0)
        if not np.isfinite(np.max(log_weights)):  # a proposal beyond every edge: nothing to learn from
            break
        if count + 1 >= _FEWEST_ROUNDS and len(sizes) > _SIZES_KEPT:  # fitting many components takes the longest
            sizes = tuple(sizes[index] for index in sorted(np.argsort(-effective)[:_SIZES_KEPT]))
    if best is None:
        raise ValueError("no rounds were asked for")
    return best


def softened(log_weights: Float64, wanted: float) -> Float64:
    """Return weights [n] of mean 1, raised to a power of at most 1 so that `wanted` of them (or half) are effective."""
    finite = np.isfinite(log_weights)
    wanted = min(wanted, 0.5 * float(finite.sum()))
    power = 1.0
    while power > 1e-3 and effective_sample(power * log_weights) < wanted:
        power *= 0.8
    weights = np.exp(power * (log_weights - np.max(log_weights)))
    return np.asarray(weights / np.mean(weights))
