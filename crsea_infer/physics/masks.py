"""The mask of known very-high-energy sources that LHAASO takes off the plane before measuring its diffuse glow.

Discs of radius 2.5 sqrt(psf^2 + r39^2) around every component of the first LHAASO catalogue, with psf = 0.36 deg, and
around the haloes of Geminga and Monogem with their published extents. The published mask also covers sources of other
experiments, whose list is not at hand: the solid angles left here are 0.208 sr (inner; published 0.206) and 0.280 sr
(outer; published 0.268).

``lhaaso*0.5`` is the same mask with discs half as wide: what an analysis would look at that trusts its sources further
in. A source whose image is a Gaussian leaves exp(-(2.5 s)^2 / 2) of its light outside its disc (4 % at s = 1, 46 % at
s = 0.5), see :mod:`crsea_infer.physics.source_catalogue`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["DISC_FACTOR", "LHAASO", "MASK_REFERENCES", "POINT_SPREAD", "disc_scale", "lhaaso_discs", "lhaaso_mask"]

LHAASO: Final = "lhaaso"
"""Name of the mask; its discs are wider or narrower with a factor after it."""

_SCALED: Final = re.compile(r"lhaaso\*(\d+(?:\.\d*)?|\.\d+)")

MASK_REFERENCES: Final = ("arXiv:2305.05372", "arXiv:2305.17030")
"""To cite for the rule of the discs and for the catalogue."""

DISC_FACTOR: Final = 2.5  # LHAASO Collaboration 2023, arXiv:2305.05372
POINT_SPREAD: Final = 0.36  # deg; the value that gives the published solid angle of the inner region


def disc_scale(mask: str | None) -> float | None:
    """Return the factor on the radii of LHAASO's discs in a mask ("lhaaso", "lhaaso*0.5"); None for other masks."""
    if mask == LHAASO:
        return 1.0
    match = None if mask is None else _SCALED.fullmatch(mask)
    return None if match is None else float(match.group(1))


@lru_cache(maxsize=1)
def lhaaso_discs() -> tuple[Float64, Float64, Float64]:
    """Return longitudes, latitudes and radii of the masked discs, in degrees."""
    path = files("crsea_infer.physics") / "data" / "lhaaso_mask.csv"
    rows = [line.split(",") for line in path.read_text().splitlines() if line and not line.startswith("#")][1:]
    table = np.array([[float(value) for value in row[2:5]] for row in rows])
    return table[:, 0], table[:, 1], DISC_FACTOR * np.hypot(POINT_SPREAD, table[:, 2])


def _unit_vector(longitude: Float64, latitude: Float64) -> Float64:
    longitude, latitude = np.radians(longitude), np.radians(latitude)
    return np.stack(
        [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude) * np.ones_like(longitude),
        ],
        axis=-1,
    )


def lhaaso_mask(
    longitude: Float64, latitude: Float64, scale: float = 1.0
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Tell which directions (degrees, broadcasting) lie within a masked disc, its radius times a scale."""
    longitude, latitude = np.broadcast_arrays(np.asarray(longitude, dtype=float), np.asarray(latitude, dtype=float))
    masked = np.zeros(longitude.shape, dtype=bool)
    centres_longitude, centres_latitude, radii = lhaaso_discs()
    for source_longitude, source_latitude, radius in zip(
        centres_longitude, centres_latitude, scale * radii, strict=True
    ):
        # no point of a disc is farther from its centre in longitude (spherical law of sines)
        sine = np.sin(np.radians(radius)) / max(np.cos(np.radians(source_latitude)), 1e-300)
        reach = np.degrees(np.arcsin(sine)) + 1e-9 if sine < 1.0 else 180.0
        east = np.abs(np.mod(longitude - source_longitude + 180.0, 360.0) - 180.0)
        near = np.flatnonzero((np.abs(latitude - source_latitude) < radius) & (east <= reach))
        if near.size:
            source = _unit_vector(np.asarray(source_longitude), np.asarray(source_latitude))
            cosine = _unit_vector(longitude.flat[near], latitude.flat[near]) @ source
            masked.flat[near] |= cosine > np.cos(np.radians(radius))
    return masked
