"""Kafexhiu and colleagues 2014: against an independent implementation, and what any such spectrum must do."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.physics import hadronic, kafexhiu


@pytest.mark.parametrize("kinetic", [0.4, 0.9, 1.5, 3.0, 4.5, 8.0, 15.0, 45.0, 60.0, 1e3, 1e5, 9e5])
def test_it_is_what_another_implementation_gives(kinetic: float) -> None:
    reference = pytest.importorskip("aafragpy.Kafexhiu2014")
    energies = np.geomspace(0.1, 0.98 * kinetic, 25)
    with np.errstate(all="ignore"):
        theirs = np.array([float(reference.F_gamma_Kafexhiu2014(kinetic, energy, "PYTHIA")) for energy in energies])
    theirs = np.nan_to_num(theirs) * 1e-27
    ours = kafexhiu.differential_cross_section(energies, np.asarray(kinetic))
    # pion and proton masses differ in the sixth digit
    np.testing.assert_allclose(ours, theirs, rtol=5e-4, atol=1e-5 * theirs.max())


def test_there_is_nothing_below_the_threshold_and_nothing_beyond_the_energy_of_the_proton() -> None:
    assert kafexhiu.differential_cross_section(np.array([0.07]), np.array([0.2])) == 0.0
    assert kafexhiu.differential_cross_section(np.array([110.0]), np.array([100.0])) == 0.0


def test_gamma_rays_take_a_sixth_of_the_energy() -> None:
    for kinetic in (1e2, 1e4, 1e6):
        energies = np.geomspace(1e-2, kinetic, 4000)
        carried = np.trapezoid(
            energies**2 * kafexhiu.differential_cross_section(energies, np.asarray(kinetic)), np.log(energies)
        )
        inelastic = kafexhiu.inelastic_cross_section(np.asarray(kinetic))
        assert 0.12 < carried / (inelastic * kinetic) < 0.22


def test_a_power_law_gives_within_40_per_cent_of_kelner_and_aharonian() -> None:
    secondary = np.geomspace(10.0, 1e5, 5)
    kinetic = np.geomspace(5.0, 1e9, 500)
    spectrum = kinetic**-1.7
    ours = kafexhiu.differential_cross_section(secondary[:, None], kinetic) @ spectrum
    kelner = hadronic.differential_cross_section("gamma", secondary[:, None], kinetic) @ spectrum
    assert np.all(np.abs(ours / kelner - 1.0) < 0.4)
