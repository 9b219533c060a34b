"""What ``crsea-infer emulator`` does with grids of spectra: train on them, and find points of others to test on.

The functions return text; the command line prints it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.cli.arguments import one_of, whole_number
from crsea_infer.emulator.validation_table import error_text

if TYPE_CHECKING:
    import argparse


__all__ = ["add_training_arguments", "train_on_spectra"]

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


def train_on_spectra(arguments: argparse.Namespace) -> str:
    """Train on ``arguments.grid``, write ``arguments.output``, and say how good it is."""
    from crsea_infer.emulator.spectra.any_grid import read_any_spectra_grid
    from crsea_infer.emulator.spectra.spectra_emulator import write_spectra_emulator
    from crsea_infer.emulator.spectra.training import Method, TrainingSettings, train_spectra_emulator
    from crsea_infer.support.files import make_directory

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
