"""Computing many points on many workers: local processes, or any dask cluster.

Both go through the same loop. Points are handed out in chunks, never more at once than the workers can take; what comes
back is written to disk at once by the process that drives the build (workers need no shared disk). A point that fails
is tried again by itself, on whichever worker is free; when it keeps failing, everything else is finished first, and the
build ends with an error that names the point and its reason. A worker that dies costs the chunks it held, which are
handed out again.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from collections import deque
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, runtime_checkable

import numpy as np

from crsea_infer.errors import UserError
from crsea_infer.grids.pieces import Build, Pieces
from crsea_infer.processes import die_with_parent, starting_workers, undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from crsea_infer.arrays import Float64

__all__ = ["Schedule", "Task", "run_build"]

_ADDRESS: Final = re.compile(
    r"((tcp|tls|ws|wss|ucx)://)?([\w.%-]+|\[[0-9A-Fa-f:.%\w]+\]):(?P<port>[0-9]{1,5})/?", re.ASCII
)
_PATIENCE: Final = 10.0  # seconds in which a scheduler must answer; it may just be starting
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
            _check_address(self.scheduler)


def _check_address(address: str) -> None:
    """Refuse what dask would try to reach for a while, and then say that nobody answers."""
    if address.startswith("inproc://"):  # a cluster within this process, which is given by its own word
        return
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 2**16:
        raise UserError(
            f"the address {address!r} of a dask scheduler",
            valid="host:port or tcp://host:port (also tls, ws and wss), with a port from 1 to 65535",
            fix="give the address that 'dask scheduler' prints, such as tcp://host:8786",
        )


@lru_cache(maxsize=2)
def _task(reference: str, content: str) -> Task:
    module, _, name = reference.partition(":")
    found = getattr(importlib.import_module(module), name)
    task: Task = found.from_json(json.loads(content))
    return task


Outcome = tuple[int, "Float64 | None", str]
"""Index of a point, its values, and why there are none."""


def _compute(reference: str, content: str, names: Sequence[str], points: Sequence[tuple[int, list[float]]]) -> Any:
    """Compute some points; runs on the workers, one BLAS thread each."""
    from threadpoolctl import threadpool_limits

    outcomes: list[Outcome] = []
    with threadpool_limits(limits=1):
        for index, point in points:
            try:
                values = np.asarray(_task(reference, content)(dict(zip(names, point, strict=True))), dtype=np.float64)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is reported and tried again
                outcomes.append((index, None, f"{type(error).__name__}: {error}"))
                continue
            finite = bool(np.isfinite(values).all())
            outcomes.append((index, values, "") if finite else (index, None, "values that are not finite"))
    return outcomes


class _Workers(Protocol):
    def submit(self, *arguments: Any) -> Future[Any]: ...

    def capacity(self) -> int: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _LocalWorkers:
    """Processes on this machine, started afresh (no fork: threads and locks stay behind); replaced when one dies."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pool is None:
            return
        if kind is None:
            self.pool.shutdown()
            return
        with undisturbed():
            for process in list((self.pool._processes or {}).values()):  # noqa: SLF001
                process.terminate()  # what it is at is lost, but an interrupted command ends at once
            self.pool.shutdown(wait=False, cancel_futures=True)

    def submit(self, *arguments: Any) -> Future[Any]:
        import multiprocessing

        for _ in range(2):
            if self.pool is None:
                context = multiprocessing.get_context("spawn")
                self.pool = ProcessPoolExecutor(self.n, mp_context=context, initializer=die_with_parent)
            try:
                with starting_workers():
                    return self.pool.submit(_compute, *arguments)
            except BrokenProcessPool:
                self.pool.shutdown(wait=False, cancel_futures=True)
                self.pool = None
        raise UserError(
            "local worker processes die as soon as they start", fix="give them more memory, or fewer of them"
        )

    def capacity(self) -> int:
        return 2 * self.n


def _ask(distributed: Any, address: str) -> None:
    """Raise when no scheduler answers at an address.

    Asked by the bare protocol: a client that finds nobody waits once more when it is thrown away, and then prints a
    traceback that nothing can catch.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(_identity(distributed, address))
    else:  # a notebook, say: its loop cannot be run again
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, _identity(distributed, address)).result()


async def _identity(distributed: Any, address: str) -> None:
    """Ask whoever is at an address for what a scheduler says of itself; raise when it is nobody, or no scheduler."""
    security = distributed.Security().get_connection_args("client")
    async with distributed.core.rpc(address, timeout=_PATIENCE, connection_args=security) as there:
        try:
            said = await asyncio.wait_for(there.identity(), _PATIENCE)
        except TimeoutError as error:
            raise OSError(f"no answer in {_PATIENCE:g} s") from error
    if said["type"] != "Scheduler":
        raise OSError(f"a dask {said['type'].lower()} is there")


class _DaskWorkers:
    """The workers of a dask scheduler, however they were started."""

    def __init__(self, address: str) -> None:
        try:
            distributed: Any = importlib.import_module("distributed")  # optional, so imported by name
        except ImportError as error:
            raise UserError(
                "--scheduler needs dask.distributed, which is not installed",
                fix="pip install 'crsea_infer[cluster]'",
            ) from error
        try:
            _ask(distributed, address)
            self.client = distributed.Client(address, timeout=f"{_PATIENCE:g}s", set_as_default=False)
        except Exception as error:  # as many kinds as there are protocols, and whatever else may listen there
            raise UserError(
                f"no dask scheduler answers at {address} ({str(error) or type(error).__name__})",
                valid="the address that 'dask scheduler' prints, such as tcp://host:8786",
                fix="start one with 'dask scheduler', or correct the address",
            ) from error
        self.executor = self.client.get_executor(pure=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.executor.shutdown(wait=kind is None)
        self.client.close()

    def submit(self, *arguments: Any) -> Future[Any]:
        future: Future[Any] = self.executor.submit(_compute, *arguments)
        return future

    def capacity(self) -> int:
        return max(4, 3 * int(sum(self.client.nthreads().values())))


class _Driver:
    """The loop of one build."""

    def __init__(self, build: Build, pieces: Pieces, schedule: Schedule, progress: Callable[[int, int], None]) -> None:
        self.build, self.pieces, self.schedule, self.progress = build, pieces, schedule, progress
        self.content = json.dumps(build.content, sort_keys=True)
        done = pieces.finished()
        self.n_done = int(done.sum())
        missing = np.flatnonzero(~done).tolist()
        self.waiting = deque(missing[i : i + schedule.chunk] for i in range(0, len(missing), schedule.chunk))
        self.attempts: dict[int, int] = {}
        self.failed: dict[int, str] = {}

    def run(self, workers: _Workers) -> None:
        running: dict[Future[Any], list[int]] = {}
        self.progress(self.n_done, len(self.build.points))
        while self.waiting or running:
            while self.waiting and len(running) < workers.capacity():
                chunk = self.waiting.popleft()
                points = [(i, self.build.points[i].tolist()) for i in chunk]
                running[workers.submit(self.build.task, self.content, self.build.names, points)] = chunk
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                self._take(future, running.pop(future))

    def _take(self, future: Future[Any], chunk: list[int]) -> None:
        try:
            outcomes: list[Outcome] = future.result()
        except CancelledError as error:
            raise UserError(
                "the scheduler is gone; what was finished is kept",
                fix="start it again and give the same command: it computes what is missing",
            ) from error
        except Exception as error:  # noqa: BLE001 - a dead worker shows itself in as many ways as there are schedulers
            outcomes = [(i, None, f"its worker was lost ({type(error).__name__})") for i in chunk]
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
    driver = _Driver(build, pieces, schedule, progress or (lambda _done, _total: None))
    if driver.waiting:
        workers: _Workers = (
            _LocalWorkers(schedule.workers) if schedule.scheduler is None else _DaskWorkers(schedule.scheduler)
        )
        with workers:
            driver.run(workers)
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
