"""The program of a worker process: takes work from a pipe, does it, and says what came of it.

Python starts this file with ``-P``, so that neither the current directory nor the folder of a script is searched for
modules: a file of the user's named like one of Python's own, or a stranger's folder, has no part in it. The first
message tells what the parent finds modules by; see :func:`crsea_infer.support.local.what_workers_find`. Nothing of the
parent's main script is imported, so that a script needs no guard, and standard input, a notebook or a thread will do.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType


class _Named:
    """Finds modules that were named with their files, and no others."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._files.get(name)
        if file is None:
            return None
        folder = [os.path.dirname(file)] if os.path.basename(file) == "__init__.py" else None  # noqa: PTH119, PTH120
        return spec_from_file_location(name, file, submodule_search_locations=folder)


def _find_as(told: Mapping[str, Any]) -> None:
    """Search for modules where the parent told, then where this Python searches by itself."""
    sys.path[:] = [*told["path"], *(entry for entry in sys.path if entry not in told["path"])]
    sys.meta_path.insert(sys.meta_path.index(PathFinder), _Named(told["package"]))
    sys.meta_path.append(_Named(told["modules"]))  # last: it gives none that is found otherwise


def _listen(pipe: Connection, given: queue.SimpleQueue[bytes]) -> None:
    """Pass on what the parent sends; end this process at once when the parent is gone, even by kill -9."""
    while True:
        try:
            given.put(pipe.recv_bytes())
        except (EOFError, OSError):
            os._exit(1)


def _serve(pipe: Connection) -> None:
    """Do what the parent sends until it sends nothing."""
    _find_as(pipe.recv())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    given: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, given), daemon=True).start()
    from crsea_infer.support.packed import perform

    def say(*message: Any) -> None:
        try:
            pipe.send(message)
        except BrokenPipeError:
            os._exit(1)

    say("ready")
    while packed := given.get():
        say(*perform(packed, lambda fraction, words: say("progress", fraction, words)))


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
