"""Study files: the same hypotheses tested with several combinations of data and choices.

A study is a run file with a table of combinations. Each combination names its data sets, may change their options, and
may take prior sets from all hypotheses or give them more; it becomes an ordinary run. What a published paper says can
stand in the file too, as claims about numbers that the study gives, so that the results say where they agree with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from crsea_infer.content import finding
from crsea_infer.content.toml_files import Entry, SchemaOf, read_toml, validate
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.plan.claims import Claim, check_claim
from crsea_infer.plan.run_entries import ExactCheckEntry, GoodnessOfFitEntry, PriorSensitivityEntry, SamplerTables
from crsea_infer.plan.run_file import RunFile, load_run, run_from
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.names import check_name, refuse_alike

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Comparison", "Study", "StudyEntry", "is_study", "load_runs", "load_study"]


class Comparison(Entry):
    """Bayes factors that answer one question: pairs of hypotheses.

    Attributes
    ----------
    title
        The question.
    pairs
        Two hypotheses each.
    """

    title: str
    pairs: list[list[str]]


class _CombinationEntry(Entry):
    """One combination of data and choices: a run of its own.

    Attributes
    ----------
    title
        What is special about it, in a line.
    likelihoods
        Names or paths of its data sets.
    options
        Keys of a data set's likelihood.toml, changed for this combination alone.
    hypotheses
        Some of those of the study; default: all.
    without_prior_sets, with_prior_sets
        Taken from every hypothesis, and added to it.
    samplers
        In place of, or beside, those of the study.
    """

    title: str
    likelihoods: list[str]
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    hypotheses: list[str] | None = None
    without_prior_sets: list[str] = Field(default_factory=list)
    with_prior_sets: list[str] = Field(default_factory=list)
    samplers: SamplerTables = Field(default_factory=dict)


class StudyEntry(Entry):
    """A study: the same hypotheses tested with several combinations of data and choices.

    Attributes
    ----------
    title, description
        Words for the page.
    hypotheses
        Names.
    main_hypotheses
        Those whose chi2 is shown for every data set.
    options
        Keys of a data set's likelihood.toml, changed in every combination that has it, where that does not change them
        itself.
    with_prior_sets
        Added to every hypothesis.
    samplers
        With their options, one table for each: [samplers.NAME].
    seed
        Of all random numbers.
    exact_check
        Posterior samples that are evaluated again with the transport solver.
    goodness_of_fit
        Data that are drawn from each hypothesis, to see whether it describes the measured ones.
    prior_sensitivity
        Prior widths that are varied when the sampling is done.
    combinations
        One table for each: [combinations.NAME].
    comparisons
        Which Bayes factors answer which question.
    claims
        Published statements about numbers of the study.
    remarks
        Paragraphs that the results end with.
    """

    title: str
    description: str = ""
    hypotheses: list[str]
    main_hypotheses: list[str] = Field(default_factory=list)
    seed: int = 1
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    with_prior_sets: list[str] = Field(default_factory=list)
    samplers: SamplerTables
    exact_check: Annotated[dict[str, Any], SchemaOf(ExactCheckEntry)] = Field(default_factory=dict)
    goodness_of_fit: Annotated[dict[str, Any], SchemaOf(GoodnessOfFitEntry)] = Field(default_factory=dict)
    prior_sensitivity: Annotated[dict[str, Any], SchemaOf(PriorSensitivityEntry)] = Field(default_factory=dict)
    combinations: dict[str, _CombinationEntry]
    comparisons: list[Annotated[dict[str, Any], SchemaOf(Comparison)]] = Field(default_factory=list)
    claims: list[Annotated[dict[str, Any], SchemaOf(Claim)]] = Field(default_factory=list)
    remarks: list[str] = Field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Study:
    """A study file that was read, checked and resolved.

    Attributes
    ----------
    name
        Its name without ".toml".
    path
        The file.
    runs
        Of each combination, by its name.
    main_hypotheses
        Those whose chi2 is shown for every data set.
    comparisons
        Which Bayes factors answer which question.
    claims
        Published statements about numbers of the study.
    remarks
        Paragraphs that the results end with.
    """

    name: str
    path: Path
    title: str
    description: str
    runs: Mapping[str, RunFile]
    main_hypotheses: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    claims: tuple[Claim, ...]
    remarks: tuple[str, ...]


def is_study(name: str | Path) -> bool:
    """Return whether a run file, found by name or path, is a study.

    Raises
    ------
    UserError
        When there is no such file or it is not TOML.
    """
    return "combinations" in read_toml(finding.find("runs", str(name)))


def load_runs(name: str | Path) -> tuple[RunFile, ...]:
    """Return the run of a run file, or those of a study; raises as :func:`load_study`."""
    return tuple(load_study(name).runs.values()) if is_study(name) else (load_run(name),)


def load_study(name: str | Path) -> Study:
    """Find a study file by name or path, read it and resolve the run of each combination.

    Raises
    ------
    UserError
        On anything that is absent, unknown, misspelt or given twice, with file and key.
    """
    path = finding.find("runs", str(name))
    entry = validate(StudyEntry, read_toml(path), str(path))
    if not entry.combinations:
        raise UserError(f"{path}: has no combination", valid="at least one table [combinations.NAME]")
    refuse_alike(entry.combinations, f"{path}: combinations", "combination")
    runs = {}
    for label, combination in entry.combinations.items():
        check_name(label, f"{path}: [combinations]", "combination")
        chosen = entry.hypotheses if combination.hypotheses is None else combination.hypotheses
        given: dict[str, Any] = {
            "title": combination.title,
            "description": entry.description,
            "hypotheses": {one: _prior_sets(path, label, one, entry, combination) for one in chosen},
            "likelihoods": combination.likelihoods,
            "options": _options(path, entry, combination),
            "samplers": {**entry.samplers, **combination.samplers},
            "seed": entry.seed,
            "exact_check": entry.exact_check,
            "goodness_of_fit": entry.goodness_of_fit,
            "prior_sensitivity": entry.prior_sensitivity,
        }
        try:
            runs[label] = run_from(path, label, given)
        except UserError as error:
            raise UserError(f"combinations.{label}: {error.given}", valid=error.valid, fix=error.fix) from error
    comparisons = tuple(
        validate(Comparison, one, f"{path}: [[comparisons]] number {number}")
        for number, one in enumerate(entry.comparisons, start=1)
    )
    claims = tuple(
        validate(Claim, one, f"{path}: [[claims]] number {number}") for number, one in enumerate(entry.claims, start=1)
    )
    _check_names(path, entry, runs, comparisons, claims)
    return Study(
        name=path.stem,
        path=path,
        title=entry.title,
        description=entry.description,
        runs=runs,
        main_hypotheses=tuple(entry.main_hypotheses or entry.hypotheses),
        comparisons=comparisons,
        claims=claims,
        remarks=tuple(entry.remarks),
    )


def _options(path: Path, entry: StudyEntry, combination: _CombinationEntry) -> dict[str, dict[str, Any]]:
    """Return the options of a combination: those of the study for the data sets that it has, changed by its own."""
    called = {finding.likelihood_name(name, path.parent) for name in combination.likelihoods}
    common = {name: options for name, options in entry.options.items() if name in called}
    return common | {name: common.get(name, {}) | own for name, own in combination.options.items()}


def _prior_sets(
    path: Path, label: str, hypothesis: str, study: StudyEntry, combination: _CombinationEntry
) -> list[str]:
    where = f"{path}: combinations.{label}"
    own = [*load_hypothesis(hypothesis, where=where).prior_sets, *study.with_prior_sets]
    for name in combination.without_prior_sets:
        if name not in own:
            raise unknown_name(f"prior set of {hypothesis}", name, own, where=f"{where}.without_prior_sets")
    return [*(name for name in own if name not in combination.without_prior_sets), *combination.with_prior_sets]


def _check_names(
    path: Path,
    entry: StudyEntry,
    runs: Mapping[str, RunFile],
    comparisons: tuple[Comparison, ...],
    claims: tuple[Claim, ...],
) -> None:
    """Refuse names in comparisons, claims and the main hypotheses that the study does not have."""
    for pair in (pair for comparison in comparisons for pair in comparison.pairs):
        if len(pair) != 2:
            raise UserError(f"{path}: comparisons: {pair}", valid="pairs of two hypotheses")
    compared = [name for comparison in comparisons for pair in comparison.pairs for name in pair]
    for key, names in (("main_hypotheses", entry.main_hypotheses), ("comparisons", compared)):
        _refuse_unknown("hypothesis", names, entry.hypotheses, f"{path}: {key}")
    had = {
        finding.likelihood_name(name, path.parent) for one in entry.combinations.values() for name in one.likelihoods
    }
    _refuse_unknown("likelihood of any combination", list(entry.options), sorted(had), f"{path}: options")
    for claim in claims:
        check_claim(claim, runs, f"{path}: claims, {claim.statement!r}")


def _refuse_unknown(kind: str, names: Sequence[str], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise unknown_name(kind, name, known, where=where)
