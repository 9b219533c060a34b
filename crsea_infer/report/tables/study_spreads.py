"""Bayes factors of a study with all that is to be said beside them, in one table.

An error of ln B says how well an integral is known. What other choices make of it, and whether either hypothesis
describes the data, says how well the question is; so each Bayes factor whose choices were varied stands here with its
numerical error, the least and the largest value of a choice, the average over choices, and both p-values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from crsea_infer.inference.evidence import kass_raftery
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.tables.quoted_factors import spread_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.inference.evidence import BayesFactor, Spread
    from crsea_infer.plan.study_file import Study
    from crsea_infer.report.tables.finished_combination import Finished

__all__ = ["HEAD", "choices_words", "missing_words", "p_words", "span_words", "spread_rows"]

HEAD = (
    "data and choices",
    "ln B of",
    "value ± numerical error",
    "least to largest over choices",
    "averaged",
    "p of the first",
    "p of the second",
    "whatever the choice?",
)
"""Of the table."""


def span_words(spread: Spread) -> str:
    """Return the least and the largest value over choices; empty where they are not known."""
    return f"{spread.low:.1f} to {spread.high:.1f}" if spread.is_known else ""


def p_words(found: Finished, hypothesis: str) -> str:
    """Return whether a hypothesis describes the data, as a p-value."""
    fit = found.fits.get(hypothesis)
    return "–" if fit is None else fit.p_words


def spread_rows(study: Study, finished: Mapping[str, Finished]) -> list[list[str]]:
    """Return a row for each Bayes factor of the comparisons of a study whose choices were varied."""
    rows = []
    for name, run in study.runs.items():
        found = finished[name]
        for one, other in (pair for comparison in study.comparisons for pair in comparison.pairs):
            factor = found.factor(one, other)
            if factor is None:
                continue
            spread = spread_of(factor, found.spreads)
            if spread.is_known:
                rows.append(
                    [
                        run.title,
                        f"{one} : {other}",
                        factor.marked(number_with_error(factor.ln_b, factor.ln_b_err)),
                        span_words(spread),
                        f"{spread.averaged:.1f}",
                        p_words(found, one),
                        p_words(found, other),
                        _whatever(factor, spread),
                    ]
                )
    return rows


def _whatever(factor: BayesFactor, spread: Spread) -> str:
    """Return what holds for every choice."""
    if spread.low < 0.0 < spread.high:
        return "no: the sign depends on it"
    favoured = factor.hypothesis_1 if spread.low >= 0.0 else factor.hypothesis_2
    words = {kass_raftery(abs(value)) for value in (spread.low, spread.high)}
    weakest = kass_raftery(min(abs(spread.low), abs(spread.high)))
    if len(words) > 1 and weakest == "barely any":
        return f"{favoured}, but for some choice barely"
    return f"{favoured}, {'' if len(words) == 1 else 'at least '}{weakest} evidence"


def choices_words(finished: Mapping[str, Finished]) -> str:
    """Return which choices were varied, and where."""
    lists: dict[tuple[str, ...], list[str]] = {}
    for name, found in finished.items():
        if found.varied:
            lists.setdefault(found.varied, []).append(name)
    parts = []
    for varied, names in lists.items():
        where = "" if len(names) == len(finished) else f" (in {', '.join(names)})"
        parts.append(f"{'; '.join(varied)}{where}")
    return "Choices, each by itself beside what ships: " + ". ".join(parts) + "." if parts else ""


def missing_words(finished: Mapping[str, Finished]) -> str:
    """Return how many evidences under such choices there are not; empty when there are all."""
    found = [lnz for one in finished.values() for by_choice in one.lnz_by_choice.values() for lnz in by_choice.values()]
    n_missing = sum(math.isnan(lnz) for lnz in found)
    if not n_missing:
        return ""
    counted = f"Of {len(found)} evidences under these choices {n_missing} {'is' if n_missing == 1 else 'are'} withheld"
    return f"{counted} (Cautions, below), and no spread has {'it' if n_missing == 1 else 'them'}."
