"""bridge: the conditional evidence of data after a training set, from the posterior of the training set.

ln Z(D | T) = ln Z(D, T) - ln Z(T) is a small difference of two large numbers, each of which costs a nested sampling.
But it is also the mean likelihood of the data D over the posterior of the training set T,

    Z(D | T) = < L_D >  over  p(theta | T),

so that neither number is needed: points of that posterior are enough, and those are found cheaply where L_T is cheap
(see :mod:`crsea_infer.inference.samplers.training_walk`). Where few of the points have any L_D to speak of, the mean is
taken in steps: the power of L_D rises from 0 to 1 as far as leaves a share of the points effective, points are copied
by their weights, and move (Neal 2001, Statistics and Computing 11, 125; Del Moral, Doucet and Jasra 2006, J. R. Stat.
Soc. B 68, 411). The points of all powers together give Z(D | T) (see
:mod:`crsea_infer.inference.samplers.temperatures`), and the last are of the posterior of all data.

Parameters of which the training set knows nothing keep their prior under it, from which each point draws anew. All is
done in groups that share nothing but the mixtures by which they move. The scatter between their ln Z is a part of its
error; the other, 0.3, is for what all have in common, moves that leave something of where points were.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.block_moves import round_of_moves
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
from crsea_infer.inference.samplers.temperatures import evidence_of_all, risen
from crsea_infer.inference.samplers.training_walk import IMPOSSIBLE, walked_groups
from crsea_infer.inference.target import TrainedTarget
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.samplers.training_walk import Walked
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["METHOD", "Bridge", "BridgeOptions"]

METHOD = "mean likelihood over the posterior of the training set, in tempered steps"

_LARGEST_R_HAT = 1.05
_MOST_GROWTH = 0.2  # of the width of a coordinate over its rounds; noise and one slow slope make 0.05 to 0.14
_IN_COMMON = 0.3  # error of ln Z that groups have in common; measured: docs/samplers.md
_ROUNDS_AFTER = 2  # of moves at the end, each of which gives samples
_BLOCK = 4096


class BridgeOptions(SamplerOptions):
    """Options of the bridge from a training set to all data.

    Attributes
    ----------
    groups
        At least 3; the scatter between them is a part of the error of ln Z.
    particles
        Of each group: an even number, at least four times the parameters.
    rounds
        Of moves over the posterior of the training set, once walkers are there.
    moves
        Of each kind (by differences, by fresh draws of each block of coordinates), in each of these rounds and at each
        power of the likelihood.
    effective_share
        Share of the particles that is effective after each rise of that power.
    largest_error
        Of ln Z(D | T), above which the groups are said not to agree.
    """

    groups: Count = Field(default=4, ge=3)
    particles: Count = Field(default=256, ge=32, multiple_of=2)
    rounds: Count = Field(default=12, ge=4)
    moves: Count = Field(default=8, ge=1)
    effective_share: float = Field(default=0.5, ge=0.05, le=0.95)
    largest_error: float = Field(default=0.6, gt=0.0)


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
        """Refuse a target without a training set, and fewer particles than four times its parameters."""
        if not isinstance(target, TrainedTarget):
            raise UserError(
                "the sampler bridge needs a training set, and this hypothesis has none here",
                valid="a run file in which every hypothesis has a training set (train_on)",
                fix="add train_on, or use the sampler dynesty or importance",
            )
        least = 4 * len(target.names)
        if self.options.particles < least:
            raise UserError(
                f"bridge.particles = {self.options.particles} for {len(target.names)} parameters",
                valid=f"an even number >= {least}, four times the number of parameters",
                fix=f"write particles = {least} or more under [samplers.bridge]",
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
        walked = walked_groups(
            counted,
            (options.groups, options.particles),
            options.rounds,
            options.moves,
            np.random.default_rng(child_seed(seed, 0)),
            lambda share, words: progress(0.4 * share, words),
        )
        way = _Way(target, walked, np.random.default_rng(child_seed(seed, 1)))
        while not way.arrived:
            way.rise(options.effective_share)
            way.move(options.moves)
            progress(0.4 + 0.6 * float(np.min(way.powers)), f"power {np.min(way.powers):.2g} of the likelihood")
        parts = [way.values_now()]
        for _ in range(_ROUNDS_AFTER - 1):
            way.move(options.moves)
            parts.append(way.values_now())
        unit, log_likelihood = (np.concatenate([part[index] for part in parts]) for index in range(2))
        lnz = way.evidences()
        evidence = _evidence(lnz)
        return SamplerResult(
            sampler=self.name,
            names=tuple(target.names),
            samples=np.asarray(target.prior_transform(unit)),
            unit_samples=unit,
            log_weights=np.zeros(len(unit)),
            log_likelihood=log_likelihood,
            evidence=None,
            conditional=evidence,
            n_calls=counted.n_calls + way.n_calls,
            wall_s=time.perf_counter() - started,
            diagnostics={
                "status": _status(evidence, walked.told, options),
                "effective_samples": float(way.n_ancestors),
                "rises": float(len(way.history) - 1),
                "accepted": float(np.mean(np.array(way.accepted)[:, 0])),
                "accepted_fresh": float(np.mean(np.array(way.accepted)[:, 1:])),
                "remembered": way.remembered,
                **walked.told,
                **{f"lnz_group_{index + 1}": float(value) for index, value in enumerate(lnz)},
            },
        )


def _status(evidence: Evidence, told: dict[str, float], options: BridgeOptions) -> str:
    reasons = []
    if not told["training_r_hat"] <= _LARGEST_R_HAT:
        reasons.append(
            f"walkers over the training set have not mixed (R-hat {told['training_r_hat']:.3f}, "
            f"limit {_LARGEST_R_HAT}): raise bridge.rounds"
        )
    if not told["training_growth"] <= _MOST_GROWTH:
        reasons.append(
            f"walkers over the training set still spread (widths change by {told['training_growth']:.0%}, "
            f"limit {_MOST_GROWTH:.0%}): raise bridge.rounds"
        )
    if not evidence.lnz_err <= options.largest_error:
        reasons.append(
            f"ln Z of the groups scatters (error {evidence.lnz_err:.2f}, limit {options.largest_error:g}): "
            "raise bridge.particles or bridge.moves"
        )
    return "; ".join(reasons) or CONVERGED


def _evidence(lnz: Float64) -> Evidence:
    """Return ln Z(D | T) of the mean of the groups [k], with the errors of their scatter and of what they share.

    The scatter is widened as so few groups demand (Student's t at one sigma).
    """
    from scipy.stats import t

    k = len(lnz)
    scatter = float(t.ppf(0.8413, k - 1)) * float(np.std(lnz, ddof=1)) / math.sqrt(k)
    return Evidence(float(np.logaddexp.reduce(lnz) - math.log(k)), math.hypot(scatter, _IN_COMMON), METHOD)


class _Way:
    """Particles of k groups on the way from the training set to all data.

    Attributes
    ----------
    points
        In probit coordinates of all parameters [k, n, d].
    trained, others
        ln L of the training set and of the other data [k, n].
    powers
        Power of the likelihood of the others, of each group [k].
    history
        Powers [k] and ln L of the others [k, n] at each stop of the way.
    accepted
        Share of the moves of each kind.
    remembered
        Largest correlation of a coordinate before the moves at a power and after them.
    """

    def __init__(self, target: TrainedTarget, walked: Walked, generator: np.random.Generator) -> None:
        names = list(target.names)
        columns = np.array([names.index(name) for name in target.training.names], dtype=np.intp)
        own = columns[walked.known]
        self.target, self.generator = target, generator
        self.n_calls, self.remembered = 0, 0.0
        self.accepted: list[list[float]] = []
        self.points = generator.standard_normal((*walked.points.shape[:2], len(names)))
        self.points[..., own] = walked.points[..., walked.known]
        rest = np.setdiff1d(np.arange(len(names)), own)
        self.blocks = [columns[block] for block in walked.blocks.blocks] + ([rest] if len(rest) else [])
        self.ties = columns[walked.blocks.ties]
        self.trained, self.others = self._values(self.points)
        self.powers = np.zeros(len(walked.points))
        self.history = [(self.powers, self.others.copy())]
        self._ancestors = np.tile(np.arange(walked.points.shape[1]), (len(walked.points), 1))

    @property
    def arrived(self) -> bool:
        """Whether all groups are at the posterior of all data."""
        return bool(np.all(self.powers >= 1.0))

    @property
    def n_ancestors(self) -> int:
        """How many points of the training set have descendants."""
        return sum(len(np.unique(own)) for own in self._ancestors)

    def rise(self, share: float) -> None:
        """Raise the powers as far as leaves a share of the particles effective, and copy them by their weights."""
        after, chosen = risen(self.others, self.powers, share, self.generator)
        self.points = np.take_along_axis(self.points, chosen[..., None], axis=1)
        self.trained = np.take_along_axis(self.trained, chosen, axis=1)
        self.others = np.take_along_axis(self.others, chosen, axis=1)
        self._ancestors = np.take_along_axis(self._ancestors, chosen, axis=1)
        self.powers = after
        self.history.append((after, self.others.copy()))

    def move(self, moves: int) -> None:
        """Move the particles at their powers."""
        d, start = self.points.shape[-1], self.points.copy()

        def log_target(at: Float64) -> tuple[Float64, ...]:
            trained, others = self._values(at)
            prior = standard_normal_log_density(at.reshape(-1, d)).reshape(at.shape[:2])
            return trained + self.powers[:, None] * others + prior, trained, others

        prior = standard_normal_log_density(self.points.reshape(-1, d)).reshape(self.trained.shape)
        values = (self.trained + self.powers[:, None] * self.others + prior, self.trained, self.others)
        within = (np.arange(d), self.blocks, self.ties)
        self.accepted += round_of_moves(self.points, values, within, log_target, moves, self.generator)
        self.remembered = max(self.remembered, _correlation(start, self.points))
        self.history[-1] = (self.powers, self.others.copy())

    def _values(self, points: Float64) -> tuple[Float64, Float64]:
        """Return ln L [k, n] of the training set and of the other data, at points [k, n, d]."""
        flat = points.reshape(-1, points.shape[-1])
        parts = [
            self.target.log_likelihoods(np.asarray(self.target.prior_transform(to_unit(flat[start : start + _BLOCK]))))
            for start in range(0, len(flat), _BLOCK)
        ]
        self.n_calls += len(flat)
        trained, others = (np.concatenate([np.asarray(part[index]) for part in parts]) for index in range(2))
        return trained.reshape(points.shape[:2]), np.maximum(others, IMPOSSIBLE).reshape(points.shape[:2])

    def values_now(self) -> tuple[Float64, Float64]:
        """Return the particles in the unit cube [k n, d] and their ln L of all data [k n]."""
        return to_unit(self.points.reshape(-1, self.points.shape[-1])), (self.trained + self.others).ravel()

    def evidences(self) -> Float64:
        """Return ln Z(D | T) of each group [k], of its particles at all powers together."""
        powers, others = (np.array([stop[index] for stop in self.history]) for index in range(2))
        return np.array([evidence_of_all(others[:, k], powers[:, k])[0] for k in range(powers.shape[1])])


def _correlation(before: Float64, after: Float64) -> float:
    """Return the largest correlation of a coordinate of points [k, n, d] before and after moves."""
    one, other = (points - points.mean(axis=(0, 1)) for points in (before, after))
    size = np.sqrt(np.sum(one**2, axis=(0, 1)) * np.sum(other**2, axis=(0, 1)))
    return float(np.max(np.abs(np.sum(one * other, axis=(0, 1))) / size))
