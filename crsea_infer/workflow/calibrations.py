"""`crsea-infer calibrate`: simulate, analyse, count, tell.

The simulated data sets are handed out as the points of a grid are, to processes on this machine or to a dask scheduler,
and kept as they finish; the tables, the figures and the page are made from them at the end. The same command on the
same directory goes on where it stopped; one that asks for more data sets adds to those that are there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.analysis.calibration import (
    DRAWS,
    LIGHT,
    Calibration,
    CalibrationRecipe,
    CalibrationTask,
    calibration_build,
    comparable,
    extend,
    full_options,
)
from crsea_infer.analysis.simulate import log_kept_share
from crsea_infer.inference.samplers.importance import Importance
from crsea_infer.plan.run_check import check_run
from crsea_infer.plan.subsets import ALL
from crsea_infer.support.checkpoint import lock
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import make_directory, remove_leftovers
from crsea_infer.support.output_names import CALIBRATION_FILES, DATA_SETS, FIGURES, SKY_REGIONS
from crsea_infer.support.processes import terminated_like_interrupted
from crsea_infer.workflow.listening import QUIET
from crsea_infer.workflow.run_directory import RunDirectory, versions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.support.schedule import Schedule
    from crsea_infer.workflow.listening import Listener

__all__ = ["calibrate"]


def _refuse_taken(output: Path) -> None:
    """Refuse the directory of a run, and one with files that a calibration would write over but has not written."""
    valid, fix = (
        "a new directory, or that of the same calibration, which goes on",
        "choose another directory with --output",
    )
    results = RunDirectory(output).results()
    if results:
        raise UserError(
            f"{output} holds a run ({', '.join(results)}), which would mix with a calibration", valid=valid, fix=fix
        )
    taken = [name for name in (*CALIBRATION_FILES, FIGURES) if (output / name).exists()]
    if taken and not (output / DATA_SETS).exists():
        raise UserError(
            f"{output} holds {', '.join(taken)} but no {DATA_SETS}, so it is not known whose results they are",
            valid=valid,
            fix=f"{fix}, or delete yourself what you do not need",
        )


def _refuse_without_parameters(posteriors: Sequence[Posterior]) -> None:
    """Refuse a hypothesis of which nothing can be estimated, and so nothing be calibrated."""
    for posterior in posteriors:
        if not posterior.names:
            raise UserError(
                f"the hypothesis {posterior.hypothesis.name!r} has no free parameter, and its data have no nuisance",
                valid="hypotheses with a parameter that is not fixed: the ln Z of the others is their ln L",
                fix="leave it out, or give a parameter a distribution other than 'fixed'",
            )


def calibrate(
    run: RunFile,
    n_data_sets: int,
    output: Path,
    seed: int | None = None,
    schedule: Schedule | None = None,
    *,
    listener: Listener = QUIET,
) -> Calibration:
    """Calibrate the hypotheses of a run, or finish what was begun.

    Parameters
    ----------
    run
        What is calibrated.
    n_data_sets
        Data sets that are simulated under each hypothesis.
    output
        The directory for the results; made if it is absent.
    seed
        In place of the run file's.
    schedule
        Where to compute.
    listener
        Who is told how far it is, and at the end the result; default: nobody.

    Raises
    ------
    UserError
        When the run has training sets; when the directory cannot be used, or holds something else; when no scheduler
        answers; when data sets cannot be simulated.
    """
    from crsea_infer import emulator
    from crsea_infer.emulator.response.region_cache import RegionCache
    from crsea_infer.report.calibration_products import write_calibration
    from crsea_infer.report.tables.calibration_tables import CalibrationReport
    from crsea_infer.support.schedule import Schedule, run_build

    if run.subsets.training:
        raise UserError(
            f"the run {run.name} has training sets (train_on), whose conditional evidences cannot be calibrated",
            valid="a run whose hypotheses all see the same data",
            fix="calibrate a run file without train_on",
        )
    if run.variants:
        raise UserError(
            f"the run {run.name} has [[variants]], whose averaged evidences cannot be calibrated: every data set would "
            f"be sampled with each of the {len(run.variants)}, and none of them is the one that data are drawn from",
            valid="a run with one sky model for each hypothesis",
            fix="calibrate a run file without [[variants]]",
        )
    _refuse_taken(output)
    if seed is not None:
        run = replace(run, seed=seed)
    make_directory(output)
    with lock(output), terminated_like_interrupted():
        regions = RegionCache.of_user(output / SKY_REGIONS)
        model = emulator.load(run.emulator, regions=regions)
        estimators = [Importance(LIGHT), Importance(full_options(run))]
        posteriors = [by_data[ALL] for by_data in check_run(run, model, estimators).values()]
        _refuse_without_parameters(posteriors)
        generator = np.random.default_rng(np.random.SeedSequence(run.seed, spawn_key=(0,)))
        kept = np.array([log_kept_share(posterior, generator) for posterior in posteriors])
        build = calibration_build(run, model.fingerprint, n_data_sets)
        extend(output / DATA_SETS, build)
        regions.keep_in(output / SKY_REGIONS)
        for posterior in posteriors:
            posterior.prepare()
        with listener.counting("simulated data sets") as progress:
            recipe = CalibrationRecipe(run, model)
            rows = run_build(build, output / DATA_SETS, schedule or Schedule(chunk=1), progress, recipe)
        remove_leftovers(output, output / FIGURES, output / SKY_REGIONS)  # not before the directory is known to be ours
        task = CalibrationTask(tuple(posteriors), run.seed, DRAWS, not comparable(run), full_options(run))
        found = Calibration.of(
            [hypothesis.name for hypothesis in run.hypotheses],
            [posterior.names for posterior in posteriors],
            rows,
            [task.truths(index, n_data_sets) for index in range(len(posteriors))],
        )
        report = CalibrationReport(
            run=run,
            identity=build.settings["identity"],
            versions=versions(),
            found=found,
            log_kept=kept[:, 0],
            labels={parameter.name: parameter.label for posterior in posteriors for parameter in posterior.parameters},
            not_comparable=comparable(run),
        )
        write_calibration(output, report)
        listener.calibrated(report, output)
    return found
