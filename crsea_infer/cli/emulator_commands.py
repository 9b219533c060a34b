"""The command line of emulators: the arguments of train, validate and cache, and train and cache themselves.

Validation compares with data sets, and so stands in :mod:`crsea_infer.cli.emulator_validation`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.cli.arguments import add_allow_code, place, whole_number

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "execute"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands of ``crsea-infer emulator``."""
    from crsea_infer.cli.spectra_emulator_commands import add_training_arguments

    commands = parser.add_subparsers(dest="emulator_command", required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train an emulator on a grid and validate it", allow_abbrev=False)
    train.add_argument("grid", type=place("GRID"), help="file written by grid build")
    train.add_argument(
        "--output", type=place("--output"), default=Path("emulator.npz"), help="file to write (default: %(default)s)"
    )
    train.add_argument(
        "-n", type=whole_number("-n", 1), default=500, help="held-out points of the validation (default: %(default)s)"
    )
    add_training_arguments(train)
    check = commands.add_parser(
        "validate",
        help="compare an emulator with the solver, in per cent and in the errors of data sets",
        allow_abbrev=False,
    )
    check.add_argument(
        "emulator", type=place("EMULATOR"), nargs="?", help="file of emulator train (default: the shipped emulator)"
    )
    check.add_argument("--grid", type=place("--grid"), help="emulators of spectra: another grid to test on")
    check.add_argument("-n", type=whole_number("-n", 1), default=500, help="held-out points (default: %(default)s)")
    check.add_argument(
        "--likelihood",
        action="append",
        metavar="NAME",
        help="data set to compare with; may be repeated (default: all whose regions and energies the emulator holds)",
    )
    check.add_argument(
        "--hypothesis",
        metavar="NAME",
        help="whose priors give what is not in the emulator (default: the prior sets min, gas and leptons)",
    )
    add_allow_code(check)
    kept = commands.add_parser(
        "cache",
        help="show the sky regions that were trained because the emulator lacks them, or forget them",
        allow_abbrev=False,
    )
    kept.add_argument("--clear", action="store_true", help="remove them: they are trained again when asked for")


def execute(arguments: argparse.Namespace) -> None:
    """Run ``train``, on a grid of either kind, or ``cache``."""
    if arguments.emulator_command == "cache":
        print(_cache(clear_it=arguments.clear))
        return
    _train(arguments)


def _cache(*, clear_it: bool) -> str:
    """Return what is kept in the user's cache directory, or remove it and say so."""
    from crsea_infer.emulator.response.region_cache import ENVIRONMENT_VARIABLE, clear, entries, user_folder

    folder = user_folder()
    if folder is None:
        return f"There is no cache directory: nothing is kept. {ENVIRONMENT_VARIABLE} may name one."
    if clear_it:
        return f"removed {clear(folder)} entries from {folder}"
    found = entries(folder)
    lines = [
        f"{entry.region}  {entry.particles}  {entry.physics or 'as shipped'}  {entry.size / 1e3:.0f} kB"
        for entry in found
    ]
    total = sum(entry.size for entry in found) / 1e6
    return "\n".join([*lines, f"{len(found)} entries, {total:.1f} MB in {folder}"])


def _train(arguments: argparse.Namespace) -> None:
    from crsea_infer.grids.spectra_grid import grid_kind

    if grid_kind(arguments.grid) != "response":
        from crsea_infer.cli.spectra_emulator_commands import train_on_spectra

        print(train_on_spectra(arguments))
        return
    _train_responses(arguments)


def _train_responses(arguments: argparse.Namespace) -> None:
    import dataclasses

    from crsea_infer.emulator.held_out import solve_held_out
    from crsea_infer.emulator.response.chebyshev import train
    from crsea_infer.emulator.response.store import write_emulator
    from crsea_infer.emulator.response_validation import validate
    from crsea_infer.emulator.validation_table import error_text
    from crsea_infer.grids.response_grid import read_grid
    from crsea_infer.support.files import make_directory
    from crsea_infer.support.progress import counter

    make_directory(arguments.output.resolve().parent)
    emulator = train(read_grid(arguments.grid))
    with counter("held-out points") as progress:
        held_out = solve_held_out(emulator.settings, arguments.n, progress=progress)
    table = validate(emulator, held_out).table()
    emulator = dataclasses.replace(emulator, metadata={**emulator.metadata, "validation": table})
    write_emulator(emulator, arguments.output)
    size = arguments.output.stat().st_size / 1e6
    print(error_text(table))
    print(f"wrote {arguments.output}: rank {emulator.basis.shape[0]}, {size:.2f} MB")
