"""Numbers that published statements are about, as far as they follow from predictions at published parameters.

How far two hypotheses lie apart in the errors of data says whether the data can tell them apart at all; a measured
excess, a difference of measured indices, ratios of fluxes and shares of components are what statements in words mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.likelihoods.spectral_index import SpectralIndex
from crsea_infer.inference.prediction import predict, request_for
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.support.arrays import Float64

__all__ = [
    "component_share",
    "excess_sigma",
    "flux_ratio",
    "index_difference",
    "predicted_index_difference",
    "separation",
]


def published_pulls(posterior: Posterior, names: Iterable[str]) -> Float64:
    """Return (measured - predicted) / sigma of all points of some data sets at published parameters [n]."""
    theta = posterior.fiducial[None, :]
    predictions, nuisances = posterior.intensities(theta), posterior.nuisance_values(theta)
    wanted = set(names)
    return np.concatenate(
        [
            np.asarray(likelihood.pulls(predictions[likelihood.name], nuisances)).reshape(-1)
            for likelihood in posterior.likelihoods
            if likelihood.name in wanted
        ]
    )


def separation(one: Posterior, other: Posterior, names: Iterable[str]) -> float:
    """Return how far two hypotheses lie apart in some data: the root of the summed squares of differences of pulls.

    Both at published parameters with nuisances at theirs, so that it is the most that the data could tell: what is
    free takes from it. Upper limits that are met by both count for nothing.
    """
    names = list(names)
    difference = published_pulls(one, names) - published_pulls(other, names)
    return float(np.sqrt(np.sum(difference[np.isfinite(difference)] ** 2)))


def excess_sigma(posterior: Posterior, name: str) -> float:
    """Return by how much a data set lies above the prediction: the sum of its pulls over the root of their number."""
    pulls = published_pulls(posterior, [name])
    pulls = pulls[np.isfinite(pulls)]
    return float(np.sum(pulls) / np.sqrt(pulls.size))


def index_difference(posterior: Posterior, one: str, other: str) -> tuple[float, float]:
    """Return the measured difference of two spectral indices and its error.

    Raises
    ------
    UserError
        When one of them is no data set of one spectral index.
    """
    first, second = _spectral_index(posterior, one), _spectral_index(posterior, other)
    difference = float(first.values[0] - second.values[0])
    # towards each other
    errors = (first.error_low, second.error_high) if difference > 0 else (first.error_high, second.error_low)
    return difference, float(np.hypot(errors[0][0], errors[1][0]))


def predicted_index_difference(posterior: Posterior, one: str, other: str) -> float:
    """Return the difference of two spectral indices that a hypothesis predicts at published parameters."""
    predictions = posterior.intensities(posterior.fiducial[None, :])
    first, second = (
        float(np.asarray(_spectral_index(posterior, name).binned_prediction(predictions[name])).ravel()[0])
        for name in (one, other)
    )
    return first - second


def _spectral_index(posterior: Posterior, name: str) -> SpectralIndex:
    (found,) = (likelihood for likelihood in posterior.likelihoods if likelihood.name == name)
    if not isinstance(found, SpectralIndex) or found.n_data != 1:
        raise UserError(f"{name} is not one spectral index", valid="data sets of kind spectral-index with one band")
    return found


def flux_ratio(
    one: Hypothesis,
    other: Hypothesis | None,
    model: SkyModel,
    energy: float,
    region: str,
    other_region: str | None = None,
) -> float:
    """Return the intensity of a hypothesis in a region over another's, over that in another region, or both.

    Parameters
    ----------
    energy
        GeV.
    """

    def at(hypothesis: Hypothesis, where: str) -> float:
        return float(predict(hypothesis, request_for([energy], region=where), model)["intensity"][0])

    ratio = at(one, region) / (at(one, other_region) if other_region else 1.0)
    if other is not None:
        ratio /= at(other, region) / (at(other, other_region) if other_region else 1.0)
    return ratio


def component_share(hypothesis: Hypothesis, model: SkyModel, energy: float, region: str, component: str) -> float:
    """Return the share of a component in the intensity of a region at one energy in GeV.

    Raises
    ------
    UserError
        When the hypothesis has no such component.
    """
    found = predict(hypothesis, request_for([energy], region=region), model)
    if component not in found:
        raise UserError(
            f"{hypothesis.name} has no component {component!r}", valid=", ".join(sorted(set(found) - {"intensity"}))
        )
    return float(found[component][0] / found["intensity"][0])
