"""Files that are either whole or absent.

A run may be killed at any moment, so every file is written beside its place under another name, flushed to the disk,
and renamed: a reader sees the old file or the new one, never half of one. netCDF files are made in memory first, since
the HDF5 library crashes on a full disk; that takes as much memory as reading the file does. Hashes of content and of
files, used to recognise runs, grids and checkpoints, are here too.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crsea_infer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    import xarray as xr

__all__ = [
    "arrays_digest",
    "atomic_netcdf",
    "atomic_path",
    "atomic_write",
    "digest",
    "file_digest",
    "is_leftover",
    "make_directory",
    "remove_leftovers",
    "write_dataset",
]

_MARK = "crsea"  # in the names of temporary files, so that no file of anybody else's is taken for one
_LEFTOVER = re.compile(rf"\..+\.{_MARK}-[0-9a-f]{{8}}(\.\w+)?")
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, flush it to disk and rename it to `path`.

    Raises
    ------
    UserError
        When the directory cannot be written to, a folder stands in the place of the file, or the disk is full.
    """
    temporary = path.with_name(f".{path.stem}.{_MARK}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _cannot_write(path: Path, error: OSError) -> UserError:
    """Return the error for a file that cannot be written, with what helps against that cause."""
    given = f"cannot write {path}: {error.strerror or error}"
    if path.is_dir():
        return UserError(
            f"cannot write {path}: a folder stands in its place",
            valid="a directory in which no folder has the name of a file that is written",
            fix=f"rename the folder {path.name}, or choose another place with --output",
        )
    if error.errno in _NO_SPACE:
        return UserError(
            given, valid="a disk with space left on it", fix="free space or choose another place with --output"
        )
    return UserError(given, valid="a directory that you may write to", fix="choose another place with --output")


def atomic_write(path: Path, content: str | bytes) -> None:
    """Write text (UTF-8) or bytes to `path` so that no reader ever sees half of it."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def atomic_netcdf(path: Path) -> Iterator[Any]:
    """Give an ``h5netcdf.File`` in memory; when the block ends well, write it to `path`, whole or not at all.

    Raises
    ------
    UserError
        As :func:`atomic_path`.
    """
    import h5netcdf

    stream = io.BytesIO()
    with h5netcdf.File(stream, "w") as file:
        yield file
    atomic_write(path, stream.getvalue())


def write_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset to a netCDF-4 file, whole or not at all.

    Raises
    ------
    UserError
        As :func:`atomic_path`.
    """
    from xarray.backends import H5NetCDFStore

    with atomic_netcdf(path) as file:
        dataset.dump_to_store(H5NetCDFStore(file, mode="a"))


def is_leftover(path: Path) -> bool:
    """Tell by its name whether a file is one that :func:`atomic_path` had not finished."""
    return bool(_LEFTOVER.fullmatch(path.name))


def remove_leftovers(*folders: Path) -> None:
    """Remove what processes killed in the middle of :func:`atomic_path` left in folders, but not below them.

    Only for who holds the folders alone and knows them to be ours: the temporary file of a living process is removed
    too. Folders that are not there have none.
    """
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in folder.glob(".*"):
            if is_leftover(path) and path.is_file():
                path.unlink(missing_ok=True)


def make_directory(path: Path) -> Path:
    """Create a directory with its parents and prove that it can be written to.

    Raises
    ------
    UserError
        When it cannot be made or written to, or when a file stands in its place.
    """
    fix = "choose another place with --output"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot create the directory {path}: {error.strerror or error}",
            valid="a directory that exists, or whose parent you may write to",
            fix=fix,
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"the directory {path} is not writable", valid="a directory that you may write to", fix=fix)
    return path


def digest(content: Any) -> str:
    """Return a short SHA-256 of anything JSON can hold (keys sorted), for recognising equal settings."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def arrays_digest(arrays: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[Any]]]) -> str:
    """Return the SHA-256 of named arrays: of every byte, with names, types and shapes; their order does not count."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        found.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        found.update(array.tobytes())  # in C order, however the array lies in memory
    return found.hexdigest()


def file_digest(path: Path) -> str:
    """Return a short SHA-256 of the bytes of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
