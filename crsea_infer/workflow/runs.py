"""From a run file to a finished directory: sample, weigh, draw, tell.

A run is its hypotheses times its samplers; each pair is a task of its own, done in worker processes and kept on disk as
soon as it is finished. Everything after sampling (posterior files, tables, figures, the page) is made from the kept
results, so a run that was interrupted anywhere goes on from there, and a finished one only makes what is missing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crsea_infer.analysis.best_fit import best_of_variants
from crsea_infer.inference.posterior_file import as_chains
from crsea_infer.plan.runs_beside import runs_beside
from crsea_infer.plan.subsets import ALL
from crsea_infer.plan.tasks import generator_for
from crsea_infer.report.pages.run_page import write_page
from crsea_infer.report.products import IncompleteError, sections, write_products
from crsea_infer.report.results.summary import HypothesisSummary, RunSummary, Sampling, shown_sampler
from crsea_infer.report.tables.variant_shares import mixed_sampling
from crsea_infer.support.checkpoint import lock
from crsea_infer.support.cluster import check_address
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import make_directory
from crsea_infer.support.output_names import BESIDE
from crsea_infer.support.processes import terminated_like_interrupted
from crsea_infer.support.threads import one_thread
from crsea_infer.workflow.listening import QUIET
from crsea_infer.workflow.run_directory import RunDirectory, versions
from crsea_infer.workflow.run_steps import product_steps, run_steps
from crsea_infer.workflow.samplings import begin, preparing, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.plan.tasks import Task
    from crsea_infer.report.layout.sections import Section
    from crsea_infer.workflow.listening import Listener, Reach
    from crsea_infer.workflow.samplings import Begun

__all__ = ["NotConvergedError", "execute", "finish"]


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
    with lock(directory.path), terminated_like_interrupted(), one_thread():
        begun = begin(run, directory, preparing(listener, workers, scheduler), fresh=fresh)
        tasks = begun.tasks
        with listener.overall(run_steps(tasks, workers, beside.values())) as reach:
            sample(listener, [begun], workers, scheduler, reach)
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
            summary, found, missing = _made(
                begun, directory, workers, listener.tell, lambda number, done: reach(first + number, done)
            )
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


def finish(run: RunFile, output: Path, *, workers: int | None = 0, listener: Listener = QUIET) -> list[str]:
    """Make all that is made of a run whose samplings are done.

    Parameters
    ----------
    run
        Without runs beside it.
    output
        Its directory.
    workers, listener
        As for :func:`execute`.

    Returns
    -------
    list of str
        What could not be made, each with its reason.

    Raises
    ------
    UserError
        As :func:`execute`.
    RuntimeError
        When a sampling is not done.
    """
    directory = RunDirectory(output)
    with lock(directory.path):
        begun = begin(run, directory, preparing(listener, workers, None), fresh=False)
        with listener.overall(product_steps()) as reach:
            summary, found, missing = _made(begun, directory, workers, listener.tell, reach)
        listener.finished(summary, found, directory.path)
    return missing


def _made(
    begun: Begun, directory: RunDirectory, workers: int | None, tell: Callable[[str], None], reach: Reach
) -> tuple[RunSummary, list[Section], list[str]]:
    """Make tables, figures and page; return what was found, the sections of the page, and what could not be made."""
    summary = _summarise(begun.run, begun.identity, begun.model, begun.posteriors, begun.tasks)
    missing = write_products(directory.path, summary, tell, reach, workers)
    found, more = sections(directory.path, summary)
    missing += more
    write_page(directory.path, summary, found, versions() | _hashes(begun.identity), missing)
    return summary, found, missing


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
