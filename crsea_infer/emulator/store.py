"""Response emulators on disk, in the one file format of all emulators (:mod:`crsea_infer.emulator.archive`).

The file holds the coefficients and bases, the settings of the grid they were trained on with parameter names, units and
ranges, the hash of that grid and the validation table.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from crsea_infer.emulator.archive import read_archive, write_archive
from crsea_infer.emulator.response import ResponseEmulator
from crsea_infer.errors import UserError
from crsea_infer.grids.response import GridSettings

__all__ = ["SHIPPED", "read_emulator", "write_emulator"]

SHIPPED: Final = "response_emulator.npz"
"""Name of the emulator that comes with the package."""

_ARRAYS: Final = ("coefficients", "basis", "lepton_coefficients", "lepton_basis")


def write_emulator(emulator: ResponseEmulator, path: Path) -> None:
    """Write an emulator; equal emulators give equal bytes."""
    header = {"settings": emulator.settings.as_json(), "metadata": dict(emulator.metadata)}
    arrays = {name: getattr(emulator, name) for name in _ARRAYS if getattr(emulator, name) is not None}
    write_archive(path, "response", header, arrays)


def read_emulator(path: Path | None = None) -> ResponseEmulator:
    """Read an emulator; without a path, the one that comes with the package.

    Raises
    ------
    UserError
        When the file is missing, truncated, or of another format.
    """
    source = Path(str(files("crsea_infer.emulator") / "data" / SHIPPED)) if path is None else path
    header, arrays = read_archive(source, ("response",))
    try:
        return ResponseEmulator(GridSettings.from_json(header["settings"]), metadata=header["metadata"], **arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{source} lacks a part of an emulator, or has another ({error})",
            fix="train it again with: crsea-infer emulator train GRID --output FILE",
        ) from error
