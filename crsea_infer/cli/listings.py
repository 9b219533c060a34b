"""What there is of each kind of content: the records that ``crsea-infer list`` shows, as tables or as JSON.

A record is a mapping of names to texts, numbers and lists. A file that cannot be read has a record with its error: one
bad file of the user's must not hide the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from crsea_infer.cli.tables import new_console, show_table
from crsea_infer.content import finding
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from crsea_infer.inference.likelihoods.likelihood import Likelihood

    Record = dict[str, Any]

__all__ = ["LISTINGS", "names", "place_words", "records", "show_listings"]


@dataclass(frozen=True)
class Listing:
    """How a kind of content is listed.

    Attributes
    ----------
    title
        Above the table.
    read
        Gives the records.
    short
        Key of a record -> heading, of the columns that 80 characters hold.
    more
        Of those that a long listing has besides, before the last one.
    """

    title: str
    read: Callable[[], Iterator[Record]]
    short: dict[str, str]
    more: dict[str, str]


def records(kind: str) -> list[Record]:
    """Return what there is of a kind of :data:`LISTINGS`."""
    return list(LISTINGS[kind].read())


def names(kind: str) -> list[str]:
    """Return what the things of a kind are called, whether or not their files are valid."""
    if kind == "regions":
        return [record["name"] for record in records(kind)]
    if kind == "hypotheses":
        from crsea_infer.hypotheses.hypothesis import available_hypotheses

        return sorted(available_hypotheses())
    return [item.name for item in finding.available(cast("finding.ContentKind", kind))]


def show_listings(kinds: Sequence[str], *, long: bool = False) -> None:
    """Print what there is of each kind; with all columns if `long`."""
    console = new_console()
    for number, kind in enumerate(kinds):
        if number:
            console.print()
        listing, found = LISTINGS[kind], records(kind)
        columns = _columns(listing, found, long=long)
        rows = [_row(record, columns) for record in found]
        show_table(console, listing.title, list(columns.values()), rows, {"points", "parameters"})


def _columns(listing: Listing, found: Sequence[Record], *, long: bool) -> dict[str, str]:
    """Return key -> heading of the columns shown; where records come from is shown where it differs."""
    first, *middle = listing.short
    *middle, last = middle
    origin = {"from": "from"} if long or any(record.get("from") == "yours" for record in found) else {}
    keys = {**listing.short, **listing.more, **origin}
    shown = [first, *(origin if "from" in found[0] else ()), *middle, *(listing.more if long else ()), last]
    return {key: keys[key] for key in shown}


def _row(record: Record, columns: dict[str, str]) -> list[str]:
    if "error" in record:
        *keys, _ = columns
        return [*(str(record.get(key, "")) for key in keys), f"not valid: {record['error']}"]
    return [_words(record[key]) for key in columns]


def _words(value: Any) -> str:
    if isinstance(value, list):
        numbers = len(value) == 2 and all(isinstance(one, float) for one in value)
        return "..".join(f"{one:g}" for one in value) if numbers else ", ".join(map(str, value))
    box, mask, _ = str(value).partition(",mask=")
    return f"{box}, masked" if mask else box


def _read(name: str, origin: str, rest: Callable[[], Record]) -> Record:
    """Return a record, of which `rest` may find that its file is not valid."""
    head = {"name": name, "from": origin}
    try:
        return {**head, **rest()}
    except UserError as error:
        return {**head, "error": error.given}


def place_words(likelihood: Likelihood) -> str:
    """Return where a data set looks: a region, several, or the cosmic rays at the Sun."""
    if likelihood.region is not None:
        return likelihood.region
    regions = {request.region for request in likelihood.requests} - {None}
    return f"{len(regions)} regions" if regions else "the Sun"


def _regions() -> Iterator[Record]:
    from crsea_infer.physics.regions import REGIONS

    for region in REGIONS.values():
        yield {
            "name": region.name,
            "longitude": [float(one) for one in region.longitude],
            "latitude": [float(one) for one in region.latitude],
            "solid_angle_sr": float(f"{region.solid_angle:.4g}"),
            "description": region.description,
        }


def _priors() -> Iterator[Record]:
    from crsea_infer.hypotheses.prior_sets import read_prior_set

    for item in finding.available("priors"):

        def rest(path: Any = item.path) -> Record:
            prior_set = read_prior_set(path)
            names = [parameter.name for parameter in prior_set.parameters]
            return {"title": prior_set.title, "n_parameters": len(names), "parameters": names}

        yield _read(item.name, item.origin, rest)


def _likelihoods() -> Iterator[Record]:
    from crsea_infer.inference.likelihoods.absent_tables import AbsentDataError
    from crsea_infer.inference.likelihoods.likelihood import load_likelihood

    for item in finding.available("likelihoods"):

        def rest(name: str = item.name) -> Record:
            try:
                likelihood = load_likelihood(name)
            except AbsentDataError as absent:
                return {"title": absent.title, "n_data": 0, "region": "absent", "status": "absent", "reference": ""}
            return {
                "title": likelihood.title,
                "n_data": likelihood.n_data,
                "region": place_words(likelihood),
                "status": likelihood.provenance.status,
                "reference": likelihood.provenance.reference,
            }

        yield _read(item.name, item.origin, rest)


def _hypotheses() -> Iterator[Record]:
    from crsea_infer.hypotheses.hypothesis import available_hypotheses, load_hypothesis

    packaged = finding.hypothesis_files()[-1]
    for name, (title, prior_sets, path) in sorted(available_hypotheses().items()):

        def rest(name: str = name, title: str = title, prior_sets: Any = prior_sets) -> Record:
            n_free = len(load_hypothesis(name).free)
            return {"title": title, "n_parameters": n_free, "prior_sets": list(prior_sets)}

        yield _read(name, "package" if path == packaged else "yours", rest)


def _runs() -> Iterator[Record]:
    from crsea_infer.plan.run_file import load_run
    from crsea_infer.plan.study_file import is_study, load_study

    for item in finding.available("runs"):

        def rest(path: Any = item.path) -> Record:
            if is_study(path):
                study = load_study(path)
                return {
                    "title": study.title,
                    "kind": "study",
                    "hypotheses": list(study.main_hypotheses),
                    "likelihoods": [],
                    "combinations": list(study.runs),
                }
            run_file = load_run(path)
            return {
                "title": run_file.title,
                "kind": "run",
                "hypotheses": [hypothesis.name for hypothesis in run_file.hypotheses],
                "likelihoods": [likelihood.name for likelihood in run_file.likelihoods],
                "combinations": [],
            }

        yield _read(item.name, item.origin, rest)


def _choices() -> Iterator[Record]:
    from crsea_infer.plan.choices import load_choices

    for item in finding.available("choices"):

        def rest(path: Any = item.path) -> Record:
            choices = load_choices(path)
            return {"title": choices.title, "axes": [f"{axis.name} ({len(axis.options)})" for axis in choices.axes]}

        yield _read(item.name, item.origin, rest)


def _forecasts() -> Iterator[Record]:
    from crsea_infer.plan.forecast_file import load_forecast

    for item in finding.available("forecasts"):

        def rest(path: Any = item.path) -> Record:
            forecast = load_forecast(path)
            return {
                "title": forecast.title,
                "hypotheses": list(forecast.hypotheses),
                "instruments": [one.name for one in forecast.instruments],
            }

        yield _read(item.name, item.origin, rest)


LISTINGS: Final = {
    "regions": Listing(
        "Sky regions, in degrees (or any box, such as l=50..200,b=-5..5)",
        _regions,
        {
            "name": "region",
            "longitude": "longitude",
            "latitude": "latitude",
            "solid_angle_sr": "sr",
            "description": "description",
        },
        {},
    ),
    "priors": Listing(
        "Prior sets",
        _priors,
        {"name": "prior set", "n_parameters": "parameters", "title": "title"},
        {"parameters": "names"},
    ),
    "likelihoods": Listing(
        "Likelihoods",
        _likelihoods,
        {"name": "likelihood", "n_data": "points", "region": "region", "title": "title"},
        {"status": "status", "reference": "reference"},
    ),
    "hypotheses": Listing(
        "Hypotheses",
        _hypotheses,
        {"name": "hypothesis", "n_parameters": "parameters", "title": "title"},
        {"prior_sets": "prior sets"},
    ),
    "runs": Listing(
        "Runs",
        _runs,
        {"name": "run", "kind": "kind", "title": "title"},
        {"hypotheses": "hypotheses", "likelihoods": "likelihoods", "combinations": "combinations"},
    ),
    "choices": Listing(
        "Lists of choices",
        _choices,
        {"name": "list", "title": "title"},
        {"axes": "axes (options)"},
    ),
    "forecasts": Listing(
        "Forecasts",
        _forecasts,
        {"name": "forecast", "title": "title"},
        {"hypotheses": "hypotheses", "instruments": "instruments"},
    ),
}
"""By kind."""
