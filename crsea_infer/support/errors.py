"""Errors that a user can act on.

Every mistake a user can make ends in one :class:`UserError`, whose message says three things: what was given, what is
valid, and how to fix it. The command line prints that message and exits with status 1; nothing else is shown. Errors
that are not the user's keep their traceback, because they are bugs.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["UserError", "nearest", "unknown_name"]


class UserError(Exception):
    """One clear message about bad input.

    Parameters
    ----------
    given
        What was given, and where (file, key, option).
    valid
        What is valid there. Empty when it is obvious.
    fix
        What to do about it. Empty when the two lines above say it already.
    """

    def __init__(self, given: str, *, valid: str = "", fix: str = "") -> None:
        super().__init__(given, valid, fix)
        self.given = given
        self.valid = valid
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.given]
        if self.valid:
            lines.append(f"  valid: {self.valid}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice that looks most like `name`, or None when nothing comes close."""
    by_folded = {choice.lower().replace("-", "_"): choice for choice in choices}
    matches = difflib.get_close_matches(name.lower().replace("-", "_"), by_folded, n=1, cutoff=0.5)
    return by_folded[matches[0]] if matches else None


def unknown_name(kind: str, name: str, choices: Iterable[str], *, where: str = "", fix: str = "") -> UserError:
    """Build the error for a name that is not among `choices`, with the nearest match.

    Parameters
    ----------
    kind
        What the name should have been: "region", "prior set", ...
    name, choices
        The name given, and the names that exist.
    where
        File and key in which it stood, if any.
    fix
        What to do when no name comes close.
    """
    known = sorted(choices)
    match = nearest(name, known)
    return UserError(
        f"{where + ': ' if where else ''}unknown {kind} {name!r}",
        valid=", ".join(known) if known else f"no {kind} is known here",
        fix=f"did you mean {match!r}?" if match else fix,
    )
