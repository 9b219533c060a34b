"""Proposals improved by what their own draws say: population Monte Carlo.

How many components suit a posterior depends on its shape and on how well it is known: one follows a nearly normal
posterior in thirty dimensions from a few hundred points, where sixteen fit noise; sixteen follow two modes or a curved
valley, where one fails. So mixtures of several sizes are fitted, tried by some draws, and fitted again to the draws of
the last rounds and of the best one with their weights, until one is good or none gets better (population Monte Carlo,
Cappe et al. 2004, J. Comput. Graph. Stat. 13, 907; weights over the joint density of all these rounds, Cornuet et al.
2012, arXiv:0907.1254): a covariance in thirty dimensions has five hundred numbers, for which those draws of one round
that count are not enough.

How good a proposal is, the draws of all proposals of these rounds tell together. By its own draws alone, one that
misses a second peak seems better than one that has found it, as nothing disturbs its weights. Of the best round, all
mixtures make up the proposal, the better ones with larger shares: where one is too narrow, another is not. None of the
draws made here enters the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.inference.samplers.marginals import fit_marginals
from crsea_infer.inference.samplers.mixtures import fit_mixture, joined
from crsea_infer.inference.samplers.proposals import Proposal, freedom_for, softened
from crsea_infer.inference.samplers.temperatures import resampled

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.support.arrays import Float64

__all__ = ["Improving", "improved", "thinned"]

_POINTS_PER_DIMENSION: Final = 60.0  # effective points to which weights are softened before a fit
_GOOD: Final = 0.2  # share of effective draws at which a proposal is good enough
_SIZES_KEPT: Final = 2
_ROUNDS_KEPT: Final = 3  # whose draws a fit is made to: the best so far and the last
_POINTS_KEPT: Final = 4096  # of these draws
_COUNTS: Final = 1e-3  # of the largest weight: a draw of less is no support for a covariance
_BETTER: Final = 1.15  # factor on the share of effective draws that counts as progress
_PATIENCE: Final = 3  # rounds without progress


@dataclass(frozen=True)
class Improving:
    """How proposals are improved.

    Attributes
    ----------
    sizes
        Numbers of components that are tried.
    freedom
        Least degrees of freedom of the mixtures (see :func:`~crsea_infer.inference.samplers.proposals.freedom_for`).
    prior_share
        Share of the prior.
    rounds
        How often mixtures are fitted at most, at least once.
    n_trial
        Draws by which each is tried.
    """

    sizes: tuple[int, ...]
    freedom: float
    prior_share: float
    rounds: int
    n_trial: int


def improved(
    points: Float64,
    log_target: Callable[[Float64], Float64],
    how: Improving,
    generator: np.random.Generator,
    weights: Float64 | None = None,
) -> Proposal:
    """Return the best proposal found.

    Parameters
    ----------
    points
        From a chain, or weighted draws [n, d], near the posterior.
    log_target
        ln of prior times likelihood [n] of points [n, d].
    weights
        Of the points [n], of mean 1; None where they are equal.
    """
    sizes, n_trial = how.sizes, how.n_trial
    freedom = freedom_for(how.freedom, points.shape[1])
    kept: list[_Round] = []
    without_progress = 0
    for _ in range(how.rounds):
        marginals = fit_marginals(points, weights)
        straight = marginals.straightened(points)[0]
        mixtures = [fit_mixture(straight, size, freedom, generator, weights) for size in sizes]
        proposals = tuple(Proposal(mixture, how.prior_share, marginals) for mixture in mixtures)
        draws = np.concatenate([proposal.draw(n_trial, generator) for proposal in proposals])
        tried = _Round(proposals, draws, log_target(draws))
        if not kept and not np.isfinite(np.max(tried.log_target)):  # beyond every edge: nothing to learn from
            return tried.joined(np.ones(len(sizes)))
        kept.append(tried)
        together = _Together(tuple(kept), n_trial)
        if not np.isfinite(np.max(together.log_weights)):  # what knew the target was dropped for what hit it by no draw
            break
        found = together
        most = float(np.max(found.of_rounds))
        is_progress = len(kept) == 1 or found.of_rounds[-1] > _BETTER * np.max(found.of_rounds[:-1])
        without_progress = 0 if is_progress else without_progress + 1
        if most >= _GOOD or without_progress >= _PATIENCE:
            break
        points, weights = thinned(found.points, found.log_weights, generator)
        if len(sizes) > _SIZES_KEPT:  # fitting many components takes the longest
            newest = found.efficiencies[-len(sizes) :]
            sizes = tuple(sizes[index] for index in sorted(np.argsort(-newest)[:_SIZES_KEPT]))
        if len(kept) == _ROUNDS_KEPT:  # the oldest goes, but never the best
            del kept[1 if found.best == 0 else 0]
    if not kept:
        raise ValueError("no rounds were asked for")
    return found.joined


@dataclass(frozen=True, eq=False)
class _Round:
    """Proposals in the same coordinates, draws [n, d], as many of each, and ln of the target [n] there."""

    proposals: tuple[Proposal, ...]
    points: Float64
    log_target: Float64

    def shares(self, efficiencies: Float64) -> Float64:
        """Return shares in which mixtures are joined: half of them equal, half by their efficiencies."""
        n = len(self.proposals)
        shares = 0.5 / n + 0.5 * efficiencies / max(float(np.sum(efficiencies)), 1e-300)
        return np.asarray(shares / np.sum(shares))

    def joined(self, efficiencies: Float64) -> Proposal:
        """Return one proposal of all mixtures."""
        mixtures = [proposal.mixture for proposal in self.proposals]
        return replace(self.proposals[0], mixture=joined(mixtures, self.shares(efficiencies)))


@dataclass(frozen=True, eq=False)
class _Together:
    """The draws [n, d] of several rounds, and what they say of all proposals [k] of these rounds."""

    rounds: tuple[_Round, ...]
    n_trial: int

    @cached_property
    def points(self) -> Float64:
        """The draws."""
        return np.concatenate([one.points for one in self.rounds])

    @cached_property
    def _log_target(self) -> Float64:
        return np.concatenate([one.log_target for one in self.rounds])

    @cached_property
    def _densities(self) -> Float64:
        """Logarithms of the densities of all proposals [k, n]."""
        return np.stack([proposal.log_density(self.points) for one in self.rounds for proposal in one.proposals])

    @cached_property
    def log_weights(self) -> Float64:
        """Logarithms of the weights [n] over the density of all proposals together."""
        return np.asarray(self._log_target - np.logaddexp.reduce(self._densities, axis=0))

    @cached_property
    def efficiencies(self) -> Float64:
        """Share of its draws that would be effective, for each proposal [k]."""
        return self._efficiency(self._densities)

    def _efficiency(self, log_density: Float64) -> Float64:
        """Return Z^2 / E_q[(p / q)^2] of densities [k, n], with the expectation taken over the posterior."""
        log_sum = float(np.logaddexp.reduce(self.log_weights))
        log_ratio = self._log_target - (log_sum - np.log(self.n_trial)) - log_density
        return np.asarray(np.exp(-np.logaddexp.reduce(self.log_weights - log_sum + log_ratio, axis=1)))

    @cached_property
    def _own(self) -> list[slice]:
        """Which of all proposals are those of each round."""
        ends = np.cumsum([0, *(len(one.proposals) for one in self.rounds)])
        return [slice(start, end) for start, end in pairwise(ends)]

    @cached_property
    def of_rounds(self) -> Float64:
        """The same share, for the joined proposal of each round."""
        together = [
            np.logaddexp.reduce(np.log(one.shares(self.efficiencies[part]))[:, None] + self._densities[part])
            for one, part in zip(self.rounds, self._own, strict=True)
        ]
        return self._efficiency(np.stack(together))

    @cached_property
    def best(self) -> int:
        """Number of the best round."""
        return int(np.argmax(self.of_rounds))

    @property
    def joined(self) -> Proposal:
        """The joined proposal of the best round."""
        return self.rounds[self.best].joined(self.efficiencies[self._own[self.best]])


def thinned(points: Float64, log_weights: Float64, generator: np.random.Generator) -> tuple[Float64, Float64]:
    """Return as many of weighted draws [n, d] as a fit needs, and their weights, of mean 1.

    Weights are softened first, so that enough of them count, and a draw that is chosen several times stands once, with
    the weight of that. Where too few count for a covariance however soft, all draws stand, those more than the others.
    """
    weights = softened(log_weights, _POINTS_PER_DIMENSION * points.shape[1])
    if np.count_nonzero(weights > _COUNTS * np.max(weights)) <= 2 * points.shape[1]:
        return points, 0.5 + 0.5 * weights
    if len(points) <= _POINTS_KEPT:
        return points, weights
    with np.errstate(divide="ignore"):
        chosen = resampled(np.log(weights), generator, _POINTS_KEPT)
    kept, counts = np.unique(chosen, return_counts=True)
    return points[kept], np.asarray(counts / np.mean(counts))
