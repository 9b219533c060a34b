"""Making one thing after the other, so that one that fails does not cost those that follow.

After hours of sampling a figure that cannot be drawn must leave all other figures drawn. Whoever makes several files
makes each of them in an attempt of its own; the first error is raised when all have been tried.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

__all__ = ["attempts", "reason"]


@contextmanager
def attempts() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Give a function whose context keeps an error until the block ends; then the first one is raised.

    >>> made = []
    >>> try:
    ...     with attempts() as attempt:
    ...         for number in (0, 2):
    ...             with attempt():
    ...                 made.append(1 / number)
    ... except ZeroDivisionError:
    ...     print(made)
    [0.5]
    """
    errors: list[Exception] = []

    @contextmanager
    def attempt() -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- whatever a library raises, the others are made
            errors.append(error)

    yield attempt
    if errors:
        raise errors[0]


def reason(error: Exception) -> str:
    """Return what an error says, in one line: its kind too, unless it is told to users as it is."""
    from crsea_infer.support.errors import UserError

    if isinstance(error, UserError):
        return error.given
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
