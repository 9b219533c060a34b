"""What directions of the sky receive through the halo from emission that needs no gas, such as inverse Compton.

The counterpart of :mod:`crsea_infer.physics.ring_sight` for :func:`crsea_infer.physics.paths.path_weights`: its folded
bands and cells of the sky, each seen at its centre. Such emission is smooth on the sky, so any direction follows from
the cells around it by cubic interpolation. (Linear interpolation lies above a convex sky wherever it is not at a
centre: of inverse Compton by 5e-4 over the whole sky, and by 1.3e-3 between 10 and 20 degrees of latitude.)
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
    band, up = _cubic(bands, np.abs(latitude), 90.0)
    cell, right = _cubic(longitudes, east, 180.0)
    places = band[:, :, None] * longitudes.size + cell[:, None, :]
    values = up[:, :, None] * right[:, None, :]
    rows = np.repeat(np.arange(east.size), places[0].size)
    return csr_array((values.ravel(), (rows, places.ravel())), shape=(east.size, bands.size * longitudes.size))


def _cubic(nodes: Float64, at: Float64, end: float) -> tuple[np.typing.NDArray[np.int64], Float64]:
    """Return the four nodes around each place and their Lagrange weights, each [place, 4].

    What is interpolated is the same on the two sides of 0 and of `end`.
    """
    n = nodes.size
    mirrored = np.concatenate([-nodes[1::-1], nodes, 2.0 * end - nodes[: n - 3 : -1]])
    index = np.concatenate([[1, 0], np.arange(n), [n - 1, n - 2]])
    first = np.clip(np.searchsorted(mirrored, at, side="right") - 2, 0, mirrored.size - 4)
    four = first[:, None] + np.arange(4)
    x = mirrored[four]
    weights = np.ones_like(x)
    for k in range(4):
        for other in range(4):
            if other != k:
                weights[:, k] *= (at - x[:, other]) / (x[:, k] - x[:, other])
    return index[four], weights
