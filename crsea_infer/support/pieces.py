"""The points of a build on disk, written as they finish.

A build has a directory: ``build.json`` says what is being computed (task, settings, design, hash), and every finished
piece is one npz file with the indices of its points and their values. Files are whole or absent, so a build that was
killed at any moment goes on from what is there. A directory that holds another build is refused, and so is a piece that
was damaged on its disk (npz files carry a checksum of every array): it is left as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.support.array_files import open_zip, refusing
from crsea_infer.support.array_schema import ArraySpec, check_headers, check_numbers
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import (
    atomic_path,
    atomic_write,
    digest,
    is_leftover,
    make_directory,
    read_text,
    remove_leftovers,
)
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

__all__ = ["Build", "Pieces"]

_SCHEMA: Final = {"index": ArraySpec(("point",), ("i8",), "not negative")}
_FORMAT: Final = "crsea_infer build 1"
_LISTED, _SHOWN = 5, 60
"""Differences that a message lists, and characters of a value that it quotes."""


@dataclass(frozen=True)
class Build:
    """What is computed: one function, at many points.

    Attributes
    ----------
    task
        "package.module:Class" of a task (see :mod:`crsea_infer.support.schedule`).
    settings
        What the task is made from; plain JSON. A build with other settings is another build.
    names
        Names of the parameters.
    points
        Shape [n_points, n_parameters].
    """

    task: str
    settings: Mapping[str, Any]
    names: tuple[str, ...]
    points: Float64

    @property
    def hash(self) -> str:
        """Hash of task, settings and every point."""
        numbers = hashlib.sha256(np.ascontiguousarray(self.points, dtype=float).tobytes()).hexdigest()
        content = {"task": self.task, "settings": dict(self.settings), "names": list(self.names), "points": numbers}
        return digest(content)

    def point(self, index: int) -> dict[str, float]:
        """Return the parameters of one point."""
        return dict(zip(self.names, self.points[index].tolist(), strict=True))


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Say in words in what two manifests differ, apart from their hash: 'settings.gas: there "x", here "y"'."""
    theirs, ours = _flat(there), _flat(json.loads(json.dumps(here)))
    names = [name for name in sorted({*theirs, *ours} - {"hash"}) if theirs.get(name) != ours.get(name)]
    words = [f"{name}: there {_short(theirs.get(name))}, here {_short(ours.get(name))}" for name in names[:_LISTED]]
    return [*words, f"and {len(names) - _LISTED} more"] if len(names) > _LISTED else words


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings, and lists of them, as one mapping with names joined by dots."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            found |= _flat({key: {str(index): item for index, item in enumerate(value)}}, prefix)
        elif isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


class Pieces:
    """The finished points of a build, in a directory.

    Parameters
    ----------
    directory
        Made when absent.
    build
        What is being computed.

    Raises
    ------
    UserError
        When the directory holds another build, or cannot be written to.
    """

    def __init__(self, directory: Path, build: Build) -> None:
        self.directory = make_directory(directory)
        self.build = build
        manifest = directory / "build.json"
        if manifest.is_file():
            self._compare(manifest)
        elif any(not is_leftover(path) for path in directory.iterdir()):
            raise UserError(
                f"{directory} holds files of something else",
                valid="an empty directory, or one of the same build",
                fix="choose another place with --output, or remove it",
            )
        else:
            atomic_write(manifest, json.dumps(self._manifest(), indent=1, sort_keys=True))
        remove_leftovers(directory)

    def _compare(self, manifest: Path) -> None:
        fix = "choose another place with --output, or remove it"
        try:
            content = json.loads(read_text(manifest))
            same = content["hash"] == self.build.hash and content["crsea_infer_version"] == __version__
            reasons = [] if same else _differences(content, self._manifest())
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise UserError(f"{manifest} is not readable ({error})", fix=fix) from error
        if not same:
            raise UserError(
                f"{self.directory} holds another build: {'; '.join(reasons) or 'the values of its points differ'}",
                valid="an empty directory, or one of the same build, whose points are kept",
                fix=fix,
            )

    def _manifest(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "crsea_infer_version": __version__,
            "hash": self.build.hash,
            "task": self.build.task,
            "settings": dict(self.build.settings),
            "parameters": list(self.build.names),
            "n_points": len(self.build.points),
        }

    def _files(self) -> list[Path]:
        return sorted(self.directory.glob("piece-*.npz"))

    def _read(self, path: Path) -> tuple[np.typing.NDArray[np.int64], Float64]:
        """Return the indices [n] of the points of a piece, and their values [n, ...]."""
        fix = "delete it: the same command then computes its points again, and no others"
        given = f"{path} is damaged or truncated"
        with refusing(given, valid="a file that crsea-infer wrote, unchanged", fix=fix), open_zip(path) as archive:
            n_axes = len(archive.headers["values"].shape) - 1
            schema = _SCHEMA | {"values": ArraySpec(("point", *(f"axis {i + 1}" for i in range(n_axes))))}
            check_headers(archive.headers, schema, {}, where=given, fix=fix, limit=archive.limit)
            found = {name: archive.array(name) for name in archive.headers}
            arrays = check_numbers(found, schema, where=given, fix=fix)
            index, values = arrays["index"], arrays["values"]
            if not (index < len(self.build.points)).all() or len(np.unique(index)) < len(index):
                raise ValueError("its points are not those of this build")
        return index, values

    def finished(self) -> np.typing.NDArray[np.bool_]:
        """Tell which points are done, shape [n_points].

        Raises
        ------
        UserError
            When a piece is damaged.
        """
        done = np.zeros(len(self.build.points), dtype=bool)
        for path in self._files():
            done[self._read(path)[0]] = True
        return done

    def write(self, index: Sequence[int], values: Float64) -> None:
        """Keep the values [n, ...] of some points."""
        path = self.directory / f"piece-{index[0]:09d}-{len(index)}.npz"
        stream = io.BytesIO()
        np.savez(stream, index=np.asarray(index, dtype=np.int64), values=values)
        atomic_write(path, stream.getvalue())

    def collect(self) -> Float64:
        """Return the values of all points in order, shape [n_points, ...], mapped from a file in the directory.

        Raises
        ------
        UserError
            When points are missing, a piece is damaged or not of the shape of the others, or the disk is full.
        """
        path = self.directory / "values.npy"
        done = np.zeros(len(self.build.points), dtype=bool)
        shape: tuple[int, ...] = ()
        # On disk: a grid may be larger than the memory. Written, not mapped: where a map meets a full disk, the kernel
        # kills the process.
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            for piece_path in self._files():
                index, values = self._read(piece_path)
                if not done.any():
                    shape = values.shape[1:]
                    header = {"descr": "<f8", "fortran_order": False, "shape": (done.size, *shape)}
                    np.lib.format.write_array_header_1_0(stream, header)
                    start = stream.tell()
                if values.shape[1:] != shape:
                    raise UserError(f"{piece_path} has values of shape {values.shape[1:]}", valid=str(shape))
                for i, row in zip(index.tolist(), values.astype("<f8"), strict=True):
                    stream.seek(start + i * row.nbytes)
                    stream.write(row.tobytes())
                done[index] = True
            if not done.all():
                raise UserError(
                    f"{int((~done).sum())} of {done.size} points are missing in {self.directory}",
                    fix="give the same command again: it computes what is missing",
                )
        return np.asarray(np.load(path, mmap_mode="c"))
