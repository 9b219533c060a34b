"""Pion decay: scaling, energy budget, and the textbook relation of neutrinos to gamma rays."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.physics.hadronic import (
    NUCLEAR_FACTOR,
    differential_cross_section,
    inelastic_cross_section,
    spectrum_per_collision,
)


def _emissivity(product: str, energies: np.ndarray, index: float) -> np.ndarray:
    kinetic = np.geomspace(energies.min(), energies.max() * 1e4, 4000)
    integrand = differential_cross_section(product, energies[:, None], kinetic) * kinetic**-index * kinetic  # type: ignore[arg-type]
    return np.trapezoid(integrand, np.log(kinetic), axis=1)


def test_neutrinos_of_all_flavours_carry_as_much_as_gamma_rays() -> None:
    x = np.geomspace(1e-6, 0.9999, 40000)
    neutrino, gamma = (
        np.trapezoid(x**2 * spectrum_per_collision(product, x, np.array(1e5)), np.log(x))  # type: ignore[arg-type]
        for product in ("neutrino", "gamma")
    )
    assert 3 * neutrino / gamma == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("index", [2.4, 2.7, 3.0])
def test_power_law_of_protons_gives_a_slightly_harder_power_law(index: float) -> None:
    """Feynman scaling keeps the index; the slow growth of the cross-section hardens it by less than 0.12."""
    energies = np.geomspace(1e3, 1e5, 5)
    slopes = -np.diff(np.log(_emissivity("gamma", energies, index))) / np.diff(np.log(energies))
    assert np.all(slopes < index)
    assert np.all(slopes > index - 0.12)


def test_spectrum_weighted_moment_is_that_of_the_literature() -> None:
    """Z(gamma) at index 2.7 is 2/2.7 of that of neutral pions, 0.035 to 0.045 (Gaisser, Engel, Resconi 2016)."""
    x = np.geomspace(1e-5, 0.999, 20000)
    moment = np.trapezoid(x**1.7 * spectrum_per_collision("gamma", x, np.array(1e3)) * x, np.log(x))
    assert 2 / 2.7 * 0.035 < moment < 2 / 2.7 * 0.048


def test_gamma_rays_carry_a_sixth_of_the_energy() -> None:
    x = np.geomspace(1e-6, 0.9999, 40000)
    for energy in (1e3, 1e5):
        share = np.trapezoid(x**2 * spectrum_per_collision("gamma", x, np.array(energy)), np.log(x))
        assert 0.13 < share < 0.20


def test_neutrinos_follow_from_gamma_rays_by_the_usual_relation() -> None:
    """E^2 Q per flavour at E is half of E^2 Q of gamma rays at 2 E (Ahlers and Murase 2014, PRD 90, 023010).

    The relation counts pions only; eta mesons add a fifth to a quarter to the gamma rays and next to no neutrinos.
    """
    energies = np.array([1e4, 1e5])
    neutrino = energies**2 * _emissivity("neutrino", energies, 2.7)
    gamma = (2 * energies) ** 2 * _emissivity("gamma", 2 * energies, 2.7)
    assert np.all((neutrino / gamma > 0.5 * 0.75) & (neutrino / gamma < 0.5))


def test_inelastic_cross_section_passes_known_values() -> None:
    assert inelastic_cross_section(np.array(1e3)) == pytest.approx(34.3e-27, rel=1e-3)
    # 75 mb measured at LHC, 8 TeV in the centre of mass: 3.4e7 GeV in the laboratory (TOTEM 2013)
    assert inelastic_cross_section(np.array(3.4e7)) == pytest.approx(75e-27, rel=0.15)
    assert inelastic_cross_section(np.array(1.2)) == 0.0


def test_nothing_comes_out_above_the_energy_put_in() -> None:
    assert differential_cross_section("gamma", np.array(100.0), np.array(50.0)) == 0.0
    assert np.isfinite(differential_cross_section("neutrino", np.array(2.0), np.geomspace(2.0, 1e9, 50))).all()


def test_helium_raises_the_emissivity_as_hermes_does() -> None:
    assert NUCLEAR_FACTOR["proton"] == pytest.approx(1.381)
    assert NUCLEAR_FACTOR["helium"] == pytest.approx(5.10)
