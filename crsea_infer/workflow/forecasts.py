"""`crsea-infer forecast`: simulate what instruments would measure, compare hypotheses, tell how often that decides.

Pieces of work are handed out by the engine, to processes on this machine or to a dask scheduler, and each is a file as
soon as it is finished. A file is called by its question, so that the same command goes on where it stopped, and one
that asks for other exposures, instruments or more data sets in the same directory computes what is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.analysis.forecast_points import DATA_SETS_EACH, ForecastTask, foretell, point_key, rows_from_arrays
from crsea_infer.analysis.simulate import log_kept_share
from crsea_infer.inference.samplers.peak_evidence import PeakOptions
from crsea_infer.inference.samplers.tempered_particles import Smc
from crsea_infer.plan.run_check import check_run
from crsea_infer.plan.subsets import ALL
from crsea_infer.support.checkpoint import lock, read_arrays, write_arrays
from crsea_infer.support.cluster import check_address
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import make_directory, remove_leftovers
from crsea_infer.support.jobs import run_jobs
from crsea_infer.support.local import available_cores
from crsea_infer.support.output_names import (
    CALIBRATION_FILES,
    DATA_SETS,
    FIGURES,
    FORECAST_DATA,
    FORECAST_FILES,
    SKY_REGIONS,
)
from crsea_infer.support.processes import terminated_like_interrupted
from crsea_infer.support.version import __version__
from crsea_infer.workflow.listening import QUIET
from crsea_infer.workflow.run_directory import RunDirectory, versions

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.plan.forecast_file import Forecast, Instrument
    from crsea_infer.report.tables.forecast_tables import ForecastReport
    from crsea_infer.workflow.listening import Listener

__all__ = ["forecast_instruments"]

_MOST_WORKERS = 8


def forecast_instruments(
    forecast: Forecast,
    output: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    options: PeakOptions | None = None,
    listener: Listener = QUIET,
) -> ForecastReport:
    """Carry out a forecast, or what is left of it.

    Parameters
    ----------
    forecast
        What is asked.
    output
        The directory for the results; made if it is absent.
    workers
        Processes that work side by side; default: one per core, at most 8. 0: this process.
    scheduler
        Address of a dask scheduler whose workers do it instead. The results depend on neither.
    options
        Of the evidences.
    listener
        Who is told how far it is, and at the end the result; default: nobody.

    Raises
    ------
    UserError
        When the directory holds something else; when the hypotheses cannot be compared on the data of an instrument;
        when no scheduler answers.
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, with everything kept.
    """
    from crsea_infer import emulator
    from crsea_infer.emulator.response.region_cache import RegionCache
    from crsea_infer.report.figures.forecast_figures import write_forecast_figures
    from crsea_infer.report.tables.forecast_tables import ForecastReport, write_forecast_tables

    if scheduler is not None:
        check_address(scheduler)
    options = PeakOptions() if options is None else options
    _refuse_taken(output)
    make_directory(output)
    with lock(output), terminated_like_interrupted():
        regions = RegionCache.of_user(output / SKY_REGIONS)
        model = emulator.load(forecast.instruments[0].run.emulator, regions=regions)
        regions.keep_in(output / SKY_REGIONS)
        log_kept = np.array([_log_kept(instrument, model, options) for instrument in forecast.instruments])
        where = None if scheduler is not None else output / SKY_REGIONS
        tasks = [
            ForecastTask(
                one, exposure, true, first, min(DATA_SETS_EACH, forecast.data_sets - first), options, away, where
            )
            for away in (model if scheduler is not None else None,)
            for one in forecast.instruments
            for exposure in forecast.exposures
            for true in range(len(forecast.hypotheses))
            for first in range(0, forecast.data_sets, DATA_SETS_EACH)
        ]
        folder = make_directory(output / FORECAST_DATA)
        found = _found(tasks, folder, model, workers, scheduler, listener)
        remove_leftovers(output, folder, output / FIGURES, output / SKY_REGIONS)
        shape = (len(forecast.instruments), len(forecast.exposures), len(forecast.hypotheses))
        rows = np.concatenate([one for one, _ in found])
        report = ForecastReport(
            forecast=forecast,
            rows=rows.reshape(*shape, forecast.data_sets, *rows.shape[1:]),
            log_kept=log_kept,
            cpu_s=np.array([cpu_s for _, cpu_s in found]).reshape(*shape, -1).sum(axis=-1),
            identity={
                "model": model.fingerprint,
                "version": __version__,
                "seed": str(forecast.instruments[0].run.seed),
            },
            versions=versions(),
        )
        write_forecast_tables(output, report)
        write_forecast_figures(make_directory(output / FIGURES), report)
        listener.foretold(report, output)
    return report


def _log_kept(instrument: Instrument, model: SkyModel, options: PeakOptions) -> list[float]:
    """Check and prepare the posteriors of an instrument; return ln of the share of each prior that can be a truth."""
    run = instrument.at(1.0)
    by_hypothesis = check_run(run, model, [Smc(options.tempered)])
    posteriors: list[Posterior] = [by_data[ALL] for by_data in by_hypothesis.values()]
    generator = np.random.default_rng(np.random.SeedSequence(run.seed, spawn_key=(0,)))
    kept = []
    for posterior in posteriors:
        if not posterior.names:
            raise UserError(
                f"the hypothesis {posterior.hypothesis.name!r} has no free parameter, and its data have no nuisance",
                valid="hypotheses with a parameter that is not fixed",
                fix="leave it out, or give a parameter a distribution other than 'fixed'",
            )
        posterior.prepare()
        kept.append(log_kept_share(posterior, generator)[0])
    return kept


def _found(
    tasks: list[ForecastTask],
    folder: Path,
    model: SkyModel,
    workers: int | None,
    scheduler: str | None,
    listener: Listener,
) -> list[tuple[Any, float]]:
    """Return the rows and seconds of every task, of those that are on disk and of those that are now computed."""
    keys = [point_key(task, model.fingerprint) for task in tasks]
    found: dict[str, tuple[Any, float]] = {}

    def take(key: str, task: ForecastTask, arrays: dict[str, Any]) -> None:
        found[key] = rows_from_arrays(arrays, task.n, len(task.instrument.run.hypotheses))

    for key, task in zip(keys, tasks, strict=True):
        path = folder / f"{key}.h5"
        if path.exists():
            take(key, task, read_arrays(path, {"question": key}))
    missing = [(key, task) for key, task in zip(keys, tasks, strict=True) if key not in found]
    if found and missing:
        listener.tell(f"Resuming: {len(found)} of {len(tasks)} pieces of simulated data are there.")
    with listener.counting("pieces of simulated data") as count:
        count(len(found), len(tasks))

        def keep(index: int, arrays: dict[str, Any]) -> None:
            key, task = missing[index]
            write_arrays(folder / f"{key}.h5", {"question": key}, arrays)
            take(key, task, arrays)
            count(len(found), len(tasks))

        if missing:
            n_workers = min(len(missing), available_cores(), _MOST_WORKERS) if workers is None else workers
            run_jobs(
                foretell,
                [task for _, task in missing],
                [task.title for _, task in missing],
                lambda _index, _fraction, _words: None,
                workers=n_workers,
                scheduler=scheduler,
                take=keep,
            )
    return [found[key] for key in keys]


def _refuse_taken(output: Path) -> None:
    """Refuse the directory of a run or a calibration, and one with files of a name that a forecast would write over."""
    others = [*RunDirectory(output).results()]
    others += [name for name in (DATA_SETS, *CALIBRATION_FILES) if (output / name).exists()]
    if not (output / FORECAST_DATA).exists():
        others += [name for name in (*FORECAST_FILES, FIGURES) if (output / name).exists()]
    if others:
        raise UserError(
            f"{output} holds something else ({', '.join(others)}), which would mix with a forecast",
            valid="a new directory, or that of a forecast, which goes on",
            fix="choose another directory with --output",
        )
