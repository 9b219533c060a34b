"""A population of sources too faint for the catalogue, continued from the fluxes of those that are in it.

Sources lie in the Galaxy as pulsars do (Lorimer et al. 2006), and their luminosities at 50 TeV follow

    phi(L) ~ (L / L_c)^-alpha exp(-L / L_c),      alpha < 2.

A flux S at the distance d is a luminosity 4 pi d^2 S, so positions and phi give the distribution of fluxes, whose slope
above the threshold of the catalogue is that of an evenly filled disc for bright sources and tends to alpha for faint
ones: unlike a power law with the slope of the bright ones, which for this catalogue (2.4) would add up to an infinite
intensity, the light below the threshold is finite. Per direction it is

    u(l, b) ~ integral of n(d) gamma(2 - alpha, 4 pi d^2 S_t / L_c) dd,

with gamma the lower incomplete gamma function and S_t the threshold. alpha and L_c are fitted to the fluxes above it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.special import gamma, gammainc

from crsea_infer.physics.regions import Region
from crsea_infer.physics.source_catalogue import catalogue_sources, region_grid
from crsea_infer.physics.sources import source_layers

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = [
    "CUTOFF",
    "SLOPE",
    "THRESHOLD",
    "UNRESOLVED_FLUX",
    "Population",
    "PopulationFit",
    "completeness_threshold",
    "fit_population",
    "unresolved_intensity",
]

THRESHOLD: Final = 1.38e-19
"""Flux at 50 TeV above which the catalogue is complete in the plane, GeV^-1 cm^-2 s^-1."""

SLOPE: Final = 1.45
"""alpha: the median of the fit."""

CUTOFF: Final = 10**27.375
"""L_c: the median of the fit, GeV^-1 s^-1."""

UNRESOLVED_FLUX: Final = 8.0e-18
"""Flux at 50 TeV of all sources below the threshold in 15 < l < 125, |b| < 5 deg that the catalogue does not have: the
median of the fit, GeV^-1 cm^-2 s^-1. See `benchmarks/source_population.py`."""

_SUN: Final = 8.5  # kpc, for which the formulas of the sources are written
_CM_PER_KPC: Final = 3.0857e21
_DISTANCES: Final = np.arange(0.05, 30.0, 0.1)  # kpc
_ZONES: Final = ((15.0, 125.0), (125.0, 235.0))  # degrees, |b| < 5: where the catalogue is counted


@dataclass(frozen=True)
class Population:
    """Sources of the Galaxy with one distribution of luminosities.

    Attributes
    ----------
    slope, cutoff
        alpha and L_c (GeV^-1 s^-1 at 50 TeV).
    threshold
        S_t, GeV^-1 cm^-2 s^-1.
    """

    slope: float
    cutoff: float
    threshold: float = THRESHOLD

    @cached_property
    def _map(self) -> RegularGridInterpolator:
        """Ln u on a grid of |l| and |b| in degrees, up to a constant."""
        longitude = np.concatenate([np.arange(0.0, 30.0, 1.0), np.arange(30.0, 181.0, 3.0)])
        latitude = np.concatenate([np.arange(0.0, 6.0, 0.25), np.arange(6.0, 15.0, 1.0), np.arange(15.0, 91.0, 5.0)])
        areas = 4 * np.pi * (_DISTANCES * _CM_PER_KPC) ** 2
        weights = gammainc(2 - self.slope, areas * self.threshold / self.cutoff)
        light = _density(longitude[:, None, None], latitude[None, :, None], _DISTANCES) @ weights
        return RegularGridInterpolator((longitude, latitude), np.log(light))

    def brightness(self, longitude: Float64, latitude: Float64) -> Float64:
        """Return u [n] in directions [n] (degrees), up to a constant."""
        folded = np.abs(np.mod(longitude + 180.0, 360.0) - 180.0)
        return np.asarray(np.exp(self._map(np.stack([folded, np.abs(latitude)], axis=-1))))


def _density(longitude: Float64, latitude: Float64, distance: Float64) -> Float64:
    """Return the density of sources (degrees, kpc, broadcasting), up to a constant."""
    along = distance * np.cos(np.radians(latitude))
    square = _SUN**2 + along**2 - 2 * _SUN * along * np.cos(np.radians(longitude))
    radius, height = np.sqrt(np.maximum(square, 1e-6)), distance * np.sin(np.radians(latitude))
    (layer,) = source_layers("lorimer")
    return np.asarray(layer.radial(radius) * layer.vertical(height))


@lru_cache(maxsize=1)
def _shipped() -> tuple[Population, float]:
    """Return the population with the shipped numbers and its intensity per unit of `brightness`."""
    population = Population(SLOPE, CUTOFF)
    whole = Region("", (15.0, 125.0), (-5.0, 5.0))
    longitude, latitude, area = region_grid(whole)
    return population, UNRESOLVED_FLUX / float(np.sum(population.brightness(longitude, latitude) * area))


def unresolved_intensity(region: Region) -> float:
    """Return the mean intensity at 50 TeV of sources below the threshold in a region, GeV^-1 cm^-2 s^-1 sr^-1."""
    population, scale = _shipped()
    longitude, latitude, area = region_grid(region)
    light = population.brightness(longitude, latitude)
    return scale * float(np.sum(light * area) / np.sum(area))


def _in_zone(longitude: Float64, latitude: Float64, zone: tuple[float, float]) -> np.typing.NDArray[np.bool_]:
    inside = np.mod(longitude - zone[0], 360.0) < zone[1] - zone[0]
    return np.asarray(inside & (np.abs(latitude) < 5.0))


def completeness_threshold(minimum: int = 10) -> tuple[float, float, int]:
    """Return the flux above which the catalogue's fluxes are most nearly a power law, its slope, and their number.

    The flux at which the Kolmogorov-Smirnov distance between the fluxes in the plane and the power law fitted to them
    is least (Clauset, Shalizi and Newman 2009, SIAM Review 51, 661); at least `minimum` sources lie above it.
    """
    sources = catalogue_sources("KM2A")
    inside = np.any([_in_zone(sources.longitude, sources.latitude, zone) for zone in _ZONES], axis=0)
    fluxes = np.sort(sources.flux[inside])
    found = []
    for lowest in fluxes[: -minimum + 1].tolist():
        above = fluxes[fluxes >= lowest]
        slope = 1 + above.size / float(np.sum(np.log(above / lowest)))
        expected = 1 - (above / lowest) ** (1 - slope)
        steps = np.arange(above.size + 1) / above.size
        distance = max(float(np.max(steps[1:] - expected)), float(np.max(expected - steps[:-1])))
        found.append((distance, lowest, slope, above.size))
    _, lowest, slope, number = min(found)
    return lowest, slope, number


@dataclass(frozen=True, eq=False)
class PopulationFit:
    """The posterior of alpha and L_c on a grid, and what it says of faint sources, each array [n].

    Attributes
    ----------
    slopes, log_cutoffs
        alpha, and log10 of L_c (GeV^-1 s^-1).
    weights
        Of the points, adding up to 1.
    unresolved
        Flux at 50 TeV of all sources below the threshold less that of those in the catalogue, inner and outer zone
        [n, 2], GeV^-1 cm^-2 s^-1.
    """

    slopes: Float64
    log_cutoffs: Float64
    weights: Float64
    unresolved: Float64

    def quantile(self, values: Float64, shares: Float64) -> Float64:
        """Return weighted quantiles of values [n]."""
        order = np.argsort(values)
        middle = np.cumsum(self.weights[order]) - 0.5 * self.weights[order]
        return np.asarray(np.interp(shares, middle, values[order]))


def fit_population(threshold: float = THRESHOLD) -> PopulationFit:
    """Fit alpha (flat from 1 to 1.95) and L_c (log-flat) to the fluxes above `threshold` in both zones together."""
    sources = catalogue_sources("KM2A")
    longitude, latitude = np.arange(15.5, 235.0, 1.0), np.arange(-4.75, 5.0, 0.5)
    density = _density(longitude[:, None, None], latitude[None, :, None], _DISTANCES)
    volume = density * _DISTANCES**2 * np.cos(np.radians(latitude))[None, :, None]
    by_distance = [np.sum(volume[(longitude > low) & (longitude < high)], axis=(0, 1)) for low, high in _ZONES]
    areas = 4 * np.pi * (_DISTANCES * _CM_PER_KPC) ** 2
    inside = [_in_zone(sources.longitude, sources.latitude, zone) for zone in _ZONES]
    bright = [sources.flux[one & (sources.flux >= threshold)] for one in inside]
    faint = np.array([np.sum(sources.flux[one & (sources.flux < threshold)]) for one in inside])
    number = sum(one.size for one in bright)
    grid = np.geomspace(threshold, 1e3 * threshold, 200)
    rows = []
    for slope in np.linspace(1.0, 1.95, 20):
        for log_cutoff in np.linspace(26.0, 30.0, 33):
            cutoff = 10**log_cutoff

            def fluxes(at: Float64, weights: Float64, slope: float = slope, cutoff: float = cutoff) -> Float64:
                """Return dN/dS at fluxes [n], up to a constant."""
                luminosity = areas[:, None] * at / cutoff
                return np.asarray((weights * areas) @ (luminosity**-slope * np.exp(-luminosity)))

            counts = [np.trapezoid(fluxes(grid, one) * grid, np.log(grid)) for one in by_distance]
            pairs = zip(bright, by_distance, strict=True)
            log_l = math.fsum(float(np.sum(np.log(fluxes(own, weights)))) for own, weights in pairs)
            log_l -= number * float(np.log(sum(counts)))
            below = cutoff**2 * gamma(2 - slope) * gammainc(2 - slope, areas * threshold / cutoff) / areas
            # dN/dS dS = phi(L) dL: the light below the threshold is the integral of L phi / (4 pi d^2)
            light = np.array([float(np.sum(one * below)) for one in by_distance]) * number / sum(counts)
            rows.append((slope, log_cutoff, log_l, *(light - faint)))
    slopes, log_cutoffs, log_l, *unresolved = np.array(rows).T
    weights = np.exp(log_l - log_l.max())
    return PopulationFit(slopes, log_cutoffs, weights / weights.sum(), np.stack(unresolved, axis=-1))
