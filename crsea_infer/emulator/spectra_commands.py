"""What ``crsea-infer emulator`` does with grids of spectra: train on them, and find points of others to test on.

The functions return text; the command line prints it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.arguments import one_of, whole_number
from crsea_infer.emulator.validation_table import error_text
from crsea_infer.errors import UserError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from crsea_infer.emulator.spectra import SpectraEmulator
    from crsea_infer.grids.spectra import SpectraGrid

__all__ = ["add_training_arguments", "models_inside", "read_any_spectra_grid", "train_on_spectra"]

_METHODS = ("auto", "polynomial-chaos", "gaussian-process")


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of training on spectra."""
    parser.add_argument(
        "--method",
        choices=_METHODS,
        type=one_of("method", _METHODS),
        default="auto",
        help="for grids of spectra (default: the one with the smaller held-out error)",
    )
    parser.add_argument(
        "--max-terms",
        type=whole_number("--max-terms", 1),
        default=1500,
        metavar="N",
        help="for grids of spectra (default: %(default)s)",
    )


def read_any_spectra_grid(path: Path) -> SpectraGrid:
    """Read a spectra grid, or fold one from an imported DRAGON2 grid."""
    from crsea_infer.grids.spectra import grid_kind, read_spectra_grid

    if grid_kind(path) == "dragon":
        from crsea_infer.emulator.dragon import dragon_spectra_grid, read_dragon_grid

        return dragon_spectra_grid(read_dragon_grid(path))
    return read_spectra_grid(path)


def train_on_spectra(arguments: argparse.Namespace) -> str:
    """Train on ``arguments.grid``, write ``arguments.output``, and say how good it is."""
    from crsea_infer.emulator.spectra import write_spectra_emulator
    from crsea_infer.emulator.spectra_training import Method, TrainingSettings, train_spectra_emulator
    from crsea_infer.files import make_directory

    make_directory(arguments.output.resolve().parent)
    said: list[str] = []
    method: Method = arguments.method.replace("-", " ")
    settings = TrainingSettings(method=method, max_terms=arguments.max_terms)
    emulator = train_spectra_emulator(read_any_spectra_grid(arguments.grid), settings, said.append)
    write_spectra_emulator(emulator, arguments.output)
    size = arguments.output.stat().st_size / 1e6
    said.append(f"wrote {arguments.output}: {emulator.kind}, {size:.2f} MB")
    said.append(error_text(emulator.metadata["validation"]))
    return "\n".join(said)


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
