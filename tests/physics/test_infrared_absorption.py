"""Absorption on infrared and starlight: its size, where it matters, and the parameter that brings it in."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.emulator import load
from crsea_infer.emulator.response.store import read_emulator
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.hypothesis import build_hypothesis
from crsea_infer.physics.absorption import cmb_absorption_coefficient
from crsea_infer.physics.infrared_absorption import DEPTH_ENERGIES, effective_depth, region_depth
from crsea_infer.physics.infrared_sky import LATITUDES, LONGITUDES, direction_depth, sky_depth
from crsea_infer.physics.radiation_field import RADIATION_FIELD


def test_toward_the_outer_disc_it_is_a_few_kiloparsecs_of_the_field_at_the_sun() -> None:
    warm = [body for body in RADIATION_FIELD if body.field == "infrared"]
    at_sun = sum(body.dilution * cmb_absorption_coefficient(np.array([1.5e5]), body.temperature) for body in warm)
    kiloparsecs = effective_depth("lhaaso_outer", [1.5e5]) / at_sun
    assert 0.3 < float(kiloparsecs[0]) < 3.0


def test_it_is_largest_near_150_tev_and_toward_the_centre() -> None:
    for region in read_emulator().settings.regions:
        depth = effective_depth(region, DEPTH_ENERGIES)
        assert 1e5 < DEPTH_ENERGIES[int(np.argmax(depth))] < 3e5
        assert np.all(effective_depth(region, [10.0, 900.0]) == 0.0)
    inner, outer, wide = (
        float(effective_depth(name, [1.5e5])[0]) for name in ("tibet_inner", "lhaaso_outer", "full_sky")
    )
    assert outer < inner < 0.1
    assert outer < wide


@pytest.mark.slow
def test_the_packaged_table_is_what_integration_gives() -> None:
    np.testing.assert_allclose(
        effective_depth("tibet_outer", DEPTH_ENERGIES[1:]), region_depth("tibet_outer")[1:], rtol=1e-6
    )


def test_the_parameter_multiplies_gamma_rays_and_nothing_else() -> None:
    requests = [
        Request("gamma", (2e4, 1.5e5, 1e6), "lhaaso_inner"),
        Request("gamma", (30.0, 3e2), "lhaaso_inner"),
        Request("neutrino", (1e4, 1e5), "lhaaso_inner"),
        Request("proton", (1e3,)),
    ]
    hypothesis = build_hypothesis("dusty", ["gamma_optimized", "min", "gas"])
    values = {parameter.name: np.asarray(float(parameter.fiducial)) for parameter in hypothesis.parameters}
    bound = load().bind(requests)
    scale = np.array([0.0, 1.0, 2.0])
    dusty, plain = bound(values | {"infrared_absorption": scale}), bound(values)
    expected = np.exp(-scale[:, None] * effective_depth("lhaaso_inner", requests[0].energies))
    np.testing.assert_allclose(dusty[0] / plain[0], expected, rtol=1e-12)
    for one, other in zip(dusty[1:], plain[1:], strict=True):
        np.testing.assert_allclose(one, np.broadcast_to(other, one.shape), rtol=1e-12)
    parts = bound.components(values | {"infrared_absorption": scale})[0]
    np.testing.assert_allclose(sum(parts.values()), dusty[0], rtol=1e-9)
    clear = load(absorption=False).bind(requests[:1])
    np.testing.assert_allclose(clear(values | {"infrared_absorption": scale})[0][2], clear(values)[0], rtol=1e-12)


def test_directions_have_a_depth_of_their_own() -> None:
    energies = [500.0, 1.5e5]
    longitude = np.array([0.0, 359.9, 40.0, 180.0, 0.0, -180.0])
    latitude = np.array([0.0, 0.0, 0.0, 0.0, 90.0, 0.0])
    none, depth = direction_depth(energies, longitude, latitude)
    assert not none.any()
    assert 0.25 < depth[0] < 0.3
    assert depth[1] == pytest.approx(depth[0], rel=0.01)
    assert depth[0] > depth[2] > depth[3] > depth[4] > 0.0
    assert depth[5] == pytest.approx(depth[3])


@pytest.mark.slow
def test_the_table_of_directions_is_what_integration_gives() -> None:
    at = np.meshgrid(LONGITUDES, LATITUDES, indexing="ij")
    found = direction_depth(DEPTH_ENERGIES[1:].tolist(), at[0].ravel(), at[1].ravel())
    expected = np.moveaxis(sky_depth()[..., 1:], -1, 0).reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=3e-4)


def test_its_size_is_what_the_documentation_says() -> None:
    per_cent = {
        name: 100.0 * -np.expm1(-effective_depth(name, [1.5e5])[0]) for name in ("lhaaso_inner", "lhaaso_outer")
    }
    assert per_cent["lhaaso_inner"] == pytest.approx(3.2, abs=0.1)
    assert per_cent["lhaaso_outer"] == pytest.approx(1.1, abs=0.1)
