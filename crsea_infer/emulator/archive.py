"""The file format of all emulators: plain arrays and one JSON header in a zip archive.

``header.json`` says what the file is (format, kind, package version, parameters with units and ranges, hash of the
grid, physics choices, validation table) and holds the SHA-256 of all that the file says; every array is a member in
NumPy's npy format. Nothing in it is executed on reading, and equal content gives equal bytes. Kinds: "response",
"polynomial chaos", "gaussian process". A file is read by schema: what it must hold is known from its header before an
array is read, and a file in which anything was changed since it was written is refused.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from crsea_infer.grids.description import described
from crsea_infer.support.array_files import ArrayArchive, json_object, open_zip, refusing
from crsea_infer.support.array_schema import AnyArray, ArraySpec, check_headers, check_numbers, signature
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_write
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from crsea_infer.content.toml_files import Entry

__all__ = ["FORMAT", "Layout", "archive_kind", "read_archive", "write_archive"]

FORMAT: Final = "crsea_infer emulator 2"
_HEADER: Final = "header.json"
_FIX: Final = "train one with: crsea-infer emulator train GRID --output FILE"

HeaderType = TypeVar("HeaderType", bound="Entry")
Layout = tuple[Mapping[str, ArraySpec], Mapping[str, int]]
"""The arrays that a file must hold, and the sizes that its header states."""


def write_archive(path: Path, kind: str, header: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
    """Write an emulator file, whole or not at all.

    Parameters
    ----------
    path
        File to write.
    kind
        Which emulator it is.
    header
        Anything JSON can hold; format, kind, package version and signature are added.
    arrays
        Members by name.
    """
    full = {"format": FORMAT, "kind": kind, "crsea_infer_version": __version__, **header}
    full["sha256"] = _signature(full, arrays)
    members = {_HEADER: json.dumps(full, sort_keys=True, indent=1, allow_nan=False).encode()}
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


def _signature(header: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> str:
    """Return the SHA-256 of all that a file says."""
    said = {name: value for name, value in header.items() if name != "sha256"}
    return signature([json.dumps(said, sort_keys=True)], arrays)


def read_archive(
    path: Path, entries: Mapping[str, type[HeaderType]], schema: Callable[[str, HeaderType], Layout]
) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Read an emulator file.

    Parameters
    ----------
    path
        File to read.
    entries
        What the header must be, for each kind that the caller understands.
    schema
        From kind and header to the arrays that the file must hold, and to the sizes that the header states.

    Returns
    -------
    tuple
        Header and arrays.

    Raises
    ------
    UserError
        When the file is missing, damaged, of another format or kind, was changed since it was written, or does not hold
        what its header says.
    """
    with _reading(path) as archive:
        header = json_object(archive.text(_HEADER))
        _require(path, header, tuple(entries))
        entry = described(entries[header["kind"]], header, f"{path}: header", _FIX)
        if archive.others != [_HEADER]:
            raise UserError(f"{path}: holds members that are no arrays", valid="arrays, and one header.json", fix=_FIX)
        specs, sizes = schema(header["kind"], entry)
        check_headers(archive.headers, specs, sizes, where=str(path), fix=_FIX, limit=archive.limit)
        found = {name: archive.array(name) for name in archive.headers}
        arrays = check_numbers(found, specs, where=str(path), fix=_FIX)
        if _signature(header, arrays) != header["sha256"]:
            raise UserError(
                f"{path} was changed: it does not hold what its signature says",
                valid="a file of 'emulator train', unchanged",
                fix="copy it again, or train it again with: crsea-infer emulator train GRID --output FILE",
            )
    # numbers are taken as what they must be: a whole number of thirty digits is a float where one is expected
    return header | entry.model_dump(include={"settings", "parameters", "spectra"}), arrays


def _require(path: Path, header: Mapping[str, Any], kinds: tuple[str, ...]) -> None:
    """Refuse files of another format or kind."""
    stated, kind = header.get("format"), header.get("kind")
    if stated != FORMAT:
        raise UserError(f"{path} has the format {str(stated)[:60]!r}", valid=repr(FORMAT), fix=_FIX)
    if kind not in kinds:
        raise UserError(f"{path} is an emulator of kind {str(kind)[:60]!r}", valid=", ".join(kinds), fix=_FIX)


@contextmanager
def _reading(path: Path) -> Iterator[ArrayArchive]:
    """Open an emulator file; whatever goes wrong within is one message."""
    if not path.is_file():
        raise UserError(f"there is no emulator file {path}", fix=_FIX)
    given = f"{path} is not a readable emulator file"
    with refusing(given, valid="a file of 'emulator train'", fix=_FIX), open_zip(path) as archive:
        yield archive


def archive_kind(path: Path) -> str:
    """Return the kind of an emulator file, "" when it does not say.

    Raises
    ------
    UserError
        When the file is missing or damaged.
    """
    with _reading(path) as archive:
        kind = json_object(archive.text(_HEADER)).get("kind", "")
        return kind if isinstance(kind, str) else ""
