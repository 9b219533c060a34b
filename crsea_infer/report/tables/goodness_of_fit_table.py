"""Does each hypothesis describe the data? goodness_of_fit.ecsv, and what is said of it wherever hypotheses are
compared.

A hypothesis *does not describe* the data when, of replicates from its posterior, fewer than one in a hundred lie as far
from it as the measured data, in chi2 or in the heaviest run of residuals, whichever is the smaller. Either p-value of a
true hypothesis is below 0.01 in less than 1 % of cases, because the data have been used already to make the posterior.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.analysis.predictive_checks import ALL_DATA, Probability, check_predictions
from crsea_infer.plan.tasks import generator_for
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.report.results.summary import effective_samples
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.analysis.predictive_checks import PredictiveCheck
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary

__all__ = [
    "FILE",
    "LEAST_P",
    "Fit",
    "files",
    "goodness_of_fit_section",
    "is_current",
    "read_fits",
    "write_goodness_of_fit",
]

(FILE,) = PRODUCTS["goodness of fit"].tables

LEAST_P: Final = 0.01
"""Below it a hypothesis does not describe the data."""

_KINDS = {
    "p_posterior": "posterior",
    "p_runs_posterior": "posterior_runs",
    "p_prior": "prior",
    "p_runs_prior": "prior_runs",
}
_SHARE = "share of replicates from the {of} that lie as far off as the data, in {what}; (k + 1) / (N + 1) of k among N"
_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "sampler": Column("whose posterior was used", str),
    "likelihood": Column(
        "name of the data set, or all; training sets are left out, because they are not predicted", str
    ),
    "n_data": Column("data points", int),
    "chi2": Column("mean over the posterior of chi2, nuisances of the data at their best"),
    "chi2_replicated": Column("the same of replicated data, each with systematic errors of its own"),
    "p_posterior": Column(_SHARE.format(of="posterior", what="chi2")),
    "p_posterior_err": Column("one-sigma Monte-Carlo error of p_posterior"),
    "p_runs_posterior": Column(_SHARE.format(of="posterior", what="the heaviest run of residuals of one sign")),
    "p_runs_posterior_err": Column("one-sigma Monte-Carlo error of p_runs_posterior"),
    "p_prior": Column(_SHARE.format(of="prior", what="chi2 from the mean, with the covariance of the prediction")),
    "p_prior_err": Column("one-sigma Monte-Carlo error of p_prior"),
    "p_runs_prior": Column(_SHARE.format(of="prior", what="the heaviest run of residuals of one sign")),
    "p_runs_prior_err": Column("one-sigma Monte-Carlo error of p_runs_prior"),
    "n_replicates": Column("N: replicates from the posterior; p cannot be told below 1 / N", int),
    "n_replicates_prior": Column("replicates from the prior; 0 where hardly any draw of it can be a truth", int),
    "verdict": Column(f"describes, or does not describe the data: the smaller posterior p is below {LEAST_P:g}", str),
}


@dataclass(frozen=True)
class Fit:
    """Whether a hypothesis describes all the data that it predicts.

    Attributes
    ----------
    hypothesis
        Name.
    p
        The smaller one of the posterior p-values.
    what
        "" where that is of chi2, else what it is of.
    """

    hypothesis: str
    p: Probability
    what: str = ""

    @property
    def describes(self) -> bool:
        """Whether it describes the data."""
        return self.p.value >= LEAST_P

    @property
    def p_words(self) -> str:
        """The p-value in words."""
        return f"{self.p}{self.what}"

    def words(self, name: str | None = None) -> str:
        """Return a sentence without its end, in which the hypothesis may have another name."""
        verb = "describes" if self.describes else "does not describe"
        return f"{name or self.hypothesis} {verb} these data ({self.p_words})"


def files(summary: RunSummary) -> list[str]:
    """Return the file; none when the run file turned the question off."""
    return [FILE] if summary.run.fit_replicates else []


def is_current(directory: Path, summary: RunSummary) -> bool:
    """Return whether the table that is there has as many replicates as the run file asks for."""
    return {row["n_replicates"] for row in read_table(directory / FILE)} == {summary.run.fit_replicates}


def write_goodness_of_fit(directory: Path, summary: RunSummary) -> None:
    """Draw replicates under every hypothesis, and write the table."""
    rows = [_row(item, check) for item in summary.hypotheses for check in _checks(item, summary)]
    write_table(directory / FILE, _COLUMNS, rows, summary.table_meta)


def _checks(item: HypothesisSummary, summary: RunSummary) -> list[PredictiveCheck]:
    names = {one.name for one in item.posterior.likelihoods}
    predicted = [name for name in summary.run.subsets.predicted if name in names]
    return check_predictions(
        item.posterior,
        item.draws,
        generator_for(summary.run, item.name, "goodness of fit"),
        effective_samples=effective_samples(item.results[item.shown]),
        data_sets=predicted or None,
        n_replicates=summary.run.fit_replicates,
    )


def _row(item: HypothesisSummary, check: PredictiveCheck) -> dict[str, Any]:
    row: dict[str, Any] = {
        "hypothesis": item.name,
        "sampler": item.shown,
        "likelihood": check.data_set,
        "n_data": check.n_data,
        "chi2": check.chi2,
        "chi2_replicated": check.chi2_replicated,
        "n_replicates": check.posterior.n,
        "n_replicates_prior": check.prior.n,
    }
    for column, kind in _KINDS.items():
        p: Probability = getattr(check, kind)
        row |= {column: p.value, f"{column}_err": p.error}
    return row | {"verdict": "describes" if _fit_of(row).describes else "does not describe"}


def _probability(row: Mapping[str, Any], column: str) -> Probability:
    n = row["n_replicates_prior" if column.endswith("prior") else "n_replicates"]
    return Probability(float(row[column]), float(row[f"{column}_err"]), int(n))


def _fit_of(row: Mapping[str, Any]) -> Fit:
    of_chi2, of_runs = (_probability(row, column) for column in ("p_posterior", "p_runs_posterior"))
    if of_runs.value < of_chi2.value:  # not where it is nan
        return Fit(row["hypothesis"], of_runs, " for the runs of its residuals")
    return Fit(row["hypothesis"], of_chi2)


def read_fits(directory: Path) -> dict[str, Fit]:
    """Read whether the hypotheses of a finished run describe all its data; empty when the run has no such table.

    Raises
    ------
    UserError
        When the table is damaged.
    """
    if not (directory / FILE).exists():
        return {}
    fits = [_fit_of(row) for row in read_table(directory / FILE) if row["likelihood"] == ALL_DATA]
    return {fit.hypothesis: fit for fit in fits if math.isfinite(fit.p.value)}


def goodness_of_fit_section(directory: Path, summary: RunSummary) -> Section:
    """Return what page and console say."""
    rows = read_table(directory / FILE)
    columns = ("hypothesis", "data set", "points", "χ²", "p", "p of runs", "prior p", "prior p of runs", "verdict")
    table = SectionTable(
        columns,
        tuple(
            (
                row["hypothesis"],
                row["likelihood"],
                str(row["n_data"]),
                f"{row['chi2']:.1f}",
                *(_short(_probability(row, column)) for column in _KINDS),
                row["verdict"],
            )
            for row in rows
        ),
        frozenset(columns[2:-1]),
        title="Do the hypotheses describe the data?",
    )
    words = (
        (
            "p: share of data drawn from a hypothesis, each time with new statistical and systematic errors, that lie "
            "as far from it as the measured ones; in χ², and in the heaviest run of neighbouring residuals of one "
            "sign, which sees a wrong shape. Drawn from the posterior (can it be made to describe the data?) and from "
            "the prior (did it foresee them?). χ²: mean over the posterior, systematic shifts at their best. A "
            f"hypothesis does not describe the data when a posterior p is below {LEAST_P:g}.{summary.unconverged_shown}"
        ),
    )
    return Section("Do the hypotheses describe the data?", (table,), words, on_console=True)


def _short(p: Probability) -> str:
    return str(p).removeprefix("p ").removeprefix("= ") if math.isfinite(p.value) else "–"
