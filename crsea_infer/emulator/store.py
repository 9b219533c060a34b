"""Emulators on disk: plain arrays and JSON metadata in one npz file.

The file holds the coefficients, the basis, the settings of the grid they were trained on, the hash of that grid and the
validation table. Nothing in it is executed on reading.
"""

from __future__ import annotations

import io
import json
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from crsea_infer import __version__
from crsea_infer.emulator.response import ResponseEmulator
from crsea_infer.errors import UserError
from crsea_infer.files import atomic_write
from crsea_infer.grids.response import GridSettings

__all__ = ["SHIPPED", "read_emulator", "write_emulator"]

_FORMAT: Final = "crsea_infer response emulator 2"
SHIPPED: Final = "response_emulator.npz"
"""Name of the emulator that comes with the package."""


def _array_bytes(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def write_emulator(emulator: ResponseEmulator, path: Path) -> None:
    """Write an emulator; equal emulators give equal bytes."""
    header = {
        "format": _FORMAT,
        "crsea_infer_version": __version__,
        "settings": emulator.settings.as_json(),
        "metadata": dict(emulator.metadata),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        members = {
            "header.json": json.dumps(header, sort_keys=True, indent=1).encode(),
            "coefficients.npy": _array_bytes(emulator.coefficients),
            "basis.npy": _array_bytes(emulator.basis),
        }
        if emulator.lepton_coefficients is not None and emulator.lepton_basis is not None:
            members["lepton_coefficients.npy"] = _array_bytes(emulator.lepton_coefficients)
            members["lepton_basis.npy"] = _array_bytes(emulator.lepton_basis)
        for name, content in members.items():
            # a fixed date: archives of equal content are equal
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    atomic_write(path, stream.getvalue())


def read_emulator(path: Path | None = None) -> ResponseEmulator:
    """Read an emulator; without a path, the one that comes with the package.

    Raises
    ------
    UserError
        When the file is missing, truncated, or of another format.
    """
    source = Path(str(files("crsea_infer.emulator") / "data" / SHIPPED)) if path is None else path
    fix = "train one with: crsea-infer emulator train GRID --output FILE"
    if not source.is_file():
        raise UserError(f"there is no emulator file {source}", fix=fix)
    try:
        with zipfile.ZipFile(source) as archive:
            header = json.loads(archive.read("header.json"))
            names = ["coefficients", "basis"]
            if "lepton_basis.npy" in archive.namelist():
                names += ["lepton_coefficients", "lepton_basis"]
            arrays = {name: np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False) for name in names}
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UserError(
            f"{source} is not a readable emulator file ({error})", valid="a file of 'emulator train'", fix=fix
        ) from error
    if header.get("format") != _FORMAT:
        raise UserError(f"{source} has the format {header.get('format')!r}", valid=repr(_FORMAT), fix=fix)
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise UserError(f"{source} holds numbers that are not finite", fix=fix)
    return ResponseEmulator(GridSettings.from_json(header["settings"]), metadata=header["metadata"], **arrays)
