"""Evidences, Bayes factors, and what they mean in words.

All logarithms are natural. A Bayes factor carries the errors of both evidences; its verdict uses the scale of Kass and
Raftery (1995, J. Am. Stat. Assoc. 90, 773, section 3.2), which is stated for 2 ln B, and says "not resolved" when the
numerical error is too large to tell the hypotheses apart.

A conditional evidence is that of data D after a training set T: ln Z(D | T) = ln Z(D, T) - ln Z(T), from two samplings
with independent errors. It is the probability of D predicted by the posterior that T leaves, so that the width of a
prior that T narrows matters little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = [
    "DECISIVE",
    "BayesFactor",
    "Evidence",
    "Spread",
    "bayes_factor",
    "combine",
    "conditional",
    "disagreements",
    "marked",
    "quotable",
]

DECISIVE: Final = 5.0
"""ln B from which on evidence is very strong, by Kass and Raftery."""

_RESOLVED_SIGMA = 2.0
_AGREEMENT_SIGMA = 3.0


@dataclass(frozen=True)
class Evidence:
    """A natural logarithm of an evidence, its one-sigma error and the method that gave it."""

    lnz: float
    lnz_err: float
    method: str


@dataclass(frozen=True)
class Spread:
    """What ln B becomes with other choices that are as good: averaged over them, and the least and the largest."""

    averaged: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether choices were varied."""
        return all(math.isfinite(value) for value in (self.averaged, self.low, self.high))


@dataclass(frozen=True)
class BayesFactor:
    """How much more probable the data are under one hypothesis than under another.

    Attributes
    ----------
    hypothesis_1, hypothesis_2
        Names.
    ln_b
        ln Z_1 - ln Z_2.
    ln_b_err
        Its one-sigma numerical error, from both evidences.
    method
        The methods that gave the evidences.
    unconverged
        Which of the two hypotheses have an evidence of samplers alone that did not converge.
    """

    hypothesis_1: str
    hypothesis_2: str
    ln_b: float
    ln_b_err: float
    method: str
    unconverged: tuple[str, ...] = ()

    @property
    def resolved(self) -> bool:
        """Whether the sign of ln B is known at two sigma."""
        return abs(self.ln_b) > _RESOLVED_SIGMA * self.ln_b_err

    @property
    def in_order(self) -> tuple[str, str]:
        """The hypothesis with the larger evidence, and the other one."""
        names = (self.hypothesis_1, self.hypothesis_2)
        return names if self.ln_b >= 0.0 else (names[1], names[0])

    @property
    def words(self) -> str:
        """What is favoured, and how strongly, whether or not the samplers converged."""
        if not self.resolved:
            return f"not resolved: |ln B| = {abs(self.ln_b):.2f} is within two sigma of zero"
        favoured, other = self.in_order
        return f"{kass_raftery(abs(self.ln_b))} evidence for {favoured} over {other}"

    @property
    def verdict(self) -> str:
        """The verdict in words, naming the favoured hypothesis."""
        return self.marked(self.words)

    @property
    def status(self) -> str:
        """Whether both evidences come from samplers that converged, or whose does not."""
        return f"not converged: {', '.join(self.unconverged)}" if self.unconverged else "converged"

    def marked(self, text: str) -> str:
        """Return what is said of the factor, with a mark where an evidence did not converge."""
        return marked(text, converged=not self.unconverged)


def kass_raftery(ln_b: float) -> str:
    """Return the category of Kass and Raftery (1995) for ln B >= 0 (they tabulate 2 ln B: 2, 6, 10)."""
    twice = 2.0 * ln_b
    if twice < 2.0:
        return "barely any"
    if twice < 6.0:
        return "positive"
    return "strong" if ln_b < DECISIVE else "very strong"


def marked(text: str, *, converged: bool) -> str:
    """Return a number or a verdict, with a mark when what it rests on did not converge."""
    return text if converged else f"{text} (not converged)"


def bayes_factor(
    name_1: str, evidence_1: Evidence, name_2: str, evidence_2: Evidence, unconverged: Collection[str] = ()
) -> BayesFactor:
    """Compare two hypotheses on the same data; `unconverged` names hypotheses whose evidence did not converge."""
    methods = dict.fromkeys((evidence_1.method, evidence_2.method))
    return BayesFactor(
        hypothesis_1=name_1,
        hypothesis_2=name_2,
        ln_b=evidence_1.lnz - evidence_2.lnz,
        ln_b_err=math.hypot(evidence_1.lnz_err, evidence_2.lnz_err),
        method=" and ".join(methods),
        unconverged=tuple(name for name in (name_1, name_2) if name in unconverged),
    )


def conditional(joint: Evidence, training: Evidence) -> Evidence:
    """Return the evidence of the data given the training set, from that of both and that of the training set."""
    methods = " and ".join(dict.fromkeys((joint.method, training.method)))
    return Evidence(
        lnz=joint.lnz - training.lnz,
        lnz_err=math.hypot(joint.lnz_err, training.lnz_err),
        method=f"{methods}, with and without the data",
    )


def disagreements(evidences: Mapping[str, Evidence]) -> list[str]:
    """Name the pairs of samplers whose ln Z of one hypothesis differ by more than three sigma, or may do so."""
    names = list(evidences)
    found = []
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            difference = evidences[first].lnz - evidences[second].lnz
            error = math.hypot(evidences[first].lnz_err, evidences[second].lnz_err)
            if not abs(difference) <= _AGREEMENT_SIGMA * error:  # of an error that is nan nothing is known
                found.append(f"{first} and {second} differ by {difference:+.2f} +- {error:.2f} in ln Z")
    return found


def quotable(evidences: Mapping[str, Evidence], converged: Collection[str]) -> dict[str, Evidence]:
    """Return the evidences that may be quoted: those of the samplers that converged; all when none of them did."""
    good = {name: evidence for name, evidence in evidences.items() if name in converged}
    return good or dict(evidences)


def combine(evidences: Mapping[str, Evidence]) -> Evidence | None:
    """Return the evidence to quote for a hypothesis, out of those that its samplers gave.

    Samplers that agree: the one with the smallest error. Samplers that disagree by more than three sigma: their mean,
    with half their spread as error, because then at least one quoted error is wrong. None when there is none.
    """
    if not evidences:
        return None
    if not disagreements(evidences):
        return min(evidences.values(), key=lambda evidence: evidence.lnz_err)
    values: Sequence[float] = [evidence.lnz for evidence in evidences.values()]
    errors = [evidence.lnz_err for evidence in evidences.values()]
    half = 0.5 * (max(values) - min(values))
    return Evidence(
        lnz=math.fsum(values) / len(values),
        lnz_err=math.nan if any(math.isnan(error) for error in errors) else max(half, *errors),
        method=" and ".join(evidence.method for evidence in evidences.values()) + ", in disagreement",
    )
