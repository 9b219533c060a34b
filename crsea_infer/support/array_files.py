"""Reading files of arrays that may come from anybody: zip archives of NumPy arrays, and HDF5.

Headers are read first, so that a schema (:mod:`crsea_infer.support.array_schema`) can refuse a file before memory is
asked for. Whatever the libraries below raise or warn of becomes one message. HDF5 files may not lead out of themselves:
links to other files, links that go round in circles and data kept elsewhere are refused.
"""

from __future__ import annotations

import io
import json
import math
import re
import warnings
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.support.array_schema import TEXT, AnyArray, ArrayHeader, size_limit
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ArrayArchive", "HierarchicalFile", "first_words", "json_object", "open_hdf5", "open_zip", "refusing"]

_MAGIC_BYTES: Final = 8
_HEADER_BYTES: Final = 4096
"""An npy header of a plain array takes 128."""

_ACTING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_WORDS_SHOWN: Final = 200


def first_words(error: object) -> str:
    """Return what an error says in one printable line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(letter for letter in text[:_WORDS_SHOWN] if letter.isprintable())


@contextmanager
def refusing(given: str, *, valid: str = "", fix: str = "") -> Iterator[None]:
    """Turn whatever a library raises or warns of while it reads a file into one :class:`UserError`.

    Libraries meet damaged bytes with errors of every kind. Notices of what later versions will do are no fault of a
    file and are ignored.

    Raises
    ------
    UserError
        "`given` (what the library said)"; those of the block itself are passed on.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for notice in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", notice)
        try:
            yield
        except (UserError, MemoryError):
            raise
        except Exception as error:
            raise UserError(f"{given} ({first_words(error)})", valid=valid, fix=fix) from error


def json_object(text: str | bytes, *, constants: bool = False) -> dict[str, Any]:
    """Read a JSON object strictly.

    Parameters
    ----------
    text
        What to read.
    constants
        Whether NaN and infinity are allowed.

    Raises
    ------
    ValueError
        When it is no JSON, no object, nested too deeply, or holds NaN, infinity, a key twice or control characters.
    """
    try:
        content = json.loads(text, parse_constant=float if constants else _no_constant, object_pairs_hook=_unique)
        if not isinstance(content, dict):
            raise ValueError("its description is no table of names and values")  # noqa: TRY004
        _refuse_control_characters(content)
    except RecursionError as error:
        raise ValueError("its description is nested too deeply") from error
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f"its description holds {name}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("its description names something twice")
    return content


def _refuse_control_characters(content: Any) -> None:
    """Refuse characters that would act on a terminal, in every text of a JSON value."""
    if isinstance(content, str):
        if _ACTING.search(content):
            raise ValueError("its description holds control characters")
    elif isinstance(content, dict):
        for key, value in content.items():
            _refuse_control_characters(key)
            _refuse_control_characters(value)
    elif isinstance(content, list):
        for value in content:
            _refuse_control_characters(value)


class ArrayArchive:
    """An open zip archive of npy files, and perhaps other members.

    Attributes
    ----------
    headers
        What the archive says of each array; the name is that of the member without ".npy".
    limit
        Bytes that its arrays may take.
    """

    def __init__(self, archive: zipfile.ZipFile, file_bytes: int) -> None:
        self._archive = archive
        self.limit = size_limit(file_bytes)
        members = archive.namelist()
        if len(set(members)) < len(members):
            raise ValueError("it holds a member twice")
        self.others = [name for name in members if not name.endswith(".npy")]
        self.headers = {name.removesuffix(".npy"): self._header(name) for name in members if name.endswith(".npy")}

    def _header(self, member: str) -> ArrayHeader:
        """Read the header of an array, and hold it against the size of the member."""
        with self._archive.open(member) as stream:
            start = io.BytesIO(stream.read(_HEADER_BYTES))
        version = np.lib.format.read_magic(start)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"{member} has version {version} of the npy format")
        shape, _, dtype = readers[version](start)
        if dtype.hasobject or any(not isinstance(size, int) or isinstance(size, bool) or size < 0 for size in shape):
            raise ValueError(f"{member} is no array of numbers")
        if start.tell() + math.prod(shape) * dtype.itemsize != self._archive.getinfo(member).file_size:
            raise ValueError(f"{member} is not as long as its shape says")
        return ArrayHeader.of(dtype, shape)

    def text(self, member: str) -> bytes:
        """Return the bytes of a member that is no array."""
        info = self._archive.getinfo(member)
        if info.file_size > self.limit:
            raise ValueError(f"{member} would take {info.file_size} bytes")
        return self._archive.read(member)

    def array(self, name: str) -> AnyArray:
        """Return an array; check its header before."""
        content = io.BytesIO(self._archive.read(f"{name}.npy"))
        return np.asarray(np.load(content, allow_pickle=False, max_header_size=_HEADER_BYTES))


@contextmanager
def open_zip(path: Path) -> Iterator[ArrayArchive]:
    """Open a zip archive of arrays; use within :func:`refusing`."""
    with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
        yield ArrayArchive(archive, path.stat().st_size)


class HierarchicalFile:
    """An open HDF5 file whose every array lies in the file itself.

    Attributes
    ----------
    headers
        What the file says of each array, by its path in the file. Dimensions of netCDF that have no numbers are left
        out.
    limit
        Bytes that its arrays may take.
    """

    def __init__(self, file: Any, file_bytes: int) -> None:
        self._file = file
        self.limit = size_limit(file_bytes)
        self.headers: dict[str, ArrayHeader] = {}
        self._groups: list[str] = []
        self._walk(file, "", {file["/"].id})

    def _walk(self, group: Any, prefix: str, met: set[Any]) -> None:
        import h5py

        for name in group:
            path = f"{prefix}{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{first_words(path)} is a link to something else")  # noqa: TRY004
            entry = group[name]
            if entry.id in met:  # a circle, or many ways to one place
                raise ValueError(f"{first_words(path)} stands at another place of it too")
            met.add(entry.id)
            if isinstance(entry, h5py.Group):
                self._groups.append(path)
                self._walk(entry, f"{path}/", met)
            elif isinstance(entry, h5py.Dataset):
                self._note(path, entry)
            else:
                raise ValueError(f"{first_words(path)} is no array")  # noqa: TRY004

    def _note(self, path: str, entry: Any) -> None:
        import h5py

        if entry.is_virtual or entry.external:
            raise ValueError(f"{first_words(path)} is kept in another file")
        if entry.shape is None:
            raise ValueError(f"{first_words(path)} holds nothing")
        if _is_bare_dimension(entry):
            return
        if h5py.check_string_dtype(entry.dtype) is not None:
            self.headers[path] = ArrayHeader(TEXT, tuple(entry.shape), max(entry.dtype.itemsize, 8))
        else:
            self.headers[path] = ArrayHeader.of(entry.dtype, entry.shape)

    def attribute(self, name: str, array: str | None = None) -> Any:
        """Return an attribute of the file, or of an array; None when it is not there."""
        return (self._file if array is None else self._file[array]).attrs.get(name)

    def group_attributes(self) -> dict[str, dict[str, Any]]:
        """Return the attributes of every group, by its path in the file."""
        return {path: dict(self._file[path].attrs) for path in self._groups}

    def text(self, name: str) -> str:
        """Return an attribute of the file that is text.

        Raises
        ------
        ValueError
            When it is missing or something else.
        """
        value = self.attribute(name)
        if not isinstance(value, str):
            raise ValueError(f"its attribute {name!r} is {'missing' if value is None else 'no text'}")  # noqa: TRY004
        return value

    def array(self, name: str) -> AnyArray:
        """Return an array; check its header before."""
        entry = self._file[name]
        if self.headers[name].type == TEXT:
            return np.asarray(entry.asstr()[()], dtype=object)
        return np.asarray(entry[()])


def _is_bare_dimension(entry: Any) -> bool:
    """Tell the empty array that stands for a dimension of netCDF."""
    name = entry.attrs.get("NAME")
    if isinstance(name, bytes):
        name = name.decode("ascii", "replace")
    return isinstance(name, str) and name.startswith("This is a netCDF dimension but not a netCDF variable")


@contextmanager
def open_hdf5(path: Path) -> Iterator[HierarchicalFile]:
    """Open an HDF5 file of arrays; use within :func:`refusing`."""
    import h5py

    with h5py.File(path, "r") as file:
        yield HierarchicalFile(file, path.stat().st_size)
