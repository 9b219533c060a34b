"""Spectral indices: the fit to a prediction, its weights, errors and mistakes in a folder."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from crsea_infer.errors import UserError
from crsea_infer.inference.likelihoods.base import Likelihood, load_likelihood
from crsea_infer.inference.likelihoods.spectral_index import SpectralIndex, index_functional

if TYPE_CHECKING:
    from pathlib import Path


def load(name: str = "lhaaso_wcda_inner", **options: Any) -> SpectralIndex:
    likelihood = load_likelihood(name, options)
    assert isinstance(likelihood, SpectralIndex)
    return likelihood


def spectrum(likelihood: SpectralIndex, index: float, curvature: float = 0.0) -> np.ndarray:
    x = np.log(np.array(likelihood.requests[0].energies) / 5e3)
    return 1e-12 * np.exp(index * x + curvature * x**2)


@pytest.mark.parametrize("index", [-2.0, -2.67, -3.4])
@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_a_power_law_has_its_own_index_whatever_the_weights(index: float, slope: float) -> None:
    likelihood = load(weight_slope=slope)
    assert isinstance(likelihood, Likelihood)
    found = likelihood.binned_prediction((spectrum(likelihood, index),))
    np.testing.assert_allclose(found, [index], rtol=1e-10)


@pytest.mark.parametrize("slope", [0.0, 0.7, 1.5])
def test_a_curved_spectrum_is_fitted_as_least_squares_fits_it(slope: float) -> None:
    energies, weights = index_functional(1e3, 25e3, slope)
    x = np.linspace(math.log(1e3), math.log(25e3), 20001)

    def curve(log_energy: np.ndarray) -> np.ndarray:
        return -2.7 * log_energy - 0.1 * (log_energy - 9.0) ** 2

    expected = np.polyfit(x, curve(x), 1, w=np.exp(-0.5 * slope * x))[0]
    assert weights @ curve(np.log(energies)) == pytest.approx(expected, abs=2e-4)


def test_the_published_errors_count() -> None:
    likelihood = load("lhaaso_wcda_outer")
    assert likelihood.values == [-2.83]
    away = spectrum(likelihood, -2.83 + 0.19)
    assert float(likelihood.chi2((away,), {})) == pytest.approx(1.0)
    assert float(likelihood.chi2_profiled((away,))) == pytest.approx(1.0)
    np.testing.assert_allclose(likelihood.pulls((away,), {}), [-1.0])
    assert float(likelihood.log_likelihood((away,), {})) == pytest.approx(stats.norm(0, 0.19).logpdf(0.19))


def test_the_models_own_error_widens_the_index() -> None:
    likelihood = load()
    exact = spectrum(likelihood, -2.72)
    wide = likelihood.with_model_error(0.05)
    width = math.hypot(0.05, 0.05 * math.sqrt(float(np.sum(likelihood.functional**2))))
    assert float(wide.chi2((exact,), {})) == pytest.approx((0.05 / width) ** 2)


def test_simulated_indices_scatter_as_they_should() -> None:
    likelihood = load()
    rng = np.random.default_rng(3)
    intensity = spectrum(likelihood, -2.5)
    drawn = np.array([likelihood.simulate(rng, (intensity,), {}).values[0] for _ in range(500)])
    assert stats.kstest((drawn + 2.5) / 0.05, stats.norm.cdf).pvalue > 1e-3


def test_a_batch_and_jax_give_the_same_numbers() -> None:
    likelihood = load()
    batch = np.stack([spectrum(likelihood, index, -0.02) for index in (-2.4, -2.6, -2.9)])
    values = likelihood.log_likelihood((batch,), {})
    assert values.shape == (3,)
    assert float(likelihood.log_likelihood((batch[1],), {})) == pytest.approx(float(values[1]))
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        np.testing.assert_allclose(likelihood.log_likelihood((jax.numpy.asarray(batch),), {}), values)


def test_flux_points_may_be_dropped_in_as_the_folder_says(tmp_path: Path) -> None:
    from crsea_infer.inference.content import packaged_root
    from crsea_infer.inference.likelihoods.flux_points import FluxPoints

    home = tmp_path / "wcda"
    home.mkdir()
    root = packaged_root() / "likelihoods"
    text = (root / "lhaaso_wcda_inner" / "likelihood.toml").read_text()
    for old, new in (
        ('kind = "spectral-index"', 'kind = "flux-points"'),
        ('table = "index.ecsv"', 'table = "flux.ecsv"'),
        ("weight_slope = 0.0", "reference_index = 2.67"),
    ):
        assert f"\n{old}" in text
        text = text.replace(f"\n{old}", f"\n{new}")
    (home / "likelihood.toml").write_text(text)
    (home / "flux.ecsv").write_text((root / "lhaaso_km2a_inner" / "flux.ecsv").read_text())
    assert isinstance(load_likelihood(f"{home}/"), FluxPoints)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",-2.67,0.05,", ",2.67e3,0.05,", ["-10 to 10"]),
        ("1.0,25.0", "25.0,1.0", ["energy_min", "below"]),
        (",0.05,0.05", ",0.0,0.05", ["error_low", "above 0"]),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    from crsea_infer.inference.content import packaged_root

    home = tmp_path / "mine"
    home.mkdir()
    source = packaged_root() / "likelihoods" / "lhaaso_wcda_inner"
    (home / "likelihood.toml").write_text((source / "likelihood.toml").read_text())
    table = (source / "index.ecsv").read_text()
    changed = table.replace(old, new) if old in table else table.replace(old.rstrip(","), new.rstrip(","))
    assert changed != table
    (home / "index.ecsv").write_text(changed)
    with pytest.raises(UserError) as caught:
        load_likelihood(f"{home}/")
    for word in words:
        assert word in str(caught.value)


def test_it_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().label = "other"  # type: ignore[misc]
