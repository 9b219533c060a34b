"""Types of command-line arguments whose errors are those of every other bad input: one message, exit status 1.

What argparse says by itself (usage, exit status 2) is kept for commands and options that do not exist or are missing.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import absolute

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection

__all__ = ["add_allow_code", "add_workers", "number", "number_range", "one_of", "place", "whole_number"]

_SHOWN: Final = 40
"""Characters of a value that a message quotes."""


def add_allow_code(parser: argparse.ArgumentParser) -> None:
    """Add the option by which the user allows the Python files of data sets, to a command that reads these."""
    parser.add_argument(
        "--allow-code",
        action="store_true",
        help="execute the Python files that data sets name as their kind: only those that you wrote or read",
    )


def whole_number(option: str, least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number, within limits if there are any; `option` is how the user calls it."""
    limits = f" from {least} to {most}" if most is not None else "" if least is None else f" of at least {least}"

    def read(text: str) -> int:
        value: int | None
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or (least is not None and value < least) or (most is not None and value > most):
            raise UserError(f"{option} {_short(text)}", valid=f"a whole number{limits}")
        return value

    return read


def number(option: str) -> Callable[[str], float]:
    """Return what reads a finite number; `option` is how the user calls it."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UserError(f"{option} {_short(text)}", valid="a finite number")
        return value

    return read


def number_range(option: str, example: str) -> Callable[[str], tuple[float, float]]:
    """Return what reads two finite numbers, LOW..HIGH; `option` is how the user calls it, `example` what it may be."""

    def read(text: str) -> tuple[float, float]:
        low, dots, high = text.partition("..")
        try:
            values = float(low), float(high)
        except ValueError:
            values = (math.nan, math.nan)
        if not (dots and all(map(math.isfinite, values)) and values[0] < values[1]):
            raise UserError(f"{option} {_short(text)}", valid=f"LOW..HIGH, two finite numbers, such as {example}")
        return values

    return read


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add where the work is done: the options of every command that hands out tasks of its own."""
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="dask scheduler whose workers do it: tcp://host:8786 (default: processes on this machine)",
    )
    parser.add_argument(
        "--workers",
        type=whole_number("--workers", 1),
        metavar="N",
        help="local processes (default: one per core, at most 8)",
    )


def place(option: str) -> Callable[[str], Path]:
    """Return what reads the path of a file or folder; `option` is how the user calls it."""

    def read(text: str) -> Path:
        if not text.strip():
            raise UserError(f"{option} '{text}'", valid="a path", fix=f"write '{option} .' for the working directory")
        return absolute(text) if text.startswith("~") else Path(text)

    return read


def one_of(kind: str, choices: Collection[str]) -> Callable[[str], str]:
    """Return what takes one of some words and answers others with the nearest; `kind` is what they are."""

    def read(text: str) -> str:
        if text not in choices:
            raise unknown_name(kind, _short(text), choices)
        return text

    return read


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
