"""What the commands `list`, `check`, `cite` and `init` do.

They read content and show it; none of them computes a likelihood. `check` goes as far as binding the data sets to the
sky model, so that whatever would stop a run before its first sample stops `check` too.
"""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING

from crsea_infer.content import finding
from crsea_infer.plan.subsets import ALL
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_write, make_directory
from crsea_infer.support.names import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.inference.samplers.options import SamplerOptions
    from crsea_infer.plan.run_file import RunFile

__all__ = ["check", "cite", "init", "list_content"]

_STARTER_TABLE = ("likelihoods/lhaaso_km2a_inner/flux.ecsv", "likelihoods/my_data/flux.ecsv")


def list_content(kinds: Sequence[str]) -> None:
    """Print what there is of each kind: "regions", "priors", "likelihoods", "hypotheses", "runs", "choices".

    A file that cannot be read is listed with its error: one bad file of the user's must not hide the others.
    """
    console = _console()
    for number, kind in enumerate(kinds):
        if number:
            console.print()
        console.print(_LISTINGS[kind]())


def check(run: str) -> None:
    """Read a run file with all that it names, bind it to its sky model, and print a summary.

    Raises
    ------
    UserError
        On anything that would stop the run before its first sample.
    """
    from crsea_infer import emulator
    from crsea_infer.plan.run_check import check_run
    from crsea_infer.plan.run_file import load_run
    from crsea_infer.plan.runs_beside import runs_beside
    from crsea_infer.plan.study_file import is_study

    if is_study(run):
        _check_study(run)
        return
    run_file = load_run(run)
    model = emulator.load(run_file.emulator)
    check_run(run_file, model)
    for beside in runs_beside(run_file).values():
        check_run(beside, emulator.load(beside.emulator))
    console = _console()
    console.print(f"[bold]{_text(run_file.title)}[/bold]  ({_text(str(run_file.path))})")
    if run_file.description:
        console.print(_text(run_file.description))
    for hypothesis in run_file.hypotheses:
        console.print()
        console.print(_hypothesis_table(hypothesis))
    console.print()
    console.print(_likelihood_table(run_file))
    for name, trained_on in run_file.subsets.training.items():
        console.print(f"[bold]Training set[/bold]  {_text(name)}: {_text(', '.join(trained_on))}")
    for name, members in run_file.subsets.groups.items():
        console.print(f"[bold]Group[/bold]  {_text(name)}: {_text(', '.join(members))}")
    console.print()
    if run_file.variants:
        console.print(_variant_table(run_file))
    for hypothesis in run_file.hypotheses:
        if hypothesis.physics:
            console.print(f"[bold]Physics[/bold]  {_text(hypothesis.name)}: {_text(hypothesis.physics.words())}")
    physics = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in model.description.items())
    console.print(f"[bold]Sky model[/bold]  {_text(physics)}; fingerprint {model.fingerprint}")
    options = "; ".join(f"{name} ({_text(_options(given))})" for name, given in run_file.samplers.items())
    console.print(f"[bold]Samplers[/bold]  {options}; seed {run_file.seed}")
    n_data = sum(likelihood.n_data for likelihood in run_file.likelihoods)
    console.print(f"\nThe run is valid: {len(run_file.hypotheses)} hypotheses, {n_data} data points.")


def _check_study(name: str) -> None:
    """Bind every hypothesis of every combination to its sky model, and print what the study would do."""
    from crsea_infer import emulator
    from crsea_infer.plan.run_check import check_study
    from crsea_infer.plan.study_file import load_study

    study = load_study(name)
    checked = check_study(study, emulator.load())
    console = _console()
    console.print(f"[bold]{_text(study.title)}[/bold]  ({_text(str(study.path))})")
    table = _table("Combinations", "combination", "hypotheses", "parameters", "points", "samplers", "likelihoods")
    for label, run_file in study.runs.items():
        posteriors = [by_data[ALL] for by_data in checked[label].values()]
        sizes = [len(posterior.names) for posterior in posteriors]
        table.add_row(
            label,
            str(len(posteriors)),
            f"{min(sizes)} to {max(sizes)}",
            str(posteriors[0].n_data),
            ", ".join(run_file.samplers),
            ", ".join(likelihood.name for likelihood in run_file.likelihoods),
        )
    console.print(table)
    console.print(f"\nThe study is valid: {len(study.runs)} runs.")


def cite(run: str) -> str:
    """Return BibTeX for the data sets, models and samplers of a run, each once.

    Raises
    ------
    UserError
        When the run is not valid.
    """
    from crsea_infer.inference.samplers.registry import sampler_class
    from crsea_infer.plan.study_file import load_runs

    runs = load_runs(run)
    entries: dict[str, None] = {}
    for likelihood in (likelihood for run_file in runs for likelihood in run_file.likelihoods):
        entries.update(dict.fromkeys(likelihood.citations))
    cited: dict[str, set[str]] = {}
    for hypothesis in (hypothesis for run_file in runs for hypothesis in run_file.hypotheses):
        for reference in hypothesis.references:
            cited.setdefault(reference, set()).add(hypothesis.name)
    uses = {reference: ["models of " + ", ".join(sorted(names))] for reference, names in cited.items()}
    for name in dict.fromkeys(name for run_file in runs for name in run_file.samplers):
        sampler = sampler_class(name)
        for reference in sampler.references:
            uses.setdefault(reference, []).append(sampler.title)
    entries.update(dict.fromkeys(_entry_of(reference, "; ".join(words)) for reference, words in uses.items()))
    return "\n\n".join(entries)


def init(directory: Path) -> None:
    """Write a commented run file, prior set, hypothesis and data set to `directory`, ready to check and run.

    Raises
    ------
    UserError
        When the directory cannot be written to, or a file of the starter is there already.
    """
    starter = importlib.resources.files("crsea_infer.cli") / "starter"
    files = {name: item.read_bytes() for name, item in _files_below(starter, "")}
    packaged, name = _STARTER_TABLE
    files[name] = (finding.packaged_root() / packaged).read_bytes()
    present = [name for name in sorted(files) if (directory / name).exists()]
    if present:
        raise UserError(
            f"{directory / present[0]} is there already",
            valid="a new folder, or one without " + ", ".join(sorted(files)),
            fix="choose another folder, or move the file away",
        )
    for name, text in files.items():
        make_directory((directory / name).parent)
        atomic_write(directory / name, text)
    console = _console()
    console.print(f"wrote to {_text(str(directory))}:")
    for name in sorted(files):
        console.print(f"  {name}")
    console.print(f"next: cd {_text(str(directory))} && crsea-infer check my_run")


def _files_below(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in sorted(folder.iterdir(), key=lambda each: each.name):
        if item.is_dir():
            found += _files_below(item, f"{prefix}{item.name}/")
        elif item.name.endswith((".toml", ".ecsv")):
            found.append((prefix + item.name, item))
    return found


def _entry_of(reference: str, use: str) -> str:
    """Return a BibTeX entry for an arXiv identifier, or a comment for a reference that is neither that nor an entry."""
    if reference.startswith("@"):
        return reference
    if not reference.startswith("arXiv:"):
        return f"% {reference}: {use}"
    identifier = reference.removeprefix("arXiv:")
    fields = {"eprint": identifier, "archivePrefix": "arXiv", "note": use}
    lines = "".join(f"  {key} = {{{value}}},\n" for key, value in fields.items())
    return f"@misc{{arXiv:{identifier},\n{lines}}}"


def _console() -> Console:
    """Return a console that wraps at the terminal's width, and late when the output goes to a file or a pipe."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # for the command line to deal with, instead of rich's exit with status 1

    console = Plain(highlight=False, emoji=False)
    return console if console.is_terminal else Plain(highlight=False, width=160, emoji=False)


def _text(text: str) -> str:
    """Return a text as it is to be shown: no part of it is taken for markup, and none acts on the terminal."""
    from rich.markup import escape

    return escape(visible(text))


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    return table


def _hypothesis_table(hypothesis: Hypothesis) -> Table:
    title = f"{hypothesis.name}: {hypothesis.title} ({len(hypothesis.free)} free parameters)"
    table = _table(_text(title), "parameter", "prior", "unit", "published", "prior set", "description")
    for parameter in (*hypothesis.free, *hypothesis.fixed):
        table.add_row(
            _text(parameter.name),
            _text(parameter.distribution.describe()),
            _text(parameter.unit),
            f"{parameter.fiducial:g}",
            _text(parameter.prior_set),
            _text(parameter.description),
        )
    return table


def _likelihood_table(run_file: RunFile) -> Table:
    table = _table("Data sets", "likelihood", "points", "region", "nuisances", "status", "reference", "title")
    for likelihood in run_file.likelihoods:
        provenance = likelihood.provenance
        table.add_row(
            likelihood.name,
            str(likelihood.n_data),
            _text(_place(likelihood)),
            _text(", ".join(nuisance.name for nuisance in likelihood.nuisances) or "none"),
            _text(provenance.status),
            _text(f"{provenance.reference}, {provenance.table_or_figure}"),
            _text(likelihood.title),
        )
    return table


def _variant_table(run_file: RunFile) -> Table:
    table = _table("Variants", "variant", "weight", "physics", "title")
    for one in run_file.variants:
        table.add_row(
            _text(one.name), f"{one.weight:.3g}", _text(one.physics.words() or "as the sky model"), _text(one.title)
        )
    return table


def _place(likelihood: Likelihood) -> str:
    """Return where a data set looks: a region, several, or the cosmic rays at the Sun."""
    if likelihood.region is not None:
        return likelihood.region
    regions = {request.region for request in likelihood.requests} - {None}
    return f"{len(regions)} regions" if regions else "the Sun"


def _options(options: SamplerOptions) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.model_dump().items())


def _or_error(read: Callable[[], tuple[str, ...]], width: int) -> tuple[str, ...]:
    """Return the cells that `read` gives, or the first line of its error in the last one."""
    try:
        return tuple(_text(cell) for cell in read())
    except UserError as error:
        return (*[""] * (width - 1), f"[red]not valid: {_text(error.given)}[/red]")


def _list_regions() -> Table:
    from crsea_infer.physics.regions import REGIONS

    table = _table(
        "Sky regions (or any box, such as l=50..200,b=-5..5)", "region", "longitude", "latitude", "description"
    )
    for region in REGIONS.values():
        longitude, latitude = (f"{low:g} to {high:g} deg" for low, high in (region.longitude, region.latitude))
        table.add_row(region.name, longitude, latitude, _text(region.description))
    return table


def _list_priors() -> Table:
    from crsea_infer.hypotheses.prior_sets import read_prior_set

    table = _table("Prior sets", "prior set", "from", "parameters", "title")
    for item in finding.available("priors"):

        def read(path: Path = item.path) -> tuple[str, ...]:
            prior_set = read_prior_set(path)
            return ", ".join(parameter.name for parameter in prior_set.parameters), prior_set.title

        table.add_row(_text(item.name), item.origin, *_or_error(read, 2))
    return table


def _list_likelihoods() -> Table:
    from crsea_infer.inference.likelihoods.absent_tables import AbsentDataError
    from crsea_infer.inference.likelihoods.likelihood import load_likelihood

    table = _table("Likelihoods", "likelihood", "from", "points", "region", "status", "reference", "title")
    for item in finding.available("likelihoods"):

        def read(name: str = item.name) -> tuple[str, ...]:
            try:
                likelihood = load_likelihood(name)
            except AbsentDataError as error:
                return "", "", "absent", "", error.title
            provenance = likelihood.provenance
            return str(likelihood.n_data), _place(likelihood), provenance.status, provenance.reference, likelihood.title

        table.add_row(_text(item.name), item.origin, *_or_error(read, 5))
    return table


def _list_hypotheses() -> Table:
    from crsea_infer.hypotheses.hypothesis import available_hypotheses, load_hypothesis

    table = _table("Hypotheses", "hypothesis", "from", "prior sets", "free parameters", "title")
    packaged = finding.hypothesis_files()[-1]
    for name, (title, prior_sets, path) in sorted(available_hypotheses().items()):
        origin = "package" if path == packaged else "yours"

        def read(name: str = name, title: str = title) -> tuple[str, ...]:
            return str(len(load_hypothesis(name).free)), title

        table.add_row(_text(name), origin, _text(", ".join(prior_sets)), *_or_error(read, 2))
    return table


def _list_runs() -> Table:
    from crsea_infer.plan.run_file import load_run
    from crsea_infer.plan.study_file import is_study, load_study

    table = _table("Runs", "run", "from", "hypotheses", "likelihoods", "title")
    for item in finding.available("runs"):

        def read(path: Path = item.path) -> tuple[str, ...]:
            if is_study(path):
                study = load_study(path)
                each = ", ".join(study.main_hypotheses)
                return each, f"combinations: {', '.join(study.runs)}", study.title
            run_file = load_run(path)
            hypotheses = ", ".join(hypothesis.name for hypothesis in run_file.hypotheses)
            return hypotheses, ", ".join(likelihood.name for likelihood in run_file.likelihoods), run_file.title

        table.add_row(_text(item.name), item.origin, *_or_error(read, 3))
    return table


def _list_choices() -> Table:
    from crsea_infer.plan.choices import load_choices

    table = _table("Lists of choices", "list", "from", "axes", "title")
    for item in finding.available("choices"):

        def read(path: Path = item.path) -> tuple[str, ...]:
            choices = load_choices(path)
            return ", ".join(f"{axis.name} ({len(axis.options)})" for axis in choices.axes), choices.title

        table.add_row(_text(item.name), item.origin, *_or_error(read, 2))
    return table


_LISTINGS = {
    "regions": _list_regions,
    "priors": _list_priors,
    "likelihoods": _list_likelihoods,
    "hypotheses": _list_hypotheses,
    "runs": _list_runs,
    "choices": _list_choices,
}
