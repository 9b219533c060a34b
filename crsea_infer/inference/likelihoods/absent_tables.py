"""Data sets whose numbers are not at hand: a folder that is ready but for its tables.

A `likelihood.toml` with the key `absent` says in words which table is to be put where. As long as a table that it names
is not in its folder the data set is *absent*: lists say so, and whoever asks for it is told what to do. Once the tables
are there it is a data set like any other, and the key has no effect.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.content import finding
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["AbsentDataError", "check_at_hand", "names_at_hand"]


_SETTINGS: Final = "likelihood.toml"


class AbsentDataError(UserError):
    """The tables of a data set are not at hand.

    Attributes
    ----------
    title
        Of the data set.
    """

    title: str = ""


def check_at_hand(path: Path, settings: Mapping[str, Any]) -> None:
    """Refuse a data set that says it may be absent, and is.

    Parameters
    ----------
    path
        The `likelihood.toml`.
    settings
        Its keys.

    Raises
    ------
    AbsentDataError
        When the file has the key `absent` and a table that it names is not in its folder.
    """
    words = settings.get("absent")
    if not isinstance(words, str):
        return
    named = _tables({key: value for key, value in settings.items() if key != "absent"})
    missing = [name for name in dict.fromkeys(named) if not (path.parent / name).is_file()]
    if missing:
        error = AbsentDataError(
            f"the numbers of {path.parent.name} are not at hand: {path.parent} lacks {', '.join(missing)}", fix=words
        )
        error.title = str(settings.get("title", ""))
        raise error


def names_at_hand() -> list[str]:
    """Return the names of all data sets that are found, without those that are absent."""
    found = []
    for item in finding.available("likelihoods"):
        path = item.path if item.path.name == _SETTINGS else item.path / _SETTINGS
        try:
            check_at_hand(path, tomllib.loads(read_text(path)))
        except AbsentDataError:
            continue
        except (tomllib.TOMLDecodeError, UserError):  # whoever loads it is told
            pass
        found.append(item.name)
    return found


def _tables(value: Any) -> Iterator[str]:
    """Yield the names of all tables in the keys of a file."""
    if isinstance(value, str) and value.endswith(".ecsv"):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _tables(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _tables(inner)
