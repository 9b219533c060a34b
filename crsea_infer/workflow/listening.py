"""Who is told what runs, studies and calibrations are doing: the terminal, a log, or nobody.

Nothing below the command line prints. What is carried out tells a listener how far it is and what it found, and the
listener does with it what it is for. Who listens changes no number and no file.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from crsea_infer.report.pages.plain_lines import result_lines
from crsea_infer.report.tables.calibration_tables import summary_words
from crsea_infer.report.tables.forecast_tables import forecast_lines
from crsea_infer.report.tables.robustness_tables import summary_lines
from crsea_infer.support.output_names import PAGE
from crsea_infer.support.time_left import Forecast, duration_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from crsea_infer.report.layout.sections import Section
    from crsea_infer.report.results.summary import RunSummary
    from crsea_infer.report.tables.calibration_tables import CalibrationReport
    from crsea_infer.report.tables.forecast_tables import ForecastReport
    from crsea_infer.report.tables.robustness_tables import AtlasReport
    from crsea_infer.support.time_left import Step

    Reach = Callable[[int, float], None]

__all__ = ["QUIET", "LineMeter", "LineTotal", "Listener", "Meter", "Quiet", "Told", "Totals", "forecast_words"]

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

    def overall(self, steps: Sequence[Step], /) -> AbstractContextManager[Reach]:
        """Return a function of (number of a step, share of it that is done) for the whole of what is carried out.

        It is told 0 when a step begins and 1 when it has ended. What is carried out within a step may ask again: that
        whole is the step.
        """

    def counting(self, what: str, /) -> AbstractContextManager[Callable[[int, int], None]]:
        """Return a function of (done, total) for many equal pieces of work, such as "simulated data sets"."""

    def finished(self, summary: RunSummary, sections: Sequence[Section], directory: Path, /) -> None:
        """Take the result of a run, and the directory where everything is."""

    def calibrated(self, report: CalibrationReport, directory: Path, /) -> None:
        """Take the result of a calibration, and the directory where everything is."""

    def mapped(self, report: AtlasReport, directory: Path, /) -> None:
        """Take the result of an atlas of robustness, and the directory where everything is."""

    def foretold(self, report: ForecastReport, directory: Path, /) -> None:
        """Take the result of a forecast, and the directory where everything is."""


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

    def overall(self, _steps: Sequence[Step], /) -> AbstractContextManager[Reach]:
        """Return a function that shows nothing."""
        return nullcontext(lambda _index, _done: None)

    def counting(self, _what: str, /) -> AbstractContextManager[Callable[[int, int], None]]:
        """Return a counter that shows nothing."""
        return nullcontext(lambda _done, _total: None)

    def finished(self, summary: RunSummary, sections: Sequence[Section], directory: Path, /) -> None:
        """Say nothing."""

    def calibrated(self, report: CalibrationReport, directory: Path, /) -> None:
        """Say nothing."""

    def mapped(self, report: AtlasReport, directory: Path, /) -> None:
        """Say nothing."""

    def foretold(self, report: ForecastReport, directory: Path, /) -> None:
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

    def begin(self, index: int) -> None:
        """Take that a task has begun, in silence."""
        self._started.setdefault(index, time.monotonic())

    def update(self, index: int, fraction: float, words: str, /) -> None:
        """Take what a task reports; fraction 1 means done."""
        now = time.monotonic()
        self._started.setdefault(index, now)
        done = fraction >= 1.0
        if done or index not in self._told or now - self._told[index] > _INTERVAL:
            self._told[index] = now
            state = f"done in {now - self._started[index]:.0f} s" if done else f"{100 * fraction:3.0f} %  {words}"
            self._tell(f"{self._names[index]}: {state}")


def forecast_words(forecast: Forecast) -> str:
    """Return how long the rest of some work may take, and how many of its steps are done."""
    return f"{duration_words(forecast.left)} left, {forecast.n_ended} of {len(forecast.steps)} steps"


class Totals:
    """Keeps how far the whole of some work is, of which a step may be a whole of its own.

    Parameters
    ----------
    show
        Is given the state of the outermost whole whenever something was told.
    """

    def __init__(self, show: Callable[[Forecast], None]) -> None:
        self._show = show
        self._open: list[tuple[Forecast, list[int]]] = []  # each with the step that began last in it

    @contextmanager
    def overall(self, steps: Sequence[Step]) -> Iterator[Reach]:
        """Give a function of (number of a step, share of it that is done)."""
        whole = (Forecast(steps), [0])
        self._open.append(whole)
        try:
            yield lambda index, done: self._reach(whole, index, done)
        finally:
            self._open.remove(whole)

    def _reach(self, whole: tuple[Forecast, list[int]], index: int, done: float) -> None:
        forecast, at = whole
        forecast.update(index, done)
        at[0] = index
        for (outer, step), (inner, _) in zip(self._open[-2::-1], self._open[:0:-1], strict=True):
            outer.update(step[0], min(inner.fraction, 0.999))  # it ends when its own caller says so
        self._show(self._open[0][0])


class LineTotal:
    """Tells in plain lines how far the whole is: every ten seconds at most.

    Parameters
    ----------
    tell
        Takes a line.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told = time.monotonic()

    def show(self, forecast: Forecast) -> None:
        """Take how far it is."""
        now = time.monotonic()
        if now - self._told > _INTERVAL:
            self._told = now
            self._tell(f"in all: {100 * forecast.fraction:3.0f} %  about {forecast_words(forecast)}")


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
    _totals: Totals = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_totals", Totals(LineTotal(self.tell).show))

    def sampling(self, names: Sequence[str], /) -> AbstractContextManager[Meter]:
        """Return a meter that tells in lines."""
        return nullcontext(LineMeter(self.tell, names))

    def overall(self, steps: Sequence[Step], /) -> AbstractContextManager[Reach]:
        """Return a function that tells of the whole in lines."""
        return self._totals.overall(steps)

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

    def foretold(self, report: ForecastReport, directory: Path, /) -> None:
        """Tell how often data would decide, and where everything is."""
        for line in (*forecast_lines(report), f"directory: {directory}"):
            self.tell(line)
