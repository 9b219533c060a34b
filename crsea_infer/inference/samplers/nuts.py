"""NUTS, by blackjax: posteriors from gradients that JAX takes of the likelihood.

The No-U-Turn sampler (Hoffman and Gelman 2014, arXiv:1111.4246) runs a few chains side by side in probit coordinates;
step size and mass matrix of each chain are adapted in windows as Stan does. Chains go on in blocks until split R-hat is
small and the effective sample large enough, or to a maximum, and then say so. NUTS gives no evidence, and it does not
cross between separate modes: chains that stay in different ones show in R-hat.

A chain that was killed goes on from the last block, or adapts again from the start, with the same numbers either way.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from crsea_infer.inference.samplers.convergence import autocorrelation_time, split_r_hat
from crsea_infer.inference.samplers.jax_tracing import (
    JAX_EXTRA,
    JAX_PACKAGES,
    double_precision,
    random_key,
    refuse_nan,
    traced_log_likelihood,
)
from crsea_infer.inference.samplers.options import Count, SamplerOptions, require
from crsea_infer.inference.samplers.sampler import (
    CONVERGED,
    Counted,
    Sampler,
    SamplerResult,
    child_seed,
    draw_from_prior,
    refuse_missing_packages,
    to_unit,
)
from crsea_infer.inference.samplers.states import Calls, Kept, Seconds, StateEntry, kept_state
from crsea_infer.support.array_schema import ArraySpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["Nuts", "NutsOptions"]

_LARGEST_R_HAT = 1.01
_MOST_DIVERGENT = 0.01
_STARTS = 50  # prior draws of which each chain begins at the best
_STATE = {
    "points": ArraySpec(("draw", "chain", "parameter"), may_be_empty=True),
    "log_posterior": ArraySpec(("draw", "chain"), may_be_empty=True),
    "positions": ArraySpec(("chain", "parameter")),
    "steps": ArraySpec(("chain",), numbers="positive"),
}
_DENSE = {**_STATE, "masses": ArraySpec(("chain", "parameter", "parameter"))}
_DIAGONAL = {**_STATE, "masses": ArraySpec(("chain", "parameter"), numbers="positive")}


class _Plain(StateEntry):
    divergent: Annotated[int, Field(ge=0)]
    blocks: Annotated[int, Field(ge=0)]
    n_calls: Calls
    wall_s: Seconds


class NutsOptions(SamplerOptions):
    """Options of NUTS.

    Attributes
    ----------
    chains
        Chains side by side, at least 2.
    adaptation
        Draws in which step size and mass matrix are found; they are dropped.
    block
        Draws of each chain between two looks at convergence (and two possible checkpoints).
    most_draws
        Draws of each chain after which it ends, converged or not.
    effective_samples
        Effective sample asked for, of the parameter that mixes worst.
    acceptance
        Acceptance aimed at; larger means smaller steps.
    dense
        Whether the mass matrix has correlations.
    """

    chains: Count = Field(default=4, ge=2)
    adaptation: Count = Field(default=800, ge=100)
    block: Count = Field(default=250, ge=50)
    most_draws: Count = 5000
    effective_samples: float = Field(default=1000.0, ge=100.0)
    acceptance: float = Field(default=0.8, ge=0.5, lt=1.0)
    dense: bool = True

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        require(self.most_draws >= self.block, "most_draws", self.most_draws, f"at least block = {self.block}")
        return self


@dataclass(frozen=True)
class Nuts(Sampler):
    """The No-U-Turn sampler."""

    name: ClassVar[str] = "nuts"
    title: ClassVar[str] = "the No-U-Turn sampler"
    gives_evidence: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = JAX_PACKAGES
    extra: ClassVar[str] = JAX_EXTRA
    duration: ClassVar[float] = 0.7
    precedence: ClassVar[int] = 6
    references: ClassVar[tuple[str, ...]] = ("arXiv:1111.4246", "arXiv:2402.10797", "jax2018github")
    Options: ClassVar[type[SamplerOptions]] = NutsOptions

    options: NutsOptions = field(default_factory=NutsOptions)

    def run(
        self, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample; see :class:`~crsea_infer.inference.samplers.sampler.Sampler`."""
        refuse_missing_packages(self)
        import jax
        import jax.numpy as jnp

        options = self.options
        counted = Counted(target)
        sizes = {"chain": options.chains, "parameter": len(counted.names)}
        kept = kept_state(checkpoint, _Plain, _DENSE if options.dense else _DIAGONAL, sizes)
        for_start, for_moves = child_seed(seed, 0), child_seed(seed, 1)
        with double_precision():
            started = time.perf_counter()
            starts = _starting_points(counted, options.chains, for_start)
            log_likelihood = traced_log_likelihood(counted, self.name, starts)
            adapt, advance = _functions(log_likelihood, options)
            for_adaptation, for_draws = jax.random.split(random_key(for_moves))
            if kept is not None:
                chains = _Chains.resumed(kept, counted.target, options)
                counted.n_calls = chains.n_calls
            else:
                progress(0.0, f"adapting in {options.adaptation} steps")
                positions, steps, masses, calls = jax.jit(adapt)(for_adaptation, jnp.asarray(starts))
                chains = _Chains.begin(positions, steps, masses, counted.n_calls + int(np.sum(calls)))
                refuse_nan(counted, chains.positions, np.asarray(jax.vmap(log_likelihood)(chains.positions)))
                chains.wall_s = time.perf_counter() - started
                checkpoint.offer(chains.arrays)
            advance = jax.jit(advance)
            while not chains.finished(options):
                started = time.perf_counter()
                key = jax.random.fold_in(for_draws, chains.blocks)
                block = advance(key, *(jnp.asarray(a) for a in (chains.positions, chains.steps, chains.masses)))
                points, values, divergent, calls, edge_points, edge_values = (np.asarray(part) for part in block)
                refuse_nan(counted, edge_points.reshape(-1, points.shape[-1]), edge_values.reshape(-1))
                chains.append(points, values, int(divergent.sum()), int(calls.sum()))
                chains.wall_s += time.perf_counter() - started
                progress(*chains.how_far(options))
                checkpoint.offer(chains.arrays)
        return chains.result(target, options, self.name)


def _starting_points(counted: Counted, n_chains: int, seed: np.random.SeedSequence) -> Float64:
    """Return for each chain the best of its own draws from the prior [chain, d]."""
    probit, log_likelihood, _ = draw_from_prior(counted, n_chains * _STARTS, np.random.default_rng(seed))
    own = log_likelihood.reshape(n_chains, _STARTS)
    return np.asarray(probit.reshape(n_chains, _STARTS, -1)[np.arange(n_chains), np.argmax(own, axis=1)])


def _functions(
    log_likelihood: Callable[[Any], Any], options: NutsOptions
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return how to adapt from points [chain, d], and how to advance by a block of draws."""
    import blackjax
    import jax
    import jax.numpy as jnp

    def log_posterior(z: Any) -> Any:
        return log_likelihood(z) - 0.5 * jnp.sum(z**2)

    adaptation = blackjax.window_adaptation(
        blackjax.nuts,
        log_posterior,
        is_mass_matrix_diagonal=not options.dense,
        target_acceptance_rate=options.acceptance,
        adaptation_info_fn=lambda _state, info, _adaptation: info.num_integration_steps,
    )
    step = blackjax.nuts.build_kernel()

    def adapt_one(key: Any, position: Any) -> Any:
        result, calls = adaptation.run(key, position, num_steps=options.adaptation)
        parameters = result.parameters
        return result.state.position, parameters["step_size"], parameters["inverse_mass_matrix"], calls

    def adapt(key: Any, positions: Any) -> Any:
        return jax.vmap(adapt_one)(jax.random.split(key, options.chains), positions)

    def advance_one(key: Any, position: Any, step_size: Any, mass: Any) -> Any:
        def draw(state: Any, own_key: Any) -> tuple[Any, Any]:
            state, info = step(own_key, state, log_posterior, step_size, mass)
            ends = (info.trajectory_leftmost_state, info.trajectory_rightmost_state)
            return state, (
                state.position,
                state.logdensity,
                info.is_divergent,
                info.num_integration_steps,
                jnp.stack([end.position for end in ends]),
                jnp.stack([end.logdensity for end in ends]),
            )

        keys = jax.random.split(key, options.block)
        return jax.lax.scan(draw, blackjax.nuts.init(position, log_posterior), keys)[1]

    def advance(key: Any, positions: Any, step_sizes: Any, masses: Any) -> Any:
        keys = jax.random.split(key, options.chains)
        return jax.vmap(advance_one, out_axes=1)(keys, positions, step_sizes, masses)

    return adapt, advance


@dataclass
class _Chains:
    """All that the chains have done so far, in probit coordinates: points [draw, chain, d]."""

    points: Float64
    log_posterior: Float64
    positions: Float64
    steps: Float64
    masses: Float64
    divergent: int
    blocks: int
    n_calls: int
    wall_s: float

    @classmethod
    def begin(cls, positions: Any, steps: Any, masses: Any, n_calls: int) -> _Chains:
        """Start after the adaptation."""
        positions = np.asarray(positions)
        n_chains, n_dimensions = positions.shape
        empty = np.empty((0, n_chains, n_dimensions))
        return cls(empty, np.empty((0, n_chains)), positions, np.asarray(steps), np.asarray(masses), 0, 0, n_calls, 0.0)

    @classmethod
    def resumed(cls, kept: Kept[_Plain], target: Target, options: NutsOptions) -> _Chains:
        """Continue what a checkpoint holds, if it is such chains."""
        arrays = kept.arrays
        points, log_posterior, masses = arrays["points"], arrays["log_posterior"], arrays["masses"]
        kept.require(len(points) == kept.plain.blocks * options.block, f"{len(points)} draws", "whole blocks")
        if options.dense:
            even = np.allclose(masses, masses.transpose(0, 2, 1), rtol=1e-6)
            proper = even and bool(np.all(np.linalg.eigvalsh(masses) > 0.0))
            kept.require(proper, "masses are no covariances", "symmetric positive matrices")
        if len(points):
            kept.require(
                np.array_equal(points[-1], arrays["positions"]),
                "positions are not where the chains end",
                "the last draws",
            )
            flat = points.reshape(-1, points.shape[-1])
            kept.hold_against(target, to_unit(flat), log_posterior.reshape(-1) + 0.5 * np.sum(flat**2, axis=-1))
        plain = kept.plain
        return cls(
            points,
            log_posterior,
            arrays["positions"],
            arrays["steps"],
            masses,
            plain.divergent,
            plain.blocks,
            plain.n_calls,
            plain.wall_s,
        )

    def arrays(self) -> dict[str, Any]:
        """Return what a checkpoint needs for an exact continuation."""
        return {
            "points": self.points,
            "log_posterior": self.log_posterior,
            "positions": self.positions,
            "steps": self.steps,
            "masses": self.masses,
            "plain": {
                "divergent": self.divergent,
                "blocks": self.blocks,
                "n_calls": self.n_calls,
                "wall_s": self.wall_s,
            },
        }

    def append(self, points: Float64, log_posterior: Float64, divergent: int, n_calls: int) -> None:
        """Add a block of draws."""
        self.points = np.concatenate([self.points, points])
        self.log_posterior = np.concatenate([self.log_posterior, log_posterior])
        self.positions = points[-1]
        self.divergent += divergent
        self.n_calls += n_calls
        self.blocks += 1

    def effective(self) -> float:
        """Return the effective sample of the parameter that mixes worst."""
        tau = max(float(np.max(autocorrelation_time(self.points))), 1.0)
        return float(self.points.shape[0] * self.points.shape[1]) / tau

    def shortfall(self, options: NutsOptions) -> str:
        """Say what is missing for convergence; an empty string when nothing is."""
        if len(self.points) == 0:
            return "nothing is drawn yet"
        r_hat = float(np.max(split_r_hat(self.points)))
        if not r_hat < _LARGEST_R_HAT:
            return f"split R-hat is {r_hat:.3f}, above {_LARGEST_R_HAT}"
        effective = self.effective()
        if not effective >= options.effective_samples:
            return f"the effective sample is {effective:.0f}, {options.effective_samples:g} are asked for"
        return ""

    def finished(self, options: NutsOptions) -> bool:
        return not self.shortfall(options) or len(self.points) >= options.most_draws

    def how_far(self, options: NutsOptions) -> tuple[float, str]:
        effective = self.effective()
        share = max(effective / options.effective_samples, len(self.points) / options.most_draws)
        return min(share, 1.0), f"{len(self.points)} draws of each chain, {effective:.0f} effective"

    def result(self, target: Target, options: NutsOptions, name: str) -> SamplerResult:
        """Describe the chains."""
        status = self.shortfall(options)
        transitions = self.points.shape[0] * self.points.shape[1]
        if not status and self.divergent > _MOST_DIVERGENT * transitions:
            status = f"{self.divergent} of {transitions} transitions diverged: raise nuts.acceptance"
        draws = self.points.transpose(1, 0, 2)
        unit = to_unit(draws)
        chains = np.asarray(target.prior_transform(unit))
        n_dimensions = chains.shape[-1]
        return SamplerResult(
            sampler=name,
            names=tuple(target.names),
            samples=chains.reshape(-1, n_dimensions),
            unit_samples=unit.reshape(-1, n_dimensions),
            log_weights=None,
            log_likelihood=(self.log_posterior.T + 0.5 * np.sum(draws**2, axis=-1)).reshape(-1),
            evidence=None,
            n_calls=self.n_calls,
            wall_s=self.wall_s,
            diagnostics={
                "status": status or CONVERGED,
                "split_r_hat": float(np.max(split_r_hat(self.points))),
                "effective_samples": self.effective(),
                "divergent": float(self.divergent),
                "draws": float(self.points.shape[0]),
                "chains": float(self.points.shape[1]),
            },
            chains=chains,
        )
