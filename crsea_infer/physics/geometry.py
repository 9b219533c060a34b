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
from crsea_infer.physics.constants import CENTIMETRES_PER_KILOPARSEC
from crsea_infer.physics.gas import RING_EDGES, RING_SUN_RADIUS, X_CO, GasColumns
from crsea_infer.physics.gas_groups import GAS_GROUPS, ionised_density
from crsea_infer.physics.interpolation import interpolation_matrix
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

__all__ = [
    "COMPONENTS",
    "LineOfSight",
    "SightLines",
    "SkyRow",
    "absorption_interpolation",
    "absorption_nodes",
    "bilinear_nodes",
    "group_weights",
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
    west, east_end = region.longitude
    for width, height in sorted(set(zip(gas.longitude_width, gas.latitude_width, strict=True))):
        chosen = np.flatnonzero((gas.longitude_width == width) & (gas.latitude_width == height))
        reachable = chosen[
            (gas.latitude[chosen] + height / 2 > region.latitude[0])
            & (gas.latitude[chosen] - height / 2 < region.latitude[1])
            & (np.mod(gas.longitude[chosen] + width / 2 - west, 360.0) < east_end - west + width)
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
    sight = SightLines.of(regions, disc_radius, settings)
    heights, absorption = settings.heights, absorption_nodes()
    solid_angles, shares = sight.shares(gas)
    columns = np.stack([gas.column(component, settings.x_co) for component in COMPONENTS])  # [component, ring, pixel]
    result = np.zeros((radii.size * heights.size, len(regions) * len(COMPONENTS) * absorption.size))
    for row in sight.rows(gas, shares):
        weights = np.empty((len(regions), len(COMPONENTS), *row.radius.shape))
        for c, component in enumerate(COMPONENTS):
            weights[:, c], _ = row.of_rings(component, columns[c], shares)
        needed = np.asarray(weights.any(axis=(0, 1)))
        if not needed.any():  # no gas at all in this row of the sky
            continue
        matrix = bilinear_nodes(radii, heights, row.radius[needed], row.height[needed])
        # [point, region, component, absorption]
        stacked = np.moveaxis(weights[:, :, needed], 2, 0)[..., None] * sight.attenuation(needed)[:, None, None, :]
        result += matrix @ stacked.reshape(stacked.shape[0], -1)
    shaped = np.moveaxis(result.reshape(radii.size, heights.size, len(regions), len(COMPONENTS), -1), (0, 1), (3, 4))
    return np.asarray(shaped / solid_angles[:, None, None, None, None])


def group_weights(
    regions: Sequence[Region], gas: GasColumns, radii: Float64, *, disc_radius: float, settings: LineOfSight
) -> Float64:
    """Return the same for each group of gas: those of HI and H2 sum to the components of :func:`region_weights`.

    Parameters
    ----------
    regions, gas, radii, disc_radius, settings
        As in :func:`region_weights`.

    Returns
    -------
    Float64
        Shape [region, group, absorption node, n_radial, n_z], in the order of
        :data:`crsea_infer.physics.gas_groups.GAS_GROUPS`.
    """
    sight = SightLines.of(regions, disc_radius, settings)
    heights, absorption = settings.heights, absorption_nodes()
    solid_angles, shares = sight.shares(gas)
    columns = {component: gas.column(component, settings.x_co) for component in COMPONENTS}
    result = np.zeros((len(GAS_GROUPS), radii.size * heights.size, len(regions) * absorption.size))
    for row in sight.rows(gas, shares):
        found = {component: row.of_rings(component, columns[component], shares) for component in COMPONENTS}
        for g, group in enumerate(GAS_GROUPS):
            if group.component in found:
                weights, ring = found[group.component]
                chosen = (ring >= group.rings.start) & (ring < group.rings.stop) & weights.any(axis=0)
            else:
                path = settings.step * CENTIMETRES_PER_KILOPARSEC
                density = ionised_density(row.radius, row.height) * (row.radius < disc_radius) * path
                weights = row.solid_angles(shares)[..., None] * density
                chosen = weights.any(axis=0)
            if not chosen.any():
                continue
            matrix = bilinear_nodes(radii, heights, row.radius[chosen], row.height[chosen])
            stacked = np.moveaxis(weights[:, chosen], 1, 0)[..., None] * sight.attenuation(chosen)[:, None, :]
            result[g] += matrix @ stacked.reshape(stacked.shape[0], -1)
    shaped = result.reshape(len(GAS_GROUPS), radii.size, heights.size, len(regions), -1)
    return np.asarray(np.moveaxis(shaped, (3, 0, 4), (0, 1, 2)) / solid_angles[:, None, None, None, None])


@dataclass(frozen=True)
class SkyRow:
    """Lines of sight at one distance from the plane of the sky, mirrored onto one quadrant.

    Attributes
    ----------
    pixels
        Gas pixels of the row, and which of the lines of sight is theirs.
    radius, height
        Of the points along them, kpc, shape [longitude, point].
    disc_radius
        Beyond it there are no cosmic rays, kpc.
    gas
        Whose pixels they are.
    """

    pixels: np.typing.NDArray[np.int64]
    inverse: np.typing.NDArray[np.int64]
    radius: Float64
    height: Float64
    disc_radius: float
    gas: GasColumns

    def solid_angles(self, shares: Float64) -> Float64:
        """Return the solid angle [region, longitude] of what regions see of the row."""
        mirrored = np.zeros((len(shares), len(self.radius)))
        np.add.at(mirrored.T, self.inverse, shares[:, self.pixels].T)
        return mirrored

    def ring_shares(self, component: str) -> tuple[Float64, np.typing.NDArray[np.int64]]:
        """Return which share of its ring's column lies at each point [longitude, point], and the ring of each point.

        Points beyond the last ring, or where there are no cosmic rays, have no share.
        """
        n_rings, n_longitudes = len(RING_EDGES[component]) - 1, len(self.radius)
        density = self.gas.profile(component, self.radius, self.height)
        ring = np.searchsorted(np.asarray(RING_EDGES[component]), self.radius, side="right") - 1
        known = ring < n_rings
        ring = np.where(known, ring, 0)
        density = np.where(known, density, 0.0)
        flat = ring + n_rings * np.arange(n_longitudes)[:, None]
        total = np.bincount(flat.ravel(), density.ravel(), minlength=n_rings * n_longitudes)
        share = density / np.maximum(total, 1e-300)[flat] * (self.radius < self.disc_radius)
        return share, ring

    def of_rings(
        self, component: str, columns: Float64, shares: Float64
    ) -> tuple[Float64, np.typing.NDArray[np.int64]]:
        """Return columns times solid angle [region, longitude, point], and the ring of each point.

        Parameters
        ----------
        component
            "HI" or "H2".
        columns
            cm^-2, shape [ring, pixel].
        shares
            Solid angle of each pixel in each region [region, pixel].
        """
        n_rings, n_longitudes = len(columns), len(self.radius)
        # gas of the mirror pixels, added up: [region, ring, longitude]
        mirrored = np.zeros((len(shares), n_rings, n_longitudes))
        contributions = shares[:, None, self.pixels] * columns[None, :, self.pixels]
        np.add.at(mirrored.T, self.inverse, contributions.T)
        share, ring = self.ring_shares(component)
        per_point = np.moveaxis(mirrored, 1, 2)  # [region, longitude, ring]
        weights = np.take_along_axis(per_point, np.broadcast_to(ring, (len(shares), *ring.shape)), axis=2)
        weights *= share
        return weights, ring


@dataclass(frozen=True)
class SightLines:
    """The lines of sight of some regions.

    Attributes
    ----------
    regions, disc_radius, settings
        As in :func:`region_weights`.
    distance
        Of the points along a line of sight, kpc, shape [point].
    transmission
        Of the way to them, at the absorption nodes [absorption, point].
    """

    regions: Sequence[Region]
    disc_radius: float
    settings: LineOfSight
    distance: Float64
    transmission: Float64

    @classmethod
    def of(cls, regions: Sequence[Region], disc_radius: float, settings: LineOfSight) -> SightLines:
        """Place the points along lines of sight."""
        distance = np.arange(settings.step / 2, settings.sun_radius + disc_radius, settings.step)
        return cls(regions, disc_radius, settings, distance, np.exp(-np.outer(absorption_nodes(), distance)))

    def shares(self, gas: GasColumns) -> tuple[Float64, Float64]:
        """Return the solid angle of each region, and of each gas pixel in each region [region, pixel]."""
        shares = np.stack([_pixel_shares(region, gas) for region in self.regions]) * gas.solid_angle
        solid_angles = shares.sum(axis=1)
        for region, solid_angle in zip(self.regions, solid_angles, strict=True):
            if not solid_angle > 0.0:
                raise UserError(
                    f"nothing is left of the region {region.name}", valid="a box that its mask does not cover"
                )
        return solid_angles, shares

    def attenuation(self, chosen: np.typing.NDArray[np.bool_]) -> Float64:
        """Return the transmission of chosen points [longitude, point] of a row, shape [chosen, absorption]."""
        everywhere = np.broadcast_to(self.transmission[:, None, :], (len(self.transmission), *chosen.shape))
        return np.asarray(everywhere[:, chosen].T)

    def rows(self, gas: GasColumns, shares: Float64) -> Iterator[SkyRow]:
        """Give the rows of the sky that regions see."""
        folded_longitude = np.abs(np.mod(gas.longitude + 180.0, 360.0) - 180.0)
        folded_latitude = np.round(np.abs(gas.latitude), 6)
        used = shares.any(axis=0)
        sun_radius = self.settings.sun_radius
        for latitude in np.unique(folded_latitude[used]):
            pixels = np.flatnonzero(used & (folded_latitude == latitude))
            longitudes, inverse = np.unique(np.round(folded_longitude[pixels], 6), return_inverse=True)
            horizontal = self.distance * np.cos(np.radians(latitude))
            radius = np.sqrt(
                sun_radius**2 + horizontal**2 - 2.0 * sun_radius * horizontal * np.cos(np.radians(longitudes))[:, None]
            )
            height = np.broadcast_to(self.distance * np.sin(np.radians(latitude)), radius.shape)
            yield SkyRow(pixels, inverse, radius, height, self.disc_radius, gas)
