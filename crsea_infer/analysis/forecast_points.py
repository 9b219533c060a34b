"""Simulated data of an instrument at one exposure, and the evidences of all hypotheses for them.

A piece of work is some data sets simulated under one hypothesis. Truths are drawn from its prior and data from its
predictions with the instrument's errors, as in a calibration and with the same random numbers, and ln Z of every
hypothesis is found by :mod:`crsea_infer.inference.samplers.peak_evidence`. A piece knows its question by a key, a hash
of all that its numbers depend on, so that it does not matter which worker did it, or when, or what else was asked.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.analysis.simulate import data_set_seeds, draw_truth, with_simulated_data
from crsea_infer.inference.samplers.peak_evidence import PeakOptions, peak_evidence
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import digest
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.plan.forecast_file import Instrument
    from crsea_infer.support.arrays import Float64

__all__ = ["DATA_SETS_EACH", "ForecastTask", "evidences_of_data_set", "foretell", "point_key", "rows_from_arrays"]

DATA_SETS_EACH: Final = 20
"""Data sets of a piece of work."""

_NUMBERS: Final = 3  # of each evidence: ln Z, its error, the way


@dataclass(frozen=True, eq=False)
class ForecastTask:
    """Some data sets, simulated under one hypothesis.

    Attributes
    ----------
    instrument
        With the exposure at which it is simulated.
    exposure
        On the axis of the forecast.
    true
        Number of the hypothesis.
    first, n
        Numbers of the data sets.
    options
        Of the evidences.
    model
        The sky model, for a machine that has none of our files; None to load it there.
    sky_regions
        Where trained sky regions are kept.
    """

    instrument: Instrument
    exposure: float
    true: int
    first: int
    n: int
    options: PeakOptions
    model: SkyModel | None = None
    sky_regions: Any = None

    @property
    def title(self) -> str:
        """What it is, in a line."""
        truth = self.instrument.run.hypotheses[self.true].name
        return f"{self.instrument.name} x {self.exposure:g}, {truth}"


def point_key(task: ForecastTask, model_fingerprint: str) -> str:
    """Return a hash of all that the numbers of a piece of work depend on."""
    run, one = task.instrument.run, task.instrument
    resolved = run.resolved()
    hypotheses = [[name, dict(content)] for name, content in resolved["hypotheses"].items()]
    return digest(
        [
            hypotheses,
            [[name, content] for name, content in resolved["likelihoods"].items()],
            [one.exposures_of_data(task.exposure), one.systematic_scale, one.systematic_floor],
            [task.true, task.first, task.n, run.seed],
            [_plain(task.options), model_fingerprint, __version__],
        ]
    )


def _plain(options: PeakOptions) -> dict[str, Any]:
    content = asdict(replace(options, tempered=None))  # type: ignore[arg-type]
    return {**content, "tempered": options.tempered.model_dump()}


def foretell(task: ForecastTask, progress: Progress) -> dict[str, Any]:
    """Simulate and analyse the data sets of a piece of work.

    Returns
    -------
    dict
        `rows` [data set, hypothesis, 3]: ln Z, its error and the way it was found (0, 0, -1 where all ways were
        refused); `plain`: the seconds of processor it took.
    """
    from crsea_infer import emulator
    from crsea_infer.emulator.response.region_cache import RegionCache
    from crsea_infer.inference.posterior import posterior_for

    cpu = time.process_time()
    run = task.instrument.at(task.exposure)
    model = task.model
    if model is None:
        model = emulator.load(run.emulator, regions=RegionCache.of_user(task.sky_regions))
    posteriors = [posterior_for(hypothesis, run.likelihoods, model) for hypothesis in run.hypotheses]
    rows = []
    for number in range(task.first, task.first + task.n):
        rows.append(evidences_of_data_set(posteriors, task.true, number, run.seed, task.options))
        progress(len(rows) / task.n, f"{len(rows)} of {task.n} data sets")
    return {"rows": np.stack(rows), "plain": {"cpu_s": time.process_time() - cpu}}


def evidences_of_data_set(
    posteriors: Sequence[Posterior], true: int, number: int, seed: int, options: PeakOptions
) -> Float64:
    """Simulate a data set under one of some hypotheses and return the evidences of all [hypothesis, 3], as above."""
    truth, *seeds = data_set_seeds(seed, posteriors[true].hypothesis.name, number, len(posteriors))
    generator = np.random.default_rng(truth)
    _, theta = draw_truth(posteriors[true], generator)
    simulated = with_simulated_data(posteriors[true], theta, generator)
    rows = []
    for posterior, own in zip(posteriors, seeds, strict=True):
        found = peak_evidence(replace(posterior, likelihoods=simulated.likelihoods), own, options)
        rows.append(np.nan_to_num([found.lnz, found.lnz_err, found.way]))
    return np.stack(rows)


def rows_from_arrays(stored: Mapping[str, Any], n: int, n_hypotheses: int) -> tuple[Float64, float]:
    """Return the rows [n, hypothesis, 3] and the seconds of a stored piece of work.

    Raises
    ------
    UserError
        When they are not there, or of another shape.
    """
    try:
        rows, cpu_s = np.asarray(stored["rows"], dtype=np.float64), float(stored["plain"]["cpu_s"])
    except (KeyError, TypeError, ValueError) as error:
        raise _not_one(str(error)) from error
    if rows.shape != (n, n_hypotheses, _NUMBERS) or not np.isfinite(rows).all():
        raise _not_one(f"its numbers have the shape {rows.shape}, or are not finite")
    return rows, cpu_s


def _not_one(reason: str) -> UserError:
    return UserError(
        f"some simulated data sets of the forecast are none ({reason})",
        valid="a file that crsea-infer forecast wrote",
        fix="delete the folder of simulated data sets: the same command makes them again",
    )
