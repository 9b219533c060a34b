"""Threads of linear algebra: one, wherever this package does much of it.

Products of a batch of parameters are small, so that more threads take twice the processor time and longer by the clock
(KM2A, 4096 points on two cores: 22 us a point with two threads, 12 us with one), and stand in the way of processes
beside this one. With one thread, numbers are also the same to the last digit wherever they are made.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Do linear algebra with one thread; what was set before holds again at the end."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
