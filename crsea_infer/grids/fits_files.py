"""FITS files that are whole, or refused.

A compressed file that was cut off still opens, and gives fewer tables than were written: a grid with the highest
energies missing. So files are decompressed and measured here, before anything is read from them.
"""

from __future__ import annotations

import gzip
import io
import warnings
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["open_whole"]

_GZIP: Final = b"\x1f\x8b"


@contextmanager
def open_whole(path: Path, *, what: str, written_by: str) -> Iterator[Any]:
    """Open a FITS file, gzipped or not, and give its HDUs.

    Parameters
    ----------
    path
        Of the file.
    what
        Word for it in messages: "map", "DRAGON output".
    written_by
        Code that writes it.

    Raises
    ------
    UserError
        When it is missing, no FITS file, or cut off.
    """
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyUserWarning

    if not path.is_file():
        raise UserError(f"there is no {what} file {path}", fix="check the path; in a table it is relative to the table")
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyUserWarning)  # 'File may have been truncated'
            with fits.open(io.BytesIO(content), lazy_load_hdus=False) as hdus:
                _measure(hdus, len(content))
                yield hdus
    except (OSError, EOFError, zlib.error, TypeError, ValueError, AstropyUserWarning) as error:
        raise UserError(
            f"{path} is damaged or cut off ({error})",
            valid=f"a FITS file as {written_by} closes it",
            fix=f"copy it again, or run {written_by} again",
        ) from error


def _measure(hdus: Any, size: int) -> None:
    end = max(info["datLoc"] + info["datSpan"] for info in (hdu.fileinfo() for hdu in hdus))
    if end > size:
        raise OSError(f"{size} bytes of {end}")
