"""Files that are either whole or absent.

A run may be killed at any moment, so every file is written beside its place under another name, flushed to the disk,
and renamed: a reader sees the old file or the new one, never half of one. netCDF files are made in memory first, since
the HDF5 library crashes on a full disk; that takes as much memory as reading the file does. Hashes of content and of
files, used to recognise runs, grids and checkpoints, are here too; so is what makes sure that a file to read is one,
and no pipe or device, at which a reader would wait for ever.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import secrets
import stat
import time
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import xarray as xr

__all__ = [
    "absolute",
    "arrays_digest",
    "atomic_netcdf",
    "atomic_path",
    "atomic_write",
    "check_regular",
    "content_digest",
    "digest",
    "file_digest",
    "is_leftover",
    "make_directory",
    "read_text",
    "remove_leftovers",
    "working_directory",
    "write_dataset",
]

_MARK = "crsea"  # in the names of temporary files, so that no file of anybody else's is taken for one
_LEFTOVER = re.compile(rf"\..+\.{_MARK}-[0-9a-f]{{8}}(\.\w+)?")
_JUST_WRITTEN = 2_000_000_000  # ns
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
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
    check_regular(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def content_digest(path: Path) -> str:
    """Return :func:`file_digest`, of a file that is asked for often: read again only when it was written since."""
    there = path.stat()
    state = there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns
    if time.time_ns() - max(state[2:]) < _JUST_WRITTEN:  # its times may be those of the next writing too
        return file_digest(path)
    return _digest_in_state(path, state)


@lru_cache(maxsize=64)
def _digest_in_state(path: Path, state: tuple[int, ...]) -> str:  # noqa: ARG001 -- the state is what is remembered by
    return file_digest(path)


def check_regular(path: Path) -> None:
    """Refuse what would be read as a file and is none: a folder, a pipe, a device, a socket. What is absent passes.

    Raises
    ------
    UserError
        When it is something else, or it cannot be told what it is.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{path}: cannot be read: {reason}", valid="a file that you may read") from error
    if stat.S_ISREG(mode):
        return
    what = next((words for is_kind, words in _KINDS if is_kind(mode)), "no file")
    raise UserError(
        f"{path}: is {what}, not a file",
        valid="a file on a disk",
        fix="write what it gives to a file, and name that" if not stat.S_ISDIR(mode) else "name a file in it",
    )


def read_text(path: Path) -> str:
    """Return the text (UTF-8) of a file; raises UserError as :func:`check_regular`, else what opening it raises."""
    check_regular(path)
    return path.read_text(encoding="utf-8")


def working_directory() -> Path:
    """Return the working directory.

    Raises
    ------
    UserError
        When it has been removed since the process entered it.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise UserError(
            f"the working directory cannot be found: {error.strerror}",
            valid="a working directory that exists",
            fix="it may have been removed or renamed: cd to one that is there",
        ) from error


def absolute(given: str | Path, base: Path | None = None) -> Path:
    """Return a path that no longer counts from anywhere: from `base`, or the working directory, with ~ replaced.

    Raises
    ------
    UserError
        When it begins with ~ and the name of nobody, or the working directory is gone.
    """
    try:
        path = Path(given).expanduser()
    except RuntimeError as error:
        raise UserError(
            f"{given}: there is no home folder of {Path(given).parts[0]}",
            valid="~ for your own home folder, or ~NAME for that of a user of this machine",
            fix=f"write ./{given} for a folder whose name begins with ~",
        ) from error
    if path.is_absolute():
        return path
    return (working_directory() if base is None else absolute(base)) / path
