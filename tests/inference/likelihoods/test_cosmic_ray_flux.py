"""Cosmic-ray spectra: energies by hand, the energy scale, systematics, what is left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from crsea_infer.inference.likelihoods.cosmic_ray_energy import (
    interstellar_energy,
    jacobian,
    kinetic_energy_per_nucleon,
    modulation,
    rigidity_of,
)
from crsea_infer.inference.likelihoods.cosmic_ray_flux import CosmicRayFlux
from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

ALPHA_MASS = 3.72737941  # GeV
QUANTITIES = ("rigidity", "kinetic_energy", "kinetic_energy_per_nucleon", "total_energy")


def load(name: str, **options: Any) -> CosmicRayFlux:
    likelihood = load_likelihood(name, options)
    assert isinstance(likelihood, CosmicRayFlux)
    return likelihood


def knee(energies: np.ndarray, norm: float = 3e4) -> np.ndarray:
    """E^2.8 J with a knee at 4 PeV, smooth over 0.3 in ln E: a spectrum per GeV per nucleon."""
    x = np.log(energies / 1e4)
    bend = np.logaddexp(0.0, (np.log(energies) - math.log(4e6)) / 0.3) * 0.3
    return norm * energies**-2.8 * np.exp(0.1 * x - 0.8 * bend)


def spectra(likelihood: CosmicRayFlux, norm: float = 3e4) -> tuple[np.ndarray, ...]:
    return tuple(knee(np.array(request.energies), norm) for request in likelihood.requests)


# --- energies, worked out by hand


@pytest.mark.parametrize(
    ("nucleus", "quantity", "measured", "kinetic", "gain"),
    [
        # 1000 GV protons: E = sqrt(1000^2 + 0.938272^2) - 0.938272; dE/dR = p / E_total
        ("proton", "rigidity", 1000.0, 999.06217, 0.99999956),
        # 100 GV helium: p = 200 GeV, total 200.034729, per nucleon kinetic (200.034729 - 3.727379) / 4; dE/dR = Z/A p/E
        ("helium", "rigidity", 100.0, (math.sqrt(200.0**2 + ALPHA_MASS**2) - ALPHA_MASS) / 4, 0.5 * 0.99982638),
        # 400 GeV of kinetic energy of the nucleus is 100 GeV per nucleon
        ("helium", "kinetic_energy", 400.0, 100.0, 0.25),
        ("helium", "kinetic_energy_per_nucleon", 100.0, 100.0, 1.0),
        # 1000 GeV total: (1000 - 3.727379) / 4 per nucleon
        ("helium", "total_energy", 1000.0, 249.06815515, 0.25),
        ("proton", "total_energy", 10.0, 9.06172791, 1.0),
        ("proton", "kinetic_energy", 10.0, 10.0, 1.0),
    ],
)
def test_energies_are_converted_as_by_hand(
    nucleus: Any, quantity: Any, measured: float, kinetic: float, gain: float
) -> None:
    energy = kinetic_energy_per_nucleon(nucleus, quantity, np.array([measured]))
    np.testing.assert_allclose(energy, kinetic, rtol=1e-7)
    np.testing.assert_allclose(jacobian(nucleus, quantity, energy), gain, rtol=1e-7)


def test_rigidities_are_those_of_the_particle_data() -> None:
    # p of a 100 GeV kinetic proton: sqrt(100 * 101.876544); helium of 100 GeV/n: (A/Z) sqrt(100 * 101.86369)
    np.testing.assert_allclose(rigidity_of("proton", "kinetic_energy", np.array([100.0])), 100.9339, rtol=1e-6)
    np.testing.assert_allclose(rigidity_of("helium", "kinetic_energy", np.array([400.0])), 201.8551, rtol=1e-6)
    np.testing.assert_allclose(rigidity_of("helium", "rigidity", np.array([12.0])), 12.0)


@pytest.mark.parametrize("nucleus", ["proton", "helium"])
@pytest.mark.parametrize("quantity", QUANTITIES)
@given(measured=st.floats(5.0, 1e8))
def test_the_jacobian_is_the_derivative(nucleus: Any, quantity: Any, measured: float) -> None:
    step = 1e-4 * measured
    low, centre, high = kinetic_energy_per_nucleon(
        nucleus, quantity, np.array([measured - step, measured, measured + step])
    )
    found = jacobian(nucleus, quantity, np.array([centre]))[0]
    assert found == pytest.approx((high - low) / (2 * step), rel=1e-5)


def test_modulation_takes_the_potential_off_the_energy() -> None:
    # 0.6 GV: protons lose 0.6 GeV, helium 0.3 GeV per nucleon
    assert interstellar_energy("proton", np.array([10.0]), 0.6)[0] == pytest.approx(10.6)
    assert interstellar_energy("helium", np.array([10.0]), 0.6)[0] == pytest.approx(10.3)
    squares = (10 * (10 + 2 * 0.93827209)) / (10.6 * (10.6 + 2 * 0.93827209))
    assert modulation("proton", np.array([10.0]), 0.6)[0] == pytest.approx(squares)
    assert modulation("helium", np.array([50.0]), 0.0)[0] == 1.0


# --- data sets


def test_a_spectrum_in_rigidity_is_predicted_in_rigidity() -> None:
    likelihood = load("ams02_helium", modulation_potential=0.0)
    assert isinstance(likelihood, Likelihood)
    (request,) = likelihood.requests
    assert (request.messenger, request.region) == ("helium", None)
    assert likelihood.energy_reference[0] >= 45.0
    prediction = likelihood.binned_prediction(spectra(likelihood))
    rigidity = likelihood.energy_reference
    momentum = 2.0 * rigidity  # of the nucleus
    energy = (np.sqrt(momentum**2 + ALPHA_MASS**2) - ALPHA_MASS) / 4.0
    by_hand = knee(energy) * 0.5 * momentum / np.sqrt(momentum**2 + ALPHA_MASS**2)
    np.testing.assert_allclose(prediction, by_hand, rtol=1e-9)


def test_solar_modulation_lowers_the_prediction_as_the_data_set_says() -> None:
    plain, modulated = (load("ams02_protons", modulation_potential=potential) for potential in (0.0, 0.6))
    ratio = modulated.binned_prediction(spectra(modulated)) / plain.binned_prediction(spectra(plain))
    at = plain.energy_reference
    assert 1 - np.interp(45.0, at, ratio) == pytest.approx(0.06, abs=0.01)
    assert 1 - np.interp(280.0, at, ratio) == pytest.approx(0.01, abs=0.002)


def test_light_nuclei_are_protons_and_helium_of_the_same_energy(tmp_path: Path) -> None:
    home = copied(tmp_path, "dampe_protons")
    settings = (home / "likelihood.toml").read_text().replace('species = "proton"', 'species = "light"')
    (home / "likelihood.toml").write_text(settings.replace("modulation_potential = 0.6", ""))
    likelihood = load_likelihood(f"{home}/")
    assert isinstance(likelihood, CosmicRayFlux)
    assert [request.messenger for request in likelihood.requests] == ["proton", "helium"]
    kinetic = likelihood.energy_reference
    expected = knee(kinetic) + knee(kinetic / 4) / 4
    np.testing.assert_allclose(likelihood.binned_prediction(spectra(likelihood)), expected, rtol=1e-9)


def copied(tmp_path: Path, name: str) -> Path:
    from crsea_infer.content.finding import packaged_root

    home = tmp_path / name
    home.mkdir()
    for item in (packaged_root() / "likelihoods" / name).iterdir():
        (home / item.name).write_text(item.read_text())
    return home


# --- the energy scale


@pytest.mark.parametrize("zeta", [-2.0, -1.0, -0.3, 0.0, 0.5, 1.5])
def test_the_energy_scale_shifts_the_spectrum(zeta: float) -> None:
    likelihood = load("lhaaso_protons")
    width = math.log(1.1)
    assert likelihood.scale_width == pytest.approx(width)
    true = likelihood.energy_reference * math.exp(-zeta * width) - 0.93827209
    expected = knee(true) * math.exp(-zeta * width)
    found = likelihood.pulls(spectra(likelihood), {"lhaaso_km2a_energy_scale": np.array(zeta)})
    residual = likelihood.values - expected
    error = np.where(residual < 0, likelihood.error_high, likelihood.error_low)
    # the parabola between the nodes follows a knee to 0.3 %
    np.testing.assert_allclose(found * error, residual, atol=3e-3 * float(expected.max()), rtol=0)
    assert np.max(np.abs((likelihood.values - found * error) / expected - 1)) < 3e-3


def test_protons_and_helium_of_one_experiment_share_its_scale() -> None:
    for experiment in ("dampe", "calet", "kascade", "icetop", "lhaaso"):
        protons, helium = load(f"{experiment}_protons"), load(f"{experiment}_helium")
        assert protons.nuisances[0].name == helium.nuisances[0].name
        assert protons.nuisances[0].distribution == helium.nuisances[0].distribution
    names = {load(f"{name}_protons").nuisances[0].name for name in ("dampe", "calet", "kascade", "icetop", "lhaaso")}
    assert len(names) == 5
    assert load("ams02_protons").nuisances == ()


@pytest.mark.parametrize("name", ["dampe_protons", "kascade_protons", "icetop_helium", "ams02_protons"])
@pytest.mark.parametrize("norm", [1.5e4, 2.5e4, 4e4])
def test_the_profiled_chi2_is_the_least(name: str, norm: float) -> None:
    likelihood = load(name)
    prediction = spectra(likelihood, norm)
    own = [nuisance.name for nuisance in likelihood.nuisances]

    def chi2(at: np.ndarray) -> float:
        return float(likelihood.chi2(prediction, dict(zip(own, map(np.asarray, at), strict=True))))

    if not own:
        assert float(likelihood.chi2_profiled(prediction)) == chi2(np.array([]))
        return
    options = {"xatol": 1e-7, "fatol": 1e-9}
    starts = (start * np.ones(len(own)) for start in (0.1, -1.0))
    fits = [optimize.minimize(chi2, start, method="Nelder-Mead", options=options) for start in starts]
    found = min(fits, key=lambda one: one.fun)
    assert float(likelihood.chi2_profiled(prediction)) == pytest.approx(found.fun, rel=1e-5, abs=1e-6)


# --- systematics


def test_systematics_are_independent_or_common_as_the_file_says() -> None:
    prediction = spectra(load("icetop_protons"))
    diagonal, common, none = (load("icetop_protons", systematics=word) for word in ("diagonal", "correlated", "none"))
    assert np.all(diagonal.error_high > none.error_high)
    assert len(common.nuisances) == 2
    assert len(none.nuisances) == len(diagonal.nuisances) == 1
    scale = {"icetop_energy_scale": np.array(0.0)}
    raised = {**scale, "icetop_protons_systematic": np.array(0.7)}
    mu = common.values - common.pulls(prediction, raised) * np.where(
        common.pulls(prediction, raised) < 0, common.error_high, common.error_low
    )
    np.testing.assert_allclose(
        mu, none.binned_prediction(prediction) * np.exp(0.7 * common.relative_systematic), rtol=1e-9
    )


def test_kascade_has_an_assumed_systematic_because_its_tables_give_none(shared_data: Path) -> None:
    """Half the difference between the hadronic models, relative to their mean, over the points used."""
    import csv

    with (shared_data / "cr_spectra_local.csv").open() as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    for species, name in (("proton", "kascade_protons"), ("helium", "kascade_helium")):
        likelihood = load(name)
        fluxes = [
            np.array([float(row["flux"]) for row in rows if (row["species"], row["experiment"]) == (species, model)])
            for model in ("KASCADE (SIBYLL-2.1)", "KASCADE (QGSJET-01)")
        ]
        half = [(a - b) / (a + b) for a, b in zip(*fluxes, strict=True)][: likelihood.n_data]
        assert likelihood.relative_systematic[0] == pytest.approx(np.sqrt(np.mean(np.square(half))), abs=0.006)


def test_the_reanalysis_of_kascade_and_other_hadronic_models_may_be_chosen() -> None:
    from crsea_infer.inference.likelihoods.likelihood import load_likelihood as read

    assert load("lhaaso_protons", table="epos_lhc.ecsv").n_data == 19
    assert load("kascade_helium", table="qgsjet_01.ecsv").n_data == 14
    with pytest.raises(UserError, match="systematic_fraction"):
        read("kascade_protons", {"table": "kuznetsov_2024.ecsv"})


# --- batches, simulation, mistakes


@pytest.mark.slow
def test_a_batch_and_jax_give_the_same_numbers() -> None:
    likelihood = load("kascade_protons")
    rng = np.random.default_rng(1)
    norms = rng.uniform(1e4, 5e4, (2, 3, 1))
    prediction = tuple(norms * one / 3e4 for one in spectra(likelihood))
    own = {nuisance.name: rng.standard_normal((2, 3)) for nuisance in likelihood.nuisances}
    values = likelihood.log_likelihood(prediction, own)
    assert values.shape == (2, 3)
    one = {name: value[1, 2] for name, value in own.items()}
    single = likelihood.log_likelihood(tuple(part[1, 2] for part in prediction), one)
    assert float(single) == pytest.approx(float(values[1, 2]))
    np.testing.assert_allclose(np.sum(likelihood.log_likelihood_pointwise(prediction, own), axis=-1), values)
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        inputs = tuple(jax.numpy.asarray(part) for part in prediction)
        traced = {name: jax.numpy.asarray(value) for name, value in own.items()}
        np.testing.assert_allclose(np.asarray(jax.jit(likelihood.log_likelihood)(inputs, traced)), values)
        np.testing.assert_allclose(
            np.asarray(likelihood.chi2_profiled(inputs)), likelihood.chi2_profiled(prediction), rtol=1e-7
        )


def test_simulated_data_give_a_fair_chi2() -> None:
    likelihood = load("dampe_helium")
    prediction = spectra(likelihood)
    own = {"dampe_energy_scale": 0.4}
    rng = np.random.default_rng(4)
    chi2 = [
        float(likelihood.simulate(rng, prediction, own).chi2(prediction, {"dampe_energy_scale": np.array(0.4)})) - 0.16
        for _ in range(300)
    ]
    assert np.mean(chi2) == pytest.approx(likelihood.n_data, abs=4 * math.sqrt(2 * likelihood.n_data / 300))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"minimum_rigidity": 1e9}, "limits of rigidity"),
        ({"energy_scale": 1.5}, "energy_scale"),
        ({"modulation_potential": -1.0}, "modulation_potential"),
        ({"species": "light", "energy": "kinetic_energy_per_nucleon"}, "of a particle"),
        ({"energy": "rigidity"}, "rigidity"),
        ({"systematic_fraction": 0.2}, "systematic_fraction"),
        ({"species": "protn"}, "species"),
    ],
)
def test_a_mistake_is_told(options: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError) as caught:
        load_likelihood("dampe_protons", options)
    assert word in str(caught.value)
