"""What a run file may say: its tables and keys as pydantic models, from which its JSON schema is made too."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from crsea_infer.content.toml_files import Entry, SchemaOf
from crsea_infer.hypotheses.demanded_physics import PhysicsEntry
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


__all__ = [
    "EXACT_SAMPLES",
    "FIT_REPLICATES",
    "LARGEST_EXACT",
    "SENSITIVITY_FACTORS",
    "EmulatorEntry",
    "ExactCheckEntry",
    "GoodnessOfFitEntry",
    "PriorSensitivityEntry",
    "RunEntry",
    "RunHypothesisEntry",
    "SamplerTables",
    "VariantEntry",
]

SENSITIVITY_FACTORS = tuple(2.0 ** (step / 2) for step in range(-4, 5))
"""Factors on the width: a quarter to four times, in steps of sqrt(2)."""

FIT_REPLICATES = 10_000
LARGEST_EXACT = 100_000
EXACT_SAMPLES = 1000


class EmulatorEntry(Entry):
    """The sky model in place of the one that comes with the package.

    Attributes
    ----------
    path
        An emulator file, from the folder of the run file.
    kind
        Name of a sky model that another package brings; without it, the file says what it is.
    options
        Whatever else that sky model wants to know.
    """

    path: str | None = None
    kind: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class ExactCheckEntry(Entry):
    """Posterior samples that are evaluated again with the transport solver.

    Attributes
    ----------
    samples
        Of each hypothesis; 0 for none.
    """

    samples: int = EXACT_SAMPLES


class GoodnessOfFitEntry(Entry):
    """Data that are drawn from each hypothesis, to see whether it describes the measured ones.

    Attributes
    ----------
    replicates
        How many; 0 for none.
    """

    replicates: int = FIT_REPLICATES


class PriorSensitivityEntry(Entry):
    """Prior widths that are varied when the sampling is done.

    Attributes
    ----------
    parameters
        Whose; default: of every sampled parameter; [] for none.
    factors
        On the widths, from 0.001 to 1000.
    """

    parameters: list[str] | None = None
    factors: list[float] = Field(default_factory=lambda: list(SENSITIVITY_FACTORS))


class RunHypothesisEntry(Entry):
    """A hypothesis of this run, by its prior sets.

    Attributes
    ----------
    name
        Also of its folder in the output.
    title
        In a line.
    prior_sets
        Names or paths, in order.
    train_on
        Its training set, in place of the common one; [] for none.
    """

    name: str
    title: str = ""
    prior_sets: list[str]
    train_on: list[str] | None = None


class VariantEntry(PhysicsEntry):
    """Physics choices with which every hypothesis of the run is sampled too.

    Attributes
    ----------
    name
        Of the variant, in tables and names of files.
    title
        In a line.
    weight
        Prior weight, relative to the other variants.
    """

    name: str
    title: str = ""
    weight: Annotated[float, Field(gt=0.0, le=1e6)] = 1.0


class _SamplerTables:
    """Annotation of the table of samplers: in the JSON schema, it has those at hand with their options."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of a table that has tables of samplers only."""
        from crsea_infer.inference.samplers.registry import sampler_class, sampler_names

        tables: dict[str, SchemaOf] = {}
        for name in sampler_names():
            with suppress(UserError):  # of what another package announces: said when a run file names it
                tables[name] = SchemaOf(sampler_class(name).Options)
        properties = {name: table.__get_pydantic_json_schema__(core_schema, handler) for name, table in tables.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}


SamplerTables = Annotated[dict[str, dict[str, Any]], _SamplerTables()]
"""Sampler -> its options, each checked by the model of that sampler."""


class RunEntry(Entry):
    """A run: hypotheses times data sets times samplers.

    Attributes
    ----------
    title, description
        Words for the page.
    hypotheses
        What is compared: names, a table NAME = [prior sets], or tables [[hypotheses]].
    likelihoods
        Names or paths of all data sets, training sets included.
    train_on
        Names of the likelihoods that are the training set of every hypothesis without one of its own.
    tension
        true, or a table of groups of likelihoods that are held against each other.
    options
        Keys of a data set's likelihood.toml, changed for this run alone: [options.NAME].
    samplers
        With their options, one table for each: [samplers.NAME].
    variants
        Physics choices with each of which every hypothesis is sampled: tables [[variants]].
    seed
        Of all random numbers.
    emulator
        The sky model, in place of the one that comes with the package.
    exact_check
        Posterior samples that are evaluated again with the transport solver.
    goodness_of_fit
        Data that are drawn from each hypothesis, to see whether it describes the measured ones.
    prior_sensitivity
        Prior widths that are varied when the sampling is done.
    beside
        Names or paths of other runs, whose Bayes factors are found and shown beside those of this one.
    """

    title: str
    description: str = ""
    hypotheses: list[str] | dict[str, list[str]] | list[Annotated[dict[str, Any], SchemaOf(RunHypothesisEntry)]]
    likelihoods: list[str]
    train_on: list[str] = Field(default_factory=list)
    tension: bool | dict[str, list[str]] = False
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    samplers: SamplerTables
    variants: list[Annotated[dict[str, Any], SchemaOf(VariantEntry)]] = Field(default_factory=list)
    seed: int = 1
    emulator: EmulatorEntry | None = None
    exact_check: ExactCheckEntry = Field(default_factory=ExactCheckEntry)
    goodness_of_fit: GoodnessOfFitEntry = Field(default_factory=GoodnessOfFitEntry)
    prior_sensitivity: PriorSensitivityEntry = Field(default_factory=PriorSensitivityEntry)
    beside: list[str] = Field(default_factory=list)
