"""The command line of ``crsea-infer calibrate``: its arguments, and their reading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.cli.arguments import add_workers, place, whole_number
from crsea_infer.support.limits import LARGEST_SEED

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "execute"]

_EPILOG = """\
Simulates N data sets under each hypothesis of a run, with truths from its prior, and analyses each with the importance
estimator: ranks of the true parameters, and how often the Bayes factor misleads. Leaves calibration*.ecsv, figures and
calibration.html. The same command goes on where an interrupted one stopped,
and one with a larger N adds to what is there.

examples:
  crsea-infer calibrate min_vs_max -n 200
  crsea-infer calibrate my_run.toml -n 1000 --scheduler tcp://host:8786"""

_LEAST, _MOST = 20, 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``crsea-infer calibrate``."""
    parser.epilog = _EPILOG
    parser.add_argument("run", metavar="RUN", help="name or path of a run file")
    parser.add_argument(
        "-n",
        metavar="N",
        type=whole_number("-n", _LEAST, _MOST),
        required=True,
        help=f"data sets to simulate under each hypothesis, {_LEAST} or more",
    )
    parser.add_argument(
        "--seed",
        metavar="SEED",
        type=whole_number("--seed", 0, LARGEST_SEED),
        help="of all random numbers (default: the run file's)",
    )
    parser.add_argument(
        "--output", metavar="DIR", type=place("--output"), help="where results go (default: results/NAME_calibration)"
    )
    add_workers(parser)


def execute(arguments: argparse.Namespace) -> None:
    """Run the command that was parsed."""
    from crsea_infer.cli.console import ConsoleListener
    from crsea_infer.plan.run_file import load_run
    from crsea_infer.support.local import available_cores
    from crsea_infer.support.schedule import Schedule
    from crsea_infer.workflow.calibrations import calibrate

    run = load_run(arguments.run)
    workers = min(available_cores(), 8) if arguments.workers is None else arguments.workers
    schedule = Schedule(scheduler=arguments.scheduler, workers=workers, chunk=1)
    calibrate(
        run,
        arguments.n,
        arguments.output or Path("results") / f"{run.name}_calibration",
        arguments.seed,
        schedule,
        listener=ConsoleListener(),
    )
