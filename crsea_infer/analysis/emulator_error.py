"""What the error of an emulator does to data: shifts in units of their errors, and shifts of ln L.

An emulator that is right to a part in a hundred thousand may still be too coarse for one data set, and one that is
wrong by a per cent good enough for another. At points that the emulator was not trained on, every data set is compared
with the emulator's prediction and with the exact one. Parameters that are not the emulator's, and nuisances, are drawn
from their priors; those of the emulator lie evenly in its box, which is wider than the prior of any run that uses it.

For emulators of responses the solver is exact. For emulators of other codes' spectra the models themselves are: those
that cross-validation held back, whose residuals are in the file, or those of a second grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.support.arrays import Float64

__all__ = ["DataSetShift", "EmulatorCheck", "check_emulator", "shift_text"]

_DRAWS: Final = 2000  # at least: the 99.9 per cent quantile of fewer is their maximum
_BLOCK: Final = 128
_SEED: Final = 20250707


@dataclass(frozen=True)
class DataSetShift:
    """What emulation does to one data set.

    Attributes
    ----------
    name
        Of the data set.
    pulls
        Median, 99.9 per cent and maximum of |shift of the prediction| / sigma, over draws and data points.
    log_likelihood
        The same of |shift of ln L|, over draws.
    """

    name: str
    pulls: tuple[float, float, float]
    log_likelihood: tuple[float, float, float]


@dataclass(frozen=True)
class EmulatorCheck:
    """What emulation does to data sets.

    Attributes
    ----------
    n_draws
        Number of parameter draws.
    shifts
        Of the data sets that were compared.
    skipped
        Those that were not, and why.
    """

    n_draws: int
    shifts: tuple[DataSetShift, ...]
    skipped: Mapping[str, str]


def check_emulator(
    emulated: SkyModel,
    exact: SkyModel,
    points: Mapping[str, Float64],
    likelihoods: Sequence[Likelihood],
    hypothesis: Hypothesis,
    *,
    skip_unknown: bool = True,
    seed: int = _SEED,
) -> EmulatorCheck:
    """Compare data sets with an emulator's predictions and with exact ones.

    Parameters
    ----------
    emulated, exact
        The two sky models.
    points
        Where `exact` knows the answer: parameters of the sky models, each of shape [n_points]. Each point is used with
        several draws of the other parameters when there are few.
    likelihoods
        The data sets.
    hypothesis
        Gives the priors of all other parameters; what it says of those in `points` is not used.
    skip_unknown
        Whether data sets that the sky models know nothing of are left out, and not an error.
    seed
        Of the draws.

    Raises
    ------
    UserError
        When a data set asks for what the sky models do not have, unless those are skipped; when ln L is not a number.
    """
    from crsea_infer.inference.likelihoods.likelihood import FollowsMorphology

    chosen, skipped = [], {}
    for given in likelihoods:
        try:
            likelihood = (
                given.with_morphology(hypothesis.morphology, hypothesis.name)
                if isinstance(given, FollowsMorphology)
                else given
            )
            exact.bind(likelihood.requests)
        except UserError as error:
            if not skip_unknown:
                raise
            skipped[given.name] = error.given
        else:
            chosen.append(likelihood.with_model_error(emulated.relative_error))
    values = _draw(points, hypothesis, chosen, np.random.default_rng(seed))
    n_draws = len(next(iter(values.values())))
    if not chosen:
        return EmulatorCheck(n_draws, (), skipped)
    requests = [request for likelihood in chosen for request in likelihood.requests]
    models = emulated.bind(requests), exact.bind(requests)
    nuisances = {nuisance.name for likelihood in chosen for nuisance in likelihood.nuisances}
    pulls: list[list[Float64]] = [[] for _ in chosen]
    log_likelihoods: list[list[Float64]] = [[] for _ in chosen]
    for first in range(0, n_draws, _BLOCK):
        block = {name: array[first : first + _BLOCK] for name, array in values.items()}
        sky = {name: array for name, array in block.items() if name not in nuisances}
        answers = [iter(model(sky)) for model in models]
        for i, likelihood in enumerate(chosen):
            both = [tuple(next(answer) for _ in likelihood.requests) for answer in answers]
            ours, theirs = (np.asarray(likelihood.pulls(one, block)) for one in both)
            pulls[i].append(np.abs(ours - theirs))
            ours, theirs = (np.asarray(likelihood.log_likelihood(one, block)) for one in both)
            log_likelihoods[i].append(np.abs(np.where(ours == theirs, 0.0, ours - theirs)))
    return EmulatorCheck(
        n_draws,
        tuple(
            DataSetShift(likelihood.name, _quantiles(likelihood.name, one), _quantiles(likelihood.name, other))
            for likelihood, one, other in zip(chosen, pulls, log_likelihoods, strict=True)
        ),
        skipped,
    )


def _draw(
    points: Mapping[str, Float64], hypothesis: Hypothesis, likelihoods: Sequence[Likelihood], rng: np.random.Generator
) -> dict[str, Float64]:
    """Return values [n_draws] of every parameter and nuisance, with those of `points` taken from there."""
    given = {parameter.name: parameter for parameter in hypothesis.parameters if parameter.name not in points}
    for likelihood in likelihoods:
        given |= {nuisance.name: nuisance for nuisance in likelihood.nuisances}
    n_points = len(next(iter(points.values())))
    rows = np.tile(np.arange(n_points), -(-_DRAWS // n_points))
    if n_points > _DRAWS:
        rows = rng.choice(n_points, _DRAWS, replace=False)
    values = {name: np.asarray(array, dtype=float)[rows] for name, array in points.items()}
    for name, parameter in given.items():
        if parameter.is_fixed:
            values[name] = np.full(rows.size, parameter.fiducial)
        else:
            unit = rng.random((rows.size, 1))
            values[name] = np.asarray(_one(parameter).prior_transform(unit))[..., 0]
    return values


def _one(parameter: Any) -> Any:
    from crsea_infer.hypotheses.distributions import Product

    return Product((parameter.distribution,))


def _quantiles(name: str, blocks: Sequence[Float64]) -> tuple[float, float, float]:
    values = np.concatenate([block.ravel() for block in blocks])
    if not np.isfinite(values).all():
        raise UserError(
            f"the data set {name!r} has no finite ln L or pull at {int((~np.isfinite(values)).sum())} prior draws",
            valid="finite numbers wherever the sky model holds",
            fix="narrow the priors, or leave it out by naming others with --likelihood",
        )
    median, high, largest = (float(q) for q in np.quantile(values, [0.5, 0.999, 1.0]))
    return median, high, largest


def shift_text(check: EmulatorCheck) -> str:
    """Return the shifts of data sets in words and columns."""
    lines = []
    seen = [shift for shift in check.shifts if shift.pulls[2] > 0.0 or shift.log_likelihood[2] > 0.0]
    if seen:
        width = max(len(shift.name) for shift in seen)
        lines += [
            f"shift by emulation, {check.n_draws} prior draws",
            f"{'':<{width}}   of the prediction, in sigma of its point                          of ln L",
            f"{'data set':<{width}}      median      99.9 %     largest      median      99.9 %     largest",
        ]
        lines += [
            f"{shift.name:<{width}} " + " ".join(f"{value:11.2e}" for value in (*shift.pulls, *shift.log_likelihood))
            for shift in seen
        ]
    same = [shift.name for shift in check.shifts if shift not in seen]
    if same:
        lines.append(f"no shift at all, because nothing of them is emulated: {', '.join(same)}")
    lines += [f"{name} was left out: {why}" for name, why in check.skipped.items()]
    return "\n".join(lines)
