"""Sky maps of HERMES, read as it writes them: one HEALPix table per energy.

Layout (HERMES 1.x, ``HEALPixFormat``): an empty primary HDU with SOFTWARE and VERSION, then one binary table per energy
with a single column of differential flux, TUNIT1 ``GeV^-1 m^-2 s^-1 sr^-1``, PIXTYPE HEALPIX, INDXSCHM IMPLICIT,
ORDERING RING, COORDSYS G, NSIDE, BAD_DATA for pixels that were not computed, PROCESS, and ENERGY **in joule**. Maps are
averaged over regions table by table. What is not as it should be is refused with one message; nothing is converted in
silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.healpix_pixels import read_pixel_numbers, read_pixelisation
from crsea_infer.physics.region_pixels import near_box
from crsea_infer.support.errors import UserError
from crsea_infer.support.fits import Key, read_hdus
from crsea_infer.support.loading import load_healpy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.fits import Hdu

__all__ = ["HermesSpectra", "average_hermes_map", "pixel_shares"]

_JOULES_PER_GEV: Final = 1.602176634e-10  # exact, SI 2019
_UNIT: Final = "GeV-1 cm-2 s-1 sr-1"
_SUBPIXEL: Final = 0.06  # degrees: sampling of a pixel that a region's edge or mask may cross
_TOLERATED_GAP: Final = 1e-3  # share of a region's solid angle that may lack data
_SCHEMA: Final = (
    Key("PIXTYPE", str, "HEALPIX", "write it with HERMES HEALPixFormat", choices={"HEALPIX": ""}),
    Key("INDXSCHM", str, "IMPLICIT: every pixel in its place", choices={"IMPLICIT": ""}),
    Key(
        "ORDERING",
        str,
        "RING, as HERMES writes",
        "reorder it with healpy.reorder(map, n2r=True), and set the keyword",
        choices={"RING": ""},
    ),
)
_ENERGY: Final = Key("ENERGY", float, "an energy above 0, in joule", low=1e-300)
_BAD_DATA: Final = Key("BAD_DATA", float, "a number below 0", default=-1.6375e30, high=-1e-300)


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
    healpy = load_healpy()

    longitude, latitude = healpy.pix2ang(n_side, np.arange(12 * n_side**2), lonlat=True)
    shares = np.zeros(longitude.size)
    chosen = np.flatnonzero(near_box(region, longitude, latitude, float(np.degrees(healpy.max_pixrad(n_side)))))
    resolution = float(np.degrees(healpy.nside2resol(n_side)))
    factor = 2 ** max(0, int(np.ceil(np.log2(resolution / _SUBPIXEL))))
    children = np.arange(factor**2)
    for part in np.array_split(chosen, max(1, chosen.size * factor**2 // 2_000_000)):
        nested = healpy.ring2nest(n_side, part)[:, None] * factor**2 + children
        l_child, b_child = healpy.pix2ang(n_side * factor, nested, nest=True, lonlat=True)
        shares[part] = region.contains(l_child, b_child).mean(axis=1)
    return shares


@dataclass(frozen=True)
class _Plane:
    """One energy of a file."""

    table: Hdu
    energy: float
    values: Float64
    present: np.typing.NDArray[np.bool_]
    n_side: int


def _plane(table: Hdu, previous: float) -> _Plane:
    """Return the intensities of a table, GeV^-1 cm^-2 s^-1 sr^-1, that is as HERMES writes it."""
    for key in _SCHEMA:
        table.value(key)
    sky = read_pixelisation(table)
    if sky.frame != "galactic":
        raise table.refuse(
            f"COORDSYS is {table.value(Key('COORDSYS', str))}",
            "G (Galactic), as HERMES writes",
            "rotate it with healpy.Rotator, and set the keyword",
        )
    if len(table.columns) != 1:
        raise table.refuse(f"{len(table.columns)} columns", "one column: one table per energy")
    name = next(iter(table.columns))
    if not table.has("TUNIT1"):
        raise table.refuse("TUNIT1, the unit, is absent", "GeV^-1 m^-2 s^-1 sr^-1", "write the unit into the header")
    # a flux per steradian is counted per photon or neutrino: nothing else may be left over
    factor = table.unit(name, _UNIT, fix="a differential flux, GeV^-1 m^-2 s^-1 sr^-1")
    energy = table.value(_ENERGY) / _JOULES_PER_GEV
    if not 1e-3 <= energy <= 1e12:
        raise table.refuse(
            f"ENERGY = {table.value(_ENERGY):g} would be {energy:.3g} GeV",
            "an energy in joule (1 GeV is 1.602e-10 J)",
            "write ENERGY in joule, as HERMES does",
        )
    if energy <= previous:
        raise table.refuse(f"energy {energy:.6g} GeV follows {previous:.6g} GeV", "increasing energies")
    values = table.numbers(name)
    read_pixel_numbers(table, sky, values.size)
    if sky.n_side & (sky.n_side - 1):
        raise table.refuse(f"NSIDE is {sky.n_side}", "a power of 2")
    bad_data = table.value(_BAD_DATA)
    present = ~(np.abs(values - bad_data) <= 1e-5 * abs(bad_data))
    wrong = present & ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        pixel = int(np.argmax(wrong))
        raise table.refuse(
            f"pixel {pixel} is {values[pixel]:g}", f"finite intensities, not below 0, or BAD_DATA = {bad_data:g}"
        )
    return _Plane(table, energy, factor * values, present, sky.n_side)


def _planes(path: Path) -> Iterator[tuple[_Plane, str]]:
    """Give each energy of a file, and the version of HERMES."""
    version, previous = "not stated", 0.0
    for hdu in read_hdus(path, what="map", written_by="HERMES"):
        if hdu.number == 0:
            version = hdu.value(Key("VERSION", str, default="not stated"))
            continue
        if hdu.kind != "table":
            raise hdu.refuse("it is no binary table", "one binary table per energy")
        plane = _plane(hdu, previous)
        previous = plane.energy
        yield plane, version
    if not previous:
        raise UserError(f"{path} holds no map", valid="one binary table per energy", fix="run HERMES again")


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
        other than HERMES writes; energies not increasing; pixels NaN or negative anywhere; a region that the map does
        not cover.
    """
    energies: list[float] = []
    means: list[Float64] = []
    shares: Float64 | None = None
    process, hermes_version, n_side = "not stated", "not stated", 0
    for plane, version in _planes(path):
        energies.append(plane.energy)
        if shares is None:
            hermes_version, n_side = version, plane.n_side
            process = plane.table.value(Key("PROCESS", str, default="not stated"))
            shares = np.stack([pixel_shares(region, n_side) for region in regions])
        elif plane.n_side != n_side:
            raise plane.table.refuse(f"NSIDE {plane.n_side} after NSIDE {n_side}", "one NSIDE for all energies")
        covered = shares @ plane.present / np.maximum(shares.sum(axis=1), 1e-300)
        for region, share in zip(regions, covered, strict=True):
            if share < 1.0 - _TOLERATED_GAP:
                raise plane.table.refuse(
                    f"{100 * share:.3g} % of the region {region.name} has data",
                    "maps that cover the region (within its mask)",
                    "choose a smaller region, or compute the map on a larger part of the sky",
                )
        means.append((shares @ np.where(plane.present, plane.values, 0.0)) / (shares @ plane.present))
    return HermesSpectra(np.array(energies), np.stack(means, axis=1), process, hermes_version, n_side)
