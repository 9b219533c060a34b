"""ln Z of one of very many data sets, for a fiftieth of what importance sampling from the prior costs.

Forecasts need the evidences of thousands of simulated data sets, each to a tenth. In probit coordinates the prior is a
standard normal and most posteriors are nearly normal, so:

1. *peak*: from the best of some prior draws, Gauss-Newton steps on the pulls of the data reach the peak; with J the
   derivatives of the pulls there, a Student-t with scale matrix (1 + J^T J)^-1 and a few per cent of the prior are the
   proposal, and two lots of its draws are weighted;
2. *fit*: unless nearly all of these draws count, a Student-t is fitted to all that were drawn so far, with the weights
   of the joint proposal (Cornuet et al. 2012, arXiv:0907.1254), and more is drawn from it; some rounds of this;
3. *tempered*: where that is refused, a thousand particles led from the prior to the posterior
   (:mod:`crsea_infer.inference.samplers.tempered_particles`), for some thirty times as much. Importance sampling from
   the prior is no way here: where the fit is refused, it is refused too, or passes its gates and lacks up to 0.5, or
   fifteen of its errors (five of nine posteriors of SWGO, held against 2048 particles).

A round gives an evidence by its own draws alone, on which its proposal does not depend. **Weights alone do not say
that a proposal lacks something.** The normal at the peak of a skew posterior lacks a skirt that few of its draws see:
ln Z is low by 0.1 to 0.4, three to five stated errors, with a k-hat of 0.3 to 0.6 (measured on sharp posteriors, data
with ten times the exposure of today's). So before the last rounds an evidence is taken only where a share of 0.3 of
the draws is effective and k-hat is below 0.5, and nowhere was one seen that lacked more than its error; the last rounds
have what earlier ones found in their proposals, and half of the step from the round before in their error.

The gates of all are those of importance sampling: the effective sample, the Pareto k-hat, agreement of two lots. What
no way gives is said to be refused. Distinct peaks that the starts lead to all enter the proposal. A peak that none of
them leads to is missed, as it may be by any sampler; the simulated evidences of docs/forecasts.md were held against
importance sampling from the prior.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from crsea_infer.inference.samplers.mixtures import StudentMixture, fit_mixture
from crsea_infer.inference.samplers.proposals import Proposal, softened
from crsea_infer.inference.samplers.sampler import child_seed, no_progress, standard_normal_log_density, to_unit
from crsea_infer.inference.samplers.smc_options import SmcOptions
from crsea_infer.inference.samplers.tempered_particles import Smc
from crsea_infer.inference.samplers.weighted_draws import Estimate, refusals
from crsea_infer.support.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64

    LogTarget = Callable[[Float64], Float64]

__all__ = ["REFUSED", "WAYS", "PeakEvidence", "PeakOptions", "TargetWithPulls", "peak_evidence"]

WAYS: Final = ("peak", "fit", "tempered")
"""The ways to an evidence, by number."""

REFUSED: Final = -1
"""In place of the number of a way, where all were refused."""

_STEP: Final = 1e-3  # of numerical derivatives, in standard deviations of the prior
_FARTHEST: Final = 6.0  # probit coordinates beyond which no peak is looked for
_SHORTENED: Final = (1.0, 0.5, 0.2, 0.05)  # of a step, of which the best is taken
_ENOUGH: Final = 1e-2  # gain in ln posterior at which a peak is reached
_BESIDE: Final = 6.0  # a peak so much lower in ln posterior is left out
_DISTINCT: Final = 2.0  # standard deviations between peaks that are two
_FREEDOM: Final = 8.0  # degrees of freedom of what is fitted
_POINTS_PER_DIMENSION: Final = 20.0  # effective points to which weights are softened before a fit
_MOST_FITTED: Final = 20_000  # of the points drawn last


TEMPERED: Final = SmcOptions(particles=256, components=8, draws=4000, least_effective=100.0)
"""Settings of the last way."""


class TargetWithPulls(Protocol):
    """A target that knows how far its data lie from its predictions."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the n parameters."""

    def prior_transform(self, unit: Float64) -> Float64:
        """Map the unit cube u [..., n] to parameters theta [..., n]."""

    def log_likelihood(self, theta: Float64) -> Float64:
        """Return ln L [...] of theta [..., n]."""

    def pulls(self, theta: Float64) -> Float64:
        """Return (data - prediction) / error [..., n_data]."""


@dataclass(frozen=True)
class PeakOptions:
    """Options of :func:`peak_evidence`.

    Attributes
    ----------
    scouts, starts
        Prior draws, and how many of the best of them lead to a peak.
    steps
        Gauss-Newton steps at most.
    draws
        Weighted draws of each of the two lots in the first rounds, whose evidences are taken only when they are good.
    last_draws
        The same of the last rounds, whose evidences are taken when the gates let them pass.
    good_share, good_k_hat
        Effective share of the draws, and k-hat, at which an evidence is good.
    freedom, widening, prior_share
        Degrees of freedom of the proposal at the peak, factor on its width, and the share of the prior.
    least_effective
        Effective sample below which an evidence is refused: 100 for ln Z to a tenth.
    tempered
        Settings of the particles.
    """

    scouts: int = 256
    starts: int = 3
    steps: int = 8
    draws: tuple[int, ...] = (1000, 1000, 2000)
    last_draws: tuple[int, ...] = (4000, 8000)
    good_share: float = 0.3
    good_k_hat: float = 0.5
    freedom: float = 20.0
    widening: float = 1.1
    prior_share: float = 0.03
    least_effective: float = 100.0
    tempered: SmcOptions = TEMPERED


@dataclass(frozen=True)
class PeakEvidence:
    """An evidence, and how it was found.

    Attributes
    ----------
    lnz, lnz_err
        nan where all ways were refused.
    way
        Place in :data:`WAYS`, or :data:`REFUSED`.
    """

    lnz: float
    lnz_err: float
    way: int


def peak_evidence(
    target: TargetWithPulls, seed: np.random.SeedSequence, options: PeakOptions | None = None
) -> PeakEvidence:
    """Return the evidence of a target, by the first of the :data:`WAYS` that passes the gates."""
    options = PeakOptions() if options is None else options
    generator = np.random.default_rng(child_seed(seed, 0))

    def log_target(probit: Float64) -> Float64:
        theta = target.prior_transform(to_unit(probit))
        return np.asarray(target.log_likelihood(theta) + standard_normal_log_density(probit))

    rounds = _Rounds(_proposal(target, log_target, options, generator), log_target, options, generator)
    for n in options.draws:
        if found := rounds.drawn(n, only_good=True):
            return found
    for n in options.last_draws:
        if found := rounds.drawn(n, only_good=False):
            return found
    return _tempered(target, seed, options)


class _Rounds:
    """Rounds of weighted draws, each from a proposal that was fitted to those before."""

    def __init__(
        self, proposal: Proposal, log_target: LogTarget, options: PeakOptions, generator: np.random.Generator
    ) -> None:
        self._next, self._log_target, self._options, self._generator = proposal, log_target, options, generator
        self._proposals: list[Proposal] = []
        self._points: list[Float64] = []
        self._values: list[Float64] = []  # ln of prior times likelihood
        self._before = math.nan  # ln Z of the round before

    def drawn(self, n: int, *, only_good: bool) -> PeakEvidence | None:
        """Draw two lots of n from the next proposal; return their evidence if it is to be taken."""
        if self._proposals and not self._fitted():
            return None
        proposal = self._next
        points = [proposal.draw(n, self._generator) for _ in range(2)]
        values = [self._log_target(lot) for lot in points]
        weights = [value - proposal.log_density(lot) for value, lot in zip(values, points, strict=True)]
        self._proposals.append(proposal)
        self._points.append(np.concatenate(points))
        self._values.append(np.concatenate(values))
        return self._judged(weights, only_good=only_good)

    def _fitted(self) -> bool:
        """Fit the next proposal to all draws so far; return whether they are enough."""
        points, values = np.concatenate(self._points), np.concatenate(self._values)
        counts = [len(lot) for lot in self._points]
        own = [one.log_density(points) + math.log(k) for one, k in zip(self._proposals, counts, strict=True)]
        weights = values - np.logaddexp.reduce(own, axis=0)
        n_dimensions = points.shape[1]
        if np.isfinite(weights).sum() <= n_dimensions:
            return False
        each = softened(weights, _POINTS_PER_DIMENSION * n_dimensions)[-_MOST_FITTED:]
        size = len(self._proposals[0].mixture.shares)  # one for each peak
        mixture = fit_mixture(points[-_MOST_FITTED:], size, _FREEDOM, self._generator, each / np.mean(each))
        self._next = Proposal(mixture, self._options.prior_share)
        return True

    def _judged(self, weights: Sequence[Float64], *, only_good: bool) -> PeakEvidence | None:
        """Return the evidence if it passes the gates."""
        options = self._options
        lots = [Estimate.of(lot) for lot in weights]
        together = Estimate.of(np.concatenate(weights))
        step = together.lnz - self._before if np.isfinite(self._before) else 0.0
        self._before = together.lnz
        # each lot has about half of the effective sample, so that the gate on it is on both together
        if refusals(lots, 0.0) or together.effective < options.least_effective:
            return None
        share = together.effective / sum(len(lot) for lot in weights)
        if only_good and not (share >= options.good_share and together.k_hat < options.good_k_hat):
            return None
        error = max(together.lnz_err, 0.5 * abs(lots[0].lnz - lots[1].lnz), 0.5 * abs(step))
        return PeakEvidence(together.lnz, error, 0 if len(self._proposals) == 1 else 1)


def _tempered(target: Target, seed: np.random.SeedSequence, options: PeakOptions) -> PeakEvidence:
    way = WAYS.index("tempered")
    found = Smc(options.tempered).run(target, child_seed(seed, way), Checkpoint(None), no_progress).evidence
    return PeakEvidence(math.nan, math.nan, REFUSED) if found is None else PeakEvidence(found.lnz, found.lnz_err, way)


def _proposal(
    target: TargetWithPulls, log_target: LogTarget, options: PeakOptions, generator: np.random.Generator
) -> Proposal:
    """Climb from the best of some prior draws, and return the proposal at the peaks."""
    scouts = generator.standard_normal((options.scouts, len(target.names)))
    best = np.argsort(-log_target(scouts))[: options.starts]
    peaks, heights, precisions = _climbed(target, log_target, scouts[best], options.steps)
    if not np.isfinite(heights).any():  # nowhere to start from: the prior itself, whose weights will be refused
        d = len(target.names)
        whole = StudentMixture(np.ones(1), np.zeros((1, d)), np.eye(d)[None], options.freedom)
        return Proposal(whole, options.prior_share)
    kept: list[int] = []
    for one in np.argsort(-heights):
        offsets = peaks[one] - peaks[kept]
        distances = np.einsum("ki,kij,kj->k", offsets, precisions[kept], offsets)
        if heights[one] > np.max(heights) - _BESIDE and np.all(distances > _DISTINCT**2):
            kept.append(int(one))
    covariances = np.linalg.inv(precisions[kept])
    factors = np.linalg.cholesky(covariances)
    log_sizes = heights[kept] + np.sum(np.log(np.diagonal(factors, axis1=1, axis2=2)), axis=1)
    shares = np.exp(log_sizes - np.max(log_sizes))
    mixture = StudentMixture(shares / np.sum(shares), peaks[kept], options.widening * factors, options.freedom)
    return Proposal(mixture, options.prior_share)


def _climbed(
    target: TargetWithPulls, log_target: LogTarget, starts: Float64, steps: int
) -> tuple[Float64, Float64, Float64]:
    """Return peaks [k, d], ln posterior [k] and precision matrices [k, d, d] there."""
    points, heights = starts.copy(), log_target(starts)
    k, d = points.shape
    rows = np.arange(k)
    around = np.concatenate([np.zeros((1, d)), _STEP * np.eye(d)])
    precisions = np.broadcast_to(np.eye(d), (k, d, d))
    for _ in range(steps):
        near = np.clip(points, -_FARTHEST, _FARTHEST)[:, None] + around
        pulls = target.pulls(target.prior_transform(to_unit(near.reshape(-1, d)))).reshape(k, d + 1, -1)
        slopes = (pulls[:, 1:] - pulls[:, :1]) / _STEP  # [k, d, n_data]
        usable = np.all(np.isfinite(slopes), axis=(1, 2), keepdims=True)  # outside the box of the sky model it is not
        slopes = np.where(usable, slopes, 0.0)
        precisions = np.eye(d) + slopes @ np.swapaxes(slopes, 1, 2)
        downhill = points + (slopes @ np.where(usable, pulls[:, 0, :, None], 0.0))[..., 0]
        step = -np.linalg.solve(precisions, downhill[..., None])[..., 0]
        tried = np.clip(points[:, None] + step[:, None] * np.array(_SHORTENED)[:, None], -_FARTHEST, _FARTHEST)
        values = log_target(tried.reshape(-1, d)).reshape(k, -1)
        which = np.argmax(values, axis=1)
        gains = values[rows, which] - heights
        is_higher = gains > 0.0
        points = np.where(is_higher[:, None], tried[rows, which], points)
        heights = np.where(is_higher, values[rows, which], heights)
        if np.max(gains) < _ENOUGH:
            break
    return points, heights, precisions
