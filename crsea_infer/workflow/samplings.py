"""The samplings of runs: what there is to sample, what of it is left, and doing it, for one run or for several at once.

A run is begun by binding it to its sky model and claiming its directory, whose lock is held; then its samplings are
tasks like those of any other run (see :mod:`crsea_infer.plan.tasks`), done in processes here or by the workers of a
dask scheduler. What is made of their results is no matter of this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from crsea_infer.hypotheses.variants import VARIANT
from crsea_infer.inference.samplers.registry import longest_first, make, sampler_class
from crsea_infer.plan.run_check import check_run
from crsea_infer.plan.sky_preparation import prepare_skies
from crsea_infer.plan.subsets import ALL
from crsea_infer.plan.tasks import AwayTask, Task, run_identity, sample_away, sample_task
from crsea_infer.support.files import make_directory, remove_leftovers
from crsea_infer.support.jobs import run_jobs
from crsea_infer.support.lanes import CORES, DEVICE, Lanes, device_present
from crsea_infer.workflow.run_steps import worker_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import Sampler
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.workflow.listening import Listener, Reach
    from crsea_infer.workflow.run_directory import RunDirectory

__all__ = ["NOTHING_LEFT", "Begun", "Prepare", "begin", "is_sampled", "lane_of", "lanes_for", "preparing", "sample"]

NOTHING_LEFT: Final = "Sampling was finished before; nothing is sampled again."


@dataclass(frozen=True)
class Begun:
    """A run whose directory is ours, and what it takes to sample it and to tell of it."""

    run: RunFile
    model: SkyModel
    posteriors: Mapping[str, Mapping[str, Posterior]]
    identity: dict[str, str]
    tasks: Sequence[Task]


Prepare = Callable[["RunFile", "SkyModel"], None]


def preparing(listener: Listener, workers: int | None, scheduler: str | None) -> Prepare:
    """Return what trains the sky models of a run, and tells of it."""
    return partial(prepare_skies, workers=workers, scheduler=scheduler, report=listener.sampling)


def begin(run: RunFile, directory: RunDirectory, prepare: Prepare, *, fresh: bool) -> Begun:
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
    return Begun(run, model, posteriors, identity, _tasks(run, directory, identity, names))


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


def is_sampled(task: Task) -> bool:
    """Tell whether the result of a task is there; a damaged one is refused when it is read."""
    return task.result_path.exists()


def lane_of(task: Task) -> str:
    """Return which part of this machine a task is for: those of JAX go to the device, where there is one."""
    chosen = getattr(task.run.samplers[task.sampler], "backend", "")
    return DEVICE if chosen == "jax" or "jax" in sampler_class(task.sampler).packages else CORES


def lanes_for(tasks: Iterable[Task]) -> Lanes:
    """Return the parts of this machine that tasks are for."""
    return Lanes(device=any(lane_of(task) == DEVICE for task in tasks) and device_present())


def sample(listener: Listener, runs: Sequence[Begun], workers: int | None, scheduler: str | None, reach: Reach) -> None:
    """Do the tasks of some runs that are not done yet."""
    tasks = [(task, begun.model) for begun in runs for task in begun.tasks]
    for task, _ in tasks:
        task.check()
    numbers = [number for number, (task, _) in enumerate(tasks) if not is_sampled(task)]
    left = [AwayTask(*tasks[number]) for number in numbers]
    for number in sorted(set(range(len(tasks))).difference(numbers)):
        reach(number, 1.0)
    if not left:
        listener.tell(NOTHING_LEFT)
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
            here = [away.task for away in left]
            run_jobs(
                sample_task,
                here,
                names,
                update,
                workers=worker_count(len(here), workers),
                lanes=lanes_for(here),
                lane_of=lane_of,
            )
    for number in numbers:
        reach(number, 1.0)
