"""Which pixels of a HEALPix sky belong to a region.

Pixels far from the region are left out on a coarser sky first, so that fine cubes cost what the region has, not what
the sky has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.healpix_pixels import Pixelisation
from crsea_infer.support.loading import load_healpy

if TYPE_CHECKING:
    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

__all__ = ["near_box", "pixels_in"]

_COARSE: Final = 64  # NSIDE at which pixels far from a region are left out


def pixels_in(region: Region, sky: Pixelisation) -> np.typing.NDArray[np.int64]:
    """Return the pixels of a sky whose centres lie in a region, rising."""
    healpy = load_healpy()

    if sky.n_side & (sky.n_side - 1) or sky.n_side <= _COARSE:
        candidates = np.arange(sky.n_pixels)
    else:
        coarse = Pixelisation(_COARSE, True, sky.frame)
        longitude, latitude = coarse.centres(np.arange(coarse.n_pixels))
        near = near_box(region, longitude, latitude, float(np.degrees(healpy.max_pixrad(_COARSE))))
        children = (sky.n_side // _COARSE) ** 2
        candidates = (np.flatnonzero(near)[:, None] * children + np.arange(children)).ravel()
        if not sky.nested:
            candidates = healpy.nest2ring(sky.n_side, candidates)
    inside = region.contains(*sky.centres(candidates))
    return np.sort(candidates[inside])


def near_box(
    region: Region, longitude: Float64, latitude: Float64, radius: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Tell which directions lie in a region's box or at most a radius from it (Galactic, degrees), mask disregarded."""
    south, north = region.latitude
    nearby = (latitude > south - radius) & (latitude < north + radius)
    width = region.longitude[1] - region.longitude[0]
    # longitudes shrink towards the poles
    reach = radius / np.maximum(np.cos(np.radians(np.minimum(np.abs(latitude) + radius, 89.999))), 1e-9)
    offset = np.mod(longitude - region.longitude[0] + reach, 360.0)
    return np.asarray(nearby & ((offset <= width + 2.0 * reach) | (width + 2.0 * reach >= 360.0)))
