"""The command line of ``crsea-infer robustness``: its arguments, and their reading."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.cli.arguments import add_workers, place, whole_number
from crsea_infer.support.limits import LARGEST_SEED

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "execute"]

_EPILOG = """\
Finds ln Z of every hypothesis of a run for every option of a list of choices (systematic errors, cross-sections, widths
of priors, ...) and for all pairs of them, and averages ln B over them. Leaves evidence.ecsv, choices.ecsv,
bayes_factors.ecsv, a tornado figure and index.html. The same command goes on where an interrupted one stopped. Of a
study that was carried out in DIR, each combination gets the atlas of its main hypotheses, and results.md is made anew;
--hypotheses and --combinations make more, or less, of it at a time.

examples:
  crsea-infer robustness min_vs_max
  crsea-infer robustness min_vs_max --single --only systematics scatter=free
  crsea-infer robustness paper --single --combinations lhaaso --hypotheses base-min-sources base-max-sources
  crsea-infer robustness my_run.toml --choices my_choices.toml --output results/atlas"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``crsea-infer robustness``."""
    parser.epilog = _EPILOG
    parser.add_argument("run", metavar="RUN", help="name or path of a run file")
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=place("--output"),
        help="where results go (default: results/NAME/robustness); in DIR/robustness if DIR holds a run",
    )
    parser.add_argument(
        "--choices", metavar="LIST", default="standard", help="name or path of a list of choices (default: standard)"
    )
    parser.add_argument("--single", action="store_true", help="each option by itself, without pairs")
    parser.add_argument(
        "--only", metavar="CHOICE", nargs="+", default=(), help="of the list these alone: AXIS or AXIS=OPTION"
    )
    parser.add_argument(
        "--hypotheses",
        metavar="NAME",
        nargs="+",
        default=(),
        help="of these alone (default: all of a run; of a study its main ones, and those its statements compare)",
    )
    parser.add_argument(
        "--combinations", metavar="NAME", nargs="+", default=(), help="of a study: of these alone (default: all)"
    )
    parser.add_argument("--fresh", action="store_true", help="find again what was found in DIR")
    parser.add_argument(
        "--seed",
        metavar="N",
        type=whole_number("--seed", 0, LARGEST_SEED),
        help="seed of all random numbers (default: the run file's)",
    )
    add_workers(parser)


def execute(arguments: argparse.Namespace) -> None:
    """Run the command that was parsed."""
    from crsea_infer.cli.console import ConsoleListener
    from crsea_infer.plan.choices import load_choices
    from crsea_infer.plan.run_file import load_run
    from crsea_infer.plan.study_file import is_study, load_study
    from crsea_infer.support.errors import UserError
    from crsea_infer.support.output_names import ATLAS
    from crsea_infer.workflow.robustness import robustness
    from crsea_infer.workflow.study_robustness import study_robustness

    choices = load_choices(arguments.choices)
    choices = choices.only(arguments.only) if arguments.only else choices
    choices = replace(choices, pairs=choices.pairs and not arguments.single)
    if is_study(arguments.run):
        study = load_study(arguments.run)
        study_robustness(
            study,
            choices,
            arguments.output or Path("results") / study.name,
            arguments.seed,
            fresh=arguments.fresh,
            workers=arguments.workers,
            scheduler=arguments.scheduler,
            hypotheses=arguments.hypotheses,
            combinations=arguments.combinations,
            listener=ConsoleListener(),
        )
        return
    run = load_run(arguments.run)
    if arguments.combinations:
        raise UserError(
            f"--combinations {' '.join(arguments.combinations)} of the run {run.name}, which has none",
            valid="a study, such as paper",
            fix="leave --combinations out",
        )
    robustness(
        run,
        choices,
        arguments.output or Path("results") / run.name / ATLAS,
        arguments.seed,
        fresh=arguments.fresh,
        workers=arguments.workers,
        scheduler=arguments.scheduler,
        hypotheses=arguments.hypotheses,
        listener=ConsoleListener(),
    )
