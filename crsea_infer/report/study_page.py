"""The page of a study: chi2, evidences and Bayes factors of all its combinations, and what they say about claims.

The page is Markdown, for documentation as for reading as it is. Every number in it comes from the tables of the runs,
every sentence with a verdict from a rule on such a number, and what is withheld (an estimate whose gates failed, a
sampler that has not converged) is said to be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.evidence import BayesFactor, Evidence, bayes_factor, combine, disagreements, marked
from crsea_infer.report.ecsv import read_table
from crsea_infer.report.goodness_of_fit_table import LEAST_P, read_fits
from crsea_infer.report.number_words import number_with_error
from crsea_infer.report.quoted_factors import NO_SPREAD, Spreads, read_spreads, spread_of, spread_words
from crsea_infer.report.run_tables import read_cautions, read_evidences, read_unconverged
from crsea_infer.support.files import atomic_write
from crsea_infer.support.output_names import FACTORS
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.plan.study_file import Claim, Study
    from crsea_infer.report.goodness_of_fit_table import Fit

__all__ = ["Finished", "read_finished", "write_results"]


_MISFIT = " †"


@dataclass(frozen=True, eq=False)
class Finished:
    """The numbers of one finished combination.

    Attributes
    ----------
    evidences
        To quote, by hypothesis; None where every estimate was withheld.
    unconverged
        Hypotheses whose evidence is of samplers alone that did not converge.
    cautions
        What its samplers say of themselves when they have not converged, and where they disagree.
    chi2
        Rows of chi2.ecsv by (hypothesis, data set or "all").
    fits
        Whether each hypothesis describes the data.
    spreads
        Of Bayes factors over choices, where choices were varied.
    """

    evidences: Mapping[str, Evidence | None]
    unconverged: frozenset[str]
    cautions: tuple[str, ...]
    chi2: Mapping[tuple[str, str], Mapping[str, Any]]
    fits: Mapping[str, Fit] = field(default_factory=dict)
    spreads: Spreads = field(default_factory=dict)

    def factor(self, one: str, other: str) -> BayesFactor | None:
        """Return the Bayes factor of two hypotheses, or None when one of them has no evidence here."""
        first, second = self.evidences.get(one), self.evidences.get(other)
        if first is None or second is None:
            return None
        return bayes_factor(one, first, other, second, self.unconverged)


def read_finished(directory: Path) -> Finished:
    """Read the tables of a finished run.

    Raises
    ------
    UserError
        When a table is absent or damaged.
    """
    evidences: dict[str, Evidence | None] = {}
    cautions = []
    for hypothesis, found in read_evidences(directory / "evidence.ecsv").items():
        evidences[hypothesis] = combine(found)
        cautions += [f"{hypothesis}: {words}" for words in disagreements(found)]
    for row in read_table(directory / "evidence.ecsv"):
        evidences.setdefault(row["hypothesis"], None)
    for hypothesis, words in read_cautions(directory / "evidence.ecsv").items():
        cautions += [f"{hypothesis} with {one}" for one in words]
    chi2 = {(row["hypothesis"], row["likelihood"]): row for row in read_table(directory / "chi2.ecsv")}
    return Finished(
        evidences,
        read_unconverged(directory / "evidence.ecsv"),
        tuple(cautions),
        chi2,
        read_fits(directory),
        read_spreads(directory / FACTORS),
    )


def write_results(study: Study, directory: Path) -> Path:
    """Write `results.md` from the folders of a study's combinations.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UserError
        When a table is absent or damaged.
    """
    finished = {name: read_finished(directory / name) for name in study.runs}
    parts = [
        _head(study),
        _data(study),
        _bayes_factors(study, finished),
        _claims(study, finished),
        *(_combination(study, name, run, finished[name]) for name, run in study.runs.items()),
        _cautions(study, finished),
        *(_paragraph(text) for text in study.remarks),
    ]
    page = directory / "results.md"
    atomic_write(page, "\n\n".join(part for part in parts if part) + "\n")
    return page


def _head(study: Study) -> str:
    first = next(iter(study.runs.values()))
    made = (
        f"Made by `crsea-infer run {study.name}` with crsea_infer {__version__}, seed {first.seed}, from the tables of "
        "its runs. No number or verdict on this page is typed by hand. Evidences are natural logarithms; errors are "
        "one sigma and numerical, not systematic. chi2 is divided by the number of data points, with the nuisances of "
        "the data at their best; nothing else is fitted in the column *published*."
    )
    return f"# {study.title}\n\n{study.description}\n\n{made}"


def _data(study: Study) -> str:
    where: dict[str, list[str]] = {}
    sets = {}
    for name, run in study.runs.items():
        for likelihood in run.likelihoods:
            where.setdefault(likelihood.name, []).append(name)
            sets[likelihood.name] = likelihood
    rows = [
        [
            f"`{name}`",
            one.title,
            str(one.n_data),
            one.provenance.status,
            one.provenance.reference,
            "all" if len(where[name]) == len(study.runs) else ", ".join(where[name]),
        ]
        for name, one in sets.items()
    ]
    return "## Data\n\n" + _table(["data set", "what", "points", "status", "reference", "combinations"], rows)


def _bayes_factors(study: Study, finished: Mapping[str, Finished]) -> str:
    parts = ["## Bayes factors"]
    for comparison in study.comparisons:
        head = ["ln B", *(f"{one} : {other}" for one, other in comparison.pairs)]
        rows = []
        for name, run in study.runs.items():
            factors = [finished[name].factor(one, other) for one, other in comparison.pairs]
            rows.append([run.title, *(_factor_cell(factor, finished[name]) for factor in factors)])
        parts.append(f"**{comparison.title}** (above 0: the first is favoured)\n\n{_table(head, rows)}")
    if not study.comparisons:
        return ""
    parts.append(_about_factors(parts[1:]))
    return "\n\n".join(part for part in parts if part)


def _factor_cell(factor: BayesFactor | None, found: Finished) -> str:
    """Return ln B with its numerical error, its spread over choices, and whether the favoured hypothesis fits."""
    if factor is None:
        return "–"
    spread = spread_of(factor, found.spreads)
    known = f" ({spread_words(spread)})" if spread.is_known else ""
    fit = found.fits.get(factor.in_order[0])
    misfit = _MISFIT if factor.resolved and fit is not None and not fit.describes else ""
    return factor.marked(f"{number_with_error(factor.ln_b, factor.ln_b_err)}{misfit}{known}")


def _about_factors(tables: Sequence[str]) -> str:
    """Return what is to be known of Bayes factors in these tables."""
    words = ["Errors are numerical."]
    if not any("over choices" in table for table in tables):
        words.append(f"S{spread_words(NO_SPREAD)[1:]}.")
    if any(_MISFIT in table for table in tables):
        words.append(
            f"{_MISFIT.strip()}: the favoured hypothesis does not describe the data itself; of data drawn from its "
            f"posterior, a share below {LEAST_P:g} lies as far from it as the measured data (*p* in the tables below)."
        )
    return " ".join(words)


def _claims(study: Study, finished: Mapping[str, Finished]) -> str:
    if not study.claims:
        return ""
    rows = []
    for claim in study.claims:
        found = finished[claim.combination]
        value, error = _value(claim, found)
        pair = (claim.hypothesis, claim.against) if claim.quantity == "ln_b" else ()  # no sampling in a chi2
        unconverged = [name for name in pair if name in found.unconverged]
        if not np.isfinite(value):
            verdict = "withheld: no number"
        elif unconverged:
            verdict = f"not decided: {', '.join(unconverged)} not converged"
        else:
            verdict = "agrees" if claim.holds(value) else "**does not agree**"
        number = marked(_number(value, error), converged=not unconverged or not np.isfinite(value))
        rows.append([claim.statement, claim.source, _words(claim), claim.condition, number, verdict])
    head = ["published statement", "where", "number of this study", "agrees if", "here", "verdict"]
    return "## Published statements\n\n" + _table(head, rows)


def _value(claim: Claim, found: Finished) -> tuple[float, float]:
    """Return the number that a claim is about, with its error (0 for chi2)."""
    if claim.quantity == "ln_b":
        factor = found.factor(claim.hypothesis, claim.against or "")
        return (np.nan, np.nan) if factor is None else (factor.ln_b, factor.ln_b_err)
    data = claim.likelihood or "all"
    value = float(found.chi2[claim.hypothesis, data][claim.quantity])
    if claim.against is not None:
        value /= float(found.chi2[claim.against, data][claim.quantity])
    return value, 0.0


def _words(claim: Claim) -> str:
    if claim.quantity == "ln_b":
        words = f"ln B ({claim.hypothesis} : {claim.against})"
    else:
        at = "published parameters" if claim.quantity == "reduced_chi2_published" else "best fit"
        words = f"chi2 per point of {claim.hypothesis} at the {at}"
        words += f", over that of {claim.against}" if claim.against else ""
        words += f", {claim.likelihood}" if claim.likelihood else ""
    return f"{words}; {claim.combination}"


def _number(value: float, error: float) -> str:
    return number_with_error(value, error) if error > 0 else ("–" if not np.isfinite(value) else f"{value:.2f}")


def _combination(study: Study, name: str, run: RunFile, found: Finished) -> str:
    rows = []
    for hypothesis in run.hypotheses:
        row = found.chi2[hypothesis.name, "all"]
        evidence = found.evidences.get(hypothesis.name)
        rows.append(
            [
                hypothesis.name,
                str(row["n_data"]),
                f"{row['reduced_chi2_published']:.2f}",
                f"{row['reduced_chi2_best_fit']:.2f}",
                f"{row['prior_pull']:.1f}",
                found.fits[hypothesis.name].p_words if hypothesis.name in found.fits else "–",
                "withheld"
                if evidence is None
                else marked(
                    number_with_error(evidence.lnz, evidence.lnz_err),
                    converged=hypothesis.name not in found.unconverged,
                ),
                "–" if evidence is None else evidence.method,
            ]
        )
    head = [
        "hypothesis",
        "points",
        "chi2 published",
        "chi2 best fit",
        "prior pull²",
        "describes the data?",
        "ln Z",
        "method",
    ]
    parts = [f"## {run.title}", f"`{name}`", _table(head, rows)]
    shown = [one.name for one in run.hypotheses if one.name in study.main_hypotheses]
    if shown and len(run.likelihoods) > 1:
        cells = [
            [
                likelihood.name,
                str(likelihood.n_data),
                *(_arrow(found.chi2[hypothesis, likelihood.name]) for hypothesis in shown),
            ]
            for likelihood in run.likelihoods
        ]
        parts.append("chi2 per point, published → best fit of all these data together:")
        parts.append(_table(["data set", "points", *shown], cells))
    return "\n\n".join(parts)


def _arrow(row: Mapping[str, Any]) -> str:
    return f"{row['reduced_chi2_published']:.2f} → {row['reduced_chi2_best_fit']:.2f}"


def _cautions(study: Study, finished: Mapping[str, Finished]) -> str:
    lines = [f"* {study.runs[name].title}: {words}" for name, found in finished.items() for words in found.cautions]
    said = lines or ["* None: every sampler of every run says that it has converged, and those of one posterior agree."]
    return "## Cautions\n\n" + "\n".join(said)


def _paragraph(text: str) -> str:
    return text.strip()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
