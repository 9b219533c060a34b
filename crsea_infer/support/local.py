"""Worker processes on this machine.

Each is a fresh interpreter with one linear-algebra thread that takes one piece of work after the other. It dies with
its parent, so that no orphan writes into a directory whose lock is gone, and leaves Ctrl-C to it. See
:mod:`crsea_infer.support.worker` for what it runs and where it finds modules.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe, connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from crsea_infer.support import worker
from crsea_infer.support.errors import UserError
from crsea_infer.support.lanes import CORES, Lanes
from crsea_infer.support.packed import unpacked
from crsea_infer.support.pool import Event
from crsea_infer.support.processes import starting_workers, undisturbed

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from types import TracebackType

__all__ = ["LocalWorkers", "available_cores", "what_workers_find"]

_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def available_cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def what_workers_find() -> dict[str, Any]:
    """Return what workers find modules by.

    Returns
    -------
    dict
        "path": where this process searches, but for the current directory and the folder of its script: a worker
        searches those only where its own start does (PYTHONPATH, an installation), and then last. "modules": what this
        process loaded from those two, by name; a worker loads these, and no other file there, when its work asks for
        them. "package": this very copy of crsea_infer.
    """
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    left_out = {str(Path(script).resolve().parent)} if script else set()
    here = ""
    with suppress(FileNotFoundError):  # a current directory that is gone
        here = os.path.realpath(os.curdir)
        left_out.add(here)
    path = [str(entry) for entry in sys.path if entry and os.path.realpath(entry) not in left_out]
    modules = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None or "." in name or name == "__main__":
            continue
        folder = os.path.dirname(os.path.realpath(file))  # noqa: PTH120
        if folder in left_out or (_is_package(file) and os.path.dirname(folder) in left_out):  # noqa: PTH120
            modules[name] = os.path.realpath(file)
    return {
        "path": [os.path.abspath(entry) for entry in path] if here else path,  # noqa: PTH100
        "modules": modules,
        "package": {"crsea_infer": str(Path(__file__).resolve().parents[1] / "__init__.py")},
    }


def _is_package(file: str) -> bool:
    return os.path.basename(file) == "__init__.py"  # noqa: PTH119


@dataclass(eq=False)
class _Process:
    """One worker: its process, our end of the pipe, its lane, and the number of what it works on."""

    process: subprocess.Popen[bytes]
    pipe: Connection
    lane: str
    number: int | None = None
    ready: bool = False

    def end(self, *, at_once: bool) -> None:
        if at_once:
            self.process.terminate()
        else:
            with suppress(OSError):
                self.pipe.send_bytes(b"")
        self.process.wait()
        self.pipe.close()


class LocalWorkers:
    """Processes that are started when there is work for them, and replaced when they die.

    Parameters
    ----------
    n
        How many work side by side.
    lanes
        How many of them a lane takes, and what its environment is.
    """

    def __init__(self, n: int, lanes: Lanes | None = None) -> None:
        self._lanes = lanes or Lanes()
        self._n = n
        self._processes: list[_Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end(list(self._processes), at_once=False)
        else:  # what they are at is lost, but an interrupted command ends at once
            with undisturbed():
                self._end(list(self._processes), at_once=True)

    def _end(self, processes: list[_Process], *, at_once: bool) -> None:
        for one in processes:
            if at_once:
                one.process.terminate()  # all of them, before any is waited for
        for one in processes:
            self._processes.remove(one)
            one.end(at_once=at_once)

    def has_room(self, lane: str = CORES) -> bool:
        """Tell whether a piece of work can be given."""
        busy = [one.lane for one in self._processes if one.number is not None]
        return len(busy) < self._n and busy.count(lane) < self._lanes.most(lane, self._n)

    def give(self, number: int, packed: bytes, lane: str = CORES) -> None:
        """Give a piece of work, under a number by which it is heard of again."""
        idle = [one for one in self._processes if one.number is None and one.lane == lane]
        one = idle[0] if idle else self._start(lane)
        one.number = number
        with suppress(BrokenPipeError, ConnectionResetError):  # the worker is gone; hearing says so
            one.pipe.send_bytes(packed)

    def dismiss(self) -> None:
        """End the processes that have nothing to do."""
        self._end([one for one in self._processes if one.number is None], at_once=False)

    def hear(self) -> list[Event]:
        """Wait until something is heard of the work that was given.

        Raises
        ------
        UserError
            When processes die as soon as they start.
        """
        events: list[Event] = []
        busy = {one.pipe: one for one in self._processes if one.number is not None}
        for ready in connection.wait(list(busy)):
            one = next(one for pipe, one in busy.items() if pipe is ready)
            event = self._take(one)
            if event is not None:
                events.append(event)
        return events

    def _take(self, one: _Process) -> Event | None:
        number = -1 if one.number is None else one.number
        try:
            kind, *content = one.pipe.recv()
        except (EOFError, ConnectionResetError):
            return Event(number, "lost", (self._bury(one),))
        if kind == "ready":
            one.ready = True
            return None
        if kind == "progress":
            return Event(number, kind, tuple(content))
        one.number = None
        if kind == "done":
            content = [unpacked(content[0])]
        return Event(number, kind, tuple(content))

    def _bury(self, one: _Process) -> str:
        """Forget a process that died, and return why it did."""
        self._processes.remove(one)
        code = one.process.wait()
        one.pipe.close()
        reason = f"killed by signal {-code}, perhaps for want of memory" if code < 0 else f"exit status {code}"
        if not one.ready:
            raise UserError(
                f"local worker processes die as soon as they start ({reason})",
                fix="give them more memory, or fewer of them",
            )
        return reason

    def _start(self, lane: str) -> _Process:
        ours, theirs = Pipe()
        options = [*["-O"] * sys.flags.optimize, *(f"-W{option}" for option in sys.warnoptions)]
        command = [sys.executable, "-P", *options, str(worker.__file__), str(theirs.fileno())]
        environment = {**os.environ, **dict.fromkeys(_THREADS, "1"), **self._lanes.environment(lane)}
        with theirs, starting_workers():
            process = subprocess.Popen(  # noqa: S603 - our own program
                command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )
        one = _Process(process, ours, lane)
        self._processes.append(one)
        with suppress(BrokenPipeError, ConnectionResetError):
            ours.send(what_workers_find())
        return one
