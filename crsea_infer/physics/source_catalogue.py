"""Sources of the first LHAASO catalogue: what of their light leaks through the mask, and their summed spectrum.

The mask takes discs of 2.5 sqrt(psf^2 + r39^2) off the plane. A source whose image is a two-dimensional Gaussian of
width sqrt(psf^2 + r39^2) leaves exp(-2.5^2 / 2) = 4.4 % of its light outside its own disc, some of it in the disc of a
neighbour or beyond the edge of the region. What is left in a region is summed here for every component on a grid of
directions:

    L(E) = sum over sources of F_k(E) x (share of the image of k in the region, outside all discs) / solid angle.

F_k is the catalogue's power law, whose WCDA component holds up to 25 TeV and whose KM2A component from there on. A sum
over sources is taken at 3 TeV (WCDA) and, source by source, above 50 TeV (KM2A); between the two a cubic in ln F of
ln E joins their values and slopes, and below 3 TeV the sum goes on as a power law. Images with wider wings than a
Gaussian leak more, which is what a free factor on L is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.masks import POINT_SPREAD, disc_scale

if TYPE_CHECKING:
    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

__all__ = ["CatalogueSources", "SummedSpectrum", "catalogue_sources", "leaked_light", "plane_spectrum", "region_grid"]

_LOW, _HIGH = 3.0e3, 5.0e4  # GeV: reference energies of the two components
_PER_TEV: Final = 1e-3  # from TeV^-1 to GeV^-1


@dataclass(frozen=True, eq=False)
class CatalogueSources:
    """Components of the catalogue seen by one of the two arrays, each array [n].

    Attributes
    ----------
    longitude, latitude
        Galactic, degrees.
    extension
        39 % containment radius of the source itself, degrees; 0 for a point.
    flux
        At the reference energy (3 TeV for WCDA, 50 TeV for KM2A), GeV^-1 cm^-2 s^-1.
    index
        Of the power law E^-index.
    """

    longitude: Float64
    latitude: Float64
    extension: Float64
    flux: Float64
    index: Float64


@lru_cache(maxsize=2)
def catalogue_sources(component: str) -> CatalogueSources:
    """Return the components that "WCDA" or "KM2A" detected."""
    path = files("crsea_infer.physics") / "data" / "lhaaso_sources.csv"
    lines = [line.split(",") for line in path.read_text().splitlines() if line and not line.startswith("#")][1:]
    table = np.array([[float(value) for value in line[2:7]] for line in lines if line[1] == component])
    longitude, latitude, extension, flux, index = table.T
    return CatalogueSources(longitude, latitude, extension, flux * _PER_TEV, index)


@dataclass(frozen=True, eq=False)
class SummedSpectrum:
    """The spectrum of many sources together; see the head of the module.

    Attributes
    ----------
    low, high
        Flux at the reference energy of each WCDA and each KM2A component, times its share in the sum [n].
    """

    low: Float64
    high: Float64

    def __call__(self, energies: Float64) -> Float64:
        """Return the sum at energies [n], GeV."""
        log_low, slope_low = _value_and_slope(self.low, catalogue_sources("WCDA").index)
        log_high, slope_high = _value_and_slope(self.high, catalogue_sources("KM2A").index)
        x, width = np.log(energies / _LOW), np.log(_HIGH / _LOW)
        t = np.clip(x / width, 0.0, 1.0)
        joined = (
            (1 + 2 * t) * (1 - t) ** 2 * log_low
            + t * (1 - t) ** 2 * width * slope_low
            + t**2 * (3 - 2 * t) * log_high
            + t**2 * (t - 1) * width * slope_high
        )
        above = np.log(np.maximum(energies, _HIGH) / _HIGH)
        sources = self.high[:, None] * np.exp(-catalogue_sources("KM2A").index[:, None] * above)
        beyond = np.log(np.sum(sources, axis=0)) - log_high
        return np.asarray(np.exp(joined + slope_low * np.minimum(x, 0.0) + beyond))


def _value_and_slope(fluxes: Float64, indices: Float64) -> tuple[float, float]:
    """Return ln of the sum and its slope at the reference energy."""
    total = float(np.sum(fluxes))
    return float(np.log(total)), -float(np.sum(fluxes * indices) / total)


def region_grid(region: Region) -> tuple[Float64, Float64, Float64]:
    """Return longitudes, latitudes (degrees) and solid angles (sr) of cells that lie in a region, each [n].

    Cells are a tenth of a degree where there is a mask, and a quarter otherwise.
    """
    step = 0.25 if region.mask is None else 0.1
    (west, east), (south, north) = region.longitude, region.latitude
    n_longitude, n_latitude = max(round((east - west) / step), 20), max(round((north - south) / step), 20)
    longitude = west + (np.arange(n_longitude) + 0.5) * (east - west) / n_longitude
    edges = np.linspace(south, north, n_latitude + 1)
    latitude = 0.5 * (edges[1:] + edges[:-1])
    area = np.radians(east - west) / n_longitude * np.diff(np.sin(np.radians(edges)))
    inside = region.contains(longitude[None, :], latitude[:, None])
    rows, columns = np.nonzero(inside)
    return longitude[columns], latitude[rows], area[rows]


def leaked_light(region: Region) -> SummedSpectrum | None:
    """Return the intensity (GeV^-1 cm^-2 s^-1 sr^-1) that leaks into a region; None where its mask is not LHAASO's."""
    if disc_scale(region.mask) is None:
        return None
    longitude, latitude, area = region_grid(region)
    shares = []
    for component in ("WCDA", "KM2A"):
        sources = catalogue_sources(component)
        widths = np.hypot(POINT_SPREAD, sources.extension)
        share = np.zeros(sources.flux.size)
        for k, width in enumerate(widths.tolist()):
            north = latitude - sources.latitude[k]
            near = np.abs(north) < 8.0 * width
            east = np.mod(longitude[near] - sources.longitude[k] + 180.0, 360.0) - 180.0
            east = east * np.cos(np.radians(latitude[near]))
            image = np.exp(-0.5 * (east**2 + north[near] ** 2) / width**2)
            share[k] = np.sum(image * area[near]) / (2 * np.pi * np.radians(width) ** 2)
        shares.append(sources.flux * share / np.sum(area))
    return SummedSpectrum(*shares)


@lru_cache(maxsize=1)
def plane_spectrum() -> SummedSpectrum:
    """Return the summed flux (GeV^-1 cm^-2 s^-1) of all sources within 5 degrees of the plane."""
    pair = [catalogue_sources(component) for component in ("WCDA", "KM2A")]
    low, high = (np.where(np.abs(one.latitude) < 5.0, one.flux, 0.0) for one in pair)
    return SummedSpectrum(low, high)
