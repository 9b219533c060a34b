"""JSON schemas: every file that is shipped is valid under its own, and what reading refuses by its form is not."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from crsea_infer.cli.main import main
from crsea_infer.plan.schemas import SCHEMAS, schema, schema_text
from crsea_infer.support.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "crsea_infer" / "inference" / "starter"
FILES = sorted(
    path
    for folder in (ROOT, STARTER)
    for pattern in ("runs/*.toml", "priors/*.toml", "likelihoods/*/likelihood.toml")
    for path in folder.glob(pattern)
)


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the sort of a file, and its content."""
    content = tomllib.loads(path.read_text())
    if path.name == "hypotheses.toml":
        return "hypotheses", content
    if path.parent.name == "runs":
        return "study" if "combinations" in content else "run", content
    return ("priors" if path.parent.name == "priors" else "likelihood"), content


@cache
def validator(kind: str) -> Draft7Validator:
    return Draft7Validator(schema(kind))


def faults(kind: str, content: dict[str, Any]) -> list[str]:
    return [error.message for error in validator(kind).iter_errors(content)]


def test_schemas_are_schemas() -> None:
    for kind in SCHEMAS:
        Draft7Validator.check_schema(schema(kind))


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-3:]))
def test_every_shipped_file_is_valid_and_a_misspelt_key_is_not(path: Path) -> None:
    kind, content = read(path)
    assert faults(kind, content) == []
    assert faults(kind, {**content, "titel": "T"})
    if kind != "hypotheses":
        assert faults(kind, {name: value for name, value in content.items() if name != "title"})


def _keys(found: Any, where: str) -> dict[str, Any]:
    """Return every key of every table in a schema, by its place."""
    if isinstance(found, list):
        return {key: value for one in found for key, value in _keys(one, where).items()}
    if not isinstance(found, dict):
        return {}
    own = {f"{where}/{name}": value for name, value in found.get("properties", {}).items()}
    return own | {key: value for name, one in found.items() for key, value in _keys(one, f"{where}/{name}").items()}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_key_is_described(kind: str) -> None:
    keys = _keys(schema(kind), kind)
    assert len(keys) >= 2
    assert [place for place, key in keys.items() if not key.get("description", "").endswith((".", "?"))] == []


def test_schemas_are_strict_json() -> None:
    """The largest rigidity was Infinity, which is no JSON."""
    json.loads(schema_text(None), parse_constant=pytest.fail)


RUN: dict[str, Any] = {"title": "T", "hypotheses": ["a"], "likelihoods": ["b"], "samplers": {"dynesty": {}}}
NORMAL = {"kind": "normal", "mean": 1.0, "standard_deviation": 0.1}
PARAMETER = {"fiducial": 1, "label": "x", "description": "D", "source": "S"}
PRIORS: dict[str, Any] = {"title": "T", "description": "D", "references": []}


@pytest.mark.parametrize(
    "name", ["dynesty", "dynesty-dynamic", "nautilus", "importance", "emcee", "jax-nested", "nuts", "smc"]
)
def test_options_of_samplers_are_known(name: str) -> None:
    assert faults("run", {**RUN, "samplers": {name: {}}}) == []
    assert faults("run", {**RUN, "samplers": {name: {"lieve_points": 3}}})
    whole = schema("run")
    options = whole["properties"]["samplers"]["properties"][name]
    options = whole["$defs"][options["$ref"].rpartition("/")[2]] if "$ref" in options else options
    assert options["description"].startswith("Options of ")
    assert all(one["description"] for one in options["properties"].values())


@pytest.mark.parametrize(
    ("kind", "content", "good"),
    [
        ("run", {**RUN, "samplers": {"dynesty": {"live_points": 50}}}, True),
        ("run", {**RUN, "samplers": {"dynesty": {"live_points": 5}}}, False),
        ("run", {**RUN, "samplers": {"dynesty": {"live_points": 50.5}}}, False),
        ("run", {**RUN, "samplers": {"dinesty": {}}}, False),
        ("run", {**RUN, "hypotheses": {"a": ["min"]}}, True),
        ("run", {**RUN, "hypotheses": [{"name": "a", "prior_sets": ["min"]}]}, True),
        ("run", {**RUN, "hypotheses": [{"name": "a", "prior_set": ["min"]}]}, False),
        ("run", {**RUN, "exact_check": {"sample": 3}}, False),
        ("priors", {**PRIORS, "parameters": {"x": {**PARAMETER, "distribution": NORMAL}}}, True),
        ("priors", {**PRIORS, "parameters": {"x": {**PARAMETER, "distribution": {**NORMAL, "sigma": 1.0}}}}, False),
        ("priors", {**PRIORS, "parameters": {"x": {**PARAMETER, "distribution": {"kind": "gaussian"}}}}, False),
        ("likelihood", {"kind": "flux-point", "title": "T"}, False),
        ("likelihood", {"kind": "ratio.py:IntensityRatio", "above": "l=1..2,b=1..2"}, True),
        ("likelihood", {"kind": "ratio:IntensityRatio", "above": "l=1..2,b=1..2"}, False),
    ],
)
def test_forms_that_reading_refuses_are_not_valid(kind: str, content: dict[str, Any], good: bool) -> None:
    assert (faults(kind, content) == []) == good


def test_the_command_prints_one_or_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "run"]) == 0
    assert json.loads(capsys.readouterr().out) == schema("run")
    assert main(["schema"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(SCHEMAS)
    assert main(["schema", "runs"]) == 1
    assert "run" in capsys.readouterr().err
    with pytest.raises(UserError, match="did you mean 'run'"):
        schema("runs")
