"""Errors of the sky model that move all points together, against the covariance matrix itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from crsea_infer.inference.likelihoods.common_error import is_noticeable
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.likelihood import load_likelihood


@pytest.fixture(name="points")
def _points() -> FluxPoints:
    likelihood = load_likelihood("lhaaso_km2a_inner", {"systematics": "none"})
    assert isinstance(likelihood, FluxPoints)
    errors = 0.5 * (likelihood.error_low + likelihood.error_high)
    return replace(likelihood, error_low=errors, error_high=errors)


def _intensities(points: FluxPoints, factor: float = 1.0) -> tuple[np.ndarray]:
    energies = np.asarray(points.requests[0].energies)
    level = points.values[3] * (energies / points.energy_reference[3]) ** -2.9
    return (factor * level,)


def test_it_is_a_multivariate_normal(points: FluxPoints) -> None:
    wrong = points.with_model_error(0.2)
    for factor in (0.7, 1.0, 1.4):
        model = points.binned_prediction(_intensities(points, factor))
        covariance = np.diag(points.error_low**2 + 0.04 * points.values**2) + 0.04 * np.outer(model, model)
        scale = np.sqrt(np.diag(covariance))
        correlation = covariance / np.outer(scale, scale)
        expected = multivariate_normal(np.zeros(model.size), correlation).logpdf((points.values - model) / scale)
        expected -= np.log(scale).sum()
        found = wrong.log_likelihood(_intensities(points, factor), {})
        assert found == pytest.approx(expected, rel=1e-9)
        assert wrong.log_likelihood_pointwise(_intensities(points, factor), {}).sum() == pytest.approx(expected)
        residual = points.values - model
        chi2 = residual @ np.linalg.solve(correlation / np.outer(1 / scale, 1 / scale), residual)
        assert wrong.chi2(_intensities(points, factor), {}) == pytest.approx(chi2, rel=1e-6)


def test_profiling_and_marginalising_agree() -> None:
    """The nuisance that minimises chi2 is the same with the common error in the covariance."""
    points = load_likelihood("lhaaso_km2a_inner")
    assert isinstance(points, FluxPoints)
    wrong = points.with_model_error(0.2)
    predictions = _intensities(points, 1.2)
    (name,) = (nuisance.name for nuisance in points.nuisances)
    grid = np.linspace(-4, 4, 4001)
    least = grid[np.argmin(wrong.chi2(tuple(np.broadcast_to(p, (4001, p.size)) for p in predictions), {name: grid}))]
    assert float(wrong.best_nuisances(predictions)[name]) == pytest.approx(least, abs=5e-3)


def test_simulated_data_scatter_as_the_covariance_says(points: FluxPoints) -> None:
    wrong, predictions = points.with_model_error(0.3), _intensities(points)
    model = points.binned_prediction(predictions)
    rng = np.random.default_rng(4)
    drawn = np.array([wrong.simulate(rng, predictions, {}).values for _ in range(4000)])
    covariance = np.diag(points.error_low**2 + 0.09 * points.values**2) + 0.09 * np.outer(model, model)
    found = np.cov(drawn.T)
    assert found / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance))) == pytest.approx(
        covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance))), abs=0.08
    )


def test_a_good_emulator_costs_nothing_and_changes_nothing(points: FluxPoints) -> None:
    good = points.with_model_error(3e-6)
    assert not is_noticeable(3e-6, points.values, points.error_low)
    predictions = _intensities(points, 1.5)
    assert good.log_likelihood(predictions, {}) == pytest.approx(
        float(points.log_likelihood(predictions, {})), abs=1e-6
    )
