"""The one engine for everything that fans out: samplings of runs and studies, simulated data sets, points of grids.

Work goes to processes on this machine or to the workers of a dask scheduler; the loop is the same, and so are the
numbers, which depend on seeds and tasks alone and never on which worker did what. A worker that dies costs what it was
at, which is done again.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from crsea_infer.support.errors import UserError
from crsea_infer.support.lanes import CORES, DEVICE
from crsea_infer.support.packed import as_user_error, pack, user_error_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from crsea_infer.support.lanes import Lanes
    from crsea_infer.support.packed import Work
    from crsea_infer.support.pool import Event, Workers

    Report = Callable[[int, float, str], None]

__all__ = ["hand_out", "jobs_beside", "open_workers", "run_jobs"]

_AGAIN: Final = 1
"""How often a task is done again whose worker was lost."""

T = TypeVar("T")


def open_workers(scheduler: str | None, n: int, lanes: Lanes | None = None) -> Workers:
    """Return the workers of a dask scheduler, or without one `n` processes on this machine.

    Raises
    ------
    UserError
        When no scheduler answers.
    """
    if scheduler is not None:
        from crsea_infer.support.cluster import DaskWorkers

        return DaskWorkers(scheduler)
    from crsea_infer.support.local import LocalWorkers

    return LocalWorkers(n, lanes)


def hand_out(
    workers: Workers,
    waiting: Mapping[str, deque[T]],
    packed: Callable[[T], bytes],
    hear: Callable[[T, Event], None],
) -> None:
    """Give pieces of work to workers until none is left.

    Parameters
    ----------
    workers
        Who does them, opened.
    waiting
        Pieces of work by lane, the first to be given first; `hear` may add to them.
    packed
        Makes the bytes of a piece, when its turn comes.
    hear
        Called with a piece of work and what was heard of it; what it raises ends everything.
    """
    at_work: dict[int, T] = {}
    number = 0
    while any(waiting.values()) or at_work:
        for lane, pieces in waiting.items():
            while pieces and workers.has_room(lane):
                piece = pieces.popleft()
                workers.give(number, packed(piece), lane)
                at_work[number] = piece
                number += 1
        if not any(waiting.values()):
            workers.dismiss()
        for event in workers.hear():
            piece = at_work[event.number] if event.kind == "progress" else at_work.pop(event.number)
            hear(piece, event)


def run_jobs(
    work: Work,
    tasks: Sequence[Any],
    names: Sequence[str],
    report: Report,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    take: Callable[[int, Any], None] | None = None,
    lanes: Lanes | None = None,
    lane_of: Callable[[Any], str] | None = None,
    after: Mapping[int, Collection[int]] | None = None,
) -> None:
    """Do all tasks, several at a time.

    Parameters
    ----------
    work
        A function of a module, called as ``work(task, tell)``.
    tasks
        Arguments that can be sent to another process.
    names
        What to call the tasks in messages.
    report
        Called with the number of a task, a fraction and a few words; with fraction 1 when the task is done.
    workers
        How many processes of this machine; 0 does everything here, for debugging.
    scheduler
        Address of a dask scheduler whose workers do it instead.
    take
        Called with the number of a task and what the work gave, as soon as it is done.
    lanes
        What parts of this machine are for which tasks; default: all are alike.
    lane_of
        Lane of a task; default: cores, for all.
    after
        Of a task that waits for others, their numbers, lower than its own. When they are done it is the next to be
        begun; default: none waits.

    Raises
    ------
    UserError
        What `work` raised, that a worker was lost again and again, or that no scheduler answers. Other work is stopped.
    KeyboardInterrupt
        Passed on, with the work stopped.
    """
    jobs = _Jobs(tasks, names, report, take, lane_of or (lambda _task: CORES), after or {})
    if workers == 0 and scheduler is None:
        for index, task in enumerate(tasks):
            jobs.done(index, _here(work, task, names[index], index, report))
        return
    with open_workers(scheduler, workers, lanes) as opened:
        hand_out(opened, jobs.waiting, lambda index: pack(work, tasks[index]), jobs.hear)


@contextmanager
def jobs_beside(work: Work, tasks: Sequence[Any]) -> Iterator[Callable[[], list[Any]]]:
    """Begin tasks in processes of this machine, one for each, while the caller goes on with something else.

    What is left of them when the block ends with an error is stopped.

    Parameters
    ----------
    work
        A function of a module, called as ``work(task, tell)``.
    tasks
        Arguments that can be sent to another process.

    Yields
    ------
    Callable
        Waits for all, and returns what each gave; None of one that came to nothing, whatever the reason, for the caller
        to do it here.

    Raises
    ------
    Exception
        Whatever packing raises of a task that cannot be sent.
    """
    packed = [pack(work, task) for task in tasks]
    found: list[Any] = [None] * len(tasks)
    with open_workers(None, len(tasks)) as workers:
        for number, one in enumerate(packed):
            workers.give(number, one, CORES)
        del packed

        def wait() -> list[Any]:
            at_work = set(range(len(found)))
            while at_work:
                try:
                    events = workers.hear()
                except UserError:  # processes that cannot even start
                    break
                for event in events:
                    if event.kind == "done":
                        found[event.number] = event.content[0]
                    if event.kind != "progress":
                        at_work.discard(event.number)
            return found

        yield wait


class _Jobs:
    """Tasks by number: which wait for a worker, which for other tasks, and what is heard of them."""

    def __init__(
        self,
        tasks: Sequence[Any],
        names: Sequence[str],
        report: Report,
        take: Callable[[int, Any], None] | None,
        lane_of: Callable[[Any], str],
        after: Mapping[int, Collection[int]],
    ) -> None:
        self._names, self._report, self._take = names, report, take
        self._lanes = [lane_of(task) for task in tasks]
        self._losses = [0] * len(tasks)
        self._before = {index: set(others) for index, others in after.items() if others}
        self.waiting: dict[str, deque[int]] = {DEVICE: deque(), CORES: deque()}  # one process: it is to start first
        for index, lane in enumerate(self._lanes):
            if index not in self._before:
                self.waiting[lane].append(index)

    def done(self, index: int, value: Any) -> None:
        """Take what a task gave."""
        if self._take is not None:
            self._take(index, value)
        self._report(index, 1.0, "done")
        for later, others in list(self._before.items()):
            others.discard(index)
            if not others:
                del self._before[later]
                self.waiting[self._lanes[later]].appendleft(later)

    def hear(self, index: int, event: Event) -> None:
        """Take what was heard of a task; raise what it ended with."""
        name = self._names[index]
        if event.kind == "progress":
            self._report(index, min(event.content[0], 0.999), event.content[1])
        elif event.kind == "done":
            self.done(index, event.content[0])
        elif event.kind == "user error":
            raise user_error_of((event.kind, *event.content), name)
        elif event.kind == "bug":
            raise RuntimeError(f"{name} failed:\n{event.content[0]}")
        else:
            self._losses[index] += 1
            if self._losses[index] > _AGAIN:
                raise UserError(
                    f"the process at {name} ended before its time, {self._losses[index]} times ({event.content[0]})",
                    fix="run the same command again: it goes on where this one stopped",
                )
            self.waiting[self._lanes[index]].appendleft(index)


def _here(work: Work, task: Any, name: str, index: int, report: Report) -> Any:
    """Do a task in this process."""
    try:
        return work(task, lambda fraction, words: report(index, min(fraction, 0.999), words))
    except UserError:
        raise
    except Exception as error:
        known = as_user_error(error)
        if known is None:
            raise
        raise UserError(f"{name}: {known.given}", valid=known.valid, fix=known.fix) from error
