"""The smooth gas model, held against its formulas integrated another way."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from crsea_infer.physics.analytic_gas import density, gas_columns, gas_provenance
from crsea_infer.physics.constants import CENTIMETRES_PER_KILOPARSEC
from crsea_infer.physics.gas import RING_SUN_RADIUS, load_gas


def column_to(component: str, longitude: float, latitude: float, far: float) -> float:
    """Column of hydrogen atoms along one line of sight, cm^-2, by adaptive quadrature."""
    cos_l, b = np.cos(np.radians(longitude)), np.radians(latitude)

    def at(distance: float) -> float:
        flat = distance * np.cos(b)
        radius = np.sqrt(RING_SUN_RADIUS**2 + flat**2 - 2.0 * RING_SUN_RADIUS * flat * cos_l)
        return float(density(component, radius, np.asarray(distance * np.sin(b))))

    breaks = np.linspace(0.0, far, 60)
    return CENTIMETRES_PER_KILOPARSEC * sum(quad(at, *piece, limit=200)[0] for piece in pairwise(breaks))


@pytest.mark.slow
@pytest.mark.parametrize(("component", "far"), [("HI", 30.0), ("H2", 20.0)])
@pytest.mark.parametrize(("longitude", "latitude"), [(30.25, 0.25), (75.25, -1.75), (150.25, 3.25), (301.0, 40.5)])
def test_columns_are_the_mean_over_the_pixel(component: str, far: float, longitude: float, latitude: float) -> None:
    gas = gas_columns("analytic")
    pixel = int(np.argmin(np.hypot(gas.longitude - longitude, gas.latitude - latitude)))
    width = gas.latitude_width[pixel]
    places = gas.latitude[pixel] + width * (np.arange(8) + 0.5 - 4.0) / 8.0
    wanted = np.mean([column_to(component, gas.longitude[pixel], place, far) for place in places])
    assert gas.column(component)[:, pixel].sum() == pytest.approx(wanted, rel=0.02)


@pytest.mark.slow
def test_toward_the_pole_is_the_surface_density_at_the_sun() -> None:
    gas = gas_columns("analytic")
    pole = int(np.argmax(gas.latitude))
    half = 0.5 * np.sqrt(np.pi / np.log(2.0)) * CENTIMETRES_PER_KILOPARSEC
    assert gas.atomic[:, pole].sum() == pytest.approx(0.57 * 0.115 * half, rel=0.01)


@pytest.mark.slow
def test_it_is_symmetric_keeps_the_pixels_and_says_what_it_is() -> None:
    gas, rings = gas_columns("analytic"), load_gas()
    assert gas_columns("rings") is rings
    np.testing.assert_array_equal(gas.longitude, rings.longitude)
    mirrored = {
        (round(float(x) % 360.0, 3), round(float(y), 3)): i
        for i, (x, y) in enumerate(zip(gas.longitude, gas.latitude, strict=True))
    }
    for longitude, latitude in ((30.25, 0.25), (120.25, 5.25)):
        one = gas.column("H2")[:, mirrored[longitude, latitude]]
        other = gas.column("H2")[:, mirrored[360.0 - longitude, -latitude]]
        np.testing.assert_array_equal(one, other)
    # X_CO plays no part in it
    np.testing.assert_array_equal(gas.column("H2", (1e20,) * 11), gas.column("H2"))
    assert "Ferriere" in gas_provenance("analytic")
    assert gas_provenance("rings") == rings.provenance
