"""Nested slice sampling in JAX, by blackjax: evidences and posteriors from compiled, differentiable likelihoods.

The lowest few live points die together and are replaced by as many slice walks, all at once (Yallup, Kroupa and Handley
2026, arXiv:2601.23252). Walks move in probit coordinates, where the prior is a standard normal without walls; see
:mod:`crsea_infer.inference.samplers.jax_slice_walks`. A run is a few independent sub-runs, merged; see
:mod:`crsea_infer.inference.samplers.nested_subruns` for what that buys.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from crsea_infer.inference.samplers.jax_tracing import (
    JAX_EXTRA,
    JAX_PACKAGES,
    double_precision,
    random_key,
    refuse_nan,
    traced_log_likelihood,
)
from crsea_infer.inference.samplers.nested_subruns import fraction_done, merged_result, run_subruns
from crsea_infer.inference.samplers.nested_volumes import live_counts
from crsea_infer.inference.samplers.options import Count, SamplerOptions, require
from crsea_infer.inference.samplers.sampler import (
    Counted,
    Sampler,
    SamplerResult,
    child_seed,
    refuse_missing_packages,
    to_unit,
)
from crsea_infer.inference.samplers.starts import live_start

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["JaxNested", "JaxNestedOptions"]

_FEWEST_SLICES = 20  # with 8 in four dimensions, ln Z scatters by 1.3 of its error: new points resemble old ones
_BLOCK = 10  # replacements between two looks at the remaining evidence


class JaxNestedOptions(SamplerOptions):
    """Options of nested slice sampling.

    Attributes
    ----------
    subruns
        Independent sub-runs, at least 2.
    live_points
        Live points of each sub-run.
    replaced
        How many of them are replaced together; at most half.
    slices_per_dimension
        Slices to a new point, per parameter, half of them straight and half turning, and at least 20 in all; below 1
        walks are too short.
    remaining
        A sub-run ends when the live points can add no more than this to ln Z.
    """

    subruns: Count = Field(default=4, ge=2)
    live_points: Count = Field(default=160, ge=20)
    replaced: Count = Field(default=40, ge=1)
    slices_per_dimension: float = Field(default=2.0, ge=1.0)
    remaining: float = Field(default=0.1, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        most = self.live_points // 2
        require(self.replaced <= most, "replaced", self.replaced, f"an integer from 1 to {most}")
        return self


@dataclass(frozen=True)
class JaxNested(Sampler):
    """Nested slice sampling in sub-runs."""

    name: ClassVar[str] = "jax-nested"
    title: ClassVar[str] = "nested slice sampling in blackjax"
    gives_evidence: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = JAX_PACKAGES
    extra: ClassVar[str] = JAX_EXTRA
    duration: ClassVar[float] = 2.5
    precedence: ClassVar[int] = 4
    references: ClassVar[tuple[str, ...]] = ("arXiv:2601.23252", "arXiv:2402.10797", "jax2018github")
    Options: ClassVar[type[SamplerOptions]] = JaxNestedOptions

    options: JaxNestedOptions = field(default_factory=JaxNestedOptions)

    def run(
        self, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample; see :class:`~crsea_infer.inference.samplers.sampler.Sampler`."""
        refuse_missing_packages(self)
        options = self.options
        with double_precision():
            compiled: dict[str, Any] = {}

            def subrun(own_seed: np.random.SeedSequence, tell: Progress) -> dict[str, Any]:
                return _subrun(target, options, own_seed, tell, compiled)

            parts = run_subruns(subrun, options.subruns, target, seed, checkpoint, progress)
        advice = "raise jax-nested.slices_per_dimension"
        return merged_result(self.name, target, parts, seed, options.remaining, advice)


def _subrun(
    target: Target,
    options: JaxNestedOptions,
    seed: np.random.SeedSequence,
    progress: Progress,
    compiled: dict[str, Any],
) -> dict[str, Any]:
    """Run one sub-run to its end and return its dead points as arrays; compiles once for all sub-runs."""
    import jax
    import jax.numpy as jnp

    started = time.perf_counter()
    counted = Counted(target)
    for_start, for_walks = child_seed(seed, 0), child_seed(seed, 1)
    start = live_start(counted, options.live_points, np.random.default_rng(for_start))
    probit = start.probit
    if not compiled:
        log_likelihood = traced_log_likelihood(counted, "jax-nested", probit)
        begin, advance = _functions(log_likelihood, len(counted.names), options)
        compiled.update(begin=jax.jit(begin), advance=jax.jit(advance))
    key = random_key(for_walks)
    state = compiled["begin"](jnp.asarray(probit))
    dead: list[tuple[Float64, ...]] = []
    ranks = [np.empty(0)]
    calls = blocks = 0
    first = 0.0
    live = _arrays(state.particles)
    while not start.is_flat and np.ptp(live[1]) > 0.0:  # those that all lie on one plateau have reached the top
        state, (particles, new_ranks, n_calls) = compiled["advance"](jax.random.fold_in(key, blocks), state)
        blocks += 1
        dead.append(_arrays(particles))
        live = _arrays(state.particles)
        ranks.append(np.asarray(new_ranks).reshape(-1))
        calls += int(np.sum(n_calls))
        refuse_nan(counted, *(np.concatenate(both) for both in zip(dead[-1][:2], live[:2], strict=True)))
        done, left = float(state.integrator.logZ), float(state.integrator.logZ_live)
        remaining = float(np.logaddexp(done, left) - done)
        first = max(first, min(remaining, 1e3))
        progress(fraction_done(remaining, first, options.remaining), f"remaining ln Z {remaining:.2f}")
        if remaining <= options.remaining:
            break
    points, values, born = (np.concatenate(parts) for parts in zip(*dead, live, strict=True))
    all_ranks = np.concatenate(ranks)
    # Walks that had no point above a plateau to start from stayed on it: they gave no point, and no rank.
    order = np.flatnonzero(values > born)
    order = order[np.argsort(values[order], kind="stable")]
    return {
        **start.completed(values[order], to_unit(points[order]), live_counts(born[order], values[order])),
        "ranks": all_ranks[~np.isnan(all_ranks)],
        "n_calls": counted.n_calls + calls,
        "wall_s": time.perf_counter() - started,
    }


def _arrays(particles: Any) -> tuple[Float64, Float64, Float64]:
    """Return positions [n, d], ln L [n] and the ln L above which they were drawn [n], of points live or dead."""
    position = np.asarray(particles.position)
    born = np.asarray(particles.loglikelihood_birth).reshape(-1)
    return (
        position.reshape(-1, position.shape[-1]),
        np.asarray(particles.loglikelihood).reshape(-1),
        np.where(np.isnan(born), -np.inf, born),  # nan stands for the whole prior
    )


def _functions(
    log_likelihood: Callable[[Any], Any], n_dimensions: int, options: JaxNestedOptions
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return how to begin from live points [n, d], and how to advance by a block of replacements."""
    import jax
    import jax.numpy as jnp

    from crsea_infer.inference.samplers.jax_slice_walks import nested_slices

    n_slices = max(_FEWEST_SLICES, round(options.slices_per_dimension * n_dimensions))
    begin, step = nested_slices(log_likelihood, math.ceil(n_slices / 2), options.replaced)

    def replace(state: Any, key: Any) -> tuple[Any, Any]:
        for_walks, for_ranks = jax.random.split(key)
        before = state.particles.loglikelihood
        state, info = step(for_walks, state)
        threshold = jnp.max(info.particles.loglikelihood)
        _, slots = jax.lax.top_k(-before, options.replaced)
        new = state.particles.loglikelihood[slots]
        # Each new point among the survivors and the new ones before it: such ranks are independent of each other.
        # On a plateau, it has any of the ranks of those with the same ln L.
        above = before > threshold
        earlier = jnp.tril(jnp.ones((options.replaced, options.replaced), dtype=bool), -1)
        below = jnp.sum(above & (before < new[:, None]), axis=1)
        below = below + jnp.sum(earlier & (new[None, :] < new[:, None]), axis=1)
        tied = jnp.sum(above & (before == new[:, None]), axis=1)
        tied = tied + jnp.sum(earlier & (new[None, :] == new[:, None]), axis=1)
        others = jnp.sum(above) + jnp.arange(options.replaced)
        ranks = (below + jax.random.uniform(for_ranks, new.shape) * (tied + 1)) / (others + 1)
        ranks = jnp.where(new > threshold, ranks, jnp.nan)
        return state, (info.particles, ranks, jnp.sum(info.update_info))

    def advance(key: Any, state: Any) -> tuple[Any, Any]:
        return jax.lax.scan(replace, state, jax.random.split(key, _BLOCK))

    return begin, advance
