"""Calibration on simulated data: is a 68 % interval right in 68 % of the cases, and how often does ln B mislead?

Data sets are simulated under each hypothesis in turn (truth from its prior, data from its prediction) and analysed as
the real ones would be, with the importance estimator:

* the posterior of the true hypothesis gives the rank of each true parameter among L posterior draws, which is uniform
  on 0..L when the posterior is right (simulation-based calibration; Talts et al., arXiv:1804.06788), and the rank of
  the true ln L, which sees what single parameters do not (Modrak et al., arXiv:2211.02383);
* the evidences of all hypotheses give Bayes factors whose right sign is known.

Each data set is one piece of work with random numbers of its own, so that they may be done anywhere, in any order, and
go on after an interruption; see :mod:`crsea_infer.support.schedule`. An estimate that the light settings refuse is made
again with the full ones; when those refuse too, the data set is counted as refused.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.analysis.simulate import data_set_seeds, draw_truth, with_simulated_data
from crsea_infer.inference.likelihoods.likelihood import FollowsMorphology
from crsea_infer.inference.samplers.importance import Importance, ImportanceOptions
from crsea_infer.inference.samplers.sampler import no_progress
from crsea_infer.plan.tasks import run_identity, run_order
from crsea_infer.support.checkpoint import Checkpoint, differences
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_write, read_text
from crsea_infer.support.pieces import Build

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.support.arrays import Float64

__all__ = [
    "DRAWS",
    "LIGHT",
    "LOG_LIKELIHOOD",
    "Calibration",
    "CalibrationRecipe",
    "CalibrationTask",
    "calibration_build",
    "comparable",
    "extend",
]

DRAWS: Final = 99
"""Posterior draws L among which a truth is ranked: 100 possible ranks."""

LIGHT: Final = ImportanceOptions(scouts=1024, walkers=128, steps=200, components=12, draws=8000, least_effective=200.0)
"""Settings of the first estimate: ln Z to about 0.015 in a third of the time of the default ones."""

LOG_LIKELIHOOD: Final = "ln L"
"""Name under which the rank of the true ln L stands beside those of the parameters."""

_NUMBERS: Final = 5  # of each hypothesis: tries, ln Z, its error, effective sample, k-hat


def comparable(run: RunFile) -> str:
    """Say why simulated data cannot be compared between the hypotheses of a run; an empty string when they can.

    A fit with a sky template is other data for another template, and how the two go together is not known.
    """
    templates = {hypothesis.morphology for hypothesis in run.hypotheses}
    if len(templates) > 1:
        for likelihood in run.likelihoods:
            if isinstance(likelihood, FollowsMorphology):
                return f"{likelihood.name} is a fit with a sky template, which is another one in each hypothesis"
    return ""


def calibration_build(run: RunFile, fingerprint: str, n_data_sets: int) -> Build:
    """Return what is to be computed: `n_data_sets` simulated under each hypothesis of the run.

    Parameters
    ----------
    run
        With the seed to use.
    fingerprint
        Of the sky model.
    n_data_sets
        Per hypothesis.
    """
    return Build(
        task="crsea_infer.analysis.calibration:CalibrationTask",
        settings={
            "seed": run.seed,
            "identity": _identity(run, fingerprint),
            "draws": DRAWS,
            "options": LIGHT.model_dump(),
            "again": full_options(run).model_dump(),
        },
        names=("number", "hypothesis"),
        points=_points(n_data_sets, len(run.hypotheses)),
    )


def _identity(run: RunFile, fingerprint: str) -> dict[str, str]:
    """Return the identity of a run, and its order: the rows of a calibration are numbers without names."""
    return {**run_identity(run, fingerprint), "order": run_order(run)}


def full_options(run: RunFile) -> ImportanceOptions:
    """Return the settings of the second estimate: the run's own importance sampler, or its defaults."""
    own = run.samplers.get("importance")
    return own if isinstance(own, ImportanceOptions) else ImportanceOptions()


def _points(n_data_sets: int, n_hypotheses: int) -> Float64:
    """Return (number, hypothesis) [n, 2], number by number: fewer data sets are the beginning of more."""
    numbers, hypotheses = np.divmod(np.arange(n_data_sets * n_hypotheses), n_hypotheses)
    return np.stack([numbers, hypotheses], axis=-1).astype(np.float64)


def extend(directory: Path, build: Build) -> None:
    """Let a directory that holds fewer data sets of the same calibration go on to more.

    Raises
    ------
    UserError
        When it holds more of them, or those of another calibration; the message says what differs.
    """
    manifest = directory / "build.json"
    if not manifest.is_file():
        return
    try:
        content = json.loads(read_text(manifest))
        there, its_hash, identity = int(content["n_points"]), content["hash"], dict(content["settings"]["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # whoever opens the directory says what is wrong with it
    reason = differences(identity, build.settings["identity"])
    if reason:
        raise UserError(
            f"{directory} holds the data sets of another calibration: {reason}",
            valid="a new directory, or that of the same calibration, which goes on",
            fix="choose another directory with --output, or remove it",
        )
    asked, n_hypotheses = len(build.points), int(build.points[:, 1].max()) + 1
    if there > asked:
        longer = replace(build, points=_points(there // n_hypotheses, n_hypotheses))
        if its_hash == longer.hash:
            raise UserError(
                f"{directory} holds {there // n_hypotheses} data sets of each hypothesis already",
                valid=f"-n {there // n_hypotheses} or more",
                fix="ask for as many, or choose another directory with --output",
            )
    if there < asked and its_hash == replace(build, points=build.points[:there]).hash:
        atomic_write(manifest, json.dumps({**content, "hash": build.hash, "n_points": asked}, indent=1, sort_keys=True))


@dataclass(frozen=True, eq=False)
class CalibrationTask:
    """One simulated data set after the other.

    Attributes
    ----------
    posteriors
        Of the real data, one for each hypothesis.
    seed
        Of all random numbers.
    draws
        L.
    compare
        Whether the data of one hypothesis are data for the others.
    again
        Settings of the second estimate, where the light ones are refused.
    """

    posteriors: tuple[Posterior, ...]
    seed: int
    draws: int
    compare: bool
    again: ImportanceOptions

    def __call__(self, point: Mapping[str, float]) -> Float64:
        """Return one row: for each hypothesis its evidence, then the ranks of the truth, then the seconds it took.

        All finite: tries is 0 where nothing was estimated and -1 where all estimates were refused; ranks are -1 where
        there are none.
        """
        started = time.perf_counter()
        number, true = int(point["number"]), int(point["hypothesis"])
        truth, *for_samplers = self._seeds(number, true)
        generator = np.random.default_rng(truth)
        posterior = self.posteriors[true]
        _, theta = draw_truth(posterior, generator)
        simulated = with_simulated_data(posterior, theta, generator)
        row = np.zeros((len(self.posteriors), _NUMBERS))
        ranks = np.full(max(len(one.names) for one in self.posteriors) + 1, -1.0)
        for index, (other, seed) in enumerate(zip(self.posteriors, for_samplers, strict=True)):
            if index != true and not self.compare:
                continue
            own = replace(other, likelihoods=simulated.likelihoods)
            tries, result = _estimate(own, seed, self.again)
            row[index] = _numbers(tries, result)
            if index == true and result.evidence is not None:
                found = _ranks(result, own, theta, self.draws, generator)
                ranks[: len(found) - 1], ranks[-1] = found[:-1], found[-1]
        return np.concatenate([row.ravel(), ranks, [time.perf_counter() - started]])

    def truths(self, true: int, n_data_sets: int) -> Float64:
        """Return where the truths of a hypothesis lie in the unit cube of its prior [number, parameter]."""
        return np.stack(
            [
                draw_truth(self.posteriors[true], np.random.default_rng(self._seeds(number, true)[0]))[0]
                for number in range(n_data_sets)
            ]
        )

    def _seeds(self, number: int, true: int) -> list[np.random.SeedSequence]:
        return data_set_seeds(self.seed, self.posteriors[true].hypothesis.name, number, len(self.posteriors))


def _estimate(
    posterior: Posterior, seed: np.random.SeedSequence, again: ImportanceOptions
) -> tuple[int, SamplerResult]:
    """Return the estimate and the number of tries it took; -1 when it is refused with full settings too."""
    result = Importance(LIGHT).run(posterior, seed, Checkpoint(None), no_progress)
    if result.evidence is not None:
        return 1, result
    result = Importance(again).run(posterior, seed, Checkpoint(None), no_progress)
    return (-1 if result.evidence is None else 2), result


def _numbers(tries: int, result: SamplerResult) -> tuple[float, ...]:
    lnz, error = (0.0, 0.0) if result.evidence is None else (result.evidence.lnz, result.evidence.lnz_err)
    k_hat = float(np.clip(float(result.diagnostics["pareto_k_hat"]), -9.0, 9.0))
    return float(tries), lnz, error, float(result.diagnostics["effective_samples"]), k_hat


def _ranks(
    result: SamplerResult, posterior: Posterior, theta: Float64, draws: int, generator: np.random.Generator
) -> Float64:
    """Return the ranks of the truth among posterior draws: of its parameters [n_parameters], then of its ln L."""
    chosen = generator.choice(len(result.samples), size=draws, p=result.weights)
    below = np.sum(result.samples[chosen] < theta, axis=0)
    true_log_l = float(posterior.log_likelihood(theta[None, :])[0])
    return np.append(below, np.sum(result.log_likelihood[chosen] < true_log_l)).astype(np.float64)


@dataclass(frozen=True, eq=False)
class CalibrationRecipe:
    """Makes the task of a calibration on a worker: binds the data of a run to its sky model.

    Attributes
    ----------
    run
        What is calibrated; with all that its files say, so that workers need none of them.
    model
        Its sky model.
    """

    run: RunFile
    model: SkyModel

    def __call__(self) -> CalibrationTask:
        """Make the task."""
        from crsea_infer.inference.posterior import posterior_for

        run = self.run
        posteriors = tuple(posterior_for(hypothesis, run.likelihoods, self.model) for hypothesis in run.hypotheses)
        return CalibrationTask(posteriors, run.seed, DRAWS, not comparable(run), full_options(run))


@dataclass(frozen=True, eq=False)
class Calibration:
    """What came out, for K hypotheses and N data sets under each.

    Attributes
    ----------
    hypotheses
        Names.
    parameters
        Names of the parameters of each hypothesis; the last one is :data:`LOG_LIKELIHOOD`.
    tries
        [truth, number, hypothesis]: 1 or 2 for an evidence, 0 where none was asked for, -1 where it was refused.
    lnz, lnz_err
        [truth, number, hypothesis]; nan where there is none.
    ranks
        Of each truth: [number, parameter] from 0 to `draws`, -1 where there is none.
    draws
        L.
    seconds
        [truth, number].
    truths
        Of each hypothesis: place of the truths in the unit cube of the prior [number, parameter].
    """

    hypotheses: tuple[str, ...]
    parameters: tuple[tuple[str, ...], ...]
    tries: np.typing.NDArray[np.int64]
    lnz: Float64
    lnz_err: Float64
    ranks: tuple[np.typing.NDArray[np.int64], ...]
    draws: int
    seconds: Float64
    truths: tuple[Float64, ...]

    @classmethod
    def of(
        cls,
        hypotheses: Sequence[str],
        parameters: Sequence[Sequence[str]],
        rows: Float64,
        truths: Sequence[Float64],
    ) -> Calibration:
        """Sort the rows of :class:`CalibrationTask`, in the order of :func:`calibration_build`."""
        n = len(hypotheses)
        by_truth = rows.reshape(-1, n, rows.shape[-1]).swapaxes(0, 1)
        numbers = by_truth[..., : n * _NUMBERS].reshape(n, -1, n, _NUMBERS)
        tries = numbers[..., 0].astype(np.int64)
        known = tries > 0
        ranks = by_truth[..., n * _NUMBERS : -1].astype(np.int64)
        return cls(
            hypotheses=tuple(hypotheses),
            parameters=tuple((*names, LOG_LIKELIHOOD) for names in parameters),
            tries=tries,
            lnz=np.where(known, numbers[..., 1], np.nan),
            lnz_err=np.where(known, numbers[..., 2], np.nan),
            ranks=tuple(ranks[truth][:, [*range(len(names)), -1]] for truth, names in enumerate(parameters)),
            draws=DRAWS,
            seconds=by_truth[..., -1],
            truths=tuple(truths),
        )
