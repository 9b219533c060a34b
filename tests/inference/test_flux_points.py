"""Flux points: the bin average, the error model, the systematic shift, limits, simulation."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from crsea_infer.inference.likelihoods.energy_bins import SparseRows, averaged, bin_average
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.flux_systematics import FluxSystematics
from crsea_infer.inference.likelihoods.joint_likelihood import JointLikelihood
from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood
from crsea_infer.support.errors import UserError

INNER = "lhaaso_km2a_inner"
NUISANCE = "lhaaso_km2a_inner_systematic"


def load(name: str = INNER, **options: Any) -> FluxPoints:
    likelihood = load_likelihood(name, options)
    assert isinstance(likelihood, FluxPoints)
    return likelihood


def power_law(likelihood: FluxPoints, index: float = 3.0, norm: float = 1.0) -> np.ndarray:
    """Intensity at the requested energies that meets the first datum."""
    energies = np.array(likelihood.requests[0].energies)
    return norm * likelihood.values[0] * (energies / likelihood.energy_reference[0]) ** -index


def asymmetric(**changes: Any) -> FluxPoints:
    """The inner region with errors that differ below and above by a factor of two."""
    likelihood = load()
    return dataclasses.replace(likelihood, error_high=2.0 * likelihood.error_low, **changes)


def test_it_is_a_likelihood_that_asks_for_gamma_rays_of_its_region() -> None:
    likelihood = load()
    assert isinstance(likelihood, Likelihood)
    (request,) = likelihood.requests
    assert (request.messenger, request.region) == ("gamma", "lhaaso_inner")
    assert likelihood.n_data == 10
    assert min(request.energies) > 10e3
    assert max(request.energies) < 1e6
    assert "2305.05372" in likelihood.citations[0]


# --- the bin average


def broken(energy: np.ndarray | float, position: float, width: float) -> Any:
    """A power law of index -2.7 that steepens by 0.6 at `position`, over `width` in ln E."""
    x = np.log(np.asarray(energy) / position)
    return np.exp(-2.7 * x - 0.6 * width * np.logaddexp(0.0, x / width))


@pytest.mark.parametrize("index", [None, 2.0, 3.0])
@pytest.mark.parametrize("dex", [0.2, 0.4])
@pytest.mark.parametrize("offset", [0.0, 0.1, 0.35, 0.5, 0.8, 1.0])
def test_the_average_of_a_broken_power_law_is_that_of_dense_quadrature(
    index: float | None, dex: float, offset: float
) -> None:
    low, high = 1e4, 1e4 * 10**dex
    centre = math.sqrt(low * high)
    position = low * (high / low) ** offset  # the break lies inside the bin
    energies, matrix = bin_average(*(np.array([value]) for value in (low, high, centre)), index)
    ours = float((matrix @ broken(energies, position, 0.3))[0])
    total, _ = integrate.quad(lambda e: float(broken(e, position, 0.3)), low, high, epsrel=1e-12)
    scale = high - low if index is None else integrate.quad(lambda e: (e / centre) ** -index, low, high)[0]
    assert ours == pytest.approx(total / scale, rel=1e-5)


@pytest.mark.parametrize("slope", [-1.5, -3.0, -4.5])
def test_a_power_law_is_averaged_exactly_enough(slope: float) -> None:
    low, high = 1e4, 10**4.4
    energies, matrix = bin_average(np.array([low]), np.array([high]), np.array([1.58e4]), None)
    exact = (high ** (slope + 1) - low ** (slope + 1)) / (slope + 1) / (high - low)
    assert float((matrix @ energies**slope)[0]) == pytest.approx(exact, rel=1e-5)


@pytest.mark.slow
def test_thousands_of_bins_take_no_matrix_of_zeros() -> None:
    edges = np.geomspace(1e4, 1e6, 20_001)
    edges[10_000:] *= 1.3  # one bin is wider, and has another node
    energies, rows = bin_average(edges[:-1], edges[1:], np.sqrt(edges[1:] * edges[:-1]), 3.0)
    assert isinstance(rows, SparseRows)
    assert rows.weights.nbytes + rows.columns.nbytes < 2e6, "a matrix would take 6.4 GB"
    found = averaged(rows, np.stack([energies**-3.0, 2.0 * energies**-2.5]))
    for row in (0, 9_999, 10_000, 19_999):
        own, matrix = bin_average(edges[[row]], edges[[row + 1]], np.sqrt(edges[[row]] * edges[[row + 1]]), 3.0)
        expected = [averaged(matrix, own**-3.0)[0], averaged(matrix, 2.0 * own**-2.5)[0]]
        np.testing.assert_allclose(found[:, row], expected, rtol=1e-12)


def test_points_kept_without_a_matrix_have_the_same_likelihood() -> None:
    likelihood = load()
    blocks = SparseRows.blocks([row[row != 0.0] for row in np.asarray(likelihood.averaging)])
    sparse = dataclasses.replace(likelihood, averaging=blocks)
    intensity = np.stack([power_law(likelihood, index) for index in (2.9, 3.1)])
    nuisances = {NUISANCE: np.array([0.3, -0.4])}
    np.testing.assert_allclose(
        sparse.log_likelihood((intensity,), nuisances), likelihood.log_likelihood((intensity,), nuisances), rtol=1e-12
    )
    for joined, one in ((1, likelihood), (0, sparse)):
        joint = JointLikelihood.of([one])
        assert len(joint.joined) == joined
        np.testing.assert_allclose(
            joint.total([(intensity,)], nuisances), likelihood.log_likelihood((intensity,), nuisances), rtol=1e-12
        )


def test_a_spectrum_of_the_assumed_index_is_read_at_the_reference_energy() -> None:
    likelihood = load()
    intensity = power_law(likelihood, 3.0)
    expected = likelihood.values[0] * (likelihood.energy_reference / likelihood.energy_reference[0]) ** -3.0
    np.testing.assert_allclose(likelihood.binned_prediction((intensity,)), expected, rtol=1e-9)


@pytest.mark.parametrize(("name", "percent"), [(INNER, 2.7), ("lhaaso_km2a_outer", 10.8)])
def test_the_plain_mean_moves_the_prediction_by_what_the_file_says(name: str, percent: float) -> None:
    quoted = load(name)
    settings = {key: value for key, value in quoted.settings.items() if key not in {"table_sha256", "reference_index"}}
    assert settings["systematics"] == "correlated"
    energies, matrix = bin_average(quoted.energy_min, quoted.energy_max, quoted.energy_reference, None)
    np.testing.assert_allclose(energies, quoted.requests[0].energies)
    intensity = power_law(quoted, 3.3)
    ratio = (matrix @ intensity) / quoted.binned_prediction((intensity,))
    np.testing.assert_allclose(100 * (ratio - 1), percent, atol=1.5)  # quoted energies are rounded
    assert 100 * float(np.median(ratio) - 1) == pytest.approx(percent, abs=0.3)


@pytest.mark.parametrize("index", [-1e308, -10.5, 10.5, 1e308])
def test_an_index_beyond_anything_measured_is_refused_before_it_overflows(index: float) -> None:
    with pytest.raises(UserError, match="reference_index = ") as caught:
        load(reference_index=index)
    assert caught.value.valid == f"a number of at {'least -' if index < 0 else 'most '}10"


# --- the error model


def test_the_two_piece_normal_is_a_density_of_the_datum() -> None:
    likelihood = asymmetric(systematics=FluxSystematics("none"))
    intensity = power_law(likelihood)
    mu = likelihood.binned_prediction((intensity,))
    base = float(likelihood.log_likelihood((intensity,), {}))

    def density(y: float) -> float:
        values = likelihood.values.copy()
        values[3] = y
        moved = dataclasses.replace(likelihood, values=values)
        return math.exp(float(moved.log_likelihood((intensity,), {})) - base)

    reach = 12 * likelihood.error_high[3]
    area, _ = integrate.quad(density, mu[3] - reach, mu[3] + reach, points=[mu[3]], epsabs=0, limit=200)
    # ln p of point 3 alone at the datum: what the integral of the ratio must undo
    low, high = (float(error[3]) for error in (likelihood.error_low, likelihood.error_high))
    side = high if mu[3] > likelihood.values[3] else low
    alone = math.sqrt(2 / math.pi) / (low + high) * math.exp(-0.5 * ((likelihood.values[3] - mu[3]) / side) ** 2)
    assert area * alone == pytest.approx(1.0, rel=1e-7)


def test_symmetric_errors_give_the_normal_distribution() -> None:
    likelihood = load(systematics="none")
    likelihood = dataclasses.replace(likelihood, error_high=likelihood.error_low)
    intensity = power_law(likelihood, 3.1)
    mu = likelihood.binned_prediction((intensity,))
    expected = stats.norm(mu, likelihood.error_low).logpdf(likelihood.values).sum()
    assert float(likelihood.log_likelihood((intensity,), {})) == pytest.approx(expected, rel=1e-12)


def test_the_error_towards_the_prediction_counts() -> None:
    likelihood = asymmetric(systematics=FluxSystematics("none"))
    flat = np.ones(len(likelihood.requests[0].energies))
    for sign, error in ((+1, likelihood.error_high), (-1, likelihood.error_low)):
        # a prediction one of its errors away from every datum
        target = likelihood.values + sign * error
        averaging = np.diag(target) @ np.full((10, len(flat)), 1.0 / len(flat))
        moved = dataclasses.replace(likelihood, averaging=averaging)
        np.testing.assert_allclose(moved.pulls((flat,), {}), -sign, rtol=1e-9)
        assert float(moved.chi2((flat,), {})) == pytest.approx(10.0)


def test_correlated_systematics_shift_all_points_together() -> None:
    likelihood = load()
    intensity = power_law(likelihood)
    assert [nuisance.name for nuisance in likelihood.nuisances] == [NUISANCE]
    shifted = dataclasses.replace(likelihood, values=likelihood.values + 1.5 * likelihood.systematic)
    there = float(likelihood.log_likelihood((intensity,), {NUISANCE: np.array(0.3)}))
    assert float(shifted.log_likelihood((intensity,), {NUISANCE: np.array(1.8)})) == pytest.approx(there)
    pull = float(likelihood.chi2((intensity,), {NUISANCE: np.array(2.0)}))
    assert pull == pytest.approx(float(np.sum(likelihood.pulls((intensity,), {NUISANCE: np.array(2.0)}) ** 2)) + 4.0)


def test_one_key_turns_systematics_into_independent_errors() -> None:
    diagonal, none = load(systematics="diagonal"), load(systematics="none")
    intensity = power_law(diagonal)
    assert diagonal.nuisances == none.nuisances == ()
    residual = diagonal.values - diagonal.binned_prediction((intensity,))
    statistical = np.where(residual < 0, diagonal.error_high, diagonal.error_low)
    expected = np.sum(residual**2 / (statistical**2 + diagonal.systematic**2))
    assert float(diagonal.chi2((intensity,), {})) == pytest.approx(expected)
    assert float(none.chi2((intensity,), {})) == pytest.approx(np.sum((residual / statistical) ** 2))


def test_the_models_own_error_adds_in_quadrature_and_moves_all_points_together() -> None:
    likelihood = load(systematics="none").with_model_error(0.1)
    intensity = power_law(likelihood)
    prediction = likelihood.binned_prediction((intensity,))
    residual = likelihood.values - prediction
    statistical = np.where(residual < 0, likelihood.error_high, likelihood.error_low)
    independent = np.diag(statistical**2 + (0.1 * likelihood.values) ** 2)
    expected = (
        residual @ np.linalg.solve((independent + 0.01 * np.outer(prediction, prediction)) * 1e30, residual) * 1e30
    )
    assert float(likelihood.chi2((intensity,), {})) == pytest.approx(expected)


# --- the profiled shift


def with_limits(likelihood: FluxPoints) -> FluxPoints:
    limits = np.arange(10) >= 7
    width = likelihood.values / 1.6448536
    return dataclasses.replace(
        likelihood,
        is_upper_limit=limits,
        error_low=np.where(limits, width, likelihood.error_low),
        error_high=np.where(limits, width, likelihood.error_high),
    )


@pytest.mark.parametrize("norm", [0.3, 0.8, 1.0, 1.3, 3.0])
@pytest.mark.parametrize("limits", [False, True])
def test_the_profiled_chi2_is_the_least_over_the_shift(norm: float, limits: bool) -> None:
    likelihood = with_limits(asymmetric()) if limits else asymmetric()
    intensity = power_law(likelihood, 3.0, norm)
    found = optimize.minimize_scalar(
        lambda eta: float(likelihood.chi2((intensity,), {NUISANCE: np.array(eta)})), bracket=(-5, 5), tol=1e-12
    )
    assert float(likelihood.chi2_profiled((intensity,))) == pytest.approx(found.fun, rel=1e-9)
    eta = likelihood.best_nuisances((intensity,))[NUISANCE]
    assert float(eta) == pytest.approx(found.x, abs=1e-5)


def test_without_a_nuisance_there_is_nothing_to_profile() -> None:
    likelihood = load(systematics="diagonal")
    intensity = power_law(likelihood)
    assert likelihood.chi2_profiled((intensity,)) == likelihood.chi2((intensity,), {})


# --- upper limits


def test_an_upper_limit_disfavours_predictions_above_it_alone() -> None:
    likelihood = with_limits(load(systematics="none"))
    only = dataclasses.replace(likelihood, is_upper_limit=np.ones(10, dtype=bool))
    intensity = power_law(likelihood, 3.0, 1e-6)
    at_zero = float(only.log_likelihood((intensity,), {}))
    expected = special.log_ndtr(only.values / only.error_high).sum()
    assert at_zero == pytest.approx(expected, rel=1e-4)
    above = [float(only.log_likelihood((power_law(likelihood, 3.0, norm),), {})) for norm in (1.0, 3.0, 10.0)]
    assert at_zero > above[0] > above[1] > above[2]


# --- simulation and batches


def test_simulated_data_follow_the_likelihood() -> None:
    likelihood = asymmetric(relative_model_error=0.02)
    intensity = power_law(likelihood)
    eta = {NUISANCE: 0.7}
    rng = np.random.default_rng(11)
    drawn = np.array([likelihood.simulate(rng, (intensity,), eta).values for _ in range(4000)])
    mu = likelihood.binned_prediction((intensity,)) + 0.7 * likelihood.systematic
    low, high = (
        np.hypot(error, 0.02 * likelihood.binned_prediction((intensity,)))
        for error in (likelihood.error_low, likelihood.error_high)
    )
    # of the density in y: below mu the upper error rules, above it the lower one
    for column in range(10):
        below = drawn[:, column] < mu[column]
        share = high[column] / (low[column] + high[column])
        assert below.mean() == pytest.approx(share, abs=4.5 * math.sqrt(share * (1 - share) / 4000))
        scaled = (drawn[:, column] - mu[column]) / np.where(below, high[column], low[column])
        assert stats.kstest(np.abs(scaled), stats.halfnorm.cdf).pvalue > 1e-4


def test_a_batch_is_its_points_one_by_one() -> None:
    likelihood = with_limits(asymmetric(relative_model_error=0.01))
    rng = np.random.default_rng(2)
    intensity = power_law(likelihood) * rng.uniform(0.5, 2.0, (3, 4, 1))
    eta = {NUISANCE: rng.standard_normal((3, 4))}
    batch = likelihood.log_likelihood((intensity,), eta)
    profiled = likelihood.chi2_profiled((intensity,))
    assert batch.shape == profiled.shape == (3, 4)
    for i, j in np.ndindex(3, 4):
        one = {NUISANCE: eta[NUISANCE][i, j]}
        assert float(likelihood.log_likelihood((intensity[i, j],), one)) == pytest.approx(float(batch[i, j]))
        assert float(likelihood.chi2_profiled((intensity[i, j],))) == pytest.approx(float(profiled[i, j]))


@pytest.mark.slow
def test_jax_gives_the_same_numbers() -> None:
    jax = pytest.importorskip("jax")
    # JAX works in single precision by default, in which these intensities underflow when squared
    with jax.enable_x64(True):
        likelihood = with_limits(asymmetric(relative_model_error=0.01))
        intensity = power_law(likelihood)
        eta = {NUISANCE: jax.numpy.asarray(0.4)}
        given = jax.numpy.asarray(intensity)
        ours = jax.jit(likelihood.log_likelihood)((given,), eta)
        expected = likelihood.log_likelihood((intensity,), {NUISANCE: np.array(0.4)})
        assert float(ours) == pytest.approx(float(expected))
        assert float(likelihood.chi2_profiled((given,))) == pytest.approx(float(likelihood.chi2_profiled((intensity,))))
