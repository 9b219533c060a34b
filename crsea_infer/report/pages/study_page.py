"""The page of a study: chi2, evidences and Bayes factors of all its combinations, and what they say about claims.

The page is Markdown, for documentation as for reading as it is. Every number in it comes from the tables of the runs,
every sentence with a verdict from a rule on such a number, and what is withheld (an estimate whose gates failed, a
sampler that has not converged) is said to be.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crsea_infer.inference.evidence import marked
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.tables.claims_table import HEAD, StudyNumbers, claim_rows
from crsea_infer.report.tables.finished_combination import read_finished
from crsea_infer.report.tables.goodness_of_fit_table import LEAST_P
from crsea_infer.report.tables.quoted_factors import NO_SPREAD, spread_of, spread_words
from crsea_infer.report.tables.study_spreads import HEAD as HEAD_OF_SPREADS
from crsea_infer.report.tables.study_spreads import choices_words, missing_words, span_words, spread_rows
from crsea_infer.support.files import atomic_write
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.inference.evidence import BayesFactor
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.plan.study_file import Study
    from crsea_infer.report.tables.finished_combination import Finished

_CLAIMS = (
    "*Null* is what would be true if the statement were not. *Range* is that of the same number over all combinations "
    "of data and choices that have what the statement names; *over choices* is the least and the largest value of a "
    "Bayes factor over other choices of physics, priors and statistics on the same data, *p* whether its hypotheses "
    "describe them. *Power* is how far its two hypotheses lie apart in the errors of its data, at published "
    "parameters: below one sigma nothing can be said, and the verdict is *no power*. A statement *agrees* where its "
    "condition holds in all combinations, and under all choices that were varied in its own; it *does not* where it "
    "holds in none, and *depends on* them in between."
)

__all__ = ["write_results"]

_MISFIT = " †"
_EVIDENCE = "evidence.ecsv"


def write_results(study: Study, directory: Path) -> Path:
    """Write `results.md` from the folders of a study's combinations.

    A combination that has not been carried out, such as one that was added to the study later, is named in place of its
    numbers.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UserError
        When a table is absent or damaged, or all combinations are absent.
    """
    whole = study
    done = {name: run for name, run in study.runs.items() if (directory / name / _EVIDENCE).is_file()}
    claims = tuple(one for one in study.claims if one.combination in done)
    study = replace(study, runs=done, claims=claims) if done else study
    finished = {name: read_finished(directory / name) for name in study.runs}
    parts = [
        _head(study),
        _data(study),
        _bayes_factors(study, finished),
        _claims(study, finished),
        *(_combination(study, name, run, finished[name]) for name, run in study.runs.items()),
        _cautions(study, finished, [name for name in whole.runs if name not in study.runs]),
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
    rows = spread_rows(study, finished)
    parts.append(_about_factors(study, parts[1:], known=bool(rows)))
    if rows:
        parts.append("**Bayes factors whose choices were varied**")
        parts.append(_table(list(HEAD_OF_SPREADS), rows))
        parts.append(" ".join(words for words in (choices_words(finished), missing_words(finished)) if words))
    return "\n\n".join(part for part in parts if part)


def _factor_cell(factor: BayesFactor | None, found: Finished) -> str:
    """Return ln B with its numerical error, its spread over choices, and whether the favoured hypothesis fits."""
    if factor is None:
        return "–"
    span = span_words(spread_of(factor, found.spreads))
    known = f" [{span}]" if span else ""
    fit = found.fits.get(factor.in_order[0])
    misfit = _MISFIT if factor.resolved and fit is not None and not fit.describes else ""
    return factor.marked(f"{number_with_error(factor.ln_b, factor.ln_b_err)}{misfit}{known}")


def _about_factors(study: Study, tables: Sequence[str], *, known: bool) -> str:
    """Return what is to be known of Bayes factors in these tables."""
    words = ["Errors are numerical."]
    if known:
        words.append(
            "[ ]: least and largest value over choices, each by itself; where there is none, the spread over "
            f"choices is not measured (`crsea-infer robustness {study.name}` measures it for the main hypotheses, "
            "with `--hypotheses` for others)."
        )
    else:
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

    def model() -> SkyModel:
        from crsea_infer import emulator
        from crsea_infer.emulator.response.region_cache import RegionCache

        first = next(iter(study.runs.values()))
        return emulator.load(first.emulator, regions=RegionCache.of_user())

    rows = claim_rows(study.claims, StudyNumbers(study, finished, model))
    return f"## Published statements\n\n{_CLAIMS}\n\n{_table(list(HEAD), rows)}"


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


def _cautions(study: Study, finished: Mapping[str, Finished], absent: Sequence[str]) -> str:
    left_out = f"* Not carried out, and so not on this page: {', '.join(f'`{name}`' for name in absent)}."
    lines = [f"* {study.runs[name].title}: {words}" for name, found in finished.items() for words in found.cautions]
    said = lines or ["* None: every sampler of every run says that it has converged, and those of one posterior agree."]
    said += [
        f"* {study.runs[name].title}: spreads over choices lack one, as there is {words}"
        for name, found in finished.items()
        for words in found.missing_choices
    ]
    return "## Cautions\n\n" + "\n".join([*said, *([left_out] if absent else [])])


def _paragraph(text: str) -> str:
    return text.strip()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
