"""smc: sequential Monte Carlo, from the prior to the posterior through powers of the likelihood.

A few thousand particles, in independent sub-runs side by side, start as draws of the prior and are led to the posterior
by raising the power of the likelihood step by step (see :mod:`crsea_infer.inference.samplers.temperatures`; Del Moral,
Doucet and Jasra 2006, J. R. Stat. Soc. B 68, 411). At each power they move until they have forgotten where they started
(see :mod:`crsea_infer.inference.samplers.particle_moves`): this is measured, because ln Z is biased where moves are too
few, by more than its scatter shows. Peaks that lie apart keep their shares, since particles are in all of them when the
ways between them close.

At the end a proposal is fitted to the particles of either half of the sub-runs, and weighted draws from it give ln Z
as in :mod:`crsea_infer.inference.samplers.importance`, with the same gates. Where a gate refuses, as one does where no
mixture follows the posterior, the evidence is that of the particles, with the scatter between sub-runs.

All of it works on batches, by NumPy on a core, or by JAX on whatever device it finds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from crsea_infer.inference.samplers.jax_tracing import JAX_EXTRA, double_precision
from crsea_infer.inference.samplers.particle_movers import Compiled, JaxMover, Mover
from crsea_infer.inference.samplers.particle_result import particle_result
from crsea_infer.inference.samplers.particles import Particles
from crsea_infer.inference.samplers.proposals import best_of
from crsea_infer.inference.samplers.sampler import (
    Counted,
    Sampler,
    SamplerResult,
    child_seed,
    refuse_missing_packages,
    standard_normal_log_density,
    to_unit,
)
from crsea_infer.inference.samplers.smc_options import SmcOptions

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.options import SamplerOptions
    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["Smc", "compiled_target"]

_HALVES = 2
_PRIOR_SHARE = 0.03
_TRIAL = 12  # draws by which each proposal is tried: one in so many of those that count, and at least 500
_BLOCK = 4096


@dataclass(frozen=True)
class Smc(Sampler):
    """Tempered sequential Monte Carlo with a correction by weighted draws."""

    name: ClassVar[str] = "smc"
    title: ClassVar[str] = "tempered sequential Monte Carlo"
    gives_evidence: ClassVar[bool] = True
    duration: ClassVar[float] = 0.5
    precedence: ClassVar[int] = 6
    references: ClassVar[tuple[str, ...]] = ("arXiv:2407.07781", "arXiv:0801.1426", "arXiv:1507.02646")
    Options: ClassVar[type[SamplerOptions]] = SmcOptions

    options: SmcOptions = field(default_factory=SmcOptions)

    def check(self, target: Target) -> None:  # noqa: ARG002
        """Refuse the backend "jax" without JAX; see :class:`Sampler`."""
        if self.options.backend == "jax":
            refuse_missing_packages(_Jax(self.options))

    def run(
        self, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample; see :class:`~crsea_infer.inference.samplers.sampler.Sampler`."""
        self.check(target)
        if self.options.backend != "jax":
            counted = Counted(target)
            return self._run(counted, Mover(counted), seed, checkpoint, progress)
        with double_precision():
            return self.run_compiled(compiled_target(target, self.options), seed, checkpoint, progress)

    def run_compiled(
        self, compiled: Compiled, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample a target that :func:`compiled_target` compiled, within double precision of JAX."""
        return self._run(compiled, JaxMover(compiled), seed, checkpoint, progress)

    def _run(
        self, counted: Counted, mover: Mover, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        options = self.options
        started = time.perf_counter()
        particles = Particles.restored(checkpoint, counted, options.subruns, options.particles) or Particles.begin(
            counted, options.subruns, options.particles, child_seed(seed, 0)
        )
        spent = particles.wall_s

        def keep() -> dict[str, Any]:
            return particles.arrays(counted.n_calls, spent + time.perf_counter() - started)

        while not particles.arrived:
            particles.advance(
                mover, options.effective_share, options.forgotten, options.most_moves, child_seed(seed, 1)
            )
            progress(0.9 * particles.fraction, particles.words)
            checkpoint.offer(keep)
        for half in range(len(particles.halves), _HALVES if options.draws else 0):
            progress(0.9 + 0.1 * half / _HALVES, "weighted draws")
            particles.halves.append(_weighted(particles.of_half(half), counted, options, child_seed(seed, 2 + half)))
            checkpoint.offer(keep)
        return particle_result(
            self.name, counted.target, particles, counted.n_calls, keep()["plain"]["wall_s"], options
        )


@dataclass(frozen=True)
class _Jax(Smc):
    """What the backend "jax" needs."""

    packages: ClassVar[tuple[str, ...]] = ("jax",)
    extra: ClassVar[str] = JAX_EXTRA


def compiled_target(target: Target, options: SmcOptions) -> Compiled:
    """Return a target compiled for all particles at once; call this within double precision of JAX."""
    return Compiled(target, Smc.name, options.subruns * options.particles)


def _weighted(
    points: Float64, counted: Counted, options: SmcOptions, seed: np.random.SeedSequence
) -> dict[str, Float64]:
    """Fit a proposal to particles [n, d], and draw and weight as many as are asked for."""
    proposal, _ = best_of(
        points,
        counted.log_target,
        sizes=(1, options.components // 4, options.components) if options.components > 4 else (1, options.components),
        prior_share=_PRIOR_SHARE,
        n_trial=max(options.draws // _TRIAL, 500),
        generator=np.random.default_rng(child_seed(seed, 0)),
    )
    draws = proposal.draw(options.draws, np.random.default_rng(child_seed(seed, 1)))
    unit = to_unit(draws)
    log_likelihood = np.concatenate(
        [counted.from_probit(draws[start : start + _BLOCK]) for start in range(0, len(draws), _BLOCK)]
    )
    log_weights = log_likelihood + standard_normal_log_density(draws) - proposal.log_density(draws)
    return {"unit": unit, "log_likelihood": log_likelihood, "log_weights": log_weights}
