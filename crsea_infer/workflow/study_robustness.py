"""The atlas of every combination of a study, and the page of the study with what choices make of its Bayes factors.

Each atlas lies beside the run of its combination, so that what ships is known, and is of the hypotheses whose Bayes
factors the study is about: its main ones, and those that statements on its page compare in that combination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.report.pages.study_page import write_results
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.workflow.atlas_directory import AtlasDirectory
from crsea_infer.workflow.listening import QUIET
from crsea_infer.workflow.robustness import robustness

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from crsea_infer.plan.choices import ChoiceList
    from crsea_infer.plan.study_file import Study
    from crsea_infer.workflow.listening import Listener

__all__ = ["hypotheses_asked_for", "study_robustness"]


def hypotheses_asked_for(study: Study, name: str, given: Collection[str] = ()) -> tuple[str, ...]:
    """Return the hypotheses of a combination whose Bayes factors get a spread over choices.

    Parameters
    ----------
    study, name
        The study and its combination.
    given
        Names of these alone; default: main hypotheses, and those that statements compare in this combination.
    """
    if given:
        return tuple(one.name for one in study.runs[name].hypotheses if one.name in given)
    claimed = {
        one
        for claim in study.claims
        if claim.quantity == "ln_b" and claim.combination == name
        for one in (claim.hypothesis, claim.against)
    }
    return tuple(
        one.name for one in study.runs[name].hypotheses if one.name in claimed or one.name in study.main_hypotheses
    )


def study_robustness(
    study: Study,
    choices: ChoiceList,
    output: Path,
    seed: int | None = None,
    *,
    fresh: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    hypotheses: Collection[str] = (),
    combinations: Collection[str] = (),
    listener: Listener = QUIET,
) -> Path:
    """Make the atlases of a finished study, or what is left of them, and its page anew.

    Parameters
    ----------
    study
        That was carried out.
    choices
        In which other ways.
    output
        The directory of the study.
    seed, fresh, workers, scheduler, listener
        As for :func:`crsea_infer.workflow.robustness.robustness`.
    hypotheses
        As :func:`hypotheses_asked_for`.
    combinations
        Of these alone; the page has all of them.

    Returns
    -------
    Path
        The page of results.

    Raises
    ------
    UserError
        When a name is none; when a combination has not been carried out there; as
        :func:`crsea_infer.workflow.robustness.robustness`, after all combinations.
    """
    _refuse_unknown("hypothesis", hypotheses, {one.name for run in study.runs.values() for one in run.hypotheses})
    _refuse_unknown("combination", combinations, study.runs)
    absent = [name for name in combinations or study.runs if not AtlasDirectory(output / name).holds_run()]
    if absent:
        raise UserError(
            f"{output} holds no run of {', '.join(absent)}",
            valid=f"the directory of the study {study.name}, carried out",
            fix=f"crsea-infer run {study.name} --output {output}",
        )
    lost = []
    for number, name in enumerate(study.runs, start=1):
        run = study.runs[name]
        asked = hypotheses_asked_for(study, name, hypotheses)
        if (combinations and name not in combinations) or not asked:
            continue
        listener.tell("")
        listener.tell(f"Combination {number} of {len(study.runs)}: {run.title} ({name})")
        try:
            robustness(
                run,
                choices,
                output / name,
                seed,
                fresh=fresh,
                workers=workers,
                scheduler=scheduler,
                hypotheses=asked,
                listener=listener,
            )
        except UserError as error:
            lost.append(f"{name}: {error.given}")
        page = write_results(study, output)
    listener.tell("")
    listener.tell(f"Results of all combinations: {page}")
    if lost:
        raise UserError(
            f"atlases are not complete: {'; '.join(lost)}",
            valid="choices that apply, and an evidence of what ships",
            fix="the same command goes on with what is missing",
        )
    return page


def _refuse_unknown(what: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise unknown_name(what, name, known, where="the study")
