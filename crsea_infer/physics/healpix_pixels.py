"""How the pixels of a HEALPix table are to be read: the one reader for masks, cubes of counts and maps of HERMES.

A table says its resolution (NSIDE), the order of its pixels (ORDERING) and the frame of the sky that they tile
(COORDSYS), and whether its rows are all pixels of the sky or those of a column of pixel numbers (INDXSCHM). Writers
spell the frames in several ways, all of which are understood; what is left open or contradicts itself is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from crsea_infer.support.fits import Key
from crsea_infer.support.loading import load_healpy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.fits import Hdu

__all__ = ["Frame", "Pixelisation", "read_pixel_numbers", "read_pixelisation"]

Frame: TypeAlias = Literal["galactic", "icrs"]
"""Frames of the sky, as astropy names them."""

_FRAMES: Final[Mapping[str, Frame]] = {
    **dict.fromkeys(("G", "GAL", "GALACTIC"), "galactic"),
    **dict.fromkeys(("C", "Q", "CEL", "CELESTIAL", "EQU", "EQUATORIAL", "ICRS"), "icrs"),
}
_FRAME_WORDS: Final = "G or GAL (Galactic), C, CEL or EQU (equatorial)"
_ORDERS: Final = {"RING": False, "NESTED": True, "NEST": True}


@dataclass(frozen=True)
class Pixelisation:
    """A tiling of the sky by HEALPix.

    Attributes
    ----------
    n_side, nested
        Resolution and order of the pixels.
    frame
        Of the sky.
    """

    n_side: int
    nested: bool
    frame: Frame

    @property
    def n_pixels(self) -> int:
        """Number of pixels of the whole sky."""
        return 12 * self.n_side**2

    @property
    def solid_angle(self) -> float:
        """Solid angle of a pixel, sr."""
        return float(np.pi / (3.0 * self.n_side**2))

    def centres(self, pixels: np.typing.NDArray[np.int64]) -> tuple[Float64, Float64]:
        """Return Galactic longitude (0 to 360) and latitude of the centres of pixels, degrees."""
        healpy = load_healpy()

        longitude, latitude = healpy.pix2ang(self.n_side, pixels, nest=self.nested, lonlat=True)
        if self.frame == "icrs":
            from astropy.coordinates import SkyCoord

            there = SkyCoord(ra=longitude, dec=latitude, unit="deg", frame="icrs").galactic
            longitude, latitude = there.l.deg, there.b.deg
        return np.asarray(longitude), np.asarray(latitude)

    def pixels_at(self, longitude: Float64, latitude: Float64) -> np.typing.NDArray[np.int64]:
        """Return the pixels that hold directions (Galactic, degrees, any shape)."""
        healpy = load_healpy()

        if self.frame == "icrs":
            from astropy.coordinates import SkyCoord

            there = SkyCoord(l=longitude, b=latitude, unit="deg", frame="galactic").icrs
            longitude, latitude = there.ra.deg, there.dec.deg
        return np.asarray(
            healpy.ang2pix(self.n_side, np.mod(longitude, 360.0), latitude, nest=self.nested, lonlat=True)
        )


def read_pixelisation(hdu: Hdu, *, frame: Frame | None = None, fix: str = "") -> Pixelisation:
    """Read from the header of a table how its pixels tile the sky.

    Parameters
    ----------
    hdu
        The table.
    frame
        Of a table without COORDSYS, known from elsewhere; None: it is refused.
    fix
        How to write a table that says it all.

    Raises
    ------
    UserError
        When PIXTYPE is not HEALPIX, or NSIDE, ORDERING or COORDSYS are absent, unknown, or contradict ORDER or EQUINOX.
    """
    hdu.value(Key("PIXTYPE", str, "HEALPIX", fix, default=None, choices={"HEALPIX": "HEALPIX"}))
    nested = hdu.value(Key("ORDERING", str, "RING or NESTED", fix, choices=_ORDERS))
    missing = ... if frame is None else frame
    found = hdu.value(Key("COORDSYS", str, _FRAME_WORDS, fix, default=missing, choices=_FRAMES))
    n_side = hdu.value(Key("NSIDE", int, "1 to 2^29, a power of 2 in NESTED order", fix, low=1, high=2**29))
    if nested and n_side & (n_side - 1):
        raise hdu.refuse(f"NSIDE is {n_side} in NESTED order", "a power of 2", fix)
    order = hdu.value(Key("ORDER", int, "log2 of NSIDE", fix, default=-1))  # -1: NSIDE is no power of 2
    if order >= 0 and (order > 29 or 2**order != n_side):
        raise hdu.refuse(f"NSIDE is {n_side} and ORDER {order}", "NSIDE = 2^ORDER", fix)
    equinox = hdu.value(Key("EQUINOX", float, "2000", fix, default=2000.0))
    if found == "icrs" and equinox != 2000.0:
        raise hdu.refuse(f"EQUINOX is {equinox:g}", "2000", fix or "rotate the map to J2000")
    return Pixelisation(n_side, nested, found)


def read_pixel_numbers(hdu: Hdu, sky: Pixelisation, n_rows: int, fix: str = "") -> np.typing.NDArray[np.int64]:
    """Return the pixel of each row of a table, shape [n_rows].

    Raises
    ------
    UserError
        When rows are neither all pixels of the sky nor those of a column PIX that INDXSCHM speaks of; when a number is
        no pixel, or there twice.
    """
    schemes = {"IMPLICIT": "IMPLICIT", "EXPLICIT": "EXPLICIT"}
    scheme = hdu.value(Key("INDXSCHM", str, "IMPLICIT or EXPLICIT", fix, default=None, choices=schemes))
    column = next((name for name in ("PIX", "PIXEL") if name in hdu.columns), None)
    if column is not None and scheme != "EXPLICIT":
        raise hdu.refuse(
            f"has a column {column}, and INDXSCHM is {scheme or 'absent'}",
            "INDXSCHM EXPLICIT for the pixels of the column; no such column for all pixels of the sky",
            fix or "set the keyword as it is meant",
        )
    if scheme == "EXPLICIT" and column is None:
        raise hdu.refuse(
            "INDXSCHM is EXPLICIT, and there is no column PIX", "a column PIX, of the pixel of each row", fix
        )
    if column is None:
        if n_rows != sky.n_pixels:
            raise hdu.refuse(
                f"{n_rows} pixels with NSIDE {sky.n_side}",
                f"12 NSIDE^2 = {sky.n_pixels}, or a column PIX with INDXSCHM EXPLICIT",
                fix,
            )
        return np.arange(n_rows)
    pixels = hdu.integers(column)
    if len(pixels) != n_rows:
        raise hdu.refuse(f"{len(pixels)} pixel numbers for {n_rows} rows", "one for each row", fix)
    wrong = (pixels < 0) | (pixels >= sky.n_pixels)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise hdu.refuse(
            f"{column} is {pixels[row]} in row {row + 1}", f"pixels 0 to {sky.n_pixels - 1} of NSIDE {sky.n_side}", fix
        )
    rising = np.sort(pixels)
    twice = rising[1:] == rising[:-1]
    if twice.any():
        raise hdu.refuse(f"pixel {rising[1:][twice][0]} is given twice", "each pixel once", fix)
    return pixels
