"""The command line of ``crsea-infer forecast``: its arguments, and their reading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.cli.arguments import add_workers, place, whole_number
from crsea_infer.support.errors import UserError
from crsea_infer.support.limits import LARGEST_SEED

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "execute"]

_EPILOG = """\
Simulates what each instrument would measure under each hypothesis, for several exposures, and finds ln B of every data
set: its distribution, and the probability of very strong evidence (ln B > 5) for the truth. FORECAST is the name or
path of a forecast (see 'crsea-infer list forecasts'), or that of a run, whose own data are then taken with more and
less exposure. Leaves forecast.ecsv, forecast.json, forecast_data_sets.ecsv and figures. The same command goes on where
an interrupted one stopped; other exposures, instruments and more data sets add to what is there.

examples:
  crsea-infer forecast min_vs_max
  crsea-infer forecast instruments --exposures 0.1,1,10 -n 50
  crsea-infer forecast instruments --hypotheses base-min,gamma-optimized-min --output transport
  crsea-infer forecast my_forecast.toml --scheduler tcp://host:8786"""

_LEAST, _MOST = 20, 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``crsea-infer forecast``."""
    parser.epilog = _EPILOG
    parser.add_argument("forecast", metavar="FORECAST", help="name or path of a forecast, or of a run")
    parser.add_argument(
        "--exposures",
        metavar="X,Y,...",
        type=_numbers,
        help="relative to today (default: the forecast's, or 0.1 to 10)",
    )
    parser.add_argument(
        "--instruments", metavar="NAME,...", type=lambda text: text.split(","), help="only these (default: all)"
    )
    parser.add_argument(
        "--hypotheses",
        metavar="NAME,...",
        type=lambda text: text.split(","),
        help="compare these in place of the forecast's",
    )
    parser.add_argument(
        "-n",
        metavar="N",
        type=whole_number("-n", _LEAST, _MOST),
        help=f"data sets under each hypothesis at each exposure, {_LEAST} or more (default: the forecast's, or 200)",
    )
    parser.add_argument(
        "--seed",
        metavar="SEED",
        type=whole_number("--seed", 0, LARGEST_SEED),
        help="of all random numbers (default: the forecast's)",
    )
    parser.add_argument(
        "--output", metavar="DIR", type=place("--output"), help="where results go (default: results/NAME_forecast)"
    )
    add_workers(parser)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(
            f"--exposures {text[:40]}", valid="factors on the exposure with commas between them, such as 0.1,1,10"
        ) from error


def execute(arguments: argparse.Namespace) -> None:
    """Run the command that was parsed."""
    from crsea_infer.cli.console import ConsoleListener
    from crsea_infer.plan.forecast_file import load_forecast
    from crsea_infer.workflow.forecasts import forecast_instruments

    forecast = load_forecast(arguments.forecast, arguments.hypotheses)
    forecast_instruments(
        forecast.asked(arguments.exposures, arguments.n, arguments.instruments, arguments.seed),
        arguments.output or Path("results") / f"{forecast.name}_forecast",
        workers=arguments.workers,
        scheduler=arguments.scheduler,
        listener=ConsoleListener(),
    )
