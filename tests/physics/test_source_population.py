"""Sources below the catalogue's threshold: their light against an integral over fluxes, and the fit behind it."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.physics.regions import REGIONS, Region
from crsea_infer.physics.source_population import (
    CUTOFF,
    SLOPE,
    THRESHOLD,
    UNRESOLVED_FLUX,
    Population,
    completeness_threshold,
    fit_population,
    unresolved_intensity,
)


def brute_force(longitude: float, latitude: float, slope: float, cutoff: float, threshold: float) -> float:
    """The light of sources below a threshold in one direction, flux by flux and step by step."""
    distance = np.linspace(0.005, 30.0, 6000)
    along, height = distance * np.cos(np.radians(latitude)), distance * np.sin(np.radians(latitude))
    radius = np.sqrt(8.5**2 + along**2 - 17.0 * along * np.cos(np.radians(longitude)))
    density = (radius / 8.5) ** 1.9 * np.exp(-5.0 * (radius - 8.5) / 8.5 - np.abs(height) / 0.2)
    area = 4 * np.pi * (distance * 3.0857e21) ** 2
    fluxes = np.geomspace(1e-9 * threshold, threshold, 1000)
    counts = np.zeros_like(fluxes)
    for k, flux in enumerate(fluxes.tolist()):
        luminosity = area * flux / cutoff
        counts[k] = np.trapezoid(density * distance**2 * area * luminosity**-slope * np.exp(-luminosity), distance)
    return float(np.trapezoid(fluxes**2 * counts, np.log(fluxes)))


def test_the_light_of_faint_sources_is_the_integral_over_their_fluxes() -> None:
    numbers = (1.3, 3e27, 2e-19)
    population = Population(*numbers)
    directions = [(10.0, 0.0), (30.0, 1.0), (-60.0, -3.0), (150.0, 0.5)]
    expected = np.array([brute_force(*direction, *numbers) for direction in directions])
    found = population.brightness(*np.array(directions).T)
    np.testing.assert_allclose(found / found[0], expected / expected[0], rtol=0.02)


def test_the_shipped_numbers_are_those_of_the_fit() -> None:
    threshold, slope, number = completeness_threshold()
    assert threshold == pytest.approx(THRESHOLD)
    assert slope == pytest.approx(2.39, abs=0.01)  # a power law with it would add up to no finite light
    assert number == 27
    fit = fit_population()
    middle = np.array([0.5])
    assert fit.quantile(fit.slopes, middle)[0] == pytest.approx(SLOPE, abs=0.1)
    assert 10 ** fit.quantile(fit.log_cutoffs, middle)[0] == pytest.approx(CUTOFF, rel=0.3)
    low, median, high = fit.quantile(fit.unresolved[:, 0], np.array([0.16, 0.5, 0.84]))
    assert median == pytest.approx(UNRESOLVED_FLUX, rel=0.02)
    assert np.log10(high / low) / 2 == pytest.approx(0.28, abs=0.01)  # the width in priors/source_population.toml


def test_the_intensity_of_the_inner_plane_is_the_flux_over_the_solid_angle() -> None:
    whole = Region("", (15.0, 125.0), (-5.0, 5.0))
    assert unresolved_intensity(whole) * whole.solid_angle == pytest.approx(UNRESOLVED_FLUX, rel=1e-3)
    inner, outer = (unresolved_intensity(REGIONS[name]) for name in ("lhaaso_inner", "lhaaso_outer"))
    assert inner < unresolved_intensity(whole)  # the discs lie where sources are
    assert 3.0 < inner / outer < 7.0
