"""Choices: in which other ways a run could equally well have been made, and the run that each of them is.

A list of choices (a file in `choices/`) has axes, and each axis options beside what the run does. A *combination* takes
an option on some of the axes and what the run does on the others; it becomes a run of its own, by changing what the run
file says (options of data sets, other tables) and then its hypotheses (prior sets, widths, values). An option that
changes nothing in a run is left out, and so is a combination whose options contradict each other.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import combinations
from typing import TYPE_CHECKING, Any

from crsea_infer.content import finding
from crsea_infer.content.toml_files import read_toml, validate
from crsea_infer.hypotheses.distributions import Distribution, fixed
from crsea_infer.hypotheses.hypothesis import Hypothesis, build_hypothesis
from crsea_infer.hypotheses.prior_sets import Parameter, distribution_of
from crsea_infer.hypotheses.widths import widened
from crsea_infer.plan.choice_entries import ChoicesEntry, OptionEntry
from crsea_infer.plan.run_file import RunFile, run_from
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import digest
from crsea_infer.support.names import check_name, refuse_alike

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["SHIPPED", "Axis", "Changes", "ChoiceList", "Combination", "ContradictionError", "Option", "load_choices"]

SHIPPED = "shipped"
"""Name of what the run does, on every axis."""

Combination = tuple[tuple[str, str], ...]
"""(axis, option) of those axes on which something else is done than in the run, in the order of the axes."""

_MATCHED = "{matched}"


class ContradictionError(UserError):
    """Two options that change the same thing to different values."""


@dataclass(frozen=True, eq=False)
class Option:
    """One option of an axis.

    Attributes
    ----------
    name, title, why
        As in the file.
    weight
        Prior weight within the axis; those of an axis, with what ships, sum to one.
    entry
        What it changes; None where it is only told of.
    """

    name: str
    title: str
    why: str
    weight: float
    entry: OptionEntry | None = None


@dataclass(frozen=True, eq=False)
class Axis:
    """A choice.

    Attributes
    ----------
    name, title, shipped
        As in the file.
    shipped_weight
        Prior weight of what the run does.
    options
        The others.
    """

    name: str
    title: str
    shipped: str
    shipped_weight: float
    options: tuple[Option, ...]


@dataclass(frozen=True, eq=False)
class ChoiceList:
    """A list of choices that was read.

    Attributes
    ----------
    path
        The file.
    title, description
        Words for the page.
    pairs
        Whether pairs are evaluated.
    axes
        In order.
    """

    path: Path
    title: str
    description: str
    pairs: bool
    axes: tuple[Axis, ...]

    def without(self, names: Sequence[tuple[str, str]]) -> ChoiceList:
        """Return the list without some (axis, option); weights of what is left sum to one again."""
        axes = []
        for axis in self.axes:
            left = [option for option in axis.options if (axis.name, option.name) not in names]
            total = axis.shipped_weight + sum(option.weight for option in left)
            options = tuple(replace(option, weight=option.weight / total) for option in left)
            axes.append(replace(axis, shipped_weight=axis.shipped_weight / total, options=options))
        return replace(self, axes=tuple(axis for axis in axes if axis.options))

    def only(self, names: Sequence[str]) -> ChoiceList:
        """Return the list with some options alone, each named AXIS or AXIS=OPTION.

        Raises
        ------
        UserError
            When there is none of that name.
        """
        every = {f"{axis}={option}": (axis, option) for ((axis, option),) in self.singles}
        axes = {axis.name: axis for axis in self.axes}
        for name in names:
            if name not in every and name not in axes:
                raise unknown_name("choice", name, [*axes, *every], where=str(self.path))
        wanted = [one for key, one in every.items() if key in names or one[0] in names]
        return self.without([one for one in every.values() if one not in wanted])

    @property
    def singles(self) -> tuple[Combination, ...]:
        """Every option by itself."""
        return tuple(((axis.name, option.name),) for axis in self.axes for option in axis.options)

    @property
    def declared(self) -> tuple[Combination, ...]:
        """The run itself, every option by itself, and if asked for every pair of options of different axes."""
        pairs = [
            (*one, *other) for one, other in combinations(self.singles, 2) if self.pairs and one[0][0] != other[0][0]
        ]
        return ((), *self.singles, *pairs)

    def option(self, axis: str, name: str) -> Option:
        """Return an option by its names."""
        return next(option for one in self.axes if one.name == axis for option in one.options if option.name == name)

    def weight(self, combination: Combination) -> float:
        """Return the prior weight of a combination among all of the product of the axes, whose weights sum to one."""
        chosen = dict(combination)
        product = 1.0
        for axis in self.axes:
            product *= self.option(axis.name, chosen[axis.name]).weight if axis.name in chosen else axis.shipped_weight
        return product

    def words(self, combination: Combination) -> str:
        """Return a combination in words."""
        return " + ".join(self.option(axis, name).title for axis, name in combination) or "as shipped"

    def words_with_axes(self, combination: Combination) -> str:
        """Return a combination in words that stand by themselves: what is chosen, and of what."""
        titles = {axis.name: axis.title for axis in self.axes}
        return (
            "; ".join(f"{titles[axis]}: {self.option(axis, name).title}" for axis, name in combination) or "as shipped"
        )


def load_choices(name: str | Path) -> ChoiceList:
    """Find a list of choices by name or path, and read it.

    Raises
    ------
    UserError
        On anything that is absent, unknown, misspelt or out of range, with file and key.
    """
    path = finding.find("choices", str(name))
    entry = validate(ChoicesEntry, read_toml(path), str(path))
    axes = []
    refuse_alike(entry.axes, f"{path}: axes", "axis")
    for name_of_axis, axis in entry.axes.items():
        where = f"{path}: axes.{name_of_axis}"
        check_name(name_of_axis, f"{path}: [axes]", "axis")
        refuse_alike(axis.options, f"{where}.options", "option")
        for name_of_option, option in axis.options.items():
            check_name(name_of_option, f"{where}.options", "option", {SHIPPED: "tables call what the run does so"})
            _check_option(f"{where}.options.{name_of_option}", option, path)
        total = axis.shipped_weight + sum(option.weight for option in axis.options.values())
        options = tuple(
            Option(name, option.title, option.why, option.weight / total, option)
            for name, option in axis.options.items()
        )
        axes.append(Axis(name_of_axis, axis.title, axis.shipped, axis.shipped_weight / total, options))
    return ChoiceList(path, entry.title, entry.description, entry.pairs, tuple(axes))


def _check_option(where: str, option: OptionEntry, path: Path) -> None:
    changes = (
        option.data, option.widths, option.values, option.priors, option.with_prior_sets, option.without_prior_sets,
        option.physics.demanded().given, option.run,
    )  # fmt: skip
    if not any(changes):
        raise UserError(
            f"{where}: changes nothing",
            valid="at least one of data, widths, values, priors, with_prior_sets, without_prior_sets, physics, run",
        )
    for name in (*option.with_prior_sets, *option.without_prior_sets):
        finding.find("priors", name, where=where, base=path.parent)
    kept = {"hypotheses", "likelihoods", "options", "variants", "seed", "title", "description"} & set(option.run)
    if kept:
        raise UserError(
            f"{where}.run: changes {', '.join(sorted(kept))}",
            valid="other tables of the run file: a choice is between analyses of the same data and hypotheses",
        )


class Changes:
    """The runs that combinations of choices are; files are read once for all of them.

    Parameters
    ----------
    run
        As it ships.
    choices
        The list.
    """

    def __init__(self, run: RunFile, choices: ChoiceList) -> None:
        self._run = run
        self._choices = choices
        self._given = dict(run.given)
        self._made: dict[str, RunFile] = {}
        self._built: dict[str, Hypothesis] = {}

    def run(self, combination: Combination) -> RunFile:
        """Return the run that a combination is.

        Raises
        ------
        ContradictionError
            When two of its options change the same thing.
        UserError
            When what an option says is not valid for the run.
        """
        if not combination:
            return self._run
        found = [
            (f"{self._choices.path}: {axis}.{name}", self._choices.option(axis, name)) for axis, name in combination
        ]
        options = [(where, option.entry) for where, option in found if option.entry is not None]
        hypotheses = tuple(self._hypothesis(one, options) for one in self._run.hypotheses)
        made = self._with_tables(options)
        return replace(made, seed=self._run.seed, hypotheses=hypotheses)

    def _with_tables(self, options: Sequence[tuple[str, OptionEntry]]) -> RunFile:
        """Return the run with other tables of its file, hypotheses as they were."""
        given = copy.deepcopy(self._given)
        names = [likelihood.name for likelihood in self._run.likelihoods]
        changed: dict[tuple[str, ...], str] = {}
        for where, option in options:
            for data in option.data:
                matched = [name for name in names if any(fnmatchcase(name, pattern) for pattern in data.match)]
                for name in matched:
                    own = given.setdefault("options", {}).setdefault(name, {})
                    for key, value in data.keys.items():
                        _claim(changed, ("options", name, key), where)
                        own[key] = _filled(value, matched)
            _merge(given, option.run, changed, where, ())
        if given == self._given:
            return self._run
        key = digest(given)
        if key not in self._made:
            self._made[key] = run_from(self._run.path, self._run.name, given)
        return self._made[key]

    def _hypothesis(self, hypothesis: Hypothesis, options: Sequence[tuple[str, OptionEntry]]) -> Hypothesis:
        sets = list(hypothesis.prior_sets)
        for _, option in options:
            sets = [name for name in sets if name not in option.without_prior_sets]
            sets += [name for name in option.with_prior_sets if name not in sets]
        if sets != list(hypothesis.prior_sets):
            key = digest([hypothesis.name, sets])
            if key not in self._built:
                self._built[key] = build_hypothesis(
                    hypothesis.name, sets, title=hypothesis.title, where=options[-1][0], base=self._run.path.parent
                )
            hypothesis = self._built[key]
        changed: dict[tuple[str, ...], str] = {}
        parameters = [_changed_parameter(parameter, options, changed) for parameter in hypothesis.parameters]
        physics = hypothesis.physics
        for where, option in options:
            demanded = option.physics.demanded()
            for name in demanded.given:
                _claim(changed, ("physics", name), where)
            physics = physics.then(demanded)
        return replace(hypothesis, parameters=tuple(parameters), physics=physics)


def _changed_parameter(
    parameter: Parameter, options: Sequence[tuple[str, OptionEntry]], changed: dict[tuple[str, ...], str]
) -> Parameter:
    for where, option in options:
        name = parameter.name
        if name in option.priors:
            _claim(changed, (name,), where)
            distribution = distribution_of(f"{where}.priors.{name}", option.priors[name], parameter.fiducial)
            _check_fiducial(f"{where}.priors.{name}", parameter.fiducial, distribution)
            parameter = replace(parameter, distribution=distribution)
        if name in option.values:
            _claim(changed, (name,), where)
            value = option.values[name]
            _check_fiducial(f"{where}.values.{name} = {value:g}", value, parameter.distribution)
            parameter = replace(parameter, distribution=fixed(value), fiducial=value)
        for width in option.widths:
            if parameter.is_fixed or width.prior_set not in {None, parameter.prior_set}:
                continue
            if any(fnmatchcase(name, pattern) for pattern in width.parameters):
                try:
                    parameter = replace(parameter, distribution=widened(parameter.distribution, width.factor))
                except ValueError as error:
                    raise UserError(
                        f"{where}.widths: {name}: {error}", valid="a factor on a width that can be"
                    ) from error
    return parameter


def _check_fiducial(where: str, value: float, distribution: Distribution) -> None:
    if not (distribution.contains(value) or distribution.is_fixed):
        raise UserError(
            f"{where}: {value:g} lies outside the distribution",
            valid=f"{distribution.lower:g} to {distribution.upper:g}",
        )


def _claim(changed: dict[tuple[str, ...], str], key: tuple[str, ...], where: str) -> None:
    """Note that an option changes something; refuse a second one that does."""
    if changed.setdefault(key, where) != where:
        raise ContradictionError(f"{changed[key]} and {where} both change {'.'.join(key)}")


def _filled(value: Any, matched: Sequence[str]) -> Any:
    """Return a value with the names of the data sets in place of "{matched}"."""
    if isinstance(value, Mapping):
        return {key: _filled(item, matched) for key, item in value.items()}
    if isinstance(value, list):
        filled: list[Any] = []
        for item in value:
            filled += matched if item == _MATCHED else [_filled(item, matched)]
        return filled
    return value


def _merge(
    given: dict[str, Any],
    change: Mapping[str, Any],
    changed: dict[tuple[str, ...], str],
    where: str,
    at: tuple[str, ...],
) -> None:
    """Change nested tables in place, key by key."""
    for key, value in change.items():
        if isinstance(value, Mapping) and isinstance(given.get(key, {}), dict):
            _merge(given.setdefault(key, {}), value, changed, where, (*at, key))
        else:
            _claim(changed, (*at, key), where)
            given[key] = value
