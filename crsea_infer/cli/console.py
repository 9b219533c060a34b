"""What runs, studies, calibrations and comparisons say on the terminal: how far they are, and at the end the result.

On a terminal, bars that move; elsewhere (a log file, a batch job), one plain line now and then.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from crsea_infer.cli.tables import new_console, say, show_table
from crsea_infer.plan.subsets import ALL
from crsea_infer.report.layout.number_words import lnz_text
from crsea_infer.report.layout.sections import SectionTable
from crsea_infer.report.pages.plain_lines import caution_lines, factor_lines
from crsea_infer.report.tables.calibration_tables import summary_words
from crsea_infer.report.tables.forecast_tables import forecast_lines
from crsea_infer.report.tables.robustness_tables import summary_lines
from crsea_infer.report.tables.run_tables import chi2_rows, evidence_rows
from crsea_infer.support.output_names import CALIBRATION_FILES, FIGURES, FORECAST_FILES, PAGE
from crsea_infer.support.progress import counter
from crsea_infer.workflow.listening import LineMeter, LineTotal, Totals, forecast_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from rich.console import Console
    from rich.progress import Progress, Task, TaskID

    from crsea_infer.report.layout.sections import Section
    from crsea_infer.report.results.summary import RunSummary
    from crsea_infer.report.tables.calibration_tables import CalibrationReport
    from crsea_infer.report.tables.forecast_tables import ForecastReport
    from crsea_infer.report.tables.robustness_tables import AtlasReport
    from crsea_infer.support.time_left import Forecast, Step
    from crsea_infer.workflow.comparison import Comparison
    from crsea_infer.workflow.listening import Reach

__all__ = ["ConsoleListener", "Display", "new_console", "show_comparison", "show_result"]


def _plain(console: Console) -> Callable[[str], None]:
    """Return what prints a line as it is: no part of it is taken for markup."""
    return lambda words: say(console, words)


@dataclass(frozen=True)
class ConsoleListener:
    """Shows on a console what is carried out; counters move on standard error.

    Attributes
    ----------
    console
        Default: that of this process.
    """

    console: Console = field(default_factory=new_console)
    _bars: Bars = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_bars", Bars(self.console))

    def tell(self, words: str, /) -> None:
        """Print a line."""
        _plain(self.console)(words)

    def sampling(self, names: Sequence[str], /) -> Display:
        """Return the display of tasks."""
        return Display(self.console, names, self._bars)

    def overall(self, steps: Sequence[Step], /) -> AbstractContextManager[Reach]:
        """Return what shows how far the whole is, and how long it may still take."""
        return self._bars.overall(steps)

    def counting(self, what: str, /) -> AbstractContextManager[Callable[[int, int], None]]:
        """Return a counter that is drawn where somebody watches."""
        return counter(what)

    def finished(self, summary: RunSummary, sections: Sequence[Section], directory: Path, /) -> None:
        """Show the result of a run."""
        show_result(self.console, summary, sections, directory)

    def calibrated(self, report: CalibrationReport, directory: Path, /) -> None:
        """Print the findings of a calibration and where everything is."""
        for text in summary_words(report):
            self.tell(text)
        self.tell("")
        for name in CALIBRATION_FILES:
            self.console.print(f"  {directory / name}", markup=False, soft_wrap=True)

    def mapped(self, report: AtlasReport, directory: Path, /) -> None:
        """Print the Bayes factors to quote, those of every option, and where everything is."""
        for text in summary_lines(report):
            self.tell(text)
        self.tell("")
        self.console.print(f"page     {directory / PAGE}", markup=False, soft_wrap=True)

    def foretold(self, report: ForecastReport, directory: Path, /) -> None:
        """Print how often data would decide, and where everything is."""
        for text in forecast_lines(report):
            self.tell(text)
        self.tell("")
        for name in FORECAST_FILES:
            self.console.print(f"  {directory / name}", markup=False, soft_wrap=True)


class Bars:
    """The bars of a terminal: one for each task under way, and below them one for the whole; elsewhere, lines.

    They stand in one display, so that lines that are told go above them.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress: Progress | None = None
        self._users = 0
        self._total: TaskID | None = None
        self._totals = Totals(self._show if console.is_terminal else LineTotal(_plain(console)).show)

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        """Show the display for as long as somebody needs it."""
        if self._progress is None:
            self._progress = _progress(self.console)
            self._progress.start()
        self._users += 1
        try:
            yield self._progress
        finally:
            self._users -= 1
            if not self._users:
                self._progress.stop()
                self._progress = None

    @contextmanager
    def overall(self, steps: Sequence[Step]) -> Iterator[Reach]:
        """Show a bar for the whole; what is carried out within a step of it has no other."""
        if not self.console.is_terminal or self._total is not None:
            with self._totals.overall(steps) as reach:
                yield reach
            return
        with self.shown() as progress, self._totals.overall(steps) as reach:
            self._total = progress.add_task("in all", total=1.0, words="")
            try:
                yield reach
            finally:
                progress.remove_task(self._total)
                self._total = None

    def _show(self, forecast: Forecast) -> None:
        if self._progress is not None and self._total is not None:
            words = partial(forecast_words, forecast)
            self._progress.update(self._total, completed=forecast.fraction, words=words)

    def last(self) -> None:
        """Move the bar of the whole below those of tasks."""
        if self._progress is not None and self._total is not None:
            with self._progress._lock:  # noqa: SLF001 -- rich shows tasks in the order in which they were added
                tasks = self._progress._tasks  # noqa: SLF001
                tasks[self._total] = tasks.pop(self._total)


def _progress(console: Console) -> Progress:
    """Return the display: fixed parts first, so that a narrow terminal cuts the words and not the numbers."""
    from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column
    from rich.text import Text

    class Words(ProgressColumn):
        """The words of a task; of those that a function gives, as they are at the moment."""

        def render(self, task: Task) -> Text:
            words = task.fields["words"]
            return Text(words() if callable(words) else words, style="dim", no_wrap=True, overflow="ellipsis")

    names = Column(no_wrap=True, overflow="ellipsis", max_width=max(7 * console.width // 20, 8))
    across = min(16, max(console.width // 8, 4))
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=names),
        BarColumn(bar_width=across, table_column=Column(min_width=across)),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        Words(Column(no_wrap=True, overflow="ellipsis")),
        console=console,
    )


class Display:
    """Progress of several tasks at once; each leaves a line when it is done."""

    def __init__(self, console: Console, names: Sequence[str], bars: Bars | None = None) -> None:
        self._console = console
        self._names = names
        self._bars = bars or Bars(console)
        self._open = ExitStack()
        self._progress: Progress | None = None
        self._ids: dict[int, TaskID] = {}
        self._lines = LineMeter(_plain(console), names)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress = self._open.enter_context(self._bars.shown())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.refresh()  # what was told last is seen, even of what was over at once
            for one in self._ids.values():
                self._progress.remove_task(one)
            self._ids.clear()
        self._open.close()

    def update(self, index: int, fraction: float, words: str, /) -> None:
        """Take what a task reports; fraction 1 means done."""
        if self._progress is None or fraction >= 1.0:
            self._lines.update(index, fraction, words)
        else:
            self._lines.begin(index)
        if self._progress is None:
            return
        if fraction >= 1.0:
            if index in self._ids:
                self._progress.remove_task(self._ids.pop(index))
            return
        if index not in self._ids:
            self._ids[index] = self._progress.add_task(self._names[index], total=1.0, words="")
            self._bars.last()
        self._progress.update(self._ids[index], completed=fraction, words=words)


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print evidences, Bayes factors with their verdicts, and what to know of them."""
    for line in comparison.lines:
        say(console, line)


def show_result(console: Console, summary: RunSummary, sections: Sequence[Section], directory: Path) -> None:
    """Print evidences, Bayes factors, goodness of fit, what else was found, and where everything is."""
    _show_table(console, "Evidence (natural logarithms)", _evidence_table(summary))
    console.print()
    _show_table(console, "chi2 / points, systematics at their best", _fit_table(summary))
    console.print()
    say(
        console,
        "Best fit: the largest posterior density; priors count as measurements, so no degree of freedom is lost.",
    )
    console.print()
    for line in factor_lines(summary, directory):
        say(console, line)
    if summary.condition:
        say(console, f"{summary.condition}.")
    for section in sections:
        if section.on_console:
            _show_section(console, section)
    for text in caution_lines(summary, sections):
        say(console, text)
    console.print()
    console.print(f"figures  {directory / FIGURES}", markup=False, soft_wrap=True)
    console.print(f"page     {directory / PAGE}", markup=False, soft_wrap=True)


def _evidence_table(summary: RunSummary) -> SectionTable:
    rows: list[tuple[str, ...]] = [
        (
            row.hypothesis,
            row.sampler,
            row.data,
            lnz_text(row.lnz, row.lnz_err) if row.method != "none" else "none",
            str(row.n_calls),
            f"{row.wall_s:.0f}",
            f"{row.max_lnl:.2f}",
            row.status,
        )
        for item in summary.hypotheses
        for row in evidence_rows(item)
    ]
    columns: tuple[str, ...] = ("hypothesis", "sampler", "data", "ln Z", "calls", "time [s]", "max ln L", "status")
    if all(item.samplings.keys() == {ALL} for item in summary.hypotheses):
        rows = [(*row[:2], *row[3:]) for row in rows]
        columns = (*columns[:2], *columns[3:])
    return SectionTable(
        columns,
        tuple(rows),
        frozenset({"ln Z", "calls", "time [s]", "max ln L"}),
    )


def _fit_table(summary: RunSummary) -> SectionTable:
    rows = [
        (
            row["hypothesis"],
            row["likelihood"],
            *(
                f"{row[f'chi2_{where}']:.1f} / {row['n_data']} = {row[f'reduced_chi2_{where}']:.2f}"
                for where in ("published", "best_fit")
            ),
        )
        for item in summary.hypotheses
        for row in chi2_rows(item)
    ]
    return SectionTable(
        ("hypothesis", "data set", "published parameters", "best fit"),
        tuple(rows),
        frozenset({"published parameters", "best fit"}),
    )


def _show_section(console: Console, section: Section) -> None:
    console.print()
    for number, table in enumerate(section.tables):
        if number:
            console.print()
        _show_table(console, table.title or (section.title if number == 0 else ""), table)
    if section.tables and section.words:
        console.print()
    for words in section.words:
        say(console, words)


def _show_table(console: Console, title: str, content: SectionTable) -> None:
    show_table(console, title, content.columns, content.rows, content.numbers)
