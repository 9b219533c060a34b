"""Bayes factors of the runs that stand beside a run: beside.ecsv, and what page and console say of it.

They are read from the finished directories of those runs, so that each keeps its own tables, errors and marks; here
they stand together with the data and the training sets that they are of. Those that are conditional on a training set
come before the Bayes factors of the run itself wherever these are told: they ask of measured spectra what the others
ask of priors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crsea_infer.plan.runs_beside import runs_beside
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.report.tables.quoted_factors import NO_SPREAD, read_spreads, spread_words
from crsea_infer.support.output_names import BESIDE, FACTORS, PRODUCTS

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.report.results.summary import RunSummary

__all__ = ["FILE", "BesideFactor", "beside_factors", "beside_section", "files", "write_beside"]

(FILE,) = PRODUCTS["runs beside"].tables

_COLUMNS = {
    "run": Column("name of the run, and of its folder in 'beside'", str),
    "title": Column("its title", str),
    "predicted": Column("the data whose evidences compare", str),
    "hypothesis_1": Column("first hypothesis", str),
    "hypothesis_2": Column("second hypothesis", str),
    "trained_1": Column("training set of the first; empty for none", str),
    "trained_2": Column("training set of the second; empty for none", str),
    "ln_b": Column("natural log of the Bayes factor, conditional on the training sets; positive favours the first"),
    "ln_b_err": Column("its one-sigma numerical error"),
    "verdict": Column("in words", str),
    "status": Column("converged, or the hypotheses whose evidence is of samplers that did not converge", str),
}


@dataclass(frozen=True)
class BesideFactor:
    """A Bayes factor of a run beside, as it is quoted.

    Attributes
    ----------
    run
        Name of its run.
    hypothesis_1, hypothesis_2
        Names.
    ln_b, ln_b_err
        ln B and its numerical error.
    spread
        Over choices, in words.
    verdict
        In words, with a mark where it did not converge.
    is_conditional
        Whether it is conditional on training sets.
    """

    run: str
    hypothesis_1: str
    hypothesis_2: str
    ln_b: float
    ln_b_err: float
    spread: str
    verdict: str
    is_conditional: bool

    @property
    def value(self) -> str:
        """Its value with the numerical error, which is called so."""
        return f"{number_with_error(self.ln_b, self.ln_b_err)} (numerical)"

    @property
    def about(self) -> str:
        """What it is of."""
        return f"{'Conditional on local data' if self.is_conditional else 'Beside it'} ({self.run})"

    @property
    def line(self) -> str:
        """All of it."""
        names = f"{self.hypothesis_1} : {self.hypothesis_2}"
        return f"{self.about}: ln B ({names}) = {self.value}   {self.spread}   {self.verdict}"


def beside_factors(directory: Path) -> list[BesideFactor]:
    """Return the Bayes factors of the runs beside a finished one, the conditional ones first; none without any.

    Raises
    ------
    UserError
        When the table is damaged.
    """
    path = directory / FILE
    if not path.exists():
        return []
    found = []
    for row in read_table(path):
        if not math.isfinite(row["ln_b"]):
            continue
        spreads = read_spreads(directory / BESIDE / row["run"] / FACTORS)
        spread = spreads.get((row["hypothesis_1"], row["hypothesis_2"]), NO_SPREAD)
        found.append(
            BesideFactor(
                row["run"],
                row["hypothesis_1"],
                row["hypothesis_2"],
                float(row["ln_b"]),
                float(row["ln_b_err"]),
                spread_words(spread).replace(" RUN)", f" {row['run']})"),
                row["verdict"],
                bool(row["trained_1"] or row["trained_2"]),
            )
        )
    return sorted(found, key=lambda factor: not factor.is_conditional)


def files(summary: RunSummary) -> list[str]:
    """Return the file; none when no run stands beside."""
    return [FILE] if summary.run.beside else []


def write_beside(directory: Path, summary: RunSummary) -> None:
    """Collect and write the table: one row for each pair of hypotheses of each run."""
    rows = [
        row
        for name, run in runs_beside(summary.run).items()
        for row in _rows(name, run, directory / BESIDE / name / FACTORS)
    ]
    write_table(directory / FILE, _COLUMNS, rows, summary.table_meta)


def _rows(name: str, run: RunFile, path: Path) -> list[dict[str, Any]]:
    training = {one.name: ", ".join(run.subsets.training.get(one.name, ())) for one in run.hypotheses}
    return [
        {
            "run": name,
            "title": run.title,
            "predicted": ", ".join(run.subsets.predicted),
            "hypothesis_1": str(row["hypothesis_1"]),
            "hypothesis_2": str(row["hypothesis_2"]),
            "trained_1": training[str(row["hypothesis_1"])],
            "trained_2": training[str(row["hypothesis_2"])],
            "ln_b": float(row["ln_b"]),
            "ln_b_err": float(row["ln_b_err"]),
            "verdict": str(row["verdict"]),
            "status": str(row["status"]),
        }
        for row in read_table(path)
    ]


def beside_section(directory: Path, summary: RunSummary) -> Section:
    """Return what page and console say."""
    rows = read_table(directory / FILE)
    runs = runs_beside(summary.run)
    table = SectionTable(
        ("run", "first", "second", "ln B", "verdict"),
        tuple(
            (
                row["run"],
                row["hypothesis_1"],
                row["hypothesis_2"],
                number_with_error(row["ln_b"], row["ln_b_err"]) if math.isfinite(row["ln_b"]) else "–",
                row["verdict"] if row["status"] == "converged" else f"{row['verdict']}; {row['status']}",
            )
            for row in rows
        ),
        frozenset({"ln B"}),
        title="Beside it",
    )
    words = tuple(
        f"{name}: {run.title} Of {', '.join(run.subsets.predicted)}"
        + (
            ", conditional on the training set of each hypothesis ("
            + "; ".join(f"{one}: {', '.join(names)}" for one, names in run.subsets.training.items())
            + ")."
            if run.subsets.training
            else "."
        )
        for name, run in runs.items()
    )
    spreads = dict.fromkeys(f"{one.run}: {one.spread}." for one in beside_factors(directory))
    return Section("Beside it: other runs", (table,), (*words, "Errors are numerical.", *spreads), on_console=True)
