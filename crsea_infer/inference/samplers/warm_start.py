"""Evidence from what is known of a neighbouring posterior: other data errors, other widths of priors, a parameter more.

A neighbour leaves equally weighted samples and the proposal from which its own evidence came. Three ways lead from
there to the evidence of another posterior, the cheapest first, and each must pass the gates of importance sampling (the
effective sample, the Pareto k-hat, agreement of two repetitions, and an error that is not far from the goal):

*reweighting*: draws of the neighbour's proposal are weighted with the new prior times likelihood, where parameters are
the same. With z the coordinates in which the neighbour's prior is normal, q(z) its proposal and pi_old its prior, the
weight of theta(z) is L'(theta) pi'(theta) / pi_old(theta) x phi(z) / q(z).

*warm start*: the neighbour's samples, with draws from the prior in place of parameters that it lacks, walk a few steps;
a proposal is fitted to where they are and improved (:mod:`crsea_infer.inference.samplers.population`), in parts where
scouts find several peaks, twice, and drawn from until the error is small enough.

*from the prior*: importance sampling as in every run, when the neighbour leads nowhere; after that another sampler.

Which way it was is part of the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.inference.samplers.importance import Importance, ImportanceOptions
from crsea_infer.inference.samplers.neighbours import (
    SAMPLES,
    Neighbour,
    TargetWithPrior,
    covers,
    fitted,
    neighbour_of,
    resampled,
    start,
    weighted,
)
from crsea_infer.inference.samplers.peaks_apart import improved_apart
from crsea_infer.inference.samplers.population import Improving
from crsea_infer.inference.samplers.proposals import Proposal, effective_sample
from crsea_infer.inference.samplers.sampler import (
    CONVERGED,
    Counted,
    child_seed,
    no_progress,
    to_unit,
)
from crsea_infer.inference.samplers.scouts import find_peaks
from crsea_infer.inference.samplers.short_walks import walked
from crsea_infer.inference.samplers.weighted_draws import LARGEST_K_HAT, Estimate, refusals
from crsea_infer.support.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.inference.samplers.peaks_apart import Joined
    from crsea_infer.inference.samplers.sampler import Progress, Sampler, SamplerResult
    from crsea_infer.support.arrays import Float64

__all__ = ["FROM_PRIOR", "REWEIGHTED", "WARM", "Found", "WarmStart", "found_by"]

REWEIGHTED: Final = "reweighting"
WARM: Final = "warm start"
FROM_PRIOR: Final = "importance sampling"

_LARGEST_ERROR = 10.0  # of the goal: repetitions whose errors are larger agree with anything
_WORTH_REWEIGHTING = 0.03  # share of effective draws below which a new proposal is cheaper than more draws
_TRIAL = 1024
_BLOCK = 4096
_SCOUT_DRAWS = 2048  # of the prior, from which scouts are chosen: an option may have a peak that its neighbour lacks
_MOST_SCOUTS = 16
_STEPS_EACH = 4  # of a walk, for each parameter that the neighbour lacks


@dataclass(frozen=True, eq=False)
class Found:
    """An evidence, how it was found, and what it leaves for others.

    Attributes
    ----------
    lnz, lnz_err
        Natural log of the evidence and its one-sigma error; nan when every way was refused.
    method
        The way that gave it, or the last that was tried.
    k_hat, effective_samples
        Of the weights; nan for a nested sampler.
    n_calls
        Likelihood evaluations on all ways that were tried.
    status
        :data:`~crsea_infer.inference.samplers.sampler.CONVERGED`, or why there is no evidence.
    neighbour
        None when there is no evidence.
    """

    lnz: float
    lnz_err: float
    method: str
    k_hat: float
    effective_samples: float
    n_calls: int
    status: str
    neighbour: Neighbour | None


@dataclass(frozen=True)
class WarmStart:
    """How evidences are found from neighbours.

    Attributes
    ----------
    goal
        Error of ln Z at which drawing ends; an evidence whose error is above ten times that is refused.
    most_draws
        Weighted draws of a repetition at most.
    least_effective
        Effective sample below which an evidence is refused.
    walkers, steps
        Size and length of the walk from the neighbour's samples.
    components, rounds, trial
        Of proposals: most components, rounds of improvement, draws by which each is tried.
    importance
        When the neighbour leads nowhere.
    last
        Sampler when importance sampling is refused too; None for none.
    """

    goal: float = 0.02
    most_draws: int = 24_000
    least_effective: float = 500.0
    walkers: int = 192
    steps: int = 120
    components: int = 12
    rounds: int = 8
    trial: int = 2048
    importance: ImportanceOptions = field(default_factory=ImportanceOptions)
    last: Sampler | None = None

    def find(
        self,
        target: TargetWithPrior,
        neighbours: Sequence[Neighbour],
        seed: np.random.SeedSequence,
        progress: Progress,
    ) -> Found:
        """Return the evidence of a target.

        Parameters
        ----------
        neighbours
            Of the same hypothesis with other choices, those that are likely the nearest first.
        seed
            Of all random numbers; the result depends on it, the target and the neighbours alone.
        progress
            Told how far it is.
        """
        counted = Counted(target)
        if not counted.names:
            value = float(np.asarray(target.log_likelihood(np.zeros((1, 0))))[0])
            return Found(value, 0.0, "one point", -math.inf, math.inf, 1, CONVERGED, None)
        found = self._reweighted(target, counted, neighbours, child_seed(seed, 0), progress)
        if found is None and neighbours:
            found = self._walked(target, counted, neighbours, child_seed(seed, 1), progress)
        if found is None or found.status != CONVERGED:
            refused = "" if found is None else f"{found.method}: {found.status}; "
            # without neighbours it is what a run does, with the same numbers
            found = self._from_prior(target, child_seed(seed, 2) if neighbours else seed, progress)
            if found.status != CONVERGED and refused:
                found = replace(found, status=refused + found.status)
            counted.n_calls += found.n_calls
        return replace(found, n_calls=counted.n_calls)

    def _reweighted(
        self,
        target: TargetWithPrior,
        counted: Counted,
        neighbours: Sequence[Neighbour],
        seed: np.random.SeedSequence,
        progress: Progress,
    ) -> Found | None:
        """Weight draws of the best neighbour's proposal; None when there is no good one."""
        best, most = None, _WORTH_REWEIGHTING * _TRIAL
        for number, neighbour in enumerate(neighbours):
            if not covers(neighbour, target):
                continue
            weights, _ = weighted(neighbour, target, counted, _TRIAL, np.random.default_rng(child_seed(seed, number)))
            trial = Estimate.of(weights)
            if trial.effective > most and trial.k_hat < LARGEST_K_HAT:
                best, most = neighbour, trial.effective
        if best is None:
            return None
        progress(0.1, REWEIGHTED)
        share = most / _TRIAL
        if (1.0 / self.goal**2) / share > 2 * self.most_draws and share < 0.1:
            return None  # a proposal of its own needs fewer draws
        parts = [
            self._drawn(
                lambda n, generator: weighted(best, target, counted, n, generator),
                np.random.default_rng(child_seed(seed, 1000 + repetition)),
            )
            for repetition in range(2)
        ]
        own = _in_probit_of(best, target)
        found = self._judged(REWEIGHTED, target, parts, own)
        return found if found.status == CONVERGED else None

    def _walked(
        self,
        target: TargetWithPrior,
        counted: Counted,
        neighbours: Sequence[Neighbour],
        seed: np.random.SeedSequence,
        progress: Progress,
    ) -> Found | None:
        """Walk from the nearest neighbour's samples and fit proposals there, twice; None when no walker can start."""
        parts, proposals = [], []
        nearest = min(neighbours, key=lambda one: len(set(counted.names).difference(one.names)))
        new = len(set(counted.names).difference(nearest.names))
        steps = self.steps + _STEPS_EACH * new  # what is drawn from the prior has further to go
        peaks, _ = find_peaks(counted, _SCOUT_DRAWS, np.random.default_rng(child_seed(seed, 2)), _MOST_SCOUTS)

        for repetition in range(2):
            own = [child_seed(child_seed(seed, repetition), index) for index in range(4)]
            walkers = start(nearest, target, counted, self.walkers, np.random.default_rng(own[0]))
            if walkers is None:
                return None
            progress(0.1 + 0.4 * repetition, f"{WARM}, walk {repetition + 1} of 2")
            points = walked(counted.log_target, *walkers, steps, own[1], no_progress)
            proposal = improved_apart(points, peaks, counted.log_target, self._improving, own[2])
            proposals.append(proposal)

            def draw(
                n: int, generator: np.random.Generator, proposal: Proposal | Joined = proposal
            ) -> tuple[Float64, Float64]:
                points = proposal.draw(n, generator)
                return counted.log_target(points) - proposal.log_density(points), points

            progress(0.3 + 0.4 * repetition, f"{WARM}, draws {repetition + 1} of 2")
            parts.append(self._drawn(draw, np.random.default_rng(own[3])))
        better = proposals[int(np.argmax([effective_sample(weights) / len(weights) for weights, _ in parts]))]
        return self._judged(WARM, target, parts, better if isinstance(better, Proposal) else None)

    @property
    def _improving(self) -> Improving:
        return Improving(
            sizes=tuple(dict.fromkeys((1, max(self.components // 4, 1), self.components))),
            freedom=self.importance.freedom,
            prior_share=self.importance.prior_share,
            rounds=self.rounds,
            n_trial=self.trial,
        )

    def _drawn(self, draw: Any, generator: np.random.Generator) -> tuple[Float64, Float64]:
        """Draw in blocks until the error of both repetitions together is at the goal; return ln weights and points."""
        weights: list[Float64] = []
        points: list[Float64] = []
        n = 0
        while n < self.most_draws:
            size = min(_BLOCK, self.most_draws - n)
            log_weights, drawn = draw(size, generator)
            weights.append(log_weights)
            points.append(drawn)
            n += size
            if Estimate.of(np.concatenate(weights)).lnz_err < math.sqrt(2.0) * self.goal:
                break
        return np.concatenate(weights), np.concatenate(points)

    def _judged(
        self,
        method: str,
        target: TargetWithPrior,
        parts: Sequence[tuple[Float64, Float64]],
        proposal: Proposal | None,
    ) -> Found:
        """Hold two repetitions against the gates."""
        first, other = (Estimate.of(weights) for weights, _ in parts)
        shortest = min(len(weights) for weights, _ in parts)
        log_weights = np.concatenate([weights[:shortest] for weights, _ in parts])  # so that both count alike
        points = np.concatenate([drawn[:shortest] for _, drawn in parts])
        together = Estimate.of(log_weights)
        k_hat = max(first.k_hat, other.k_hat)
        reasons = refusals((first, other), 0.0)
        if together.effective < self.least_effective:
            reasons.append(f"the effective sample is {together.effective:.0f}, below {self.least_effective:g}")
        lnz_err = max(together.lnz_err, 0.5 * abs(first.lnz - other.lnz))
        if not lnz_err <= _LARGEST_ERROR * self.goal:
            reasons.append(f"the error of ln Z is {lnz_err:.2f}, limit {_LARGEST_ERROR * self.goal:g}")
        if reasons:
            return Found(math.nan, math.nan, method, k_hat, together.effective, 0, "; ".join(reasons), None)
        chosen = resampled(log_weights, SAMPLES)
        samples = np.asarray(target.prior_transform(to_unit(points[chosen])))
        if proposal is None:
            proposal = fitted(points[chosen], self.components, self.importance.freedom, self.importance.prior_share)
        neighbour = Neighbour(target.names, target.prior.distributions, samples, proposal)
        return Found(together.lnz, lnz_err, method, k_hat, together.effective, 0, CONVERGED, neighbour)

    def _from_prior(self, target: TargetWithPrior, seed: np.random.SeedSequence, progress: Progress) -> Found:
        """Sample from the prior, by importance sampling and, where that is refused, by the last sampler."""
        least = 2 * len(target.names)
        options = self.importance
        if options.walkers < least:
            options = options.model_copy(update={"walkers": least})
        calls = 0
        result: SamplerResult | None = None
        for sampler in (Importance(options), self.last):
            if sampler is None:
                continue
            result = sampler.run(target, seed, Checkpoint(None), progress)
            calls += result.n_calls
            if result.evidence is not None and result.converged:
                break
        if result is None:
            raise ValueError("importance sampling gave no result")
        return replace(found_by(result, target, self), n_calls=calls)


def found_by(result: SamplerResult, target: TargetWithPrior, how: WarmStart) -> Found:
    """Return what a sampler found, in the form of this module."""
    method = FROM_PRIOR if result.sampler == Importance.name else result.sampler
    k_hat, effective = (float(result.diagnostics.get(key, math.nan)) for key in ("pareto_k_hat", "effective_samples"))
    if result.evidence is None or not result.converged:
        return Found(
            math.nan, math.nan, method, k_hat, effective, result.n_calls, str(result.diagnostics["status"]), None
        )
    return Found(
        result.evidence.lnz,
        result.evidence.lnz_err,
        result.evidence.method,
        k_hat,
        effective,
        result.n_calls,
        CONVERGED,
        neighbour_of(result, target, how.components, how.importance.freedom, how.importance.prior_share),
    )


def _in_probit_of(neighbour: Neighbour, target: TargetWithPrior) -> Proposal | None:
    """Return the neighbour's proposal in the target's coordinates; None where priors differ, so that they do too."""
    if neighbour.distributions == target.prior.distributions and neighbour.names == target.names:
        return neighbour.proposal
    return None
