"""Drawing the figures of a run, here or in worker processes beside the tables and checks that are made meanwhile.

Half of the time after the samplings goes into figures and half into posteriors, replicated data and the transport
solver. So figures are drawn in other processes where there is a core for them, from the plain numbers of the run, and
are byte for byte those drawn here. One that fails leaves the others drawn. What no process could draw, for whatever
reason, is drawn here after all.
"""

from __future__ import annotations

import math
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.report.layout.attempts import reason
from crsea_infer.report.layout.style import save, styled
from crsea_infer.report.results.plain_run import plain_run
from crsea_infer.support.files import absolute, remove_leftovers
from crsea_infer.support.jobs import jobs_beside
from crsea_infer.support.local import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from crsea_infer.report.results.plain_run import PlainRun
    from crsea_infer.report.results.shown_run import ShownRun
    from crsea_infer.support.packed import Tell

    Figures = Callable[[Any], Mapping[str, Callable[[], Figure]]]

__all__ = ["Picture", "draw_pictures", "drawn_beside"]

_PAYS: Final = 6.0
"""Seconds of drawing from which on it is handed over: a process takes about two to start and to load matplotlib."""
_EACH: Final = 5.0
"""Seconds of drawing for each further process."""
_MOST: Final = 8


@dataclass(frozen=True)
class Picture:
    """A figure to be drawn.

    Attributes
    ----------
    figures
        The function of a module that returns, of a :class:`crsea_infer.report.results.shown_run.ShownRun`, what draws
        each of its figures.
    name
        Among those.
    suffixes
        Of the files to write.
    seconds
        How long it takes, roughly.
    """

    figures: Figures
    name: str
    suffixes: tuple[str, ...]
    seconds: float


def draw_pictures(pictures: Sequence[Picture], run: ShownRun, folder: Path) -> dict[str, str | None]:
    """Draw figures into a folder.

    Returns
    -------
    dict
        Name -> None, or in one line why it could not be drawn.
    """
    found: dict[str, str | None] = {}
    if not pictures:  # nothing for which matplotlib is to be loaded
        return found
    with styled():
        for one in pictures:
            found[one.name] = None
            try:
                save(one.figures(run)[one.name](), folder, one.name, one.suffixes)
            except Exception as error:  # noqa: BLE001 -- whatever a library raises, the others are drawn
                found[one.name] = reason(error)
    return found


@contextmanager
def drawn_beside(
    pictures: Sequence[Picture], run: ShownRun, folder: Path, workers: int | None
) -> Iterator[Callable[[], dict[str, str | None]] | None]:
    """Begin to draw figures in worker processes, where there are cores for them and enough to draw.

    Parameters
    ----------
    pictures, run, folder
        As for :func:`draw_pictures`.
    workers
        How many processes may work side by side, this one among them; default: one per core.

    Yields
    ------
    Callable or None
        Waits, and returns what :func:`draw_pictures` does of those that were drawn; None where all are to be drawn
        here.
    """
    shares = _shares(pictures, min(available_cores(), _MOST) if workers is None else workers)
    with ExitStack() as stack:
        wait = None
        if shares:
            stack.callback(remove_leftovers, folder)  # of processes that were stopped or died, when all have ended
            with suppress(Exception):  # what is not to be said in plain numbers, or not to be sent, is drawn here
                plain = plain_run(run)
                tasks = [(share, plain, absolute(folder)) for share in shares]
                wait = stack.enter_context(jobs_beside(_draw, tasks))
        yield None if wait is None else partial(_together, wait)


def _together(wait: Callable[[], list[Any]]) -> dict[str, str | None]:
    return {name: words for found in wait() for name, words in (found or {}).items()}


def _draw(task: tuple[Sequence[Picture], PlainRun, Path], _tell: Tell) -> dict[str, str | None]:
    """Do a share of the drawing, in a process of its own."""
    return draw_pictures(*task)


def _shares(pictures: Sequence[Picture], cores: int) -> list[list[Picture]]:
    """Share out the drawing among processes, of which this one has other things to do; none where it does not pay."""
    seconds = sum(one.seconds for one in pictures)
    n = min(cores - 1, math.ceil(seconds / _EACH), len(pictures))
    if n < 1 or seconds < _PAYS:
        return []
    shares: list[list[Picture]] = [[] for _ in range(n)]
    for one in sorted(pictures, key=lambda one: -one.seconds):
        min(shares, key=lambda share: sum(other.seconds for other in share)).append(one)
    return shares
