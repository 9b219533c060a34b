"""Absorption on infrared and starlight, direction by direction: what maps of the sky need.

As for regions (:mod:`crsea_infer.physics.infrared_absorption`), an effective depth says by how much all fields
together lower what comes from the gas of a direction below what the CMB leaves of it. It varies over degrees, from 0.3
toward the centre to nothing at the poles (at 150 TeV), so that it is kept as a table of blocks of the sky, each the
mean over its emission, and interpolated between their centres: blocks of two degrees of longitude, and of half
a degree of latitude near the plane.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.infrared_absorption import DEPTH_ENERGIES, rows_behind_light
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.array_files import open_hdf5, refusing
from crsea_infer.support.array_schema import ArraySpec, check_headers, check_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.support.arrays import Float64

__all__ = ["LATITUDES", "LONGITUDES", "SKY_TABLE", "direction_depth", "sky_depth"]

SKY_TABLE: Final = "infrared_sky.nc"
_LONGITUDE_EDGES: Final = np.arange(0.0, 181.0, 2.0)
_LATITUDE_EDGES: Final = np.array([*np.arange(0.0, 6.0, 0.5), 6.0, 7, 8, 9, 10, 12, 14, 17, 20, 25, 30, 40, 50, 65, 90])


def _centres(edges: Float64) -> Float64:
    """Return the centres of blocks on both sides of 0, ascending."""
    middle = 0.5 * (edges[1:] + edges[:-1])
    return np.concatenate([-middle[::-1], middle])


LONGITUDES: Final = _centres(_LONGITUDE_EDGES)
"""Of the centres of blocks, degrees, -179 to 179."""

LATITUDES: Final = _centres(_LATITUDE_EDGES)
"""Of the centres of blocks, degrees, south to north."""

_QUADRANTS: Final = {
    (1, 1): "l=0..180,b=0..90",
    (-1, 1): "l=180..360,b=0..90",
    (1, -1): "l=0..180,b=-90..0",
    (-1, -1): "l=180..360,b=-90..0",
}
_FIX: Final = "install crsea_infer again"


def sky_depth() -> Float64:
    """Return the effective depth of every block [longitude, latitude, energy], by integration: ten seconds of one core.

    A block without gas has that of its neighbour nearer to the plane.
    """
    n_l, n_b = _LONGITUDE_EDGES.size - 1, _LATITUDE_EDGES.size - 1
    seen = np.zeros((2, DEPTH_ENERGIES.size, len(_QUADRANTS), n_l, n_b))
    for row, received in rows_behind_light([parse_region(name) for name in _QUADRANTS.values()]):
        folded = np.abs(np.mod(row.gas.longitude[row.pixels] + 180.0, 360.0) - 180.0)
        longitudes = np.unique(np.round(folded, 6))
        block = np.clip(np.searchsorted(_LONGITUDE_EDGES, longitudes, side="right") - 1, 0, n_l - 1)
        latitude = abs(float(row.gas.latitude[row.pixels[0]]))
        place = min(int(np.searchsorted(_LATITUDE_EDGES, latitude, side="right")) - 1, n_b - 1)
        np.add.at(np.moveaxis(seen[..., place], -1, 0), block, np.moveaxis(received, -1, 0))
    for place in range(1, n_b):
        empty = seen[0, 0, ..., place] <= 0.0
        seen[..., place] = np.where(empty, seen[..., place - 1], seen[..., place])
    depth = np.log(seen[0] / seen[1])
    result = np.zeros((2 * n_l, 2 * n_b, DEPTH_ENERGIES.size))
    for number, (side_l, side_b) in enumerate(_QUADRANTS):
        own = np.moveaxis(depth[:, number], 0, -1)
        columns = slice(n_l, None) if side_l > 0 else slice(n_l - 1, None, -1)
        rows = slice(n_b, None) if side_b > 0 else slice(n_b - 1, None, -1)
        result[columns, rows] = own
    return result


@lru_cache(maxsize=1)
def _packaged() -> Float64:
    path = Path(str(files("crsea_infer.physics") / "data" / SKY_TABLE))
    with refusing(f"{path} is not a readable table of optical depths", fix=_FIX), open_hdf5(path) as file:
        schema = {"depth": ArraySpec(("longitude", "latitude", "energy"), ("f4",), "not negative")}
        sizes = {"longitude": LONGITUDES.size, "latitude": LATITUDES.size, "energy": DEPTH_ENERGIES.size}
        check_headers(file.headers, schema, sizes, where=str(path), fix=_FIX, limit=file.limit)
        return check_numbers({"depth": file.array("depth")}, schema, where=str(path), fix=_FIX)["depth"]


def direction_depth(energies: Sequence[float], longitude: Float64, latitude: Float64) -> Float64:
    """Return the effective depth of directions [energy, direction].

    Parameters
    ----------
    energies
        GeV; there is no absorption below the first of `DEPTH_ENERGIES`.
    longitude, latitude
        Galactic, degrees, shape [direction].
    """
    from scipy.interpolate import PchipInterpolator, RegularGridInterpolator

    at = np.asarray(energies, dtype=float)
    log_depth = np.log(np.maximum(_packaged().astype(float), 1e-12))
    nodes = np.log(DEPTH_ENERGIES)
    depth = PchipInterpolator(nodes, log_depth, axis=-1)(np.clip(np.log(at), nodes[0], nodes[-1]))
    around = np.concatenate([depth[-1:], depth, depth[:1]])  # longitude is a circle
    places = np.concatenate([[LONGITUDES[-1] - 360.0], LONGITUDES, [LONGITUDES[0] + 360.0]])
    between = RegularGridInterpolator((places, LATITUDES), around)
    folded = np.mod(np.asarray(longitude) + 180.0, 360.0) - 180.0
    held = np.clip(np.asarray(latitude), LATITUDES[0], LATITUDES[-1])
    found = np.exp(between(np.stack([folded, held], axis=-1)).T)
    return np.where(at[:, None] < DEPTH_ENERGIES[0], 0.0, found)
