"""Data that a hypothesis would give: parameters from its prior, data sets drawn from its predictions.

Calibration asks what an analysis does with data whose truth is known. The truth must be drawn from what the analysis
takes for granted, no more and no less:

* the sky model holds inside its box only, so truths lie inside it;
* an upper limit is not drawn, it is part of what is given: a truth theta is kept with the probability
  prod Phi((U - mu(theta)) / sigma) with which its limits would have been obeyed.

The share of the prior that is kept, C, enters Bayes factors between simulated data: the evidence of data given that
they were kept is Z / C.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.support.arrays import Float64

__all__ = ["acceptance", "data_set_seeds", "draw_truth", "log_kept_share", "with_simulated_data"]

_BATCH: Final = 128
_MOST: Final = 20_000
_SHARE_DRAWS: Final = 20_000  # at a time
_MOST_SHARE_DRAWS: Final = 1_000_000
_SHARE_ERROR: Final = 0.01  # of ln C, which shifts every ln B of a hypothesis alike


def data_set_seeds(seed: int, hypothesis: str, number: int, n: int) -> list[np.random.SeedSequence]:
    """Return the seed of a data set simulated under a hypothesis, and those of `n` estimates made from it.

    Calibrations and forecasts have the same ones, so that a forecast of the data as they are is of the data sets that a
    calibration analyses, and data sets with other exposures have the same truth and the same luck.
    """
    words = np.frombuffer(hashlib.sha256(f"calibrate/{hypothesis}".encode()).digest()[:16], dtype="<u4")
    key = (*(int(word) for word in words), number)
    return np.random.SeedSequence(seed, spawn_key=key).spawn(1 + n)


def acceptance(posterior: Posterior, theta: Float64) -> Float64:
    """Return the probability [n] with which truths theta [n, n_parameters] are kept."""
    kept = np.isfinite(posterior.log_likelihood(theta)).astype(np.float64)
    limits = {
        likelihood.name: np.asarray(getattr(likelihood, "is_upper_limit"))  # noqa: B009
        for likelihood in posterior.likelihoods
        if hasattr(likelihood, "is_upper_limit")
    }
    if any(flags.any() for flags in limits.values()) and kept.any():
        inside = kept > 0.0
        terms = posterior.log_likelihood_pointwise(theta[inside])
        kept[inside] *= np.exp(sum(np.sum(terms[name][:, flags], axis=-1) for name, flags in limits.items()))
    return np.asarray(kept)


def draw_truth(posterior: Posterior, generator: np.random.Generator) -> tuple[Float64, Float64]:
    """Draw a truth: its place in the unit cube of the prior [n_parameters], and its parameters [n_parameters].

    Raises
    ------
    UserError
        When the sky model holds almost nowhere in the prior, or limits exclude almost all of it.
    """
    for _ in range(0, _MOST, _BATCH):
        unit = generator.random((_BATCH, len(posterior.names)))
        theta = np.asarray(posterior.prior_transform(unit))
        kept = np.flatnonzero(generator.random(_BATCH) < acceptance(posterior, theta))
        if kept.size:
            return unit[kept[0]], np.asarray(theta[kept[0]])
    raise UserError(
        f"none of {_MOST} draws from the prior of {posterior.hypothesis.name} can be a truth",
        valid="a prior within the range of the sky model, and not excluded by the upper limits",
        fix="narrow the prior, or train an emulator on a wider range",
    )


def log_kept_share(posterior: Posterior, generator: np.random.Generator) -> tuple[float, float]:
    """Return ln C, the natural log of the share of the prior that can be a truth, and its error.

    Draws go on until the error is 0.01, or there are a million of them.
    """
    kept = np.empty(0)
    while True:
        unit = generator.random((_SHARE_DRAWS, len(posterior.names)))
        kept = np.append(kept, acceptance(posterior, np.asarray(posterior.prior_transform(unit))))
        share = float(np.mean(kept))
        error = float(np.std(kept) / share / np.sqrt(len(kept))) if share else float("inf")
        if error <= _SHARE_ERROR or len(kept) >= _MOST_SHARE_DRAWS:
            return (float(np.log(share)) if share else float("-inf")), error


def with_simulated_data(posterior: Posterior, theta: Float64, generator: np.random.Generator) -> Posterior:
    """Return the posterior of the same hypothesis for data drawn from its prediction at theta [n_parameters]."""
    batch = theta[None, :]
    intensities = posterior.intensities(batch)
    nuisances = {name: float(value[0]) for name, value in posterior.nuisance_values(batch).items()}
    drawn = tuple(
        likelihood.simulate(generator, tuple(np.asarray(part)[0] for part in intensities[likelihood.name]), nuisances)
        for likelihood in posterior.likelihoods
    )
    return replace(posterior, likelihoods=drawn)
