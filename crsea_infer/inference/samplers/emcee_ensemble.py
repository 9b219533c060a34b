"""emcee: an ensemble of walkers, for posteriors.

Walkers move in probit coordinates, by differential evolution (ter Braak 2006) and by turns about the centre of the
other walkers (see :mod:`crsea_infer.inference.samplers.turns`). Differences alone leave the width of an ensemble of 80
walkers in 20 dimensions 20 % off after 3500 steps, unseen by the autocorrelation time; with turns it is right. The
chain ends when it is longer than 50 autocorrelation times (Goodman and Weare 2010; Foreman-Mackey et al. 2013,
arXiv:1202.3665) and that time has settled, or at a maximum, and then says so. An ensemble gives no evidence.

Interrupted chains go on from the last block with the state of the random numbers, so they end with the same numbers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from crsea_infer.inference.samplers.convergence import autocorrelation_time, split_r_hat
from crsea_infer.inference.samplers.options import Count, SamplerOptions, require
from crsea_infer.inference.samplers.sampler import (
    CONVERGED,
    Counted,
    Sampler,
    SamplerResult,
    child_seed,
    draw_from_prior,
    standard_normal_log_density,
    to_unit,
)
from crsea_infer.inference.samplers.states import Calls, Kept, Seconds, StateEntry, kept_state
from crsea_infer.support.array_schema import ArraySpec

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["Emcee", "EmceeOptions"]

_SETTLED = 0.1  # relative change of the autocorrelation time between two blocks
_BURN_IN = 5.0  # autocorrelation times dropped at the start
_LARGEST_R_HAT = 1.05
_STATE = {
    "points": ArraySpec(("draw", "walker", "parameter")),
    "log_posterior": ArraySpec(("draw", "walker")),
    "accepted": ArraySpec(("walker",), numbers="not negative"),
    "walkers": ArraySpec(("walker", "parameter")),
    "walkers_log_posterior": ArraySpec(("walker",)),
    "random_keys": ArraySpec((624,), ("u4",), "any"),
}


_RandomRest = tuple[Annotated[int, Field(ge=0, le=624)], Annotated[int, Field(ge=0, le=1)], FiniteFloat]


class _Plain(StateEntry):
    random_rest: Annotated[_RandomRest, Field(strict=False)]  # JSON has lists alone
    taus: list[float]
    n_calls: Calls
    wall_s: Seconds


class EmceeOptions(SamplerOptions):
    """Options of emcee.

    Attributes
    ----------
    walkers_per_dimension
        Walkers per parameter, at least 2.
    max_steps
        Steps after which the chain ends, converged or not.
    block
        Steps between two looks at convergence (and two possible checkpoints).
    thin
        One step in so many is kept.
    chain_lengths
        Length asked for after burn-in, in autocorrelation times.
    """

    walkers_per_dimension: Count = Field(default=4, ge=2)
    max_steps: Count = 12000
    block: Count = 500
    thin: Count = Field(default=5, ge=1)
    chain_lengths: float = Field(default=50.0, ge=10.0)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        good = self.block >= 20 * self.thin and self.block % self.thin == 0
        require(good, "block", self.block, "a multiple of thin, at least 20 times as large")
        require(self.max_steps >= self.block, "max_steps", self.max_steps, f"at least block = {self.block}")
        return self


@dataclass(frozen=True)
class Emcee(Sampler):
    """The ensemble sampler."""

    name: ClassVar[str] = "emcee"
    title: ClassVar[str] = "the sampler emcee"
    gives_evidence: ClassVar[bool] = False
    duration: ClassVar[float] = 0.5
    precedence: ClassVar[int] = 5
    references: ClassVar[tuple[str, ...]] = ("arXiv:1202.3665",)
    Options: ClassVar[type[SamplerOptions]] = EmceeOptions

    options: EmceeOptions = field(default_factory=EmceeOptions)

    def run(
        self, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample; see :class:`~crsea_infer.inference.samplers.sampler.Sampler`."""
        import emcee
        from emcee.moves import DEMove

        from crsea_infer.inference.samplers.turns import turn_move

        options = self.options
        counted = Counted(target)
        n_dimensions = len(counted.names)
        n_walkers = max(2 * ((options.walkers_per_dimension * n_dimensions + 1) // 2), 8)
        sizes = {"walker": n_walkers, "parameter": n_dimensions}
        kept = kept_state(checkpoint, _Plain, _STATE, sizes)
        chain = _Chain.begin(counted, n_walkers, seed) if kept is None else _Chain.resumed(kept, counted, options)
        sampler = emcee.EnsembleSampler(
            n_walkers,
            n_dimensions,
            counted.log_target,
            moves=[(DEMove(), 0.5), (turn_move(), 0.5)],
            vectorize=True,
        )
        while not chain.finished(options):
            started = time.perf_counter()
            sampler.reset()
            chain.state = sampler.run_mcmc(
                chain.state,
                options.block // options.thin,
                thin_by=options.thin,
                skip_initial_state_check=True,
            )
            chain.append(sampler.get_chain(), sampler.get_log_prob(), sampler.backend.accepted, options)
            chain.wall_s += time.perf_counter() - started
            progress(chain.fraction(options), chain.summary(options))
            checkpoint.offer(lambda: chain.arrays(counted.n_calls))
        return chain.result(target, counted.n_calls, options, self.name)


@dataclass
class _Chain:
    """All that an ensemble has done so far, in probit coordinates: points [draw, walker, d]."""

    points: Float64
    log_posterior: Float64
    accepted: Float64
    taus: list[float]
    state: Any
    wall_s: float

    @classmethod
    def resumed(cls, kept: Kept[_Plain], counted: Counted, options: EmceeOptions) -> _Chain:
        """Continue what a checkpoint holds, if it is such a chain."""
        from emcee import State

        plain, arrays = kept.plain, kept.arrays
        points, log_posterior = arrays["points"], arrays["log_posterior"]
        n_blocks, rest = divmod(len(points), options.block // options.thin)
        kept.require(not rest and n_blocks == len(plain.taus), f"{len(points)} draws", "whole blocks, one tau for each")
        here = np.array_equal(points[-1], arrays["walkers"])
        here = here and np.array_equal(log_posterior[-1], arrays["walkers_log_posterior"])
        kept.require(here, "the walkers are not where the chain ends", "a chain and its last draw")
        flat = points.reshape(-1, points.shape[-1])
        log_likelihood = log_posterior.reshape(-1) - standard_normal_log_density(flat)
        kept.hold_against(counted.target, to_unit(flat), log_likelihood)
        counted.n_calls = plain.n_calls
        state = State(
            arrays["walkers"],
            log_prob=arrays["walkers_log_posterior"],
            random_state=("MT19937", arrays["random_keys"], *plain.random_rest),
        )
        return cls(points, log_posterior, arrays["accepted"], plain.taus, state, plain.wall_s)

    @classmethod
    def begin(cls, counted: Counted, n_walkers: int, seed: np.random.SeedSequence) -> _Chain:
        """Start from draws of the prior."""
        from emcee import State

        for_start, for_moves = child_seed(seed, 0), child_seed(seed, 1)
        walkers, log_likelihood, _ = draw_from_prior(counted, n_walkers, np.random.default_rng(for_start))
        state = State(
            walkers,
            log_prob=log_likelihood + standard_normal_log_density(walkers),
            random_state=np.random.RandomState(np.random.MT19937(for_moves)).get_state(),
        )
        empty = np.empty((0, *walkers.shape))
        return cls(empty, np.empty((0, n_walkers)), np.zeros(n_walkers), [], state, 0.0)

    def append(self, points: Float64, log_posterior: Float64, accepted: Float64, options: EmceeOptions) -> None:
        """Add a block and look at the autocorrelation time (in steps) of the later three quarters."""
        self.points = np.concatenate([self.points, points])
        self.log_posterior = np.concatenate([self.log_posterior, log_posterior])
        self.accepted = self.accepted + accepted
        tau = autocorrelation_time(self.points[len(self.points) // 4 :]) * options.thin
        self.taus = [*self.taus, float(np.max(tau))]

    def steps(self, options: EmceeOptions) -> int:
        return len(self.points) * options.thin

    def shortfall(self, options: EmceeOptions) -> str:
        """Say what is missing for convergence; an empty string when nothing is."""
        if not self.taus or not np.isfinite(self.taus[-1]):
            return "the autocorrelation time is not known yet"
        tau = self.taus[-1]
        lengths = self.steps(options) / tau - _BURN_IN
        if lengths < options.chain_lengths:
            wanted = options.chain_lengths
            return f"the chain is {max(lengths, 0):.0f} autocorrelation times long, {wanted:g} are asked for"
        if len(self.taus) < 2 or abs(tau / self.taus[-2] - 1.0) > _SETTLED:
            return f"the autocorrelation time still changes ({tau:.0f} steps)"
        return ""

    def finished(self, options: EmceeOptions) -> bool:
        return not self.shortfall(options) or self.steps(options) >= options.max_steps

    def fraction(self, options: EmceeOptions) -> float:
        expected = (options.chain_lengths + _BURN_IN) * self.taus[-1]
        return self.steps(options) / max(min(expected, options.max_steps), self.steps(options))

    def summary(self, options: EmceeOptions) -> str:
        return f"{self.steps(options)} steps, autocorrelation time {self.taus[-1]:.0f}"

    def arrays(self, n_calls: int) -> dict[str, Any]:
        """Return what a checkpoint needs for an exact continuation."""
        _, keys, *rest = self.state.random_state
        return {
            "points": self.points,
            "log_posterior": self.log_posterior,
            "accepted": self.accepted,
            "walkers": self.state.coords,
            "walkers_log_posterior": self.state.log_prob,
            "random_keys": keys,
            "plain": {"random_rest": rest, "taus": self.taus, "n_calls": n_calls, "wall_s": self.wall_s},
        }

    def result(self, target: Target, n_calls: int, options: EmceeOptions, name: str) -> SamplerResult:
        """Drop the burn-in, thin by half an autocorrelation time and describe."""
        tau = self.taus[-1]
        if not np.isfinite(tau):
            tau = float(self.steps(options))
        burn_in = min(int(_BURN_IN * tau / options.thin) + 1, len(self.points) // 2)
        kept = self.points[burn_in:]
        stride = max(1, int(0.5 * tau / options.thin))
        draws = kept[::stride].transpose(1, 0, 2)
        log_posterior = self.log_posterior[burn_in:][::stride].T
        r_hat = float(np.max(split_r_hat(kept)))
        status = self.shortfall(options)
        if not status and not r_hat < _LARGEST_R_HAT:
            status = f"split R-hat is {r_hat:.3f}, above {_LARGEST_R_HAT}"
        unit = to_unit(draws)
        chains = np.asarray(target.prior_transform(unit))
        n_dimensions = chains.shape[-1]
        return SamplerResult(
            sampler=name,
            names=tuple(target.names),
            samples=chains.reshape(-1, n_dimensions),
            unit_samples=unit.reshape(-1, n_dimensions),
            log_weights=None,
            log_likelihood=(log_posterior - standard_normal_log_density(draws)).reshape(-1),
            evidence=None,
            n_calls=n_calls,
            wall_s=self.wall_s,
            diagnostics={
                "status": status or CONVERGED,
                "split_r_hat": r_hat,
                "autocorrelation_time": tau,
                "effective_samples": len(kept) * kept.shape[1] * options.thin / tau,
                "acceptance": float(np.mean(self.accepted)) / len(self.points),
                "steps": float(self.steps(options)),
                "walkers": float(kept.shape[1]),
            },
            chains=chains,
        )
