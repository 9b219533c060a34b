"""What worker processes and the one that started them owe each other when a command is interrupted or killed.

Ctrl-C reaches every process of a terminal, but only the parent answers it; the workers end with the parent, however it
ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager
from multiprocessing import connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["die_with_parent", "ignore_interrupts", "starting_workers", "undisturbed"]


def die_with_parent() -> None:
    """Watch the parent process from a thread of its own, and end this process when it is gone, even by kill -9."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def starting_workers() -> Iterator[None]:
    """Let processes that are started in this block leave Ctrl-C to their parent, from their first moment on."""
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by what is started
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def ignore_interrupts() -> None:
    """Leave Ctrl-C and SIGTERM unanswered from here on; for a process that ends by itself at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore a second Ctrl-C or SIGTERM while the first one is being answered; for blocks that take no time."""
    if threading.current_thread() is not threading.main_thread():  # signals interrupt the main thread alone
        yield
        return
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
