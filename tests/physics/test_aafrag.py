"""AAfrag: the packaged table against aafragpy, multiplicities, superposition, the join with Kelner and Aharonian."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from crsea_infer.physics import hadronic
from crsea_infer.physics.aafrag import VALID_FROM, differential_cross_section
from crsea_infer.physics.aafrag_package import from_package
from crsea_infer.support.errors import UserError


def test_the_table_needs_no_other_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aafragpy", None)
    assert differential_cross_section("gamma", np.array([1.0]), np.array([100.0]), "proton") > 0.0
    with pytest.raises(UserError, match="pip install aafragpy"):
        from_package("gamma", np.array([1.0]), np.array([100.0]), "proton")


@pytest.mark.parametrize("product", ["gamma", "neutrino"])
@pytest.mark.parametrize("beam", ["proton", "helium"])
def test_power_laws_through_the_table_are_those_of_aafragpy(product: str, beam: str) -> None:
    pytest.importorskip("aafragpy")
    kinetic = 10.0 ** (np.arange(40, 348, 4) / 40)
    secondary = np.geomspace(15.0, 2e5, 7)
    at, beside = np.broadcast_arrays(secondary[:, None], kinetic)
    theirs = from_package(product, at.ravel(), beside.ravel(), beam).reshape(at.shape)  # type: ignore[arg-type]
    ours = differential_cross_section(product, at, beside, beam)  # type: ignore[arg-type]
    for slope in (-1.6, -2.0):
        np.testing.assert_allclose(ours @ kinetic**slope, theirs @ kinetic**slope, rtol=1e-3)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UserError, match="carbon"):
        differential_cross_section("gamma", np.array([1.0]), np.array([100.0]), "carbon")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="muon"):
        differential_cross_section("muon", np.array([1.0]), np.array([100.0]), "proton")  # type: ignore[arg-type]


def _carried(product: str, kinetic: float, beam: str) -> tuple[float, float]:
    """Number and energy of secondaries times cross-section, cm2."""
    energy = np.geomspace(1e-2, 8.0 * kinetic, 2000)
    cross_section = differential_cross_section(product, energy, np.asarray(kinetic), beam)  # type: ignore[arg-type]
    number = np.trapezoid(cross_section * energy, np.log(energy))
    return float(number), float(np.trapezoid(cross_section * energy**2, np.log(energy)) / kinetic)


def test_gamma_rays_take_a_sixth_of_the_energy_of_a_proton() -> None:
    _, carried = _carried("gamma", 1e3, "proton")
    # 34 mb at 1 TeV, times 1.3 to 1.4 for helium in the target
    assert 0.13 < carried / (34e-27 * 1.35) < 0.21


def test_neutrinos_of_one_flavour_take_less_than_gamma_rays() -> None:
    gamma, neutrino = _carried("gamma", 1e4, "proton")[1], _carried("neutrino", 1e4, "proton")[1]
    assert 0.2 < neutrino / gamma < 0.6


def test_the_multiplicity_grows_with_energy() -> None:
    numbers = [_carried("gamma", energy, "proton")[0] for energy in (20.0, 200.0, 2e3, 2e4)]
    assert np.all(np.diff(numbers) > 0.0)


@pytest.mark.parametrize("energy", [100.0, 1e4])
def test_helium_gives_between_three_and_four_times_as_much_as_a_proton(energy: float) -> None:
    # not four: nucleons shadow each other
    ratio = _carried("gamma", energy, "helium")[0] / _carried("gamma", energy, "proton")[0]
    assert 3.0 < ratio < 4.0


@pytest.mark.parametrize("product", ["gamma", "neutrino"])
@pytest.mark.parametrize("beam", ["proton", "helium"])
def test_a_power_law_gives_within_40_per_cent_of_kelner_and_aharonian(product: str, beam: str) -> None:
    secondary = np.geomspace(10.0, 1e6, 6)
    kinetic = np.geomspace(5.0, 2e9, 350)
    spectrum = kinetic**-1.7
    ours = differential_cross_section(product, secondary[:, None], kinetic, beam) @ spectrum  # type: ignore[arg-type]
    kelner = hadronic.differential_cross_section(product, secondary[:, None], kinetic) @ spectrum  # type: ignore[arg-type]
    ratio = ours / (kelner * hadronic.NUCLEAR_FACTOR[beam])
    assert np.all((ratio > 0.6) & (ratio < 1.4))
    assert np.any(np.abs(ratio - 1.0) > 0.02)  # it is another model


def test_below_the_tables_it_is_kelner_and_aharonian_and_the_join_has_no_step() -> None:
    secondary = np.asarray(1.0)
    low = np.array([2.0, 4.9])
    expected = hadronic.differential_cross_section("gamma", secondary, low) * hadronic.NUCLEAR_FACTOR["proton"]
    np.testing.assert_allclose(differential_cross_section("gamma", secondary, low, "proton"), expected, rtol=1e-12)
    around = np.linspace(0.9 * VALID_FROM, 2.2 * VALID_FROM, 200)
    joined = differential_cross_section("gamma", secondary, around, "proton")
    assert np.max(np.abs(np.diff(np.log(joined)))) < 0.05


def test_energies_above_the_tables_scale() -> None:
    top = np.array([8e8, 8e9])
    shape = differential_cross_section("gamma", top * 0.01, top, "helium") * top
    assert shape[1] == pytest.approx(shape[0], rel=0.15)


def test_values_are_finite_and_not_negative_everywhere() -> None:
    secondary, kinetic = np.geomspace(1.0, 5e6, 30), np.geomspace(1.0, 5e8, 60)
    for product in ("gamma", "neutrino"):
        values = differential_cross_section(product, secondary[:, None], kinetic, "proton")
        assert np.all(np.isfinite(values))
        assert np.all(values >= 0.0)
        assert np.all(values[secondary[:, None] > kinetic + 1.0] == 0.0)
