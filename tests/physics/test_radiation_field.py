"""The radiation field has the published local energies, and grows towards the inner Galaxy as starlight does."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.physics.constants import SUN_RADIUS
from crsea_infer.physics.radiation_field import FIELDS, RADIATION_FIELD, energy_density, field_scaling, photon_density


@pytest.mark.parametrize(("field", "electronvolts"), [("CMB", 0.26), ("infrared", 0.305), ("starlight", 0.72)])
def test_local_energy_densities_are_those_published(field: str, electronvolts: float) -> None:
    assert energy_density(field) * 1e9 == pytest.approx(electronvolts, rel=0.02)


@pytest.mark.parametrize("field", FIELDS)
def test_photons_carry_the_energy_density(field: str) -> None:
    photon = np.geomspace(1e-17, 1e-7, 4000)
    density = sum(photon_density(body, photon) for body in RADIATION_FIELD if body.field == field)
    assert np.trapezoid(density * photon**2, np.log(photon)) == pytest.approx(energy_density(field), rel=1e-3)


def test_the_cmb_is_the_same_everywhere_and_the_rest_is_one_at_the_sun() -> None:
    scaling = field_scaling(np.array([0.1, SUN_RADIUS, 19.0]), np.array([0.0, 3.0]))
    assert np.all(scaling[FIELDS.index("CMB")] == 1.0)
    np.testing.assert_allclose(scaling[:, 1, 0], 1.0, rtol=1e-12)


@pytest.mark.parametrize("field", ["infrared", "starlight"])
def test_light_of_a_disc_falls_outwards_and_upwards(field: str) -> None:
    scaling = field_scaling(np.linspace(0.1, 20.0, 30), np.linspace(0.0, 12.0, 30))[FIELDS.index(field)]
    assert np.all(np.diff(scaling, axis=0) < 0.0)
    assert np.all(np.diff(scaling, axis=1) < 0.0)


@pytest.mark.parametrize("field", ["infrared", "starlight"])
def test_far_away_the_light_falls_with_the_square_of_the_distance(field: str) -> None:
    # at 12 kpc above the centre a disc of 3 kpc is nearly a point: the sum over the disc is closed only to first order
    near, far = field_scaling(np.array([0.0]), np.array([8.0, 12.0]))[FIELDS.index(field), 0]
    assert 1.5**2 * 0.7 < near / far < 1.5**2


def test_most_of_the_light_at_the_sun_is_not_local_alone() -> None:
    # diffuse light is smoother than its sources: 4 kpc inwards the stars are exp(4 / 2.6) = 4.7 times denser
    ratio = field_scaling(np.array([SUN_RADIUS - 4.0]), np.array([0.0]))[FIELDS.index("starlight"), 0, 0]
    assert 2.0 < ratio < np.exp(4.0 / 2.6)


def test_a_uniform_field_is_everywhere_that_of_the_sun() -> None:
    radii, heights = np.array([0.5, 4.0, 15.0]), np.array([0.0, 3.0])
    assert (field_scaling(radii, heights, "uniform") == 1.0).all()
    discs = field_scaling(radii, heights)
    assert (discs[0] == 1.0).all()
    assert (discs[1:, 0, 0] > 2.0).all()
