"""What is to be cited for a run, a study or this package: from the directory of what is finished, or from its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.content.bibliography import merged, read_cited
from crsea_infer.plan.used_references import LEAVE_ONE_OUT, OWN, leaves_one_out, references_used
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import read_text
from crsea_infer.support.output_names import BESIDE, RECORD, REFERENCES

if TYPE_CHECKING:
    from crsea_infer.content.bibliography import Cited

__all__ = ["cited_by", "cited_in"]


def cited_by(run: str | None) -> tuple[Cited, ...]:
    """Return each work that a run uses, once, with what it is used for.

    Parameters
    ----------
    run
        Directory of a finished run or study, or name or path of a run or study file; None: this package alone.

    Raises
    ------
    UserError
        When there is no such run, it is not valid, or its directory does not say what it used.
    """
    if run is None:
        return merged([OWN])
    directory = Path(run).expanduser()
    if directory.is_dir() and _runs_in(directory):
        return cited_in(directory)
    from crsea_infer import emulator
    from crsea_infer.plan.study_file import load_runs

    uses = []
    for run_file in load_runs(run):
        uses += references_used(run_file, emulator.load(run_file.emulator))
        uses += LEAVE_ONE_OUT if leaves_one_out(run_file) else ()
    return merged(uses)


def cited_in(directory: Path) -> tuple[Cited, ...]:
    """Return what the finished runs in a directory used: of a run with those beside it, or of a study.

    Raises
    ------
    UserError
        When one of them has no references.bib, or it cannot be read.
    """
    found: dict[str, Cited] = {}
    for folder in _runs_in(directory):
        path = folder / REFERENCES
        if not path.is_file():
            raise UserError(
                f"{folder} does not say what its run used: there is no {REFERENCES}",
                valid="the directory of a finished run",
                fix="give the command of the run again, which samples nothing that is there; or cite its run file",
            )
        for one in read_cited(read_text(path), str(path)):
            key = one.note if one.work is None else one.work.key
            earlier = found.get(key)
            uses = one.uses if earlier is None else tuple(dict.fromkeys((*earlier.uses, *one.uses)))
            found[key] = one if earlier is None else type(one)(earlier.work, earlier.note, uses)
    return tuple(found.values())


def _runs_in(directory: Path) -> list[Path]:
    """Return the directories of runs: the directory itself with the runs beside, or those of a study's combinations."""
    folders = [directory, *sorted((directory / BESIDE).glob("*"))]
    if not (directory / RECORD).is_file():
        folders = sorted(directory.glob("*"))
    return [folder for folder in folders if (folder / RECORD).is_file()]
