"""What things may be called, and which characters texts may hold.

A name that a user gives lives on in many places: a parameter becomes a variable of a netCDF file beside the dimensions
``chain`` and ``draw``; a data set becomes a variable, a dimension and a figure; a hypothesis becomes a folder. A name
that one of these cannot carry, or that two things would share, must be refused when it is read and not after hours of
sampling. What each kind of name is carried by stands here, once, and every reader asks here.

Texts (titles, labels, references, BibTeX) reach terminals, so that none may hold a character that acts there: control
characters, and those that turn the direction of writing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.support.errors import UserError
from crsea_infer.support.output_names import OVERLAY, OWN_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LONGEST", "check_name", "check_texts", "is_name", "refuse_alike", "visible"]

LONGEST: Final = 100
"""Characters of a name: file systems allow 255 bytes, and names stand in names of files with more around them."""

_LONGEST_DERIVED: Final = LONGEST + 28
"""The same of a nuisance, whose name may be that of its data set with words after it."""

_GENERAL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_LOWER: Final = re.compile(r"[a-z][a-z0-9_]*")
_IN_WORDS: Final = "letters, digits and . _ + -, beginning with a letter or digit"

_LOWER_IN_WORDS: Final = "small letters, digits and underscores"

_AXES: Final = MappingProxyType(
    dict.fromkeys(("chain", "draw"), "posterior.nc has a dimension of that name")
    | {"sample": "ArviZ calls chains and draws together so"}
)
_GRID_WORDS: Final = MappingProxyType(
    dict.fromkeys(
        (
            *("point", "output", "energy", "messenger", "region", "component", "intensity", "intensity_unit"),
            *("species", "radius", "absorption", "rigidity", "local", "radial", "response", "leptons"),
            *("lepton_component", "lepton_energy"),
        ),
        "files of grids have a variable of that name",
    )
)
_OUTPUT: Final = MappingProxyType(dict.fromkeys((*OWN_NAMES, OVERLAY), "a file or folder of the output is called so"))


@dataclass(frozen=True)
class _Rule:
    """What a kind of name may be.

    Attributes
    ----------
    letters, in_words
        What it is made of.
    taken
        Names that something else has: name -> what.
    endings
        Endings that would make it the name of something else: ending -> of what.
    longest
        Number of characters.
    folds
        Whether it names files, for which file systems in use take Figures and figures as one.
    becomes
        What it becomes, for the message.
    """

    letters: re.Pattern[str] = _GENERAL
    in_words: str = _IN_WORDS
    taken: Mapping[str, str] = field(default_factory=dict)
    endings: Mapping[str, str] = field(default_factory=dict)
    longest: int = LONGEST
    folds: bool = False
    becomes: str = ""


_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {
        "parameter": _Rule(
            letters=_LOWER,
            in_words=_LOWER_IN_WORDS,
            taken={**_AXES, "variant": "hypotheses with variants have a parameter of that name"},
            becomes="a variable of files",
        ),
        "nuisance": _Rule(taken=_AXES, longest=_LONGEST_DERIVED, becomes="a variable of posterior.nc"),
        "parameter of a grid": _Rule(taken={**_AXES, **_GRID_WORDS}, becomes="a variable of files"),
        "component": _Rule(
            taken=dict.fromkeys(("intensity", "energy_gev"), "predictions have a column of that name"),
            becomes="a column of tables",
        ),
        "data set": _Rule(
            taken=_AXES,
            endings={
                "_expected": "posterior.nc keeps the expectation of a data set under its name with that ending",
                "_point": "posterior.nc has a dimension of that ending for each data set",
            },
            becomes="a variable of posterior.nc and a figure",
        ),
        "instrument": _Rule(becomes="a word in tables"),
        "group": _Rule(
            endings={".checkpoint": "it is that of files of unfinished work"},
            folds=True,
            becomes="part of the names of files in the output",
        ),
        "variant": _Rule(
            endings={".checkpoint": "it is that of files of unfinished work"},
            folds=True,
            becomes="part of the names of files in the output",
        ),
        "hypothesis": _Rule(
            taken=_OUTPUT,
            endings={"_all": "figures of all parameters have that ending"},
            folds=True,
            becomes="the name of a folder in the output",
        ),
        "combination": _Rule(taken=_OUTPUT, folds=True, becomes="the name of a folder in the output"),
        "axis": _Rule(letters=_LOWER, in_words=_LOWER_IN_WORDS, becomes="a word in tables"),
        "option": _Rule(letters=_LOWER, in_words=_LOWER_IN_WORDS, becomes="a word in tables"),
    }
)


def check_name(name: str, where: str, kind: str, also_taken: Mapping[str, str] | None = None) -> None:
    """Refuse a name that one of the things that carry it could not carry.

    Parameters
    ----------
    name
        As it was given.
    where
        File and key in which it stood.
    kind
        "parameter" (of a prior set), "nuisance" (of a data set), "parameter of a grid", "component" (of one),
        "data set", "group", "variant", "hypothesis", "combination", "axis" or "option" (of a list of choices).
    also_taken
        Further names that something else has: name -> what.

    Raises
    ------
    UserError
        When it is too long, has other characters, or is the name of something else.
    """
    rule = _RULES[kind]
    taken = {**rule.taken, **(also_taken or {})}
    folded = name.casefold() if rule.folds else name
    if folded in taken:
        raise UserError(
            f"{where}: {name!r} cannot name a {kind}: {taken[folded]}",
            valid=f"any name but {', '.join(sorted(taken))}",
            fix="choose another name",
        )
    for ending, reason in rule.endings.items():
        if folded.endswith(ending):
            raise UserError(
                f"{where}: {name[: 2 * LONGEST]!r} cannot name a {kind}, because of its ending {ending}: {reason}",
                valid=f"a name that does not end in {' or '.join(rule.endings)}",
                fix="choose another name",
            )
    if not rule.letters.fullmatch(name) or len(name) > rule.longest:
        raise UserError(
            f"{where}: {name[: 2 * LONGEST]!r} cannot name a {kind}",
            valid=f"at most {rule.longest} {rule.in_words}",
            fix=f"choose another name: it becomes {rule.becomes}",
        )


def is_name(name: str, kind: str = "hypothesis") -> bool:
    """Tell whether :func:`check_name` accepts a name."""
    try:
        check_name(name, "", kind)
    except UserError:
        return False
    return True


def refuse_alike(names: Iterable[str], where: str, kind: str) -> None:
    """Refuse two names that differ in nothing but capitals: some file systems take their files for the same."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise UserError(
                f"{where}: {other!r} and {name!r} differ in capital letters only",
                valid=f"names of each {kind} that also differ where capitals do not count, as in names of files",
                fix="rename one of them",
            )


# All of Unicode's control characters but tab and line feed, line separators, overrides of the direction of writing, and
# the halves of characters with which Python writes bytes that are no text.
_ACTING: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_ACTS: Final = re.compile(f"[{_ACTING}]")
_ACTS_OR_BREAKS: Final = re.compile(f"[\t\n{_ACTING}]")
_OF_ONE_LINE: Final = frozenset(
    {"title", "label", "name", "unit", "source", "reference", "references", "morphology", "kind", "status"}
)


def check_texts(content: Any, where: str, key: str = "") -> None:
    """Refuse texts with characters that act on a terminal, in anything that a TOML or YAML file can hold.

    Line feeds and tabs are allowed, but not in names, titles, labels, units and references.

    Parameters
    ----------
    content
        A text, or mappings and lists of texts at any depth; numbers and the like pass.
    where
        The file, for the message.
    key
        Under which key the content stands.

    Raises
    ------
    UserError
        Naming file, key and character.
    """
    if isinstance(content, str):
        pattern = _ACTS_OR_BREAKS if key.rpartition(".")[2] in _OF_ONE_LINE else _ACTS
        _refuse(content, pattern, f"{where}: {key}" if key else where)
    elif isinstance(content, Mapping):
        for name, value in content.items():
            if isinstance(name, str):
                _refuse(name, _ACTS_OR_BREAKS, f"{where}: the key {visible(name)!r}")
            check_texts(value, where, f"{key}.{name}" if key else str(name))
    elif isinstance(content, list | tuple):
        for value in content:
            check_texts(value, where, key)


def _refuse(text: str, pattern: re.Pattern[str], where: str) -> None:
    found = pattern.search(text)
    if found is None:
        return
    if "\ud800" <= found[0] <= "\udfff":
        raise UserError(f"{where}: '{visible(text)}' holds bytes that are no text", valid="text in UTF-8")
    valid = "printed characters" if found[0] in "\n\t" else "printed characters, line feeds and tabs"
    raise UserError(
        f"{where}: holds the character U+{ord(found[0]):04X}, which is none that is printed",
        valid=valid,
        fix=f"remove it; it follows {visible(text[max(found.start() - 20, 0) : found.start()])!r}",
    )


def visible(text: str) -> str:
    """Return a text with the characters that act on a terminal as escapes; line feeds and tabs stay."""
    return _ACTS.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)
