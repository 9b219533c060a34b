"""bridge: the conditional evidence of data after a training set, from the posterior of the training set.

ln Z(D | T) = ln Z(D, T) - ln Z(T) is a small difference of two large numbers, each of which costs a nested sampling.
But it is also the mean likelihood of the data D over the posterior of the training set T,

    Z(D | T) = < L_D >  over  p(theta | T),

so that neither number is needed: points of that posterior are enough, and those are found cheaply where L_T is cheap
(see :mod:`crsea_infer.inference.samplers.training_walk`). Where few of the points have any L_D to speak of, the mean is
taken in steps: the power of L_D rises from 0 to 1 as far as leaves a share of the points effective, points are copied
by their weights, and move (Neal 2001, Statistics and Computing 11, 125; Del Moral, Doucet and Jasra 2006, J. R. Stat.
Soc. B 68, 411). The product of the mean weights is Z(D | T), and the last points are of the posterior of all data.

Parameters of which the training set knows nothing keep their prior under it, from which each point draws anew. All is
done in groups that know nothing of each other. The scatter between their ln Z is a part of its error; the other, 0.8,
is for what they have in common, a start that is narrower than the posterior of the training set.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.options import Count, SamplerOptions
from crsea_infer.inference.samplers.sampler import (
    CONVERGED,
    Counted,
    Sampler,
    SamplerResult,
    child_seed,
    standard_normal_log_density,
    to_unit,
)
from crsea_infer.inference.samplers.temperatures import next_temperature, resampled
from crsea_infer.inference.samplers.training_walk import difference_moves, fresh_moves, proposal_of, walked_groups
from crsea_infer.inference.target import TrainedTarget
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["METHOD", "Bridge", "BridgeOptions"]

METHOD = "mean likelihood over the posterior of the training set, in tempered steps"

_LARGEST_R_HAT = 1.05
_OF_START = 0.8  # error of ln Z by walkers that start too narrow, which the groups have in common; measured
_FIRST_SHARE = 0.25  # effective after the first rise: walked points are many, but not independent
_BLOCK = 4096


class BridgeOptions(SamplerOptions):
    """Options of the bridge from a training set to all data.

    Attributes
    ----------
    groups
        That know nothing of each other, at least 3; the scatter between them is a part of the error of ln Z.
    walkers
        Of each group, over the posterior of the training set: an even number, at least twice the parameters.
    spread
        Steps until they have spread out from the peaks; not used.
    steps
        Steps after that.
    particles
        Of each group, on the way from the training set to all data: an even number.
    moves
        Of the particles, at each power of the likelihood.
    effective_share
        Share of the particles that is effective after each rise of that power.
    largest_error
        Of ln Z(D | T), above which the groups are said not to agree.
    """

    groups: Count = Field(default=4, ge=3)
    walkers: Count = Field(default=128, ge=16, multiple_of=2)
    spread: Count = Field(default=1000, ge=0)
    steps: Count = Field(default=2000, ge=40)
    particles: Count = Field(default=512, ge=32, multiple_of=2)
    moves: Count = Field(default=40, ge=1)
    effective_share: float = Field(default=0.4, ge=0.05, le=0.95)
    largest_error: float = Field(default=1.2, gt=0.0)


@dataclass(frozen=True)
class Bridge(Sampler):
    """From the posterior of the training set to that of all data."""

    name: ClassVar[str] = "bridge"
    title: ClassVar[str] = "tempered bridge from the training set"
    gives_evidence: ClassVar[bool] = False
    gives_conditional: ClassVar[bool] = True
    duration: ClassVar[float] = 0.1
    precedence: ClassVar[int] = 5
    references: ClassVar[tuple[str, ...]] = ("arXiv:physics/9803008",)
    Options: ClassVar[type[SamplerOptions]] = BridgeOptions

    options: BridgeOptions = field(default_factory=BridgeOptions)

    def check(self, target: Target) -> None:
        """Refuse a target without a training set, and fewer walkers than twice its parameters."""
        if not isinstance(target, TrainedTarget):
            raise UserError(
                "the sampler bridge needs a training set, and this hypothesis has none here",
                valid="a run file in which every hypothesis has a training set (train_on)",
                fix="add train_on, or use the sampler dynesty or importance",
            )
        least = 2 * len(target.names)
        if self.options.walkers < least:
            raise UserError(
                f"bridge.walkers = {self.options.walkers} for {len(target.names)} parameters",
                valid=f"an even number >= {least}, twice the number of parameters",
                fix=f"write walkers = {least} or more under [samplers.bridge]",
            )

    def run(
        self,
        target: Target,
        seed: np.random.SeedSequence,
        checkpoint: Checkpoint,  # noqa: ARG002 -- some ten seconds, which begin again with the same numbers
        progress: Progress,
    ) -> SamplerResult:
        """Sample; see :class:`~crsea_infer.inference.samplers.sampler.Sampler`."""
        self.check(target)
        if not isinstance(target, TrainedTarget):
            raise TypeError("a target without a training set passed the check")
        options, started = self.options, time.perf_counter()
        counted = Counted(target.training)
        walked, known, told = walked_groups(
            counted,
            (options.groups, options.walkers),
            (options.spread, options.steps),
            np.random.default_rng(child_seed(seed, 0)),
            lambda share, words: progress(0.5 * share, words),
        )
        way = _Way(target, walked, known, np.random.default_rng(child_seed(seed, 1)))
        while not way.arrived:
            way.rise(options)
            way.move(options.moves)
            progress(0.5 + 0.5 * float(np.min(way.powers)), f"power {np.min(way.powers):.2g} of the likelihood")
        unit = to_unit(way.points.reshape(-1, way.points.shape[-1]))
        evidence = way.evidence()
        return SamplerResult(
            sampler=self.name,
            names=tuple(target.names),
            samples=np.asarray(target.prior_transform(unit)),
            unit_samples=unit,
            log_weights=np.zeros(len(unit)),
            log_likelihood=(way.trained + way.others).ravel(),
            evidence=None,
            conditional=evidence,
            n_calls=counted.n_calls + way.n_calls,
            wall_s=time.perf_counter() - started,
            diagnostics={
                "status": _status(evidence, told["training_r_hat"], options),
                "effective_samples": float(way.n_ancestors),
                "rises": float(way.n_rises),
                "accepted": 2.0 * way.accepted / max(way.n_moves, 1),
                "accepted_fresh": 2.0 * way.accepted_fresh / max(way.n_moves, 1),
                **told,
                **{f"lnz_group_{index + 1}": float(value) for index, value in enumerate(way.lnz)},
            },
        )


def _status(evidence: Evidence, r_hat: float, options: BridgeOptions) -> str:
    reasons = []
    if not r_hat <= _LARGEST_R_HAT:
        reasons.append(
            f"walkers over the training set have not mixed (R-hat {r_hat:.3f}, limit {_LARGEST_R_HAT}): "
            "raise bridge.steps"
        )
    if not evidence.lnz_err <= options.largest_error:
        reasons.append(
            f"ln Z of the groups scatters (error {evidence.lnz_err:.2f}, limit {options.largest_error:g}): "
            "raise bridge.particles or bridge.moves"
        )
    return "; ".join(reasons) or CONVERGED


class _Way:
    """Particles of k groups on the way from the training set to all data.

    Attributes
    ----------
    points
        In probit coordinates of all parameters [k, n, d].
    trained, others
        ln L of the training set and of the other data [k, n].
    powers, lnz
        Power of the likelihood of the others, and ln Z so far [k].
    """

    def __init__(
        self,
        target: TrainedTarget,
        walked: Float64,
        known: np.typing.NDArray[np.intp],
        generator: np.random.Generator,
    ) -> None:
        names = list(target.names)
        columns = np.array([names.index(name) for name in target.training.names], dtype=np.intp)[known]
        self.target, self.generator = target, generator
        self.n_calls = self.n_rises = self.n_moves = 0
        self.accepted = self.accepted_fresh = 0.0
        self.points = generator.standard_normal((*walked.shape[:2], len(names)))
        self.points[..., columns] = walked[..., known]
        self.trained, self.others = self._values(self.points)
        self.powers, self.lnz = np.zeros(len(walked)), np.zeros(len(walked))
        self._ancestors = np.tile(np.arange(walked.shape[1]), (len(walked), 1))

    @property
    def arrived(self) -> bool:
        """Whether all groups are at the posterior of all data."""
        return bool(np.all(self.powers >= 1.0))

    @property
    def n_ancestors(self) -> int:
        """How many points of the training set have descendants."""
        return sum(len(np.unique(own)) for own in self._ancestors)

    def rise(self, options: BridgeOptions) -> None:
        """Raise the powers, and copy points by their weights; the first time down to the number of particles."""
        n = self.points.shape[1]
        share = options.effective_share if self.n_rises else max(_FIRST_SHARE, min(0.5, options.particles / n))
        floor = np.where(np.isfinite(self.others), self.others, -1e12)  # outside the box of the sky model
        after = np.array([next_temperature(own, now, share) for own, now in zip(floor, self.powers, strict=True)])
        weights = (after - self.powers)[:, None] * self.others
        weights = np.where(np.isnan(weights), 0.0, weights)  # no rise of what is impossible
        self.lnz = self.lnz + np.logaddexp.reduce(weights, axis=1) - math.log(n)
        every = [
            self.generator.permutation(_thinned(resampled(own, self.generator), options.particles)) for own in weights
        ]
        chosen = np.stack(every)
        self.points = np.take_along_axis(self.points, chosen[..., None], axis=1)
        self.trained = np.take_along_axis(self.trained, chosen, axis=1)
        self.others = np.take_along_axis(self.others, chosen, axis=1)
        self._ancestors = np.take_along_axis(self._ancestors, chosen, axis=1)
        self.powers = after
        self.n_rises += 1

    def move(self, moves: int) -> None:
        """Move the particles at their powers."""
        d = self.points.shape[-1]

        def log_target(at: Float64) -> tuple[Float64, ...]:
            trained, others = self._values(at)
            prior = standard_normal_log_density(at.reshape(-1, d)).reshape(at.shape[:2])
            with np.errstate(invalid="ignore"):
                whole = trained + self.powers[:, None] * others + prior
            return np.where(np.isnan(whole), -np.inf, whole), trained, others

        values = (self._log_target_now(), self.trained, self.others)
        columns = np.arange(d)
        proposal = proposal_of(self.points, self.generator)
        for index in range(moves):
            if index % 2:
                fresh = fresh_moves(self.points, values, columns, log_target, proposal, self.generator)
                self.accepted_fresh += fresh
            else:
                self.accepted += difference_moves(self.points, values, columns, log_target, self.generator)
        self.n_moves += moves

    def _log_target_now(self) -> Float64:
        flat = self.points.reshape(-1, self.points.shape[-1])
        prior = standard_normal_log_density(flat).reshape(self.trained.shape)
        return np.asarray(self.trained + self.powers[:, None] * self.others + prior)

    def _values(self, points: Float64) -> tuple[Float64, Float64]:
        """Return ln L [k, n] of the training set and of the other data, at points [k, n, d]."""
        flat = points.reshape(-1, points.shape[-1])
        parts = [
            self.target.log_likelihoods(np.asarray(self.target.prior_transform(to_unit(flat[start : start + _BLOCK]))))
            for start in range(0, len(flat), _BLOCK)
        ]
        self.n_calls += len(flat)
        trained, others = (np.concatenate([np.asarray(part[index]) for part in parts]) for index in range(2))
        return trained.reshape(points.shape[:2]), others.reshape(points.shape[:2])

    def evidence(self) -> Evidence:
        """Return ln Z(D | T): of the mean of the groups, with the errors of their scatter and of their start."""
        k = len(self.lnz)
        return Evidence(
            float(np.logaddexp.reduce(self.lnz) - math.log(k)),
            math.hypot(float(np.std(self.lnz, ddof=1)) / math.sqrt(k), _OF_START),
            METHOD,
        )


def _thinned(chosen: np.typing.NDArray[Any], n: int) -> np.typing.NDArray[Any]:
    """Return n of the indices, evenly spread."""
    return chosen[(np.arange(n) * len(chosen)) // n]
