"""Errors of the prediction in one data set: the formula, the best nuisances, sharing, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize

from crsea_infer import emulator
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.support.errors import UserError

INNER, OUTER = "lhaaso_km2a_inner", "lhaaso_km2a_outer"
SHIFT = "lhaaso_km2a_inner_systematic"
USED = {"use_prediction_errors": ["mask_psf"]}


def load(name: str = INNER, **options: Any) -> FluxPoints:
    likelihood = load_likelihood(name, options)
    assert isinstance(likelihood, FluxPoints)
    return likelihood


def sky(likelihood: FluxPoints, norm: float = 1.1) -> tuple[np.ndarray]:
    energies = np.array(likelihood.requests[0].energies)
    return (norm * likelihood.values[0] * (energies / likelihood.energy_reference[0]) ** -3.0,)


def test_no_run_has_them_unless_it_says_so() -> None:
    assert [nuisance.name for nuisance in load().nuisances] == [SHIFT]
    assert load().is_sum_of_squares


def test_the_prediction_is_scaled_and_nothing_else() -> None:
    likelihood, plain = load(**USED), load()
    z, shift = np.array([0.0, 1.5]), np.array([0.3, 0.3])
    found = likelihood.log_likelihood(sky(likelihood), {"mask_psf": z, SHIFT: shift})
    for k in range(2):
        scaled = (sky(likelihood)[0] * (1 + 0.051 * z[k]),)
        assert found[k] == pytest.approx(float(plain.log_likelihood(scaled, {SHIFT: shift[k]})))
    binned = likelihood.binned_prediction(sky(likelihood), {"mask_psf": np.array(1.5), SHIFT: np.array(0.3)})
    np.testing.assert_allclose(binned, plain.binned_prediction(sky(likelihood)) * (1 + 0.051 * 1.5))
    np.testing.assert_allclose(likelihood.binned_prediction(sky(likelihood)), plain.binned_prediction(sky(likelihood)))


def test_a_fraction_may_depend_on_the_point() -> None:
    entry = {"name": "tilt", "label": "tilt", "description": "a tilt", "fraction": np.linspace(-0.2, 0.2, 10).tolist()}
    likelihood = load(prediction_errors=[entry], use_prediction_errors=["tilt"])
    values = {"tilt": np.array(0.5), SHIFT: np.array(0.0)}
    expected = load().binned_prediction(sky(likelihood)) * (1 + 0.5 * np.linspace(-0.2, 0.2, 10))
    np.testing.assert_allclose(likelihood.binned_prediction(sky(likelihood), values), expected)


def test_fractions_of_points_beyond_limits_of_energy_are_left_out_with_them() -> None:
    entry = {"name": "tilt", "label": "tilt", "description": "a tilt", "fraction": np.linspace(-0.2, 0.2, 10).tolist()}
    likelihood = load(prediction_errors=[entry], use_prediction_errors=["tilt"], energy_min=25_000.0)
    fractions = likelihood.prediction_errors.fractions
    assert fractions is not None
    np.testing.assert_allclose(fractions[0], np.linspace(-0.2, 0.2, 10)[10 - likelihood.n_data :])
    assert 0 < likelihood.n_data < 10


def test_chi2_is_least_at_the_best_nuisances() -> None:
    likelihood = load(**USED)
    prediction = sky(likelihood, 1.6)

    def chi2(x: np.ndarray) -> float:
        return float(likelihood.chi2(prediction, {"mask_psf": np.array(x[0]), SHIFT: np.array(x[1])}))

    found = optimize.minimize(chi2, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
    best = likelihood.best_nuisances(prediction)
    assert float(best["mask_psf"]) == pytest.approx(found.x[0], abs=1e-4)
    assert float(best[SHIFT]) == pytest.approx(found.x[1], abs=1e-4)
    assert float(likelihood.chi2_profiled(prediction)) == pytest.approx(found.fun, abs=1e-6)
    assert float(likelihood.chi2_profiled(prediction)) < float(load().chi2_profiled(prediction))


def test_both_regions_share_the_psf_of_their_mask() -> None:
    posterior = posterior_for(
        load_hypothesis("gamma-optimized-min"), [load(INNER, **USED), load(OUTER, **USED)], emulator.load(None)
    )
    assert posterior.names.count("mask_psf") == 1
    theta = posterior.fiducial.copy()
    theta[posterior.names.index("mask_psf")] = 1.0
    before, after = posterior.predictions(posterior.fiducial), posterior.predictions(theta)
    np.testing.assert_allclose(after[INNER] / before[INNER], 1.051)
    np.testing.assert_allclose(after[OUTER] / before[OUTER], 1.005)
    parts = posterior.log_likelihood_per_data_set(theta)
    assert float(posterior.log_likelihood(theta)) == pytest.approx(float(sum(parts.values())))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"use_prediction_errors": ["mask_pfs"]}, "mask_psf"),
        (
            {"prediction_errors": [{"name": "a", "label": "a", "description": "a", "fraction": [0.1, 0.2]}]},
            "10, one for each",
        ),
        ({"prediction_errors": [{"name": "a", "label": "a", "description": "a", "fraction": 0.0}]}, "not all 0"),
        ({"prediction_errors": [{"name": "a", "label": "a", "description": "a", "fraction": 0.1}] * 2}, "same name"),
    ],
)
def test_what_has_no_meaning_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        load(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize("window", ["20_30", "30_40", "60_70", "70_80", "80_90", "m10_10"])
def test_every_window_of_fermi_has_its_own_gas(window: str) -> None:
    likelihood = load(f"fermi_lat_longitude_{window}", use_prediction_errors=[f"gas_shape_{window}"])
    values = {nuisance.name: np.array(nuisance.fiducial) for nuisance in likelihood.nuisances}
    prediction = (np.full(len(likelihood.requests[0].energies), 1e-7),)
    before = likelihood.binned_prediction(prediction, values)
    after = likelihood.binned_prediction(prediction, values | {f"gas_shape_{window}": np.array(1.0)})
    norm = likelihood.prediction_errors.fractions
    assert norm is not None
    components = sum(component.nuisance.fiducial * component.prediction for component in likelihood.components)
    np.testing.assert_allclose(after - before, norm[0] * (before - components), rtol=1e-6)
