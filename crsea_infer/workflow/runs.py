"""From a run file to a finished directory: sample, weigh, draw, tell.

A run is its hypotheses times its samplers; each pair is a task of its own, done in worker processes and kept on disk as
soon as it is finished. Everything after sampling (posterior files, tables, figures, the page) is made from the kept
results, so a run that was interrupted anywhere goes on from there, and a finished one only makes what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from crsea_infer.analysis.best_fit import best_of_variants
from crsea_infer.hypotheses.variants import VARIANT
from crsea_infer.inference.posterior_file import as_chains
from crsea_infer.inference.samplers.registry import longest_first, make, sampler_class
from crsea_infer.plan.run_check import check_run
from crsea_infer.plan.runs_beside import runs_beside
from crsea_infer.plan.sky_preparation import prepare_skies
from crsea_infer.plan.subsets import ALL
from crsea_infer.plan.tasks import AwayTask, Task, generator_for, run_identity, sample_away, sample_task
from crsea_infer.report.pages.run_page import write_page
from crsea_infer.report.products import IncompleteError, sections, write_products
from crsea_infer.report.results.summary import HypothesisSummary, RunSummary, Sampling, shown_sampler
from crsea_infer.report.tables.variant_shares import mixed_sampling
from crsea_infer.support.checkpoint import lock
from crsea_infer.support.cluster import check_address
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import make_directory, remove_leftovers
from crsea_infer.support.jobs import run_jobs
from crsea_infer.support.lanes import CORES, DEVICE, Lanes, device_present
from crsea_infer.support.output_names import BESIDE
from crsea_infer.support.processes import terminated_like_interrupted
from crsea_infer.workflow.listening import QUIET
from crsea_infer.workflow.run_directory import RunDirectory, versions
from crsea_infer.workflow.run_steps import run_steps, worker_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import Sampler, SamplerResult
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.workflow.listening import Listener, Reach

__all__ = ["NotConvergedError", "execute", "sample_together"]

_MOST_WORKERS = 8
_DURATION = (
    40.0  # seconds of a sampler whose duration is 1: rough, and only until the first of them tells how far it is
)


class NotConvergedError(UserError):
    """A run that is finished and kept, in which a sampler did not converge."""


def execute(
    run: RunFile,
    output: Path,
    seed: int | None = None,
    *,
    fresh: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    accept_unconverged: bool = False,
    listener: Listener = QUIET,
) -> Path:
    """Carry out a run, or what is left of it.

    Parameters
    ----------
    run
        What to do.
    output
        The directory for the results; made if it is absent.
    seed
        In place of the run file's.
    fresh
        Replace what another run (or this one) left there.
    workers
        Processes that sample side by side, and afterwards draw beside this one; default: one per core and task, at most
        8. 0: all in this process. The results do not depend on it.
    scheduler
        Address of a dask scheduler whose workers sample instead; the results do not depend on that either.
    accept_unconverged
        Only warn when a sampler did not converge.
    listener
        Who is told how far it is, and at the end the result; default: nobody.

    Returns
    -------
    Path
        The output directory.

    Raises
    ------
    UserError
        When the directory cannot be used, holds another run or is in use; when a result in it is damaged; when a
        likelihood is not a number; when a worker was killed again and again; when no scheduler answers.
    IncompleteError
        At the very end, with all the rest written, when a table or a figure could not be made.
    NotConvergedError
        At the very end, with everything written, when a sampler did not converge.
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, with everything kept.
    """
    if scheduler is not None:
        check_address(scheduler)
    if seed is not None:
        run = replace(run, seed=seed)
    beside = runs_beside(run)
    directory = RunDirectory(make_directory(output))
    with lock(directory.path), terminated_like_interrupted():
        begun = _begin(run, directory, _preparing(listener, workers, scheduler), fresh=fresh)
        tasks = begun.tasks
        with listener.overall(run_steps(tasks, workers, beside.values())) as reach:
            _sample(listener, [begun], workers, scheduler, reach)
            for number, (name, one) in enumerate(beside.items(), start=len(tasks)):
                listener.tell(f"Beside it: {name}")
                reach(number, 0.0)
                execute(
                    one,
                    directory.path / BESIDE / name,
                    seed,
                    fresh=fresh,
                    workers=workers,
                    scheduler=scheduler,
                    accept_unconverged=True,
                    listener=listener,
                )
                reach(number, 1.0)
            first = len(tasks) + len(beside)
            summary = _summarise(run, begun.identity, begun.model, begun.posteriors, tasks)
            missing = write_products(
                directory.path, summary, listener.tell, lambda number, done: reach(first + number, done), workers
            )
            found, more = sections(directory.path, summary)
            missing += more
            write_page(directory.path, summary, found, versions() | _hashes(begun.identity), missing)
        listener.finished(summary, found, directory.path)
    if missing:
        raise IncompleteError.of(missing)
    if summary.unconverged and not accept_unconverged:
        raise NotConvergedError(
            f"the run is finished, but not converged: {'; '.join(summary.unconverged)}",
            valid="samplers that say of themselves that they converged",
            fix="raise the option named above in the run file; --accept-unconverged takes the results as they are",
        )
    return directory.path


def sample_together(
    runs: Mapping[Path, RunFile],
    seed: int | None = None,
    *,
    fresh: bool = False,
    scheduler: str | None = None,
    listener: Listener = QUIET,
) -> None:
    """Do the samplings of several runs side by side, for :func:`execute` to find them finished.

    Parameters
    ----------
    runs
        Output directory -> run.
    seed, fresh, scheduler, listener
        As for :func:`execute`.

    Raises
    ------
    UserError
        As :func:`execute`.
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, with everything kept.
    """
    if scheduler is not None:
        check_address(scheduler)
    with ExitStack() as held, terminated_like_interrupted():
        begun = []
        for output, run in runs.items():
            directory = RunDirectory(make_directory(output))
            held.enter_context(lock(directory.path))
            seeded = run if seed is None else replace(run, seed=seed)
            begun.append(_begin(seeded, directory, _preparing(listener, None, scheduler), fresh=fresh))
        with listener.overall(run_steps([task for one in begun for task in one.tasks], None)) as reach:
            _sample(listener, begun, None, scheduler, reach)


@dataclass(frozen=True)
class _Begun:
    """A run whose directory is ours, and what it takes to sample it and to tell of it."""

    run: RunFile
    model: SkyModel
    posteriors: Mapping[str, Mapping[str, Posterior]]
    identity: dict[str, str]
    tasks: Sequence[Task]


Prepare = Callable[["RunFile", "SkyModel"], None]


def _preparing(listener: Listener, workers: int | None, scheduler: str | None) -> Prepare:
    """Return what trains the sky models of a run, and tells of it."""
    return partial(prepare_skies, workers=workers, scheduler=scheduler, report=listener.sampling)


def _begin(run: RunFile, directory: RunDirectory, prepare: Prepare, *, fresh: bool) -> _Begun:
    """Bind a run to its sky model, and take its directory, whose lock is held."""
    from crsea_infer import emulator
    from crsea_infer.emulator.response.region_cache import RegionCache

    regions = RegionCache.of_user(directory.sky_regions)
    model = emulator.load(run.emulator, regions=regions)
    posteriors = check_run(run, model, _left_to_do(run, directory, fresh=fresh), prepare)
    identity = run_identity(run, model.fingerprint)
    directory.claim(run, identity, model, fresh=fresh)
    remove_leftovers(*directory.folders)  # not before the directory is known to be ours
    regions.keep_in(directory.sky_regions)
    for name, by_data in posteriors.items():
        make_directory(directory.folder(name))
        for posterior in by_data.values():
            posterior.prepare()
    names = {
        name: {data: tuple(one for one in posterior.names if one != VARIANT) for data, posterior in by_data.items()}
        for name, by_data in posteriors.items()
    }
    return _Begun(run, model, posteriors, identity, _tasks(run, directory, identity, names))


def _left_to_do(run: RunFile, directory: RunDirectory, *, fresh: bool) -> list[Sampler]:
    """Return the samplers whose results are not all there: the others need no longer be installed."""
    found = {}
    posteriors = {one.name: dict.fromkeys(run.samplings(one.name), ()) for one in run.hypotheses}
    for task in _tasks(run, directory, {}, posteriors):
        if fresh or not task.result_path.exists():
            found[task.sampler] = make(task.sampler, run.samplers[task.sampler])
    return list(found.values())


def _tasks(
    run: RunFile,
    directory: RunDirectory,
    identity: dict[str, str],
    parameters: Mapping[str, Mapping[str, tuple[str, ...]]],
) -> list[Task]:
    """Return every sampling of the run; a part of the data only with samplers that give an evidence.

    `parameters` are the names of those of each posterior, hypothesis -> data -> names.
    """
    return [
        Task(run, name, sampler, directory.folder(name), identity, names, data, variant)
        for sampler in longest_first(run.samplers)
        for name, by_data in parameters.items()
        for variant in [one.name for one in run.variants] or [""]
        for data, names in by_data.items()
        if data == ALL or sampler_class(sampler).gives_evidence
    ]


def _on_device(task: Task) -> bool:
    """Tell whether a task computes on a device where there is one: those of JAX do."""
    chosen = getattr(task.run.samplers[task.sampler], "backend", "")
    return chosen == "jax" or "jax" in sampler_class(task.sampler).packages


def _sample(
    listener: Listener, runs: Sequence[_Begun], workers: int | None, scheduler: str | None, reach: Reach
) -> None:
    """Do the tasks of some runs that are not done yet."""
    tasks = [(task, begun.model) for begun in runs for task in begun.tasks]
    for task, _ in tasks:
        task.check()
    numbers = [number for number, (task, _) in enumerate(tasks) if not task.result_path.exists()]
    left = [AwayTask(*tasks[number]) for number in numbers]
    for number in sorted(set(range(len(tasks))).difference(numbers)):
        reach(number, 1.0)
    if not left:
        listener.tell("Sampling was finished before; nothing is sampled again.")
        return
    if len(left) < len(tasks) or any(away.task.checkpoint_path.exists() for away in left):
        listener.tell(f"Resuming: {len(tasks) - len(left)} of {len(tasks)} samplings are finished.")
    several = len(runs) > 1
    names = [f"{away.task.run.name}: {away.task.name}" if several else away.task.name for away in left]
    with listener.sampling(names) as meter:

        def update(index: int, fraction: float, words: str) -> None:
            reach(numbers[index], fraction)
            meter.update(index, fraction, words)

        if scheduler is not None:
            run_jobs(
                sample_away,
                left,
                names,
                update,
                scheduler=scheduler,
                take=lambda index, arrays: left[index].task.keep(arrays),
            )
        else:
            run_jobs(
                sample_task,
                [away.task for away in left],
                names,
                update,
                workers=worker_count(len(left), workers),
                lanes=Lanes(device=any(_on_device(away.task) for away in left) and device_present()),
                lane_of=lambda task: DEVICE if _on_device(task) else CORES,
            )
    for number in numbers:
        reach(number, 1.0)


def _summarise(
    run: RunFile,
    identity: dict[str, str],
    model: SkyModel,
    posteriors: Mapping[str, Mapping[str, Posterior]],
    tasks: Sequence[Task],
) -> RunSummary:
    summaries = []
    for name, by_data in posteriors.items():
        samplings = {
            data: _sampling(run, posterior, [task for task in tasks if (task.hypothesis, task.data) == (name, data)])
            for data, posterior in by_data.items()
        }
        posterior, whole = by_data[ALL], samplings.pop(ALL)
        shown = whole.results[shown_sampler(whole.results)]
        generator = generator_for(run, name, "draws")
        chains = as_chains(shown, generator)
        draws = chains.reshape(chains.shape[0] * chains.shape[1], chains.shape[2])  # where there is no parameter too
        summaries.append(
            HypothesisSummary(
                posterior=posterior,
                results=whole.results,
                best_fit=best_of_variants(posterior, shown),
                draws=generator.permutation(draws),
                others=samplings,
                variants=whole.variants,
            )
        )
    return RunSummary(run=run, identity=identity, model=model, hypotheses=tuple(summaries))


def _sampling(run: RunFile, posterior: Posterior, tasks: Sequence[Task]) -> Sampling:
    """Read what the tasks of a hypothesis on the same data found; of variants, mix it."""
    if not run.variants:
        return Sampling(posterior, _results(run, tasks))
    each = {one.name: _results(run, [task for task in tasks if task.variant == one.name]) for one in run.variants}
    return mixed_sampling(posterior, each, run.variants)


def _results(run: RunFile, tasks: Sequence[Task]) -> dict[str, SamplerResult]:
    """Read the results of tasks, in the order in which the run file names their samplers."""
    results = {}
    for task in sorted(tasks, key=lambda task: list(run.samplers).index(task.sampler)):
        result = task.result()
        if result is None:
            raise RuntimeError(f"{task.name} ended without a result")
        results[task.sampler] = result
    return results


def _hashes(identity: Mapping[str, str]) -> dict[str, str]:
    """Return the identity in words for the page; the version stands among the versions."""
    return {
        f"hash of the {name}" if name in {"run", "data", "training", "model"} else name: text
        for name, text in identity.items()
        if name != "version"
    }
