"""What a list of choices may say: its tables and keys as pydantic models, from which its JSON schema is made too.

A list of choices is content: a file in `choices/` that declares along which axes an analysis could equally well have
been made otherwise, each option with the reason why a referee would accept it, and with a prior weight.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from crsea_infer.content.toml_files import Entry
from crsea_infer.hypotheses.demanded_physics import PhysicsEntry

__all__ = ["AxisEntry", "ChoicesEntry", "DataEntry", "OptionEntry", "WidthEntry"]

Weight = Annotated[float, Field(gt=0.0, le=1e6)]


class DataEntry(Entry):
    """Keys of data sets that an option changes.

    Attributes
    ----------
    match
        Names of the data sets, of those that the run has; * and ? stand for any text and any character.
    keys
        Of their likelihood.toml. In a list, the text "{matched}" stands for the names of all data sets that match.
    """

    match: Annotated[list[str], Field(min_length=1)]
    keys: Annotated[dict[str, Any], Field(min_length=1)]


class WidthEntry(Entry):
    """Widths of priors that an option multiplies.

    Attributes
    ----------
    parameters
        Names of the parameters, of those that a hypothesis samples; * and ? stand for any text and any character.
    factor
        On the standard deviation of a normal (in x or in ln x), or on the length of the interval of a uniform one.
    prior_set
        Only where this prior set gives the parameter.
    """

    parameters: Annotated[list[str], Field(min_length=1)]
    factor: Annotated[float, Field(ge=1e-3, le=1e3)]
    prior_set: str | None = None


class OptionEntry(Entry):
    """One way in which the analysis could have been made otherwise.

    Attributes
    ----------
    title
        In a few words, for figures and tables.
    why
        Why it is as good as what ships.
    weight
        Prior weight, relative to the other options of the axis and to what ships.
    data
        Keys of data sets that it changes: tables [[axes.AXIS.options.OPTION.data]].
    widths
        Widths of priors that it multiplies.
    values
        Parameter -> value at which it is fixed.
    priors
        Parameter -> another distribution, in every hypothesis that samples it.
    with_prior_sets, without_prior_sets
        Added to every hypothesis that lacks them, and taken from every one that has them.
    physics
        What it demands of the sky model: a table of sources, rim, gas, ... as in a prior set.
    run
        Tables of the run file that it changes otherwise, such as the sky model.
    """

    title: str
    why: str
    weight: Weight = 1.0
    data: list[DataEntry] = Field(default_factory=list)
    widths: list[WidthEntry] = Field(default_factory=list)
    values: dict[str, float] = Field(default_factory=dict)
    priors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    with_prior_sets: list[str] = Field(default_factory=list)
    without_prior_sets: list[str] = Field(default_factory=list)
    physics: PhysicsEntry = PhysicsEntry()
    run: dict[str, Any] = Field(default_factory=dict)


class AxisEntry(Entry):
    """A choice, with its options.

    Attributes
    ----------
    title
        In a few words.
    shipped
        What the run does without any option, in a few words.
    shipped_weight
        Its prior weight.
    options
        What could have been done instead: one table for each, [axes.AXIS.options.OPTION].
    """

    title: str
    shipped: str
    shipped_weight: Weight = 1.0
    options: Annotated[dict[str, OptionEntry], Field(min_length=1)]


class ChoicesEntry(Entry):
    """A list of choices.

    Attributes
    ----------
    title, description
        Words for the page.
    pairs
        Whether all pairs of options of different axes are evaluated too.
    axes
        One table for each, [axes.NAME].
    """

    title: str
    description: str = ""
    pairs: bool = True
    axes: Annotated[dict[str, AxisEntry], Field(min_length=1)]
