"""Importing what the surroundings may keep from being imported.

Matplotlib reads the name of a backend from the environment and settings from files when it is imported. Figures here
need neither, so neither may stop a run or a check of a label.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import Any

__all__ = ["load_matplotlib"]


def load_matplotlib() -> Any:
    """Import matplotlib, even where MPLBACKEND names no backend or a file of settings has lines that are none.

    With a backend that is none matplotlib cannot be imported at all, so it is imported without, and asked for that
    backend afterwards. The environment is as before then.
    """
    import importlib

    if "matplotlib" in sys.modules:
        return sys.modules["matplotlib"]
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.CRITICAL)  # bad lines of settings that are not used
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        mpl = importlib.import_module("matplotlib")
    finally:
        log.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):
            mpl.rcParams["backend"] = backend
    return mpl
