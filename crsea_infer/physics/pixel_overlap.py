"""Which gas pixels the pixels of a HEALPix sky see, and how much of each.

A HEALPix pixel is cut into equal parts, each of which belongs to the gas pixel that holds its centre. The shares
are then balanced, so that each pixel is full and no gas is lost: sums over the sky are kept, whatever the resolution.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_array

from crsea_infer.support.errors import UserError
from crsea_infer.support.loading import load_healpy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crsea_infer.physics.gas import GasColumns
    from crsea_infer.physics.healpix_pixels import Pixelisation
    from crsea_infer.support.arrays import Float64

__all__ = ["gas_pixels_at", "parts_of", "seen_pixels"]

_FINEST: Final = 1024  # NSIDE of the parts: 0.057 degrees
_ROUNDS: Final = 20
_PARTS: Final = 2**22  # at a time


def gas_pixels_at(gas: GasColumns, longitude: Float64, latitude: Float64) -> np.typing.NDArray[np.int64]:
    """Return the gas pixels that hold directions (Galactic, degrees, shape [n]).

    Raises
    ------
    UserError
        When the gas leaves part of the sky out.
    """
    found = np.full(longitude.size, -1)
    for width, height in sorted(set(zip(gas.longitude_width, gas.latitude_width, strict=True))):
        own = np.flatnonzero((gas.longitude_width == width) & (gas.latitude_width == height))
        n_east, n_north = round(360.0 / width), round(180.0 / height)
        west = float(np.mod(gas.longitude[own[0]] - width / 2, width))
        south = float(np.mod(gas.latitude[own[0]] + 90.0 - height / 2, height))

        def cell(
            at: Float64,
            north: Float64,
            *,
            width: float = width,
            height: float = height,
            west: float = west,
            south: float = south,
            n_east: int = n_east,
            n_north: int = n_north,
        ) -> np.typing.NDArray[np.int64]:
            column = np.floor(np.mod(at - west, 360.0) / width).astype(np.int64) % n_east
            row = np.clip(np.floor((north + 90.0 - south) / height).astype(np.int64), -1, n_north)
            return (row + 1) * n_east + column

        table = np.full((n_north + 2) * n_east, -1)
        table[cell(gas.longitude[own], gas.latitude[own])] = own
        there = table[cell(longitude, latitude)]
        inside = there >= 0
        found[inside] = there[inside]
    if (found < 0).any():
        raise UserError("a map of the sky with gas that leaves part of the sky out", valid="gas of the whole sky")
    return found


def parts_of(sky: Pixelisation, finest: int = _FINEST) -> Iterator[tuple[slice, int, Float64, Float64]]:
    """Give pixels of a sky in pieces: which, parts of each, and Galactic longitude and latitude of all parts.

    Parameters
    ----------
    sky
        The pixels; their NSIDE is a power of 2.
    finest
        NSIDE of the parts, or that of the sky where it is finer.
    """
    healpy = load_healpy()
    each = max(finest // sky.n_side, 1) ** 2
    parts = dataclasses.replace(sky, n_side=sky.n_side * round(each**0.5), nested=True)
    step = max(_PARTS // each, 1)
    for start in range(0, sky.n_pixels, step):
        pixels = np.arange(start, min(start + step, sky.n_pixels))
        nested = pixels if sky.nested else healpy.ring2nest(sky.n_side, pixels)
        children = (nested[:, None] * each + np.arange(each)).ravel()
        yield slice(start, start + pixels.size), each, *parts.centres(children)


def seen_pixels(gas: GasColumns, sky: Pixelisation) -> csr_array:
    """Return the matrix [pixel of the sky, gas pixel] of shares, whose rows sum to 1."""
    values, rows, columns = [], [], []
    n_gas = gas.longitude.size
    for which, each, longitude, latitude in parts_of(sky):
        pixels = np.repeat(np.arange(which.start, which.stop), each)
        keys, counts = np.unique(pixels * n_gas + gas_pixels_at(gas, longitude, latitude), return_counts=True)
        values.append(counts / each)
        rows.append(keys // n_gas)
        columns.append(keys % n_gas)
    row, column = np.concatenate(rows), np.concatenate(columns)
    shares = _balanced(np.concatenate(values), row, column, gas.solid_angle / sky.solid_angle)
    return csr_array((shares, (row, column)), shape=(sky.n_pixels, n_gas))


def _balanced(
    shares: Float64, row: np.typing.NDArray[np.int64], column: np.typing.NDArray[np.int64], wanted: Float64
) -> Float64:
    """Return shares whose columns have the wanted sums, and whose rows sum to 1.

    Centres of parts lie on rings of latitude, as the edges of gas pixels do: 13 or 14 rings to a gas pixel are some per
    cent too few or too many for a whole row of them.
    """
    for _ in range(_ROUNDS):
        shares = shares * (wanted / np.maximum(np.bincount(column, shares, wanted.size), 1e-300))[column]
        shares = shares / np.bincount(row, shares)[row]
    return shares
