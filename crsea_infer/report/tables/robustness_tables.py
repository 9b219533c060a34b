"""Tables of an atlas of robustness: every evidence, every Bayes factor, and those that are quoted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.analysis.choice_average import ChoiceFactor, averaged, choice_factor
from crsea_infer.inference.evidence import BayesFactor, kass_raftery
from crsea_infer.inference.samplers.sampler import CONVERGED
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.figure_words import legend_words
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.support.output_names import ATLAS_FILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.plan.choices import ChoiceList, Combination

__all__ = ["AtlasEvidence", "AtlasReport", "axis_rows", "read_factors", "summary_lines", "write_tables"]

EVIDENCE, FACTORS, CHOICES, _PAGE = ATLAS_FILES

_WHERE_COLUMNS = {
    "choice": Column("shipped, or axis=option of each choice that differs from it", str),
    "n_changes": Column("number of choices that differ from what ships", int),
    "axis_1": Column("axis of the first of them", str),
    "option_1": Column("its option", str),
    "axis_2": Column("axis of the second of them", str),
    "option_2": Column("its option", str),
    "title": Column("the choices in words", str),
    "weight": Column("prior weight of the combination; those of the table sum to one"),
}
_EVIDENCE_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    **_WHERE_COLUMNS,
    "lnz": Column("natural log of the evidence (of the conditional one after training); nan when there is none"),
    "lnz_err": Column("one-sigma error of lnz"),
    "share": Column("posterior share of the combination under this hypothesis"),
    "method": Column("how the evidence was obtained", str),
    "k_hat": Column("Pareto k-hat of the weights; nan for nested samplers"),
    "effective_samples": Column("effective number of weighted draws"),
    "n_calls": Column("likelihood evaluations", int),
    "cpu_s": Column("processor time", unit="s"),
    "same_as": Column("choice whose evidence this is, because none of these choices touches the hypothesis", str),
    "status": Column("converged, or why not", str),
}
_CHOICE_COLUMNS = {
    "hypothesis_1": Column("first hypothesis", str),
    "hypothesis_2": Column("second hypothesis", str),
    **_WHERE_COLUMNS,
    "ln_b": Column("natural log of the Bayes factor, lnz_1 - lnz_2; nan when an evidence is missing"),
    "ln_b_err": Column("one-sigma numerical error of ln_b"),
    "shift": Column("ln_b less that of what ships"),
}
_FACTOR_COLUMNS = {
    "hypothesis_1": Column("first hypothesis", str),
    "hypothesis_2": Column("second hypothesis", str),
    "ln_b": Column("natural log of the Bayes factor of what ships"),
    "ln_b_err": Column("one-sigma numerical error of ln_b"),
    "verdict": Column("on ln_b_averaged, by the scale of Kass and Raftery (1995), and what choices make of it", str),
    "ln_b_averaged": Column("natural log of the ratio of the evidences averaged over all choices: the one to quote"),
    "ln_b_averaged_err": Column("one-sigma numerical error of ln_b_averaged"),
    "ln_b_low": Column("least ln B of a combination of choices"),
    "ln_b_high": Column("largest ln B of a combination of choices"),
    "ln_b_16": Column("16 % quantile of ln B over the combinations, by prior weight"),
    "ln_b_84": Column("84 % quantile of ln B over the combinations, by prior weight"),
    "n_choices": Column("combinations with both evidences, what ships included", int),
    "status": Column("complete, or how many combinations lack an evidence", str),
}


@dataclass(frozen=True)
class AtlasEvidence:
    """One evidence of an atlas.

    Attributes
    ----------
    lnz, lnz_err, method, k_hat, effective_samples, n_calls, cpu_s, status
        As in the table.
    same_as
        Combination whose evidence it is; None when it is its own.
    """

    lnz: float
    lnz_err: float
    method: str
    k_hat: float
    effective_samples: float
    n_calls: int
    cpu_s: float
    status: str
    same_as: Combination | None = None


@dataclass(frozen=True, eq=False)
class AtlasReport:
    """All that an atlas found.

    Attributes
    ----------
    title
        Of the run.
    choices
        The list, without what does not apply.
    evidences
        Hypothesis -> combination -> evidence.
    left_out
        What was not evaluated, and why.
    identity, versions
        For the page and the tables.
    titles
        Of the hypotheses, by name.
    """

    title: str
    choices: ChoiceList
    evidences: Mapping[str, Mapping[Combination, AtlasEvidence]]
    left_out: Sequence[str]
    identity: Mapping[str, str]
    versions: Mapping[str, str]
    titles: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def words(self) -> dict[str, str]:
        """What figures call the hypotheses, by name."""
        return legend_words({name: self.titles.get(name, "") for name in self.evidences})

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        """All that were evaluated, what ships first."""
        return tuple(next(iter(self.evidences.values())))

    @cached_property
    def weights(self) -> dict[Combination, float]:
        """Prior weights of the combinations, summing to one."""
        found = {one: self.choices.weight(one) for one in self.combinations}
        total = math.fsum(found.values())
        return {one: weight / total for one, weight in found.items()}

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Pairs of hypotheses."""
        return tuple(combinations(self.evidences, 2))

    def ln_b(self, pair: tuple[str, str], combination: Combination) -> tuple[float, float]:
        """Return ln B of a pair of hypotheses under a combination, and its error; nan when there is none."""
        first, other = (self.evidences[name][combination] for name in pair)
        return first.lnz - other.lnz, math.hypot(first.lnz_err, other.lnz_err)

    @cached_property
    def factors(self) -> dict[tuple[str, str], ChoiceFactor]:
        """What choices make of the Bayes factor of each pair; pairs without any are absent."""
        found = {}
        for pair in self.pairs:
            values = [
                {one: (evidence.lnz, evidence.lnz_err) for one, evidence in self.evidences[name].items()}
                for name in pair
            ]
            if any(math.isfinite(self.ln_b(pair, one)[0]) for one in self.combinations):
                found[pair] = choice_factor(values[0], values[1], self.weights)
        return found

    @cached_property
    def shares(self) -> dict[str, dict[Combination, float]]:
        """Posterior share of each combination under each hypothesis; nan where there is no evidence."""
        found = {}
        for name, by_choice in self.evidences.items():
            known = [one for one in self.combinations if math.isfinite(by_choice[one].lnz)]
            found[name] = dict.fromkeys(self.combinations, math.nan)
            if known:
                lnz, err = (np.array([getattr(by_choice[one], key) for one in known]) for key in ("lnz", "lnz_err"))
                both = averaged(lnz, err, np.array([self.weights[one] for one in known]))
                found[name].update(zip(known, both.shares.tolist(), strict=True))
        return found

    @property
    def n_missing(self) -> int:
        """How many evidences there are not."""
        return sum(
            evidence.status != CONVERGED for by_choice in self.evidences.values() for evidence in by_choice.values()
        )

    @property
    def cautions(self) -> list[str]:
        """What a reader must know before believing the numbers."""
        missing = [
            f"{name} ({self.choices.words_with_axes(one)}): {evidence.status}"
            for name, by_choice in self.evidences.items()
            for one, evidence in by_choice.items()
            if evidence.status != CONVERGED
        ]
        return [f"no evidence of {words}" for words in missing]


def verdict(pair: tuple[str, str], factor: ChoiceFactor) -> str:
    """Return what is said of a Bayes factor, and what choices make of it."""
    whole = BayesFactor(*pair, factor.averaged, factor.averaged_err, "average over choices")
    words = {_said(pair, value) for value in (factor.low, factor.high)}
    agrees = words == {_said(pair, factor.averaged)}
    return f"{whole.verdict}, {'whatever the choices' if agrees else 'but it depends on choices'}"


def _said(pair: tuple[str, str], ln_b: float) -> tuple[str, str]:
    return kass_raftery(abs(ln_b)), pair[0] if ln_b > 0 else pair[1]


def choice_name(combination: Combination) -> str:
    """Return how tables call a combination."""
    return " + ".join(f"{axis}={option}" for axis, option in combination) or "shipped"


def _where(report: AtlasReport, combination: Combination) -> dict[str, Any]:
    padded = [*combination, ("", ""), ("", "")]
    return {
        "choice": choice_name(combination),
        "n_changes": len(combination),
        "axis_1": padded[0][0],
        "option_1": padded[0][1],
        "axis_2": padded[1][0],
        "option_2": padded[1][1],
        "title": report.choices.words(combination),
        "weight": report.weights[combination],
    }


def write_tables(directory: Path, report: AtlasReport) -> None:
    """Write evidence.ecsv, choices.ecsv and bayes_factors.ecsv."""
    meta = {**report.identity, "choices": report.choices.title}
    evidences = [
        {
            "hypothesis": name,
            **_where(report, one),
            **vars(evidence),
            "share": report.shares[name][one],
            "same_as": "" if evidence.same_as is None else choice_name(evidence.same_as),
        }
        for name, by_choice in report.evidences.items()
        for one, evidence in by_choice.items()
    ]
    choices = []
    for pair in report.pairs:
        shipped = report.ln_b(pair, ())[0]
        for one in report.combinations:
            ln_b, error = report.ln_b(pair, one)
            choices.append(
                {
                    "hypothesis_1": pair[0],
                    "hypothesis_2": pair[1],
                    **_where(report, one),
                    "ln_b": ln_b,
                    "ln_b_err": error,
                    "shift": ln_b - shipped,
                }
            )
    factors = [
        {
            "hypothesis_1": pair[0],
            "hypothesis_2": pair[1],
            "ln_b": factor.ln_b,
            "ln_b_err": factor.ln_b_err,
            "verdict": verdict(pair, factor),
            "ln_b_averaged": factor.averaged,
            "ln_b_averaged_err": factor.averaged_err,
            "ln_b_low": factor.low,
            "ln_b_high": factor.high,
            "ln_b_16": factor.quantile_16,
            "ln_b_84": factor.quantile_84,
            "n_choices": factor.n,
            "status": _status(report, factor),
        }
        for pair, factor in report.factors.items()
    ]
    write_table(directory / EVIDENCE, _EVIDENCE_COLUMNS, evidences, meta)
    write_table(directory / CHOICES, _CHOICE_COLUMNS, choices, meta)
    write_table(directory / FACTORS, _FACTOR_COLUMNS, factors, meta)


def _status(report: AtlasReport, factor: ChoiceFactor) -> str:
    missing = len(report.combinations) - factor.n
    return "complete" if missing == 0 else f"{missing} of {len(report.combinations)} combinations lack an evidence"


def axis_rows(report: AtlasReport, pair: tuple[str, str]) -> list[tuple[str, str, float, float]]:
    """Return axis, option in words, ln B and its error of every option by itself, in the order of the list."""
    titles = {axis.name: axis.title for axis in report.choices.axes}
    return [
        (titles[one[0][0]], report.choices.words(one), *report.ln_b(pair, one))
        for one in report.combinations
        if len(one) == 1
    ]


def read_factors(directory: Path) -> list[dict[str, Any]]:
    """Return the rows of bayes_factors.ecsv of a finished atlas; raises UserError when it is absent or damaged."""
    return read_table(directory / FACTORS)


def quoted(factor: ChoiceFactor) -> str:
    """Return the Bayes factor to quote: value, numerical error, spread between choices."""
    return (
        f"{number_with_error(factor.averaged, factor.averaged_err)} (numerical), between choices "
        f"{factor.low:.1f} to {factor.high:.1f} (68 % of them {factor.quantile_16:.1f} to {factor.quantile_84:.1f}); "
        f"as shipped {number_with_error(factor.ln_b, factor.ln_b_err)}"
    )


def summary_lines(report: AtlasReport) -> list[str]:
    """Return what was found, in lines of plain text: the Bayes factors to quote, then every option by itself."""
    lines = []
    for pair, factor in report.factors.items():
        lines += [
            f"ln B ({pair[0]} : {pair[1]}), averaged over {factor.n} choices = {quoted(factor)}",
            f"  {verdict(pair, factor)}",
        ]
        for axis, words, ln_b, error in axis_rows(report, pair):
            lines.append(f"  {ln_b:8.2f} ± {error:.2f}   {axis}: {words}")
    return [*lines, *(f"left out: {words}" for words in report.left_out), *(f"caution: {w}" for w in report.cautions)]
