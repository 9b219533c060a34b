"""Computing many points on many workers: local processes, or any dask cluster.

Points are handed out in chunks by the engine of :mod:`crsea_infer.support.jobs`; what comes back is written to disk at
once by the process that drives the build (workers need no shared disk). A point that fails is tried again by itself, on
whichever worker is free; when it keeps failing, everything else is finished first, and the build ends with an error
that names the point and its reason. A worker that dies costs the chunks it held, which are handed out again.
"""

from __future__ import annotations

import importlib
import json
import pickle
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, runtime_checkable

import numpy as np

from crsea_infer.support.cluster import check_address
from crsea_infer.support.errors import UserError
from crsea_infer.support.jobs import hand_out, open_workers
from crsea_infer.support.lanes import CORES
from crsea_infer.support.packed import pack
from crsea_infer.support.pieces import Build, Pieces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.packed import Tell
    from crsea_infer.support.pool import Event

__all__ = ["Recipe", "Schedule", "Task", "run_build"]

_SHOWN: Final = 5
"""Failed points that an error message lists."""


@runtime_checkable
class Task(Protocol):
    """A function of one point that any worker can make for itself."""

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Make the task from plain JSON; called once per worker process."""

    def __call__(self, point: Mapping[str, float]) -> Float64:
        """Return the values at one point, of the same shape for every point; raise or return NaN when it fails."""


@dataclass(frozen=True)
class Schedule:
    """Where and how a build runs.

    Attributes
    ----------
    scheduler
        Address of a dask scheduler, such as tcp://host:8786; None for processes on this machine.
    workers
        Local processes.
    chunk
        Points handed out at a time: enough of them to last about a second.
    retries
        How often a failed point is tried again.
    """

    scheduler: str | None = None
    workers: int = 2
    chunk: int = 64
    retries: int = 2

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense, and what is no address: what is wrong is said before any computing."""
        if self.workers < 1:
            raise UserError(f"{self.workers} workers", valid="at least 1")
        if self.chunk < 1:
            raise UserError(f"chunks of {self.chunk} points", valid="at least 1 point")
        if self.retries < 0:
            raise UserError(f"{self.retries} retries", valid="at least 0")
        if self.scheduler is not None:
            check_address(self.scheduler)


Recipe = Callable[[], Callable[["Mapping[str, float]"], "Float64"]]
"""Makes the task of a build on a worker; it travels with the points and holds all that the task needs."""


@dataclass(frozen=True)
class _FromSettings:
    """Makes the task that a build names from what the build says."""

    reference: str
    content: str

    def __call__(self) -> Task:
        module, _, name = self.reference.partition(":")
        found = getattr(importlib.import_module(module), name)
        task: Task = found.from_json(json.loads(self.content))
        return task


@lru_cache(maxsize=2)
def _made(recipe: bytes) -> Callable[[Mapping[str, float]], Float64]:
    """Make a task, once for all its points."""
    make: Recipe = pickle.loads(recipe)  # noqa: S301 - from a process of our own
    return make()


Outcome = tuple[int, "Float64 | None", str]
"""Index of a point, its values, and why there are none."""


def _compute(chunk: tuple[bytes, Sequence[str], Sequence[tuple[int, list[float]]]], _tell: Tell) -> list[Outcome]:
    """Compute some points; runs on the workers."""
    recipe, names, points = chunk
    outcomes: list[Outcome] = []
    for index, point in points:
        try:
            values = np.asarray(_made(recipe)(dict(zip(names, point, strict=True))), dtype=np.float64)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported and tried again
            outcomes.append((index, None, f"{type(error).__name__}: {error}"))
            continue
        finite = bool(np.isfinite(values).all())
        outcomes.append((index, values, "") if finite else (index, None, "values that are not finite"))
    return outcomes


class _Driver:
    """The loop of one build."""

    def __init__(
        self,
        build: Build,
        pieces: Pieces,
        schedule: Schedule,
        progress: Callable[[int, int], None],
        recipe: Recipe | None,
    ) -> None:
        self.build, self.pieces, self.schedule, self.progress = build, pieces, schedule, progress
        self.recipe = pickle.dumps(
            recipe or _FromSettings(build.task, json.dumps(dict(build.settings), sort_keys=True))
        )
        done = pieces.finished()
        self.n_done = int(done.sum())
        missing = np.flatnonzero(~done).tolist()
        self.waiting = deque(missing[i : i + schedule.chunk] for i in range(0, len(missing), schedule.chunk))
        self.attempts: dict[int, int] = {}
        self.failed: dict[int, str] = {}

    def run(self) -> None:
        self.progress(self.n_done, len(self.build.points))
        with open_workers(self.schedule.scheduler, self.schedule.workers) as workers:
            hand_out(workers, {CORES: self.waiting}, self._packed, self._take)

    def _packed(self, chunk: list[int]) -> bytes:
        return pack(_compute, (self.recipe, self.build.names, [(i, self.build.points[i].tolist()) for i in chunk]))

    def _take(self, chunk: list[int], event: Event) -> None:
        if event.kind == "progress":
            return
        if event.kind == "done":
            (outcomes,) = event.content
        elif event.kind == "lost":
            outcomes = [(i, None, f"its worker was lost ({event.content[0]})") for i in chunk]
        else:  # one message: it would be the same for every point
            reason = event.content[0].strip().splitlines()[-1]
            outcomes = [(i, None, reason) for i in chunk]
        good = [(i, values) for i, values, _ in outcomes if values is not None]
        if good:
            self.pieces.write([i for i, _ in good], np.stack([values for _, values in good]))
            self.n_done += len(good)
            self.progress(self.n_done, len(self.build.points))
        for i, values, reason in outcomes:
            if values is not None:
                continue
            self.attempts[i] = self.attempts.get(i, 0) + 1
            if self.attempts[i] > self.schedule.retries:
                self.failed[i] = reason
            else:
                self.waiting.append([i])  # by itself: a bad point must not take good ones with it


def run_build(
    build: Build,
    directory: Path,
    schedule: Schedule | None = None,
    progress: Callable[[int, int], None] | None = None,
    recipe: Recipe | None = None,
) -> Float64:
    """Compute all points of a build, or those that are still missing, and return them.

    Parameters
    ----------
    build
        What to compute.
    directory
        Where finished points are kept. A build that was interrupted goes on from there.
    schedule
        Where to compute it.
    progress
        Called with the number of points done and the total.
    recipe
        Makes the task on a worker, in place of the task that the build names.

    Returns
    -------
    Float64
        Shape [n_points, ...], in the order of the points, whatever the order in which they were computed.

    Raises
    ------
    UserError
        When the directory holds another build, or a damaged piece; when no scheduler answers, or it goes away; when
        points fail for good (all others are finished and kept).
    """
    schedule = schedule or Schedule()
    pieces = Pieces(directory, build)
    driver = _Driver(build, pieces, schedule, progress or (lambda _done, _total: None), recipe)
    if driver.waiting:
        driver.run()
    if driver.failed:
        shown = sorted(driver.failed)[:_SHOWN]
        lines = [
            f"point {i} ({', '.join(f'{k}={v:g}' for k, v in build.point(i).items())}): {driver.failed[i]}"
            for i in shown
        ]
        more = len(driver.failed) - len(shown)
        raise UserError(
            f"{len(driver.failed)} of {len(build.points)} points failed {schedule.retries + 1} times each:\n    "
            + "\n    ".join(lines)
            + (f"\n    and {more} more" if more else ""),
            valid="a model that can be computed everywhere in the design",
            fix=f"the other points are kept in {directory}; mend the cause and give the same command again",
        )
    return pieces.collect()
