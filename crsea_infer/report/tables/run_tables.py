"""Tables of a run, as ECSV: numbers with units, descriptions and the run's identity in their header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.evidence import Evidence, quotable
from crsea_infer.inference.samplers.sampler import CONVERGED
from crsea_infer.plan.subsets import ALL, CONDITIONAL, TRAINING
from crsea_infer.report.layout.attempts import attempts
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.tables.goodness_of_fit_table import read_fits
from crsea_infer.report.tables.quoted_factors import read_spreads, spread_of, verdict_words
from crsea_infer.report.tables.variant_shares import spread_over_variants
from crsea_infer.support.errors import UserError
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.inference.evidence import BayesFactor, Spread
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary
    from crsea_infer.report.tables.quoted_factors import Spreads

__all__ = [
    "FILES",
    "EvidenceRow",
    "chi2_rows",
    "evidence_rows",
    "read_cautions",
    "read_evidences",
    "read_unconverged",
    "write_tables",
]

FILES = PRODUCTS["tables"].tables
"""What :func:`write_tables` writes."""

_EVIDENCE_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "sampler": Column("name of the sampler", str),
    "lnz": Column("natural log of the evidence; nan when the sampler gives none"),
    "lnz_err": Column("one-sigma error of lnz"),
    "n_calls": Column("likelihood evaluations", int),
    "wall_s": Column("wall-clock time of the sampler", unit="s"),
    "max_lnl": Column("largest natural log of the likelihood among its samples"),
    "chi2": Column("chi2 of all data sets at that sample, the pull of each nuisance included once"),
    "n_data": Column("data points", int),
    "method": Column("how the evidence was obtained, or none", str),
    "status": Column("converged, or why not", str),
    "data": Column(
        "all: all data of the hypothesis; training: its training set; conditional: the others given the "
        "training set, lnz of all less lnz of training; else the name of a group",
        str,
    ),
}
_FACTOR_COLUMNS = {
    "hypothesis_1": Column("first hypothesis", str),
    "hypothesis_2": Column("second hypothesis", str),
    "ln_b": Column("natural log of the Bayes factor, lnz_1 - lnz_2"),
    "ln_b_err": Column("one-sigma numerical error of ln_b"),
    "verdict": Column("scale of Kass and Raftery (1995), and whether the favoured hypothesis describes the data", str),
    "method": Column("methods of the two evidences", str),
    "status": Column("converged, or the hypotheses whose evidence is of samplers that did not converge", str),
    "data": Column("all, or conditional: of the data that are no training set, given the training sets", str),
    "priors": Column("how the priors of the two differ in width, to which a part of ln_b is due; empty if not", str),
    "ln_b_averaged": Column("ln_b averaged over choices of physics and statistics; nan when they were not varied"),
    "ln_b_low": Column("least ln_b of these choices; nan when they were not varied"),
    "ln_b_high": Column("largest ln_b of these choices; nan when they were not varied"),
}
_CHI2_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "likelihood": Column("name of the data set, or all: the sum of these rows", str),
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
    data: str = ALL


def evidence_rows(item: HypothesisSummary) -> list[EvidenceRow]:
    """Return one row per sampler and data of a hypothesis; of a trained one the conditional evidences come first."""
    rows = [_row(item, data, name) for data, sampling in item.samplings.items() for name in sampling.results]
    if not item.is_trained:
        return rows
    by_data = {(row.data, row.sampler): row for row in rows}
    trained = [name for name, result in item.results.items() if result.conditional or (TRAINING, name) in by_data]
    return [*(_conditional_row(item, by_data[ALL, name], by_data.get((TRAINING, name))) for name in trained), *rows]


def _row(item: HypothesisSummary, data: str, sampler: str) -> EvidenceRow:
    sampling = item.samplings[data]
    result = sampling.results[sampler]
    best = int(np.argmax(result.log_likelihood))
    evidence = result.evidence or Evidence(np.nan, np.nan, "none")
    return EvidenceRow(
        hypothesis=item.name,
        sampler=sampler,
        lnz=evidence.lnz,
        lnz_err=evidence.lnz_err,
        n_calls=result.n_calls,
        wall_s=round(result.wall_s, 2),
        max_lnl=float(result.log_likelihood[best]),
        chi2=float(sampling.posterior.chi2_of_all(result.samples[best])),
        n_data=sampling.posterior.n_data,
        method=evidence.method,
        status=str(result.diagnostics.get("status", "unknown")),
        data=data,
    )


def _conditional_row(item: HypothesisSummary, joint: EvidenceRow, training: EvidenceRow | None) -> EvidenceRow:
    """Join two samplings, or take what one gives by itself.

    ln L and chi2 are those of the predicted data alone, at the best sample of the joint one.
    """
    result = item.results[joint.sampler]
    best = result.samples[int(np.argmax(result.log_likelihood))]
    trained = {likelihood.name for likelihood in item.others[TRAINING].posterior.likelihoods}
    parts = [joint] if training is None else [joint, training]
    evidence = item.evidences[CONDITIONAL].get(joint.sampler, Evidence(np.nan, np.nan, "none"))
    predicted = [one.name for one in item.posterior.likelihoods if one.name not in trained]
    parts_of_log_l = item.posterior.log_likelihood_per_data_set(best)
    log_l = sum(float(parts_of_log_l[name]) for name in predicted)
    chi2 = float(item.posterior.chi2_of_all(best, predicted))
    return EvidenceRow(
        hypothesis=item.name,
        sampler=joint.sampler,
        lnz=evidence.lnz,
        lnz_err=evidence.lnz_err,
        n_calls=sum(row.n_calls for row in parts),
        wall_s=round(sum(row.wall_s for row in parts), 2),
        max_lnl=log_l,
        chi2=chi2,
        n_data=joint.n_data - item.others[TRAINING].posterior.n_data,
        method=evidence.method,
        status="; ".join(f"{row.data}: {row.status}" for row in parts if row.status != CONVERGED) or CONVERGED,
        data=CONDITIONAL,
    )


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
    with attempts() as attempt:
        with attempt():
            rows = [vars(row) for item in summary.hypotheses for row in evidence_rows(item)]
            write_table(directory / FILES[0], _EVIDENCE_COLUMNS, rows, meta)
        with attempt():
            data = CONDITIONAL if summary.condition else ALL
            # choices are varied after the run, so that what is known of them is kept
            described, spreads = read_fits(directory), read_spreads(directory / FILES[1])
            factors = [
                {
                    **vars(factor),
                    "verdict": verdict_words(factor, described),
                    "status": factor.status,
                    "data": data,
                    "priors": summary.unequal_priors.get((factor.hypothesis_1, factor.hypothesis_2), ""),
                    **{f"ln_b_{name}": value for name, value in vars(spread).items()},
                }
                for factor in summary.bayes_factors
                for spread in [_spread(factor, summary, spreads)]
            ]
            write_table(directory / FILES[1], _FACTOR_COLUMNS, factors, meta)
        with attempt():
            fits = [row for item in summary.hypotheses for row in chi2_rows(item)]
            write_table(directory / FILES[2], _CHI2_COLUMNS, fits, meta)


def _spread(factor: BayesFactor, summary: RunSummary, spreads: Spreads) -> Spread:
    """Return the spread of a Bayes factor over the variants of the run, or what is known of it from elsewhere."""
    return spread_over_variants(summary, factor) if summary.run.variants else spread_of(factor, spreads)


def read_evidences(path: Path) -> dict[str, dict[str, Evidence]]:
    """Read the evidences that may be quoted from evidence.ecsv: hypothesis -> sampler -> evidence.

    Those of samplers that converged, or all when none did; the conditional ones where a hypothesis was trained.

    Raises
    ------
    UserError
        When the file is absent or damaged.
    """
    found, converged = _read_samplers(path)
    return {name: quotable(own, converged[name]) for name, own in found.items()}


def read_unconverged(path: Path) -> frozenset[str]:
    """Read from evidence.ecsv which hypotheses have evidences of samplers alone that did not converge.

    Raises
    ------
    UserError
        When the file is absent or damaged.
    """
    found, converged = _read_samplers(path)
    return frozenset(name for name, own in found.items() if own and not own.keys() & converged[name])


def _read_samplers(path: Path) -> tuple[dict[str, dict[str, Evidence]], dict[str, set[str]]]:
    """Return hypothesis -> sampler -> evidence, and hypothesis -> the samplers that converged."""
    found: dict[str, dict[str, Evidence]] = {}
    converged: dict[str, set[str]] = {}
    try:
        rows = read_table(path)
        trained = {row["hypothesis"] for row in rows if row.get("data") == CONDITIONAL}
        for row in rows:
            own, good = found.setdefault(row["hypothesis"], {}), converged.setdefault(row["hypothesis"], set())
            wanted = CONDITIONAL if row["hypothesis"] in trained else ALL
            if row.get("data", ALL) == wanted and np.isfinite(row["lnz"]):
                own[row["sampler"]] = Evidence(row["lnz"], row["lnz_err"], row["method"])
                if row["status"] == CONVERGED:
                    good.add(row["sampler"])
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read: {error}", valid="the evidence.ecsv of a finished run", fix="run it again"
        ) from error
    return found, converged


def read_cautions(path: Path) -> dict[str, list[str]]:
    """Read from evidence.ecsv, for each hypothesis, which of its samplings did not converge, and why.

    Raises
    ------
    UserError
        When the file is absent or damaged.
    """
    found: dict[str, list[str]] = {}
    for row in read_table(path):
        if row["status"] != CONVERGED:
            where = row["sampler"] if row.get("data", ALL) == ALL else f"{row['sampler']} ({row['data']})"
            found.setdefault(row["hypothesis"], []).append(f"{where}: {row['status']}")
    return found
