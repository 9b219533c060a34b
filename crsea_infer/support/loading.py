"""Importing what the surroundings may keep from being imported.

Matplotlib reads the name of a backend from the environment, and matplotlib and ArviZ settings from files, some of them
in the current directory, when they are imported. Figures and numbers here need none of them, so none may stop a run, a
check of a label or a look at a map: a file of settings that is no readable text is left out, and so is one that the
library refuses.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["load_arviz", "load_healpy", "load_matplotlib"]

_SETTINGS: Final = ("matplotlibrc", "arvizrc")


def load_matplotlib() -> Any:
    """Import matplotlib, even where MPLBACKEND names no backend or a file of settings is none.

    With a backend that is none matplotlib cannot be imported at all, so it is imported without, and asked for that
    backend afterwards. The environment is as before then.
    """
    if "matplotlib" in sys.modules:
        return sys.modules["matplotlib"]
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        mpl = _load("matplotlib")
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):
            mpl.rcParams["backend"] = backend
    return mpl


def load_arviz() -> Any:
    """Import ArviZ, which imports matplotlib and has files of settings too."""
    load_matplotlib()
    return sys.modules["arviz"] if "arviz" in sys.modules else _load("arviz")


def load_healpy() -> Any:
    """Import healpy, which imports matplotlib for maps that are not drawn here."""
    load_matplotlib()
    return importlib.import_module("healpy")


def _load(name: str) -> Any:
    """Import a library without the files of settings that it could not read; without any if it refuses one."""
    log = logging.getLogger(name)
    level = log.level
    log.setLevel(logging.CRITICAL)  # bad lines of settings that are not used
    try:
        with _hiding(unreadable_only=True), suppress(ValueError, OSError):
            return importlib.import_module(name)
        with _hiding(unreadable_only=False):
            return importlib.import_module(name)
    finally:
        log.setLevel(level)


@contextmanager
def _hiding(*, unreadable_only: bool) -> Iterator[None]:
    """Answer that files of settings are not there, to libraries that look for the first that is."""
    exists = os.path.exists

    def seems_to_exist(path: Any) -> bool:
        try:
            name = Path(os.fsdecode(path)).name
        except TypeError:  # the number of an open file
            return exists(path)
        if name not in _SETTINGS and path != os.environ.get("MATPLOTLIBRC"):
            return exists(path)
        if _packaged(path):
            return exists(path)
        return exists(path) and unreadable_only and _is_text(path)

    os.path.exists = seems_to_exist
    try:
        yield
    finally:
        os.path.exists = exists


def _packaged(path: Any) -> bool:
    """Tell the settings that a library brings itself, without which it is none."""
    return "mpl-data" in Path(os.fsdecode(path)).parts


def _is_text(path: Any) -> bool:
    """Tell whether a path is a folder, which libraries pass over, or a file of text; a pipe would be waited for."""
    place = Path(os.fsdecode(path))
    if place.is_dir():
        return True
    if not place.is_file():
        return False
    try:
        place.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return True
