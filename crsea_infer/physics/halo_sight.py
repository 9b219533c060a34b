"""What directions of the sky receive through the halo from emission that needs no gas, such as inverse Compton.

The counterpart of :mod:`crsea_infer.physics.ring_sight` for :func:`crsea_infer.physics.paths.path_weights`: its folded
bands and cells of the sky, each seen at its centre. Such emission is smooth on the sky, so any direction follows from
the cells around it by bilinear interpolation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from crsea_infer.physics.constants import CENTIMETRES_PER_KILOPARSEC
from crsea_infer.physics.geometry import bilinear_nodes
from crsea_infer.physics.paths import band_centres, cell_longitudes, path_steps
from crsea_infer.physics.ring_sight import N_TRANSMISSIONS, transmissions

if TYPE_CHECKING:
    from crsea_infer.physics.geometry import LineOfSight
    from crsea_infer.support.arrays import Float64

__all__ = ["cells_around", "halo_sight"]


def halo_sight(
    radii: Float64, patterns: Float64, *, disc_radius: float, settings: LineOfSight
) -> tuple[Float64, np.typing.NDArray[np.float32]]:
    """Integrate patterns of emissivity along lines of sight.

    Parameters
    ----------
    radii
        Galactocentric radii of the nodes, evenly spaced, kpc, shape [n_radial].
    patterns
        At the nodes, ordered as (R, z), shape [n_radial * n_z, pattern].
    disc_radius, settings
        As in :func:`crsea_infer.physics.paths.path_weights`.

    Returns
    -------
    tuple
        The matrix [absorption node, transmission], and what each cell receives, cm, shape [band * longitude,
        transmission, pattern]; single precision.
    """
    distance, length = path_steps(settings.sun_radius + disc_radius)
    matrix, functions = transmissions(distance)
    weights = functions * length * CENTIMETRES_PER_KILOPARSEC  # [transmission, point]
    cosines = np.cos(np.radians(cell_longitudes()))[:, None]
    found = []
    for latitude in np.radians(band_centres()):
        horizontal = distance * np.cos(latitude)
        radius = np.sqrt(settings.sun_radius**2 + horizontal**2 - 2.0 * settings.sun_radius * horizontal * cosines)
        height = np.broadcast_to(distance * np.sin(latitude), radius.shape)
        inside = (radius < disc_radius) & (height < settings.heights[-1])
        nodes = bilinear_nodes(radii, settings.heights, radius[inside], height[inside])
        values = np.zeros((*radius.shape, patterns.shape[1]))
        values[inside] = nodes.T @ patterns
        found.append(np.asarray(weights @ values, dtype=np.float32))  # [longitude, transmission, pattern]
    return matrix, np.concatenate(found).reshape(-1, N_TRANSMISSIONS, patterns.shape[1])


def cells_around(longitude: Float64, latitude: Float64) -> csr_array:
    """Return the matrix [direction, band * longitude] that interpolates between cells.

    Parameters
    ----------
    longitude, latitude
        Galactic, degrees, shape [direction].
    """
    bands, longitudes = band_centres(), cell_longitudes()
    east = np.abs(np.mod(longitude + 180.0, 360.0) - 180.0)
    north = np.abs(latitude)
    corners = []
    for nodes, at in ((bands, north), (longitudes, east)):
        low = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, nodes.size - 2)
        corners.append((low, np.clip((at - nodes[low]) / (nodes[low + 1] - nodes[low]), 0.0, 1.0)))
    (band, up), (cell, right) = corners
    n = longitudes.size
    places = [band * n + cell, band * n + cell + 1, (band + 1) * n + cell, (band + 1) * n + cell + 1]
    values = [(1 - up) * (1 - right), (1 - up) * right, up * (1 - right), up * right]
    rows = np.tile(np.arange(east.size), 4)
    return csr_array((np.concatenate(values), (rows, np.concatenate(places))), shape=(east.size, bands.size * n))
