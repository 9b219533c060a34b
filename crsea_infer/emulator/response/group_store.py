"""Gas groups of sky regions, trained: the ones that come with the package, and where the others are.

A hypothesis that weighs groups of gas (:mod:`crsea_infer.emulator.response.gas_mix`) needs their responses apart. Those
of the regions of the shipped emulator come with the package, as one more emulator on the same design; they are used
where a model has the same physics. Those of other regions and other physics are trained when first asked for and kept
like other regions (:mod:`crsea_infer.emulator.response.region_cache`).
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.emulator.archive import read_archive, write_archive
from crsea_infer.emulator.response.chebyshev import ResponseEmulator
from crsea_infer.grids.description import ResponseHeader
from crsea_infer.grids.response_grid import GridSettings
from crsea_infer.physics.gas_groups import GAS_GROUPS
from crsea_infer.physics.geometry import N_ABSORPTION_NODES
from crsea_infer.support.array_schema import ArraySpec
from crsea_infer.support.files import digest

if TYPE_CHECKING:
    from crsea_infer.emulator.archive import Layout

__all__ = ["SHIPPED_GROUPS", "read_groups", "shipped_groups", "write_groups"]

SHIPPED_GROUPS: Final = "gas_groups.npz"
"""Name of the file that comes with the package."""

_KIND: Final = "gas groups"


def write_groups(emulator: ResponseEmulator, path: Path) -> None:
    """Write an emulator whose components are groups of gas; equal emulators give equal bytes."""
    header = {"settings": emulator.settings.as_json(), "metadata": dict(emulator.metadata)}
    write_archive(path, _KIND, header, {"coefficients": emulator.coefficients, "basis": emulator.basis})


def _layout(_: str, header: ResponseHeader) -> Layout:
    """Return what a file with that header must hold."""
    settings = header.settings
    sizes = {
        "term": math.prod(axis.n_nodes for axis in settings.axes),
        "region": len(settings.regions),
        "group": len(GAS_GROUPS),
        "absorption": N_ABSORPTION_NODES,
        "rigidity": settings.n_rigidity,
    }
    return {
        "coefficients": ArraySpec(("term", "rank")),
        "basis": ArraySpec(("rank", "region", "group", "absorption", "rigidity")),
    }, sizes


def read_groups(path: Path) -> ResponseEmulator:
    """Read what :func:`write_groups` wrote.

    Raises
    ------
    UserError
        When the file is missing, damaged, of another format, changed, or does not hold what its header says.
    """
    header, arrays = read_archive(path, {_KIND: ResponseHeader}, _layout)
    return ResponseEmulator(GridSettings.from_json(header["settings"]), metadata=header["metadata"], **arrays)


@lru_cache(maxsize=1)
def _shipped() -> tuple[ResponseEmulator, str]:
    emulator = read_groups(Path(str(files("crsea_infer.emulator") / "data" / SHIPPED_GROUPS)))
    return emulator, _physics(emulator.settings)


def shipped_groups(settings: GridSettings) -> ResponseEmulator | None:
    """Return the groups that come with the package, if they have the physics and design of these settings."""
    emulator, own = _shipped()
    return emulator if _physics(settings) == own else None


def _physics(settings: GridSettings) -> str:
    """Return a hash of all that decides the groups of a region."""
    content: dict[str, Any] = settings.as_json()
    for other in ("regions", "cross_section", "nuclear_enhancement", "electrons", "lepton_heights"):
        del content[other]
    return digest(content)
