"""Carry out a study: the run of each combination, then one page that puts their numbers side by side.

Each combination has its own folder, which is the output of an ordinary run: it resumes, and `crsea-infer compare` reads
it. All of them stand in one queue (see :mod:`crsea_infer.workflow.combinations`). The page, `results.md`, is made from
the tables in those folders alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer import emulator
from crsea_infer.plan.run_check import check_study
from crsea_infer.report.pages.study_page import write_results
from crsea_infer.report.products import IncompleteError
from crsea_infer.report.tables.finished_combination import read_finished
from crsea_infer.support.cluster import check_address
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import make_directory, read_text
from crsea_infer.support.output_names import RESULTS
from crsea_infer.workflow.combinations import carry_out
from crsea_infer.workflow.listening import QUIET

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.plan.study_file import Study
    from crsea_infer.workflow.listening import Listener

__all__ = ["execute_study"]

_SAID = "Made by `crsea-infer run "
"""What every page of a study says."""


def execute_study(
    study: Study,
    output: Path,
    seed: int | None = None,
    *,
    fresh: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    accept_unconverged: bool = False,
    listener: Listener = QUIET,
) -> Path:
    """Carry out a study, or what is left of it.

    Parameters
    ----------
    study
        What to do.
    output
        The directory for the results; made if it is absent. Each combination gets a folder in it.
    seed
        In place of the study's.
    fresh
        Replace what another run left there.
    workers
        Processes that sample and make tables and figures, all combinations side by side; default: one per core, at most
        8. 0: all in this process. The results do not depend on it.
    scheduler
        Address of a dask scheduler whose workers sample instead; tables and figures are made here.
    accept_unconverged
        Do not fail at the end when a run has not converged; its status stands in the tables either way.
    listener
        Who is told how far it is, and the result of each run; default: nobody.

    Returns
    -------
    Path
        The page of results.

    Raises
    ------
    UserError
        When the address is none; when a page of that name is there that no study wrote; as
        :func:`crsea_infer.workflow.runs.execute`. What has not converged is said at the end, with everything written.
    """
    if scheduler is not None:
        check_address(scheduler)
    directory = make_directory(output)
    _refuse_foreign(directory / RESULTS)
    check_study(study, emulator.load())  # before hours of sampling: a later combination must not end what went before
    made = carry_out(
        {directory / name: run for name, run in study.runs.items()},
        seed,
        fresh=fresh,
        workers=workers,
        scheduler=scheduler,
        listener=listener,
    )
    missing = [f"{output.name}: {IncompleteError.of(words).given}" for output, words in made.items() if words]
    page = write_results(study, directory)
    listener.tell("")
    listener.tell(f"Results of all combinations: {page}")
    if missing:
        raise IncompleteError.of(missing)
    unconverged = {name: found.cautions for name in study.runs if (found := read_finished(directory / name)).cautions}
    if unconverged and not accept_unconverged:
        name, cautions = next(iter(unconverged.items()))
        raise UserError(
            f"the study is finished, but not converged in {', '.join(unconverged)}; first in {name}: {cautions[0]}",
            valid="samplers that converge and agree",
            fix="raise their options in the study file; --accept-unconverged takes the results as they are",
        )
    return page


def _refuse_foreign(page: Path) -> None:
    """Refuse, before hours of sampling, to write over a page that is not that of a study."""
    try:
        written = _SAID in read_text(page)
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, UserError):  # not readable, or no text, or no file
        written = False
    if not written:
        raise UserError(
            f"{page} is not the page of a study, and would be replaced",
            valid="a new directory, or that of the same study, which goes on",
            fix="choose another directory with --output, or rename the file",
        )
