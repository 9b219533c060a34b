"""What worker processes owe to the one that started them: to end with it, however it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing import connection

__all__ = ["die_with_parent", "start_worker"]


def die_with_parent() -> None:
    """Watch the parent process from a thread of its own, and end this process when it is gone, even by kill -9."""
    threading.Thread(target=_watch, daemon=True).start()


def start_worker() -> None:
    """Prepare a worker of a pool: it ends with its parent, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()


def _watch() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
