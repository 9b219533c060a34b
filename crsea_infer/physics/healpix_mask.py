"""Sky masks as HEALPix maps in FITS.

A map is used only if it says how it is to be read: ordering, coordinate frame and resolution stand in its header, or it
is refused. Galactic and equatorial (ICRS) frames are understood, in either ordering.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from crsea_infer.errors import UserError
from crsea_infer.files import check_regular, content_digest

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.arrays import Float64

__all__ = ["HealpixMask", "mask_digest", "read_mask"]

_FRAMES: Final = {"G": "galactic", "GALACTIC": "galactic", "C": "icrs", "Q": "icrs", "EQUATORIAL": "icrs"}


@dataclass(frozen=True)
class HealpixMask:
    """A HEALPix map that says which directions are kept.

    Attributes
    ----------
    kept
        One flag per pixel.
    nested
        Whether the pixels are in NESTED order.
    frame
        "galactic" or "icrs".
    """

    kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    nested: bool
    frame: Literal["galactic", "icrs"]

    def keeps(self, longitude: Float64, latitude: Float64) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Tell which directions (Galactic, degrees, broadcasting) are kept."""
        import healpy

        longitude, latitude = np.broadcast_arrays(np.asarray(longitude, dtype=float), np.asarray(latitude, dtype=float))
        if self.frame == "icrs":
            from astropy.coordinates import SkyCoord

            there = SkyCoord(l=longitude, b=latitude, unit="deg", frame="galactic").icrs
            longitude, latitude = there.ra.deg, there.dec.deg
        n_side = healpy.npix2nside(self.kept.size)
        pixels = healpy.ang2pix(n_side, np.mod(longitude, 360.0), latitude, nest=self.nested, lonlat=True)
        return np.asarray(self.kept[pixels])


def mask_digest(path: Path) -> str:
    """Return a hash of the content of a mask file.

    Raises
    ------
    UserError
        When there is no such file.
    """
    check_regular(path)
    try:
        return content_digest(path)
    except FileNotFoundError as error:
        raise UserError(
            f"there is no mask file {path}", valid="lhaaso, or the path of a HEALPix map in FITS"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", valid="a mask file that you may read") from error


def read_mask(path: Path, sha256: str | None = None) -> HealpixMask:
    """Read a HEALPix mask.

    Parameters
    ----------
    path
        Of the file.
    sha256
        Hash of the content that is wanted; by default, of what is there now.

    Raises
    ------
    UserError
        When the file is missing or unreadable, has other content than is wanted, says nothing of its ordering or frame,
        or has the wrong size.
    """
    return _read(path, mask_digest(path) if sha256 is None else sha256)


@lru_cache(maxsize=8)  # of content, not of files: what a file holds may change while this process lives
def _read(path: Path, sha256: str) -> HealpixMask:
    from astropy.io import fits

    fix = "write it with healpy.write_map(file, mask, coord='G', nest=False)"
    found = mask_digest(path)
    if found != sha256:
        raise UserError(
            f"the mask {path} holds something else than it did (SHA-256 {found}..., it was {sha256}...)",
            valid="the mask with which this was begun",
            fix="put it back, or begin anew with the other one",
        )
    try:
        with fits.open(path) as hdus:
            table = next(hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU))
            header = table.header
            values = np.asarray(table.data.field(0), dtype=float).ravel()
    except (OSError, StopIteration, TypeError, ValueError) as error:
        raise UserError(f"{path} holds no HEALPix map ({error or 'no table'})", fix=fix) from error
    ordering = str(header.get("ORDERING", "")).strip().upper()
    frame = str(header.get("COORDSYS", "")).strip().upper()
    if ordering not in {"RING", "NESTED", "NEST"}:
        raise UserError(f"{path}: ORDERING is {ordering or 'absent'}", valid="RING or NESTED", fix=fix)
    if frame not in _FRAMES:
        raise UserError(f"{path}: COORDSYS is {frame or 'absent'}", valid="G (Galactic) or C (equatorial)", fix=fix)
    n_side = int(header.get("NSIDE", 0))
    if values.size != 12 * n_side**2 or n_side < 1:
        raise UserError(
            f"{path}: {values.size} pixels with NSIDE {n_side or 'absent'}",
            valid="a full map of 12 NSIDE^2 pixels",
            fix=fix,
        )
    if not np.isfinite(values).all():
        raise UserError(f"{path}: {int((~np.isfinite(values)).sum())} pixels are not finite", valid="0 or 1", fix=fix)
    return HealpixMask(values > 0.5, ordering != "RING", "galactic" if _FRAMES[frame] == "galactic" else "icrs")
