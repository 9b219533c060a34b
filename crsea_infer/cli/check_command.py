"""What ``crsea-infer check`` does: reads a run or study file with all that it names, and shows what it would do.

It computes no likelihood, but goes as far as binding the data sets to the sky model, so that whatever would stop a run
before its first sample stops `check` too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crsea_infer.cli.listings import place_words
from crsea_infer.cli.tables import count_words, new_console, say, show_table
from crsea_infer.plan.subsets import ALL
from crsea_infer.support.names import visible

if TYPE_CHECKING:
    from rich.console import Console

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.plan.run_file import RunFile

    Record = dict[str, Any]

__all__ = ["check", "checked_record"]


def check(run: str, *, long: bool = False) -> None:
    """Read a run file with all that it names, bind it to its sky model, and print a summary.

    Parameters
    ----------
    run
        Name or path of a run or study file.
    long
        Whether tables have all columns.

    Raises
    ------
    UserError
        On anything that would stop the run before its first sample.
    """
    record = checked_record(run)
    console = new_console()
    console.print(visible(record["title"]), markup=False, style="bold", end="  ")
    console.print(f"({visible(record['path'])})", markup=False, soft_wrap=True)
    if record["kind"] == "study":
        _show_study(console, record)
    else:
        _show_run(console, record, long=long)


def checked_record(run: str) -> Record:
    """Return what a run or study file would do, once it is found valid: texts, numbers and lists alone.

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
        return _study_record(run)
    run_file = load_run(run)
    model = emulator.load(run_file.emulator)
    check_run(run_file, model)
    beside = runs_beside(run_file)
    for one in beside.values():
        check_run(one, emulator.load(one.emulator))
    return _run_record(run_file, model, list(beside))


def _study_record(name: str) -> Record:
    """Bind every hypothesis of every combination to its sky model, and return what the study would do."""
    from crsea_infer import emulator
    from crsea_infer.plan.run_check import check_study
    from crsea_infer.plan.study_file import load_study

    study = load_study(name)
    checked = check_study(study, emulator.load())
    combinations = []
    for label, run_file in study.runs.items():
        posteriors = {hypothesis: by_data[ALL] for hypothesis, by_data in checked[label].items()}
        combinations.append(
            {
                "name": label,
                "title": run_file.title,
                "hypotheses": list(posteriors),
                "n_parameters": [len(posterior.names) for posterior in posteriors.values()],
                "n_data": next(iter(posteriors.values())).n_data,
                "samplers": list(run_file.samplers),
                "likelihoods": [likelihood.name for likelihood in run_file.likelihoods],
            }
        )
    return {"kind": "study", "title": study.title, "path": str(study.path), "combinations": combinations}


def _run_record(run: RunFile, model: SkyModel, beside: list[str]) -> Record:
    return {
        "kind": "run",
        "title": run.title,
        "path": str(run.path),
        "description": run.description,
        "hypotheses": [_hypothesis_record(one) for one in run.hypotheses],
        "likelihoods": [_likelihood_record(one) for one in run.likelihoods],
        "training": {name: list(trained_on) for name, trained_on in run.subsets.training.items()},
        "groups": {name: list(members) for name, members in run.subsets.groups.items()},
        "variants": [
            {"name": one.name, "title": one.title, "weight": one.weight, "physics": one.physics.words()}
            for one in run.variants
        ],
        "beside": beside,
        "sky_model": {**model.description, "fingerprint": model.fingerprint},
        "samplers": {name: options.model_dump(mode="json") for name, options in run.samplers.items()},
        "seed": run.seed,
        "n_data": sum(likelihood.n_data for likelihood in run.likelihoods),
    }


def _hypothesis_record(hypothesis: Hypothesis) -> Record:
    return {
        "name": hypothesis.name,
        "title": hypothesis.title,
        "n_free": len(hypothesis.free),
        "physics": hypothesis.physics.words() if hypothesis.physics else "",
        "parameters": [
            {
                "name": parameter.name,
                "prior": parameter.distribution.describe(),
                "published": float(parameter.fiducial),
                "unit": parameter.unit,
                "prior_set": parameter.prior_set,
                "description": parameter.description,
                "free": free,
            }
            for free, parameters in ((True, hypothesis.free), (False, hypothesis.fixed))
            for parameter in parameters
        ],
    }


def _likelihood_record(likelihood: Likelihood) -> Record:
    provenance = likelihood.provenance
    return {
        "name": likelihood.name,
        "title": likelihood.title,
        "n_data": likelihood.n_data,
        "region": place_words(likelihood),
        "nuisances": [nuisance.name for nuisance in likelihood.nuisances],
        "status": provenance.status,
        "reference": provenance.reference,
        "table_or_figure": provenance.table_or_figure,
    }


def _show_run(console: Console, record: Record, *, long: bool) -> None:
    if record["description"]:
        say(console, visible(record["description"]))
    for hypothesis in record["hypotheses"]:
        console.print()
        _show_hypothesis(console, hypothesis, long=long)
    console.print()
    _show_likelihoods(console, record["likelihoods"], long=long)
    console.print()
    for name, trained_on in record["training"].items():
        say(console, visible(f"{name}: {', '.join(trained_on)}"), "Training set")
    for name, members in record["groups"].items():
        say(console, visible(f"{name}: {', '.join(members)}"), "Group")
    if record["variants"]:
        rows = [
            (one["name"], f"{one['weight']:.3g}", one["physics"] or "as the sky model", one["title"])
            for one in record["variants"]
        ]
        show_table(console, "Variants", ("variant", "weight", "physics", "title"), rows, {"weight"})
        console.print()
    for hypothesis in record["hypotheses"]:
        if hypothesis["physics"]:
            say(console, visible(f"{hypothesis['name']}: {hypothesis['physics']}"), "Physics")
    physics = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in _without_fingerprint(record).items())
    say(console, visible(f"{physics}; fingerprint {record['sky_model']['fingerprint']}"), "Sky model")
    samplers = "; ".join(f"{name} ({_options(given)})" for name, given in record["samplers"].items())
    say(console, visible(f"{samplers}; seed {record['seed']}"), "Samplers")
    n_hypotheses = count_words(len(record["hypotheses"]), "hypothesis", "hypotheses")
    console.print()
    say(console, f"The run is valid: {n_hypotheses}, {count_words(record['n_data'], 'data point')}.")


def _without_fingerprint(record: Record) -> Record:
    return {key: value for key, value in record["sky_model"].items() if key != "fingerprint"}


def _options(given: Record) -> str:
    return ", ".join(f"{name} = {value}" for name, value in given.items())


def _show_hypothesis(console: Console, hypothesis: Record, *, long: bool) -> None:
    title = f"{hypothesis['name']}: {hypothesis['title']} ({count_words(hypothesis['n_free'], 'free parameter')})"
    keys = {"name": "parameter", "prior": "prior", "published": "published", "unit": "unit"}
    if long:
        keys |= {"prior_set": "prior set", "description": "description"}
    rows = [[f"{one[key]:g}" if key == "published" else one[key] for key in keys] for one in hypothesis["parameters"]]
    show_table(console, title, list(keys.values()), rows, {"published"})


def _show_likelihoods(console: Console, likelihoods: list[Record], *, long: bool) -> None:
    keys = {"name": "likelihood", "n_data": "points", "region": "region", "status": "status"}
    if long:
        keys |= {"nuisances": "nuisances", "where": "reference"}
    keys["title"] = "title"
    rows = [
        {
            **one,
            "n_data": str(one["n_data"]),
            "nuisances": ", ".join(one["nuisances"]) or "none",
            "where": f"{one['reference']}, {one['table_or_figure']}",
        }
        for one in likelihoods
    ]
    show_table(console, "Data sets", list(keys.values()), [[row[key] for key in keys] for row in rows], {"points"})


def _show_study(console: Console, record: Record) -> None:
    rows = [
        (
            one["name"],
            str(len(one["hypotheses"])),
            f"{min(one['n_parameters'])} to {max(one['n_parameters'])}",
            str(one["n_data"]),
            ", ".join(one["samplers"]),
            ", ".join(one["likelihoods"]),
        )
        for one in record["combinations"]
    ]
    columns = ("combination", "hypotheses", "parameters", "points", "samplers", "likelihoods")
    show_table(console, "Combinations", columns, rows, {"hypotheses", "points"})
    console.print()
    say(console, f"The study is valid: {count_words(len(rows), 'run')}.")
