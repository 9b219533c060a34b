"""The command line of ``crsea-infer export``: its arguments, and what it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.cli.arguments import one_of, place

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "execute"]

_FORMATS = ("getdist", "anesthetic", "bilby", "csv")
_EPILOG = """\
Writes the samples of every hypothesis and sampler, with their weights and ln L, in files that the package opens:
getdist.loadMCSamples(ROOT), anesthetic.read_chains(ROOT), bilby.result.read_in_result(FILE). Nested sampling keeps its
live points: anesthetic finds ln Z again.

examples:
  crsea-infer export results/min_vs_max --to getdist
  crsea-infer export results/min_vs_max --to anesthetic --hypothesis gamma-optimized-min --sampler dynesty"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``crsea-infer export``."""
    parser.epilog = _EPILOG
    parser.add_argument("directory", metavar="DIR", type=place("DIR"), help="output directory of a finished run")
    parser.add_argument(
        "--to",
        metavar="PACKAGE",
        required=True,
        choices=_FORMATS,
        type=one_of("format", _FORMATS),
        help=", ".join(_FORMATS),
    )
    parser.add_argument(
        "--output", metavar="FOLDER", type=place("--output"), help="where files go (default: DIR/export/PACKAGE)"
    )
    parser.add_argument("--hypothesis", metavar="NAME", help="only this one (default: all)")
    parser.add_argument("--sampler", metavar="NAME", help="only this one (default: all)")


def execute(arguments: argparse.Namespace) -> None:
    """Run the command that was parsed."""
    from crsea_infer.interface.finished_run import open_run

    folder = arguments.output or Path(arguments.directory) / "export" / arguments.to
    run = open_run(arguments.directory)
    for path in run.export(arguments.to, folder, hypothesis=arguments.hypothesis, sampler=arguments.sampler):
        print(path)
