"""A posterior of several peaks, in parts that have one each.

In thirty dimensions a fit that has to follow two peaks at once follows neither, and the draws of a proposal that lacks
one of them say nothing of it: two repetitions agree, and both are wrong. Where scouts have found several peaks that
matter (:mod:`crsea_infer.inference.samplers.scouts`), every point belongs to the peak whose normal has the highest
density there; a proposal is made for each of these territories by itself, and they are joined in proportion to what
their territories hold. Weights are those of the joint proposal, so that it does not matter where the borders run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.inference.samplers.population import improved
from crsea_infer.inference.samplers.sampler import child_seed, no_progress
from crsea_infer.inference.samplers.scouts import missed_peaks
from crsea_infer.inference.samplers.short_walks import walked

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.samplers.population import Improving
    from crsea_infer.inference.samplers.proposals import Proposal
    from crsea_infer.inference.samplers.scouts import Peak
    from crsea_infer.support.arrays import Float64

__all__ = ["Joined", "improved_apart", "peaks_that_matter", "territory_of"]

_MATTERS: Final = 6.0  # a peak of e^-6 of the largest, by its height and width alone, gets no territory of its own
_FEWEST: Final = 20  # different points near a peak, for each dimension, that are enough for a fit
_WALKERS: Final = 256  # from a peak of which the chain has fewer; fewer where few may start
_STEPS: Final = 100
_DRAWS_EACH: Final = 4  # of the normal of a peak, for a walker that may start
_SHARE_OF_PEAK: Final = 8  # where one peak matters, each that the walk missed is given one in so many of its points
_COUNTS: Final = 1e-3  # of the largest weight: what weighs less tells nothing of a peak
_EQUAL_SHARE: Final = 0.2  # of the draws, for all territories alike


@dataclass(frozen=True, eq=False)
class Joined:
    """Several proposals [k] in given shares [k]."""

    proposals: tuple[Proposal, ...]
    shares: Float64

    def draw(self, n: int, generator: np.random.Generator) -> Float64:
        """Draw points [n, d]."""
        counts = generator.multinomial(n, self.shares)
        draws = [proposal.draw(int(count), generator) for proposal, count in zip(self.proposals, counts, strict=True)]
        return np.asarray(np.concatenate(draws)[generator.permutation(n)])

    def log_density(self, points: Float64) -> Float64:
        """Return the logarithm of the density [n] at points [n, d]."""
        densities = np.stack([proposal.log_density(points) for proposal in self.proposals])
        return np.asarray(np.logaddexp.reduce(np.log(self.shares)[:, None] + densities, axis=0))


def peaks_that_matter(peaks: tuple[Peak, ...]) -> tuple[Peak, ...]:
    """Return the peaks that may hold a part of the evidence."""
    highest = max((peak.log_mass for peak in peaks), default=0.0)
    return tuple(peak for peak in peaks if peak.log_mass > highest - _MATTERS)


def territory_of(peaks: tuple[Peak, ...], points: Float64) -> np.typing.NDArray[np.intp]:
    """Return to which of the peaks points [n, d] belong [n]."""
    distances = []
    for peak in peaks:
        white = np.linalg.solve(peak.factor, (points - peak.centre).T)
        distances.append(np.sum(white**2, axis=0) + 2.0 * np.sum(np.log(np.diagonal(peak.factor))))
    return np.asarray(np.argmin(np.stack(distances), axis=0))


def _walked_from(peak: Peak, log_target: Callable[[Float64], Float64], seed: np.random.SeedSequence) -> Float64:
    """Return points [n, d] of a walk that starts at a peak; draws of its normal where hardly any is in the target."""
    least = max(2 * len(peak.centre), 4)  # each half needs a pair
    walkers = max(_WALKERS, least)
    draws = peak.draw(_DRAWS_EACH * walkers, np.random.default_rng(child_seed(seed, 0)))
    values = log_target(draws)
    good = np.flatnonzero(np.isfinite(values))[:walkers]
    good = good[: len(good) // 2 * 2]  # walkers move in two halves
    if len(good) < least:
        return draws
    return walked(log_target, draws[good], values[good], _STEPS, child_seed(seed, 1), no_progress)


def improved_apart(
    points: Float64,
    peaks: tuple[Peak, ...],
    log_target: Callable[[Float64], Float64],
    how: Improving,
    seed: np.random.SeedSequence,
    weights: Float64 | None = None,
) -> Proposal | Joined:
    """Return the best proposal found; one of several parts where several peaks matter.

    Where one matters, draws of peaks that the points lack are added to them. Lesser peaks beside several that matter
    are left to the share of the prior.

    Parameters
    ----------
    points
        From a chain, or weighted draws [n, d], near the posterior.
    peaks
        That scouts found.
    log_target
        ln of prior times likelihood [n] of points [n, d].
    how
        Of each part; see :func:`~crsea_infer.inference.samplers.population.improved`.
    weights
        Of the points [n], of mean 1; None where they are equal.
    """
    weights = np.ones(len(points)) if weights is None else weights
    apart = peaks_that_matter(peaks)
    generator = np.random.default_rng(seed)
    if len(apart) < 2:
        more = [peak.draw(len(points) // _SHARE_OF_PEAK, generator) for peak in missed_peaks(peaks, points)]
        points = np.concatenate([points, *more])
        weights = np.concatenate([weights, *(np.ones(len(draws)) for draws in more)])
        return improved(points, log_target, how, generator, weights)
    belongs = territory_of(apart, points)
    proposals, masses = [], []
    for index, peak in enumerate(apart):

        def within(points: Float64, index: int = index) -> Float64:
            values = np.full(len(points), -np.inf)
            own = territory_of(apart, points) == index
            if own.any():
                values[own] = log_target(points[own])
            return values

        start, counts = points[belongs == index], weights[belongs == index]
        known = peak.is_near(start) & (counts > _COUNTS * np.max(counts, initial=0.0))
        if len(np.unique(start[known], axis=0)) < _FEWEST * points.shape[1]:
            start = _walked_from(peak, within, child_seed(seed, index))
            counts = np.ones(len(start))
        proposal = improved(start, within, how, generator, counts / np.mean(counts))
        draws = proposal.draw(how.n_trial, generator)
        proposals.append(proposal)
        masses.append(float(np.logaddexp.reduce(within(draws) - proposal.log_density(draws))))
    held = np.exp(np.array(masses) - max(masses)) if np.isfinite(max(masses)) else np.ones(len(masses))
    shares = _EQUAL_SHARE / len(apart) + (1.0 - _EQUAL_SHARE) * held / np.sum(held)
    return Joined(tuple(proposals), shares)
