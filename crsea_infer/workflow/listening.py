"""Who is told what runs, studies and calibrations are doing: the terminal, a log, or nobody.

Nothing below the command line prints. What is carried out tells a listener how far it is and what it found, and the
listener does with it what it is for. Who listens changes no number and no file.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from crsea_infer.report.calibration_tables import summary_words
from crsea_infer.report.plain_lines import result_lines
from crsea_infer.report.robustness_tables import summary_lines
from crsea_infer.support.output_names import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from crsea_infer.report.calibration_tables import CalibrationReport
    from crsea_infer.report.robustness_tables import AtlasReport
    from crsea_infer.report.sections import Section
    from crsea_infer.report.summary import RunSummary

__all__ = ["QUIET", "LineMeter", "Listener", "Meter", "Quiet", "Told"]

_INTERVAL = 10.0  # seconds between two lines on one task


class Meter(Protocol):
    """Takes how far several tasks are that go on side by side."""

    def update(self, index: int, fraction: float, words: str, /) -> None:
        """Take what a task reports: its number, how much of it is done (1: all), and a few words."""


class Listener(Protocol):
    """Is told what goes on, in this process and in the order in which it happens."""

    def tell(self, words: str, /) -> None:
        """Take one line; an empty one sets apart what follows."""

    def sampling(self, names: Sequence[str], /) -> AbstractContextManager[Meter]:
        """Return the meter of tasks of these names, entered when the first begins and left when the last has ended."""

    def counting(self, what: str, /) -> AbstractContextManager[Callable[[int, int], None]]:
        """Return a function of (done, total) for many equal pieces of work, such as "simulated data sets"."""

    def finished(self, summary: RunSummary, sections: Sequence[Section], directory: Path, /) -> None:
        """Take the result of a run, and the directory where everything is."""

    def calibrated(self, report: CalibrationReport, directory: Path, /) -> None:
        """Take the result of a calibration, and the directory where everything is."""

    def mapped(self, report: AtlasReport, directory: Path, /) -> None:
        """Take the result of an atlas of robustness, and the directory where everything is."""


@dataclass(frozen=True)
class Quiet:
    """Says nothing.

    Examples
    --------
    >>> Quiet().tell("Drawing corners ...")
    """

    def tell(self, words: str, /) -> None:
        """Say nothing."""

    def sampling(self, _names: Sequence[str], /) -> AbstractContextManager[Meter]:
        """Return a meter that shows nothing."""
        return nullcontext(self)

    def update(self, index: int, fraction: float, words: str, /) -> None:
        """Show nothing."""

    def counting(self, _what: str, /) -> AbstractContextManager[Callable[[int, int], None]]:
        """Return a counter that shows nothing."""
        return nullcontext(lambda _done, _total: None)

    def finished(self, summary: RunSummary, sections: Sequence[Section], directory: Path, /) -> None:
        """Say nothing."""

    def calibrated(self, report: CalibrationReport, directory: Path, /) -> None:
        """Say nothing."""

    def mapped(self, report: AtlasReport, directory: Path, /) -> None:
        """Say nothing."""


QUIET: Final = Quiet()
"""Who listens when nobody else does."""


class LineMeter:
    """Tells of several tasks in plain lines: at the first report of each, every ten seconds, and when it is done.

    Parameters
    ----------
    tell
        Takes a line.
    names
        Of the tasks.
    """

    def __init__(self, tell: Callable[[str], None], names: Sequence[str]) -> None:
        self._tell = tell
        self._names = names
        self._told: dict[int, float] = {}
        self._started: dict[int, float] = {}

    def update(self, index: int, fraction: float, words: str, /) -> None:
        """Take what a task reports; fraction 1 means done."""
        now = time.monotonic()
        self._started.setdefault(index, now)
        done = fraction >= 1.0
        if done or index not in self._told or now - self._told[index] > _INTERVAL:
            self._told[index] = now
            state = f"done in {now - self._started[index]:.0f} s" if done else f"{100 * fraction:3.0f} %  {words}"
            self._tell(f"{self._names[index]}: {state}")


@dataclass(frozen=True)
class Told:
    """Passes everything on in plain lines, for notebooks, scripts and logs.

    Attributes
    ----------
    tell
        Takes a line, such as `print` or the `info` of a logger.

    Examples
    --------
    >>> listener = Told(print)
    >>> with listener.sampling(["base-max, nautilus"]) as meter:
    ...     meter.update(0, 0.25, "remaining ln Z 12.1")
    base-max, nautilus:  25 %  remaining ln Z 12.1
    """

    tell: Callable[[str], None]

    def sampling(self, names: Sequence[str], /) -> AbstractContextManager[Meter]:
        """Return a meter that tells in lines."""
        return nullcontext(LineMeter(self.tell, names))

    def counting(self, what: str, /) -> AbstractContextManager[Callable[[int, int], None]]:
        """Return a counter that tells in lines."""
        meter = LineMeter(self.tell, [what])
        return nullcontext(lambda done, total: meter.update(0, done / max(total, 1), f"{done} of {total}"))

    def finished(self, summary: RunSummary, sections: Sequence[Section], directory: Path, /) -> None:
        """Tell evidences, Bayes factors, cautions, and where the page is."""
        for line in result_lines(summary, sections, directory):
            self.tell(line)

    def calibrated(self, report: CalibrationReport, directory: Path, /) -> None:
        """Tell the findings, and where everything is."""
        for line in (*summary_words(report), f"directory: {directory}"):
            self.tell(line)

    def mapped(self, report: AtlasReport, directory: Path, /) -> None:
        """Tell the Bayes factors to quote, those of every option, and where everything is."""
        for line in (*summary_lines(report), f"page: {directory / PAGE}"):
            self.tell(line)
