"""What was found, in lines of plain text, for whoever shows or logs it: evidences, Bayes factors, cautions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.inference.evidence import marked
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.tables.beside_table import beside_factors
from crsea_infer.report.tables.goodness_of_fit_table import read_fits
from crsea_infer.report.tables.quoted_factors import factor_line, read_spreads, unmeasured_line
from crsea_infer.support.output_names import FACTORS, PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crsea_infer.inference.evidence import Evidence
    from crsea_infer.report.layout.sections import Section
    from crsea_infer.report.results.summary import RunSummary

__all__ = ["caution_lines", "evidence_line", "factor_lines", "result_lines"]


_MOST_PAIRS = 3  # in words; bayes_factors.ecsv has all


def evidence_line(name: str, evidence: Evidence, *, converged: bool = True) -> str:
    """Return the evidence of a hypothesis, with its error and method."""
    value = marked(number_with_error(evidence.lnz, evidence.lnz_err), converged=converged)
    return f"ln Z ({name}) = {value}   {evidence.method}"


def factor_lines(summary: RunSummary, directory: Path) -> list[str]:
    """Return the Bayes factors of a run with their verdicts, and what is not known of their errors.

    Those of a run beside that are conditional on local data come first.
    """
    fits, spreads = read_fits(directory), read_spreads(directory / FACTORS)
    factors = summary.bayes_factors
    unequal = [
        f"{one} : {other}: {words}. A part of ln B is due to that."
        for (one, other), words in list(summary.unequal_priors.items())[:_MOST_PAIRS]
    ]
    beside = beside_factors(directory) if summary.run.beside else []
    return [
        *(factor.line for factor in beside if factor.is_conditional),
        *(factor_line(factor, fits, spreads) for factor in factors),
        *unmeasured_line(factors, spreads),
        *unequal,
    ]


def caution_lines(summary: RunSummary, sections: Sequence[Section]) -> list[str]:
    """Return what a reader must know before believing the numbers of a run."""
    texts = (*summary.warnings, *(text for section in sections for text in section.cautions))
    return [f"caution: {text}" for text in texts]


def result_lines(summary: RunSummary, sections: Sequence[Section], directory: Path) -> list[str]:
    """Return the result of a run: what is quoted of it, and where its page is."""
    return [
        *(
            evidence_line(item.name, item.evidence, converged=item.evidence_converged)
            for item in summary.hypotheses
            if item.evidence is not None
        ),
        *factor_lines(summary, directory),
        *([f"{summary.condition}."] if summary.condition else []),
        *caution_lines(summary, sections),
        f"page: {directory / PAGE}",
    ]
