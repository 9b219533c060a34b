"""The works that this package cites: `references.bib`, read once, and what `cite` and finished runs write of it.

Prior sets, data sets, samplers and modules of the physics name a work by a short reference; its entry stands in one
place. A reference is `arXiv:` with an identifier, `doi:` with a DOI, a key of `references.bib`, or a BibTeX entry in
full, which is how content of a user cites what this file does not have. Any other text is kept as a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from crsea_infer.support.errors import UserError
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["OWN_KEY", "Cited", "Work", "bibliography", "bibtex", "merged", "parse_bibtex", "read_cited", "work_of"]

OWN_KEY: Final = "crsea_infer"
"""Key of this package itself."""

_FILE: Final = "references.bib"
_HEAD: Final = re.compile(r"@\s*(?P<kind>[A-Za-z]+)\s*\{\s*(?P<key>[^\s,{}\"#%]+)\s*,")
_FIELD: Final = re.compile(r"\s*(?P<name>[A-Za-z][\w-]*)\s*=\s*")
_WORD: Final = re.compile(r"[^\s,{}\"]+")
_PLACES: Final = ("journal", "booktitle", "eprint", "doi", "howpublished")
_USE: Final = "% used for: "
_NO_ENTRY: Final = "% no entry: "
_IDENTIFIER_ALONE: Final = "% known by its identifier alone: complete this entry before it is printed"
_ARXIV: Final = re.compile(r"arXiv:(?P<identifier>[\w.-]+(?:/\d+)?)", re.ASCII)
_DOI: Final = re.compile(r"doi:(?P<identifier>10\.\d{4,9}/[^\s{}%@]+)", re.ASCII)


@dataclass(frozen=True)
class Work:
    """One BibTeX entry.

    Attributes
    ----------
    kind, key
        As in @kind{key, ...}; the kind in small letters.
    fields
        In order, by their names as written, without outer braces or quotes.
    """

    kind: str
    key: str
    fields: Mapping[str, str]

    def field(self, name: str) -> str:
        """Return the value of a field, however its name is written; empty when there is none."""
        return next((value for key, value in self.fields.items() if key.lower() == name.lower()), "")

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The references under which it is known."""
        eprint, doi = self.field("eprint"), self.field("doi")
        is_arxiv = self.field("archivePrefix").lower() in {"", "arxiv"}
        return (
            self.key,
            *((f"arXiv:{eprint}",) if eprint and is_arxiv else ()),
            *((f"doi:{doi}",) if doi else ()),
        )

    @property
    def lacking(self) -> tuple[str, ...]:
        """What a reader needs and does not get: "author", "title", "year" or "place"."""
        found = [name for name in ("author", "title", "year") if not self.field(name)]
        if not any(map(self.field, _PLACES)):
            found.append("place")
        return tuple(found)

    @property
    def text(self) -> str:
        """The entry, a field a line."""
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in self.fields.items())
        return f"@{self.kind}{{{self.key},\n{lines}}}"


@dataclass(frozen=True)
class Cited:
    """A work with what it was used for.

    Attributes
    ----------
    work
        None for a reference that no entry can be made of.
    note
        That reference; else what is to be said of the entry, or nothing.
    uses
        In words: "the sampler emcee".
    """

    work: Work | None
    note: str
    uses: tuple[str, ...]


def parse_bibtex(text: str, where: str = "BibTeX") -> tuple[Work, ...]:
    """Return the entries of a text; what stands between them is a comment, as BibTeX has it.

    Raises
    ------
    UserError
        When an entry has no key, braces do not close, or a field is none.
    """
    found, position = [], 0
    while (position := text.find("@", _after_comments(text, position))) >= 0:
        head = _HEAD.match(text, position)
        if head is None:
            raise _broken(where, text, position, "@article{KEY, author = {...}, ...}")
        fields, position = _fields(text, head.end(), where)
        found.append(Work(head["kind"].lower(), head["key"], MappingProxyType(fields)))
    return tuple(found)


def _after_comments(text: str, position: int) -> int:
    """Return where the next line begins that is neither empty nor a comment."""
    while (match := re.compile(r"\s*%[^\n]*|\s+").match(text, position)) is not None:
        position = match.end()
    return position


def _fields(text: str, position: int, where: str) -> tuple[dict[str, str], int]:
    fields: dict[str, str] = {}
    while True:
        match = _FIELD.match(text, position)
        if match is None:
            end = re.compile(r"\s*\}").match(text, position)
            if end is None:
                raise _broken(where, text, position, "name = {value}, and a closing brace")
            return fields, end.end()
        value, position = _value(text, match.end(), where)
        fields[match["name"]] = " ".join(value.split())
        comma = re.compile(r"\s*,?").match(text, position)
        position = position if comma is None else comma.end()


def _value(text: str, position: int, where: str) -> tuple[str, int]:
    opening = text[position : position + 1]
    if opening not in {"{", '"'}:
        word = _WORD.match(text, position)
        if word is None:
            raise _broken(where, text, position, "a value in braces or quotes, or a number")
        return word[0], word.end()
    depth, start = 0, position + 1
    for index in range(start, len(text)):
        letter = text[index]
        if depth == 0 and letter == ("}" if opening == "{" else '"'):
            return text[start:index], index + 1
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth < 0:
            break
    raise _broken(where, text, position, "braces that close")


def _broken(where: str, text: str, position: int, valid: str) -> UserError:
    line = text.count("\n", 0, position) + 1
    return UserError(f"{where}: cannot read the entry at line {line}: {text[position : position + 40]!r}", valid=valid)


@lru_cache(maxsize=1)
def bibliography() -> Mapping[str, Work]:
    """Return the works of `references.bib` by each reference under which they are known."""
    text = (files("crsea_infer.content") / _FILE).read_text(encoding="utf-8")
    works = parse_bibtex(text, _FILE)
    found = {name: work for work in works for name in work.identifiers}
    own = found[OWN_KEY]
    found[OWN_KEY] = replace(own, fields=MappingProxyType({**own.fields, "note": f"version {__version__}"}))
    return MappingProxyType(found)


def work_of(reference: str) -> Work | None:
    """Return the work that a reference names, from `references.bib` or as far as the reference itself tells it.

    Returns
    -------
    Work or None
        None when it is neither known, nor an identifier, nor one BibTeX entry.
    """
    known = bibliography().get(reference)
    if known is not None:
        return known
    if reference.lstrip().startswith("@"):
        try:
            works = parse_bibtex(reference)
        except UserError:
            return None
        return works[0] if len(works) == 1 else None
    arxiv, doi = _ARXIV.fullmatch(reference), _DOI.fullmatch(reference)
    if arxiv is not None:
        return Work("misc", reference, {"eprint": arxiv["identifier"], "archivePrefix": "arXiv"})
    return None if doi is None else Work("misc", reference, {"doi": doi["identifier"]})


def merged(uses: Iterable[tuple[str, str]]) -> tuple[Cited, ...]:
    """Return each work once, in the order of first use, with everything that it was used for.

    Parameters
    ----------
    uses
        Pairs of a reference and what it was used for.
    """
    works: dict[str, tuple[Work | None, str, dict[str, None]]] = {}
    for reference, use in uses:
        work = work_of(reference)
        key = reference if work is None else work.key
        note = reference if work is None else _note(work)
        works.setdefault(key, (work, note, {}))[2].setdefault(use)
    return tuple(Cited(work, note, tuple(words)) for work, note, words in works.values())


def _note(work: Work) -> str:
    known = bibliography().get(work.key) is work
    return "" if known or not {"author", "title"} & set(work.lacking) else _IDENTIFIER_ALONE.lstrip("% ")


def bibtex(cited: Sequence[Cited]) -> str:
    """Return a bibliography as BibTeX reads it: entries, each below a comment that says what it was used for."""
    blocks = []
    for one in cited:
        lines = [_USE + "; ".join(_comment(use) for use in one.uses)] if one.uses else []
        if one.work is None:
            lines = [_NO_ENTRY + _comment(one.note), *lines]
        else:
            lines += [f"% {one.note}"] if one.note else []
            lines.append(one.work.text)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _comment(text: str) -> str:
    """Return a text that may stand in a comment, where BibTeX would take an at sign for an entry."""
    return " ".join(text.split()).replace("@", "(at)").replace("; ", ", ")


def read_cited(text: str, where: str) -> tuple[Cited, ...]:
    """Return what :func:`bibtex` wrote.

    Raises
    ------
    UserError
        When an entry cannot be read.
    """
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        comments = [line for line in lines if line.startswith("%")]
        uses = next((line.removeprefix(_USE).split("; ") for line in comments if line.startswith(_USE)), [])
        note = next((line for line in comments if not line.startswith(_USE)), "")
        works = parse_bibtex("\n".join(lines[len(comments) :]), where)
        if works or note:
            words = note.removeprefix(_NO_ENTRY).lstrip("% ")
            found.append(Cited(works[0] if works else None, words, tuple(uses)))
    return tuple(found)
