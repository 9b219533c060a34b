"""How much gas a sky region sees at each place of the Galaxy, through the absorbing CMB.

For a region and a gas component the mean intensity is an integral over (R, abs(z)) of the cosmic-ray density times a
weight: the region-averaged column of gas at that place, attenuated on its way to the Sun. The weights are computed once
per region. Attenuation enters through a few Chebyshev nodes of the absorption coefficient, from which that of any
energy follows by interpolation. The Galaxy is symmetric about the plane and about l = 0 except for its columns, so the
lines of sight of one quadrant serve all four.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_array

from crsea_infer.physics.absorption import MAXIMUM_COEFFICIENT
from crsea_infer.physics.gas import RING_EDGES, RING_SUN_RADIUS, X_CO, GasColumns
from crsea_infer.physics.interpolation import interpolation_matrix
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

__all__ = [
    "COMPONENTS",
    "LineOfSight",
    "absorption_interpolation",
    "absorption_nodes",
    "bilinear_nodes",
    "region_weights",
]

COMPONENTS: Final = ("HI", "H2")
"""Gas components, in the order of the arrays."""

N_ABSORPTION_NODES: Final = 9
_SUBPIXEL: Final = 0.1  # deg: sampling of a pixel when a region's edge or mask crosses it


def _default_heights() -> Float64:
    return np.concatenate([np.arange(0.0, 0.3, 0.02), np.arange(0.3, 0.8, 0.05), np.arange(0.8, 2.01, 0.2)])


@dataclass(frozen=True)
class LineOfSight:
    """Numerics and geometry of the integration along lines of sight.

    Attributes
    ----------
    step
        Distance between points, kpc.
    sun_radius
        Distance of the Sun from the Galactic centre for which the ring maps were made, kpc.
    heights
        Heights above the plane at which the cosmic-ray density is wanted, kpc; gas beyond the last sees its value.
    x_co
        Molecules of hydrogen per K km/s of CO in each ring, cm^-2.
    """

    step: float = 0.025
    sun_radius: float = RING_SUN_RADIUS
    heights: Float64 = field(default_factory=_default_heights)
    x_co: tuple[float, ...] = X_CO


def absorption_nodes() -> Float64:
    """Return the absorption coefficients at which weights are computed, 1/kpc; the first is 0 (no absorption)."""
    lobatto = np.cos(np.pi * np.arange(N_ABSORPTION_NODES) / (N_ABSORPTION_NODES - 1))
    return np.asarray(MAXIMUM_COEFFICIENT * (1.0 - lobatto) / 2.0)


def absorption_interpolation(coefficients: Float64) -> Float64:
    """Return the matrix [n, node] that interpolates from the absorption nodes to `coefficients` [n], 1/kpc."""
    return interpolation_matrix(absorption_nodes(), np.asarray(coefficients))


def _pixel_shares(region: Region, gas: GasColumns) -> Float64:
    """Return the share of each gas pixel that lies in the region, shape [pixel]."""
    shares = np.zeros(gas.longitude.size)
    for width, height in sorted(set(zip(gas.longitude_width, gas.latitude_width, strict=True))):
        chosen = np.flatnonzero((gas.longitude_width == width) & (gas.latitude_width == height))
        reachable = chosen[
            (gas.latitude[chosen] + height / 2 > region.latitude[0])
            & (gas.latitude[chosen] - height / 2 < region.latitude[1])
        ]
        n_longitude, n_latitude = round(width / _SUBPIXEL), round(height / _SUBPIXEL)
        east = (np.arange(n_longitude) + 0.5) / n_longitude * width - width / 2
        north = (np.arange(n_latitude) + 0.5) / n_latitude * height - height / 2
        longitude = gas.longitude[reachable, None, None] + east[:, None]
        latitude = gas.latitude[reachable, None, None] + north[None, :]
        shares[reachable] = region.contains(longitude, latitude).mean(axis=(1, 2))
    return shares


def bilinear_nodes(radii: Float64, heights: Float64, radius: Float64, height: Float64) -> csr_array:
    """Return the sparse matrix [node, point] of bilinear weights, nodes ordered as (R, z)."""
    cell = radii[1] - radii[0]
    position = np.clip((radius - radii[0]) / cell, 0.0, radii.size - 1.0001)
    i = position.astype(np.int64)
    fraction_r = position - i
    j = np.clip(np.searchsorted(heights, height, side="right") - 1, 0, heights.size - 2)
    fraction_z = np.clip((height - heights[j]) / (heights[j + 1] - heights[j]), 0.0, 1.0)
    corner = i * heights.size + j
    n = radius.size
    rows = np.concatenate([corner, corner + 1, corner + heights.size, corner + heights.size + 1])
    values = np.concatenate(
        [
            (1 - fraction_r) * (1 - fraction_z),
            (1 - fraction_r) * fraction_z,
            fraction_r * (1 - fraction_z),
            fraction_r * fraction_z,
        ]
    )
    return csr_array((values, (rows, np.tile(np.arange(n), 4))), shape=(radii.size * heights.size, n))


def region_weights(
    regions: Sequence[Region], gas: GasColumns, radii: Float64, *, disc_radius: float, settings: LineOfSight
) -> Float64:
    """Return the attenuated mean column of each region at each place, in hydrogen atoms cm^-2.

    Parameters
    ----------
    regions
        The sky regions.
    gas
        Ring columns on sky pixels.
    radii
        Galactocentric radii of the nodes, evenly spaced, kpc, shape [n_radial].
    disc_radius
        Radius beyond which there are no cosmic rays, kpc.
    settings
        Numerics, heights of the nodes, X_CO.

    Returns
    -------
    Float64
        Shape [region, component, absorption node, n_radial, n_z]. Contracted with a density relative to the Sun it
        gives the effective column: the column that would give the same intensity if the cosmic rays were everywhere
        those at the Sun.
    """
    heights = settings.heights
    absorption = absorption_nodes()
    distance = np.arange(settings.step / 2, settings.sun_radius + disc_radius, settings.step)
    attenuation = np.exp(-np.outer(absorption, distance))
    shares = np.stack([_pixel_shares(region, gas) for region in regions]) * gas.solid_angle  # [region, pixel]
    solid_angles = shares.sum(axis=1)
    for region, solid_angle in zip(regions, solid_angles, strict=True):
        if not solid_angle > 0.0:
            raise UserError(f"nothing is left of the region {region.name}", valid="a box that its mask does not cover")
    columns = np.stack([gas.column(component, settings.x_co) for component in COMPONENTS])  # [component, ring, pixel]
    result = np.zeros((radii.size * heights.size, len(regions) * len(COMPONENTS) * absorption.size))
    n_rings = columns.shape[1]

    folded_longitude = np.abs(np.mod(gas.longitude + 180.0, 360.0) - 180.0)
    folded_latitude = np.round(np.abs(gas.latitude), 6)
    used = shares.any(axis=0)
    for latitude in np.unique(folded_latitude[used]):
        row = np.flatnonzero(used & (folded_latitude == latitude))
        longitudes, inverse = np.unique(np.round(folded_longitude[row], 6), return_inverse=True)
        # gas of the mirror pixels, added up: [region, component, ring, longitude]
        mirrored = np.zeros((len(regions), len(COMPONENTS), n_rings, longitudes.size))
        contributions = shares[:, None, None, row] * columns[None, :, :, row]
        np.add.at(mirrored.T, inverse, contributions.T)

        cos_b, sin_b = np.cos(np.radians(latitude)), np.sin(np.radians(latitude))
        horizontal = distance * cos_b
        radius = np.sqrt(
            settings.sun_radius**2
            + horizontal**2
            - 2.0 * settings.sun_radius * horizontal * np.cos(np.radians(longitudes))[:, None]
        )
        height = np.broadcast_to(distance * sin_b, radius.shape)
        inside = radius < disc_radius
        weights = np.empty((len(regions), len(COMPONENTS), longitudes.size, distance.size))
        for c, component in enumerate(COMPONENTS):
            density = gas.profile(component, radius, height)
            ring = np.searchsorted(np.asarray(RING_EDGES[component]), radius, side="right") - 1
            known = ring < n_rings
            ring = np.where(known, ring, 0)
            density = np.where(known, density, 0.0)
            flat = ring + n_rings * np.arange(longitudes.size)[:, None]
            total = np.bincount(flat.ravel(), density.ravel(), minlength=n_rings * longitudes.size)
            share = density / np.maximum(total, 1e-300)[flat] * inside
            per_point = np.moveaxis(mirrored[:, c], 1, 2)  # [region, longitude, ring]
            weights[:, c] = np.take_along_axis(per_point, np.broadcast_to(ring, (len(regions), *ring.shape)), axis=2)
            weights[:, c] *= share
        needed = weights.any(axis=(0, 1))
        if not needed.any():  # no gas at all in this row of the sky
            continue
        matrix = bilinear_nodes(radii, heights, radius[needed], height[needed])
        point_attenuation = np.broadcast_to(attenuation[:, None, :], (absorption.size, *radius.shape))[:, needed]
        # [point, region, component, absorption]
        stacked = np.moveaxis(weights[:, :, needed], 2, 0)[..., None] * point_attenuation.T[:, None, None, :]
        result += matrix @ stacked.reshape(stacked.shape[0], -1)
    shaped = np.moveaxis(result.reshape(radii.size, heights.size, len(regions), len(COMPONENTS), -1), (0, 1), (3, 4))
    return np.asarray(shaped / solid_angles[:, None, None, None, None])
