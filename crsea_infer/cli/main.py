"""The command line: parses, calls, and turns errors into exit statuses. Nothing is computed here.

Exit status 0 means done; 1 an error of the user's, told in one message; 2 wrong usage (no such command or option); 130
interrupted with everything kept. Modules load only when their command is given, so that help is quick.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.cli.arguments import add_allow_code, one_of, place, whole_number
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import working_directory
from crsea_infer.support.limits import LARGEST_SEED
from crsea_infer.support.names import check_texts, visible
from crsea_infer.support.processes import ignore_interrupts, undisturbed
from crsea_infer.support.user_code import allowing_code
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Command = Callable[[argparse.Namespace], None]

__all__ = ["main"]

_DESCRIPTION = """\
Is the diffuse glow of the Milky Way, from GeV to PeV, the work of the cosmic-ray sea alone, and which sea?
Compare hypotheses on data: posteriors, evidences, Bayes factors, figures."""

_EXAMPLES = """\
examples:
  crsea-infer run min_vs_max                     compare two hypotheses; the run resumes if it was interrupted
  crsea-infer check my_run.toml                  read a run file and show what it would do
  crsea-infer list likelihoods                   what there is: packaged, and in your own folders
  crsea-infer show min --output min.pdf          a prior set, a data set, a hypothesis or a region, and its picture
  crsea-infer predict gamma-optimized-min --region lhaaso_inner --energies 1e4,1e5 --format json
  crsea-infer init analysis                      a folder with a run, a prior set and a data set to start from
  crsea-infer init analysis --from points.fits --region lhaaso_inner    the same with flux points of your own

'crsea-infer COMMAND --help' tells more about each command."""

_RUN_EXAMPLES = """\
RUN is the name of a run (see 'crsea-infer list runs') or the path of a run file.
An output directory that holds the same run is resumed; one that holds another run is refused.

examples:
  crsea-infer run min_vs_max
  crsea-infer run my_run.toml --output results/first --seed 7"""

_SCHEMA_EXAMPLES = """\
Editors with a TOML language server complete and check a file whose first line names its schema.

examples:
  crsea-infer schema run > run.schema.json       then, in a run file: #:schema ./run.schema.json"""

_COMPLETION_EXAMPLES = """\
Prints a script that completes commands, options, kinds and names of runs and hypotheses; it starts no Python
but for names.

examples:
  bash  eval "$(crsea-infer completion bash)"                                          in ~/.bashrc
  zsh   eval "$(crsea-infer completion zsh)"                                           in ~/.zshrc, after compinit
  fish  crsea-infer completion fish > ~/.config/fish/completions/crsea-infer.fish      once"""

_SHELLS = ("bash", "zsh", "fish")
_SCHEMAS = ("run", "study", "priors", "hypotheses", "likelihood", "choices", "forecast")
_ALL = "*"
"""In place of a command: the arguments of all."""
_KINDS = ("regions", "priors", "likelihoods", "hypotheses", "runs", "choices", "forecasts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _print_anything()
    try:
        check_texts(given, "the command line")
        options = _parser(given[0] if given else "").parse_args(given)
        command: Command = options.handler
        working_directory()  # what cannot be found is said before anything counts from it
        with allowing_code(getattr(options, "allow_code", False)):
            command(options)
        sys.stdout.flush()
    except UserError as error:
        print(f"crsea-infer: {visible(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        with undisturbed():
            print("\ncrsea-infer: interrupted; what was done is kept, and the same command resumes it", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, such as 'head', has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"crsea-infer: {visible(str(error))}", file=sys.stderr)
        return 1
    return 0


def entry() -> int:
    """Run the command of this process; once it is done, a late second Ctrl-C does not turn its status into another."""
    status = main()
    ignore_interrupts()
    return status


def _print_anything() -> None:
    """Let no character that the encoding of terminal or pipe lacks end a run that is done: it becomes its escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _parser(chosen: str) -> argparse.ArgumentParser:
    """Build the parser; the arguments that the modules of a command define only when it is chosen, or all are."""
    parser = argparse.ArgumentParser(
        prog="crsea-infer",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"crsea-infer {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, summary: str, command: Command, epilog: str = "") -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        added.set_defaults(handler=command)
        return added

    run = add("run", "compare the hypotheses of a run file on its data", _run, _RUN_EXAMPLES)
    run.add_argument("run", metavar="RUN", help="name or path of a run file")
    run.add_argument("--output", metavar="DIR", type=place("--output"), help="where results go (default: results/NAME)")
    run.add_argument("--fresh", action="store_true", help="discard what an earlier run left in DIR, and start anew")
    run.add_argument(
        "--accept-unconverged", action="store_true", help="end with exit status 0 even if a sampler did not converge"
    )
    run.add_argument(
        "--seed",
        metavar="N",
        type=whole_number("--seed", 0, LARGEST_SEED),
        help="seed of all random numbers (default: the run file's)",
    )
    run.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="dask scheduler whose workers sample: tcp://host:8786 (default: processes on this machine)",
    )

    compare = add("compare", "give the Bayes factors between finished hypotheses", _compare)
    compare.add_argument("directories", metavar="DIR", type=place("DIR"), nargs="+", help="output directory of a run")
    _add_json(compare)

    export = add("export", "write the samples of a finished run for other packages", _of("export_command"))

    prediction = add("predict", "print the intensity that a hypothesis predicts", _predict)

    calibration = add("calibrate", "calibrate the hypotheses of a run file on simulated data", _of("calibrate_command"))

    atlas = add(
        "robustness",
        "find what equally good choices make of the Bayes factors of a run file",
        _of("robustness_command"),
    )

    forecast = add("forecast", "find which exposure, mask or instrument would decide", _of("forecast_command"))

    content = _add_content(add)
    for one in (run, calibration, atlas, forecast, *(content[name] for name in ("check", "list", "show", "cite"))):
        add_allow_code(one)

    own_arguments = {
        "predict": (prediction, "predict_command"),
        "calibrate": (calibration, "calibrate_command"),
        "robustness": (atlas, "robustness_command"),
        "forecast": (forecast, "forecast_command"),
        "export": (export, "export_command"),
        "counts": (
            add("counts", "make a small table of counts from all-sky cubes", _of("counts_command")),
            "counts_command",
        ),
        "init": (content["init"], "init_command"),
        "show": (content["show"], "show_command"),
        "grid": (add("grid", "build and look at grids of transport and emission", _grid), "grid_commands"),
        "emulator": (add("emulator", "train emulators on grids, and validate them", _emulator), "emulator_commands"),
    }
    for name, (command, module) in own_arguments.items():
        if chosen in (name, _ALL):
            importlib.import_module(f"crsea_infer.cli.{module}").add_arguments(command)
    return parser


def _add_content(add: Callable[..., argparse.ArgumentParser]) -> dict[str, argparse.ArgumentParser]:
    """Add the commands that read content and show it, and those that write what helps with it; return them by name."""
    check = add("check", "read a run file and all that it names, and show what it would do", _check)
    check.add_argument("run", metavar="RUN", help="name or path of a run file")
    check.add_argument("--long", action="store_true", help="with descriptions, prior sets, nuisances and references")
    _add_json(check)

    listing = add("list", "show what there is", _list)
    listing.add_argument(
        "kind", nargs="?", choices=_KINDS, type=one_of("kind of content", _KINDS), help="only this (default: all)"
    )
    listing.add_argument("--long", action="store_true", help="with all columns, for wide terminals")
    listing.add_argument("--names", action="store_true", help="print the names alone, one a line, reading no file")
    _add_json(listing)

    shown = add("show", "print and draw a prior set, a data set, a hypothesis or a region", _of("show_command"))

    cite = add("cite", "print BibTeX for all that a run used", _cite)
    cite.add_argument("run", metavar="RUN", nargs="?", help="directory of a finished run, or run file (default: none)")
    _add_json(cite)

    schema = add("schema", "print the JSON schema of a sort of file, for editors", _schema, _SCHEMA_EXAMPLES)
    schema.add_argument(
        "kind", nargs="?", choices=_SCHEMAS, type=one_of("schema", _SCHEMAS), help="only this (default: all, by name)"
    )

    init = add(
        "init",
        "write a run file, a prior set and a data set to start from, or a data set made of a table (--from)",
        _of("init_command"),
    )
    init.add_argument("directory", metavar="DIR", type=place("DIR"), help="folder to write them to")

    completion = add("completion", "print a script by which a shell completes this command", _complete)
    completion.epilog = _COMPLETION_EXAMPLES
    completion.add_argument(
        "shell", metavar="SHELL", choices=_SHELLS, type=one_of("shell", _SHELLS), help=", ".join(_SHELLS)
    )
    return {"check": check, "list": listing, "show": shown, "cite": cite, "init": init}


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs, of a form that stays")


def _run(options: argparse.Namespace) -> None:
    from crsea_infer.plan.run_file import load_run
    from crsea_infer.plan.study_file import is_study, load_study

    if is_study(options.run):
        study = load_study(options.run)
        from crsea_infer.cli.console import ConsoleListener
        from crsea_infer.workflow.studies import execute_study

        execute_study(
            study,
            options.output or Path("results") / study.name,
            options.seed,
            fresh=options.fresh,
            scheduler=options.scheduler,
            accept_unconverged=options.accept_unconverged,
            listener=ConsoleListener(),
        )
        return
    run_file = load_run(options.run)
    from crsea_infer.cli.console import ConsoleListener
    from crsea_infer.workflow import runs

    runs.execute(
        run_file,
        options.output or Path("results") / run_file.name,
        options.seed,
        fresh=options.fresh,
        scheduler=options.scheduler,
        accept_unconverged=options.accept_unconverged,
        listener=ConsoleListener(),
    )


def _of(module: str) -> Command:
    """Return what executes the options of a command that has a module of its own."""
    return lambda options: importlib.import_module(f"crsea_infer.cli.{module}").execute(options)


def _compare(options: argparse.Namespace) -> None:
    from crsea_infer.workflow.comparison import compare

    found = compare(options.directories)
    if options.json:
        from crsea_infer.cli.machine_output import compare_json

        print(compare_json(found))
        return
    from crsea_infer.cli.console import new_console, show_comparison

    show_comparison(new_console(), found)


def _predict(options: argparse.Namespace) -> None:
    from crsea_infer.cli import predict_command

    print(predict_command.execute(options))


def _check(options: argparse.Namespace) -> None:
    if options.json:
        from crsea_infer.cli.machine_output import check_json

        print(check_json(options.run))
        return
    from crsea_infer.cli import commands

    commands.check(options.run, long=options.long)


def _list(options: argparse.Namespace) -> None:
    kinds = (options.kind,) if options.kind else _KINDS
    if options.names:
        from crsea_infer.cli.listings import names

        print(*(name for kind in kinds for name in names(kind)), sep="\n")
        return
    if options.json:
        from crsea_infer.cli.machine_output import list_json

        print(list_json(kinds))
        return
    from crsea_infer.cli import commands

    commands.list_content(kinds, long=options.long)


def _cite(options: argparse.Namespace) -> None:
    from crsea_infer.cli import commands
    from crsea_infer.cli.machine_output import cite_json
    from crsea_infer.workflow.cited_runs import cited_by

    print(cite_json(cited_by(options.run)) if options.json else commands.cite(options.run), end="")


def _complete(options: argparse.Namespace) -> None:
    from crsea_infer.cli.completion import script

    print(script(_parser(_ALL), options.shell), end="")


def _schema(options: argparse.Namespace) -> None:
    from crsea_infer.plan.schemas import schema_text

    print(schema_text(options.kind))


def _grid(options: argparse.Namespace) -> None:
    from crsea_infer.cli import grid_commands

    grid_commands.execute(options)


def _emulator(options: argparse.Namespace) -> None:
    if options.emulator_command == "validate":
        from crsea_infer.cli.emulator_validation import validate_command

        print(validate_command(options))
        return
    from crsea_infer.cli import emulator_commands

    emulator_commands.execute(options)


if __name__ == "__main__":
    sys.exit(main())
