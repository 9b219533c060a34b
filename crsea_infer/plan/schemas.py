"""JSON schemas of the files that users write, for editors that complete and check TOML.

They are made from the models by which the files are read, so that an editor knows the keys, types, bounds and words
that this installation knows, those of samplers and kinds of likelihood of other packages included. What only the whole
of the content tells (names that exist, numbers that fit together) is left to `crsea-infer check`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crsea_infer.content.toml_files import Entry

__all__ = ["SCHEMAS", "schema", "schema_text"]

_DIALECT: Final = "http://json-schema.org/draft-07/schema#"  # that of the TOML language servers


def _of(entry: type[Entry], title: str) -> dict[str, Any]:
    return {"$schema": _DIALECT, **entry.model_json_schema(), "title": title}


def _run() -> dict[str, Any]:
    from crsea_infer.plan.run_entries import RunEntry

    return _of(RunEntry, "run file of crsea-infer")


def _study() -> dict[str, Any]:
    from crsea_infer.plan.study_file import StudyEntry

    return _of(StudyEntry, "study file of crsea-infer")


def _priors() -> dict[str, Any]:
    from crsea_infer.hypotheses.prior_sets import PriorSetEntry

    return _of(PriorSetEntry, "prior set of crsea-infer")


def _hypotheses() -> dict[str, Any]:
    from crsea_infer.hypotheses.hypothesis import HypothesisEntry

    one = HypothesisEntry.model_json_schema()
    return {"$schema": _DIALECT, "title": "hypotheses of crsea-infer", "type": "object", "additionalProperties": one}


def _likelihood() -> dict[str, Any]:
    """Return the schema of a `likelihood.toml`: one alternative for each kind, and any keys for kinds unknown here."""
    from crsea_infer.inference.likelihoods.likelihood import CommonEntry, kinds_of_likelihood

    definitions: dict[str, Any] = {}
    alternatives = []
    kinds = kinds_of_likelihood()
    for kind, settings in kinds.items():
        model = CommonEntry if settings is None else settings
        one = model.model_json_schema(ref_template=f"#/$defs/{kind}/$defs/{{model}}")
        one["properties"]["kind"] = {"const": kind, "description": "The kind of measurement."}
        one["additionalProperties"] = settings is None
        definitions[kind] = {**one, "title": kind}
        alternatives.append({"$ref": f"#/$defs/{kind}"})
    words = "FILE.py:CLASS, of a file beside this one."
    unknown = {"kind": {"type": "string", "pattern": r"^[^/:]+\.py:\w+$", "description": words}}
    elsewhere = {"properties": unknown, "required": ["kind"], "title": "another kind"}
    return {
        "$schema": _DIALECT,
        "title": "data set of crsea-infer",
        "type": "object",
        "oneOf": [*alternatives, elsewhere],
        "$defs": definitions,
    }


def _choices() -> dict[str, Any]:
    from crsea_infer.plan.choice_entries import ChoicesEntry

    return _of(ChoicesEntry, "list of choices of crsea-infer")


def _forecast() -> dict[str, Any]:
    from crsea_infer.plan.forecast_file import ForecastEntry

    return _of(ForecastEntry, "forecast of crsea-infer")


SCHEMAS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "run": _run,
    "study": _study,
    "priors": _priors,
    "hypotheses": _hypotheses,
    "likelihood": _likelihood,
    "choices": _choices,
    "forecast": _forecast,
}
"""Sort of file -> what makes its schema."""


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON schema of a sort of file.

    Raises
    ------
    UserError
        When there is no such sort, or a sampler that another package announces cannot be loaded.
    """
    if kind not in SCHEMAS:
        raise unknown_name("schema", kind, SCHEMAS)
    try:
        return SCHEMAS[kind]()
    except (TypeError, ValueError) as error:  # of a model of another package
        raise UserError(
            f"the schema {kind!r} cannot be made: {error}", valid="models that JSON can describe"
        ) from error


def schema_text(kind: str | None) -> str:
    """Return a schema as text, or all of them by their names."""
    content = {name: schema(name) for name in SCHEMAS} if kind is None else schema(kind)
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
