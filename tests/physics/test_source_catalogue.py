"""Sources of the LHAASO catalogue: light through the mask against photons drawn one by one, and their spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.physics.masks import POINT_SPREAD
from crsea_infer.physics.regions import REGIONS
from crsea_infer.physics.source_catalogue import catalogue_sources, leaked_light, plane_spectrum, region_grid

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lhaaso_inner", "lhaaso_outer"])
def test_what_leaks_is_what_photons_drawn_from_the_images_leave_outside_the_discs(name: str) -> None:
    region, sources = REGIONS[name], catalogue_sources("KM2A")
    rng = np.random.default_rng(1)
    near = np.abs(sources.latitude) < 8.0
    width = np.hypot(POINT_SPREAD, sources.extension[near])
    east, north = rng.standard_normal((2, 4000, width.size)) * width
    latitude = sources.latitude[near] + north
    longitude = sources.longitude[near] + east / np.cos(np.radians(latitude))
    share = region.contains(longitude, latitude).mean(axis=0)
    expected = np.sum(sources.flux[near] * share) / region.solid_angle
    leak = leaked_light(region)
    assert leak is not None
    assert leak(np.array([5e4]))[0] == pytest.approx(expected, rel=0.06)


def test_an_isolated_disc_keeps_all_but_four_per_cent() -> None:
    sources = catalogue_sources("KM2A")
    leak = leaked_light(REGIONS["lhaaso_outer"])
    assert leak is not None
    _, _, area = region_grid(REGIONS["lhaaso_outer"])
    share = leak.high * np.sum(area) / sources.flux
    inside = np.abs(sources.latitude) < 2.0
    inside &= (sources.longitude > 130.0) & (sources.longitude < 230.0)
    assert np.all(share[inside] < np.exp(-(2.5**2) / 2) * 1.03)
    assert share[inside].max() == pytest.approx(np.exp(-(2.5**2) / 2), rel=0.05)


def test_regions_without_the_mask_have_no_leak() -> None:
    assert leaked_light(REGIONS["tibet_inner"]) is None


def test_the_summed_spectrum_is_the_sum_and_has_no_step() -> None:
    spectrum = plane_spectrum()
    sources = catalogue_sources("KM2A")
    near = np.abs(sources.latitude) < 5.0
    for energy in (5e4, 2e5, 1e6):
        expected = np.sum((sources.flux * (energy / 5e4) ** -sources.index)[near])
        assert spectrum(np.array([energy]))[0] == pytest.approx(expected)
    low = catalogue_sources("WCDA")
    assert spectrum(np.array([3e3]))[0] == pytest.approx(np.sum(low.flux[np.abs(low.latitude) < 5.0]))
    energies = np.geomspace(1e2, 2e6, 2001)
    slopes = np.diff(np.log(spectrum(energies))) / np.diff(np.log(energies))
    assert np.max(np.abs(np.diff(slopes))) < 0.02
    assert slopes.min() > -3.6
    assert slopes.max() < -2.2


def test_the_catalogue_is_as_published(shared_data: Path) -> None:
    lines = (shared_data / "1LHAASO_catalog.csv").read_text().splitlines()
    header, *rows = [line.split(",") for line in lines if not line.startswith("#")]
    published = [dict(zip(header, row, strict=False)) for row in rows]
    for component in ("WCDA", "KM2A"):
        own = [row for row in published if row["component"] == component and "nan" not in (row["N0"], row["glon"])]
        sources = catalogue_sources(component)
        np.testing.assert_array_equal(sources.longitude, [float(row["glon"]) for row in own])
        np.testing.assert_array_equal(sources.extension, np.nan_to_num([float(row["r39"]) for row in own]))
        np.testing.assert_allclose(sources.flux, [float(row["N0"]) * 1e-3 for row in own])
        np.testing.assert_array_equal(sources.index, [float(row["gamma"]) for row in own])
