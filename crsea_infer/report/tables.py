"""Tables of a run, as ECSV: numbers with units, descriptions and the run's identity in their header."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.errors import UserError
from crsea_infer.files import atomic_write
from crsea_infer.inference.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.inference.evidence import BayesFactor
    from crsea_infer.report.summary import HypothesisSummary, RunSummary

__all__ = ["EvidenceRow", "chi2_rows", "evidence_rows", "read_evidences", "write_tables"]

_EVIDENCE_COLUMNS = {
    "hypothesis": ("", "name of the hypothesis"),
    "sampler": ("", "name of the sampler"),
    "lnz": ("", "natural log of the evidence; nan when the sampler gives none"),
    "lnz_err": ("", "one-sigma error of lnz"),
    "n_calls": ("", "likelihood evaluations"),
    "wall_s": ("s", "wall-clock time of the sampler"),
    "max_lnl": ("", "largest natural log of the likelihood among its samples"),
    "chi2": ("", "chi2 of all data sets at that sample, nuisance pulls included"),
    "n_data": ("", "data points"),
    "method": ("", "how the evidence was obtained, or none"),
    "status": ("", "converged, or why not"),
}
_FACTOR_COLUMNS = {
    "hypothesis_1": ("", "first hypothesis"),
    "hypothesis_2": ("", "second hypothesis"),
    "ln_b": ("", "natural log of the Bayes factor, lnz_1 - lnz_2"),
    "ln_b_err": ("", "one-sigma numerical error of ln_b"),
    "verdict": ("", "scale of Kass and Raftery (1995)"),
    "method": ("", "methods of the two evidences"),
}
_CHI2_COLUMNS = {
    "hypothesis": ("", "name of the hypothesis"),
    "likelihood": ("", "name of the data set, or all"),
    "n_data": ("", "data points"),
    "chi2_published": ("", "chi2 at the published parameters, nuisances at their best"),
    "reduced_chi2_published": ("", "chi2_published / n_data: nothing is fitted"),
    "chi2_best_fit": ("", "chi2 at the best fit, nuisances at their best"),
    "reduced_chi2_best_fit": ("", "chi2_best_fit / n_data: each prior constrains its own parameter"),
    "prior_pull": ("", "sum of squared pulls of the parameters on their priors at the best fit; nan per data set"),
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
    meta = {"run": summary.run.name, "title": summary.run.title, **summary.identity}
    rows = [vars(row) for item in summary.hypotheses for row in evidence_rows(item)]
    _write(directory / "evidence.ecsv", _EVIDENCE_COLUMNS, rows, meta)
    factors = [_factor_row(factor) for factor in summary.bayes_factors]
    _write(directory / "bayes_factors.ecsv", _FACTOR_COLUMNS, factors, meta)
    fits = [row for item in summary.hypotheses for row in chi2_rows(item)]
    _write(directory / "chi2.ecsv", _CHI2_COLUMNS, fits, meta)


def _factor_row(factor: BayesFactor) -> dict[str, Any]:
    return {name: getattr(factor, name) for name in _FACTOR_COLUMNS}


def _write(
    path: Path, columns: Mapping[str, tuple[str, str]], rows: Sequence[Mapping[str, Any]], meta: Mapping[str, str]
) -> None:
    from astropy.table import Column, Table

    table = Table(meta=dict(meta))
    for name, (unit, description) in columns.items():
        values = [row[name] for row in rows]
        text = name in {"hypothesis", "hypothesis_1", "hypothesis_2", "sampler", "likelihood", "method", "status"}
        kind = str if text or name == "verdict" else (int if name in {"n_calls", "n_data"} else float)
        table[name] = Column(np.array(values, dtype=kind), unit=unit or None, description=description)
    stream = io.StringIO()
    table.write(stream, format="ascii.ecsv")
    atomic_write(path, stream.getvalue())


def read_evidences(path: Path) -> dict[str, dict[str, Evidence]]:
    """Read evidence.ecsv: hypothesis -> sampler -> evidence; samplers without one are left out.

    Raises
    ------
    UserError
        When the file is absent or damaged.
    """
    from astropy.table import Table

    try:
        table = Table.read(path, format="ascii.ecsv")
        found: dict[str, dict[str, Evidence]] = {}
        for row in table:
            own = found.setdefault(str(row["hypothesis"]), {})
            if np.isfinite(row["lnz"]):
                own[str(row["sampler"])] = Evidence(float(row["lnz"]), float(row["lnz_err"]), str(row["method"]))
    except FileNotFoundError as error:
        raise UserError(
            f"there is no {path}", valid="the output directory of a finished run", fix="run it to its end first"
        ) from error
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(
            f"{path} cannot be read: {error}", valid="the evidence.ecsv of a finished run", fix="run it again"
        ) from error
    return found
