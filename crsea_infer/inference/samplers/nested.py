"""dynesty, static: nested sampling, for evidences and posteriors.

A run is several independent sub-runs of fewer live points each (Speagle 2020, arXiv:1904.02180), merged into one by
adding up their live points (Higson et al. 2018, arXiv:1704.03459). That buys three things: a killed run goes on at the
last finished sub-run and ends with exactly the numbers of an unbroken one; the scatter of ln Z between sub-runs is an
honest check of the quoted error; and the ranks at which new points are inserted (Fowlie et al. 2020, arXiv:2006.03371)
test whether the walks inside are long enough.

The error of ln Z comes from simulating the shrinkage of the prior volume (Skilling 2006), or from the scatter between
sub-runs where that is larger.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.base import CONVERGED, Counted, SamplerResult, draw_from_prior, require, to_unit
from crsea_infer.inference.samplers.volumes import Deaths, insertion_p_value, integrate, merge, simulate_error

if TYPE_CHECKING:
    from crsea_infer.arrays import Float64
    from crsea_infer.inference.checkpoint import Checkpoint
    from crsea_infer.inference.samplers.base import Progress
    from crsea_infer.inference.target import Target

__all__ = ["Dynesty", "DynestyOptions"]


@dataclass(frozen=True)
class DynestyOptions:
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
        points that come out below a threshold that has moved on meanwhile are lost.
    remaining
        A sub-run ends when the live points can add no more than this to ln Z.
    """

    subruns: int = 4
    live_points: int = 100
    walks: int = 100
    walkers: int = 25
    remaining: float = 0.1

    def __post_init__(self) -> None:
        require(self.subruns >= 2, "dynesty.subruns", self.subruns, "an integer >= 2")
        require(self.live_points >= 20, "dynesty.live_points", self.live_points, "an integer >= 20")
        require(self.walks >= 2, "dynesty.walks", self.walks, "an integer >= 2")
        require(0.0 < self.remaining <= 1.0, "dynesty.remaining", self.remaining, "a number in (0, 1]")
        most = self.live_points // 2
        require(2 <= self.walkers <= most, "dynesty.walkers", self.walkers, f"an integer from 2 to {most}")


@dataclass(frozen=True)
class Dynesty:
    """Static nested sampling in sub-runs."""

    options: DynestyOptions = DynestyOptions()
    name: str = "dynesty"

    def run(
        self, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample; see :class:`~crsea_infer.inference.samplers.base.Sampler`."""
        options = self.options
        kept = checkpoint.load()
        finished = [_subrun_from(kept, index) for index in range(int(kept["plain"]["finished"]))] if kept else []
        for index in range(len(finished), options.subruns):
            own_seed = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, index))

            def tell(fraction: float, message: str, index: int = index) -> None:
                progress((index + fraction) / options.subruns, f"sub-run {index + 1}/{options.subruns}, {message}")

            finished.append(_subrun(target, options, own_seed, tell))
            arrays = {f"{i}/{name}": value for i, part in enumerate(finished) for name, value in part.items()}
            checkpoint.save({**arrays, "plain": {"finished": len(finished)}})
        final_seed = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, options.subruns))
        return self._result(target, finished, np.random.default_rng(final_seed))

    def _result(self, target: Target, parts: list[dict[str, Any]], generator: np.random.Generator) -> SamplerResult:
        runs = [Deaths(part["log_likelihood"], part["live"], float(part["log_volume_start"])) for part in parts]
        merged, order = merge(runs)
        lnz, log_weights = integrate(merged)
        simulated = simulate_error(merged, generator)
        separate = np.array([integrate(run)[0] for run in runs])
        scatter = float(np.std(separate, ddof=1) / np.sqrt(len(runs)))
        p_value = insertion_p_value([(part["log_likelihood"], part["slot"], part["live"]) for part in parts])
        unit = np.concatenate([part["unit"] for part in parts])[order]
        weights = np.exp(log_weights - np.max(log_weights))
        status = CONVERGED
        if p_value < 1e-3:
            status = f"new points are not spread evenly among the live ones (p = {p_value:.1g}): raise dynesty.walks"
        return SamplerResult(
            sampler=self.name,
            names=tuple(target.names),
            samples=np.asarray(target.prior_transform(unit)),
            unit_samples=unit,
            log_weights=log_weights,
            log_likelihood=merged.log_likelihood,
            evidence=Evidence(lnz, max(simulated, scatter), "nested sampling"),
            n_calls=int(sum(int(part["n_calls"]) for part in parts)),
            wall_s=float(sum(float(part["wall_s"]) for part in parts)),
            diagnostics={
                "status": status,
                "lnz_err_simulated": simulated,
                "lnz_err_scatter": scatter,
                **{f"lnz_subrun_{index + 1}": float(value) for index, value in enumerate(separate)},
                "insertion_p_value": p_value,
                "information": float(np.sum(weights * merged.log_likelihood) / np.sum(weights) - lnz),
                "effective_samples": float(np.sum(weights) ** 2 / np.sum(weights**2)),
                "remaining": self.options.remaining,
            },
        )


def _subrun(
    target: Target, options: DynestyOptions, seed: np.random.SeedSequence, progress: Progress
) -> dict[str, Any]:
    """Run one sub-run to its end and return its dead points as arrays."""
    from dynesty import NestedSampler

    from crsea_infer.inference.samplers.walks import BatchedWalks, SerialPool

    started = time.perf_counter()
    counted = Counted(target)
    n_dimensions = len(counted.names)
    for_start, for_walks = (np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)) for i in range(2))
    probit, log_likelihood, share = draw_from_prior(counted, options.live_points, np.random.default_rng(for_start))
    unit = to_unit(probit)
    with warnings.catch_warnings():
        # dynesty warns of few live points per dimension and of plateaus; the insertion test sees what matters of both.
        warnings.simplefilter("ignore")
        sampler = NestedSampler(
            lambda unit: float(counted.from_unit(np.asarray(unit)[None, :])[0]),
            _identity,
            n_dimensions,
            nlive=options.live_points,
            bound="none",
            sample=BatchedWalks(log_likelihood=counted.from_unit, walks=options.walks),
            pool=SerialPool(options.walkers),
            rstate=np.random.default_rng(for_walks),
            live_points=(unit, unit.copy(), log_likelihood),
            first_update={"min_ncall": 0, "min_eff": 100.0},  # walk from the start: uniform draws come one by one
        )
        told = started
        first = 0.0
        for state in sampler.sample(dlogz=options.remaining, save_bounds=False):
            now = time.perf_counter()
            if now - told > 0.5:
                told = now
                remaining = float(getattr(state, "delta_logz", np.nan))
                first = max(first, remaining)
                progress(_fraction(remaining, first, options.remaining), f"remaining ln Z {remaining:.2f}")
        for _ in sampler.add_live_points():
            pass
        results = sampler.results
    n_dead = len(results.logl)
    live = np.minimum(np.arange(n_dead, 0, -1), options.live_points)
    return {
        "log_likelihood": np.asarray(results.logl, dtype=np.float64),
        "unit": np.asarray(results.samples_u, dtype=np.float64),
        "slot": np.asarray(results.samples_id, dtype=np.int64),
        "live": live.astype(np.int64),
        "log_volume_start": np.log(share),
        "n_calls": counted.n_calls,
        "wall_s": time.perf_counter() - started,
    }


def _subrun_from(kept: dict[str, Any], index: int) -> dict[str, Any]:
    prefix = f"{index}/"
    return {name.removeprefix(prefix): value for name, value in kept.items() if name.startswith(prefix)}


def _identity(unit: Float64) -> Float64:
    """Keep dynesty in the unit cube: the prior transform is part of the likelihood call."""
    return unit


def _fraction(remaining: float, first: float, last: float) -> float:
    """Estimate how far a sub-run is from the decay of the remaining evidence."""
    if not np.isfinite(remaining) or first <= last:
        return 0.0
    return float(np.clip(1.0 - (remaining - last) / (first - last), 0.0, 1.0))
