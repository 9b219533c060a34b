"""Interstellar gas: columns of HI and CO in Galactocentric rings, and where along a line of sight a ring's gas lies.

Ring maps give, for each direction, how much gas there is between two Galactocentric radii; within a ring the line of
sight is weighted by the analytic profile of Nakanishi and Sofue, as HERMES does. The table shipped with the package is
made from full ring maps by ``crsea-infer grid gas`` and carries its provenance.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.support.array_files import open_hdf5, refusing
from crsea_infer.support.array_schema import ArraySpec, check_headers, check_numbers
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crsea_infer.support.arrays import Float64

__all__ = ["RING_EDGES", "RING_SUN_RADIUS", "X_CO", "GasColumns", "load_gas", "profile"]

RING_SUN_RADIUS: Final = 8.0
"""Distance of the Sun from the Galactic centre for which the ring maps were made, kpc."""

RING_EDGES: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "HI": (0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0, 12.0, 15.0, 18.0, 35.0),
        "H2": (0.0, 0.86, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0, 12.0, 15.0, 18.0),
    }
)
"""Edges of the rings in kpc (Remy et al. 2017, A&A 601, A78, and HERMES, Dundovic et al. 2021)."""

X_CO: Final = (1.8e20, 1.8e20, 1.8e20, 3.5e20, 3.5e20, 4.0e20, 4.5e20, 7.5e20, 7.5e20, 7.5e20, 8.0e20)
"""Molecules of hydrogen per K km/s of CO in each ring, cm^-2 (set-up of arXiv:2203.15759)."""


def profile(component: str, radius: Float64, height: Float64) -> Float64:
    """Return the density of hydrogen atoms in cm^-3 (Nakanishi and Sofue 2003, PASJ 55, 191; 2006, PASJ 58, 847).

    Parameters
    ----------
    component
        "HI" or "H2" (counted in atoms).
    radius, height
        kpc.
    """
    r = radius
    if component == "HI":
        scale = 1.06e-3 * (116.3 + 19.3 * r + 4.1 * r**2 - 0.05 * r**3)
        plane = 0.94 * (0.6 * np.exp(-r / 2.4) + 0.24 * np.exp(-(((r - 9.5) / 4.8) ** 2)))
    else:
        scale = 1.06e-3 * (10.8 * np.exp(0.28 * r) + 42.78)
        plane = 2 * 0.94 * (11.2 * np.exp(-(r**2) / 0.874) + 0.83 * np.exp(-(((r - 4.0) / 3.2) ** 2)))
    # the floor keeps a ring's gas on a line of sight that meets the ring only far from the plane
    return np.asarray(plane * np.maximum(np.exp(-np.log(2.0) * (height / scale) ** 2), 1e-30))


@dataclass(frozen=True)
class GasColumns:
    """Gas columns on a list of sky pixels.

    Attributes
    ----------
    longitude, latitude
        Centres of the pixels, deg, shape [pixel].
    longitude_width, latitude_width
        Widths of the pixels, deg, shape [pixel].
    atomic
        Column of HI per ring, atoms cm^-2, shape [ring, pixel].
    carbon_monoxide
        CO intensity per ring, K km/s, shape [ring, pixel].
    provenance
        Where the numbers come from.
    molecular
        Column of hydrogen atoms in H2 per ring, atoms cm^-2, shape [ring, pixel], where it does not follow from CO.
    profile
        Density along a line of sight within a ring, as :func:`profile`.
    """

    longitude: Float64
    latitude: Float64
    longitude_width: Float64
    latitude_width: Float64
    atomic: Float64
    carbon_monoxide: Float64
    provenance: str
    molecular: Float64 | None = None
    profile: Callable[[str, Float64, Float64], Float64] = field(default_factory=lambda: profile)

    def column(self, component: str, x_co: tuple[float, ...] = X_CO) -> Float64:
        """Return the column of hydrogen atoms per ring and pixel, cm^-2, for "HI" or "H2"."""
        if component == "HI":
            return self.atomic
        if self.molecular is not None:
            return self.molecular
        return 2.0 * np.asarray(x_co)[:, None] * self.carbon_monoxide

    @property
    def solid_angle(self) -> Float64:
        """Solid angle of each pixel, sr."""
        north = np.radians(self.latitude + self.latitude_width / 2)
        south = np.radians(self.latitude - self.latitude_width / 2)
        return np.asarray(np.radians(self.longitude_width) * (np.sin(north) - np.sin(south)))


_RINGS: Final = len(RING_EDGES["HI"]) - 1
_SCHEMA: Final[Mapping[str, ArraySpec]] = MappingProxyType(
    {
        "longitude": ArraySpec(("pixel",), ("f4", "f8")),
        "latitude": ArraySpec(("pixel",), ("f4", "f8")),
        "longitude_width": ArraySpec(("pixel",), ("f4", "f8"), "positive"),
        "latitude_width": ArraySpec(("pixel",), ("f4", "f8"), "positive"),
        "atomic": ArraySpec((_RINGS, "pixel"), ("f4", "f8"), "not negative"),
        "carbon_monoxide": ArraySpec((_RINGS, "pixel"), ("f4", "f8"), "not negative"),
    }
)
_FIX: Final = "make one with: crsea-infer grid gas"


def load_gas(path: Path | None = None) -> GasColumns:
    """Read a table of gas columns; without a path, the one shipped with the package.

    Raises
    ------
    UserError
        When it is missing, damaged, or no table of gas columns of all rings.
    """
    return _read(Path(str(files("crsea_infer.physics") / "data" / "gas_columns.nc")) if path is None else path)


@lru_cache(maxsize=2)
def _read(path: Path) -> GasColumns:
    if not path.is_file():
        raise UserError(f"there is no table of gas columns {path}", fix=_FIX)
    with refusing(f"{path} is not a readable table of gas columns", fix=_FIX), open_hdf5(path) as file:
        provenance = file.text("provenance")
        check_headers(file.headers, _SCHEMA, {}, where=str(path), fix=_FIX, limit=file.limit)
        found = check_numbers({name: file.array(name) for name in file.headers}, _SCHEMA, where=str(path), fix=_FIX)
    arrays = {name: array.astype(float) for name, array in found.items()}
    if (np.abs(arrays["latitude"]) > 90.0).any() or (np.abs(arrays["longitude"]) > 360.0).any():
        raise UserError(f"{path}: has pixels that lie on no sky", valid="degrees", fix=_FIX)
    if (arrays["longitude_width"] > 360.0).any() or (arrays["latitude_width"] > 180.0).any():
        raise UserError(f"{path}: has pixels wider than the sky", valid="degrees", fix=_FIX)
    return GasColumns(
        longitude=arrays["longitude"],
        latitude=arrays["latitude"],
        longitude_width=arrays["longitude_width"],
        latitude_width=arrays["latitude_width"],
        atomic=arrays["atomic"],
        carbon_monoxide=arrays["carbon_monoxide"],
        provenance=provenance,
    )
