"""Prior sets: named parameters with their distribution, published value and source, in one TOML file each.

A prior set is one ingredient of a hypothesis: how cosmic rays propagate, which local spectra are right, how uncertain
the gas is. Its file gives title, description and references, and for each parameter the fiducial (published) value, a
label for plots, the unit, the source, and the distribution. See priors/README in the documentation, or any file in
`priors/`, for the form.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from crsea_infer.content import finding
from crsea_infer.content.labels import check_symbol
from crsea_infer.content.toml_files import Entry, SchemaOf, read_toml, validate
from crsea_infer.hypotheses import distributions
from crsea_infer.hypotheses.demanded_physics import NO_DEMANDS, DemandedPhysics, PhysicsEntry
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.names import check_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.hypotheses.distributions import Distribution

__all__ = [
    "Parameter",
    "PriorSet",
    "PriorSetEntry",
    "distribution_of",
    "load_prior_set",
    "prior_sets_with",
    "read_prior_set",
]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a hypothesis or of a data set.

    Attributes
    ----------
    fiducial
        The published value, at which predictions are shown unless another is asked for.
    label
        LaTeX without dollar signs, for plots.
    unit, description, source
        For tables and reports.
    prior_set
        Which prior set (or data set) it comes from.
    override
        True when it is meant to replace the same parameter of an earlier prior set of the hypothesis.
    """

    name: str
    distribution: Distribution
    fiducial: float
    label: str
    unit: str = ""
    description: str = ""
    source: str = ""
    prior_set: str = ""
    override: bool = False

    @property
    def is_fixed(self) -> bool:
        """True when it is not sampled."""
        return self.distribution.is_fixed


@dataclass(frozen=True)
class PriorSet:
    """A prior set file that was read and checked.

    `morphology` names the sky template that its emission resembles, for data sets that were taken with templates;
    `physics` is what it demands of the sky model.
    """

    name: str
    title: str
    description: str
    references: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    path: Path
    morphology: str | None = None
    physics: DemandedPhysics = NO_DEMANDS


class _UniformEntry(Entry):
    """Flat in x, or in ln x.

    Attributes
    ----------
    kind
        Whether in x or in ln x.
    lower, upper
        Bounds.
    """

    kind: Literal["uniform", "log_uniform"]
    lower: float
    upper: float


class _NormalEntry(Entry):
    """A normal in x; with bounds it is truncated there and normalised again.

    Attributes
    ----------
    kind
        "normal".
    mean, standard_deviation
        Of the whole normal.
    lower, upper
        Bounds, if there are any.
    """

    kind: Literal["normal"]
    mean: float
    standard_deviation: float
    lower: float | None = None
    upper: float | None = None


class _LogNormalEntry(Entry):
    """A normal in ln x about ln(median), with one of two widths.

    Attributes
    ----------
    kind
        "log_normal".
    median
        Of the whole distribution.
    fraction
        One standard deviation multiplies by 1 + fraction.
    dex
        One standard deviation multiplies by 10^dex.
    lower, upper
        Bounds, if there are any.
    """

    kind: Literal["log_normal"]
    median: float
    fraction: float | None = None
    dex: float | None = None
    lower: float | None = None
    upper: float | None = None


class _FixedEntry(Entry):
    """A parameter that keeps its fiducial value.

    Attributes
    ----------
    kind
        "fixed".
    """

    kind: Literal["fixed"]


_KINDS: Mapping[str, type[Entry]] = {
    "fixed": _FixedEntry,
    "uniform": _UniformEntry,
    "log_uniform": _UniformEntry,
    "normal": _NormalEntry,
    "log_normal": _LogNormalEntry,
}


class _ParameterEntry(Entry):
    """One parameter of a hypothesis.

    Attributes
    ----------
    fiducial
        The published value, at which predictions are shown unless another is asked for.
    label
        LaTeX without dollar signs, for plots.
    unit, description, source
        For tables and reports.
    distribution
        The prior.
    override
        Replace the same parameter of an earlier prior set of the hypothesis.
    """

    fiducial: float
    label: str
    unit: str = ""
    description: str
    source: str
    distribution: Annotated[dict[str, Any], SchemaOf(*dict.fromkeys(_KINDS.values()))]
    override: bool = False


class PriorSetEntry(Entry):
    """A prior set: named parameters with their distributions.

    Attributes
    ----------
    title, description
        Words for tables and reports.
    references
        To cite: arXiv identifiers such as "arXiv:2203.15759", "doi:" with a DOI, or BibTeX entries.
    morphology
        The sky template that the emission resembles, for data that were taken with templates.
    physics
        What is demanded of the sky model beside values of parameters.
    parameters
        One table for each, [parameters.NAME].
    """

    title: str
    description: str
    references: list[str]
    morphology: str | None = None
    physics: PhysicsEntry = PhysicsEntry()
    parameters: dict[str, _ParameterEntry] = Field(default_factory=dict)


def load_prior_set(name: str, *, where: str = "", base: Path | None = None) -> PriorSet:
    """Find a prior set by name or path, and read it. Raises UserError when it is not there or not valid."""
    return read_prior_set(finding.find("priors", name, where=where, base=base))


def read_prior_set(path: Path) -> PriorSet:
    """Read one prior set file.

    Raises
    ------
    UserError
        Naming file, key, what was given and what is allowed.
    """
    content = b""
    with suppress(OSError):  # which is told below
        content = path.read_bytes() if path.is_file() else b""
    return _read(path, content)


@lru_cache(maxsize=256)
def _read(path: Path, _content: bytes) -> PriorSet:
    """Read a file that holds this: all hypotheses of a study have the same few files."""
    entry = validate(PriorSetEntry, read_toml(path), str(path))
    physics = entry.physics.demanded()
    if not entry.parameters and not physics:
        raise UserError(f"{path}: has no parameters", valid="at least one table [parameters.NAME], or [physics]")
    parameters = tuple(_parameter(path, name, fields) for name, fields in entry.parameters.items())
    return PriorSet(
        path.stem, entry.title, entry.description, tuple(entry.references), parameters, path, entry.morphology, physics
    )


def _parameter(path: Path, name: str, entry: _ParameterEntry) -> Parameter:
    where = f"{path}: parameters.{name}"
    check_name(name, where, "parameter")
    distribution = distribution_of(f"{where}.distribution", entry.distribution, entry.fiducial)
    if not distribution.contains(entry.fiducial):
        raise UserError(
            f"{where}: fiducial = {entry.fiducial:g} lies outside its own distribution",
            valid=f"{distribution.lower:g} to {distribution.upper:g}",
        )
    check_symbol(entry.label, entry.unit, where=where)
    return Parameter(
        name=name,
        distribution=distribution,
        fiducial=float(entry.fiducial),
        label=entry.label,
        unit=entry.unit,
        description=entry.description,
        source=entry.source,
        prior_set=path.stem,
        override=entry.override,
    )


def distribution_of(where: str, table: Mapping[str, Any], fiducial: float) -> Distribution:
    """Return the distribution that a table `distribution` of a prior set says; raises UserError when not valid."""
    kind = table.get("kind")
    if not isinstance(kind, str):
        raise UserError(f"{where}: the key 'kind' is missing or not text", valid=", ".join(_KINDS))
    if kind not in _KINDS:
        raise unknown_name("kind of distribution", kind, _KINDS, where=where)
    entry = validate(_KINDS[kind], table, where)
    arguments = entry.model_dump(exclude={"kind"}, exclude_none=True)
    try:
        if kind == "fixed":
            return distributions.fixed(float(fiducial))
        make = getattr(distributions, kind)
        made: Distribution = make(**{key: float(value) for key, value in arguments.items()})
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    return made


def prior_sets_with(parameter: str) -> tuple[str, ...]:
    """Return the names of the prior sets at hand that give `parameter`; files that cannot be read are passed over."""
    found = []
    for item in finding.available("priors"):
        try:
            prior_set = read_prior_set(item.path)
        except UserError:
            continue
        if any(candidate.name == parameter for candidate in prior_set.parameters):
            found.append(item.name)
    return tuple(found)
