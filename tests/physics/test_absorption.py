"""Absorption on the CMB against published optical depths."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.physics.absorption import MAXIMUM_COEFFICIENT, breit_wheeler, cmb_absorption_coefficient


def test_optical_depth_to_the_galactic_centre_at_2_pev() -> None:
    """Survival of about 30 per cent over 8.5 kpc (Moskalenko, Porter and Strong 2006, ApJ 640, L155)."""
    depth = 8.5 * float(cmb_absorption_coefficient(np.array(2.0e6)))
    assert depth == pytest.approx(1.20, rel=0.03)


def test_minimum_mean_free_path_is_at_two_pev() -> None:
    energies = np.geomspace(1e5, 1e8, 400)
    coefficient = cmb_absorption_coefficient(energies)
    assert energies[np.argmax(coefficient)] == pytest.approx(2.1e6, rel=0.15)
    assert 0.13 < coefficient.max() < MAXIMUM_COEFFICIENT


def test_no_absorption_far_below_threshold() -> None:
    assert float(cmb_absorption_coefficient(np.array(1e4))) < 1e-12


def test_hotter_radiation_absorbs_at_lower_energy_in_proportion() -> None:
    """The coefficient is T^3 times a function of E T."""
    warm = cmb_absorption_coefficient(np.array([1e6, 1e7]) / 2, temperature=5.45)
    assert warm == pytest.approx(8 * cmb_absorption_coefficient(np.array([1e6, 1e7]), temperature=2.725), rel=1e-6)


def test_breit_wheeler_peaks_at_a_quarter_of_thomson() -> None:
    s = np.linspace(1.0, 10.0, 5000)
    cross_section = breit_wheeler(s)
    assert cross_section[0] == pytest.approx(0.0, abs=1e-30)
    assert cross_section.max() == pytest.approx(0.256 * 6.6524587e-25, rel=0.01)
    assert s[np.argmax(cross_section)] == pytest.approx(2.0, rel=0.05)
