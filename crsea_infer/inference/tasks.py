"""One piece of a run: one hypothesis with one sampler on some of the data.

A task carries all that a worker process needs. Its random numbers come from the run's seed and its own name, so that
they do not depend on which other tasks there are; its result is one HDF5 file, and its checkpoint another beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer import __version__
from crsea_infer.files import digest
from crsea_infer.inference.checkpoint import Checkpoint, read_arrays
from crsea_infer.inference.samplers.base import result_arrays, result_from_arrays
from crsea_infer.inference.subsets import ALL, TRAINING

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.inference.hypotheses import Hypothesis
    from crsea_infer.inference.likelihoods.base import Likelihood
    from crsea_infer.inference.run_file import RunFile
    from crsea_infer.inference.samplers.base import Progress, SamplerResult

__all__ = ["Task", "data_digest", "generator_for", "run_identity", "sample_task"]


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
    identity = {
        "run": digest([resolved["hypotheses"], resolved["samplers"]]),
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


def generator_for(run: RunFile, *purpose: str) -> np.random.Generator:
    """Return random numbers of their own for a purpose, from the run's seed: "HYPOTHESIS", "draws"."""
    return np.random.default_rng(_seed(run, *purpose))


def _seed(run: RunFile, *purpose: str) -> np.random.SeedSequence:
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
    data
        Which of the samplings of :meth:`RunFile.samplings`.
    """

    run: RunFile
    hypothesis: str
    sampler: str
    folder: Path
    identity: dict[str, str]
    data: str = ALL

    @property
    def name(self) -> str:
        """How messages call it."""
        words = "" if self.data == ALL else f" on {self.data} data" if self.data == TRAINING else f" on {self.data}"
        return f"{self.hypothesis} with {self.sampler}{words}"

    @property
    def _stem(self) -> str:
        return self.sampler if self.data == ALL else f"{self.sampler}_on_{self.data}"

    @property
    def result_path(self) -> Path:
        """The file of its result."""
        return self.folder / f"{self._stem}.h5"

    @property
    def checkpoint_path(self) -> Path:
        """The file of its unfinished work."""
        return self.folder / f"{self._stem}.checkpoint.h5"

    @property
    def _own_identity(self) -> dict[str, str]:
        words = f"{self.hypothesis} {self.sampler}"
        if self.data != ALL:
            words += f" on {', '.join(likelihood.name for likelihood in self.likelihoods)}"
        return {**self.identity, "task": words}

    @property
    def likelihoods(self) -> tuple[Likelihood, ...]:
        """Its data."""
        return self.run.samplings(self.hypothesis)[self.data]

    @property
    def seed(self) -> np.random.SeedSequence:
        """Its random numbers: from the run's seed and its own name."""
        return _seed(self.run, self.hypothesis, self.sampler, *(() if self.data == ALL else (self.data,)))

    def hypothesis_object(self) -> Hypothesis:
        """Return the hypothesis itself."""
        return next(hypothesis for hypothesis in self.run.hypotheses if hypothesis.name == self.hypothesis)

    def result(self) -> SamplerResult | None:
        """Read the result, or return None when there is none yet.

        Raises
        ------
        UserError
            When the file is damaged or belongs to another run.
        """
        if not self.result_path.exists():
            return None
        return result_from_arrays(read_arrays(self.result_path, self._own_identity), str(self.result_path))

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
        return Checkpoint(self.checkpoint_path, self._own_identity)

    def sample(self, target: Any, progress: Progress) -> None:
        """Run the sampler to its end and keep the result; goes on from the checkpoint when there is one.

        The result is held against the peaks that scouts find; all samplers of a hypothesis meet the same scouts.
        """
        from crsea_infer.inference.samplers.peak_check import checked_for_peaks
        from crsea_infer.inference.samplers.registry import make

        sampler = make(self.sampler, self.run.samplers[self.sampler])
        result = sampler.run(target, self.seed, self._checkpoint(), progress)
        result = checked_for_peaks(result, target, _seed(self.run, self.hypothesis, "scouts", self.data))
        Checkpoint(self.result_path, self._own_identity).save(result_arrays(result))
        self.checkpoint_path.unlink(missing_ok=True)


def sample_task(task: Task, progress: Progress) -> None:
    """Do a task in a worker process: load the sky model, bind it, sample."""
    from crsea_infer import emulator
    from crsea_infer.inference.posterior import posterior_for

    posterior = posterior_for(task.hypothesis_object(), task.likelihoods, emulator.load(task.run.emulator))
    task.sample(posterior, progress)
