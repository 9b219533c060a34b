"""Local spectra: units and kinematics, normalisation, slopes, batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsea_infer.physics.local_spectrum import kinetic_energy, local_intensity, rigidity
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
