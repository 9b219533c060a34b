"""Runs whose Bayes factors are shown beside those of another run.

A Bayes factor between priors as published is one number; the same question asked of measured local spectra, or with
other data, is another run. The key `beside` names such runs: they are carried out in the folder `beside` of the output,
each as the run that it is, and what they found stands on the page of the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError
from crsea_infer.support.names import refuse_alike

if TYPE_CHECKING:
    from crsea_infer.plan.run_file import RunFile

__all__ = ["runs_beside"]


def runs_beside(run: RunFile) -> dict[str, RunFile]:
    """Return the runs that a run names under `beside`, by name.

    Raises
    ------
    UserError
        As :func:`crsea_infer.plan.run_file.load_run`; and when a run stands beside itself, is named twice, or has runs
        beside it itself.
    """
    names = [path.stem for path in run.beside]
    refuse_alike(names, f"{run.path}: beside", "run")
    if run.path in run.beside or len(set(names)) < len(names):
        raise UserError(f"{run.path}: beside = {names}", valid="other runs, each once")
    found = {path.stem: load_run(path) for path in run.beside}
    for name, one in found.items():
        if one.beside:
            raise UserError(
                f"{run.path}: beside: the run {name!r} has runs beside it",
                valid="runs without the key 'beside'",
                fix=f"name {', '.join(path.stem for path in one.beside)} here as well, and remove the key there",
            )
    return found
