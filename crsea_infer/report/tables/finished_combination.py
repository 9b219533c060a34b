"""The numbers of one finished combination of a study, read from its tables."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crsea_infer.inference.evidence import BayesFactor, Evidence, bayes_factor, combine, disagreements
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.tables.atlas_record import atlas_beside, read_atlas
from crsea_infer.report.tables.goodness_of_fit_table import read_fits
from crsea_infer.report.tables.quoted_factors import read_spreads
from crsea_infer.report.tables.run_tables import read_cautions, read_evidences, read_unconverged
from crsea_infer.support.output_names import FACTORS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.report.tables.goodness_of_fit_table import Fit
    from crsea_infer.report.tables.quoted_factors import Spreads
    from crsea_infer.report.tables.robustness_tables import AtlasReport

__all__ = ["Finished", "read_finished"]


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
    varied
        Those choices in words, each by itself; empty where none were, or it is not known which.
    lnz_by_choice
        ln Z by hypothesis and each of those choices by itself, in words; NaN where it is withheld.
    missing_choices
        What an atlas says of evidences that it could not find: no spread has them.
    """

    evidences: Mapping[str, Evidence | None]
    unconverged: frozenset[str]
    cautions: tuple[str, ...]
    chi2: Mapping[tuple[str, str], Mapping[str, Any]]
    fits: Mapping[str, Fit] = field(default_factory=dict)
    spreads: Spreads = field(default_factory=dict)
    varied: tuple[str, ...] = ()
    lnz_by_choice: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    missing_choices: tuple[str, ...] = ()

    def factor(self, one: str, other: str) -> BayesFactor | None:
        """Return the Bayes factor of two hypotheses, or None when one of them has no evidence here."""
        first, second = self.evidences.get(one), self.evidences.get(other)
        if first is None or second is None:
            return None
        return bayes_factor(one, first, other, second, self.unconverged)

    def ln_b_by_choice(self, one: str, other: str) -> dict[str, float]:
        """Return ln B of two hypotheses under each choice by itself, where it is known."""
        first, second = self.lnz_by_choice.get(one, {}), self.lnz_by_choice.get(other, {})
        found = {words: lnz - second[words] for words, lnz in first.items() if words in second}
        return {words: ln_b for words, ln_b in found.items() if math.isfinite(ln_b)}


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
    beside = atlas_beside(directory)
    atlas = None if beside is None else read_atlas(beside)
    return Finished(
        evidences,
        read_unconverged(directory / "evidence.ecsv"),
        tuple(cautions),
        chi2,
        read_fits(directory),
        read_spreads(directory / FACTORS),
        () if atlas is None else _varied(atlas),
        {} if atlas is None else _lnz_by_choice(atlas),
        () if atlas is None else tuple(atlas.cautions),
    )


def _varied(atlas: AtlasReport) -> tuple[str, ...]:
    """Return the choices of an atlas in words."""
    axes = atlas.choices.axes
    return tuple(f"{axis.title}: {', '.join(option.title for option in axis.options)}" for axis in axes)


def _lnz_by_choice(atlas: AtlasReport) -> dict[str, dict[str, float]]:
    return {
        name: {atlas.choices.words(one): evidence.lnz for one, evidence in by_choice.items() if len(one) == 1}
        for name, by_choice in atlas.evidences.items()
    }
