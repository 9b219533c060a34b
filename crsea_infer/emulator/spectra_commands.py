"""What ``crsea-infer emulator`` does with grids of spectra: train on them, and test on points held back.

The functions return text; the command line prints it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.errors import UserError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from crsea_infer.grids.spectra import SpectraGrid

__all__ = ["add_training_arguments", "read_any_spectra_grid", "train_on_spectra", "validate_on_spectra"]


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of training on spectra."""
    parser.add_argument(
        "--method",
        choices=("auto", "polynomial-chaos", "gaussian-process"),
        default="auto",
        help="for grids of spectra (default: the one with the smaller held-out error)",
    )
    parser.add_argument(
        "--max-terms", type=int, default=1500, metavar="N", help="for grids of spectra (default: %(default)s)"
    )


def read_any_spectra_grid(path: Path) -> SpectraGrid:
    """Read a spectra grid, or fold one from an imported DRAGON2 grid."""
    from crsea_infer.grids.spectra import grid_kind, read_spectra_grid

    if grid_kind(path) == "dragon":
        from crsea_infer.emulator.dragon import dragon_spectra_grid, read_dragon_grid

        return dragon_spectra_grid(read_dragon_grid(path))
    return read_spectra_grid(path)


def _table(errors: dict[str, dict[str, float]]) -> str:
    keys = ("median", "quantile_99.9", "maximum")
    lines = ["relative error in per cent              median      99.9 %     largest"]
    lines += [f"{label:<35}" + " ".join(f"{100 * row[key]:11.2e}" for key in keys) for label, row in errors.items()]
    return "\n".join(lines)


def train_on_spectra(arguments: argparse.Namespace) -> str:
    """Train on ``arguments.grid``, write ``arguments.output``, and say how good it is."""
    from crsea_infer.emulator.spectra import write_spectra_emulator
    from crsea_infer.emulator.spectra_training import Method, TrainingSettings, train_spectra_emulator
    from crsea_infer.files import make_directory

    if arguments.max_terms < 1:
        raise UserError(f"--max-terms {arguments.max_terms}", valid="a whole number of at least 1")
    make_directory(arguments.output.resolve().parent)
    said: list[str] = []
    method: Method = arguments.method.replace("-", " ")
    settings = TrainingSettings(method=method, max_terms=arguments.max_terms)
    emulator = train_spectra_emulator(read_any_spectra_grid(arguments.grid), settings, said.append)
    write_spectra_emulator(emulator, arguments.output)
    validation = emulator.metadata["validation"]
    total = {name: value for name, value in validation.items() if name != "spectra"}
    size = arguments.output.stat().st_size / 1e6
    said.append(f"wrote {arguments.output}: {emulator.kind}, {size:.2f} MB")
    said.append(_table({**validation["spectra"], f"all, {validation['n_points']} held-out points": total}))
    return "\n".join(said)


def validate_on_spectra(emulator_path: Path, grid_path: Path | None = None) -> str:
    """Return the table of errors: that inside the file, or on the points of another grid of the same spectra.

    Raises
    ------
    UserError
        When the grid holds other spectra or parameters, or no point inside the box.
    """
    from crsea_infer.emulator.spectra import read_spectra_emulator
    from crsea_infer.emulator.spectra_training import error_table, held_out_errors

    emulator = read_spectra_emulator(emulator_path)
    if grid_path is None:
        validation = emulator.metadata["validation"]
        return _table({**validation["spectra"], f"all, {validation['n_points']} held-out points": validation})
    grid = read_any_spectra_grid(grid_path)
    names = [parameter.name for parameter in emulator.parameters]
    if grid.spectra != emulator.spectra or [parameter.name for parameter in grid.parameters] != names:
        raise UserError(
            f"{grid_path} holds other spectra or parameters than {emulator_path}",
            valid=f"parameters {', '.join(names)}, and the spectra of the training grid",
        )
    errors = held_out_errors(emulator, grid)
    inside = np.isfinite(errors).all(axis=1)
    if not inside.any():
        raise UserError(f"no point of {grid_path} lies inside the box of {emulator_path}")
    table = error_table(errors[inside], emulator)
    left_out = f" ({int((~inside).sum())} outside the box left out)" if not inside.all() else ""
    return _table({**table["spectra"], f"all, {int(inside.sum())} points": table}) + left_out
