"""Spectral indices: the fit to a prediction, its weights, errors and mistakes in a folder."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood
from crsea_infer.inference.likelihoods.spectral_index import SpectralIndex, index_functional
from crsea_infer.support.errors import UserError

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


DROPPED_IN = """\
# %ECSV 1.0
# ---
# datatype:
# - {name: energy_min, unit: TeV, datatype: float64, description: lower edge of the bin}
# - {name: energy_max, unit: TeV, datatype: float64, description: upper edge of the bin}
# - {name: energy_reference, unit: TeV, datatype: float64, description: energy of the point}
# - {name: intensity, unit: 1 / (TeV cm2 s sr), datatype: float64, description: made for a test}
# - {name: error_low, unit: 1 / (TeV cm2 s sr), datatype: float64, description: made for a test}
# - {name: error_high, unit: 1 / (TeV cm2 s sr), datatype: float64, description: made for a test}
# - {name: systematic, unit: 1 / (TeV cm2 s sr), datatype: float64, description: made for a test}
# delimiter: ','
# meta: !!omap
# - {reference: made for a test}
# - {table_or_figure: none}
# - {status: published-table}
# - {transcribed_from: made for a test}
# schema: astropy-2.0
energy_min,energy_max,energy_reference,intensity,error_low,error_high,systematic
"""


@pytest.mark.parametrize(("side", "index"), [("inner", 2.67), ("outer", 2.83)])
def test_flux_points_may_be_dropped_in_as_the_folder_says(tmp_path: Path, side: str, index: float) -> None:
    """The three keys are those that the file itself names; the points are a power law, which must then fit exactly."""
    from crsea_infer.content.finding import packaged_root
    from crsea_infer.inference.likelihoods.flux_points import FluxPoints

    home = tmp_path / f"lhaaso_wcda_{side}"
    home.mkdir()
    text = (packaged_root() / "likelihoods" / home.name / "likelihood.toml").read_text()
    told = [line.removeprefix("#").split("(")[0].strip() for line in text.splitlines() if line.startswith("#     ")]
    assert [line.split(" = ")[0] for line in told] == ["kind", "table", "reference_index"]
    for line, old in zip(told, ("kind = ", "table = ", "weight_slope = "), strict=True):
        (place,) = (one for one in text.splitlines() if one.startswith(old))
        text = text.replace(f"\n{place}\n", f"\n{line}\n")
    (home / "likelihood.toml").write_text(text)
    edges = 25.0 ** (np.arange(6) / 5)
    centres = np.sqrt(edges[1:] * edges[:-1])
    points = 1e-11 * centres**-index
    lines = [
        f"{low!r},{high!r},{centre!r},{value!r},{0.1 * value!r},{0.1 * value!r},{0.07 * value!r}"
        for low, high, centre, value in zip(
            *(one.tolist() for one in (edges, edges[1:], centres, points)), strict=False
        )
    ]
    (home / "flux.ecsv").write_text(DROPPED_IN + "\n".join(lines) + "\n")
    likelihood = load_likelihood(f"{home}/")
    assert isinstance(likelihood, FluxPoints)
    assert (likelihood.region, likelihood.n_data) == (f"lhaaso_{side}", 5)
    energies = np.array(likelihood.requests[0].energies)
    intensity = 1e-14 * (energies / 1e3) ** -index
    shift = {f"lhaaso_wcda_{side}_systematic": np.array(0.0)}
    assert float(likelihood.chi2((intensity,), shift)) == pytest.approx(0.0, abs=1e-8)
    assert float(likelihood.chi2((1.1 * intensity,), shift)) == pytest.approx(5.0, rel=1e-6)
    assert float(likelihood.chi2_profiled((1.1 * intensity,))) < 2.0  # one shift of 7 % takes most of the 10 %


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",-2.67,0.05,", ",2.67e3,0.05,", ["-10 to 10"]),
        ("1.0,25.0", "25.0,1.0", ["energy_min", "below"]),
        (",0.05,0.05", ",0.0,0.05", ["error_low", "above 0"]),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    from crsea_infer.content.finding import packaged_root

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


@pytest.mark.parametrize("slope", [-1e308, 11.0])
def test_weights_beyond_anything_measured_are_refused(slope: float) -> None:
    with pytest.raises(UserError, match="weight_slope = "):
        load(weight_slope=slope)


def test_it_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().label = "other"  # type: ignore[misc]
