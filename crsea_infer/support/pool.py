"""What processes on this machine and the workers of a cluster have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Event", "Workers"]


@dataclass(frozen=True)
class Event:
    """Something heard of a piece of work.

    Attributes
    ----------
    number
        Of the piece of work.
    kind
        "progress" (fraction, words), "done" (value), "user error" (given, valid, fix), "bug" (traceback) or "lost"
        (why): the process that was at it is gone.
    content
        What the kind says.
    """

    number: int
    kind: Literal["progress", "done", "user error", "bug", "lost"]
    content: tuple[Any, ...]


class Workers(Protocol):
    """Whoever does pieces of work; a context, in which an error stops what is under way."""

    def has_room(self, lane: str) -> bool:
        """Tell whether a piece of work can be given to a lane."""

    def give(self, number: int, packed: bytes, lane: str) -> None:
        """Give a piece of work under a number."""

    def hear(self) -> list[Event]:
        """Wait until something is heard."""

    def dismiss(self) -> None:
        """Let go whoever has nothing to do, as no more will come."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
