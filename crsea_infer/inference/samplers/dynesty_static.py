"""dynesty, static: nested sampling, for evidences and posteriors.

A run is several independent sub-runs of fewer live points each, merged into one; see
:mod:`crsea_infer.inference.samplers.nested_subruns` for what that buys. New points come from walks in batches, see
:mod:`crsea_infer.inference.samplers.dynesty_walks`. dynesty: Speagle 2020, arXiv:1904.02180.
"""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
from pydantic import Field, model_validator

from crsea_infer.inference.samplers.nested_subruns import fraction_done, merged_result, run_subruns
from crsea_infer.inference.samplers.nested_volumes import insertion_ranks, live_counts
from crsea_infer.inference.samplers.options import Count, SamplerOptions, require
from crsea_infer.inference.samplers.sampler import Counted, Sampler, SamplerResult, child_seed, to_unit
from crsea_infer.inference.samplers.starts import LiveStart, live_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = [
    "FEWEST_WALKS",
    "Dynesty",
    "DynestyOptions",
    "Teller",
    "born_above",
    "dynesty_arguments",
    "starting_points",
    "without_warnings",
]

FEWEST_WALKS = 10
"""Shorter walks give ln Z too low, by several of its errors, before the insertion test of few live points notices."""


_LIVE_POINTS: Final = 200
"""Two sub-runs of these, in the largest batches, take half as long as four sub-runs of 100 for the same error."""


def _half_the_live_points(validated: dict[str, Any]) -> int:
    return int(validated.get("live_points", _LIVE_POINTS)) // 2


class DynestyOptions(SamplerOptions):
    """Options of dynesty.

    Attributes
    ----------
    subruns
        Independent sub-runs, at least 2.
    live_points
        Live points of each sub-run; the merged run counts the product.
    walks
        Steps of the random walk to a new point.
    walkers
        Walkers that step together, so that the likelihood works in batches; at most half the live points, because new
        points that come out below a threshold that has moved on meanwhile are lost. Default: half the live points.
    remaining
        A sub-run ends when the live points can add no more than this to ln Z.
    """

    subruns: Count = Field(default=2, ge=2)
    live_points: Count = Field(default=_LIVE_POINTS, ge=20)
    walks: Count = Field(default=100, ge=FEWEST_WALKS)
    walkers: Count = Field(default_factory=_half_the_live_points, ge=2)
    remaining: float = Field(default=0.1, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        most = self.live_points // 2
        require(self.walkers <= most, "walkers", self.walkers, f"an integer from 2 to {most}")
        return self


@dataclass(frozen=True)
class Dynesty(Sampler):
    """Static nested sampling in sub-runs."""

    name: ClassVar[str] = "dynesty"
    title: ClassVar[str] = "the sampler dynesty"
    gives_evidence: ClassVar[bool] = True
    duration: ClassVar[float] = 1.0
    precedence: ClassVar[int] = 1
    references: ClassVar[tuple[str, ...]] = ("arXiv:1904.02180",)
    Options: ClassVar[type[SamplerOptions]] = DynestyOptions

    options: DynestyOptions = field(default_factory=DynestyOptions)

    def run(
        self, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample; see :class:`~crsea_infer.inference.samplers.sampler.Sampler`."""
        return sample_in_subruns(self, _subrun, target, seed, checkpoint, progress)


def sample_in_subruns(
    sampler: Any,
    subrun: Callable[[Target, Any, np.random.SeedSequence, Progress], dict[str, Any]],
    target: Target,
    seed: np.random.SeedSequence,
    checkpoint: Checkpoint,
    progress: Progress,
) -> SamplerResult:
    """Do the sub-runs of a sampler by dynesty, static or dynamic, and merge them; `subrun` does one."""
    options = sampler.options

    def one(own_seed: np.random.SeedSequence, tell: Progress) -> dict[str, Any]:
        return subrun(target, options, own_seed, tell)

    parts = run_subruns(one, options.subruns, target, seed, checkpoint, progress)
    return merged_result(sampler.name, target, parts, seed, options.remaining, f"raise {sampler.name}.walks")


def _subrun(
    target: Target, options: DynestyOptions, seed: np.random.SeedSequence, progress: Progress
) -> dict[str, Any]:
    """Run one sub-run to its end and return its dead points as arrays."""
    from dynesty import NestedSampler

    started = time.perf_counter()
    counted = Counted(target)
    for_start, for_walks = child_seed(seed, 0), child_seed(seed, 1)
    start = live_start(counted, options.live_points, np.random.default_rng(for_start))
    if start.is_flat:
        return flat_subrun(start, counted, started)
    with without_warnings():
        sampler = NestedSampler(
            **dynesty_arguments(counted, options.walks, options.walkers, for_walks),
            nlive=options.live_points,
            live_points=starting_points(start),
        )
        tell = Teller(progress, options.remaining)
        for state in sampler.sample(dlogz=options.remaining, save_bounds=False):
            tell(float(getattr(state, "delta_logz", np.nan)))
        for _ in sampler.add_live_points():
            pass
        results = sampler.results
    log_likelihood = np.asarray(results.logl, dtype=np.float64)
    slot = np.asarray(results.samples_id, dtype=np.int64)
    live = live_counts(born_above(log_likelihood, slot, np.full(len(slot), -np.inf)), log_likelihood)
    return {
        **start.completed(log_likelihood, np.asarray(results.samples_u, dtype=np.float64), live),
        "ranks": insertion_ranks(log_likelihood, slot, options.live_points, child_seed(seed, 2)),
        "n_calls": counted.n_calls,
        "wall_s": time.perf_counter() - started,
    }


def starting_points(start: LiveStart) -> tuple[Float64, Float64, Float64]:
    """Return live points as dynesty takes them."""
    unit = to_unit(start.probit)
    return unit, unit.copy(), start.log_likelihood


def flat_subrun(start: LiveStart, counted: Counted, started: float) -> dict[str, Any]:
    """Return the sub-run of a likelihood that is constant as far as the prior was drawn from."""
    return {
        **start.completed_at_once(),
        "ranks": np.empty(0),
        "n_calls": counted.n_calls,
        "wall_s": time.perf_counter() - started,
    }


def born_above(log_likelihood: Float64, slot: Any, first: Float64) -> Float64:
    """Return the ln L above which each dead point was drawn [n].

    Parameters
    ----------
    log_likelihood, slot
        Of the dead points in order [n]: a point that dies leaves its slot to one above it.
    first
        The same where a point is the first in its slot [n].
    """
    born = np.array(first, dtype=np.float64)
    died: dict[int, float] = {}
    for index, own in enumerate(slot):
        born[index] = died.get(int(own), born[index])
        died[int(own)] = log_likelihood[index]
    return born


def dynesty_arguments(counted: Counted, walks: int, walkers: int, seed: np.random.SeedSequence) -> dict[str, Any]:
    """Return what static and dynamic runs of dynesty have in common: the problem, the walks and their seed."""
    from crsea_infer.inference.samplers.dynesty_walks import BatchedWalks, SerialPool

    return {
        "loglikelihood": lambda unit: float(counted.from_unit(np.asarray(unit)[None, :])[0]),
        "prior_transform": _identity,
        "ndim": len(counted.names),
        "bound": "none",
        "sample": BatchedWalks(log_likelihood=counted.from_unit, walks=walks),
        "pool": SerialPool(walkers),
        "rstate": np.random.default_rng(seed),
        "first_update": {"min_ncall": 0, "min_eff": 100.0},  # walk from the start: uniform draws come one by one
    }


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silence dynesty on few live points, which the insertion test sees, and on plateaus, which are counted here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Teller:
    """Tells progress from the remaining evidence, twice a second."""

    def __init__(self, progress: Progress, last: float) -> None:
        self._progress = progress
        self._last = last
        self._first = 0.0
        self._told = time.perf_counter()

    def __call__(self, remaining: float) -> None:
        """Take the most that the live points can still add to ln Z."""
        now = time.perf_counter()
        if now - self._told > 0.5:
            self._told = now
            self._first = max(self._first, remaining)
            self._progress(fraction_done(remaining, self._first, self._last), f"remaining ln Z {remaining:.2f}")


def _identity(unit: Float64) -> Float64:
    """Keep dynesty in the unit cube: the prior transform is part of the likelihood call."""
    return unit
