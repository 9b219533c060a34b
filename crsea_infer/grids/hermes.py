"""Sky maps of HERMES, read as it writes them: one HEALPix table per energy.

Layout (HERMES 1.x, ``HEALPixFormat``): an empty primary HDU with SOFTWARE and VERSION, then one binary table per energy
with a single column of differential flux, TUNIT1 ``GeV^-1 m^-2 s^-1 sr^-1``, PIXTYPE HEALPIX, INDXSCHM IMPLICIT,
ORDERING RING, COORDSYS G, NSIDE, BAD_DATA for pixels that were not computed, PROCESS, and ENERGY **in joule**. Maps are
averaged over regions table by table. What is not as it should be is refused with one message; nothing is converted in
silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.errors import UserError
from crsea_infer.grids.fits_files import open_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from crsea_infer.arrays import Float64
    from crsea_infer.physics.regions import Region

__all__ = ["HermesSpectra", "average_hermes_map", "pixel_shares"]

_JOULES_PER_GEV: Final = 1.602176634e-10  # exact, SI 2019
_UNIT: Final = "GeV-1 cm-2 s-1 sr-1"
_SUBPIXEL: Final = 0.06  # degrees: sampling of a pixel that a region's edge or mask may cross
_TOLERATED_GAP: Final = 1e-3  # share of a region's solid angle that may lack data


@dataclass(frozen=True)
class HermesSpectra:
    """Mean intensities of regions in one map file.

    Attributes
    ----------
    energies
        GeV, shape [n_energies].
    intensities
        GeV^-1 cm^-2 s^-1 sr^-1, shape [n_regions, n_energies].
    process, version, n_side
        What HERMES says about the map.
    """

    energies: Float64
    intensities: Float64
    process: str
    version: str
    n_side: int


def pixel_shares(region: Region, n_side: int) -> Float64:
    """Return the share of each pixel (RING order, Galactic) that lies in a region, shape [12 n_side^2]."""
    import healpy

    longitude, latitude = healpy.pix2ang(n_side, np.arange(12 * n_side**2), lonlat=True)
    radius = float(np.degrees(healpy.max_pixrad(n_side)))
    shares = np.zeros(longitude.size)
    # only pixels that the box can reach: longitudes shrink towards the poles
    south, north = region.latitude
    nearby = (latitude > south - radius) & (latitude < north + radius)
    width = region.longitude[1] - region.longitude[0]
    reach = radius / np.maximum(np.cos(np.radians(np.minimum(np.abs(latitude) + radius, 89.999))), 1e-9)
    offset = np.mod(longitude - region.longitude[0] + reach, 360.0)
    chosen = np.flatnonzero(nearby & ((offset <= width + 2.0 * reach) | (width + 2.0 * reach >= 360.0)))
    resolution = float(np.degrees(healpy.nside2resol(n_side)))
    factor = 2 ** max(0, int(np.ceil(np.log2(resolution / _SUBPIXEL))))
    children = np.arange(factor**2)
    for part in np.array_split(chosen, max(1, chosen.size * factor**2 // 2_000_000)):
        nested = healpy.ring2nest(n_side, part)[:, None] * factor**2 + children
        l_child, b_child = healpy.pix2ang(n_side * factor, nested, nest=True, lonlat=True)
        shares[part] = region.contains(l_child, b_child).mean(axis=1)
    return shares


def _refuse(path: Path, hdu: int, given: str, valid: str, fix: str = "") -> UserError:
    return UserError(f"{path}, table {hdu}: {given}", valid=valid, fix=fix)


def _check_header(path: Path, hdu: int, header: Any, n_columns: int) -> float:
    """Check what a table says about itself and return the factor to GeV^-1 cm^-2 s^-1 sr^-1."""
    from astropy import units

    def text(key: str) -> str:
        return str(header.get(key, "")).strip()

    if text("PIXTYPE").upper() != "HEALPIX":
        raise _refuse(
            path, hdu, f"PIXTYPE is {text('PIXTYPE') or 'absent'}", "HEALPIX", "write it with HERMES HEALPixFormat"
        )
    if text("INDXSCHM").upper() != "IMPLICIT":
        raise _refuse(path, hdu, f"INDXSCHM is {text('INDXSCHM') or 'absent'}", "IMPLICIT: every pixel in its place")
    if text("ORDERING").upper() != "RING":
        raise _refuse(
            path,
            hdu,
            f"ORDERING is {text('ORDERING') or 'absent'}",
            "RING, as HERMES writes",
            "reorder it with healpy.reorder(map, n2r=True), and set the keyword",
        )
    if text("COORDSYS").upper() not in {"G", "GALACTIC"}:
        raise _refuse(
            path,
            hdu,
            f"COORDSYS is {text('COORDSYS') or 'absent'}",
            "G (Galactic), as HERMES writes",
            "rotate it with healpy.Rotator, and set the keyword",
        )
    if n_columns != 1:
        raise _refuse(path, hdu, f"{n_columns} columns", "one column: one table per energy")
    if not text("TUNIT1"):
        raise _refuse(
            path, hdu, "TUNIT1, the unit, is absent", "GeV^-1 m^-2 s^-1 sr^-1", "write the unit into the header"
        )
    try:
        unit = units.Unit(text("TUNIT1"))
        if isinstance(unit, units.function.FunctionUnitBase):  # a logarithm is not converted by a factor
            raise TypeError(f"{unit} is logarithmic")  # noqa: TRY301 -- told as other wrong units are
        # a flux per steradian is counted per photon or neutrino: nothing else may be left over
        return float(unit.to(units.Unit(_UNIT)))
    except (ValueError, TypeError) as error:
        raise _refuse(
            path, hdu, f"TUNIT1 is {text('TUNIT1')!r}", "a differential flux, GeV^-1 m^-2 s^-1 sr^-1"
        ) from error


def _check_pixels(path: Path, hdu: int, header: Any, values: Float64) -> int:
    n_side = int(header.get("NSIDE", 0))
    if n_side < 1 or n_side & (n_side - 1) or values.size != 12 * n_side**2:
        raise _refuse(
            path,
            hdu,
            f"{values.size} pixels with NSIDE {n_side or 'absent'}",
            f"12 NSIDE^2 = {12 * n_side**2} pixels, NSIDE a power of 2",
        )
    return n_side


def _energy(path: Path, hdu: int, header: Any, previous: float) -> float:
    try:
        energy = float(header["ENERGY"]) / _JOULES_PER_GEV
    except (KeyError, TypeError, ValueError):
        energy = np.nan
    if not (np.isfinite(energy) and energy > 0):
        raise _refuse(path, hdu, f"ENERGY is {header.get('ENERGY', 'absent')}", "an energy above 0, in joule")
    if not 1e-3 <= energy <= 1e12:
        raise _refuse(
            path,
            hdu,
            f"ENERGY = {float(header['ENERGY']):g} would be {energy:.3g} GeV",
            "an energy in joule (1 GeV is 1.602e-10 J)",
            "write ENERGY in joule, as HERMES does",
        )
    if energy <= previous:
        raise _refuse(path, hdu, f"energy {energy:.6g} GeV follows {previous:.6g} GeV", "increasing energies")
    return energy


def _tables(path: Path) -> Iterator[tuple[int, Any, Float64, int, str]]:
    """Give (number, header, values, columns, HERMES version) of each table."""
    from astropy.io import fits

    with open_whole(path, what="map", written_by="HERMES") as hdus:
        version = str(hdus[0].header.get("VERSION", "not stated")).strip()
        if len(hdus) < 2:
            raise UserError(f"{path} holds no map", valid="one binary table per energy", fix="run HERMES again")
        for number, hdu in enumerate(hdus[1:], start=1):
            if not isinstance(hdu, fits.BinTableHDU):
                raise _refuse(path, number, "it is no binary table", "one binary table per energy")
            values = np.asarray(hdu.data.field(0), dtype=np.float64).ravel()
            yield number, hdu.header, values, len(hdu.columns), version


def average_hermes_map(path: Path, regions: Sequence[Region]) -> HermesSpectra:
    """Average the maps of one file over regions.

    Parameters
    ----------
    path
        FITS file of one emission process.
    regions
        With their masks.

    Raises
    ------
    UserError
        One message: missing or truncated file; PIXTYPE, INDXSCHM, ORDERING, COORDSYS, NSIDE, unit or ENERGY absent or
        other than HERMES writes; energies not increasing; pixels NaN or negative; a region that the map does not cover.
    """
    energies: list[float] = []
    means: list[Float64] = []
    shares: Float64 | None = None
    process, hermes_version, n_side = "not stated", "not stated", 0
    for number, header, values, n_columns, version in _tables(path):
        factor = _check_header(path, number, header, n_columns)
        energies.append(_energy(path, number, header, energies[-1] if energies else 0.0))
        here = _check_pixels(path, number, header, values)
        if shares is None:
            process, hermes_version, n_side = str(header.get("PROCESS", "not stated")).strip(), version, here
            shares = np.stack([pixel_shares(region, here) for region in regions])
        elif here != n_side:
            raise _refuse(path, number, f"NSIDE {here} after NSIDE {n_side}", "one NSIDE for all energies")
        bad_data = float(header.get("BAD_DATA", -1.6375e30))
        present = ~(np.abs(values - bad_data) <= 1e-5 * abs(bad_data))
        used = present & shares.any(axis=0)
        if not np.isfinite(values[used]).all() or (values[used] < 0).any():
            pixel = int(np.flatnonzero(used & ~(np.isfinite(values) & (values >= 0)))[0])
            raise _refuse(path, number, f"pixel {pixel} is {values[pixel]:g}", "finite intensities, not below 0")
        covered = shares @ present / np.maximum(shares.sum(axis=1), 1e-300)
        for region, share in zip(regions, covered, strict=True):
            if share < 1.0 - _TOLERATED_GAP:
                raise _refuse(
                    path,
                    number,
                    f"{100 * share:.3g} % of the region {region.name} has data",
                    "maps that cover the region (within its mask)",
                    "choose a smaller region, or compute the map on a larger part of the sky",
                )
        means.append(factor * (shares @ np.where(used, values, 0.0)) / (shares @ present))
    return HermesSpectra(np.array(energies), np.stack(means, axis=1), process, hermes_version, n_side)
