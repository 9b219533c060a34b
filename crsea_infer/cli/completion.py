"""Completion of the command line in bash, zsh and fish, from the parser itself.

A script is the parser written down: which words and options may follow which command, so that pressing the key starts
no Python. Only the names of runs, hypotheses, data sets and the like are asked for, with ``crsea-infer list KIND
--names``, because they depend on the folder. A value that is a file falls to the shell's own completion of files.

The parser is walked here, instead of by a package: those at hand either start Python at every key (argcomplete) or do
not ask for names (shtab), and the walk is forty lines.
"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["script"]

_NAMED: Final = {
    "RUN": "runs",
    "HYPOTHESIS": "hypotheses",
    "LIST": "choices",
    "FORECAST": "forecasts",
    "REGION": "regions",
}
"""What a value is called in help -> the kind of content whose names it takes."""


@dataclass(frozen=True)
class _Value:
    """What may stand somewhere: one of some words, a name of some kind of content, or anything (a file)."""

    words: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True)
class _Option:
    flags: tuple[str, ...]
    summary: str
    value: _Value | None


@dataclass(frozen=True)
class _Place:
    """What may follow a command, which is named by its words with a blank before each."""

    path: str
    commands: dict[str, str] = field(default_factory=dict)
    options: tuple[_Option, ...] = ()
    values: tuple[_Value, ...] = ()

    @property
    def words(self) -> list[str]:
        """All words that may stand there by themselves."""
        return list(dict.fromkeys([*self.commands, *(word for value in self.values for word in value.words)]))

    @property
    def kinds(self) -> list[str]:
        """All kinds of content whose names may stand there."""
        return list(dict.fromkeys(value.kind for value in self.values if value.kind))

    @property
    def flags(self) -> list[str]:
        """All options."""
        return [flag for option in self.options for flag in option.flags]


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script for a shell: "bash", "zsh" or "fish"."""
    return _SCRIPTS[shell](list(_places(parser, "")))


def _places(parser: argparse.ArgumentParser, path: str) -> Iterator[_Place]:
    """Walk the parser: this command, and those below it."""
    commands: dict[str, str] = {}
    below: dict[str, argparse.ArgumentParser] = {}
    options, values = [], []
    for action in parser._actions:  # noqa: SLF001 -- argparse has no other way to be read
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            summaries = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001
            commands |= {name: _first_words(summaries.get(name, "")) for name in action.choices}
            below |= action.choices
        elif action.option_strings:
            value = None if action.nargs == 0 else _value(action)
            options.append(_Option(tuple(action.option_strings), _first_words(action.help or ""), value))
        else:
            values.append(_value(action))
    yield _Place(path, commands, tuple(options), tuple(values))
    for name, one in below.items():
        yield from _places(one, f"{path} {name}")


def _first_words(summary: str) -> str:
    """Return a summary without what argparse would fill in, in one line."""
    return " ".join(summary.replace("%%", "%").split())


def _value(action: argparse.Action) -> _Value:
    if action.choices:
        return _Value(tuple(str(choice) for choice in action.choices))
    return _Value(kind=_NAMED.get(str(action.metavar or action.dest).partition("|")[0], ""))


def _quoted(words: list[str]) -> str:
    return shlex.quote(" ".join(words))


def _paths(places: list[_Place]) -> str:
    """Return the commands as the alternatives of a shell's case."""
    return "|".join(shlex.quote(place.path) for place in places if place.path)


def _cases(places: list[_Place]) -> tuple[list[str], list[str]]:
    """Return the branches of two cases, which bash and zsh share: what follows an option, and what a command."""
    after, at = [], []
    for place in places:
        for option in place.options:
            if option.value is not None:
                names = "|".join(shlex.quote(f"{place.path} {flag}") for flag in option.flags)
                words = _quoted(list(option.value.words))
                after.append(f"    {names}) words={words}; kinds={shlex.quote(option.value.kind)}; options='' ;;")
        what = f"words={_quoted(place.words)}; kinds={_quoted(place.kinds)}; options={_quoted(place.flags)}"
        at.append(f"    {shlex.quote(place.path)}) {what} ;;")
    return after, at


def _bash(places: list[_Place]) -> str:
    after, at = _cases(places)
    return "\n".join(
        [
            "# bash completion of crsea-infer",
            "_crsea_infer() {",
            "  local path='' words='' kinds='' options='' kind i",
            "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}",
            "  for ((i = 1; i < COMP_CWORD; i++)); do",
            f'    case "$path ${{COMP_WORDS[i]}}" in {_paths(places)}) path+=" ${{COMP_WORDS[i]}}" ;; esac',
            "  done",
            '  case "$path" in',
            *at,
            "  esac",
            '  case "$path $previous" in',
            *after,
            "  esac",
            '  if [[ $current == -* ]]; then words=$options; kinds=""; fi',
            '  for kind in $kinds; do words+=" $(crsea-infer list "$kind" --names 2>/dev/null)"; done',
            '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "}",
            "complete -o bashdefault -o default -F _crsea_infer crsea-infer",
            "",
        ]
    )


def _zsh(places: list[_Place]) -> str:
    after, at = _cases(places)
    return "\n".join(
        [
            "#compdef crsea-infer",
            "# zsh completion of crsea-infer",
            "_crsea_infer_found() {  # from the words before the cursor to the array found",
            "  local at='' kinds='' options='' kind word current=$line[-1] previous=$line[-2]",
            "  local words=''",
            "  for word in ${line[2,-2]}; do",
            f'    case "$at $word" in ({_paths(places)}) at+=" $word" ;; esac',
            "  done",
            '  case "$at" in',
            *(branch.replace("    ", "    (", 1) for branch in at),
            "  esac",
            '  case "$at $previous" in',
            *(branch.replace("    ", "    (", 1) for branch in after),
            "  esac",
            '  if [[ $current == -* ]]; then words=$options; kinds=""; fi',
            '  for kind in ${=kinds}; do words+=" $(crsea-infer list "$kind" --names 2>/dev/null)"; done',
            "  found=(${=words})",
            "}",
            "_crsea_infer() {",
            "  local -a line found",
            '  line=("${(@)words[1,CURRENT]}")',
            "  _crsea_infer_found",
            "  compadd -a found || _files",
            "}",
            "if (( $+functions[compdef] )); then compdef _crsea_infer crsea-infer; fi",
            "",
        ]
    )


def _fish(places: list[_Place]) -> str:
    lines = [
        "# fish completion of crsea-infer",
        "function __crsea_infer_at",
        "  set -l path ''",
        "  for word in (commandline -opc)[2..-1]",
        '    switch "$path $word"',
        f"      case {' '.join(_fish_text(place.path) for place in places if place.path)}",
        '        set path "$path $word"',
        "    end",
        "  end",
        '  test "$path" = "$argv[1]"',
        "end",
    ]
    for place in places:
        head = f"complete -c crsea-infer -n {_fish_text('__crsea_infer_at ' + _fish_text(place.path))}"
        lines += [f"{head} -f -a {name} -d {_fish_text(summary)}" for name, summary in place.commands.items()]
        lines += [f"{head} -f -a {_fish_text(word)}" for word in place.words if word not in place.commands]
        lines += [f"{head} -a {_fish_names(kind)}" for kind in place.kinds]
        for option in place.options:
            flags = " ".join(
                f"-l {flag[2:]}" if flag.startswith("--") else f"-{'s' if len(flag) == 2 else 'o'} {flag[1:]}"
                for flag in option.flags
            )
            lines.append(f"{head} {flags} -d {_fish_text(option.summary)}{_fish_value(option.value)}")
    return "\n".join([*lines, ""])


def _fish_value(value: _Value | None) -> str:
    if value is None:
        return ""
    if value.words:
        return f" -x -a {_fish_text(' '.join(value.words))}"
    return f" -r -a {_fish_names(value.kind)}" if value.kind else " -r"


def _fish_names(kind: str) -> str:
    return _fish_text(f"(crsea-infer list {kind} --names 2>/dev/null)")


def _fish_text(text: str) -> str:
    """Quote for fish, whose single quotes know a backslash."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SCRIPTS: Final[dict[str, Callable[[list[_Place]], str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
