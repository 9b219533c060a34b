"""Where prior sets, likelihoods, run files, lists of choices and forecasts are found.

They are content, not code: a scientist adds one by adding a file or a folder. A name is looked for in the folders
`priors`, `likelihoods`, `runs`, `choices` and `forecasts` of the current directory first, then in those of the package
(inside the installed package, or at the root of the repository when it runs from a checkout), so a user's own file
takes the place of a packaged one of the same name. Anything that looks like a path is taken as a path.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import absolute, check_regular, working_directory

__all__ = [
    "ContentKind",
    "Item",
    "available",
    "find",
    "folders",
    "hypothesis_files",
    "likelihood_name",
    "packaged_root",
]

ContentKind = Literal["priors", "likelihoods", "runs", "choices", "forecasts"]

_SINGULAR = {
    "priors": "prior set",
    "likelihoods": "likelihood",
    "runs": "run",
    "choices": "list of choices",
    "forecasts": "forecast",
}
HYPOTHESES = "hypotheses.toml"
"""File among the prior sets that names hypotheses; it is not itself a prior set."""


@dataclass(frozen=True)
class Item:
    """One prior set, likelihood, run, list of choices or forecast that was found.

    Attributes
    ----------
    name
        How run files and the command line call it.
    path
        The TOML file.
    origin
        "yours" for the folders of the current directory, "package" for what comes with crsea_infer.
    """

    name: str
    path: Path
    origin: Literal["yours", "package"]


def packaged_root() -> Path:
    """Return the folder that holds the packaged `priors`, `likelihoods`, `runs`, `choices` and `forecasts`.

    Raises
    ------
    UserError
        When the installation is incomplete.
    """
    package = Path(__file__).resolve().parents[1]
    for root in (package / "content", package.parent):
        if (root / "priors" / HYPOTHESES).is_file():
            return root
    raise UserError(
        f"the installation in {package} lacks its prior sets, likelihoods and runs",
        fix="install crsea_infer again",
    )


def folders(kind: ContentKind) -> tuple[tuple[Path, Literal["yours", "package"]], ...]:
    """Return the folders that are searched for `kind`, first one first, each with its origin."""
    packaged = packaged_root() / kind
    own = working_directory() / kind
    if not own.is_dir() or own.resolve() == packaged.resolve():
        return ((packaged, "package"),)
    return ((own, "yours"), (packaged, "package"))


def hypothesis_files() -> tuple[Path, ...]:
    """Return the files that name hypotheses, the user's own first."""
    return tuple(folder / HYPOTHESES for folder, _ in folders("priors") if (folder / HYPOTHESES).is_file())


def available(kind: ContentKind) -> tuple[Item, ...]:
    """Return everything of a kind that a name would find, sorted by name."""
    found: dict[str, Item] = {}
    for folder, origin in folders(kind):
        pattern = "*/likelihood.toml" if kind == "likelihoods" else "*.toml"
        for path in sorted(folder.glob(pattern)):
            name = path.parent.name if kind == "likelihoods" else path.stem
            if path.name != HYPOTHESES and not name.startswith("."):
                found.setdefault(name, Item(name, path, origin))
    return tuple(found[name] for name in sorted(found))


def find(kind: ContentKind, name: str, *, where: str = "", base: Path | None = None) -> Path:
    """Return the TOML file of a prior set, likelihood, run, list of choices or forecast.

    Parameters
    ----------
    name
        A name, or a path: anything with a slash, or ending in ".toml". For a likelihood the path may be its folder.
    where
        File and key in which the name stood, for the message.
    base
        Folder from which a relative path counts (that of the file in which it stood); the current directory if None.

    Raises
    ------
    UserError
        When nothing is found, with the nearest name that exists.
    """
    prefix = f"{where}: " if where else ""
    singular = _SINGULAR[kind]
    if _is_path(name):
        path = absolute(name, base)
        if kind == "likelihoods" and os.path.isdir(path):  # noqa: PTH112 -- pathlib raises for names that are too long
            path /= "likelihood.toml"
        check_regular(path)
        if not path.is_file():
            raise UserError(
                f"{prefix}there is no {singular} file {path}",
                valid=f"a path that exists, or one of the names {', '.join(item.name for item in available(kind))}",
            )
        return path
    for item in available(kind):
        if item.name == name:
            return item.path
    places = " and ".join(str(folder) for folder, _ in folders(kind))
    raise unknown_name(
        singular,
        name,
        (item.name for item in available(kind)),
        where=where,
        fix=f"add it to ./{kind} (looked in {places})",
    )


def likelihood_name(given: str, base: Path | None = None) -> str:
    """Return what a data set is called: the name of its folder, as it was found.

    A link to a folder is called as the link is, as in the list of what there is.

    Parameters
    ----------
    given, base
        Name or path, and the folder from which a relative path counts, as in :func:`find`.
    """
    if not _is_path(given):
        return given
    path = Path(os.path.abspath(absolute(given, base)))  # noqa: PTH100 -- a link is not to be followed
    is_file = path.suffix == ".toml" and not os.path.isdir(path)  # noqa: PTH112 -- as above
    return path.parent.name if is_file else path.name


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith(".toml")
