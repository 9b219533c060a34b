"""What the commands `cite` and `init` do, and the names of those that read content and show it beside them."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING

from crsea_infer.cli.check_command import check
from crsea_infer.cli.listings import show_listings as list_content
from crsea_infer.cli.tables import new_console, say
from crsea_infer.content import finding
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_write, make_directory
from crsea_infer.support.names import visible

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

__all__ = ["check", "cite", "init", "list_content"]

_STARTER_TABLE = ("likelihoods/lhaaso_km2a_inner/flux.ecsv", "likelihoods/my_data/flux.ecsv")


def cite(run: str | None) -> str:
    """Return BibTeX for all that a run used, each work once below what it was used for.

    Parameters
    ----------
    run
        Directory of a finished run or study, or name or path of a run file; None: this package alone.

    Raises
    ------
    UserError
        When there is no such run, or it is not valid.
    """
    from crsea_infer.content.bibliography import bibtex
    from crsea_infer.workflow.cited_runs import cited_by

    return bibtex(cited_by(run))


def init(directory: Path) -> None:
    """Write a commented run file, prior set, hypothesis and data set to `directory`, ready to check and run.

    Raises
    ------
    UserError
        When the directory cannot be written to, or a file of the starter is there already.
    """
    starter = importlib.resources.files("crsea_infer.cli") / "starter"
    files = {name: item.read_bytes() for name, item in _files_below(starter, "")}
    packaged, name = _STARTER_TABLE
    files[name] = (finding.packaged_root() / packaged).read_bytes()
    present = [name for name in sorted(files) if (directory / name).exists()]
    if present:
        raise UserError(
            f"{directory / present[0]} is there already",
            valid="a new folder, or one without " + ", ".join(sorted(files)),
            fix="choose another folder, or move the file away",
        )
    for name, text in files.items():
        make_directory((directory / name).parent)
        atomic_write(directory / name, text)
    console = new_console()
    say(console, f"wrote to {visible(str(directory))}:")
    for name in sorted(files):
        say(console, f"  {name}")
    say(console, f"next: cd {visible(str(directory))} && crsea-infer check my_run")


def _files_below(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in sorted(folder.iterdir(), key=lambda each: each.name):
        if item.is_dir():
            found += _files_below(item, f"{prefix}{item.name}/")
        elif item.name.endswith((".toml", ".ecsv")):
            found.append((prefix + item.name, item))
    return found
