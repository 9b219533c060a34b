"""Electrons: the measured spectrum, energy losses, and the density that competes between losses and diffusion."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from crsea_infer.physics.constants import SUN_RADIUS
from crsea_infer.physics.electrons import ElectronSettings, ElectronSolver, loss_rate, measured_intensity
from crsea_infer.physics.transport import TransportSettings, relative_density

HEIGHTS = np.array([0.0, 0.2, 0.5, 0.9, 2.0, 4.0, 8.0])
SETTINGS = ElectronSettings()


@pytest.fixture(scope="module")
def solver() -> ElectronSolver:
    return ElectronSolver.create(SETTINGS, TransportSettings(), HEIGHTS)


@pytest.fixture(scope="module")
def density(solver: ElectronSolver) -> np.ndarray:
    return solver.relative_density(0.04, 4.7)


def test_the_spectrum_at_the_sun_is_that_of_dampe_within_the_spread_of_experiments() -> None:
    # DAMPE 2017: smoothly broken power law, 55 GeV to 2.6 TeV; AMS-02 and CALET are 10 to 25 per cent lower
    energy = np.geomspace(55.0, 2600.0, 30)
    dampe = 1.62e-8 * (energy / 100.0) ** -3.09 * (1.0 + (energy / 914.0) ** 8.3) ** -0.1
    ratio = measured_intensity(energy) / dampe
    assert np.all((ratio > 0.7) & (ratio < 1.05))


def test_the_spectrum_at_the_sun_is_that_of_calet_within_a_tenth() -> None:
    # CALET 2023 (PRL 131, 191001): mean energy of the bin, GeV, and electrons plus positrons per GeV m2 s sr
    energy = np.array([100.4, 200.1, 317.3, 529.0, 841.8])
    calet = np.array([1.45e-4, 1.66e-5, 3.89e-6, 7.46e-7, 1.63e-7])
    assert measured_intensity(energy) * 1e4 == pytest.approx(calet, rel=0.10)


def test_the_spectrum_steepens_to_the_slope_of_dampe_above_the_break() -> None:
    slope = np.log(measured_intensity(np.array(5e3)) / measured_intensity(np.array(3e3))) / np.log(5 / 3)
    assert slope == pytest.approx(-3.92, abs=0.25)


def test_the_loss_time_at_the_sun_is_some_hundred_thousand_years_at_one_tev() -> None:
    loss = loss_rate(np.array([1e3]), np.array([SUN_RADIUS]), SETTINGS)[0, 0]
    assert 1.5e5 < 1e3 / loss / 3.156e7 < 6e5


def test_losses_are_stronger_in_the_inner_galaxy_and_without_recoil_grow_as_the_square() -> None:
    energies = np.geomspace(1.0, 1e5, 11)
    losses = loss_rate(energies, np.array([2.0, SUN_RADIUS, 15.0]), SETTINGS)
    assert np.all(np.diff(losses, axis=1) < 0.0)
    slopes = np.diff(np.log(losses[:, 1])) / np.diff(np.log(energies))
    assert np.all((slopes > 1.6) & (slopes < 2.001))


def test_the_density_is_one_at_the_sun_and_never_negative(solver: ElectronSolver, density: np.ndarray) -> None:
    at_sun = [np.interp(SUN_RADIUS, solver.radii, row) for row in density[:, :, 0]]
    np.testing.assert_allclose(at_sun, 1.0, rtol=3e-3)
    assert density.min() > -5e-3


def test_the_density_falls_with_height_and_outwards(solver: ElectronSolver, density: np.ndarray) -> None:
    below_tev = solver.energies < 1e3
    assert np.all(np.diff(density[below_tev], axis=2)[:, :, :-1] < 0.0)
    outside = solver.radii > 5.0
    assert np.all(np.diff(density[below_tev][:, outside, 0], axis=1) < 0.0)
    assert np.all(density[:, :, -1] == pytest.approx(0.0, abs=1e-9))  # above the halo of 4.7 kpc


def test_the_disc_of_electrons_is_thinner_at_higher_energy(solver: ElectronSolver, density: np.ndarray) -> None:
    near_sun = int(np.argmin(np.abs(solver.radii - SUN_RADIUS)))
    thickness = density[:, near_sun, 4] / density[:, near_sun, 0]  # at 2 kpc over the plane
    chosen = solver.energies < 1e5
    assert np.all(np.diff(thickness[chosen]) < 0.0)
    assert thickness[0] > 0.3


def test_at_very_high_energy_electrons_stay_where_they_are_made(solver: ElectronSolver) -> None:
    # n = q E / ((slope - 1) b) without diffusion: the density follows the sources over the losses
    weak = dataclasses.replace(SETTINGS, diffusion_coefficient=1e20, n_modes=200)
    still = dataclasses.replace(solver, settings=weak).relative_density(0.0, 4.7)[8, :, 0]
    losses = loss_rate(np.array([weak.energies[::4][8]]), solver.radii, weak)[0]
    sources = np.array([_ferriere_plane(r) for r in solver.radii])
    expected = sources / losses
    expected = expected / np.interp(SUN_RADIUS, solver.radii, expected)
    chosen = (solver.radii > 1.0) & (solver.radii < 15.0)
    np.testing.assert_allclose(still[chosen], expected[chosen], rtol=0.03)


def _ferriere_plane(r: float) -> float:
    main = 50.0 * np.exp(-(r**2 - 8.5**2) / 6.8**2) if r > 3.7 else 177.5 * np.exp(-(((r - 3.7) / 2.1) ** 2))
    return float(main + 7.3 * np.exp(-(r - 8.5) / 4.5))


def test_without_losses_electrons_are_distributed_as_nuclei_of_the_same_rigidity(solver: ElectronSolver) -> None:
    free = dataclasses.replace(solver, losses=solver.losses * 1e-5)
    energies = solver.energies[2:10]
    electrons = free.relative_density(0.04, 4.7)[2:10]
    nuclei = relative_density(
        energies, HEIGHTS, delta_slope=0.04, halo_height=4.7, settings=TransportSettings(n_radial=80, n_modes=64)
    )
    chosen = (solver.radii > 1.0) & (solver.radii < 15.0)
    np.testing.assert_allclose(electrons[:, chosen, :4], nuclei[:, chosen, :4], rtol=0.01)


def test_steps_modes_and_cells_are_fine_enough(solver: ElectronSolver, density: np.ndarray) -> None:
    fine = dataclasses.replace(SETTINGS, n_radial=240, n_modes=128, steps_per_decade=32, thinning=8)
    reference = ElectronSolver.create(fine, TransportSettings(), HEIGHTS).relative_density(0.04, 4.7)[:, 1::3]
    below = solver.energies < 2e4
    error = np.abs(density - reference)[below].max(axis=(1, 2)) / reference[below].max(axis=(1, 2))
    assert error.max() < 3e-3
