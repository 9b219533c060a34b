"""The command line of emulators: train and validate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "execute"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands of ``crsea-infer emulator``."""
    from crsea_infer.emulator.spectra_commands import add_training_arguments

    commands = parser.add_subparsers(dest="emulator_command", required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train an emulator on a grid and validate it", allow_abbrev=False)
    train.add_argument("grid", type=Path, help="file written by grid build")
    train.add_argument("--output", type=Path, default=Path("emulator.npz"), help="file to write (default: %(default)s)")
    train.add_argument("-n", type=int, default=500, help="held-out points of the validation (default: %(default)s)")
    add_training_arguments(train)
    check = commands.add_parser("validate", help="compare an emulator with the solver", allow_abbrev=False)
    check.add_argument("emulator", type=Path, nargs="?", help="file of emulator train (default: the shipped emulator)")
    check.add_argument("--grid", type=Path, help="emulators of spectra: another grid to test on")
    check.add_argument("-n", type=int, default=500, help="held-out points (default: %(default)s)")


def execute(arguments: argparse.Namespace) -> None:
    """Run the sub-command that was parsed."""
    from crsea_infer.errors import UserError

    if arguments.n < 1:
        raise UserError(f"-n {arguments.n} held-out points", valid="a whole number of at least 1")
    {"train": _train, "validate": _validate}[arguments.emulator_command](arguments)


def _train(arguments: argparse.Namespace) -> None:
    from crsea_infer.grids.spectra import grid_kind

    if grid_kind(arguments.grid) != "response":
        from crsea_infer.emulator.spectra_commands import train_on_spectra

        print(train_on_spectra(arguments))
        return
    _train_responses(arguments)


def _train_responses(arguments: argparse.Namespace) -> None:
    import dataclasses

    from crsea_infer.emulator.response import train
    from crsea_infer.emulator.store import write_emulator
    from crsea_infer.emulator.validate import validate
    from crsea_infer.files import make_directory
    from crsea_infer.grids.response import read_grid
    from crsea_infer.progress import counter

    make_directory(arguments.output.resolve().parent)
    emulator = train(read_grid(arguments.grid))
    with counter("held-out points") as progress:
        summary = validate(emulator, arguments.n, progress=progress).summary()
    emulator = dataclasses.replace(emulator, metadata={**emulator.metadata, "validation": summary})
    write_emulator(emulator, arguments.output)
    size = arguments.output.stat().st_size / 1e6
    print(f"wrote {arguments.output}: rank {emulator.basis.shape[0]}, {size:.2f} MB")
    print(
        f"error on {summary['n_points']} held-out points: 99.9 % below {summary['quantile_99.9']:.1e}, "
        f"largest {summary['maximum']:.1e}"
    )
    if "lepton_maximum" in summary:
        print(f"gamma rays of electrons: {summary['lepton_quantile_99.9']:.1e} and {summary['lepton_maximum']:.1e}")


def _validate(arguments: argparse.Namespace) -> None:
    from crsea_infer.emulator.archive import archive_kind

    if arguments.emulator is not None and archive_kind(arguments.emulator) != "response":
        from crsea_infer.emulator.spectra_commands import validate_on_spectra

        print(validate_on_spectra(arguments.emulator, arguments.grid))
        return
    _validate_responses(arguments)


def _validate_responses(arguments: argparse.Namespace) -> None:
    from crsea_infer.emulator.store import read_emulator
    from crsea_infer.emulator.validate import validate
    from crsea_infer.progress import counter

    emulator = read_emulator(arguments.emulator)
    with counter("held-out points") as progress:
        validation = validate(emulator, arguments.n, progress=progress)
    print("relative error in per cent     median      99.9 %     largest")
    for messenger, region, component, median, high, largest in validation.rows():
        print(
            f"{messenger:<9} {region:<18} {component:<2} {100 * median:11.2e} {100 * high:11.2e} {100 * largest:11.2e}"
        )
    summary = validation.summary()
    overall = (100 * summary[key] for key in ("median", "quantile_99.9", "maximum"))
    print(f"{'all':<31}" + " ".join(f"{value:11.2e}" for value in overall))
