"""A smooth Galaxy of gas: HI and H2 as formulas, in place of ring maps.

The formulas are the gas of DRAGON: HI after Bronfman et al. 1988 (ApJ 324, 248) and Nakanishi and Sofue's flare, H2
after Ferriere 2001 (Rev. Mod. Phys. 73, 1031) with the disc of the centre after Ferriere, Gillard and Jean 2007. The
model is symmetric about the axis of the Galaxy: it has no arms and no clouds, so that sky regions of less than about 20
degrees follow it badly. What differs from the ring maps is what a choice of gas model does to a prediction; the
conversion from CO to H2 plays no part in it.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from crsea_infer.physics.constants import CENTIMETRES_PER_KILOPARSEC
from crsea_infer.physics.gas import RING_EDGES, RING_SUN_RADIUS, GasColumns, load_gas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.support.arrays import Float64

__all__ = ["GAS_MODELS", "GAS_REFERENCES", "GasModel", "density", "gas_columns", "gas_provenance"]

GasModel = Literal["rings", "analytic"]
GAS_MODELS: Final = ("rings", "analytic")
"""Gas by name: columns in rings, as measured, or smooth formulas."""

GAS_REFERENCES: Final[Mapping[GasModel, tuple[str, ...]]] = MappingProxyType(
    {
        # the ring maps, who put them into HERMES, and the height of the gas within a ring
        "rings": ("arXiv:1703.05237", "Dame:2000sp", "arXiv:2105.13165", "arXiv:astro-ph/0304338"),
        "analytic": ("Bronfman:1988", "arXiv:astro-ph/0106359", "Ferriere:2007yq", "arXiv:1607.07886"),
    }
)
"""To cite, by the model of the gas."""

_STEP: Final = 0.04  # kpc along a line of sight: a fifth of the smallest scale in the plane
_PROVENANCE: Final = "analytic model of DRAGON (Bronfman et al. 1988; Ferriere 2001, 2007), HI and H2; no X_CO"


def density(component: str, radius: Float64, height: Float64) -> Float64:
    """Return the density of hydrogen atoms in cm^-3.

    Parameters
    ----------
    component
        "HI" or "H2" (counted in atoms).
    radius, height
        kpc.
    """
    r = np.asarray(radius)
    if component == "HI":
        inner = 0.57 * np.exp(np.minimum(r - 3.0, 0.0) / 0.4) + np.where(r < 3.0, 8.0 * np.exp(-((r / 0.2) ** 2)), 0.0)
        plane = inner * np.exp(-np.maximum(r - 13.0, 0.0) / 4.0)
        half_height = np.where(r < 2.5, 0.045, 0.115 * np.exp(np.maximum(r - 8.5, 0.0) / 6.7))
    else:
        centre = 150.0 * np.exp(-(((r - 0.05) / 0.2) ** 2))
        plane = 2.0 * (centre + 0.49 * np.exp(-(((r - 5.3) / 2.2) ** 2)) + 0.24 * np.exp(-(((r - 8.1) / 1.5) ** 2)))
        half_height = np.where(r > 2.5, 0.059, 0.015)
    # the floor is that of the ring maps: some gas wherever a line of sight meets a ring
    return np.asarray(plane * np.maximum(np.exp(-np.log(2.0) * (height / half_height) ** 2), 1e-30))


def gas_columns(model: GasModel = "rings") -> GasColumns:
    """Return the gas of a model, on the pixels of the table that comes with the package."""
    return load_gas() if model == "rings" else _analytic()


def gas_provenance(model: GasModel = "rings") -> str:
    """Return where the numbers of a gas model come from."""
    return load_gas().provenance if model == "rings" else _PROVENANCE


@lru_cache(maxsize=1)
def _analytic() -> GasColumns:
    """Return the columns of the formulas in each ring, averaged over each pixel."""
    rings = load_gas()
    longitude = np.round(np.abs(np.mod(rings.longitude + 180.0, 360.0) - 180.0), 6)
    latitude = np.round(np.abs(rings.latitude), 6)
    # what is symmetric is computed once
    cells, place = np.unique(
        np.stack([longitude, latitude, rings.latitude_width], axis=-1), axis=0, return_inverse=True
    )
    found = {name: np.empty((len(edges) - 1, len(cells))) for name, edges in RING_EDGES.items()}
    for row in np.unique(cells[:, 1]):
        chosen = np.flatnonzero(cells[:, 1] == row)
        columns = _row(cells[chosen, 0], float(row), float(cells[chosen[0], 2]))
        for name, values in columns.items():
            found[name][:, chosen] = values
    place = place.ravel()
    return dataclasses.replace(
        rings, atomic=found["HI"][:, place], molecular=found["H2"][:, place], profile=density, provenance=_PROVENANCE
    )


def _row(longitude: Float64, latitude: float, width: float) -> dict[str, Float64]:
    """Return the columns [ring, pixel], cm^-2, of pixels of one latitude and width, deg."""
    # the gas is thin: near the plane it varies within a pixel
    nodes, weights = np.polynomial.legendre.leggauss(8 if latitude < 2.0 else 3 if latitude < 10.0 else 1)
    cosine = np.cos(np.radians(longitude))[:, None]
    columns = {name: np.zeros((len(edges) - 1, longitude.size)) for name, edges in RING_EDGES.items()}
    for node, weight in zip(nodes, weights / 2.0, strict=True):
        b = np.radians(latitude + node * width / 2.0)
        for name, edges in RING_EDGES.items():
            # gas more than 4 kpc off the plane does not count
            far = min(edges[-1] + RING_SUN_RADIUS, 4.0 / max(abs(np.sin(b)), 1e-9))
            distance = np.arange(_STEP / 2.0, far, _STEP)
            horizontal = distance * np.cos(b)
            radius = np.sqrt(RING_SUN_RADIUS**2 + horizontal**2 - 2.0 * RING_SUN_RADIUS * horizontal * cosine)
            values = density(name, radius, distance * np.sin(b)) * (_STEP * CENTIMETRES_PER_KILOPARSEC * weight)
            ring = np.searchsorted(np.asarray(edges), radius, side="right") - 1
            n_rings = len(edges) - 1
            inside = ring < n_rings
            flat = (ring + n_rings * np.arange(longitude.size)[:, None])[inside]
            total = np.bincount(flat, values[inside], minlength=n_rings * longitude.size)
            columns[name] += total.reshape(longitude.size, n_rings).T
    return columns
