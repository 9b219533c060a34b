"""Hypotheses: named lists of prior sets.

"Gamma-optimized transport with the Min local spectra" is the list gamma_optimized, min, gas. Names live in
`priors/hypotheses.toml`; a file of that name in the user's own `priors` folder adds to them, and a run file may define
its own. The parameters of the sets are joined in order; a set may replace a parameter of an earlier one only when it
says so with `override = true`, so that two sets never contradict each other silently.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from crsea_infer.content import finding
from crsea_infer.content.spectrum_tables import load_spectrum_table
from crsea_infer.content.toml_files import Entry, read_toml, validate
from crsea_infer.hypotheses.demanded_physics import NO_DEMANDS, DemandedPhysics
from crsea_infer.hypotheses.prior_sets import Parameter, load_prior_set
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.names import check_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from crsea_infer.hypotheses.variants import Variant

__all__ = ["Hypothesis", "HypothesisEntry", "available_hypotheses", "build_hypothesis", "load_hypothesis"]

_SPECTRUM = re.compile(r"(?P<nucleus>proton|helium)_(?P<what>slope|break|smoothness)_(?P<number>\d+)")
_TABLE = re.compile(r"(?:proton|helium)_table_(?P<name>.+)")


@dataclass(frozen=True)
class Hypothesis:
    """A statement about the cosmic-ray sea, as parameters with priors.

    Attributes
    ----------
    name
        Also the name of its folder in a run's output.
    prior_sets
        Names of the prior sets, in order.
    parameters
        All parameters, free and fixed, in order.
    references
        Each reference of its prior sets, and which of them name it.
    morphology
        Sky template that its emission resembles ("pi0", "kra_gamma"), from the last prior set that names one.
    physics
        What its prior sets demand of the sky model.
    variants
        Physics choices any of which it may have; see :func:`crsea_infer.hypotheses.varied_hypothesis.with_variants`.
    tables
        Hash of each table of local spectra that its parameters name.
    """

    name: str
    title: str
    prior_sets: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    morphology: str | None = None
    physics: DemandedPhysics = NO_DEMANDS
    variants: tuple[Variant, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def free(self) -> tuple[Parameter, ...]:
        """The parameters that are sampled."""
        return tuple(parameter for parameter in self.parameters if not parameter.is_fixed)

    @cached_property
    def fixed(self) -> tuple[Parameter, ...]:
        """The parameters that have one value."""
        return tuple(parameter for parameter in self.parameters if parameter.is_fixed)

    @cached_property
    def fiducial(self) -> dict[str, float]:
        """The published value of every parameter, free and fixed."""
        return {parameter.name: parameter.fiducial for parameter in self.parameters}


class HypothesisEntry(Entry):
    """A hypothesis by its prior sets.

    Attributes
    ----------
    title
        In a line.
    prior_sets
        Names or paths, in order; together they give each parameter once.
    """

    title: str
    prior_sets: list[str]


def available_hypotheses() -> dict[str, tuple[str, tuple[str, ...], Path]]:
    """Return the named hypotheses: name -> (title, prior set names, the file that names it); the user's own first."""
    found: dict[str, tuple[str, tuple[str, ...], Path]] = {}
    for path in finding.hypothesis_files():
        for name, table in read_toml(path).items():
            where = f"{path}: [{name}]"
            if not isinstance(table, dict):
                raise UserError(f"{path}: {name} = ...", valid="tables [NAME] with title and prior_sets")
            entry = validate(HypothesisEntry, table, where)
            check_name(name, str(path), "hypothesis")
            found.setdefault(name, (entry.title, tuple(entry.prior_sets), path))
    return found


def load_hypothesis(name: str, *, where: str = "") -> Hypothesis:
    """Return the hypothesis of that name.

    Raises
    ------
    UserError
        When it is not known (with the nearest name), or one of its prior sets is not valid.
    """
    known = available_hypotheses()
    if name not in known:
        raise unknown_name(
            "hypothesis",
            name,
            known,
            where=where,
            fix="add it to ./priors/hypotheses.toml, or define it in the run file",
        )
    title, prior_sets, path = known[name]
    return build_hypothesis(name, prior_sets, title=title, where=f"{path}: [{name}] prior_sets")


def build_hypothesis(
    name: str, prior_sets: Sequence[str], *, title: str = "", where: str = "", base: Path | None = None
) -> Hypothesis:
    """Join prior sets, in order, into a hypothesis.

    Raises
    ------
    UserError
        When a set is unknown, given twice, redefines a parameter without saying so, or the broken power laws of the
        local spectra are incomplete.
    """
    where = where or f"hypothesis {name}"
    check_name(name, where, "hypothesis")
    if not prior_sets:
        raise UserError(f"{where}: the list of prior sets is empty", valid="at least one prior set")
    repeated = [prior_set for prior_set, count in Counter(prior_sets).items() if count > 1]
    if repeated:
        raise UserError(f"{where}: the prior set {repeated[0]!r} is given twice", fix="keep one of them")
    joined: dict[str, Parameter] = {}
    references: dict[str, tuple[str, ...]] = {}
    morphology: str | None = None
    physics = NO_DEMANDS
    for prior_set_name in prior_sets:
        prior_set = load_prior_set(prior_set_name, where=where, base=base)
        for reference in prior_set.references:
            references[reference] = (*references.get(reference, ()), prior_set.name)
        morphology = prior_set.morphology or morphology
        physics = physics.joined(prior_set.physics, f"{prior_set.path}: [physics]")
        for parameter in prior_set.parameters:
            earlier = joined.get(parameter.name)
            if earlier is not None and not parameter.override:
                raise UserError(
                    f"{prior_set.path}: parameters.{parameter.name} is already given by the prior set "
                    f"{earlier.prior_set!r} of the hypothesis {name!r}",
                    valid="each parameter once in a hypothesis",
                    fix=f"drop one of the two sets, or write override = true under [parameters.{parameter.name}]",
                )
            joined[parameter.name] = parameter
    _check_spectra(joined, where)
    found = [match["name"] for match in map(_TABLE.fullmatch, joined) if match]
    tables = {table: load_spectrum_table(table, where=where).sha256 for table in dict.fromkeys(found)}
    return Hypothesis(
        name,
        title or name,
        tuple(prior_sets),
        tuple(joined.values()),
        references,
        morphology,
        physics,
        tables=tables,
    )


def _check_spectra(parameters: Iterable[str], where: str) -> None:
    """Refuse broken power laws whose n slopes do not have n - 1 breaks, numbered from 1 without gaps."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for name in parameters:
        match = _SPECTRUM.fullmatch(name)
        if match:
            numbers.setdefault((match["nucleus"], match["what"]), []).append(int(match["number"]))
    for nucleus in sorted({nucleus for nucleus, _ in numbers}):
        slopes, breaks = (sorted(numbers.get((nucleus, what), [])) for what in ("slope", "break"))
        widths = sorted(numbers.get((nucleus, "smoothness"), []))
        if any(number not in breaks for number in widths):
            raise UserError(
                f"{where}: the {nucleus} spectrum has breaks {breaks} and smoothness of {widths}",
                valid=f"{nucleus}_smoothness_N for breaks that there are",
            )
        if slopes != list(range(1, len(slopes) + 1)) or breaks != list(range(1, len(slopes))):
            raise UserError(
                f"{where}: the {nucleus} spectrum has slopes {slopes} and breaks {breaks}",
                valid=f"{nucleus}_slope_1 to _n and {nucleus}_break_1 to _(n-1), numbered without gaps",
                fix="check that only one of the prior sets describes the local spectra",
            )
