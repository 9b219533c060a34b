"""The file format of all emulators: plain arrays and one JSON header in a zip archive.

``header.json`` says what the file is (format, kind, package version, parameters with units and ranges, hash of the
grid, physics choices, validation table); every array is a member in NumPy's npy format. Nothing in it is executed on
reading, and equal content gives equal bytes. Kinds: "response", "polynomial chaos", "gaussian process".
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer import __version__
from crsea_infer.errors import UserError
from crsea_infer.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["FORMAT", "archive_kind", "read_archive", "write_archive"]

FORMAT: Final = "crsea_infer emulator 1"
_DAMAGED: Final = (
    # what zipfile, zlib, json and numpy raise when bytes are not what they were
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    KeyError,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,  # a member that says it is encrypted, or compressed in a way nobody knows; brackets without end
    MemoryError,  # a size that no array has
    SyntaxError,  # a header of an array that cannot be read
    TypeError,
    AttributeError,
)
_FIX: Final = "train one with: crsea-infer emulator train GRID --output FILE"

AnyArray = np.ndarray[tuple[int, ...], np.dtype[Any]]


def write_archive(path: Path, kind: str, header: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
    """Write an emulator file, whole or not at all.

    Parameters
    ----------
    path
        File to write.
    kind
        Which emulator it is.
    header
        Anything JSON can hold; format, kind and package version are added.
    arrays
        Members by name.
    """
    full = {"format": FORMAT, "kind": kind, "crsea_infer_version": __version__, **header}
    members = {"header.json": json.dumps(full, sort_keys=True, indent=1, allow_nan=False).encode()}
    for name, array in arrays.items():
        content = io.BytesIO()
        np.save(content, np.ascontiguousarray(array), allow_pickle=False)
        members[f"{name}.npy"] = content.getvalue()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            # a fixed date: archives of equal content are equal
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    atomic_write(path, stream.getvalue())


def read_archive(path: Path, kinds: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Read an emulator file.

    Parameters
    ----------
    path
        File to read.
    kinds
        Kinds that the caller understands.

    Returns
    -------
    tuple
        Header and arrays.

    Raises
    ------
    UserError
        When the file is missing, damaged, of another format or kind, or holds numbers that are not finite.
    """
    if not path.is_file():
        raise UserError(f"there is no emulator file {path}", fix=_FIX)
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read("header.json"))
            arrays = {
                name.removesuffix(".npy"): np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except _DAMAGED as error:
        raise UserError(
            f"{path} is not a readable emulator file ({error})", valid="a file of 'emulator train'", fix=_FIX
        ) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        stated = header.get("format") if isinstance(header, dict) else None
        raise UserError(f"{path} has the format {stated!r}", valid=repr(FORMAT), fix=_FIX)
    if header.get("kind") not in kinds:
        raise UserError(f"{path} is an emulator of kind {header.get('kind')!r}", valid=", ".join(kinds), fix=_FIX)
    bad = [name for name, array in arrays.items() if array.dtype.kind not in "fiu" or not np.isfinite(array).all()]
    if bad:
        raise UserError(f"{path}: {', '.join(bad)} holds numbers that are not finite", fix=_FIX)
    return header, arrays


def archive_kind(path: Path) -> str:
    """Return the kind of an emulator file, "" when it does not say.

    Raises
    ------
    UserError
        When the file is missing or damaged.
    """
    if not path.is_file():
        raise UserError(f"there is no emulator file {path}", fix=_FIX)
    try:
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read("header.json")).get("kind", ""))
    except _DAMAGED as error:
        raise UserError(
            f"{path} is not a readable emulator file ({error})", valid="a file of 'emulator train'", fix=_FIX
        ) from error
