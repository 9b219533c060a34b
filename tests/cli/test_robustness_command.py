"""`crsea-infer robustness` and the lists of choices, on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from crsea_infer.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["min_vs_mix"], "min_vs_max"),
        (["paper"], "holds no run of lhaaso"),
        (["paper", "--combinations", "lhaso"], "lhaaso"),
        (["paper", "--hypotheses", "base-mn"], "base-min"),
        (["min_vs_max", "--hypotheses", "gamma-optimized-mix"], "gamma-optimized-max"),
        (["min_vs_max", "--combinations", "lhaaso"], "has none"),
        (["min_vs_max", "--choices", "standart"], "standard"),
        (["min_vs_max", "--choices", "nowhere/list.toml"], "there is no list of choices file"),
        (["min_vs_max", "--seed", "-1"], "--seed"),
        (["min_vs_max", "--scheduler", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_message(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["robustness", *arguments, "--output", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_lists_of_choices_are_listed_and_have_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "choices", "--long"]) == 0
    assert "systematics (6)" in capsys.readouterr().out
    assert main(["schema", "choices"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert set(schema["required"]) == {"title", "axes"}
