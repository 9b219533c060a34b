"""Figures of no run, in a module of its own so that other processes find it by name."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crsea_infer.report.layout.notebook_figure import NotebookFigure
from crsea_infer.report.layout.style import new_figure, styled

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

PARENT = "PARENT_OF_PICTURES"
"""Environment variable: the process that must not be killed."""


def figures(run: Any) -> dict[str, Callable[[], Figure]]:
    """One that is drawn, one that fails, one that kills its process unless it is the test's own, one without end."""
    return {"good": partial(_draw, run), "bad": _fail, "deadly": partial(_die, run), "endless": _wait}


def _draw(run: Any) -> Figure:
    figure = new_figure(2.0, 2.0)
    figure.add_subplot().plot([*range(len(run.transport))], label="line")
    return figure


def _fail() -> Figure:
    raise RuntimeError("out of\ncolours")


class _Endless(NotebookFigure):
    """A figure that is never written whole, in a file that says who writes."""

    def savefig(self, *args: Any, **_kwargs: Any) -> None:
        Path(args[0]).write_text(str(os.getpid()))
        time.sleep(600.0)


def _wait() -> Figure:
    return _Endless(1.0, 1.0, styled)


def _die(run: Any) -> Figure:
    if os.environ.get(PARENT) != str(os.getpid()):
        os.kill(os.getpid(), signal.SIGKILL)
    return _draw(run)
