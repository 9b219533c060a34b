"""Forecasts: which exposure, mask or instrument would tell hypotheses apart? What is asked, in one TOML file.

A forecast names hypotheses, exposures, and instruments. An instrument is a set of data sets whose tables say what the
errors are, of real ones or of a folder beside the file that holds assumptions; options change their keys as in a run
file, the region among them. What an instrument would measure is simulated, so that the intensities in its tables do not
matter: only errors do. A run file is a forecast too: of its own data, with more or less exposure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from crsea_infer.content import finding
from crsea_infer.content.toml_files import Entry, SchemaOf, read_toml, validate
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import FollowsMorphology, load_likelihood
from crsea_infer.inference.likelihoods.scaled_exposure import ErrorBudget, error_budget, with_exposure
from crsea_infer.physics.regions import parse_region
from crsea_infer.plan.run_file import RunFile, load_run, run_from
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.names import check_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.inference.likelihoods.likelihood import Likelihood

__all__ = ["DATA_SETS", "EXPOSURES", "Forecast", "ForecastEntry", "Instrument", "InstrumentEntry", "load_forecast"]

EXPOSURES: Final = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Exposures of a forecast that names none."""

DATA_SETS: Final = 200
"""Data sets simulated under each hypothesis, unless the forecast says otherwise."""

_LEAST, _MOST = 1e-6, 1e6
"""Of exposures."""

_FEWEST, _MOST_DATA_SETS = 20, 100_000

Exposure = Annotated[float, Field(ge=_LEAST, le=_MOST)]


class InstrumentEntry(Entry):
    """What would measure.

    Attributes
    ----------
    title
        In a line.
    label
        Words for the legend of a figure.
    basis
        Where its errors come from, in words: published, or which assumption.
    likelihoods
        Names or paths of data sets, from the folder of the forecast.
    options
        Keys of a data set's likelihood.toml, changed here: [instruments.NAME.options.DATA_SET].
    exposure
        Relative to that of its tables, of what the axis calls 1.
    unit
        What the axis calls 1, in words.
    systematic_scale
        Factor on the systematic errors of its tables.
    systematic_floor
        Relative systematic error that is added to them in quadrature.
    """

    title: str
    label: str
    basis: str
    likelihoods: list[str]
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    exposure: Exposure = 1.0
    unit: str = "exposure of the published data"
    systematic_scale: float = Field(default=1.0, ge=0.0, le=100.0)
    systematic_floor: float = Field(default=0.0, ge=0.0, le=10.0)


class ForecastEntry(Entry):
    """A forecast: what instruments would say of hypotheses.

    Attributes
    ----------
    title, description
        In words.
    hypotheses
        Names.
    seed
        Of all random numbers.
    exposures
        At which data are simulated.
    data_sets
        Simulated under each hypothesis at each exposure.
    instruments
        One table for each, [instruments.NAME].
    """

    title: str
    description: str = ""
    hypotheses: list[str]
    seed: int = 1
    exposures: list[Exposure] = Field(default_factory=lambda: list(EXPOSURES), min_length=1)
    data_sets: int = Field(default=DATA_SETS, ge=_FEWEST, le=_MOST_DATA_SETS)
    instruments: Annotated[dict[str, Annotated[dict[str, Any], SchemaOf(InstrumentEntry)]], Field(min_length=1)]


@dataclass(frozen=True, eq=False)
class Instrument:
    """An instrument of a forecast, read and resolved.

    Attributes
    ----------
    name, title, label, basis, unit
        As in the file.
    run
        Its data sets, with the hypotheses and the seed of the forecast.
    exposure
        Of what the axis calls 1, relative to that of the tables.
    sky_ratios
        Solid angle of each data set, relative to that of the region for which its table was made.
    systematic_scale, systematic_floor
        As in the file.
    """

    name: str
    title: str
    label: str
    basis: str
    unit: str
    run: RunFile
    exposure: float
    sky_ratios: tuple[float, ...]
    systematic_scale: float = 1.0
    systematic_floor: float = 0.0

    def exposures_of_data(self, exposure: float) -> list[float]:
        """Return exposure times solid angle of each data set relative to its table, at an exposure of the axis."""
        return [self.exposure * exposure * ratio for ratio in self.sky_ratios]

    def at(self, exposure: float) -> RunFile:
        """Return its run with the errors that it has at an exposure of the axis."""
        changed = tuple(
            with_exposure(likelihood, own, self.systematic_scale, self.systematic_floor)
            for likelihood, own in zip(self.run.likelihoods, self.exposures_of_data(exposure), strict=True)
        )
        return replace(self.run, likelihoods=changed)

    def budget(self, exposure: float) -> tuple[ErrorBudget, ...]:
        """Return the relative errors of each data set at an exposure of the axis."""
        return tuple(error_budget(likelihood) for likelihood in self.at(exposure).likelihoods)

    @property
    def solid_angle(self) -> float:
        """Solid angle of all its regions together, sr; nan where a data set has none."""
        names = {request.region for one in self.run.likelihoods for request in one.requests}
        return math.fsum(parse_region(name).solid_angle if name else math.nan for name in names)


@dataclass(frozen=True, eq=False)
class Forecast:
    """A forecast that was read.

    Attributes
    ----------
    name, title, description
        As in the file.
    instruments
        In order.
    exposures
        At which data are simulated, rising.
    data_sets
        Simulated under each hypothesis.
    """

    name: str
    title: str
    description: str
    instruments: tuple[Instrument, ...]
    exposures: tuple[float, ...]
    data_sets: int

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """Names."""
        return tuple(hypothesis.name for hypothesis in self.instruments[0].run.hypotheses)

    def asked(
        self,
        exposures: Sequence[float] | None = None,
        data_sets: int | None = None,
        instruments: Sequence[str] | None = None,
        seed: int | None = None,
    ) -> Forecast:
        """Return the forecast with other exposures, data sets or seed, or some of its instruments.

        Raises
        ------
        UserError
            When there is no such instrument, or a number makes no sense.
        """
        chosen = self.instruments
        if instruments is not None:
            by_name = {one.name: one for one in self.instruments}
            for name in instruments:
                if name not in by_name:
                    raise unknown_name("instrument", name, by_name, where=self.name)
            chosen = tuple(by_name[name] for name in dict.fromkeys(instruments))
        if seed is not None:
            chosen = tuple(replace(one, run=replace(one.run, seed=seed)) for one in chosen)
        wanted = self.exposures if exposures is None else tuple(exposures)
        if not wanted or not all(_LEAST <= one <= _MOST for one in wanted):
            raise UserError(
                f"the exposures {', '.join(f'{one:g}' for one in wanted) or '(none)'}",
                valid=f"factors from {_LEAST:g} to {_MOST:g}, such as 0.1,1,10",
            )
        return replace(
            self,
            instruments=chosen,
            exposures=tuple(sorted(dict.fromkeys(wanted))),
            data_sets=self.data_sets if data_sets is None else data_sets,
        )


def load_forecast(name: str | Path, hypotheses: Sequence[str] | None = None) -> Forecast:
    """Find a forecast, or a run file as the forecast of its own data, by name or path.

    Parameters
    ----------
    name
        Of the forecast or run, or its path.
    hypotheses
        Names, in place of those of the file. What a run calls by such a name is meant before what the package does.

    Raises
    ------
    UserError
        When there is none, or something in it is not valid; when its data cannot be forecast, as
        :func:`crsea_infer.inference.likelihoods.scaled_exposure.with_exposure` says.
    """
    path, is_run = _found(str(name))
    given = read_toml(path)
    if hypotheses is not None:
        given = {**given, "hypotheses": _chosen(given.get("hypotheses"), hypotheses)}
    if is_run:
        return _of_run(load_run(name) if hypotheses is None else run_from(path, path.stem, given))
    entry = validate(ForecastEntry, given, str(path))
    instruments = tuple(_instrument(path, called, table, entry) for called, table in entry.instruments.items())
    return Forecast(path.stem, entry.title, entry.description, instruments, EXPOSURES, entry.data_sets).asked(
        entry.exposures
    )


def _chosen(of_file: Any, names: Sequence[str]) -> Any:
    """Return hypotheses of these names in the form of the file, as a run may write its own: a list, or prior sets."""
    tables = [one for one in of_file if isinstance(one, dict)] if isinstance(of_file, list) else []
    own = {str(one.get("name")): one for one in tables} or (of_file if isinstance(of_file, dict) else {})
    if not own or not any(name in own for name in names):
        return list(names)
    found = {name: own[name] if name in own else list(load_hypothesis(name).prior_sets) for name in names}
    if not tables:
        return found
    return [one if isinstance(one, dict) else {"name": name, "prior_sets": one} for name, one in found.items()]


def _found(name: str) -> tuple[Path, bool]:
    """Return the file of a forecast or of a run, and whether it is a run."""
    forecasts, runs = ({item.name for item in finding.available(kind)} for kind in ("forecasts", "runs"))
    if name in runs and name not in forecasts:
        return finding.find("runs", name), True
    path = finding.find("forecasts", name)
    return path, "instruments" not in read_toml(path) and "likelihoods" in read_toml(path)


def _of_run(run: RunFile) -> Forecast:
    _refuse_what_cannot_be(run, str(run.path))
    one = Instrument(
        name=run.name,
        title=run.title,
        label=run.name.replace("_", " "),
        basis="the errors of the data sets of the run",
        unit="exposure of the published data",
        run=run,
        exposure=1.0,
        sky_ratios=(1.0,) * len(run.likelihoods),
    )
    one.at(1.0)
    return Forecast(run.name, run.title, run.description, (one,), EXPOSURES, DATA_SETS)


def _instrument(path: Path, name: str, given: Mapping[str, Any], entry: ForecastEntry) -> Instrument:
    where = f"{path}: instruments.{name}"
    check_name(name, str(path), "instrument")
    one = validate(InstrumentEntry, given, where)
    content = {
        "title": one.title,
        "hypotheses": entry.hypotheses,
        "likelihoods": one.likelihoods,
        "options": one.options,
        "seed": entry.seed,
        "samplers": {"importance": {}},
    }
    run = run_from(path, name, content)
    _refuse_what_cannot_be(run, where)
    found = Instrument(
        name=name,
        title=one.title,
        label=one.label,
        basis=one.basis,
        unit=one.unit,
        run=run,
        exposure=one.exposure,
        sky_ratios=tuple(
            _sky_ratio(path, asked, likelihood, one.options.get(likelihood.name, {}))
            for asked, likelihood in zip(one.likelihoods, run.likelihoods, strict=True)
        ),
        systematic_scale=one.systematic_scale,
        systematic_floor=one.systematic_floor,
    )
    try:
        found.at(1.0)
    except UserError as error:
        raise UserError(f"{where}: {error.given}", valid=error.valid, fix=error.fix) from error
    return found


def _sky_ratio(path: Path, asked: str, likelihood: Likelihood, options: Mapping[str, Any]) -> float:
    """Return the solid angle of a data set relative to that of the region of its table."""
    if "region" not in options or likelihood.region is None:
        return 1.0
    published = load_likelihood(asked, where=f"{path}: likelihoods", base=path.parent)
    if published.region is None:
        return 1.0
    return parse_region(likelihood.region).solid_angle / parse_region(published.region).solid_angle


def _refuse_what_cannot_be(run: RunFile, where: str) -> None:
    if len(run.hypotheses) < 2:
        raise UserError(f"{where}: has one hypothesis", valid="two or more, between which data would decide")
    if run.subsets.training:
        raise UserError(
            f"{where}: has training sets (train_on), whose data would have to be simulated too",
            valid="hypotheses that all see the same data",
        )
    if run.variants:
        raise UserError(f"{where}: has [[variants]]", valid="a run with one sky model for each hypothesis")
    if len({hypothesis.morphology for hypothesis in run.hypotheses}) > 1:
        for likelihood in run.likelihoods:
            if isinstance(likelihood, FollowsMorphology) and getattr(likelihood, "morphologies", True):
                raise UserError(
                    f"{where}: {likelihood.name} is a fit with a sky template, which is another one in each hypothesis",
                    valid="data sets with one template for all hypotheses, such as icecube_pi0",
                )
