"""What a run says on the terminal: how far it is, and at the end its result.

On a terminal, bars that move; elsewhere (a log file, a batch job), one plain line now and then.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from crsea_infer.plan.subsets import ALL
from crsea_infer.report.run_page import lnz_text, number_with_error
from crsea_infer.report.run_tables import chi2_rows, evidence_rows
from crsea_infer.report.sections import SectionTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from rich.console import Console
    from rich.progress import Progress, TaskID

    from crsea_infer.inference.evidence import BayesFactor
    from crsea_infer.report.sections import Section
    from crsea_infer.report.summary import RunSummary

__all__ = ["Display", "new_console", "show_factors", "show_result"]

_PLAIN_INTERVAL = 10.0  # seconds between two plain lines of one task


def new_console() -> Console:
    """Return a console; where there is no terminal, lines are not broken at 80 characters."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=140)


class Display:
    """Progress of several tasks at once."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._console = console
        self._names = names
        self._bars: Progress | None = None
        self._ids: dict[int, TaskID] = {}
        self._told: dict[int, float] = {}
        self._started: dict[int, float] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
            from rich.table import Column

            # Fixed parts first, so that a narrow terminal cuts the words and not the numbers.
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=16),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[words]}", style="dim", table_column=Column(no_wrap=True, overflow="ellipsis")),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def update(self, index: int, fraction: float, words: str) -> None:
        """Take what a task reports; fraction 1 means done."""
        now = time.monotonic()
        self._started.setdefault(index, now)
        if self._bars is not None:
            if index not in self._ids:
                self._ids[index] = self._bars.add_task(self._names[index], total=1.0, words="")
            self._bars.update(self._ids[index], completed=fraction, words=words)
            return
        done = fraction >= 1.0
        if done or index not in self._told or now - self._told[index] > _PLAIN_INTERVAL:
            self._told[index] = now
            state = f"done in {now - self._started[index]:.0f} s" if done else f"{100 * fraction:3.0f} %  {words}"
            self._console.print(f"{self._names[index]}: {state}", markup=False)


def show_factors(console: Console, factors: Sequence[BayesFactor]) -> None:
    """Print Bayes factors with their verdicts."""
    for factor in factors:
        console.print(
            f"ln B ({factor.hypothesis_1} : {factor.hypothesis_2}) = {number_with_error(factor.ln_b, factor.ln_b_err)}"
            f"   {factor.verdict}",
            markup=False,
        )


def show_result(console: Console, summary: RunSummary, sections: Sequence[Section], directory: Path) -> None:
    """Print evidences, Bayes factors, goodness of fit, what else was found, and where everything is."""
    _show_table(console, "Evidence (natural logarithms)", _evidence_table(summary))
    _show_table(console, "chi2 / points, systematics at their best", _fit_table(summary))
    console.print(
        "Best fit: the largest posterior density; priors count as measurements, so no degree of freedom is lost."
    )
    console.print()
    show_factors(console, summary.bayes_factors)
    if summary.condition:
        console.print(f"{summary.condition}.", markup=False)
    for section in sections:
        if section.on_console:
            _show_section(console, section)
    for text in (*summary.warnings, *(text for section in sections for text in section.cautions)):
        console.print(f"caution: {text}", markup=False)
    console.print()
    console.print(f"figures  {directory / 'figures'}", markup=False, soft_wrap=True)
    console.print(f"page     {directory / 'index.html'}", markup=False, soft_wrap=True)


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
        _show_table(console, table.title or (section.title if number == 0 else ""), table)
    for words in section.words:
        console.print(words, markup=False)


def _show_table(console: Console, title: str, content: SectionTable) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), box=SIMPLE_HEAD, title_justify="left")
    for name in content.columns:
        table.add_column(escape(name), justify="right" if name in content.numbers else "left")
    for row in content.rows:
        table.add_row(*(escape(text) for text in row))
    console.print(table)
