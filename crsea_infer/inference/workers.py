"""Worker processes that sample hypotheses side by side.

Each worker is a fresh interpreter with one linear-algebra thread, takes one task after the other and sends back words
on its progress; what it computes, it leaves on disk. A worker dies with its parent, so that no orphan writes into a
directory whose lock is gone. Results depend on seeds and tasks alone, never on which worker did what.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from contextlib import contextmanager, suppress
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

from crsea_infer.errors import UserError
from crsea_infer.processes import die_with_parent, starting_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    Report = Callable[[int, float, str], None]
    Work = Callable[[Any, Callable[[float, str], None]], None]

__all__ = ["available_cores", "run_tasks", "terminated_like_interrupted"]

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def available_cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_tasks(work: Work, tasks: Sequence[Any], n_workers: int, report: Report, names: Sequence[str]) -> None:
    """Do all tasks, several at a time.

    Parameters
    ----------
    work
        A function of a module, called as ``work(task, progress)``; it keeps its result itself.
    tasks
        Arguments that can be sent to another process.
    n_workers
        How many processes; 0 does everything here, for debugging.
    report
        Called with the number of a task, a fraction and a few words; with fraction 1 when the task is done.
    names
        What to call the tasks in messages.

    Raises
    ------
    UserError
        What `work` raised, or that a worker was killed. Other workers are stopped.
    KeyboardInterrupt
        Passed on, with the workers stopped.
    """
    if n_workers == 0:
        for index, task in enumerate(tasks):
            work(task, lambda fraction, words, index=index: report(index, min(fraction, 0.999), words))  # type: ignore[misc]
            report(index, 1.0, "done")
        return
    waiting = list(range(len(tasks)))[::-1]
    busy: dict[Connection, tuple[BaseProcess, int]] = {}
    try:
        with _one_thread_each():
            while waiting and len(busy) < n_workers:
                process, pipe = _start(work)
                busy[pipe] = (process, _give(pipe, tasks, waiting))
        while busy:
            for ready in connection.wait(list(busy)):
                pipe = next(pipe for pipe in busy if pipe is ready)
                process, index = busy[pipe]
                if not _listen(pipe, process, index, report, names[index]):
                    continue
                if waiting:
                    busy[pipe] = (process, _give(pipe, tasks, waiting))
                else:
                    del busy[pipe]
                    pipe.send(None)
                    process.join()
                    pipe.close()
    finally:
        for pipe, (process, _) in busy.items():
            process.terminate()
            process.join()
            pipe.close()


def _start(work: Work) -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(work, there), daemon=True)
    with starting_workers():
        process.start()
    there.close()
    return process, here


def _give(pipe: Connection, tasks: Sequence[Any], waiting: list[int]) -> int:
    index = waiting.pop()
    with suppress(BrokenPipeError, ConnectionResetError):  # the worker is gone; reading from it says so
        pipe.send(tasks[index])
    return index


def _listen(pipe: Connection, process: BaseProcess, index: int, report: Report, name: str) -> bool:
    """Take one message; return whether the task is done."""
    try:
        kind, *content = pipe.recv()
    except (EOFError, ConnectionResetError):
        process.join()
        code = process.exitcode or 0
        reason = f"killed by signal {-code}, perhaps for want of memory" if code < 0 else f"exit status {code}"
        raise UserError(
            f"the process sampling {name} ended before its time ({reason})",
            fix="run the same command again: it goes on where this one stopped",
        ) from None
    if kind == "progress":
        report(index, min(content[0], 0.999), content[1])
        return False
    if kind == "user error":
        raise UserError(f"{name}: {content[0]}", valid=content[1], fix=content[2])
    if kind == "bug":
        raise RuntimeError(f"sampling {name} failed:\n{content[0]}")
    report(index, 1.0, "done")
    return True


def _serve(work: Work, pipe: Connection) -> None:
    """Do what the parent sends until it sends None."""
    die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        if task is None:
            return
        try:
            work(task, lambda fraction, words: pipe.send(("progress", fraction, words)))
            pipe.send(("done",))
        except UserError as error:
            pipe.send(("user error", error.given, error.valid, error.fix))
        except BrokenPipeError:
            return
        except MemoryError as error:
            fix = (
                "lower the options of the sampler that say how many points it keeps, or use a machine with more memory"
            )
            pipe.send(("user error", f"not enough memory ({error})", "", fix))
        except Exception:  # noqa: BLE001 -- whatever it is, the parent shows it
            pipe.send(("bug", traceback.format_exc()))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes started in this block use one thread for linear algebra: the cores are taken by processes."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM (a batch system's warning) end a run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
