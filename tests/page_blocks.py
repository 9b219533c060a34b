"""Blocks of code on pages of documentation, and what is to be done with each.

A line above a block says what a reader does not see: ``<!-- not run: REASON -->`` where it would take too long, change
the machine or need what is not there; ``<!-- refused -->`` where a command ends with the message of the next ``text``
block.
Everything else in a language that can be executed is executed, as it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_OPEN = re.compile(r"^(?P<indent> *)```(?P<directive>\{[\w:-]+\})? *(?P<language>.*)$")
_CAPTION = re.compile(r"^ *:caption: (?P<caption>.*)$")
_MARK = re.compile(r"^ *<!-- (?P<mark>not run|refused)(?:: (?P<reason>.+))? -->$")


@dataclass(frozen=True)
class Block:
    """A block of a page.

    `mark` is "not run", "refused" or empty, `reason` why it is not run, `line` that of its first line, from 1.
    """

    language: str
    body: str
    caption: str
    mark: str
    reason: str
    line: int

    @property
    def file(self) -> str:
        """Name of the file that the block is the content of, or nothing."""
        return self.caption if re.fullmatch(r"[\w./-]+\.\w+", self.caption) else ""


def pages() -> list[Path]:
    """Return the README and all pages that have no test of their own."""
    docs = ROOT / "docs"
    found = [path for path in docs.rglob("*.md") if path.parent.name != "tutorials" and "_build" not in path.parts]
    return [ROOT / "README.md", *sorted(found)] if docs.is_dir() else []


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in order."""
    lines, found, number = page.read_text().splitlines(), [], 0
    while number < len(lines):
        opened = _OPEN.match(lines[number])
        number += 1
        if not opened:
            continue
        begun, indent = number, len(opened["indent"])
        while lines[number].strip() != "```":
            number += 1
        body = [line[indent:] for line in lines[begun:number]]
        number += 1
        caption = _CAPTION.match(body[0]) if body else None
        mark = _MARK.match(lines[begun - 2]) if begun > 1 else None
        found.append(
            Block(
                opened["language"] if opened["directive"] in {None, "{code-block}"} else "",
                "\n".join(body[1:] if caption else body) + "\n",
                caption["caption"] if caption else "",
                mark["mark"] if mark else "",
                (mark["reason"] if mark else "") or "",
                begun,
            )
        )
    return found
