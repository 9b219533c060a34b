"""Numbers behind published statements, against direct sums."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.analysis import claim_numbers
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import Posterior, posterior_for
from crsea_infer.support.errors import UserError

DATA = ("lhaaso_km2a_inner", "lhaaso_wcda_inner", "lhaaso_wcda_outer")


@pytest.fixture(scope="module")
def posteriors() -> dict[str, Posterior]:
    likelihoods = [load_likelihood(name) for name in DATA]
    names = ("base-min", "gamma-optimized-min", "gamma-optimized-max")
    return {name: posterior_for(load_hypothesis(name), likelihoods, emulator.load()) for name in names}


def test_separation_is_the_distance_of_predictions_in_errors(posteriors: dict[str, Posterior]) -> None:
    one, other = posteriors["gamma-optimized-min"], posteriors["gamma-optimized-max"]
    index = posteriors["base-min"].likelihoods[1]
    predicted = [
        float(np.asarray(index.binned_prediction(p.intensities(p.fiducial[None])[index.name])).ravel()[0])
        for p in (one, other)
    ]
    error = float(index.error_low[0])  # the measured index is of symmetric errors
    assert claim_numbers.separation(one, other, ["lhaaso_wcda_inner"]) == pytest.approx(
        abs(predicted[0] - predicted[1]) / error, rel=1e-6
    )
    parts = [claim_numbers.separation(one, other, [name]) for name in DATA]
    assert claim_numbers.separation(one, other, DATA) == pytest.approx(np.hypot(np.hypot(*parts[:2]), parts[2]))
    assert claim_numbers.separation(one, one, DATA) == 0.0
    assert parts[0] > 10  # KM2A can tell the seas apart


def test_measured_indices_differ_by_less_than_their_error(posteriors: dict[str, Posterior]) -> None:
    difference, error = claim_numbers.index_difference(posteriors["base-min"], *DATA[1:])
    assert (difference, error) == pytest.approx((-2.67 + 2.83, np.hypot(0.05, 0.19)))
    predicted = [
        claim_numbers.predicted_index_difference(posteriors[name], *DATA[1:])
        for name in ("gamma-optimized-min", "base-min")
    ]
    assert 0 < predicted[0] - predicted[1] < 0.1 * error  # a hint that no such data can give
    with pytest.raises(UserError, match="lhaaso_km2a_inner is not one spectral index"):
        claim_numbers.index_difference(posteriors["base-min"], "lhaaso_km2a_inner", "lhaaso_wcda_outer")


def test_an_excess_is_that_of_the_pulls(posteriors: dict[str, Posterior]) -> None:
    posterior = posteriors["gamma-optimized-min"]
    pulls = claim_numbers.published_pulls(posterior, ["lhaaso_km2a_inner"])
    assert pulls.size == 10
    assert claim_numbers.excess_sigma(posterior, "lhaaso_km2a_inner") == pytest.approx(pulls.mean() * np.sqrt(10))


def test_ratios_of_fluxes_and_shares() -> None:
    model = emulator.load()
    base, optimized = load_hypothesis("base-min"), load_hypothesis("gamma-optimized-min")
    inner = claim_numbers.flux_ratio(optimized, base, model, 1e5, "lhaaso_inner")
    outer = claim_numbers.flux_ratio(optimized, base, model, 1e5, "lhaaso_outer")
    both = claim_numbers.flux_ratio(optimized, base, model, 1e5, "lhaaso_inner", "lhaaso_outer")
    assert both == pytest.approx(inner / outer)
    assert inner > outer  # harder towards the centre
    gas = [claim_numbers.component_share(base, model, 1e4, "lhaaso_inner", name) for name in ("HI", "H2")]
    assert sum(gas) == pytest.approx(1.0)
    with pytest.raises(UserError, match="no component 'IC'"):
        claim_numbers.component_share(base, model, 1e4, "lhaaso_inner", "IC")
