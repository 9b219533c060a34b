"""What one posterior leaves for a neighbouring one: samples, a proposal, and how both are seen with other priors.

Neighbours have parameters in common by name. Samples are kept as parameters, because the coordinates in which a prior
is normal change with the prior; a proposal is kept in the coordinates of its own posterior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from crsea_infer.hypotheses.distributions import Product
from crsea_infer.inference.samplers.marginals import fit_marginals
from crsea_infer.inference.samplers.mixtures import fit_mixture, joined
from crsea_infer.inference.samplers.proposals import Proposal, freedom_for
from crsea_infer.inference.samplers.sampler import standard_normal_log_density, to_probit, to_unit

if TYPE_CHECKING:
    from crsea_infer.hypotheses.distributions import Distribution
    from crsea_infer.inference.samplers.sampler import Counted, SamplerResult
    from crsea_infer.support.arrays import Array, Float64

__all__ = [
    "SAMPLES",
    "Neighbour",
    "TargetWithPrior",
    "covers",
    "fitted",
    "neighbour_of",
    "resampled",
    "start",
    "weighted",
]

SAMPLES = 1024
"""Samples that a neighbour leaves."""

_FARTHEST = 7.0  # probit coordinates beyond which no walker starts
_LAST = 8.2  # and beyond which no draw is told apart


class TargetWithPrior(Protocol):
    """A target that knows its prior as a product of distributions."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the n parameters."""

    @property
    def prior(self) -> Product:
        """Prior of the n parameters."""

    def prior_transform(self, unit: Array) -> Array:
        """Map the unit cube u [..., n] to parameters theta [..., n]."""

    def log_likelihood(self, theta: Array) -> Array:
        """Return ln L [...] of theta [..., n]."""


@dataclass(frozen=True, eq=False)
class Neighbour:
    """What one posterior leaves for the next.

    Attributes
    ----------
    names
        Of its d parameters.
    distributions
        Their priors.
    samples
        Parameters [n, d], equally weighted.
    proposal
        From which its evidence came, in the coordinates in which its prior is normal.
    """

    names: tuple[str, ...]
    distributions: tuple[Distribution, ...]
    samples: Float64
    proposal: Proposal


def neighbour_of(
    result: SamplerResult,
    target: TargetWithPrior,
    components: int = 12,
    freedom: float = 3.0,
    prior_share: float = 0.03,
) -> Neighbour:
    """Return what the samples of a sampler leave for others: a proposal is fitted to them."""
    n = len(result.samples)
    log_weights = np.zeros(n) if result.log_weights is None else result.log_weights
    chosen = resampled(log_weights, 4 * SAMPLES)
    proposal = fitted(to_probit(result.unit_samples[chosen]), components, freedom, prior_share)
    samples = result.samples[chosen[:: len(chosen) // SAMPLES]]
    return Neighbour(target.names, target.prior.distributions, samples, proposal)


def fitted(points: Float64, components: int, freedom: float, prior_share: float) -> Proposal:
    """Fit a proposal to equally weighted points [n, d] in probit coordinates."""
    generator = np.random.default_rng(0)
    marginals = fit_marginals(points)
    straight = marginals.straightened(points)[0]
    freedom = freedom_for(freedom, points.shape[1])
    mixtures = [fit_mixture(straight, size, freedom, generator) for size in (1, components)]
    return Proposal(joined(mixtures, np.array([0.3, 0.7])), prior_share, marginals)


def resampled(log_weights: Float64, n: int) -> np.typing.NDArray[np.intp]:
    """Return the indices [n] of an equally weighted sample, evenly spread over the weights."""
    weights = np.exp(log_weights - np.max(log_weights))
    cumulative = np.cumsum(weights) / np.sum(weights)
    order = np.searchsorted(cumulative, (np.arange(n) + 0.5) / n).clip(max=len(log_weights) - 1)
    return np.asarray(np.random.default_rng(0).permutation(order))


def covers(neighbour: Neighbour, target: TargetWithPrior) -> bool:
    """Return whether the neighbour has the same parameters, and priors that reach wherever the target's do."""
    if sorted(neighbour.names) != sorted(target.names):
        return False
    old = dict(zip(neighbour.names, neighbour.distributions, strict=True))
    return all(
        old[name].lower <= wanted.lower and old[name].upper >= wanted.upper
        for name, wanted in zip(target.names, target.prior.distributions, strict=True)
    )


def weighted(
    neighbour: Neighbour, target: TargetWithPrior, counted: Counted, n: int, generator: np.random.Generator
) -> tuple[Float64, Float64]:
    """Return ln weights [n] of draws of the neighbour's proposal, and the draws in the target's probit coordinates."""
    points = neighbour.proposal.draw(n, generator)
    old = Product(neighbour.distributions)
    theta = np.asarray(old.prior_transform(to_unit(points)))
    log_weights = standard_normal_log_density(points) - neighbour.proposal.log_density(points)
    columns = [neighbour.names.index(name) for name in target.names]
    changed = np.asarray(target.prior.log_pdf(theta[:, columns])) - np.asarray(old.log_pdf(theta))
    inside = np.isfinite(changed)
    values = np.full(n, -np.inf)
    own = theta[inside][:, columns]
    if not len(own):
        return values, np.zeros((n, len(columns)))
    values[inside] = np.asarray(target.log_likelihood(own))
    counted.n_calls += len(own)
    probit = np.clip(target.prior.to_probit(np.where(inside[:, None], theta[:, columns], own[:1])), -_LAST, _LAST)
    return np.where(inside, values + log_weights + np.where(inside, changed, 0.0), -np.inf), probit


def start(
    neighbour: Neighbour, target: TargetWithPrior, counted: Counted, n: int, generator: np.random.Generator
) -> tuple[Float64, Float64] | None:
    """Return walkers [n, d] in probit coordinates, and ln of the target [n] there; None when too few can start."""
    n = max(n, 2 * len(target.names))
    rows = generator.integers(len(neighbour.samples), size=4 * n)
    probit = generator.standard_normal((4 * n, len(target.names)))
    for name in (name for name in target.names if name in neighbour.names):
        column = target.names.index(name)
        distribution = target.prior.distributions[column]
        values = neighbour.samples[rows, neighbour.names.index(name)]
        values = np.clip(values, distribution.lower, distribution.upper)
        probit[:, column] = Product((distribution,)).to_probit(values[:, None])[:, 0]
    probit = np.clip(probit, -_FARTHEST, _FARTHEST)
    # samples are drawn with replacement: no two walkers may stand on one point
    probit += 1e-3 * generator.standard_normal(probit.shape)
    log_target = counted.log_target(probit)
    good = np.flatnonzero(np.isfinite(log_target))[:n]
    return (probit[good], log_target[good]) if len(good) == n else None
