"""How long the lines of sight of a sky region run through each place of the Galaxy, through the absorbing CMB.

The counterpart of :func:`crsea_infer.physics.geometry.region_weights` for emission that needs no gas. The sky is folded
onto one quadrant, because the Galaxy is symmetric, and sampled finely near the plane and coarsely at high latitudes.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.constants import CENTIMETRES_PER_KILOPARSEC
from crsea_infer.physics.geometry import absorption_nodes, bilinear_nodes
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.physics.geometry import LineOfSight
    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

__all__ = ["band_centres", "cell_longitudes", "path_steps", "path_weights"]

_LATITUDES: Final = np.concatenate(
    [np.arange(0.0, 5.0, 0.25), np.arange(5.0, 10.0, 0.5), np.arange(10.0, 30.0, 1.0), np.arange(30.0, 90.1, 2.5)]
)  # deg: edges of the bands
_LONGITUDE_WIDTH: Final = 1.0  # deg
_SAMPLING: Final = 0.1  # deg: sampling of cells, to see masks and the edges of regions
_STEP: Final = 0.05  # kpc
_STRETCH: Final = 4  # finer steps this many times near the Sun


def band_centres() -> Float64:
    """Return the latitudes of the middles of the folded bands, degrees."""
    sines = np.sin(np.radians(_LATITUDES))
    return np.asarray(np.degrees(np.arcsin((sines[1:] + sines[:-1]) / 2.0)))


def cell_longitudes() -> Float64:
    """Return the folded longitudes of the middles of cells, degrees."""
    return np.asarray((np.arange(round(180.0 / _LONGITUDE_WIDTH)) + 0.5) * _LONGITUDE_WIDTH)


def path_steps(far: float) -> tuple[Float64, Float64]:
    """Return distance of the middle and length of each step along a line of sight out to `far`, kpc."""
    edges = np.concatenate([np.arange(0.0, 1.0, _STEP / _STRETCH), np.arange(1.0, far, _STEP)])
    return np.asarray((edges[1:] + edges[:-1]) / 2.0), np.asarray(np.diff(edges))


def _cell_shares(region: Region, south: float, north: float) -> tuple[Float64, Float64]:
    """Return the solid angle of the region in each cell of a folded band, and the mean latitude there, deg.

    Shapes [longitude cell], for cells from l = 0 to 180.
    """
    edges = np.sin(np.radians(np.linspace(south, north, max(round((north - south) / _SAMPLING), 4) + 1)))
    latitude = np.degrees(np.arcsin((edges[1:] + edges[:-1]) / 2.0))
    n_cells = round(180.0 / _LONGITUDE_WIDTH)
    per_cell = round(_LONGITUDE_WIDTH / _SAMPLING)
    longitude = np.asarray((np.arange(n_cells * per_cell) + 0.5) * (_LONGITUDE_WIDTH / per_cell), dtype=np.float64)
    inside = np.zeros((longitude.size, latitude.size))
    for east in (1.0, -1.0):
        for up in (1.0, -1.0):
            inside += region.contains(east * longitude[:, None], up * latitude[None, :])
    solid = inside.reshape(n_cells, per_cell, latitude.size).sum(axis=1) * np.diff(edges)
    total = solid.sum(axis=1)
    mean = np.where(total > 0.0, solid @ latitude / np.where(total > 0.0, total, 1.0), 0.0)
    return np.asarray(total * np.radians(_LONGITUDE_WIDTH / per_cell)), np.asarray(mean)


def path_weights(regions: Sequence[Region], radii: Float64, *, disc_radius: float, settings: LineOfSight) -> Float64:
    """Return the attenuated mean path length of each region through each place, cm.

    Parameters
    ----------
    regions
        The sky regions.
    radii
        Galactocentric radii of the nodes, evenly spaced, kpc, shape [n_radial].
    disc_radius
        Radius beyond which there are no cosmic rays, kpc.
    settings
        Position of the Sun and heights of the nodes; what lies above the last height does not count.

    Returns
    -------
    Float64
        Shape [region, absorption node, n_radial, n_z]. Contracted with an emissivity per steradian it gives the mean
        intensity.

    Raises
    ------
    UserError
        When a region is empty or too small to be sampled.
    """
    heights = settings.heights
    absorption = absorption_nodes()
    distance, length = path_steps(settings.sun_radius + disc_radius)
    attenuated = np.exp(-np.outer(distance, absorption)) * length[:, None] * CENTIMETRES_PER_KILOPARSEC
    cosines = np.cos(np.radians(cell_longitudes()))
    result = np.zeros((radii.size * heights.size, len(regions), absorption.size))
    solid_angles = np.zeros(len(regions))
    for south, north in itertools.pairwise(_LATITUDES):
        for r, region in enumerate(regions):
            solid_angle, mean = _cell_shares(region, float(south), float(north))
            chosen = np.flatnonzero(solid_angle)
            if chosen.size == 0:
                continue
            solid_angles[r] += solid_angle.sum()
            # a region that covers part of the band is seen at the latitude of that part
            latitude = np.radians(mean[chosen])[:, None]
            horizontal = distance * np.cos(latitude)
            radius = np.sqrt(
                settings.sun_radius**2 + horizontal**2 - 2.0 * settings.sun_radius * horizontal * cosines[chosen, None]
            )
            height = distance * np.sin(latitude)
            inside = (radius < disc_radius) & (height < heights[-1])
            matrix = bilinear_nodes(radii, heights, radius[inside], height[inside])
            values = solid_angle[chosen, None, None] * attenuated
            result[:, r] += matrix @ values[inside]
    for region, covered in zip(regions, solid_angles, strict=True):
        if covered == 0.0:
            raise UserError(
                f"the sky region {region.name!r} is empty, or smaller than the sampling of {_SAMPLING:g} degrees",
                valid="a box of at least 0.2 degrees a side, not wholly masked",
            )
    result /= solid_angles[:, None]
    return np.asarray(np.moveaxis(result.reshape(radii.size, heights.size, len(regions), -1), (0, 1), (2, 3)))
