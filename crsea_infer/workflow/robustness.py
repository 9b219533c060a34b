"""`crsea-infer robustness`: the evidence of every hypothesis under every choice, and what the choices make of ln B.

What ships is sampled first, by importance sampling as a run does it, with the same random numbers; each option by
itself starts from there, and each pair of options from the two. Evidences are found by the engine, in processes on this
machine or on a dask scheduler, and each is a file as soon as it is finished, so that an atlas that was interrupted goes
on from there and ends with the same numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from crsea_infer.hypotheses.variants import Variant
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.inference.samplers.importance import Importance, ImportanceOptions
from crsea_infer.inference.samplers.sampler import CONVERGED
from crsea_infer.inference.samplers.warm_start import WarmStart
from crsea_infer.plan.atlas_tasks import AtlasTask, data_asked, found_from_arrays, measure, question_key
from crsea_infer.plan.choices import Changes, ContradictionError
from crsea_infer.plan.run_check import check_run
from crsea_infer.plan.sky_preparation import prepare_skies
from crsea_infer.plan.tasks import run_identity
from crsea_infer.report.tables.robustness_tables import AtlasEvidence, AtlasReport, write_tables
from crsea_infer.support.checkpoint import lock, read_arrays, write_arrays
from crsea_infer.support.cluster import check_address
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import digest, make_directory, remove_leftovers
from crsea_infer.support.jobs import run_jobs
from crsea_infer.support.local import available_cores
from crsea_infer.support.output_names import ATLAS, SKY_REGIONS
from crsea_infer.support.processes import terminated_like_interrupted
from crsea_infer.workflow.atlas_directory import AtlasDirectory
from crsea_infer.workflow.listening import QUIET
from crsea_infer.workflow.run_directory import versions
from crsea_infer.workflow.shipped_evidence import of_finished_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.inference.samplers.warm_start import Found
    from crsea_infer.plan.choices import ChoiceList, Combination
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.workflow.listening import Listener

__all__ = ["place_of_atlas", "robustness"]

_MOST_WORKERS = 8


def place_of_atlas(output: Path) -> Path:
    """Return where an atlas goes that is asked for in a directory: in a folder of its own where a run is."""
    return output / ATLAS if AtlasDirectory(output).holds_run() else output


def robustness(
    run: RunFile,
    choices: ChoiceList,
    output: Path,
    seed: int | None = None,
    *,
    fresh: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    how: WarmStart | None = None,
    hypotheses: Sequence[str] = (),
    listener: Listener = QUIET,
) -> AtlasReport:
    """Make the atlas of a run, or what is left of it.

    Beside a finished run, what ships is not sampled again: importance sampling of the run has its numbers.

    Parameters
    ----------
    run
        What is compared.
    choices
        In which other ways.
    output
        The directory for the results; made if it is absent.
    seed
        In place of the run file's.
    fresh
        Find all evidences again.
    workers
        Processes that work side by side; default: one per core, at most 8. 0: this process.
    scheduler
        Address of a dask scheduler whose workers do it instead. The results depend on neither.
    how
        The estimator; default: with the options that the run gives to importance sampling.
    hypotheses
        Of these alone; default: of all that the run has.
    listener
        Who is told how far it is, and at the end the result; default: nobody.

    Raises
    ------
    UserError
        When the run has variants, or lacks a hypothesis that is asked for; when the directory cannot be used, or holds
        something else; when no option applies to the run; when no scheduler answers; at the very end, with everything
        written, when what ships has no evidence.
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, with everything kept.
    """
    from crsea_infer import emulator
    from crsea_infer.emulator.response.region_cache import RegionCache
    from crsea_infer.report.pages.robustness_page import write_page

    if scheduler is not None:
        check_address(scheduler)
    if run.variants:
        raise UserError(
            f"the run {run.name} has variants, over which its evidences are averages",
            valid="a run without [[variants]]: an atlas asks for the evidence under each choice",
            fix="make them options of an axis in a list of choices (physics = { sources = ... })",
        )
    if seed is not None:
        run = replace(run, seed=seed)
    for name in hypotheses:
        if name not in {one.name for one in run.hypotheses}:
            raise unknown_name("hypothesis", name, [one.name for one in run.hypotheses], where=f"the run {run.name}")
    directory = AtlasDirectory(make_directory(place_of_atlas(output)))
    with lock(directory.path), terminated_like_interrupted():
        regions = RegionCache.of_user(directory.path / SKY_REGIONS)
        model = emulator.load(run.emulator, regions=regions)
        how = _estimator(run) if how is None else how
        posteriors = check_run(run, model, [Importance(how.importance)])
        own = run_identity(run, model.fingerprint)
        if directory.path != output:
            AtlasDirectory(output).refuse_other_run(own)
        some = tuple(one for one in run.hypotheses if not hypotheses or one.name in hypotheses)
        plan = _Plan.of(replace(run, hypotheses=some), choices, model, workers, scheduler, listener)
        identity = {
            **own,
            "atlas": digest([sorted(key for keys in plan.keys.values() for key in keys.values()), repr(how)]),
        }
        directory.claim(plan.run, plan.choices, plan.left_out, identity, model, fresh=fresh)
        regions.keep_in(directory.path / SKY_REGIONS)
        for by_data in posteriors.values():
            for posterior in by_data.values():
                posterior.prepare()
        shipped = {} if directory.path == output else of_finished_run(plan.run, output, own, posteriors, how)
        atlas = _Atlas(plan, directory, identity, how, model, workers, scheduler, listener, shipped)
        atlas.measure()
        report = atlas.report()
        write_tables(directory.path, report)
        write_page(directory.path, report)
        remove_leftovers(directory.path, directory.evidences)
        listener.mapped(report, directory.path)
    lost = [name for name, by_choice in report.evidences.items() if by_choice[()].status != CONVERGED]
    if lost:
        raise UserError(
            f"the atlas is finished, but there is no evidence of what ships for {', '.join(lost)}: "
            f"{report.evidences[lost[0]][()].status}",
            valid="hypotheses whose evidence is known as the run has them",
            fix="raise draws, walkers or steps under [samplers.importance] of the run file, or with training sets "
            "particles or rounds under [samplers.bridge]",
        )
    return report


def _estimator(run: RunFile) -> WarmStart:
    """Return the estimator: with the options that the run gives to samplers it has."""
    options = run.samplers.get(Importance.name)
    importance = options if isinstance(options, ImportanceOptions) else ImportanceOptions()
    return WarmStart(importance=importance)  # which has a sampler of its own to fall back on


@dataclass(frozen=True, eq=False)
class _Plan:
    """Which evidences there are to find.

    Attributes
    ----------
    runs
        Combination -> the run that it is, what ships first.
    keys
        Combination -> (hypothesis, data) -> the question.
    """

    run: RunFile
    choices: ChoiceList
    runs: Mapping[Combination, RunFile]
    keys: Mapping[Combination, Mapping[tuple[str, str], str]]
    left_out: tuple[str, ...]

    @classmethod
    def of(
        cls,
        run: RunFile,
        choices: ChoiceList,
        model: SkyModel,
        workers: int | None,
        scheduler: str | None,
        listener: Listener,
    ) -> _Plan:
        changes = Changes(run, choices)
        left_out = []
        out: list[tuple[str, str]] = []
        shipped = _questions(run, model)
        made = {single: changes.run(single) for single in choices.singles}
        prepare_skies(_with_all_physics(run, made.values()), model, workers, scheduler, listener.sampling)
        for single, changed in made.items():
            reason = "it changes nothing here" if _questions(changed, model) == shipped else _unfit(changed, model)
            if reason:
                out.append(single[0])
                left_out.append(f"{choices.words(single)}: {reason}")
        left = choices.without(out)
        if not left.axes:
            raise UserError(
                f"{choices.path}: no option applies to the run {run.name}: {'; '.join(left_out)}",
                valid="a list of choices of which at least one changes the run",
                fix="give another list with --choices",
            )
        runs: dict[Combination, RunFile] = {}
        for combination in left.declared:
            try:
                runs[combination] = changes.run(combination)
            except ContradictionError as error:
                left_out.append(f"{left.words(combination)}: {error.given}")
        prepare_skies(_with_all_physics(run, runs.values()), model, workers, scheduler, listener.sampling)
        keys = {combination: _questions(one, model) for combination, one in runs.items()}
        return cls(run, left, runs, keys, tuple(left_out))


def _questions(run: RunFile, model: SkyModel) -> dict[tuple[str, str], str]:
    """Return (hypothesis, data) -> question of a run: all data of a hypothesis, and its training set if it has one."""
    return {
        (hypothesis.name, data): question_key(run, hypothesis.name, data, model.fingerprint)
        for hypothesis in run.hypotheses
        for data in data_asked(run, hypothesis.name)
    }


def _with_all_physics(run: RunFile, changed: Iterable[RunFile]) -> RunFile:
    """Return a run with all the physics that others demand as its variants, so that their skies are made together."""
    demanded = {
        digest(hypothesis.physics.given): hypothesis.physics for one in changed for hypothesis in one.hypotheses
    }
    variants = tuple(Variant(name, name, 1.0 / len(demanded), physics) for name, physics in demanded.items())
    return replace(run, variants=variants)


def _unfit(run: RunFile, model: SkyModel) -> str:
    """Return why a run cannot be; empty when it can."""
    for hypothesis in run.hypotheses:
        everything = run.likelihoods_of(hypothesis.name)
        try:
            posterior_for(hypothesis, everything, model, all_likelihoods=everything)
        except UserError as error:
            return str(error.given)
    return ""


@dataclass(eq=False)
class _Atlas:
    """An atlas on the way."""

    plan: _Plan
    directory: AtlasDirectory
    identity: Mapping[str, str]
    how: WarmStart
    model: SkyModel
    workers: int | None
    scheduler: str | None
    listener: Listener
    shipped: Mapping[tuple[str, str], dict[str, Any]]

    def __post_init__(self) -> None:
        self._found: dict[str, tuple[Found, dict[str, Any]]] = {}

    def measure(self) -> None:
        """Find all evidences that are not there yet: what ships, then single options, then pairs."""
        keys = {key for by_data in self.plan.keys.values() for key in by_data.values()}
        for key in keys:
            path = self.directory.evidence(key)
            if path.exists():
                self._take(key, read_arrays(path, self._own(key)))
        if self._found:
            self.listener.tell(f"Resuming: {len(self._found)} of {len(keys)} evidences are found.")
        for where, arrays in self.shipped.items():
            key = self.plan.keys[()][where]
            if key not in self._found:
                write_arrays(self.directory.evidence(key), self._own(key), arrays)
                self._take(key, arrays)
        with self.listener.counting("evidences") as count:
            count(len(self._found), len(keys))
            for changes in range(3):
                self._stage([one for one in self.plan.runs if len(one) == changes], len(keys), count)

    def _stage(self, combinations: Sequence[Combination], total: int, count: Any) -> None:
        tasks: dict[str, AtlasTask] = {}
        for combination in combinations:
            for (hypothesis, data), key in self.plan.keys[combination].items():
                if key in self._found or key in tasks:
                    continue
                tasks[key] = AtlasTask(
                    run=self.plan.runs[combination],
                    hypothesis=hypothesis,
                    data=data,
                    key=key,
                    neighbours=self._neighbours(combination, hypothesis, data),
                    how=self.how,
                    model=self.model if self.scheduler is not None else None,
                    sky_regions=None if self.scheduler is not None else self.directory.path / SKY_REGIONS,
                )
        if not tasks:
            return
        order = list(tasks)

        def take(index: int, arrays: dict[str, Any]) -> None:
            key = order[index]
            write_arrays(self.directory.evidence(key), self._own(key), arrays)
            self._take(key, arrays)
            count(len(self._found), total)

        n_workers = min(len(order), available_cores(), _MOST_WORKERS) if self.workers is None else self.workers
        run_jobs(
            measure,
            list(tasks.values()),
            [f"{task.hypothesis} ({task.data})" for task in tasks.values()],
            lambda _index, _fraction, _words: None,
            workers=n_workers,
            scheduler=self.scheduler,
            take=take,
        )

    def _own(self, key: str) -> dict[str, str]:
        """Return the identity of the file of an evidence."""
        return {"question": key, "estimator": digest(repr(self.how)), "version": self.identity["version"]}

    def _take(self, key: str, arrays: dict[str, Any]) -> None:
        self._found[key] = (found_from_arrays(arrays), arrays["plain"])

    def _neighbours(self, combination: Combination, hypothesis: str, data: str) -> tuple[Any, ...]:
        """Return what the neighbours of a combination left: of its parts, then of what ships."""
        nearest = [tuple(one for one in combination if one != left) for left in reversed(combination)]
        keys = dict.fromkeys(
            self.plan.keys[one][hypothesis, data] for one in (*nearest, ()) if one in self.plan.keys and combination
        )
        found = [self._found[key][0].neighbour for key in keys if key in self._found]
        return tuple(one for one in found if one is not None)

    def report(self) -> AtlasReport:
        """Return what was found."""
        evidences: dict[str, dict[Combination, AtlasEvidence]] = {one.name: {} for one in self.plan.run.hypotheses}
        first: dict[tuple[str, ...], Combination] = {}
        for combination, by_data in self.plan.keys.items():
            for hypothesis, by_choice in evidences.items():
                keys = tuple(key for (name, _), key in by_data.items() if name == hypothesis)
                same_as = first.setdefault((hypothesis, *keys), combination)
                by_choice[combination] = self._evidence(keys, None if same_as == combination else same_as)
        return AtlasReport(
            title=self.plan.run.title,
            choices=self.plan.choices,
            evidences=evidences,
            left_out=self.plan.left_out,
            identity=self.identity,
            versions=versions(),
            titles={one.name: one.title for one in self.plan.run.hypotheses},
        )

    def _evidence(self, keys: Sequence[str], same_as: Combination | None) -> AtlasEvidence:
        """Return the evidence of all data, less that of the training set if there is one."""
        found = [self._found[key] for key in keys]
        lnz = [one.lnz for one, _ in found]
        failed = [one.status for one, _ in found if one.status != CONVERGED]
        return AtlasEvidence(
            lnz=lnz[0] - math.fsum(lnz[1:]),
            lnz_err=math.hypot(*(one.lnz_err for one, _ in found)),
            method=" and ".join(dict.fromkeys(one.method for one, _ in found)),
            k_hat=max(one.k_hat for one, _ in found),
            effective_samples=min(one.effective_samples for one, _ in found),
            n_calls=0 if same_as is not None else sum(one.n_calls for one, _ in found),
            cpu_s=0.0 if same_as is not None else math.fsum(float(plain["cpu_s"]) for _, plain in found),
            status="; ".join(failed) or CONVERGED,
            same_as=same_as,
        )
