"""Pages that are written when the documentation is built, so that no copy of what the package says can go stale.

A page of Markdown holds a line ``<!-- generated: NAME -->`` where the text of that name goes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import command_text
import content_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sphinx.application import Sphinx

_WRITERS: dict[str, Callable[[Path], str]] = {
    "commands": command_text.commands,
    "prior sets": content_text.prior_sets,
    "hypotheses": content_text.hypotheses,
    "regions": content_text.regions,
    "data sets": content_text.data_sets,
    "runs": content_text.runs,
}
_PLACE = re.compile(r"^<!-- generated: (?P<name>[a-z ]+) -->$", re.MULTILINE)


def _fill(app: Sphinx, _page: str, source: list[str]) -> None:
    """Put the generated text into the places of a page; an unknown name ends the build with a KeyError."""
    if _PLACE.search(source[0]):
        app.env.note_reread()  # what it says depends on more than its own file
        source[0] = _PLACE.sub(lambda place: _WRITERS[place["name"]](app.srcdir), source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Fill pages as they are read."""
    app.connect("source-read", _fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
