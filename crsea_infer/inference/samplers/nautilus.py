"""nautilus: importance nested sampling within bounds that neural networks learn, for evidences and posteriors.

nautilus (Lange 2023, arXiv:2306.16923) builds nested shells around the posterior, each bounded by ellipsoids and by
networks trained on the likelihood, and then draws from the shells. Points of the first phase, by which the bounds were
chosen, bias the evidence; they are always discarded here, and only fresh draws from the finished shells count.

The library gives no error of ln Z. The one quoted adds up, shell by shell, the scatter of the likelihood within the
shell, the number of draws that fell into it, and the Monte Carlo estimate of the volume of its bound; see
:func:`_evidence_error`. Beyond ten parameters it is widened, because ln Z comes out slightly too low there. A
likelihood that lies in a place no bound covers is missed by fresh draws too, as it is by every method that learns where
to look; where the posterior reaches into such a place, samples that walk on tell of it (see
:mod:`crsea_infer.inference.samplers.leaks`).

A run stops every few seconds to keep its state: nautilus' own HDF5 file, whole, inside the checkpoint. A resumed run
ends with the numbers of an unbroken one.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.leaks import leaked_share
from crsea_infer.inference.samplers.nautilus_states import kept_sampler, kept_work, state_bytes
from crsea_infer.inference.samplers.options import Count, SamplerOptions, require
from crsea_infer.inference.samplers.pareto_smoothing import pareto_k_hat
from crsea_infer.inference.samplers.sampler import (
    CONVERGED,
    EDGE,
    Counted,
    Sampler,
    SamplerResult,
    child_seed,
    draw_from_prior,
)
from crsea_infer.inference.samplers.weighted_draws import LARGEST_K_HAT

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.samplers.nautilus_states import NautilusWork
    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.samplers.states import Kept
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["Nautilus", "NautilusOptions"]

_PIECE_S = 0.2  # time between two looks at the checkpoint
_FEWEST_IN_SHELL = 1
_LEAK_SIGMA = 2.0  # errors of ln Z
_TRUSTED_DIMENSIONS = 10
_SHORTFALL = 0.05
"""By how much ln Z of a Gaussian in twenty dimensions may come out too low; 0.049 in 100 seeds, 0.005 in ten dimensions
(benchmarks/data/calibration.ecsv). Added to the error in quadrature, in proportion beyond ten."""


class NautilusOptions(SamplerOptions):
    """Options of nautilus.

    Attributes
    ----------
    live_points
        Points inside the bound that is built next.
    networks
        Networks per bound; 0 leaves ellipsoids alone.
    batch
        Points evaluated at once.
    remaining
        Exploration ends when the live points hold less than this fraction of the evidence.
    effective_samples
        Effective sample of fresh draws, at which the run ends.
    most_calls
        Likelihood evaluations after which it ends in any case, and says so.
    """

    live_points: Count = Field(default=800, ge=100)
    networks: Count = Field(default=2, ge=0)
    batch: Count = Field(default=512, ge=1)
    remaining: float = Field(default=0.01, gt=0.0, lt=1.0)
    effective_samples: float = Field(default=5000.0, ge=100.0)
    most_calls: Count = 2_000_000

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        least = 10 * self.live_points
        require(self.most_calls >= least, "most_calls", self.most_calls, f"at least {least}, ten times live_points")
        return self


@dataclass(frozen=True)
class Nautilus(Sampler):
    """Importance nested sampling with networks."""

    name: ClassVar[str] = "nautilus"
    title: ClassVar[str] = "the sampler nautilus"
    gives_evidence: ClassVar[bool] = True
    duration: ClassVar[float] = 3.0
    precedence: ClassVar[int] = 3
    references: ClassVar[tuple[str, ...]] = ("arXiv:2306.16923",)
    Options: ClassVar[type[SamplerOptions]] = NautilusOptions

    options: NautilusOptions = field(default_factory=NautilusOptions)

    def run(
        self, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample; see :class:`~crsea_infer.inference.samplers.sampler.Sampler`."""
        options = self.options
        counted = Counted(target)
        kept = kept_work(checkpoint)
        wall_s, counted.n_calls = (0.0, 0) if kept is None else (kept.plain.wall_s, kept.plain.n_calls)
        for_start, for_shells = child_seed(seed, 0), child_seed(seed, 1)
        if kept is None:  # refuses a prior that lies outside the model
            draw_from_prior(counted, options.live_points, np.random.default_rng(for_start))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn, of networks that could be trained for longer
            sampler = _sampler(counted, options, for_shells, kept)
            finished = False
            while not finished:
                started = time.perf_counter()
                # Ends of pieces leave no trace in the numbers: nautilus only looks at the clock between batches.
                finished = sampler.run(
                    f_live=options.remaining,
                    n_shell=_FEWEST_IN_SHELL,
                    n_eff=options.effective_samples,
                    n_like_max=options.most_calls,
                    discard_exploration=True,
                    timeout=_PIECE_S,
                )
                wall_s += time.perf_counter() - started
                progress(*_how_far(sampler, options))
                if sampler.n_like >= options.most_calls:
                    break
                plain = {"wall_s": wall_s, "n_calls": counted.n_calls}
                checkpoint.offer(lambda plain=plain: {"nautilus": state_bytes(sampler), "plain": plain})  # type: ignore[misc]
        leaked = 0.0
        if finished:
            started = time.perf_counter()
            leaked = leaked_share(sampler, _in_cube(counted), np.random.default_rng(child_seed(seed, 2)))
            wall_s += time.perf_counter() - started
        return self._result(target, sampler, counted.n_calls, wall_s, finished, leaked)

    def _result(
        self, target: Target, sampler: Any, n_calls: int, wall_s: float, finished: bool, leaked: float
    ) -> SamplerResult:
        n_dimensions = len(target.names)
        unit, log_weights, log_likelihood = sampler.posterior()
        unit = np.clip(np.asarray(unit)[:, :n_dimensions], EDGE, 1.0 - EDGE)
        useful = np.isfinite(log_weights)
        lnz = float(sampler.log_z)
        shortfall = _SHORTFALL * max(0, n_dimensions - _TRUSTED_DIMENSIONS) / _TRUSTED_DIMENSIONS
        error = float(np.hypot(_evidence_error(sampler), shortfall))
        k_hat = pareto_k_hat(np.asarray(log_weights))
        status = CONVERGED
        if not sampler.explored:
            status = f"{sampler.n_like} evaluations did not suffice to explore the prior: raise nautilus.most_calls"
        elif not finished:
            wanted = self.options.effective_samples
            status = f"the effective sample is {sampler.n_eff:.0f}, {wanted:g} are asked for: raise nautilus.most_calls"
        elif leaked > _LEAK_SIGMA * error:
            status = f"the bounds miss at least {100.0 * leaked:.0f} % of the posterior: raise nautilus.live_points"
        elif not k_hat < LARGEST_K_HAT:
            status = f"the weights have too heavy a tail (Pareto k-hat {k_hat:.2f}): raise nautilus.live_points"
        return SamplerResult(
            sampler=self.name,
            names=tuple(target.names),
            samples=np.asarray(target.prior_transform(unit[useful])),
            unit_samples=unit[useful],
            log_weights=np.asarray(log_weights)[useful],
            log_likelihood=np.asarray(log_likelihood)[useful],
            # The points of an unfinished exploration give a biased ln Z.
            evidence=Evidence(lnz, error, "nested sampling with neural bounds") if sampler.explored else None,
            n_calls=n_calls,
            wall_s=wall_s,
            diagnostics={
                "status": status,
                "effective_samples": float(sampler.n_eff),
                "pareto_k_hat": k_hat,
                "sampling_efficiency": float(sampler.eta),
                "shells": float(len(sampler.bounds)),
                "leaked": leaked,
                "remaining": self.options.remaining,
            },
        )


def _sampler(
    counted: Counted, options: NautilusOptions, seed: np.random.SeedSequence, kept: Kept[NautilusWork] | None
) -> Any:
    """Make a nautilus sampler, new or as it was; it never writes files by itself."""
    kind = _stopping_on_plateaus()
    n_dimensions = len(counted.names)
    arguments: dict[str, Any] = {
        "prior": _identity,
        "likelihood": _in_cube(counted),
        "n_dim": max(n_dimensions, 2),  # nautilus wants two: a second one without meaning changes nothing
        "n_live": options.live_points,
        "n_networks": options.networks,
        "n_batch": options.batch,
        "vectorized": True,
        "seed": np.random.PCG64(seed),
    }
    if kept is None:
        return kind(**arguments)
    return kept_sampler(
        kept, lambda path: kind(**arguments, filepath=path, resume=True), counted.target, arguments["n_dim"]
    )


def _in_cube(counted: Counted) -> Callable[[Float64], Float64]:
    """Return ln L [n] as a function of points of nautilus' cube, which may have a dimension without meaning."""
    n_dimensions = len(counted.names)
    return lambda unit: counted.from_unit(np.clip(unit[:, :n_dimensions], EDGE, 1.0 - EDGE))


def _stopping_on_plateaus() -> type[Any]:
    """Return nautilus' sampler, which ends its exploration when the live points lie on a plateau at the top.

    No bound gets any smaller there, and the fraction of the evidence that so many live points hold falls with the
    number of all points only, at one training of networks per update. Bounds are what exploration is for; it has them.
    """
    from nautilus import Sampler

    class Stopping(Sampler):  # type: ignore[misc]
        @property
        def f_live(self) -> float | None:
            fraction: float | None = super().f_live
            if self.explored or len(self.log_l) == 0:
                return fraction
            values = np.concatenate(self.log_l)
            top = np.max(values, initial=-np.inf)
            bounded = self.shell_log_l_min[-1] == top  # or tried in vain
            return 0.0 if bounded and np.sum(values == top) >= self.n_live else fraction

    return Stopping


def _evidence_error(sampler: Any) -> float:
    """Return the standard deviation of ln Z.

    ln Z is a sum over shells of mean likelihood times volume. The volume of a shell is that of its bound times the
    share of the draws from the bound that no later bound took.
    """
    n = np.asarray(sampler.shell_n, dtype=np.float64)
    drawn = np.asarray(sampler.shell_n_sample - sampler.shell_n_sample_exp, dtype=np.float64)
    effective = np.asarray(sampler.shell_n_eff, dtype=np.float64)
    log_z = np.asarray(sampler.shell_log_l) + np.asarray(sampler.shell_log_v)
    used = np.isfinite(log_z) & (effective > 0.0) & (n > 0.0)
    share = np.exp(log_z[used] - np.logaddexp.reduce(log_z[used]))
    bound = np.array([_relative_volume_variance(bound) for bound in sampler.bounds])[used]
    n, drawn, effective = n[used], np.maximum(drawn[used], n[used]), effective[used]
    relative = np.maximum(1.0 / effective - 1.0 / n, 0.0) + (1.0 / n - 1.0 / drawn) + bound
    return float(np.sqrt(np.sum(share**2 * relative)))


def _relative_volume_variance(bound: Any) -> float:
    """Return the relative variance of the volume of a bound, estimated from draws that fell into it."""
    total = 0.0
    parts: tuple[Any, ...] = (bound, getattr(bound, "outer_bound", None))
    for part in parts:
        drawn = float(getattr(part, "n_sample", 0))
        if drawn:
            kept = drawn - float(part.n_reject)
            total += 1.0 / max(kept, 1.0) - 1.0 / drawn
    return total


def _how_far(sampler: Any, options: NautilusOptions) -> tuple[float, str]:
    """Return an estimate of the fraction that is done, and words."""
    if sampler.explored:
        share = min(float(sampler.n_eff) / options.effective_samples, 1.0)
        return 0.5 + 0.5 * share, f"{sampler.n_eff:.0f} effective samples"
    live = float(sampler.f_live)
    done = np.log(max(live, options.remaining)) / np.log(options.remaining)
    return 0.5 * float(np.clip(done, 0.0, 1.0)), f"{len(sampler.bounds)} bounds, live points hold {live:.2g} of Z"


def _identity(unit: Float64) -> Float64:
    """Keep nautilus in the unit cube: the prior transform is part of the likelihood call."""
    return unit
