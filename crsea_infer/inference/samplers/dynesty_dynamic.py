"""dynesty, dynamic: nested sampling that puts its live points where they help most.

Each sub-run begins as a short static run and then adds batches of live points over the range of likelihood that
contributes most to the posterior, the evidence, or a mixture of both (Higson et al. 2019, arXiv:1704.03459; Speagle
2020, arXiv:1904.02180), until it has its part of the effective samples asked for. Sub-runs are merged as those of the
static sampler are, and serve the same ends; see :mod:`crsea_infer.inference.samplers.nested_subruns`. The insertion
test looks at the static beginnings, where ranks have a meaning; the batches walk in the same way.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from crsea_infer.inference.samplers.dynesty_static import (
    FEWEST_WALKS,
    Teller,
    born_above,
    dynesty_arguments,
    flat_subrun,
    sample_in_subruns,
    starting_points,
    without_warnings,
)
from crsea_infer.inference.samplers.nested_volumes import insertion_ranks, live_counts
from crsea_infer.inference.samplers.options import Count, SamplerOptions, require
from crsea_infer.inference.samplers.sampler import Counted, Sampler, SamplerResult, child_seed
from crsea_infer.inference.samplers.starts import live_start

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["DynamicDynesty", "DynamicDynestyOptions"]


class DynamicDynestyOptions(SamplerOptions):
    """Options of dynamic dynesty.

    Attributes
    ----------
    subruns
        Independent sub-runs, at least 2.
    live_points
        Live points of the static beginning of each sub-run.
    batch_live_points
        Live points of each batch that is added.
    most_batches
        Batches after which a sub-run ends in any case.
    effective_samples
        Effective posterior samples of the merged run, at which batches end.
    posterior_share
        How much batches are for the posterior, 0 (evidence only) to 1 (posterior only).
    walks, walkers
        As for static dynesty; walkers at most half of either number of live points.
    remaining
        A static beginning ends when its live points can add no more than this to ln Z.
    """

    subruns: Count = Field(default=4, ge=2)
    live_points: Count = Field(default=60, ge=20)
    batch_live_points: Count = Field(default=60, ge=20)
    most_batches: Count = Field(default=20, ge=1)
    effective_samples: float = Field(default=4000.0, ge=100.0)
    posterior_share: float = Field(default=0.5, ge=0.0, le=1.0)
    walks: Count = Field(default=100, ge=FEWEST_WALKS)
    walkers: Count = Field(default=25, ge=2)
    remaining: float = Field(default=0.1, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        most = min(self.live_points, self.batch_live_points) // 2
        require(self.walkers <= most, "walkers", self.walkers, f"an integer from 2 to {most}")
        return self


@dataclass(frozen=True)
class DynamicDynesty(Sampler):
    """Dynamic nested sampling in sub-runs."""

    name: ClassVar[str] = "dynesty-dynamic"
    title: ClassVar[str] = "the sampler dynesty, dynamic"
    gives_evidence: ClassVar[bool] = True
    duration: ClassVar[float] = 2.0
    precedence: ClassVar[int] = 2
    references: ClassVar[tuple[str, ...]] = ("arXiv:1904.02180", "arXiv:1704.03459")
    Options: ClassVar[type[SamplerOptions]] = DynamicDynestyOptions

    options: DynamicDynestyOptions = field(default_factory=DynamicDynestyOptions)

    def run(
        self, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample; see :class:`~crsea_infer.inference.samplers.sampler.Sampler`."""
        return sample_in_subruns(self, _subrun, target, seed, checkpoint, progress)


def _subrun(
    target: Target, options: DynamicDynestyOptions, seed: np.random.SeedSequence, progress: Progress
) -> dict[str, Any]:
    """Run one sub-run to its end and return its dead points as arrays."""
    from dynesty import DynamicNestedSampler

    started = time.perf_counter()
    counted = Counted(target)
    for_start, for_walks = child_seed(seed, 0), child_seed(seed, 1)
    start = live_start(counted, options.live_points, np.random.default_rng(for_start))
    if start.is_flat:
        return flat_subrun(start, counted, started)
    with without_warnings():
        sampler = DynamicNestedSampler(
            **dynesty_arguments(counted, options.walks, options.walkers, for_walks),
            nlive=options.live_points,
        )
        tell = Teller(lambda fraction, words: progress(0.5 * fraction, words), options.remaining)
        for state in sampler.sample_initial(
            nlive=options.live_points, dlogz=options.remaining, live_points=starting_points(start)
        ):
            tell(float(state.delta_logz))
        base = sampler.results
        slot = np.asarray(base.samples_id, dtype=np.int64)
        ranks = insertion_ranks(np.asarray(base.logl), slot, options.live_points, child_seed(seed, 2))
        wanted = options.effective_samples / options.subruns
        for batch in range(options.most_batches):
            effective = float(sampler.n_effective)
            if effective >= wanted or _highest_start(sampler.results.logl, options.batch_live_points) is None:
                break
            fraction = max(batch / options.most_batches, effective / wanted)
            progress(0.5 + 0.5 * fraction, f"batch {batch + 1}, {effective:.0f} effective samples")
            sampler.add_batch(
                nlive=options.batch_live_points,
                dlogz=options.remaining,
                wt_function=_likelihood_range,
                wt_kwargs={"pfrac": options.posterior_share, "n_live": options.batch_live_points},
                save_bounds=False,
                print_progress=False,
            )
        results = sampler.results
    log_likelihood = np.asarray(results.logl, dtype=np.float64)
    first = np.asarray(results.batch_logl_bounds, dtype=np.float64)[
        np.asarray(results.samples_batch, dtype=np.int64), 0
    ]
    born = born_above(log_likelihood, np.asarray(results.samples_id, dtype=np.int64), first)
    return {
        **start.completed(
            log_likelihood, np.asarray(results.samples_u, dtype=np.float64), live_counts(born, log_likelihood)
        ),
        "ranks": ranks,
        "n_calls": counted.n_calls,
        "wall_s": time.perf_counter() - started,
    }


def _likelihood_range(results: Any, arguments: dict[str, Any]) -> tuple[float, float]:
    """Return the range of ln L of the next batch: dynesty's, but never from below the first dead point.

    From there up, a batch starts with walks; below, dynesty would draw from the prior one point at a time. Nor from so
    high that a plateau at the top leaves too few points above.
    """
    from dynesty.dynamicsampler import weight_function

    lower, upper = weight_function(results, arguments)
    highest = _highest_start(results.logl, arguments["n_live"])
    lower = max(float(lower), float(results.logl[0]))
    return lower if highest is None else min(lower, highest), float(upper)


def _highest_start(log_likelihood: Float64, n_live: int) -> float | None:
    """Return the largest ln L that at least `n_live` of the dead points [n], in order, lie above; None without one."""
    n_below = int(np.searchsorted(log_likelihood, log_likelihood[-n_live], side="left"))
    return float(log_likelihood[n_below - 1]) if n_below else None
