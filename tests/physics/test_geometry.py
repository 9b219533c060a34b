"""Line-of-sight weights: columns conserved, attenuation as a transparent sum would have it."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.physics.constants import CENTIMETRES_PER_KILOPARSEC
from crsea_infer.physics.gas import GasColumns, load_gas, profile
from crsea_infer.physics.gas_groups import GAS_GROUPS, ionised_density
from crsea_infer.physics.geometry import (
    COMPONENTS,
    LineOfSight,
    absorption_interpolation,
    absorption_nodes,
    group_weights,
    region_weights,
)
from crsea_infer.physics.regions import parse_region
from crsea_infer.physics.transport import TransportSettings

RADII = TransportSettings().radii


def _weights(text: str, gas: GasColumns | None = None, **changes: float) -> np.ndarray:
    return region_weights(
        [parse_region(text)], gas or load_gas(), RADII, disc_radius=20.0, settings=LineOfSight(**changes)
    )[0]


@pytest.mark.parametrize("text", ["l=25..100,b=-5..5", "l=140..150,b=2..3", "l=-30..-20,b=-8..-4"])
def test_weights_add_up_to_the_mean_column(text: str) -> None:
    gas, region = load_gas(), parse_region(text)
    inside = region.contains(gas.longitude, gas.latitude)
    pixel = gas.solid_angle[inside]
    weights = _weights(text)
    for c, component in enumerate(COMPONENTS):
        expected = (gas.column(component)[:, inside].sum(axis=0) * pixel).sum() / pixel.sum()
        # gas beyond the disc of cosmic rays, and rings that a line of sight does not meet, is left out
        assert weights[c, 0].sum() <= expected * (1 + 1e-9)
        assert weights[c, 0].sum() == pytest.approx(expected, rel=0.03)


def test_mean_columns_of_the_shipped_table_are_those_of_its_source() -> None:
    """15 < l < 125, |b| < 5: N_HI 8.1e21 cm^-2 and W_CO 10.65 K km/s; 125 < l < 235: 5.6e21 and 2.41."""
    gas = load_gas()
    for text, atomic, carbon in (("l=15..125,b=-5..5", 8.1e21, 10.65), ("l=125..235,b=-5..5", 5.6e21, 2.41)):
        inside = parse_region(text).contains(gas.longitude, gas.latitude)
        pixel = gas.solid_angle[inside] / gas.solid_angle[inside].sum()
        assert (gas.atomic[:, inside].sum(axis=0) * pixel).sum() == pytest.approx(atomic, rel=0.01)
        assert (gas.carbon_monoxide[:, inside].sum(axis=0) * pixel).sum() == pytest.approx(carbon, rel=0.01)


def test_a_cloud_at_a_known_place_is_seen_through_its_own_distance() -> None:
    """Gas of the ring 9 to 12 kpc toward the anticentre lies 1 to 4 kpc away."""
    atomic = np.zeros((11, 1))
    atomic[7] = 1e21
    cloud = GasColumns(
        np.array([179.75]), np.array([0.25]), np.array([0.5]), np.array([0.5]), atomic, np.zeros((11, 1)), "one pixel"
    )
    weights = _weights("l=179.5..180,b=0..0.5", cloud)[0]
    by_radius = weights[0].sum(axis=1)
    assert by_radius[(RADII > 8.9) & (RADII < 12.1)].sum() == pytest.approx(1e21, rel=1e-9)
    distance = RADII - LineOfSight().sun_radius
    node = absorption_nodes()[4]
    expected = (by_radius * np.exp(-node * distance)).sum()
    assert weights[4].sum() == pytest.approx(expected, rel=1e-4)


def test_absorption_is_interpolated_to_five_millionths() -> None:
    coefficients = np.linspace(0.0, 0.15, 31)
    distance = np.linspace(0.0, 28.0, 50)
    exact = np.exp(-coefficients[:, None] * distance)
    nodes = np.exp(-absorption_nodes()[:, None] * distance)
    assert absorption_interpolation(coefficients) @ nodes == pytest.approx(exact, abs=5e-6)


def test_step_along_the_line_of_sight_is_fine_enough() -> None:
    coarse, fine = _weights("l=40..45,b=-1..1"), _weights("l=40..45,b=-1..1", step=0.005)
    falling = np.exp(-RADII / 4)[:, None] * np.ones(coarse.shape[-1])
    for c in range(len(COMPONENTS)):
        assert (coarse[c, 0] * falling).sum() == pytest.approx((fine[c, 0] * falling).sum(), rel=3e-4)


def test_profiles_have_the_published_heights() -> None:
    """The half-density half-height of H2 at the Sun is about 0.06 to 0.15 kpc, of HI about 0.2 to 0.7 kpc."""
    z = np.linspace(0, 1, 2001)
    for component, low, high in (("H2", 0.05, 0.17), ("HI", 0.2, 0.7)):
        density = profile(component, np.array(8.0), z)
        half = z[np.argmin(np.abs(density / density[0] - 0.5))]
        assert low < half < high


def test_groups_of_gas_sum_to_the_components_and_keep_to_their_rings() -> None:
    regions, sight, gas = [parse_region("l=10..40,b=-4..2")], LineOfSight(step=0.1), load_gas()
    radii = TransportSettings().radii
    whole = region_weights(regions, gas, radii, disc_radius=20.0, settings=sight)
    groups = group_weights(regions, gas, radii, disc_radius=20.0, settings=sight)
    for c, component in enumerate(COMPONENTS):
        members = [g for g, group in enumerate(GAS_GROUPS) if group.component == component]
        np.testing.assert_allclose(groups[:, members].sum(axis=1), whole[:, c], rtol=1e-12, atol=1e-12 * whole.max())
    cell = radii[1] - radii[0]
    for g, group in enumerate(GAS_GROUPS):
        seen = radii[groups[0, g].any(axis=(0, 2))]
        assert seen.size == 0 or (seen.min() > group.inner - cell and seen.max() < group.outer + cell)


def test_ionised_gas_toward_the_pole_has_the_column_of_its_formula() -> None:
    groups = group_weights(
        [parse_region("l=-180..180,b=88..90")],
        load_gas(),
        TransportSettings().radii,
        disc_radius=20.0,
        settings=LineOfSight(step=0.01),
    )
    height = np.arange(0.005, 20.0, 0.01)
    expected = ionised_density(np.full(height.size, 8.0), height).sum() * 0.01 * CENTIMETRES_PER_KILOPARSEC
    assert groups[0, -1, 0].sum() == pytest.approx(expected, rel=5e-3)
