"""Grids of spectra for training and testing, whichever way they come: as spectra, or as DRAGON2 runs to be folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.emulator.spectra.spectra_emulator import SpectraEmulator
    from crsea_infer.grids.spectra_grid import SpectraGrid

__all__ = ["models_inside", "read_any_spectra_grid"]


def read_any_spectra_grid(path: Path) -> SpectraGrid:
    """Read a spectra grid, or fold one from an imported DRAGON2 grid."""
    from crsea_infer.grids.spectra_grid import grid_kind, read_spectra_grid

    if grid_kind(path) == "dragon":
        from crsea_infer.emulator.spectra.dragon_intensities import dragon_spectra_grid, read_dragon_grid

        return dragon_spectra_grid(read_dragon_grid(path))
    return read_spectra_grid(path)


def models_inside(emulator: SpectraEmulator, path: Path) -> tuple[SpectraGrid, int]:
    """Return the points of another grid of the same spectra that lie in an emulator's box, and how many do not.

    Raises
    ------
    UserError
        When the grid holds other spectra or parameters, or no point inside the box.
    """
    grid = read_any_spectra_grid(path)
    names = [parameter.name for parameter in emulator.parameters]
    if grid.spectra != emulator.spectra or [parameter.name for parameter in grid.parameters] != names:
        raise UserError(
            f"{path} holds other spectra or parameters than the emulator",
            valid=f"parameters {', '.join(names)}, and the spectra of the training grid",
        )
    values = {parameter.name: grid.points[:, i] for i, parameter in enumerate(grid.parameters)}
    inside = np.isfinite(emulator.log_intensities(values)).all(axis=1)
    if not inside.any():
        box = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in emulator.box.items())
        raise UserError(f"no point of {path} lies inside the box of the emulator", valid=box)
    return grid.take(np.flatnonzero(inside)), int(np.sum(~inside))
