"""What a dask cluster adds to each piece of work, how it scales over a few real workers, and over a thousand simulated.

A scheduler and workers are started here, each in a process of its own, and pieces of work that pause instead of compute
are given to them by `crsea_infer.support.jobs`, so that many workers need no core each. Two costs are measured in
processor time, which other work on the machine does not change: that of the process which hands out the work, and that
of the scheduler. Both do one thing at a time, so they are what limits many workers. A queueing model of the two is held
against the measured walls, and then asked for a thousand workers. Tables go to docs/scale_out.md.

    python benchmarks/cluster_scaling.py
    python benchmarks/cluster_scaling.py --workers 1 2 4
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
SUMMARY: Final = ROOT / "docs" / "figures" / "performance" / "cluster.inc"
PAUSE: Final = 1.0  # s
LAPS: Final = 10  # pieces of work for each worker
AHEAD: Final = 2  # pieces of work that dask lets a worker of one thread have
PER_WORKER: Final = 3  # pieces of work that the package has with the scheduler, for each worker
SIMULATED: Final = (1, 4, 16, 64, 256, 1000)
DURATIONS: Final = (0.3, 1.0, 10.0)
"""Seconds: a simulated data set by `importance`, a sampling by `importance` with all its scouts, one by `dynesty`."""


def pause(task: tuple[float, bytes], _tell: Any) -> bytes:
    """Take the time that a task says; give back what came with it, cut to what a result has."""
    time.sleep(task[0])
    return task[1][: len(task[1]) // 4]


@dataclass(frozen=True)
class Cost:
    """Processor seconds for each piece of work, of the process that hands it out and of the scheduler."""

    client: float
    scheduler: float


def processor_time(pid: int) -> float:
    """Return user and system time of a process, s."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def cluster(n: int) -> Iterator[tuple[str, int]]:
    """Start a scheduler and n workers on loopback; give its address and process."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ends:
        where = Path(folder) / "scheduler.json"

        def start(kind: str, *options: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(  # noqa: S603 -- dask, of this environment
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options, "--no-dashboard"],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            ends.callback(process.wait)
            ends.callback(process.kill)
            return process

        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(where))
        deadline = time.monotonic() + 120
        while not (where.is_file() and where.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.1)
        address = json.loads(where.read_text(encoding="utf-8"))["address"]
        for _ in range(n):
            start("worker", address, "--nthreads", "1", "--no-nanny", "--local-directory", folder)
        import distributed

        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(n, timeout=600)
        yield address, scheduler.pid


def measure(address: str, scheduler: int, tasks: Sequence[tuple[float, bytes]]) -> tuple[float, Cost]:
    """Do tasks; return the wall time, s, and what each cost."""
    from crsea_infer.support.jobs import run_jobs

    names = [str(number) for number in range(len(tasks))]
    before, client, wall = processor_time(scheduler), time.process_time(), time.monotonic()
    run_jobs(pause, tasks, names, lambda *_: None, scheduler=address)
    wall = time.monotonic() - wall
    cost = Cost(
        (time.process_time() - client) / len(tasks),
        (processor_time(scheduler) - before) / len(tasks),
    )
    return wall, cost


class Simulation:
    """Tasks on their way through two queues of one server each, and a number of workers.

    The process that hands out work spends half its cost on giving a task and half on taking what came of it; the
    scheduler half on passing it to a worker and half on hearing that it is done. A worker begins the next task that it
    has without waiting for anybody.
    """

    def __init__(self, workers: int, durations: Sequence[float], cost: Cost) -> None:
        self.durations = durations
        self.most = max(4, PER_WORKER * workers)
        self.half = {"client": cost.client / 2.0, "scheduler": cost.scheduler / 2.0}
        self.busy_until = {"client": 0.0, "scheduler": 0.0}
        self.events: list[tuple[float, int, str, int]] = []
        self.waiting: deque[int] = deque()  # with the scheduler
        self.held: list[deque[int]] = [deque() for _ in range(workers)]
        self.where: dict[int, int] = {}
        self.free = deque(worker for _ in range(AHEAD) for worker in range(workers))
        self.given = self.taken = self.order = 0
        self.now = 0.0

    def at(self, moment: float, what: str, task: int) -> None:
        """Let something happen at a moment."""
        heapq.heappush(self.events, (moment, self.order, what, task))
        self.order += 1

    def served(self, server: str, what: str, task: int) -> None:
        """Let something happen when a server has come to it."""
        self.busy_until[server] = max(self.now, self.busy_until[server]) + self.half[server]
        self.at(self.busy_until[server], what, task)

    def give(self) -> None:
        """Give the scheduler what there is room for."""
        while self.given < len(self.durations) and self.given - self.taken < self.most:
            self.served("client", "sent", self.given)
            self.given += 1

    def pass_on(self) -> None:
        """Give workers what waits."""
        while self.waiting and self.free:
            worker, task = self.free.popleft(), self.waiting.popleft()
            self.where[task] = worker
            self.held[worker].append(task)
            if len(self.held[worker]) == 1:
                self.at(self.now + self.durations[task], "worked", task)

    def sent(self, task: int) -> None:
        """Pass a task to the scheduler, which it reaches."""
        self.served("scheduler", "known", task)

    def known(self, task: int) -> None:
        """Let a task wait with the scheduler, or go to a worker."""
        self.waiting.append(task)
        self.pass_on()

    def worked(self, task: int) -> None:
        """Begin the worker's next task; tell the scheduler of the one it has done."""
        held = self.held[self.where[task]]
        held.popleft()
        if held:
            self.at(self.now + self.durations[held[0]], "worked", held[0])
        self.served("scheduler", "heard", task)

    def heard(self, task: int) -> None:
        """Give the worker another task; pass back what came of this one."""
        self.free.append(self.where[task])
        self.pass_on()
        self.served("client", "back", task)

    def back(self, _: int) -> None:
        """Count what came back, and give the next."""
        self.taken += 1
        self.give()

    def wall(self) -> float:
        """Return when the last task is back, s."""
        self.give()
        while self.events:
            self.now, _, what, task = heapq.heappop(self.events)
            getattr(self, what)(task)
        return self.now


def simulate(workers: int, durations: Sequence[float], cost: Cost) -> float:
    """Return the wall time of tasks of these durations, s."""
    return Simulation(workers, durations, cost).wall()


def payloads() -> dict[str, int]:
    """Return how many bytes travel with each piece of work: a point of a grid, and a sampling of `min_vs_max`."""
    from crsea_infer.plan.run_file import load_run
    from crsea_infer.support.packed import pack
    from crsea_infer.workflow import runs, samplings

    found: list[int] = []

    class Enough(Exception):  # noqa: N818 -- no error
        pass

    def weigh(work: Any, tasks: Sequence[Any], *_: Any, **__: Any) -> None:
        found.extend(len(pack(work, task)) for task in tasks)
        raise Enough

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(samplings, "run_jobs", weigh),
        mock.patch.object(runs, "check_address"),
        contextlib.suppress(Enough),
    ):
        runs.execute(load_run("min_vs_max"), Path(folder) / "run", scheduler="tcp://nobody:1")
    return {"a point of a grid": 1000, "a sampling": max(found)}


def scaling_table(walls: dict[int, float], cost: Cost) -> list[str]:
    """Return rows of measured and simulated efficiency over real workers."""
    lines = ["| workers | pieces of work | wall, s | efficiency | by the model |", "|--:|--:|--:|--:|--:|"]
    for n, wall in walls.items():
        ideal = LAPS * PAUSE
        model = simulate(n, [PAUSE] * (LAPS * n), cost)
        lines.append(f"| {n} | {LAPS * n} | {wall:.2f} | {ideal / wall:.1%} | {ideal / model:.1%} |")
    return lines


def simulated_table(costs: dict[str, Cost]) -> list[str]:
    """Return rows of efficiency over workers that are simulated, for each duration of a piece of work."""
    lines = [
        "| piece of work | " + " | ".join(f"{n} worker{'s' * (n > 1)}" for n in SIMULATED) + " |",
        "|---|" + "--:|" * len(SIMULATED),
    ]
    for duration in DURATIONS:
        cells = []
        for n in SIMULATED:
            wall = simulate(n, [duration] * (LAPS * n), costs["a sampling"])
            cells.append(f"{LAPS * duration / wall:.0%}")
        lines.append(f"| {duration:g} s | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Measure, simulate, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--tasks", type=int, default=400, help="pieces of work for the cost of each")
    chosen = parser.parse_args()
    sizes = payloads()
    costs: dict[str, Cost] = {}
    with cluster(2) as (address, scheduler):
        measure(address, scheduler, [(0.0, b"")] * 50)  # what is done once: modules, connections
        for name, size in sizes.items():
            costs[name] = measure(address, scheduler, [(0.0, os.urandom(size))] * chosen.tasks)[1]
    walls = {}
    for n in chosen.workers:
        with cluster(n) as (address, scheduler):
            measure(address, scheduler, [(0.0, b"")] * 4 * n)
            walls[n] = measure(address, scheduler, [(PAUSE, os.urandom(sizes["a sampling"]))] * (LAPS * n))[0]
    lines = ["| for each | bytes | handing out, ms | scheduler, ms | at most, per s |", "|---|--:|--:|--:|--:|"]
    for name, cost in costs.items():
        most = 1.0 / max(cost.client, cost.scheduler)
        lines.append(
            f"| {name} | {sizes[name]:.2g} | {1e3 * cost.client:.2f} | {1e3 * cost.scheduler:.2f} | {most:.0f} |"
        )
    lines += ["", f"Pauses of {PAUSE:g} s, {LAPS} for each worker, with the bytes of a sampling:", ""]
    lines += scaling_table(walls, costs["a sampling"])
    lines += ["", f"Simulated, {LAPS} for each worker, with the measured costs of a sampling:", ""]
    lines += simulated_table(costs)
    SUMMARY.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
