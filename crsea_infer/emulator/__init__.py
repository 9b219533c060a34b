"""Fast stand-ins for the transport solver, trained on grids, with their error known and written inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.emulator.model import SkyModel

__all__ = ["exact", "load"]


def load(path: Path | None = None, *, absorption: bool = True) -> SkyModel:
    """Return the sky model of an emulator file; without a path, that of the emulator shipped with the package."""
    from crsea_infer.emulator.sky import EmulatedSky
    from crsea_infer.emulator.store import read_emulator

    return EmulatedSky(read_emulator(path), absorption=absorption)


def exact(path: Path | None = None, *, absorption: bool = True) -> SkyModel:
    """Return the sky model backed by the solver, with the settings of an emulator file (default: the shipped one)."""
    from crsea_infer.emulator.sky import ExactSky
    from crsea_infer.emulator.store import read_emulator

    return ExactSky(read_emulator(path).settings, absorption=absorption)
