"""Published statements beside the numbers of a study: one row each, with the range over combinations and the power.

The verdict follows from rules alone. A statement about two hypotheses that lie less than one sigma apart in the data it
is about has no power, whatever its number. Otherwise it agrees where its condition holds in every combination that has
what it names, and under every choice that was varied in its own; does not where it holds in none, and depends on them
in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from crsea_infer.analysis import claim_numbers
from crsea_infer.inference.evidence import marked
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.tables.quoted_factors import spread_of
from crsea_infer.report.tables.study_spreads import p_words, span_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.plan.claims import Claim
    from crsea_infer.plan.study_file import Study
    from crsea_infer.report.tables.finished_combination import Finished

__all__ = ["HEAD", "POWER_NEEDED", "Judged", "StudyNumbers", "claim_rows", "judge"]

POWER_NEEDED: Final = 1.0
"""Sigma by which the data must be able to tell the hypotheses of a statement apart."""

HEAD: Final = (
    "published statement",
    "null",
    "number of this study",
    "agrees if",
    "here",
    "over choices",
    "p",
    "range",
    "power",
    "verdict",
)
"""Of the table."""

_FROM_TABLES: Final = {"reduced_chi2_published", "reduced_chi2_best_fit", "chi2_sigma", "ln_b", "p_value"}
"""Numbers that differ from combination to combination."""


@dataclass(frozen=True)
class StudyNumbers:
    """The numbers of a finished study that statements may be about.

    Attributes
    ----------
    study
        The study.
    finished
        Tables of its combinations.
    model
        The sky model, made when it is first needed.
    """

    study: Study
    finished: Mapping[str, Finished]
    model: Callable[[], SkyModel]
    _made: dict[tuple[str, str], Posterior] = field(default_factory=dict, repr=False)

    def value(self, claim: Claim, combination: str) -> tuple[float, float]:
        """Return the number of a statement in one combination and its numerical error; NaN where it is withheld."""
        if claim.quantity in _FROM_TABLES:
            return self._from_tables(claim, self.finished[combination])
        return self._from_predictions(claim, combination), 0.0

    def _from_tables(self, claim: Claim, found: Finished) -> tuple[float, float]:
        data = claim.likelihood or "all"
        if claim.quantity == "ln_b":
            factor = found.factor(claim.hypothesis, claim.against or "")
            return (math.nan, math.nan) if factor is None else (factor.ln_b, factor.ln_b_err)
        if claim.quantity == "p_value":
            fit = found.fits.get(claim.hypothesis)
            return (math.nan, math.nan) if fit is None else (fit.p.value, fit.p.error)
        if claim.quantity == "chi2_sigma":
            chi2 = [self._chi2(found, name, data) for name in claim.hypotheses]
            return math.copysign(math.sqrt(abs(chi2[0] - chi2[1])), chi2[0] - chi2[1]), 0.0
        values = [float(found.chi2[name, data][claim.quantity]) for name in claim.hypotheses]
        return values[0] / (values[1] if len(values) > 1 else 1.0), 0.0

    @staticmethod
    def _chi2(found: Finished, hypothesis: str, data: str) -> float:
        row = found.chi2[hypothesis, data]
        return float(row["reduced_chi2_published"]) * float(row["n_data"])

    def _from_predictions(self, claim: Claim, combination: str) -> float:
        if claim.quantity == "excess_sigma":
            return claim_numbers.excess_sigma(self._posterior(combination, claim.hypothesis), claim.likelihood or "")
        if claim.quantity == "index_difference_sigma":
            difference, error = self._index_difference(claim, combination)
            return difference / error
        energy, region = claim.energy or math.nan, claim.region or ""
        if claim.quantity == "component_share":
            hypothesis = self._hypothesis(combination, claim.hypothesis)
            return claim_numbers.component_share(hypothesis, self._sky, energy, region, claim.component or "")
        one, *others = [self._hypothesis(combination, name) for name in claim.hypotheses]
        other = others[0] if others else None
        return claim_numbers.flux_ratio(one, other, self._sky, energy, region, claim.other_region)

    def power(self, claim: Claim) -> float:
        """Return by how many sigma the data of a statement tell its hypotheses apart; NaN where that is no question."""
        if claim.against is None or claim.quantity not in {*_FROM_TABLES, "index_difference_sigma"}:
            return math.nan
        one, other = (self._posterior(claim.combination, name) for name in claim.hypotheses)
        if claim.quantity == "index_difference_sigma":
            predicted = [
                claim_numbers.predicted_index_difference(posterior, *claim.likelihoods) for posterior in (one, other)
            ]
            return abs(predicted[0] - predicted[1]) / self._index_difference(claim, claim.combination)[1]
        names = claim.likelihoods or tuple(likelihood.name for likelihood in one.likelihoods)
        return claim_numbers.separation(one, other, names)

    def _index_difference(self, claim: Claim, combination: str) -> tuple[float, float]:
        return claim_numbers.index_difference(self._posterior(combination, claim.hypothesis), *claim.likelihoods)

    @cached_property
    def _sky(self) -> SkyModel:
        return self.model()

    def _hypothesis(self, combination: str, name: str) -> Hypothesis:
        return next(one for one in self.study.runs[combination].hypotheses if one.name == name)

    def _posterior(self, combination: str, name: str) -> Posterior:
        if (combination, name) not in self._made:
            likelihoods = self.study.runs[combination].likelihoods
            made = posterior_for(self._hypothesis(combination, name), likelihoods, self._sky)
            self._made[combination, name] = made
        return self._made[combination, name]


@dataclass(frozen=True)
class Judged:
    """A statement and what the study says about it.

    Attributes
    ----------
    claim
        The statement.
    values
        Number and numerical error by combination, the statement's own first.
    unconverged
        Hypotheses whose evidence it takes from samplers that have not converged.
    power
        Sigma, or NaN.
    by_choice
        A Bayes factor under each choice that was varied in the statement's own combination, by its words.
    """

    claim: Claim
    values: Mapping[str, tuple[float, float]]
    unconverged: tuple[str, ...]
    power: float
    by_choice: Mapping[str, float] = field(default_factory=dict)

    @property
    def here(self) -> tuple[float, float]:
        """Number and error in the statement's own combination."""
        return self.values[self.claim.combination]

    @cached_property
    def span(self) -> tuple[float, float] | None:
        """Smallest and largest number, where there are several combinations."""
        known = [value for value, _ in self.values.values() if math.isfinite(value)]
        return (min(known), max(known)) if len(known) > 1 else None

    @property
    def verdict(self) -> str:
        """What follows, in words."""
        value, error = self.here
        if self.power < POWER_NEEDED:
            return "**no power**"
        if not math.isfinite(value):
            return "withheld: no number"
        if self.unconverged:
            return f"not decided: {', '.join(self.unconverged)} not converged"
        if not self.claim.is_clear(value, error):
            return "not decided: the limit lies within two numerical errors"
        known = {name: value for name, (value, _) in self.values.items() if math.isfinite(value)}
        holding = [name for name, value in known.items() if self.claim.holds(value)]
        turned = self._turned
        if not turned and len(holding) in {0, len(known)}:
            return "agrees" if holding else "**does not agree**"
        if len(holding) in {0, len(known)}:
            return f"**depends on** choices: {turned}"
        failing = [name for name in known if name not in holding]
        where = (
            f"holds only in {', '.join(holding)}" if len(holding) <= len(failing) else f"not in {', '.join(failing)}"
        )
        also = f"; in {self.claim.combination} {turned}" if turned else ""
        return f"**depends on** the data and choices: {where}{also}"

    @property
    def _turned(self) -> str:
        """The choices that decide whether the condition holds in the statement's own combination; empty if none."""
        holds = self.claim.holds(self.here[0])
        turned = [words for words, value in self.by_choice.items() if self.claim.holds(value) != holds]
        return f"{'not' if holds else 'only'} with {', '.join(turned)}" if turned else ""


def judge(claim: Claim, numbers: StudyNumbers) -> Judged:
    """Return what a study says about a statement."""
    about = [claim.combination]
    if claim.quantity in _FROM_TABLES:
        runs = numbers.study.runs
        about += [name for name, run in runs.items() if name != claim.combination and claim.is_about(run)]
    sampled = claim.hypotheses if claim.quantity in {"ln_b", "p_value"} else ()  # no sampling in a chi2
    unconverged = tuple(name for name in sampled if name in numbers.finished[claim.combination].unconverged)
    values = {name: numbers.value(claim, name) for name in about}
    by_choice = (
        numbers.finished[claim.combination].ln_b_by_choice(claim.hypothesis, claim.against or "")
        if claim.quantity == "ln_b"
        else {}
    )
    return Judged(claim, values, unconverged, numbers.power(claim), by_choice)


def claim_rows(claims: Sequence[Claim], numbers: StudyNumbers) -> list[list[str]]:
    """Return the rows of the table, in the order of :data:`HEAD`."""
    rows = []
    for claim in claims:
        found = judge(claim, numbers)
        value, error = found.here
        number = marked(_number(value, error), converged=not found.unconverged or not math.isfinite(value))
        span = "–" if found.span is None else f"{_number(found.span[0])} to {_number(found.span[1])}"
        condition = claim.condition + (f" ({claim.why})" if claim.why else "")
        statement = f"{claim.statement} ({claim.source})"
        power = "–" if math.isnan(found.power) else f"{found.power:.2g} σ"
        about = [_over_choices(claim, numbers), _fits(claim, numbers)]
        rows.append(
            [statement, claim.null or "–", _words(claim), condition, number, *about, span, power, found.verdict]
        )
    return rows


def _over_choices(claim: Claim, numbers: StudyNumbers) -> str:
    """Return the least and the largest value of a Bayes factor over choices, or that they were not measured."""
    if claim.quantity != "ln_b" or claim.against is None:
        return "–"
    found = numbers.finished[claim.combination]
    factor = found.factor(claim.hypothesis, claim.against)
    return "–" if factor is None else span_words(spread_of(factor, found.spreads)) or "not measured"


def _fits(claim: Claim, numbers: StudyNumbers) -> str:
    """Return whether the hypotheses of a Bayes factor describe the data, as p-values."""
    if claim.quantity != "ln_b":
        return "–"
    found = numbers.finished[claim.combination]
    return "; ".join(f"{name}: {p_words(found, name)}" for name in claim.hypotheses)


def _words(claim: Claim) -> str:
    where = f", {' and '.join(claim.likelihoods)}" if claim.likelihoods else ""
    over = f" over that of {claim.against}" if claim.against else ""
    at = f" at {claim.energy:g} GeV in {claim.region}" if claim.energy else ""
    there = f", over the same in {claim.other_region}" if claim.other_region else ""
    said = {
        "ln_b": f"ln B ({claim.hypothesis} : {claim.against})",
        "reduced_chi2_published": f"chi2 per point of {claim.hypothesis} at the published parameters{over}",
        "reduced_chi2_best_fit": f"chi2 per point of {claim.hypothesis} at the best fit{over}",
        "chi2_sigma": f"root of chi2 of {claim.hypothesis} less that of {claim.against}, at the published parameters",
        "p_value": f"share of data drawn from the posterior of {claim.hypothesis} that lie as far from it",
        "excess_sigma": f"data above {claim.hypothesis} at the published parameters, in sigma",
        "index_difference_sigma": "measured difference of the indices, in sigma",
        "flux_ratio": f"intensity of {claim.hypothesis}{at}{over}{there}",
        "component_share": f"share of {claim.component} in {claim.hypothesis}{at}",
    }[claim.quantity]
    return f"{said}{where}; {claim.combination}"


def _number(value: float, error: float = 0.0) -> str:
    if error > 0:
        return number_with_error(value, error)
    if not math.isfinite(value):
        return "–"
    return f"{value:.2g}" if abs(value) < 0.1 else f"{value:.2f}"
