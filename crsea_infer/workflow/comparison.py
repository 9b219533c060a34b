"""Bayes factors between the hypotheses of finished runs, from the tables in their directories alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.inference.evidence import BayesFactor, Evidence, bayes_factor, combine, disagreements
from crsea_infer.report.pages.plain_lines import evidence_line
from crsea_infer.report.tables.beside_table import beside_factors
from crsea_infer.report.tables.goodness_of_fit_table import Fit, read_fits
from crsea_infer.report.tables.quoted_factors import Spreads, factor_line, fit_words, read_spreads, unmeasured_line
from crsea_infer.report.tables.run_tables import read_cautions, read_evidences, read_unconverged
from crsea_infer.support.errors import UserError
from crsea_infer.support.output_names import FACTORS
from crsea_infer.workflow.run_directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Comparison", "compare"]

_TABLE = "evidence.ecsv"


@dataclass(frozen=True)
class Comparison:
    """Hypotheses that were tested with the same data.

    Attributes
    ----------
    evidences
        By hypothesis, in the order of the directories; one whose name was there before has its directory behind it.
    unconverged
        Hypotheses whose evidence is of samplers alone that did not converge.
    factors
        Of each pair.
    notes
        What a reader must know before believing the numbers, and which hypotheses have no evidence.
    fits
        Whether each hypothesis describes the data, of those whose run has asked.
    spreads
        Of Bayes factors over choices, of pairs that one run has compared.
    beside
        Bayes factors conditional on local data, of runs that stand beside those compared, in lines.
    """

    evidences: Mapping[str, Evidence]
    unconverged: tuple[str, ...]
    factors: tuple[BayesFactor, ...]
    notes: tuple[str, ...]
    fits: Mapping[str, Fit] = field(default_factory=dict)
    spreads: Spreads = field(default_factory=dict)
    beside: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """Everything, in lines of plain text."""
        return [
            *(
                evidence_line(name, evidence, converged=name not in self.unconverged)
                for name, evidence in self.evidences.items()
            ),
            *fit_words(self.fits),
            *self.beside,
            *(factor_line(factor, self.fits, self.spreads) for factor in self.factors),
            *unmeasured_line(self.factors, self.spreads),
            *self.notes,
        ]


def compare(directories: Sequence[Path]) -> Comparison:
    """Return the Bayes factors between all finished hypotheses of several output directories.

    Raises
    ------
    UserError
        When a directory is given twice or holds no finished run, when there are fewer than two hypotheses with an
        evidence, or when their data differ.
    """
    _refuse_repeated(directories)
    found: dict[str, Evidence] = {}
    data: dict[str, str] = {}
    notes: list[str] = []
    unconverged: list[str] = []
    fits: dict[str, Fit] = {}
    spreads: Spreads = {}
    for directory in directories:
        content = RunDirectory(Path(directory)).read()
        table = Path(directory) / _TABLE
        cautions, stuck = read_cautions(table), read_unconverged(table)
        described, called = read_fits(Path(directory)), {}
        for hypothesis, evidences in read_evidences(table).items():
            name = called[hypothesis] = hypothesis if hypothesis not in found else f"{hypothesis} ({directory})"
            quoted = combine(evidences)
            notes.extend(f"caution: {name} with {words}" for words in cautions.get(hypothesis, []))
            if quoted is None:
                notes.append(f"{name} has no evidence: none of its samplers gives one")
                continue
            found[name] = quoted
            if hypothesis in described:
                fits[name] = described[hypothesis]
            if hypothesis in stuck:
                unconverged.append(name)
            data[name] = content["identity"]["data"]
            notes.extend(f"caution: {name}: {words}" for words in disagreements(evidences))
        for (one, other), spread in read_spreads(Path(directory) / FACTORS).items():
            if one in called and other in called:
                spreads[called[one], called[other]] = spread
    if len(found) < 2:
        raise UserError(
            f"{len(found)} hypothesis with an evidence in {', '.join(str(path) for path in directories)}",
            valid="at least two",
            fix="give the output directories of finished runs with a sampler such as dynesty",
        )
    _refuse_other_data(data)
    factors = [bayes_factor(a, found[a], b, found[b], unconverged) for a, b in combinations(found, 2)]
    conditional = [one.line for path in directories for one in beside_factors(Path(path)) if one.is_conditional]
    beside = tuple(dict.fromkeys(conditional))
    return Comparison(found, tuple(unconverged), tuple(factors), tuple(notes), fits, spreads, beside)


def _refuse_other_data(data: Mapping[str, str]) -> None:
    """Refuse hypotheses whose data [hypothesis -> hash] differ."""
    first = next(iter(data))
    for name, its_data in data.items():
        if its_data != data[first]:
            raise UserError(
                f"{first} and {name} were tested with different data or options of the data",
                valid="hypotheses tested with the same data: only then do their evidences compare",
                fix="run them with the same likelihoods",
            )


def _refuse_repeated(directories: Sequence[Path]) -> None:
    """Refuse a directory that is given twice, in whatever spelling: a run says nothing against itself."""
    seen: dict[Path, Path] = {}
    for directory in directories:
        place = Path(directory).resolve()
        if place in seen:
            also = "" if str(seen[place]) == str(directory) else f", as {seen[place]} and as {directory}"
            raise UserError(
                f"{directory} is given twice{also}", valid="each output directory once", fix="drop one of them"
            )
        seen[place] = directory
