"""FITS files written by anybody: opened safely, checked against a schema, or refused with one message.

A file is read HDU by HDU. What a header says of sizes is held against the file before memory is asked for, compressed
files are unpacked no further than their headers declare, and pipes, devices and folders are refused before they are
opened. astropy parses the cards, its warnings being errors, and :mod:`crsea_infer.support.fits_header` checks them.
"""

from __future__ import annotations

import gzip
import math
import os
import stat
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from crsea_infer.support.errors import UserError
from crsea_infer.support.fits_header import IMAGE_TYPES, Column, Hdu, Key, Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Column", "Hdu", "Key", "open_regular", "read_hdus"]

LARGEST: Final = 4 * 2**30
"""Bytes that a file may hold once unpacked."""

_BLOCK: Final = 2880
_HEADER_BLOCKS: Final = 1000  # 36 000 cards
_HDUS: Final = 10_000
_CHUNK: Final = 2**20
_PACKING: Final = 1032  # deflate packs no tighter than this
_GZIP: Final = b"\x1f\x8b"
_END: Final = b"END".ljust(80)
_KINDS: Final[Mapping[int, str]] = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def open_regular(path: Path, what: str, fix: str = "") -> Iterator[IO[bytes]]:
    """Open a file for reading, at once and never a pipe, a device or a folder.

    Parameters
    ----------
    path
        Of the file; links are followed.
    what
        Word for it in messages: "map", "mask", "DRAGON output".
    fix
        What to do when it is missing.

    Raises
    ------
    UserError
        When it is missing, no file, or not to be read by this user.
    """
    kind = f"a regular file ({what})"
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  # a path with a NUL raises here, and is no file there
        if not stat.S_ISREG(mode):
            raise UserError(f"{path} is {_KINDS.get(stat.S_IFMT(mode), 'no file')}", valid=kind, fix=fix)
        # should a pipe take its place meanwhile, opening it does not wait for a writer
        stream = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            f"there is no {what} file {path}", fix=fix or "check the path; in a table it is relative to the table"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", valid=kind) from error
    with stream:
        yield stream


def read_hdus(path: Path, *, what: str, written_by: str, limit: int = LARGEST, fix: str = "") -> Iterator[Hdu]:
    """Read a FITS file, gzipped or not, HDU by HDU.

    Parameters
    ----------
    path
        Of the file.
    what
        Word for it in messages: "map", "DRAGON output".
    written_by
        Code that writes it.
    limit
        Bytes that it may hold once unpacked.
    fix
        What to do when it is missing.

    Raises
    ------
    UserError
        When it is missing, no regular file, no FITS file, damaged, cut off, followed by something else, or larger than
        the limit.
    """
    with open_regular(path, what, fix) as raw:
        size = os.fstat(raw.fileno()).st_size
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        stream: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        left = min(limit, size * _PACKING + _BLOCK if packed else size)
        reader = _Reader(path, what, written_by, stream, left, limit)
        try:
            yield from reader.hdus()
        except (OSError, EOFError, zlib.error) as error:
            raise reader.damaged(str(error)) from error
        except (MemoryError, OverflowError) as error:
            raise UserError(f"{path} does not fit into memory", valid=f"a {what} that does") from error


@dataclass(eq=False)
class _Reader:
    """Goes through a stream, and knows how many bytes can be left in it."""

    path: Path
    what: str
    written_by: str
    stream: Any
    left: int
    limit: int

    def damaged(self, reason: str) -> UserError:
        return UserError(
            f"{self.path} is damaged or cut off ({reason})",
            valid=f"a FITS file as {self.written_by} closes it",
            fix=f"copy it again, or run {self.written_by} again",
        )

    def hdus(self) -> Iterator[Hdu]:
        for number in range(_HDUS):
            cards = self._cards(number)
            if cards is None:
                return
            kind = "image" if number == 0 else {"IMAGE": "image", "BINTABLE": "table"}.get(cards["XTENSION"], "other")
            header = Hdu(self.path, number, kind, self.written_by, cards, b"")
            size = _data_size(header)
            padding = -size % _BLOCK
            if size + padding > self.left:
                if size > self.limit:
                    raise header.refuse(f"declares {size:.3g} bytes", f"at most {self.limit:.3g}")
                raise self.damaged(f"HDU {number} declares {size} bytes of data, more than the file holds")
            data = self._take(size)
            if len(data) + len(self._take(padding)) < size + padding:
                raise self.damaged(f"{len(data)} of {size} bytes of data in HDU {number}")
            yield Hdu(self.path, number, kind, self.written_by, cards, data)
        raise self.damaged(f"more than {_HDUS} HDUs")

    def _take(self, size: int) -> bytes:
        """Return as many bytes, or fewer at the end; memory grows with what is really there."""
        parts, wanted = [], size
        while wanted and (part := self.stream.read(min(wanted, _CHUNK))):
            parts.append(part)
            wanted -= len(part)
        self.left -= size - wanted
        return b"".join(parts)

    def _cards(self, number: int) -> dict[str, Any] | None:
        """Return the cards of the next header; None at the end of the file."""
        content = b""
        for i in range(_HEADER_BLOCKS):
            block = self._take(_BLOCK)
            if i == 0 and number and not block.strip(b"\0"):
                if self._take(_BLOCK).strip(b"\0"):
                    raise self.damaged(f"something follows HDU {number - 1}")
                return None
            if i == 0 and not block.startswith(b"XTENSION=" if number else b"SIMPLE  ="):
                if number:
                    raise self.damaged(f"what follows HDU {number - 1} is no header: its size, or NAXISn, is wrong")
                raise UserError(
                    f"{self.path} is no FITS file, it begins with {block[:8]!r}",
                    valid=f"the {self.what} as {self.written_by} writes it, in FITS, gzipped or not",
                )
            if len(block) < _BLOCK:
                raise self.damaged(f"the header of HDU {number} ends early")
            content += block
            if any(block[at : at + 80] == _END for at in range(0, _BLOCK, 80)):
                return self._parsed(number, content)
        raise self.damaged(f"the header of HDU {number} has no end")

    def _parsed(self, number: int, content: bytes) -> dict[str, Any]:
        from astropy.io import fits
        from astropy.io.fits.card import Undefined
        from astropy.io.fits.verify import VerifyError

        faults = (VerifyError, ValueError, TypeError, KeyError, IndexError, OSError, Warning)

        text = "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in content)
        found: dict[str, Any] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                cards = list(fits.Header.fromstring(text).cards)
            except faults as error:
                raise self.damaged(f"the header of HDU {number}: {error}") from error
            for card in cards:
                key = ""
                try:
                    key = card.keyword.upper()
                    value = card.value
                    if isinstance(value, float) and not math.isfinite(value):
                        value = Unusable(f"is {value}")
                except faults:
                    value = Unusable("cannot be read")
                if key in {"", "COMMENT", "HISTORY", "END"} or isinstance(value, Undefined):
                    continue
                if key in found and found[key] != value:
                    value = Unusable(f"is there twice, {found[key]!r} and {value!r}")
                found[key] = value
        if not number and found.get("SIMPLE") is not True:
            raise self.damaged("SIMPLE is not T")
        if number:
            found["XTENSION"] = str(found.get("XTENSION", "")).strip().upper()
        return found


def _data_size(header: Hdu) -> int:
    """Return the bytes that follow a header, without padding, from keywords that are checked here."""
    count = "a whole number not below 0"
    bits = header.value(Key("BITPIX", int, "8, 16, 32, 64, -32 or -64"))
    if bits not in IMAGE_TYPES:
        raise header.refuse(f"BITPIX is {bits}", "8, 16, 32, 64, -32 or -64")
    axes = [
        header.value(Key(f"NAXIS{axis}", int, count, low=0, high=2**62))
        for axis in range(1, header.value(Key("NAXIS", int, "0 to 16 axes", low=0, high=16)) + 1)
    ]
    heap = header.value(Key("PCOUNT", int, count, default=0, low=0, high=2**62))
    groups = header.value(Key("GCOUNT", int, "1", default=1))
    if header.kind == "table" and (bits != 8 or len(axes) != 2):
        raise header.refuse(f"a table with BITPIX {bits} and {len(axes)} axes", "BITPIX 8 and NAXIS 2")
    if groups != 1 or header.cards.get("GROUPS") is True:
        raise header.refuse("it holds random groups", "images and binary tables")
    return int(abs(bits) // 8 * (math.prod(axes) + heap)) if axes else 0
