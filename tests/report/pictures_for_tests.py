"""Figures of no run, in a module of its own so that other processes find it by name."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

from crsea_infer.report.layout.style import new_figure

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

PARENT = "PARENT_OF_PICTURES"
"""Environment variable: the process that must not be killed."""


def figures(run: Any) -> dict[str, Callable[[], Figure]]:
    """One that is drawn, one that fails, and one whose drawing kills the process, unless it is the test's own."""
    return {"good": partial(_draw, run), "bad": _fail, "deadly": partial(_die, run)}


def _draw(run: Any) -> Figure:
    figure = new_figure(2.0, 2.0)
    figure.add_subplot().plot([*range(len(run.transport))], label="line")
    return figure


def _fail() -> Figure:
    raise RuntimeError("out of\ncolours")


def _die(run: Any) -> Figure:
    if os.environ.get(PARENT) != str(os.getpid()):
        os.kill(os.getpid(), signal.SIGKILL)
    return _draw(run)
