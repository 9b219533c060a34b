"""The workers of a dask scheduler, however they were started.

They need the package, of the same version, and no disk in common with whoever hands out the work: what a piece of work
needs travels with it, and what comes of it travels back. A worker that dies costs what it was at, which dask gives to
another; every worker computes with one linear-algebra thread, so that the numbers are those of this machine.
"""

from __future__ import annotations

import asyncio
import importlib
import queue
import re
import time
import uuid
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from crsea_infer.support.errors import UserError
from crsea_infer.support.lanes import CORES
from crsea_infer.support.packed import perform, unpacked
from crsea_infer.support.pool import Event
from crsea_infer.support.threads import one_thread

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["DaskWorkers", "check_address"]

_ADDRESS: Final = re.compile(
    r"((tcp|tls|ws|wss|ucx)://)?([\w.%-]+|\[[0-9A-Fa-f:.%\w]+\]):(?P<port>[0-9]{1,5})/?", re.ASCII
)
_PATIENCE: Final = 10.0  # seconds in which a scheduler must answer; it may just be starting
_BETWEEN_WORDS: Final = 2.0
"""Seconds between two reports of progress of one piece of work."""
_BETWEEN_COUNTS: Final = 1.0
"""Seconds after which workers are counted again: they may come and go."""


def check_address(address: str) -> None:
    """Refuse what dask would try to reach for a while, and then say that nobody answers.

    Raises
    ------
    UserError
        When the text is no address.
    """
    if address.startswith("inproc://"):  # a cluster within this process, which is given by its own word
        return
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 2**16:
        raise UserError(
            f"the address {address!r} of a dask scheduler",
            valid="host:port or tcp://host:port (also tls, ws and wss), with a port from 1 to 65535",
            fix="give the address that 'dask scheduler' prints, such as tcp://host:8786",
        )


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


def _perform_there(packed: bytes, number: int, topic: str) -> tuple[Any, ...]:
    """Do a piece of work on a worker of the cluster."""
    distributed: Any = importlib.import_module("distributed")
    here = distributed.get_worker()
    told = [-_BETWEEN_WORDS]

    def tell(fraction: float, words: str) -> None:
        if time.monotonic() - told[0] >= _BETWEEN_WORDS:
            told[0] = time.monotonic()
            here.log_event(topic, [number, float(fraction), words])

    with one_thread():
        return perform(packed, tell)


class DaskWorkers:
    """The workers of a scheduler.

    Parameters
    ----------
    address
        Of the scheduler.

    Raises
    ------
    UserError
        When dask.distributed is not installed, the text is no address, or no scheduler answers there.
    """

    def __init__(self, address: str) -> None:
        check_address(address)
        try:
            distributed: Any = importlib.import_module("distributed")  # optional, so imported by name
        except ImportError as error:
            raise UserError(
                "--scheduler needs dask.distributed, which is not installed",
                fix="pip install 'crsea_infer[cluster]'",
            ) from error
        try:
            _ask(distributed, address)
            self._client = distributed.Client(address, timeout=f"{_PATIENCE:g}s", set_as_default=False)
        except Exception as error:  # as many kinds as there are protocols, and whatever else may listen there
            raise UserError(
                f"no dask scheduler answers at {address} ({str(error) or type(error).__name__})",
                valid="the address that 'dask scheduler' prints, such as tcp://host:8786",
                fix="start one with 'dask scheduler', or correct the address",
            ) from error
        self._futures: dict[int, Any] = {}
        self._heard: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._topic = f"crsea_infer-{uuid.uuid4()}"
        self._room = 0
        self._counted = -_BETWEEN_COUNTS
        self._client.subscribe_topic(self._topic, self._listen)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._client.close()
            return
        with suppress(Exception):  # the scheduler may be what is gone
            self._client.cancel(list(self._futures.values()))
        with suppress(Exception):
            self._client.close()

    def _listen(self, event: tuple[float, list[Any]]) -> None:
        number, fraction, words = event[1]
        self._heard.put((number, ("progress", fraction, words)))

    def has_room(self, lane: str = CORES) -> bool:
        """Tell whether more should be given: a few pieces per worker, of which one is worked on."""
        del lane  # workers of a cluster are alike
        if time.monotonic() - self._counted >= _BETWEEN_COUNTS:
            self._room = max(4, 3 * int(sum(self._client.nthreads().values())))
            self._counted = time.monotonic()
        return len(self._futures) < self._room

    def give(self, number: int, packed: bytes, lane: str = CORES) -> None:
        """Give a piece of work, under a number by which it is heard of again."""
        del lane
        future = self._client.submit(_perform_there, packed, number, self._topic, pure=False)
        self._futures[number] = future
        future.add_done_callback(lambda done: self._heard.put((number, done)))

    def dismiss(self) -> None:
        """Leave the workers to whoever started them."""

    def hear(self) -> list[Event]:
        """Wait until something is heard of the work that was given.

        Raises
        ------
        UserError
            When the scheduler is gone.
        """
        events: list[Event] = []
        while not events or not self._heard.empty():
            number, what = self._heard.get()
            if number not in self._futures:
                continue  # words on what is done already
            if isinstance(what, tuple):
                events.append(Event(number, "progress", what[1:]))
            else:
                del self._futures[number]
                events.append(self._outcome(number, what))
        return events

    def _outcome(self, number: int, future: Any) -> Event:
        try:
            kind, *content = future.result()
        except CancelledError as error:
            raise UserError(
                "the scheduler is gone; what was finished is kept",
                fix="start it again and give the same command: it computes what is missing",
            ) from error
        except Exception as error:  # noqa: BLE001 - a dead worker shows itself in as many ways as there are schedulers
            return Event(number, "lost", (f"its workers were lost ({type(error).__name__})",))
        if kind == "done":
            content = [unpacked(content[0])]
        return Event(number, kind, tuple(content))
