"""Sky masks as HEALPix maps in FITS.

A map is used only if it says how it is to be read: ordering, coordinate frame and resolution stand in its header, or it
is refused (:mod:`crsea_infer.physics.healpix_pixels`). Galactic and equatorial (ICRS) frames are understood, in either
ordering.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.healpix_pixels import Pixelisation, read_pixel_numbers, read_pixelisation
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import check_regular, content_digest
from crsea_infer.support.fits import read_hdus

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

__all__ = ["HealpixMask", "mask_digest", "read_mask"]

_FIX: Final = "write it with healpy.write_map(file, mask, coord='G', nest=False)"


@dataclass(frozen=True)
class HealpixMask:
    """A HEALPix map that says which directions are kept.

    Attributes
    ----------
    kept
        One flag per pixel of the sky.
    sky
        How the pixels tile it.
    """

    kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    sky: Pixelisation

    def keeps(self, longitude: Float64, latitude: Float64) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Tell which directions (Galactic, degrees, broadcasting) are kept."""
        longitude, latitude = np.broadcast_arrays(np.asarray(longitude, dtype=float), np.asarray(latitude, dtype=float))
        return np.asarray(self.kept[self.sky.pixels_at(longitude, latitude)])


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
        has the wrong size, more than one column, or values that are not between 0 and 1.
    """
    return _read(path, mask_digest(path) if sha256 is None else sha256)


@lru_cache(maxsize=8)  # of content, not of files: what a file holds may change while this process lives
def _read(path: Path, sha256: str) -> HealpixMask:
    found = mask_digest(path)
    if found != sha256:
        raise UserError(
            f"the mask {path} holds something else than it did (SHA-256 {found}..., it was {sha256}...)",
            valid="the mask with which this was begun",
            fix="put it back, or begin anew with the other one",
        )
    hdus = list(
        read_hdus(path, what="mask", written_by="healpy", fix="give lhaaso, or the path of a HEALPix map in FITS")
    )
    table = next((hdu for hdu in hdus if hdu.kind == "table"), None)
    if table is None:
        raise UserError(f"{path} holds no HEALPix map (no binary table)", valid="a HEALPix map", fix=_FIX)
    sky = read_pixelisation(table, fix=_FIX)
    if len(table.columns) != 1:
        raise table.refuse(f"{len(table.columns)} columns", "a full map in one column", _FIX)
    values = table.numbers(next(iter(table.columns)))
    read_pixel_numbers(table, sky, values.size, _FIX)
    wrong = ~((values >= 0) & (values <= 1))
    if wrong.any():
        pixel = int(np.argmax(wrong))
        raise table.refuse(
            f"{int(wrong.sum())} pixels are no 0 or 1, pixel {pixel} is {values[pixel]:g}", "0 or 1", _FIX
        )
    return HealpixMask(values > 0.5, sky)
