"""One piece of a run: one hypothesis with one sampler on some of the data.

A task carries all that a worker process needs. Its random numbers come from the run's seed and its own name, so that
they do not depend on which other tasks there are; its result is one HDF5 file, and its checkpoint another beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.hypotheses.varied_hypothesis import of_variant
from crsea_infer.inference.samplers.sampler import result_arrays, result_from_arrays
from crsea_infer.plan.subsets import ALL, TRAINING
from crsea_infer.support.checkpoint import Checkpoint, read_arrays
from crsea_infer.support.files import digest
from crsea_infer.support.output_names import SKY_REGIONS
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import Progress, SamplerResult
    from crsea_infer.inference.target import Target
    from crsea_infer.plan.run_file import RunFile

__all__ = [
    "AwayTask",
    "Task",
    "data_digest",
    "generator_for",
    "run_identity",
    "run_order",
    "sample_away",
    "sample_task",
    "seed_for",
    "target_of",
]


def data_digest(run: RunFile) -> str:
    """Return a hash of the data that a run predicts, with their options: evidences compare only where it is the same.

    Training sets are no part of it.
    """
    likelihoods = run.resolved()["likelihoods"]
    return digest({name: likelihoods[name] for name in run.subsets.predicted})


def run_identity(run: RunFile, model_fingerprint: str) -> dict[str, str]:
    """Return what makes a run this run and no other: short texts by name.

    Groups for tension are no part of it: they add samplings and change none.
    """
    resolved = run.resolved()
    asked = [resolved["hypotheses"], resolved["samplers"]]
    if run.variants:
        asked.append(resolved["variants"])
    identity = {
        "run": digest(asked),
        "data": data_digest(run),
        "model": model_fingerprint,
        "version": __version__,
        "seed": str(run.seed),
    }
    if run.subsets.training:
        likelihoods = resolved["likelihoods"]
        tables = {name: likelihoods[name] for name in run.subsets.train_on}
        identity["training"] = digest([resolved["train_on"], tables])
    return identity


def run_order(run: RunFile) -> str:
    """Return a hash of the order of hypotheses, parameters and data sets, which is no part of the identity.

    It changes no posterior and no evidence, but columns of numbers that are kept without names.
    """
    parameters = [[one.name, [parameter.name for parameter in one.parameters]] for one in run.hypotheses]
    return digest([parameters, [likelihood.name for likelihood in run.likelihoods]])


def generator_for(run: RunFile, *purpose: str) -> np.random.Generator:
    """Return random numbers of their own for a purpose, from the run's seed: "HYPOTHESIS", "draws"."""
    return np.random.default_rng(seed_for(run, *purpose))


def seed_for(run: RunFile, *purpose: str) -> np.random.SeedSequence:
    """Return the seed of a purpose, from the run's seed."""
    words = np.frombuffer(hashlib.sha256("/".join(purpose).encode()).digest()[:16], dtype="<u4")
    return np.random.SeedSequence(run.seed, spawn_key=tuple(int(word) for word in words))


@dataclass(frozen=True, eq=False)
class Task:
    """One hypothesis with one sampler on some of the data.

    Attributes
    ----------
    run
        The run it belongs to.
    hypothesis, sampler
        Names.
    folder
        The hypothesis' folder in the output.
    identity
        Of the run.
    names
        Of the parameters, in the order of the posterior.
    data
        Which of the samplings of :meth:`RunFile.samplings`.
    variant
        With the physics of which variant; empty for that of the hypothesis.
    """

    run: RunFile
    hypothesis: str
    sampler: str
    folder: Path
    identity: dict[str, str]
    names: tuple[str, ...]
    data: str = ALL
    variant: str = ""

    @property
    def name(self) -> str:
        """How messages call it."""
        words = "" if self.data == ALL else f" on {self.data} data" if self.data == TRAINING else f" on {self.data}"
        variant = f", {self.variant}," if self.variant else ""
        return f"{self.hypothesis}{variant} with {self.sampler}{words}"

    @property
    def _stem(self) -> str:
        stem = f"{self.sampler}_with_{self.variant}" if self.variant else self.sampler
        return stem if self.data == ALL else f"{stem}_on_{self.data}"

    @property
    def result_path(self) -> Path:
        """The file of its result."""
        return self.folder / f"{self._stem}.h5"

    @property
    def checkpoint_path(self) -> Path:
        """The file of its unfinished work."""
        return self.folder / f"{self._stem}.checkpoint.h5"

    @property
    def sky_regions(self) -> Path:
        """Where the run keeps sky regions that the emulator lacks."""
        return self.folder.parent / SKY_REGIONS

    @property
    def _own_identity(self) -> dict[str, str]:
        words = f"{self.hypothesis} {self.sampler}"
        if self.variant:
            words += f" with {self.variant}"
        if self.data != ALL:
            words += f" on {', '.join(sorted(likelihood.name for likelihood in self.likelihoods))}"
        return {**self.identity, "task": words}

    @property
    def likelihoods(self) -> tuple[Likelihood, ...]:
        """Its data."""
        return self.run.samplings(self.hypothesis)[self.data]

    @property
    def seed(self) -> np.random.SeedSequence:
        """Its random numbers: from the run's seed and its own name."""
        return seed_for(self.run, self.hypothesis, self.sampler, *self._part)

    @property
    def _part(self) -> tuple[str, ...]:
        """What tells it from the sampling of all data with the physics of the hypothesis."""
        return (*(() if self.data == ALL else (self.data,)), *self._with_variant)

    @property
    def _with_variant(self) -> tuple[str, ...]:
        return (f"variant {self.variant}",) if self.variant else ()

    def hypothesis_object(self) -> Hypothesis:
        """Return the hypothesis itself, with the physics of the variant."""
        found = next(hypothesis for hypothesis in self.run.hypotheses if hypothesis.name == self.hypothesis)
        variants = [one for one in self.run.variants if one.name == self.variant]
        return of_variant(found, variants[0]) if variants else found

    def result(self) -> SamplerResult | None:
        """Read the result, its columns in the order of `names`, or return None when there is none yet.

        Raises
        ------
        UserError
            When the file is damaged, belongs to another run or is of other parameters.
        """
        if not self.result_path.exists():
            return None
        arrays = read_arrays(self.result_path, self._own_identity)
        return result_from_arrays(arrays, str(self.result_path)).in_order(self.names)

    def check(self) -> None:
        """Read result and checkpoint, as far as there are any.

        Raises
        ------
        UserError
            When a file is damaged or belongs to another run.
        """
        if self.result() is None:
            self._checkpoint().load()

    def _checkpoint(self) -> Checkpoint:
        # columns of unfinished work have no names, so that their order is a part of what it belongs to
        return Checkpoint(self.checkpoint_path, {**self._own_identity, "parameters": ", ".join(self.names)})

    def sample(self, target: Any, progress: Progress) -> None:
        """Run the sampler to its end and keep the result; goes on from the checkpoint when there is one.

        The result is held against the peaks that scouts find; all samplers of a hypothesis meet the same scouts.
        """
        self.keep(self._sampled(target, self._checkpoint(), progress))

    def sampled_away(self, target: Any, progress: Progress) -> dict[str, Any]:
        """Run the sampler to its end on a machine that shares no disk with the output, and return its result as arrays.

        There is no checkpoint: what is interrupted begins again, and ends with the same numbers.
        """
        return self._sampled(target, Checkpoint(None), progress)

    def _sampled(self, target: Any, checkpoint: Checkpoint, progress: Progress) -> dict[str, Any]:
        from crsea_infer.inference.samplers.peak_check import checked_for_peaks
        from crsea_infer.inference.samplers.point import point_result
        from crsea_infer.inference.samplers.registry import make

        sampler = make(self.sampler, self.run.samplers[self.sampler])
        if target.names:
            result = sampler.run(target, self.seed, checkpoint, progress)
            result = checked_for_peaks(result, target, self._scouts)
        else:
            result = point_result(sampler, target)
        return result_arrays(result)

    @property
    def _scouts(self) -> np.random.SeedSequence:
        """Random numbers of the scouts: those of all samplers of these data, with this physics."""
        return seed_for(self.run, self.hypothesis, "scouts", self.data, *self._with_variant)

    def keep(self, arrays: Mapping[str, Any]) -> None:
        """Write a result; the unfinished work that led to it goes."""
        Checkpoint(self.result_path, self._own_identity).save(arrays)
        self.checkpoint_path.unlink(missing_ok=True)


def sample_task(task: Task, progress: Progress) -> None:
    """Do a task in a worker process: load the sky model, bind it, sample."""
    from crsea_infer import emulator
    from crsea_infer.emulator.response.region_cache import RegionCache

    model = emulator.load(task.run.emulator, regions=RegionCache.of_user(task.sky_regions))
    task.sample(_target(task, model), progress)


@dataclass(frozen=True, eq=False)
class AwayTask:
    """A task for a machine that may have none of the files of this one.

    Attributes
    ----------
    task
        With all that its run, prior sets and data sets say.
    model
        Its sky model.
    """

    task: Task
    model: SkyModel


def sample_away(away: AwayTask, progress: Progress) -> dict[str, Any]:
    """Do a task on a worker of a cluster; return its result as arrays for :meth:`Task.keep`."""
    return away.task.sampled_away(_target(away.task, away.model), progress)


def _target(task: Task, model: SkyModel) -> Target:
    return target_of(task.run, task.hypothesis_object(), task.data, task.sampler, model)


def target_of(run: RunFile, hypothesis: Hypothesis, data: str, sampler: str, model: SkyModel) -> Target:
    """Return what a sampler samples of a hypothesis of a run: with the training set, when it asks for that."""
    from crsea_infer.inference.posterior import posterior_for
    from crsea_infer.inference.samplers.registry import gives_conditional
    from crsea_infer.inference.trained_posterior import TrainedPosterior

    everything = run.likelihoods_of(hypothesis.name)

    def posterior(likelihoods: Sequence[Likelihood]) -> Posterior:
        return posterior_for(hypothesis, likelihoods, model, all_likelihoods=everything)

    samplings = run.samplings(hypothesis.name)
    whole = posterior(samplings[data])
    training = samplings.get(TRAINING) if data == ALL else None
    if training is None or not gives_conditional(sampler):
        return whole
    others = [likelihood for likelihood in samplings[data] if likelihood not in training]
    return TrainedPosterior(whole, posterior(training), posterior(others))
