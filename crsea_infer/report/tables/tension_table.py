"""Do the groups of data agree under each hypothesis? tension.ecsv, and what page and console say of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.analysis.tension import Fit, tension
from crsea_infer.inference.evidence import marked
from crsea_infer.inference.samplers.registry import sampler_class
from crsea_infer.plan.subsets import ALL
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary

__all__ = ["FILE", "files", "tension_section", "write_tension"]

(FILE,) = PRODUCTS["tension"].tables
_DISAGREEMENT = 0.01

_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "sampler": Column("whose evidences and posteriors were used", str),
    "ln_r": Column("ln Z of all data less the sum of ln Z of the groups; depends on the width of the priors"),
    "ln_r_err": Column("one-sigma error of ln_r"),
    "ln_s": Column("suspiciousness: the same of the posterior mean of ln L; negative for disagreement"),
    "ln_s_err": Column("one-sigma Monte-Carlo error of ln_s"),
    "dimensionality": Column("number of parameters that several groups constrain"),
    "probability": Column("of a worse disagreement by chance; nan where no parameter is constrained by several groups"),
    "groups": Column("names of the groups", str),
    "remark": Column("why there is no number; empty when there is one", str),
}


def files(summary: RunSummary) -> list[str]:
    """Return the file; none when the run has no groups."""
    return [FILE] if summary.run.subsets.groups else []


def write_tension(directory: Path, summary: RunSummary) -> None:
    """Compute and write the table: one row per hypothesis and sampler that gives evidences."""
    rows = [
        _row(item, sampler, summary)
        for item in summary.hypotheses
        for sampler in item.results
        if sampler_class(sampler).gives_evidence
    ]
    write_table(directory / FILE, _COLUMNS, rows, summary.table_meta)


def _row(item: HypothesisSummary, sampler: str, summary: RunSummary) -> dict[str, Any]:
    groups = list(summary.run.subsets.groups)
    row = {"hypothesis": item.name, "sampler": sampler, "groups": ", ".join(groups), "remark": ""}
    fits = {data: _fit(sampling.results[sampler]) for data, sampling in item.samplings.items()}
    known = {data: fit for data, fit in fits.items() if fit is not None}
    missing = [data for data in (ALL, *groups) if data not in known]
    if missing:
        numbers = [name for name in _COLUMNS if name not in row]
        words = ", ".join("all data" if data == ALL else data for data in missing)
        return {**row, **dict.fromkeys(numbers, math.nan), "remark": f"no evidence of {words}"}
    return {**row, **vars(tension([known[name] for name in groups], known[ALL]))}


def _fit(result: SamplerResult) -> Fit | None:
    if result.evidence is None:
        return None
    return Fit(result.evidence.lnz, result.evidence.lnz_err, result.log_likelihood, result.log_weights)


def tension_section(directory: Path, summary: RunSummary) -> Section:
    """Return what page and console say."""
    rows = read_table(directory / FILE)
    groups = "; ".join(
        name if members == (name,) else f"{name} ({', '.join(members)})"
        for name, members in summary.run.subsets.groups.items()
    )
    unconverged = {
        (item.name, sampler)
        for item in summary.hypotheses
        for sampling in item.samplings.values()
        for sampler in sampling.results
        if sampler not in sampling.converged
    }
    table = SectionTable(
        ("hypothesis", "sampler", "ln R", "ln S", "shared dimensions", "p"),
        tuple(
            (
                row["hypothesis"],
                marked(row["sampler"], converged=(row["hypothesis"], row["sampler"]) not in unconverged),
                number_with_error(row["ln_r"], row["ln_r_err"]),
                number_with_error(row["ln_s"], row["ln_s_err"]),
                f"{row['dimensionality']:.1f}" if np.isfinite(row["dimensionality"]) else "–",
                f"{row['probability']:.2g}" if np.isfinite(row["probability"]) else row["remark"] or "–",
            )
            for row in rows
        ),
        frozenset({"ln R", "ln S", "shared dimensions", "p"}),
        title="Tension between data",
    )
    words = (
        (
            f"Between {groups}. ln R = ln Z of all data less the sum of those of the groups: positive where the groups "
            "agree, but the wider the priors the larger. Suspiciousness ln S does not depend on the priors; p is the "
            "probability of a worse disagreement by chance (Handley and Lemos 2019), for Gaussian posteriors; it does "
            "not exist where the groups share no dimension."
        ),
    )
    cautions = tuple(
        f"{row['hypothesis']}, {row['sampler']}: the groups of data disagree (p = {row['probability']:.2g})"
        for row in rows
        if row["probability"] < _DISAGREEMENT
    )
    return Section("Tension between data", (table,), words, cautions=cautions, on_console=True)
