"""Names are found where a user expects them: their own folders first, then the package."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from crsea_infer.content import finding
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_packaged_content_is_found_from_anywhere() -> None:
    assert finding.find("priors", "min").name == "min.toml"
    assert finding.find("likelihoods", "lhaaso_km2a_inner").name == "likelihood.toml"
    assert finding.find("runs", "min_vs_max").name == "min_vs_max.toml"


def test_the_users_own_file_comes_before_the_packaged_one(empty_directory: Path) -> None:
    (empty_directory / "priors").mkdir()
    own = empty_directory / "priors" / "min.toml"
    shutil.copy(finding.find("priors", "min"), own)
    assert finding.find("priors", "min") == own
    origins = {item.name: item.origin for item in finding.available("priors")}
    assert origins["min"] == "yours"
    assert origins["max"] == "package"


def test_hypotheses_are_not_a_prior_set() -> None:
    assert "hypotheses" not in {item.name for item in finding.available("priors")}


def test_a_path_counts_from_the_file_in_which_it_stands(empty_directory: Path) -> None:
    folder = empty_directory / "project" / "mine"
    folder.mkdir(parents=True)
    (folder / "likelihood.toml").write_text("kind = 'x'\n")
    found = finding.find("likelihoods", "./mine", base=empty_directory / "project")
    assert found.resolve() == (folder / "likelihood.toml").resolve()


@pytest.mark.parametrize(
    ("kind", "name", "match"),
    [
        ("priors", "gama_optimized", "gamma_optimized"),
        ("likelihoods", "lhaaso_km2a_iner", "lhaaso_km2a_inner"),
        ("runs", "min-vs-max", "min_vs_max"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(kind: finding.ContentKind, name: str, match: str) -> None:
    with pytest.raises(UserError) as caught:
        finding.find(kind, name, where="a.toml: key")
    assert name in caught.value.given
    assert "a.toml: key" in caught.value.given
    assert caught.value.fix == f"did you mean {match!r}?"


def test_a_path_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match=r"nowhere/x\.toml"):
        finding.find("runs", "nowhere/x.toml")


def test_a_checkout_does_not_list_its_content_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finding.packaged_root())
    assert {item.origin for item in finding.available("priors")} == {"package"}
