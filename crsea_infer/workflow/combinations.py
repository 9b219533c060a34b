"""Several runs at once: their samplings, and what is made of each as soon as it is sampled, side by side.

One run after the other leaves cores idle twice: at the end of its samplings, when fewer are left than there are cores,
and while its tables and pages are made. Here both kinds of work stand in one queue, in which what is to be made of a
run waits for its samplings and then comes first. Its numbers and files are those of the run alone.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from crsea_infer.plan.tasks import Task, sample_task
from crsea_infer.report.pages.plain_lines import result_lines
from crsea_infer.support.checkpoint import lock
from crsea_infer.support.cluster import check_address
from crsea_infer.support.files import make_directory
from crsea_infer.support.jobs import run_jobs
from crsea_infer.support.lanes import CORES
from crsea_infer.support.processes import terminated_like_interrupted
from crsea_infer.support.threads import one_thread
from crsea_infer.support.time_left import Step
from crsea_infer.workflow.listening import QUIET, Quiet, Totals
from crsea_infer.workflow.run_directory import RunDirectory
from crsea_infer.workflow.run_steps import product_steps, run_steps, worker_count
from crsea_infer.workflow.runs import finish
from crsea_infer.workflow.samplings import NOTHING_LEFT, begin, is_sampled, lane_of, lanes_for, preparing, sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.report.layout.sections import Section
    from crsea_infer.report.results.summary import RunSummary
    from crsea_infer.support.packed import Tell
    from crsea_infer.workflow.listening import Listener, Reach
    from crsea_infer.workflow.samplings import Begun

__all__ = ["carry_out"]


def carry_out(
    runs: Mapping[Path, RunFile],
    seed: int | None = None,
    *,
    fresh: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    listener: Listener = QUIET,
) -> dict[Path, list[str]]:
    """Carry out several runs, or what is left of them.

    Parameters
    ----------
    runs
        Output directory -> run, without runs beside it. Samplings begin in this order.
    seed, fresh, workers, scheduler, listener
        As for :func:`crsea_infer.workflow.runs.execute`. The workers of a scheduler sample; what is made of that is
        made here.

    Returns
    -------
    dict
        Output directory -> what could not be made of the run, each with its reason.

    Raises
    ------
    UserError
        As :func:`crsea_infer.workflow.runs.execute`, but that samplers that did not converge are none of this
        function's matter.
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, with everything kept.
    """
    if scheduler is not None:
        check_address(scheduler)
    with ExitStack() as whole, terminated_like_interrupted(), one_thread():
        held: dict[Path, ExitStack] = {}
        begun: dict[Path, Begun] = {}
        for output, run in runs.items():
            directory = RunDirectory(make_directory(output))
            held[output] = whole.enter_context(ExitStack())
            held[output].enter_context(lock(directory.path))
            seeded = run if seed is None else replace(run, seed=seed)
            begun[output] = begin(seeded, directory, preparing(listener, workers, scheduler), fresh=fresh)
        tasks = [task for one in begun.values() for task in one.tasks]
        making = Step(sum(step.expected for step in product_steps()))
        with listener.overall([*run_steps(tasks, workers), *(making for _ in runs)]) as reach:
            queue = _Queue(begun, held, listener)
            if scheduler is not None:
                sample(listener, list(begun.values()), workers, scheduler, reach)
            queue.work_off(workers, reach)
    return queue.missing


@dataclass(frozen=True)
class _Making:
    """What is to be made of a run: a piece of work for any process of this machine."""

    run: RunFile
    output: Path


@dataclass(frozen=True)
class _Made:
    """What a run told while it was finished, and what could not be made of it."""

    lines: list[str]
    missing: list[str]


@dataclass(frozen=True)
class _Relay(Quiet):
    """Passes on how far the work is, and keeps what the run has to say for the end."""

    say: Tell
    lines: list[str] = field(default_factory=list)
    _now: list[str] = field(default_factory=lambda: [""])

    def tell(self, words: str, /) -> None:
        """Take a line; what is being made at the moment is said at once."""
        if words.endswith(" ..."):
            self._now[0] = words.removesuffix(" ...")
        else:
            self.lines.append(words)

    def overall(self, steps: Sequence[Step], /) -> AbstractContextManager[Reach]:
        """Pass on the share of the whole that is done."""
        return Totals(lambda whole: self.say(whole.fraction, self._now[0])).overall(steps)

    def finished(self, summary: RunSummary, sections: Sequence[Section], directory: Path, /) -> None:
        """Keep the result."""
        self.lines.extend(result_lines(summary, sections, directory))


def _work(piece: Task | _Making, tell: Tell) -> _Made | None:
    """Do a sampling, or make all that is made of a run."""
    if isinstance(piece, Task):
        sample_task(piece, tell)
        return None
    relay = _Relay(tell)
    missing = finish(piece.run, piece.output, listener=relay)
    return _Made(relay.lines, missing)


class _Queue:
    """The samplings of some runs that are not done, each run followed by what is to be made of it."""

    def __init__(self, begun: Mapping[Path, Begun], held: Mapping[Path, ExitStack], listener: Listener) -> None:
        self._begun, self._held, self._listener = begun, held, listener
        self._order = {output: number for number, output in enumerate(begun, start=1)}
        self.missing: dict[Path, list[str]] = {}

    def work_off(self, workers: int | None, reach: Reach) -> None:
        """Do all that is left."""
        pieces: list[Task | _Making] = []
        steps: list[int] = []  # the step of the whole that each of them is
        after: dict[int, range] = {}
        outputs: list[Path] = []
        n_tasks = sum(len(one.tasks) for one in self._begun.values())
        step = 0
        for output, one in self._begun.items():
            first = len(pieces)
            for number, task in enumerate(one.tasks, start=step):
                task.check()
                if is_sampled(task):
                    reach(number, 1.0)
                else:
                    pieces.append(task)
                    steps.append(number)
            step += len(one.tasks)
            after[len(pieces)] = range(first, len(pieces))
            pieces.append(_Making(one.run, output))
            steps.append(n_tasks + self._order[output] - 1)
            outputs += [output] * (len(pieces) - first)
        samplings = [piece for piece in pieces if isinstance(piece, Task)]
        left = {output: len(others) for output, others in zip(self._begun, after.values(), strict=True)}
        resumed = {output for output, n in left.items() if not n}
        for output in resumed:
            self._held[output].close()  # the process that makes the rest holds it
        if samplings and (len(samplings) < n_tasks or any(one.checkpoint_path.exists() for one in samplings)):
            self._listener.tell(f"Resuming: {n_tasks - len(samplings)} of {n_tasks} samplings are finished.")
        names = [
            f"{output.name}: {piece.name if isinstance(piece, Task) else 'tables and figures'}"
            for output, piece in zip(outputs, pieces, strict=True)
        ]

        def take(index: int, made: _Made | None) -> None:
            output = outputs[index]
            if made is None:
                left[output] -= 1
                if not left[output]:
                    self._held[output].close()
            else:
                self._tell(output, made, resumed=output in resumed)

        with self._listener.sampling(names) as meter:

            def update(index: int, fraction: float, words: str) -> None:
                reach(steps[index], fraction)
                meter.update(index, fraction, words)

            run_jobs(
                _work,
                pieces,
                names,
                update,
                workers=worker_count(len(pieces), workers),
                take=take,
                lanes=lanes_for(samplings),
                lane_of=lambda piece: lane_of(piece) if isinstance(piece, Task) else CORES,
                after=after,
            )

    def _tell(self, output: Path, made: _Made, *, resumed: bool) -> None:
        """Tell what was found in a run."""
        run = self._begun[output].run
        self.missing[output] = made.missing
        listener = self._listener
        listener.tell("")
        listener.tell(f"Combination {self._order[output]} of {len(self._order)}: {run.title} ({output.name})")
        for words in [*([NOTHING_LEFT] if resumed else []), *made.lines]:
            listener.tell(words)
        listener.tell("")
