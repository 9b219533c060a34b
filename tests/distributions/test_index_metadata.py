"""What is said about the package in several files is said alike, and the README of an index has no broken link."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from crsea_infer import __version__
from crsea_infer.content.bibliography import bibliography

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"matplotlib": "matplotlib-base"}  # conda's matplotlib brings a window system
LINK = re.compile(r"\]\(([^)]+)\)")


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def recipe_list(section: str) -> set[str]:
    text = (ROOT / "packaging/conda/recipe.yaml").read_text()
    lines = text.split(f"\n  {section}:\n", 1)[1].splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("    - "))
    return {line.removeprefix("    - ") for line in lines[:end]}


def conda_names(requirements: list[str]) -> set[str]:
    split = [requirement.split(">=") for requirement in requirements]
    return {f"{CONDA_NAMES.get(name, name)} >={version}" for name, version in split}


def test_the_conda_recipe_needs_what_the_package_needs(pyproject: dict[str, Any]) -> None:
    python = f"python {pyproject['project']['requires-python']}"
    assert recipe_list("run") == conda_names(pyproject["project"]["dependencies"]) | {python}
    assert recipe_list("host") - {"pip", "python 3.11.*"} == conda_names(pyproject["build-system"]["requires"])


def test_the_conda_recipe_and_the_citation_are_of_this_version_and_licence(pyproject: dict[str, Any]) -> None:
    recipe, citation = ((ROOT / name).read_text() for name in ("packaging/conda/recipe.yaml", "CITATION.cff"))
    assert f'\n  version: "{__version__}"\n' in recipe
    assert f"\nversion: {__version__}\n" in citation
    assert f"license: {pyproject['project']['license']}\n" in recipe
    assert f"\nlicense: {pyproject['project']['license']}\n" in citation
    assert f"summary: {pyproject['project']['description']}\n" in recipe
    entries = [f"      - {name} = {target}\n" for name, target in pyproject["project"]["scripts"].items()]
    assert all(entry in recipe for entry in entries)


def test_the_keywords_of_the_citation_are_those_of_the_package(pyproject: dict[str, Any]) -> None:
    listed = (ROOT / "CITATION.cff").read_text().split("\nkeywords:\n")[1].split("\nreferences:")[0]
    assert [line.removeprefix("  - ") for line in listed.splitlines()] == pyproject["project"]["keywords"]


def test_the_citation_file_and_the_bibliography_say_the_same() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    own = bibliography()["crsea_infer"]
    assert own.field("title").replace("\\_", "_") == citation["title"]
    assert own.field("author").strip("{}").replace("\\_", "_") == citation["authors"][0]["name"]
    for one in citation["references"]:
        work = bibliography()[one["identifiers"][0]["value"]]
        plain = work.field("title").replace("$\\gamma$", "gamma").replace("$\\nu$", "neutrino")
        assert plain.replace("{", "").replace("}", "").lower() == one["title"].lower()
        assert work.field("year") == str(one["year"])
        assert [person.split(", ")[0] for person in work.field("author").split(" and ")] == [
            person["family-names"] for person in one["authors"]
        ]


def test_the_readme_of_an_index_links_to_no_file(pyproject: dict[str, Any]) -> None:
    text = (ROOT / "README.md").read_text()
    assert any(not target.startswith("https:") for target in LINK.findall(text))
    for one in pyproject["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(one["pattern"], one["replacement"], text)
    assert [target for target in LINK.findall(text) if not target.startswith("https:")] == []
    assert "`docs/physics.md`" in text


def test_files_that_the_readme_links_to_exist() -> None:
    targets = [one for one in LINK.findall((ROOT / "README.md").read_text()) if not one.startswith("https:")]
    assert [target for target in targets if not (ROOT / target.split("#")[0]).exists()] == []


def test_every_lower_bound_can_be_pinned(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    every = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    form = re.compile(r"[a-z0-9-]+>=[0-9.]+(,<[0-9.]+)?|crsea_infer\[[a-z]+\]")
    assert [one for one in every if not form.fullmatch(one)] == []


def test_an_index_takes_the_labels_of_addresses(pyproject: dict[str, Any]) -> None:
    for label in pyproject["project"]["urls"]:
        assert len(label) <= 32, label
        assert "," not in label  # parts the label from its address
