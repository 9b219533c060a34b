"""Bremsstrahlung: radiation lengths, infrared limit and kinematic limit."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.physics.bremsstrahlung import atomic_cross_section, differential_cross_section


@pytest.mark.parametrize(
    # radiation lengths of the Particle Data Group; their helium has other scattering functions
    ("atom", "mass", "length", "tolerance"),
    [("hydrogen", 1.6735e-24, 63.04, 0.02), ("helium", 6.6465e-24, 94.32, 0.12)],
)
def test_an_electron_loses_its_energy_in_a_radiation_length(
    atom: str, mass: float, length: float, tolerance: float
) -> None:
    gamma = np.geomspace(1e-9, 10.0, 20001)
    loss = np.trapezoid(atomic_cross_section(atom, gamma, np.asarray(10.0)) * gamma**2, np.log(gamma)) / 10.0
    assert mass / loss == pytest.approx(length, rel=tolerance)


def test_photons_carry_at_most_the_energy_of_the_electron() -> None:
    cross_section = differential_cross_section(np.array([9.9, 10.0, 11.0]), np.asarray(10.0))
    assert cross_section[0] > 0.0
    assert cross_section[1] == cross_section[2] == 0.0


def test_a_power_law_of_electrons_gives_gamma_rays_of_the_same_slope() -> None:
    electron = np.geomspace(1.0, 1e7, 20001)
    intensity = [
        np.trapezoid(differential_cross_section(np.asarray(g), electron) * electron**-2.1, np.log(electron))
        for g in (10.0, 100.0)
    ]
    assert np.log10(intensity[1] / intensity[0]) == pytest.approx(-3.1, abs=0.01)


def test_helium_adds_a_third_to_hydrogen() -> None:
    hydrogen = atomic_cross_section("hydrogen", np.asarray(1.0), np.asarray(5.0))
    assert differential_cross_section(np.asarray(1.0), np.asarray(5.0)) / hydrogen == pytest.approx(1.294, abs=0.01)
