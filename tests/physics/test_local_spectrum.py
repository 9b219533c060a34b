"""Local spectra: units and kinematics, normalisation, slopes, batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsea_infer.physics.local_spectrum import BREAK_WIDTH, Species, kinetic_energy, local_intensity, rigidity
from crsea_infer.support.errors import UserError

MIN = {
    "proton_norm": 3.285e4,
    "proton_slope_1": -2.79,
    "proton_slope_2": -2.640,
    "proton_slope_3": -2.930,
    "proton_slope_4": -3.865,
    "proton_break_1": 350.0,
    "proton_break_2": 2.4e4,
    "proton_break_3": 3.9e6,
}


def _arrays(values: dict[str, float]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in values.items()}


@given(st.floats(1e-3, 1e8))
def test_rigidity_and_kinetic_energy_are_inverse(energy: float) -> None:
    for species in ("proton", "helium"):
        there = rigidity(species, np.asarray(energy))
        assert float(kinetic_energy(species, there)) == pytest.approx(energy, rel=1e-6)


def test_relativistic_helium_has_two_gigavolt_per_gev_per_nucleon() -> None:
    assert float(rigidity("helium", np.asarray(1e5))) == pytest.approx(2e5, rel=1e-4)
    assert float(rigidity("proton", np.asarray(1.0))) == pytest.approx(1.696, rel=1e-3)  # a classic value


def test_normalisation_is_at_ten_tev() -> None:
    value = local_intensity("proton", np.array([1e4]), _arrays(MIN))[0]
    assert value * 1e4**2.8 == pytest.approx(3.285e4, rel=1e-12)


def test_slopes_between_breaks_are_the_parameters() -> None:
    for low, high, name in ((2e3, 8e3, "2"), (1e5, 1e6, "3"), (2e7, 1e8, "4")):
        pair = local_intensity("proton", np.array([low, high]), _arrays(MIN))
        slope = np.log(pair[1] / pair[0]) / np.log(high / low)
        assert slope == pytest.approx(MIN[f"proton_slope_{name}"], abs=2e-3)


def test_a_batch_gives_what_single_points_give() -> None:
    energies = np.geomspace(10, 1e8, 30)
    batch = {name: np.full((2, 3), value) for name, value in MIN.items()}
    batch["proton_slope_3"] = np.linspace(-3.0, -2.8, 6).reshape(2, 3)
    result = local_intensity("proton", energies, batch)
    assert result.shape == (2, 3, 30)
    single = local_intensity(
        "proton", energies, _arrays(MIN | {"proton_slope_3": float(batch["proton_slope_3"][1, 2])})
    )
    assert result[1, 2] == pytest.approx(single, rel=1e-13)


def test_missing_parameters_are_named() -> None:
    with pytest.raises(UserError, match="helium_norm"):
        local_intensity("helium", np.array([10.0]), _arrays(MIN))


# --- breaks with widths of their own


@pytest.mark.parametrize("species", ["proton", "helium"])
def test_breaks_of_the_usual_width_are_the_same_when_it_is_given(species: Species) -> None:
    energies = np.geomspace(10.0, 1e8, 40)
    law = _arrays({name.replace("proton", species): value for name, value in MIN.items()})
    given = {f"{species}_smoothness_1": np.asarray(BREAK_WIDTH)}
    usual = local_intensity(species, energies, law)
    np.testing.assert_allclose(local_intensity(species, energies, law | given), usual, rtol=1e-10)


def test_a_wide_break_is_the_published_formula_of_a_smoothly_broken_power_law() -> None:
    energies = np.geomspace(1e2, 1e7, 30)
    width, step, at = 0.8, -0.5, 3e5
    parameters = {
        "proton_norm": 2.0e4,
        "proton_slope_1": -2.6,
        "proton_slope_2": -2.6 + step,
        "proton_break_1": at,
        "proton_smoothness_1": width,
    }
    found = local_intensity("proton", energies, _arrays(parameters))
    momentum = rigidity("proton", energies)

    def formula(x: np.ndarray) -> np.ndarray:  # as Lipari (2018, Astropart. Phys. 97, 197) writes it, in rigidity
        return np.asarray(x**-2.6 * (1 + (x / at) ** (1 / width)) ** (step * width))

    pivot = rigidity("proton", np.array([1e4]))
    per_energy = (energies + 0.938272) / momentum / ((1e4 + 0.938272) / pivot)
    expected = 2.0e4 * 1e4**-2.8 * formula(momentum) / formula(pivot) * per_energy
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_widths_are_evaluated_per_sample() -> None:
    energies = np.geomspace(1e2, 1e7, 7)
    widths = np.array([0.05, 0.1, 0.6])
    batch = {name: np.full(3, value) for name, value in MIN.items()} | {"proton_smoothness_2": widths}
    found = local_intensity("proton", energies, batch)
    for row, width in zip(found, widths, strict=True):
        single = local_intensity("proton", energies, _arrays(MIN) | {"proton_smoothness_2": np.asarray(width)})
        np.testing.assert_allclose(row, single)
