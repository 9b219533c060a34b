"""The reference of the command line, from the parser itself: every command, argument and option with its help."""

from __future__ import annotations

import argparse
import re
import textwrap
from typing import TYPE_CHECKING

from crsea_infer.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def commands(_folder: Path) -> str:
    """Return a section for each command, in the order of ``crsea-infer --help``."""
    top = main._parser("")
    lines: list[str] = []
    for name in _below(top).choices:
        lines += _section(_below(main._parser(name)).choices[name], _summary(top, name), 2)
    return "\n".join(lines)


def _section(parser: argparse.ArgumentParser, summary: str, level: int) -> Iterator[str]:
    yield f"{'#' * level} {parser.prog.removeprefix('crsea-infer ')}"
    yield ""
    yield _plain(parser.description or f"{summary[:1].upper()}{summary[1:]}.")
    yield ""
    yield "```text"
    usage = " ".join(_usage(parser).split())
    yield from textwrap.wrap(usage, 76, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    yield "```"
    yield ""
    inner = None
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            inner = action
        elif not isinstance(action, argparse._HelpAction) and action.help is not argparse.SUPPRESS:
            yield from _entry(parser, action)
    yield from _epilog(parser.epilog or "")
    if inner is not None:
        for name, below in inner.choices.items():
            yield from _section(below, _summary(parser, name), level + 1)


def _entry(parser: argparse.ArgumentParser, action: argparse.Action) -> Iterator[str]:
    """Yield an argument or option as an item of a definition list."""
    value = _value(action)
    names = ", ".join(f"`{flag}{' ' + value if value else ''}`" for flag in action.option_strings) or f"`{value}`"
    told = parser._get_formatter()._expand_help(action) if action.help else ""
    if not told and action.choices:
        told = "one of " + ", ".join(str(choice) for choice in action.choices)
    if action.option_strings and action.default not in (None, False, [], argparse.SUPPRESS) and "default" not in told:
        told += f" (default: {action.default})"
    if action.required and action.option_strings:
        told += " (required)"
    yield names
    yield f": {_plain(told.strip())}"
    yield ""


def _epilog(text: str) -> Iterator[str]:
    """Yield what stands below the options; examples as a block, the rest as sentences."""
    told, examples, shown = text.partition("examples:\n")
    if told.strip():
        yield _plain(told.strip())
        yield ""
    if examples:
        yield "```text"
        yield from (line.removeprefix("  ") for line in shown.rstrip().splitlines())
        yield "```"
        yield ""


def _value(action: argparse.Action) -> str:
    """Return what a value is called: as in the usage, or in capitals."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "|".join(str(choice) for choice in action.choices)
    return action.dest.upper() if action.option_strings else action.dest


def _usage(parser: argparse.ArgumentParser) -> str:
    return parser.format_usage().removeprefix("usage: ")


def _below(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    return next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))


def _summary(parser: argparse.ArgumentParser, name: str) -> str:
    return next((one.help or "" for one in _below(parser)._choices_actions if one.dest == name), "")


def _plain(text: str) -> str:
    """Return text as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>$|~])", r"\\\1", text)
