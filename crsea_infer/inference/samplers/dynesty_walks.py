"""Random walks inside dynesty, many at a time.

dynesty asks for one new live point after the other, each at the end of a random walk above a likelihood threshold, and
evaluates the likelihood once per step. A batched likelihood costs ten times less per point than a single one, so this
internal sampler lets a whole queue of walkers step together. Walkers move in probit coordinates, where the prior is a
standard normal without walls. Half of their steps go along differences of live points (differential evolution, ter
Braak 2006), half are turns about the centre of the live points (see :mod:`crsea_infer.inference.samplers.turns`), which
cross the many directions that data hardly constrain in a few steps where a random walk needs hundreds. Both keep the
prior, restricted to the region above the threshold, exactly invariant given the live points.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from dynesty.internal_samplers import InternalSampler, SamplerReturn
from dynesty.utils import LoglOutput

from crsea_infer.inference.samplers.sampler import to_probit, to_unit
from crsea_infer.inference.samplers.turns import Normal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from crsea_infer.support.arrays import Float64

__all__ = ["BatchedWalks", "SerialPool"]

_ACCEPTANCE = 0.3  # near the optimum of random walks in ten or more dimensions
_TURNING = 0.5  # share of turns; the other steps go along differences
_JUMP = 0.1  # share of full-length differences, which carry walkers between separate modes


class SerialPool:
    """What dynesty takes for a pool: its `size` is the number of walkers that step together."""

    def __init__(self, size: int) -> None:
        self.size = size

    def map(self, function: Callable[[Any], Any], arguments: Iterable[Any]) -> list[Any]:
        """Apply `function` here and now."""
        return [function(argument) for argument in arguments]


class BatchedWalks(InternalSampler):  # type: ignore[misc]
    """New live points for dynesty from walkers that step together.

    Parameters
    ----------
    log_likelihood
        ln L [n] of points [n, d] of the unit cube.
    walks
        Steps of each walk.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._log_likelihood: Callable[[Float64], Float64] = options["log_likelihood"]
        self._walks: int = options["walks"]
        self.scale_differences = 1.0
        self.scale = 0.5
        self._accepted = np.zeros(2)
        self._proposed = np.zeros(2)

    @property
    def update_bound_interval_ratio(self) -> int:
        """Calls per live point between two updates of the bound (of which there is none)."""
        return self._walks

    def prepare_sampler(
        self,
        loglstar: float | None = None,
        points: Sequence[Float64] = (),
        axes: object = None,  # noqa: ARG002
        seeds: Sequence[Any] = (),
        prior_transform: object = None,  # noqa: ARG002
        loglikelihood: object = None,  # noqa: ARG002
        nested_sampler: Any = None,
    ) -> list[SamplerReturn]:
        """Walk from all `points` at once; :meth:`sample` then only hands the results out."""
        generator = np.random.default_rng(seeds[0])
        live = to_probit(np.asarray(nested_sampler.live_u))
        start = np.array(points)
        threshold = -math.inf if loglstar is None else float(loglstar)
        ends, values, accepted, calls = self._walk(to_probit(start), threshold, live, generator)
        unit = to_unit(ends)
        still = np.flatnonzero(accepted == 0)
        if len(still):  # their likelihood is known to dynesty, but not here
            unit[still] = start[still]
            values[still] = self._log_likelihood(unit[still])
            calls[still] += 1
        return [
            SamplerReturn(
                u=unit[index],
                v=unit[index],
                logl=LoglOutput(float(values[index]), blob_flag=False),
                ncalls=int(calls[index]),
                evaluation_history=[],
                tuning_info={},
                proposal_stats={"n_accept": int(accepted[index])},
            )
            for index in range(len(start))
        ]

    def _walk(
        self, points: Float64, threshold: float, live: Float64, generator: np.random.Generator
    ) -> tuple[Float64, Float64, Any, Any]:
        n_walkers, n_dimensions = points.shape
        points = points.copy()
        values = np.full(n_walkers, -np.inf)
        accepted = np.zeros(n_walkers, dtype=np.int64)
        calls = np.zeros(n_walkers, dtype=np.int64)
        normal = Normal.like(live)
        white = normal.whiten(points)
        angle = min(self.scale, 0.95)
        length = self.scale_differences * 2.38 / math.sqrt(2.0 * n_dimensions)
        n_live = len(live)
        for _ in range(self._walks):
            turning = np.asarray(generator.random(n_walkers) < _TURNING)
            turned = normal.turn(white, angle, generator)
            first = generator.integers(n_live, size=n_walkers)
            second = (first + generator.integers(1, n_live, size=n_walkers)) % n_live
            along = np.where(generator.random(n_walkers) < _JUMP, 1.0, length)
            shifted = points + (live[first] - live[second]) * along[:, None]
            proposed = np.where(turning[:, None], normal.colour(turned), shifted)
            log_ratio = 0.5 * (np.sum(points**2, axis=1) - np.sum(proposed**2, axis=1))
            # A turn keeps the normal distribution; this brings back the prior.
            log_ratio += np.where(turning, 0.5 * (np.sum(turned**2, axis=1) - np.sum(white**2, axis=1)), 0.0)
            tried = np.flatnonzero(-generator.exponential(size=n_walkers) < log_ratio)
            self._proposed += np.bincount(turning, minlength=2)
            if len(tried) == 0:
                continue
            calls[tried] += 1
            tried_values = self._log_likelihood(to_unit(proposed[tried]))
            above = np.asarray(tried_values > threshold)
            moved = tried[above]
            points[moved] = proposed[moved]
            white[moved] = normal.whiten(points[moved])
            values[moved] = tried_values[above]
            accepted[moved] += 1
            self._accepted += np.bincount(turning[moved], minlength=2)
        return points, values, accepted, calls

    @staticmethod
    def sample(args: SamplerReturn) -> SamplerReturn:
        """Hand out a walk that is already done."""
        return args

    def tune(self, tuning_info: object, update: bool = False) -> None:  # noqa: ARG002
        """Adapt the length of the steps to their acceptance, once per queue."""
        if update and np.all(self._proposed > 0):
            factors = np.exp(0.5 * (self._accepted / self._proposed - _ACCEPTANCE))
            self.scale_differences = float(np.clip(self.scale_differences * factors[0], 1e-3, 3.0))
            self.scale = float(np.clip(self.scale * factors[1], 1e-3, 1.0))
            self._accepted = np.zeros(2)
            self._proposed = np.zeros(2)

    @property
    def citations(self) -> list[tuple[str, str]]:
        """Where the method of the walk comes from."""
        return [("ter Braak (2006)", "doi.org/10.1007/s11222-006-8769-1")]
