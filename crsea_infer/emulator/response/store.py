"""Response emulators on disk, in the one file format of all emulators (:mod:`crsea_infer.emulator.archive`).

The file holds the coefficients and bases, the settings of the grid they were trained on with parameter names, units and
ranges, the hash of that grid and the validation table.
"""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crsea_infer.emulator.archive import read_archive, write_archive
from crsea_infer.emulator.response.chebyshev import ResponseEmulator
from crsea_infer.grids.description import ResponseHeader
from crsea_infer.grids.response_grid import GridSettings
from crsea_infer.physics.geometry import COMPONENTS, N_ABSORPTION_NODES
from crsea_infer.physics.leptons import LEPTON_COMPONENTS, LEPTON_ENERGIES
from crsea_infer.support.array_schema import ArraySpec

if TYPE_CHECKING:
    from crsea_infer.emulator.archive import Layout

__all__ = ["SHIPPED", "read_emulator", "write_emulator"]

SHIPPED: Final = "response_emulator.npz"
"""Name of the emulator that comes with the package."""

_ARRAYS: Final = ("coefficients", "basis", "lepton_coefficients", "lepton_basis")


def write_emulator(emulator: ResponseEmulator, path: Path) -> None:
    """Write an emulator; equal emulators give equal bytes."""
    header = {"settings": emulator.settings.as_json(), "metadata": dict(emulator.metadata)}
    arrays = {name: getattr(emulator, name) for name in _ARRAYS if getattr(emulator, name) is not None}
    write_archive(path, "response", header, arrays)


def _layout(_: str, header: ResponseHeader) -> Layout:
    """Return what a file with that header must hold."""
    settings = header.settings
    sizes = {
        "term": math.prod(axis.n_nodes for axis in settings.axes),
        "region": len(settings.regions),
        "component": len(COMPONENTS),
        "absorption": N_ABSORPTION_NODES,
        "rigidity": settings.n_rigidity,
        "lepton_component": len(LEPTON_COMPONENTS),
        "lepton_energy": LEPTON_ENERGIES.size,
    }
    schema = {
        "coefficients": ArraySpec(("term", "rank")),
        "basis": ArraySpec(("rank", "region", "component", "absorption", "rigidity")),
    }
    if settings.electrons is not None:
        schema["lepton_coefficients"] = ArraySpec(("term", "lepton_rank"))
        schema["lepton_basis"] = ArraySpec(("lepton_rank", "region", "lepton_component", "lepton_energy"))
    return schema, sizes


def read_emulator(path: Path | None = None) -> ResponseEmulator:
    """Read an emulator; without a path, the one that comes with the package.

    Raises
    ------
    UserError
        When the file is missing, damaged, of another format, changed, or does not hold what its header says.
    """
    source = Path(str(files("crsea_infer.emulator") / "data" / SHIPPED)) if path is None else path
    header, arrays = read_archive(source, {"response": ResponseHeader}, _layout)
    return ResponseEmulator(GridSettings.from_json(header["settings"]), metadata=header["metadata"], **arrays)
