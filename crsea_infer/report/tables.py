"""Tables of a run, as ECSV: numbers with units, descriptions and the run's identity in their header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.errors import UserError
from crsea_infer.inference.evidence import Evidence
from crsea_infer.report.ecsv import Column, read_table, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.inference.evidence import BayesFactor
    from crsea_infer.report.summary import HypothesisSummary, RunSummary

__all__ = ["FILES", "EvidenceRow", "chi2_rows", "evidence_rows", "read_evidences", "write_tables"]

FILES = ("evidence.ecsv", "bayes_factors.ecsv", "chi2.ecsv")
"""What :func:`write_tables` writes."""

_EVIDENCE_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "sampler": Column("name of the sampler", str),
    "lnz": Column("natural log of the evidence; nan when the sampler gives none"),
    "lnz_err": Column("one-sigma error of lnz"),
    "n_calls": Column("likelihood evaluations", int),
    "wall_s": Column("wall-clock time of the sampler", unit="s"),
    "max_lnl": Column("largest natural log of the likelihood among its samples"),
    "chi2": Column("chi2 of all data sets at that sample, nuisance pulls included"),
    "n_data": Column("data points", int),
    "method": Column("how the evidence was obtained, or none", str),
    "status": Column("converged, or why not", str),
}
_FACTOR_COLUMNS = {
    "hypothesis_1": Column("first hypothesis", str),
    "hypothesis_2": Column("second hypothesis", str),
    "ln_b": Column("natural log of the Bayes factor, lnz_1 - lnz_2"),
    "ln_b_err": Column("one-sigma numerical error of ln_b"),
    "verdict": Column("scale of Kass and Raftery (1995)", str),
    "method": Column("methods of the two evidences", str),
}
_CHI2_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "likelihood": Column("name of the data set, or all", str),
    "n_data": Column("data points", int),
    "chi2_published": Column("chi2 at the published parameters, nuisances at their best"),
    "reduced_chi2_published": Column("chi2_published / n_data: nothing is fitted"),
    "chi2_best_fit": Column("chi2 at the best fit, nuisances at their best"),
    "reduced_chi2_best_fit": Column("chi2_best_fit / n_data: each prior constrains its own parameter"),
    "prior_pull": Column("sum of squared pulls of the parameters on their priors at the best fit; nan per data set"),
}


@dataclass(frozen=True)
class EvidenceRow:
    """One line of evidence.ecsv."""

    hypothesis: str
    sampler: str
    lnz: float
    lnz_err: float
    n_calls: int
    wall_s: float
    max_lnl: float
    chi2: float
    n_data: int
    method: str
    status: str


def evidence_rows(item: HypothesisSummary) -> list[EvidenceRow]:
    """Return one row per sampler of a hypothesis."""
    rows = []
    for name, result in item.results.items():
        best = int(np.argmax(result.log_likelihood))
        chi2 = sum(float(value) for value in item.posterior.chi2(result.samples[best]).values())
        evidence = result.evidence or Evidence(np.nan, np.nan, "none")
        rows.append(
            EvidenceRow(
                hypothesis=item.name,
                sampler=name,
                lnz=evidence.lnz,
                lnz_err=evidence.lnz_err,
                n_calls=result.n_calls,
                wall_s=round(result.wall_s, 2),
                max_lnl=float(result.log_likelihood[best]),
                chi2=chi2,
                n_data=item.posterior.n_data,
                method=evidence.method,
                status=str(result.diagnostics.get("status", "unknown")),
            )
        )
    return rows


def chi2_rows(item: HypothesisSummary) -> list[dict[str, Any]]:
    """Return one row per data set of a hypothesis, and one for all of them."""
    fit = item.best_fit
    names = list(fit.n_data)
    parts = [(name, fit.n_data[name], fit.chi2_published[name], fit.chi2[name], np.nan) for name in names]
    total = (
        "all",
        sum(fit.n_data.values()),
        sum(fit.chi2_published.values()),
        sum(fit.chi2.values()),
        fit.prior_pull,
    )
    return [
        {
            "hypothesis": item.name,
            "likelihood": name,
            "n_data": n_data,
            "chi2_published": published,
            "reduced_chi2_published": published / n_data,
            "chi2_best_fit": best,
            "reduced_chi2_best_fit": best / n_data,
            "prior_pull": pull,
        }
        for name, n_data, published, best, pull in [*parts, total]
    ]


def write_tables(directory: Path, summary: RunSummary) -> None:
    """Write evidence.ecsv, bayes_factors.ecsv and chi2.ecsv."""
    meta = summary.table_meta
    rows = [vars(row) for item in summary.hypotheses for row in evidence_rows(item)]
    write_table(directory / "evidence.ecsv", _EVIDENCE_COLUMNS, rows, meta)
    factors = [_factor_row(factor) for factor in summary.bayes_factors]
    write_table(directory / "bayes_factors.ecsv", _FACTOR_COLUMNS, factors, meta)
    fits = [row for item in summary.hypotheses for row in chi2_rows(item)]
    write_table(directory / "chi2.ecsv", _CHI2_COLUMNS, fits, meta)


def _factor_row(factor: BayesFactor) -> dict[str, Any]:
    return {name: getattr(factor, name) for name in _FACTOR_COLUMNS}


def read_evidences(path: Path) -> dict[str, dict[str, Evidence]]:
    """Read evidence.ecsv: hypothesis -> sampler -> evidence; samplers without one are left out.

    Raises
    ------
    UserError
        When the file is absent or damaged.
    """
    found: dict[str, dict[str, Evidence]] = {}
    try:
        for row in read_table(path):
            own = found.setdefault(row["hypothesis"], {})
            if np.isfinite(row["lnz"]):
                own[row["sampler"]] = Evidence(row["lnz"], row["lnz_err"], row["method"])
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read: {error}", valid="the evidence.ecsv of a finished run", fix="run it again"
        ) from error
    return found
