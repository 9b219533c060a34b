"""Inverse Compton: Thomson and Klein-Nishina limits, and energy conservation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gamma as Gamma  # noqa: N812 -- the name gamma is taken by the gamma ray
from scipy.special import zeta

from crsea_infer.physics.constants import BOLTZMANN, CMB_TEMPERATURE, ELECTRON_MASS, HBAR_C, THOMSON_CROSS_SECTION
from crsea_infer.physics.inverse_compton import (
    SPEED_OF_LIGHT,
    energy_loss,
    field_energy_loss,
    field_scattering,
    scattering,
    spectrum_kernel,
)
from crsea_infer.physics.radiation_field import FIELDS, RADIATION_FIELD, energy_density

CMB = RADIATION_FIELD[0]


def _total(electron: float, photon: float) -> tuple[float, float]:
    """Total cross-section and mean energy of the scattered photon."""
    strength = 4.0 * photon * electron / ELECTRON_MASS**2
    q = np.geomspace(1e-10, 1.0, 20001)
    gamma = electron * strength * q / (1.0 + strength * q)
    kernel = spectrum_kernel(gamma, np.asarray(electron), np.asarray(photon))
    total = np.trapezoid(kernel * gamma / (1.0 + strength * q), np.log(q))
    mean = np.trapezoid(kernel * gamma**2 / (1.0 + strength * q), np.log(q)) / total
    return float(total), float(mean)


def test_in_the_thomson_limit_the_cross_section_and_the_mean_energy_are_thomsons() -> None:
    electron, photon = 10.0, 1e-15
    total, mean = _total(electron, photon)
    assert total == pytest.approx(THOMSON_CROSS_SECTION, rel=1e-3)
    assert mean == pytest.approx(4.0 / 3.0 * (electron / ELECTRON_MASS) ** 2 * photon, rel=1e-3)


def test_in_the_klein_nishina_limit_the_cross_section_is_the_asymptotic_one() -> None:
    # isotropic photons: sigma = 3/8 sigma_T / k (ln(4 k) - 1/2 + ...) with k = gamma epsilon / m; Blumenthal and Gould
    electron, photon = 1e5, 1e-9
    k = electron * photon / ELECTRON_MASS**2
    total, mean = _total(electron, photon)
    # the leading terms of the average of the Klein-Nishina cross-section over isotropic directions
    asymptotic = 0.375 * THOMSON_CROSS_SECTION / k * (np.log(4.0 * k) - 0.5)
    assert k > 100.0
    assert total == pytest.approx(asymptotic, rel=0.02)
    # the electron gives most of its energy to one photon
    assert 0.6 * electron < mean < electron


@given(st.floats(1.0, 1e6), st.floats(-13.0, -8.0))
@settings(max_examples=30, deadline=None)
def test_scattering_never_exceeds_thomson_and_photons_never_exceed_the_electron(
    electron: float, exponent: float
) -> None:
    total, mean = _total(electron, 10**exponent)
    assert total <= THOMSON_CROSS_SECTION * 1.001
    assert mean < electron


def test_losses_on_the_cmb_are_those_of_thomson_at_low_energy() -> None:
    loss = field_energy_loss(np.array([3.0]), "CMB")[0]
    thomson = 4.0 / 3.0 * THOMSON_CROSS_SECTION * SPEED_OF_LIGHT * energy_density("CMB") * (3.0 / ELECTRON_MASS) ** 2
    assert loss == pytest.approx(thomson, rel=2e-3)
    # the textbook number: 1e9 years / (E / 1 GeV) to lose everything
    assert 3.0 / loss / 3.156e7 == pytest.approx(1.2e9 / 3.0, rel=0.1)


@pytest.mark.parametrize("field", FIELDS)
def test_losses_are_suppressed_ever_more_at_high_energy(field: str) -> None:
    electron = np.geomspace(1.0, 1e6, 13)
    assert np.all(np.diff(field_energy_loss(electron, field) / electron**2) < 0.0)


@pytest.mark.parametrize("electron", [10.0, 1e3, 1e5])
def test_what_the_electron_loses_is_what_gamma_rays_carry(electron: float) -> None:
    gamma = np.geomspace(1e-15, electron * (1.0 - 1e-9), 40001)
    carried = np.trapezoid(scattering(gamma, np.asarray(electron), CMB) * gamma**2, np.log(gamma)) * SPEED_OF_LIGHT
    assert carried == pytest.approx(energy_loss(np.array(electron), CMB), rel=2e-3)


def test_a_power_law_of_electrons_gives_the_thomson_slope() -> None:
    gamma = np.array([1e-4, 1e-3])  # from electrons of some 5 and 15 GeV, far from the ends of the spectrum
    electron = np.geomspace(0.01, 1e5, 4000)
    integrand = scattering(gamma[:, None], electron, CMB) * electron**-2.0
    intensity = np.asarray(np.trapezoid(integrand, np.log(electron)))
    assert np.log10(intensity[1] / intensity[0]) == pytest.approx(-(3.0 + 1.0) / 2.0, abs=0.01)


@pytest.mark.parametrize("slope", [2.0, 3.1])
def test_a_power_law_of_electrons_on_a_black_body_gives_the_intensity_of_the_textbook(slope: float) -> None:
    # Blumenthal and Gould 1970, eqs. 2.65 and 2.66: electrons K gamma^-p in a Planck field, in the Thomson limit
    gamma = 1e-3
    electron = np.geomspace(0.05, 1e4, 4000)
    folded = scattering(np.asarray(gamma), electron, CMB) * (electron / ELECTRON_MASS) ** -slope / ELECTRON_MASS
    ours = np.trapezoid(folded * electron, np.log(electron)) * SPEED_OF_LIGHT
    p, half = slope, (slope + 5.0) / 2.0
    number = 2 ** (p + 3) * (p**2 + 4 * p + 11) * Gamma(half) * zeta(half) / ((p + 3) ** 2 * (p + 1) * (p + 5))
    radius_squared = THOMSON_CROSS_SECTION * 3.0 / (8.0 * np.pi)
    thermal = BOLTZMANN * CMB_TEMPERATURE
    expected = radius_squared * SPEED_OF_LIGHT / (np.pi * HBAR_C**3) * thermal**half * number * gamma ** (-(p + 1) / 2)
    assert ours == pytest.approx(expected, rel=2e-3)


def test_starlight_makes_higher_energies_than_the_cmb() -> None:
    electron = np.asarray(20.0)
    gamma = np.geomspace(1e-6, 19.9, 400)
    peaks = [gamma[np.argmax(field_scattering(gamma, electron, field) * gamma**2)] for field in FIELDS]
    assert peaks[0] < peaks[1] < peaks[2]
    # E^2 dN/dE peaks at a few times the mean energy of the scattered CMB photons
    mean = 4.0 / 3.0 * (20.0 / ELECTRON_MASS) ** 2 * 2.7 * BOLTZMANN * CMB_TEMPERATURE
    assert mean < peaks[0] < 4.0 * mean
