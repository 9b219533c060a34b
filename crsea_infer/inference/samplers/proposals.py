"""Proposals for importance sampling, improved by what their own draws say.

A proposal is a mixture of Student-t distributions, in coordinates in which the marginals are nearly normal
(:mod:`crsea_infer.inference.samplers.marginals`), and a few per cent of the prior, so that the weights of what the
mixture misses stay finite. The degrees of freedom grow with the dimensions: with three of them, distances from the
centre are spread so much more than those of a normal that in thirty dimensions hardly a tenth of the draws counts.

How many components suit a posterior depends on its shape and on how well it is known: one follows a nearly normal
posterior in thirty dimensions from a few hundred points, where sixteen fit noise; sixteen follow two modes or a curved
valley, where one fails. So mixtures of several sizes are fitted, tried by some draws, and fitted again to the draws of
the last rounds with their weights, until one is good or none gets better (population Monte Carlo, Cappe et al. 2004,
J. Comput. Graph. Stat. 13, 907; weights of the joint proposal of all these rounds, Cornuet et al. 2012,
arXiv:0907.1254): a covariance in thirty dimensions has five hundred numbers, for which those draws of one round that
count are not enough. Of the round with the largest effective sample, all mixtures make up the proposal, the better
ones with larger shares: where one is too narrow, another is not. None of the draws made here enters the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.samplers.marginals import Marginals, fit_marginals
from crsea_infer.inference.samplers.mixtures import StudentMixture, fit_mixture, joined
from crsea_infer.inference.samplers.sampler import standard_normal_log_density

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.support.arrays import Float64

__all__ = ["Proposal", "best_of", "effective_sample", "freedom_for", "improved", "softened"]

_POINTS_PER_DIMENSION = 60.0  # effective points to which weights are softened before a fit

_FREEDOMS = (3.0, 8.0)  # of mixtures that are tried on particles, the second at least
_MOST_FITTED = 2048  # points to which they are fitted, or up to twice as many
_GOOD = 0.2  # share of effective draws at which a proposal is good enough
_FEWEST_ROUNDS = 1
_SIZES_KEPT = 2
_ROUNDS_KEPT = 3  # whose draws a fit is made to
_POINTS_KEPT = 4096  # of these draws
_BETTER = 1.15  # factor on the effective sample that counts as progress
_PATIENCE = 3  # rounds without progress


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
    log_target, sizes, prior_share, n_trial
        As in :func:`improved`.
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
        Least degrees of freedom of the mixtures (see :func:`freedom_for`); share of the prior.
    rounds
        How often mixtures are fitted at most; at least 2, as a chain may be far from done.
    n_trial
        Draws by which each is tried.
    """
    freedom = freedom_for(freedom, points.shape[1])
    weights = np.ones(len(points))
    kept: list[_Round] = []
    best, most, without_progress = None, -1.0, 0
    for count in range(rounds):
        if count >= _FEWEST_ROUNDS and (most >= _GOOD * n_trial or without_progress >= _PATIENCE):
            break
        marginals = fit_marginals(points, weights)
        straight = marginals.straightened(points)[0]
        mixtures = [fit_mixture(straight, size, freedom, generator, weights) for size in sizes]
        proposals = [Proposal(mixture, prior_share, marginals) for mixture in mixtures]
        draws = [proposal.draw(n_trial, generator) for proposal in proposals]
        tried = _Round(np.concatenate(draws), log_target(np.concatenate(draws)), tuple(proposals))
        effective = tried.effective(n_trial)
        without_progress = 0 if np.max(effective) > _BETTER * most else without_progress + 1
        if np.max(effective) > most:
            most = float(np.max(effective))
            shares = 0.5 / len(sizes) + 0.5 * effective / max(float(np.sum(effective)), 1e-300)
            best = Proposal(joined(mixtures, shares / np.sum(shares)), prior_share, marginals)
        kept = [*kept, tried][-_ROUNDS_KEPT:]
        points, log_weights = _together(kept)
        if not np.isfinite(np.max(log_weights)):  # a proposal beyond every edge: nothing to learn from
            break
        points, weights = _thinned(points, softened(log_weights, _POINTS_PER_DIMENSION * points.shape[1]), generator)
        if count + 1 >= _FEWEST_ROUNDS and len(sizes) > _SIZES_KEPT:  # fitting many components takes the longest
            sizes = tuple(sizes[index] for index in sorted(np.argsort(-effective)[:_SIZES_KEPT]))
    if best is None:
        raise ValueError("no rounds were asked for")
    return best


@dataclass(frozen=True, eq=False)
class _Round:
    """Draws [n, d] of several proposals, as many of each and one after the other, and ln of the target [n] there."""

    points: Float64
    log_target: Float64
    proposals: tuple[Proposal, ...]

    def effective(self, n_trial: int) -> Float64:
        """Return the effective sample of each proposal's own draws."""
        own = [slice(index * n_trial, (index + 1) * n_trial) for index in range(len(self.proposals))]
        return np.array(
            [
                effective_sample(self.log_target[part] - proposal.log_density(self.points[part]))
                for proposal, part in zip(self.proposals, own, strict=True)
            ]
        )


def _together(rounds: list[_Round]) -> tuple[Float64, Float64]:
    """Return the draws of all rounds, and ln weights over the density of all their proposals together."""
    points = np.concatenate([one.points for one in rounds])
    density = np.full(len(points), -np.inf)
    for proposal in (proposal for one in rounds for proposal in one.proposals):
        density = np.logaddexp(density, proposal.log_density(points))
    return points, np.concatenate([one.log_target for one in rounds]) - density


def _thinned(points: Float64, weights: Float64, generator: np.random.Generator) -> tuple[Float64, Float64]:
    """Return as many points as a fit needs, evenly spread over the weights, and how often each was chosen (mean 1)."""
    if len(points) <= _POINTS_KEPT:
        return points, weights
    cumulative = np.cumsum(weights)
    positions = (np.arange(_POINTS_KEPT) + generator.random()) / _POINTS_KEPT * cumulative[-1]
    chosen = np.minimum(np.searchsorted(cumulative, positions, side="right"), len(points) - 1)
    kept, counts = np.unique(chosen, return_counts=True)
    return points[kept], np.asarray(counts / np.mean(counts))


def softened(log_weights: Float64, wanted: float) -> Float64:
    """Return weights [n] of mean 1, raised to a power of at most 1 so that `wanted` of them (or half) are effective."""
    finite = np.isfinite(log_weights)
    wanted = min(wanted, 0.5 * float(finite.sum()))
    power = 1.0
    while power > 1e-3 and effective_sample(power * log_weights) < wanted:
        power *= 0.8
    weights = np.exp(power * (log_weights - np.max(log_weights)))
    return np.asarray(weights / np.mean(weights))
