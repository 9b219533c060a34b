"""Counts and exposure cubes of the Fermi-LAT tools, as HEALPix FITS.

gtbin (algorithm HEALPIX) writes a table SKYMAP with a column CHANNELn per energy bin and the bins' edges in EBOUNDS, in
keV. gtexpcube2 writes a table HPXEXPOSURES with a column ENERGYn per energy and the energies in ENERGIES, in MeV;
exposures are in cm2 s. Both say ORDERING, COORDSYS and NSIDE, and INDXSCHM: rows are all pixels of the sky (IMPLICIT),
or those of a column PIX (EXPLICIT). A file that leaves any of this open is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.arrays import Float64

__all__ = ["HealpixCube", "read_counts_cube", "read_exposure_cube"]

_FRAMES: Final[Mapping[str, Literal["galactic", "icrs"]]] = {
    "G": "galactic",
    "GAL": "galactic",
    "GALACTIC": "galactic",
    "C": "icrs",
    "Q": "icrs",
    "CEL": "icrs",
    "EQU": "icrs",
    "EQUATORIAL": "icrs",
}
_GEV: Final[Mapping[str, float]] = {"ev": 1e-9, "kev": 1e-6, "mev": 1e-3, "gev": 1.0, "tev": 1e3}
_FIX: Final = "write it with gtbin (algorithm HEALPIX) or gtexpcube2 of the Fermi-LAT tools"


@dataclass(frozen=True, eq=False)
class HealpixCube:
    """Planes of HEALPix pixels.

    Attributes
    ----------
    path
        Of the file.
    pixels, values
        Pixel of each row [n_rows], and its values [n_rows, n_planes].
    n_side, nested, frame
        How the pixels are to be read.
    energies
        Edges of the bins [n_planes + 1] of counts, or energies of the planes [n_planes] of an exposure, GeV.
    """

    path: Path
    pixels: np.typing.NDArray[np.int64]
    values: Float64
    n_side: int
    nested: bool
    frame: Literal["galactic", "icrs"]
    energies: Float64

    @property
    def pixel_solid_angle(self) -> float:
        """Solid angle of a pixel, sr."""
        return float(np.pi / (3.0 * self.n_side**2))

    def directions(self) -> tuple[Float64, Float64]:
        """Return Galactic longitude (0 to 360) and latitude of the centre of each row's pixel, degrees."""
        import healpy

        longitude, latitude = healpy.pix2ang(self.n_side, self.pixels, nest=self.nested, lonlat=True)
        if self.frame == "icrs":
            from astropy.coordinates import SkyCoord

            there = SkyCoord(ra=longitude, dec=latitude, unit="deg", frame="icrs").galactic
            longitude, latitude = there.l.deg, there.b.deg
        return np.asarray(longitude), np.asarray(latitude)

    def at(self, longitude: Float64, latitude: Float64) -> Float64:
        """Return the values [n, n_planes] of the pixels that hold the directions [n] (Galactic, degrees).

        Raises
        ------
        UserError
            When a direction is not covered.
        """
        import healpy

        if self.frame == "icrs":
            from astropy.coordinates import SkyCoord

            there = SkyCoord(l=longitude, b=latitude, unit="deg", frame="galactic").icrs
            longitude, latitude = there.ra.deg, there.dec.deg
        wanted = healpy.ang2pix(self.n_side, longitude, latitude, nest=self.nested, lonlat=True)
        order = np.argsort(self.pixels)
        row = order[np.clip(np.searchsorted(self.pixels[order], wanted), 0, len(order) - 1)]
        if (self.pixels[row] != wanted).any():
            raise UserError(f"{self.path}: does not cover the regions of the counts", valid="a cube of the same sky")
        values: Float64 = self.values[row]
        return values


def read_counts_cube(path: Path) -> HealpixCube:
    """Read a counts cube, or a model cube of the same form.

    Raises
    ------
    UserError
        When the file is absent, of another form, or does not say how it is to be read.
    """
    columns, values, header, bounds = _read(path, "SKYMAP", "CHANNEL", "EBOUNDS")
    unit_low, unit_high = (_unit(path, bounds, name, "keV") for name in ("E_MIN", "E_MAX"))
    low = np.asarray(bounds.data["E_MIN"], dtype=float) * unit_low
    high = np.asarray(bounds.data["E_MAX"], dtype=float) * unit_high
    if not (np.all(low > 0) and np.all(low < high) and np.allclose(low[1:], high[:-1], rtol=1e-4)):
        raise UserError(f"{path}: the bins of EBOUNDS are not one after the other", valid="rising bins without gaps")
    return _cube(path, columns, values, header, np.append(low, high[-1]), len(low))


def read_exposure_cube(path: Path) -> HealpixCube:
    """Read an exposure cube; raises as :func:`read_counts_cube`."""
    columns, values, header, nodes = _read(path, "HPXEXPOSURES", "ENERGY", "ENERGIES")
    name = next((name for name in nodes.columns.names if name.upper() == "ENERGY"), None)
    if name is None:
        raise UserError(f"{path}: the table ENERGIES has no column ENERGY", fix=_FIX)
    energies = np.asarray(nodes.data[name], dtype=float) * _unit(path, nodes, name, "MeV")
    if len(energies) < 2 or energies[0] <= 0 or np.any(np.diff(energies) <= 0):
        raise UserError(f"{path}: the energies of the exposure do not rise", valid="at least two rising energies")
    cube = _cube(path, columns, values, header, energies, len(energies))
    if (cube.values <= 0).any():
        raise UserError(f"{path}: the exposure is not above 0 everywhere", valid="cm2 s above 0 in every pixel")
    return cube


def _read(path: Path, name: str, stem: str, energies: str) -> tuple[list[str], Any, Any, Any]:
    """Return the plane columns, all data and the header of a table, and the table of its energies."""
    from astropy.io import fits

    if not path.is_file():
        raise UserError(f"there is no file {path}", valid="a HEALPix cube in FITS", fix=_FIX)
    try:
        with fits.open(path, memmap=False) as hdus:
            tables = {hdu.name.upper(): hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)}
            table, companion = tables[name], tables[energies]
            data = table.data
            _ = companion.data
    except KeyError as error:
        raise UserError(
            f"{path}: has no table {error.args[0]}", valid=f"tables {name} and {energies}", fix=_FIX
        ) from error
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as FITS: {error}", fix=_FIX) from error
    planes = [column for column in table.columns.names if re.fullmatch(rf"{stem}\d+", column.upper())]
    planes.sort(key=lambda column: int(column[len(stem) :]))
    if not planes:
        raise UserError(f"{path}: the table {name} has no columns {stem}1, {stem}2, ...", fix=_FIX)
    return planes, data, table.header, companion


def _cube(path: Path, columns: list[str], data: Any, header: Any, energies: Float64, n_planes: int) -> HealpixCube:
    if len(columns) != n_planes:
        raise UserError(
            f"{path}: {len(columns)} planes, and energies for {n_planes}", valid="as many of each", fix=_FIX
        )
    ordering = str(header.get("ORDERING", "")).strip().upper()
    frame = str(header.get("COORDSYS", "")).strip().upper()
    scheme = str(header.get("INDXSCHM", "IMPLICIT")).strip().upper()
    n_side = int(header.get("NSIDE", 0))
    if ordering not in {"RING", "NESTED", "NEST"}:
        raise UserError(f"{path}: ORDERING is {ordering or 'absent'}", valid="RING or NESTED", fix=_FIX)
    if frame not in _FRAMES:
        raise UserError(f"{path}: COORDSYS is {frame or 'absent'}", valid="GAL or CEL (equatorial)", fix=_FIX)
    if n_side < 1:
        raise UserError(f"{path}: NSIDE is absent", fix=_FIX)
    values = np.stack([np.asarray(data[column], dtype=float).ravel() for column in columns], axis=-1)
    explicit = next((name for name in data.columns.names if name.upper() in {"PIX", "PIXEL"}), None)
    if scheme == "EXPLICIT" and explicit is not None:
        pixels = np.asarray(data[explicit], dtype=np.int64).ravel()
    else:
        pixels = np.arange(len(values))
        if len(values) != 12 * n_side**2:
            raise UserError(
                f"{path}: {len(values)} rows with NSIDE {n_side}",
                valid="12 NSIDE^2 rows, or a column PIX with INDXSCHM EXPLICIT",
                fix=_FIX,
            )
    if not np.isfinite(values).all() or (values < 0).any():
        raise UserError(f"{path}: holds values that are negative or not finite", valid="numbers not below 0")
    return HealpixCube(path, pixels, values, n_side, ordering != "RING", _FRAMES[frame], energies)


def _unit(path: Path, table: Any, column: str, usual: str) -> float:
    """Return the GeV in a unit of a column, by its TUNIT or, when it has none, the usual unit of the tools."""
    if column not in table.columns.names:
        raise UserError(f"{path}: the table {table.name} has no column {column}", fix=_FIX)
    unit = str(table.columns[column].unit or usual).strip()
    if unit.lower() not in _GEV:
        raise UserError(f"{path}: column {column} has the unit {unit!r}", valid="eV, keV, MeV, GeV or TeV")
    return _GEV[unit.lower()]
