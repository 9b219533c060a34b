"""Profiles: the covariance against sampled nuisances, the shape alone, what is drawn, and mistakes in a folder."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.table import Table
from scipy import optimize, stats

from crsea_infer.content.finding import packaged_root
from crsea_infer.inference.likelihoods import shared_errors
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood
from crsea_infer.inference.likelihoods.profile import Profile
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KM2A, FERMI = "lhaaso_km2a_longitude", "fermi_lat_longitude"
WINDOWS = ("m10_10", "20_30", "30_40", "60_70", "70_80", "80_90")
NORM = f"{KM2A}_norm"


def load(name: str = KM2A, **options: Any) -> Profile:
    likelihood = load_likelihood(name, options)
    assert isinstance(likelihood, Profile)
    assert isinstance(likelihood, Likelihood)
    return likelihood


def sky(likelihood: Profile, batch: tuple[int, ...] = (), seed: int = 3) -> tuple[np.ndarray, ...]:
    """Intensities near the data, another one in each window and for each member of a batch."""
    rng = np.random.default_rng(seed)
    found = []
    for request in likelihood.requests:
        energies = np.array(request.energies)
        near = np.interp(np.log(energies), np.log(likelihood.energy_reference[:10]), np.log(_level(likelihood)))
        found.append(np.exp(near + 0.1 * rng.standard_normal((*batch, 1))))
    return tuple(found)


def _level(likelihood: Profile) -> np.ndarray:
    return np.maximum(likelihood.values[:10] - likelihood.expected[:10], 1e-3 * np.abs(likelihood.values[:10]))


def at(likelihood: Profile, norm: Any = 1.0) -> dict[str, Any]:
    return {nuisance.name: np.asarray(norm) for nuisance in likelihood.nuisances}


def test_shared_errors_are_the_normal_density_of_their_covariance() -> None:
    rng = np.random.default_rng(1)
    residual, variance, shared = (
        rng.standard_normal((4, 6)),
        rng.uniform(0.5, 2, (4, 6)),
        rng.standard_normal((4, 6, 9)),
    )
    found = shared_errors.log_density(np, residual, variance, shared)
    squares = shared_errors.square(np, residual, variance, shared)
    for i in range(4):
        covariance = np.diag(variance[i]) + shared[i] @ shared[i].T
        assert found[i] == pytest.approx(stats.multivariate_normal(cov=covariance).logpdf(residual[i]))
        assert squares[i] == pytest.approx(residual[i] @ np.linalg.solve(covariance, residual[i]))
    without = shared_errors.log_density(np, residual, variance, np.zeros((4, 6, 0)))
    np.testing.assert_allclose(without, stats.norm(0, np.sqrt(variance)).logpdf(residual).sum(axis=-1))


@pytest.mark.parametrize("name", [KM2A, FERMI])
def test_the_density_is_that_of_the_documented_covariance(name: str) -> None:
    likelihood = load(name).with_model_error(0.01)
    predictions = sky(likelihood, (3,))
    given = at(likelihood, [0.9, 1.0, 1.2])
    model = likelihood.binned_prediction(predictions, given)
    found = likelihood.log_likelihood(predictions, given)
    np.testing.assert_allclose(likelihood.log_likelihood_pointwise(predictions, given).sum(axis=-1), found)
    for i in range(3):
        seen = model[i] - likelihood.expected
        own = (0.5 * (likelihood.error_low + likelihood.error_high)) ** 2 + (0.01 * likelihood.model_scale) ** 2
        own_column = seen[:, None]
        columns = np.concatenate([own_column * likelihood.gas, likelihood.shared, 0.01 * own_column], axis=1)
        covariance = np.diag(own) + columns @ columns.T
        scale = np.outer(likelihood.error_high, likelihood.error_high)
        expected = stats.multivariate_normal(cov=covariance / scale).logpdf(
            (likelihood.values - model[i]) / likelihood.error_high
        )
        assert found[i] == pytest.approx(expected - np.log(likelihood.error_high).sum(), abs=1e-6)


def test_it_is_what_sampling_every_error_by_itself_would_give() -> None:
    """Six sets of flux points with their nuisances integrated over: one normal integral."""
    whole = load(FERMI)
    predictions = sky(whole)
    total, names = [], []
    for window, prediction in zip(WINDOWS, predictions, strict=True):
        points = load_likelihood(f"{FERMI}_{window}", {"use_prediction_errors": [f"gas_shape_{window}"]})
        assert isinstance(points, FluxPoints)
        total.append((points, (prediction,)))
        names += [one for one in points.nuisances if one.name not in {other.name for other in names}]
    centre = np.array([one.distribution.location for one in names])
    width = np.array([one.distribution.scale for one in names])

    def log_density(x: np.ndarray) -> float:
        values = {one.name: centre[k] + width[k] * x[k] for k, one in enumerate(names)}
        own = sum(float(one.log_likelihood(prediction, values)) for one, prediction in total)
        return own + float(stats.norm.logpdf(x).sum())

    n, step = len(names), 0.05
    base = log_density(np.zeros(n))
    unit = step * np.eye(n)
    up, down = (np.array([log_density(sign * unit[k]) for k in range(n)]) for sign in (1, -1))
    slope = (up - down) / (2 * step)
    curvature = np.diag((up + down - 2 * base) / step**2)
    for i in range(n):
        for j in range(i):
            both = log_density(unit[i] + unit[j])
            curvature[i, j] = curvature[j, i] = (both - up[i] - up[j] + base) / step**2
    # ln of the integral of a normal density in n dimensions, exact where ln L is a quadratic form
    integral = base - 0.5 * slope @ np.linalg.solve(curvature, slope) + 0.5 * n * np.log(2 * np.pi)
    integral -= 0.5 * np.linalg.slogdet(-curvature)[1]
    assert float(whole.log_likelihood(predictions, {})) == pytest.approx(integral, abs=0.15)  # 7 % is sqrt(1/2) 10 %


def test_a_profile_without_unit_measures_a_shape() -> None:
    likelihood = load()
    predictions = sky(likelihood)
    found = likelihood.log_likelihood(predictions, at(likelihood))
    scaled = tuple(7.0 * one for one in predictions)
    assert float(likelihood.log_likelihood(scaled, at(likelihood))) == pytest.approx(float(found))
    weights = (likelihood.error_low + likelihood.error_high) ** -2.0
    binned = likelihood.binned_prediction(predictions)
    assert np.average(binned, weights=weights) == pytest.approx(np.average(likelihood.values, weights=weights))
    np.testing.assert_allclose(likelihood.binned_prediction(predictions, at(likelihood, 1.3)), 1.3 * binned)
    assert likelihood.columns["values"].unit == ""
    assert load(FERMI).columns["values"].unit != ""
    assert load(FERMI).nuisances == ()


def test_the_best_norm_makes_chi2_least() -> None:
    likelihood = load()
    predictions = sky(likelihood, (2,))
    best = likelihood.best_nuisances(predictions)[NORM]
    for i in range(2):
        one = tuple(part[i] for part in predictions)
        found = optimize.minimize_scalar(
            lambda norm, one=one: float(likelihood.chi2(one, {NORM: np.asarray(norm)})), bounds=(0.2, 5.0)
        )
        assert best[i] == pytest.approx(found.x, abs=1e-3)
        assert likelihood.chi2_profiled(predictions)[i] == pytest.approx(found.fun, abs=1e-6)


def test_gas_is_ten_per_cent_in_ten_degrees_and_as_shipped_with_the_single_windows() -> None:
    shipped = load(FERMI)
    errors = np.sqrt(np.sum(shipped.gas**2, axis=-1)).reshape(6, 10)
    np.testing.assert_allclose(errors[0], 0.1 / np.sqrt(2))
    np.testing.assert_allclose(errors[1:], 0.1)
    for row, window in enumerate(WINDOWS):
        points = load_likelihood(f"{FERMI}_{window}", {"use_prediction_errors": [f"gas_shape_{window}"]})
        assert isinstance(points, FluxPoints)
        assert points.prediction_errors.fractions is not None
        np.testing.assert_allclose(points.prediction_errors.fractions[0], errors[row], atol=1e-3)
    same = (shipped.gas @ shipped.gas.T).reshape(6, 10, 6, 10)
    assert same[0, 0, 1, 0] == 0.0
    assert same[1, 0, 1, 9] == pytest.approx(0.01)
    finer = load(gas_shape={"fraction": 0.1, "stretch": 20.0}).gas
    np.testing.assert_allclose(finer @ finer.T, np.kron(np.eye(11), np.full((2, 2), 0.01)))
    assert load(gas_shape={"fraction": 0.0}).gas.shape == (22, 0)


@pytest.mark.parametrize("name", [KM2A, FERMI])
def test_what_is_drawn_has_the_covariance_of_the_density(name: str) -> None:
    likelihood = load(name)
    predictions = tuple(np.broadcast_to(one, (4000, len(one))) for one in sky(likelihood))
    drawn = likelihood.simulate(np.random.default_rng(5), predictions, at(likelihood, np.ones(4000)))
    assert drawn.values.shape == (4000, likelihood.n_data)
    chi2 = drawn.chi2(predictions, at(likelihood, np.ones(4000)))
    assert chi2.mean() == pytest.approx(likelihood.n_data, abs=5 * np.sqrt(2 * likelihood.n_data / 4000))
    assert chi2.var() == pytest.approx(2 * likelihood.n_data, rel=0.15)
    pulls = drawn.pulls(predictions, at(likelihood, np.ones(4000)))
    np.testing.assert_allclose(pulls.std(axis=0), 1.0, atol=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("name", [KM2A, FERMI])
def test_jax_finds_the_same_and_its_slope(name: str) -> None:
    jax = pytest.importorskip("jax")
    likelihood = load(name)
    predictions = sky(likelihood, (3,))
    given = at(likelihood, [0.9, 1.0, 1.1])
    with jax.enable_x64(True):
        traced = jax.jit(likelihood.log_likelihood)(
            tuple(map(jax.numpy.asarray, predictions)), {key: jax.numpy.asarray(one) for key, one in given.items()}
        )
        np.testing.assert_allclose(traced, likelihood.log_likelihood(predictions, given), rtol=1e-9)
        first = [one[0] for one in predictions]
        slope = jax.jit(jax.grad(lambda x: likelihood.log_likelihood(tuple(x * one for one in first), at(likelihood))))
        assert np.isfinite(slope(1.01))
    # JAX keeps constants by their address: arrays that were traced in double precision would come back as such
    single = jax.jit(load(name).log_likelihood)(
        tuple(jax.numpy.asarray(one, dtype="float32") for one in predictions),
        {key: jax.numpy.asarray(one, dtype="float32") for key, one in given.items()},
    )
    np.testing.assert_allclose(single, likelihood.log_likelihood(predictions, given), atol=0.01)


def test_predictions_that_are_not_numbers_stay_so_and_harm_no_other() -> None:
    likelihood = load()
    predictions = sky(likelihood, (3,))
    broken = tuple(np.where(np.array([[0], [1], [0]]), np.nan, one) for one in predictions)
    found = likelihood.log_likelihood(broken, at(likelihood, np.ones(3)))
    assert np.isnan(found[1])
    np.testing.assert_allclose(
        found[[0, 2]], likelihood.log_likelihood(predictions, at(likelihood, np.ones(3)))[[0, 2]]
    )


def test_a_latitude_profile_in_two_bands_asks_for_each_window_once(tmp_path: Path) -> None:
    table = Table(
        {
            "latitude_min": [-5.0, -5.0, 0.0, 0.0],
            "latitude_max": [0.0, 0.0, 5.0, 5.0],
            "energy_min": [10.0, 100.0, 10.0, 100.0],
            "energy_max": [100.0, 1000.0, 100.0, 1000.0],
            "profile": [1e-8, 1e-11, 2e-8, 2e-11],
            "error_low": [1e-9, 1e-12, 1e-9, 1e-12],
            "error_high": [1e-9, 1e-12, 1e-9, 1e-12],
        },
        units={"latitude_min": "deg", "latitude_max": "deg", "energy_min": "GeV", "energy_max": "GeV"}
        | dict.fromkeys(("profile", "error_low", "error_high"), "GeV-1 cm-2 s-1 sr-1"),
        meta={"reference": "x", "table_or_figure": "x", "status": "digitised", "transcribed_from": "x"},
    )
    table.write(tmp_path / "profile.ecsv", format="ascii.ecsv")
    (tmp_path / "likelihood.toml").write_text(
        'kind = "profile"\ntitle = "t"\nlabel = "t"\nmessenger = "gamma"\nregion = "lhaaso_inner"\naxis = "latitude"\n'
        'table = "profile.ecsv"\nsystematics = "none"\ncitations = []\n'
    )
    found = load(str(tmp_path))
    assert [one.region for one in found.requests] == ["l=15..125,b=-5..0,mask=lhaaso", "l=15..125,b=0..5,mask=lhaaso"]
    flat = tuple(np.full(len(one.energies), 3e-9) for one in found.requests)
    np.testing.assert_allclose(found.binned_prediction(flat), 3e-9)
    assert found.gas.shape == (4, 1)  # ten degrees of latitude are one stretch


def _rows(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_rows("\n25.0,35.0", "\n24.0,35.0"), "windows in order of longitude"),
        (_rows("\n25.0,35.0", "\n35.0,25.0"), "longitude_min below longitude_max"),
        (_rows("\n225.0,235.0", "\n225.0,236.0"), "within 15 to 235 deg"),
        (_rows("\n25.0,35.0", "\n15.0,25.0"), "bands in order of energy"),
        (_rows("\n25.0,35.0,10.0,63.0", "\n25.0,35.0,63.0,10.0"), "energy_min below energy_max"),
        (_rows(",1.791,1.642", ",0.0,1.642"), "above 0"),
        (_rows("name: longitude_min", "name: latitude_min"), "longitude_min"),
    ],
)
def test_tables_that_are_no_profiles_are_refused(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(packaged_root() / "likelihoods" / KM2A, folder)
    path = folder / "profile.ecsv"
    text = path.read_text()
    changed = change(text)
    if "latitude_min" in changed:
        changed = changed.replace("longitude_min,", "latitude_min,", 1)
    assert changed != text
    path.write_text(changed)
    with pytest.raises(UserError) as caught:
        load(str(folder))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axis": "radius"}, "latitude"),
        ({"free_norm": {"norm_error": 0.0}}, "norm_error"),
        ({"gas_shape": {"fraction": 0.6}}, "fraction"),
        ({"systematics": "correlated"}, "systematic"),
        ({"components": [{"column": "a", "label": "a", "norm_error": 0.1}]}, "free_norm"),
    ],
)
def test_settings_without_meaning_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        load(**options)
    assert message in str(caught.value)
