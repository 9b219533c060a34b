"""Tables and lines of the terminal: no word is split, whatever the width, and COLUMNS is obeyed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from crsea_infer.cli import commands
from crsea_infer.cli.main import main
from crsea_infer.cli.tables import count_words, new_console, show_table

if TYPE_CHECKING:
    from pathlib import Path


def _show(capsys: pytest.CaptureFixture[str], *rows: tuple[str, ...]) -> list[str]:
    show_table(new_console(), "Title", ("name", "points", "words"), rows, {"points"})
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", ["80", "60"])
def test_a_table_fits_without_split_words(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    words = "some words that go on and on, of which extraordinarily_long_ones_are_kept whole"
    lines = _show(capsys, ("a_name", "12", words), ("b", "3", "short"))
    assert max(map(len, lines)) <= int(columns)
    assert any("extraordinarily_long_ones_are_kept" in line for line in lines)
    assert any(re.match(r"name +points +words", line) for line in lines)


def test_a_table_that_does_not_fit_is_shown_row_by_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = [line.rstrip() for line in _show(capsys, ("a_name", "12", "extraordinarily_long_ones_are_kept"))]
    assert lines == [
        "Title",
        "",
        "a_name",
        "  points  12",
        "  words   extraordinarily_long_ones_are_",
        "          kept",
    ]


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        (("list",), "80"),
        (("check", "min_vs_max"), "80"),
        pytest.param(("list", "--long"), "80", marks=pytest.mark.slow),
        pytest.param(("list", "--long"), "100", marks=pytest.mark.slow),
        pytest.param(("check", "min_vs_max", "--long"), "80", marks=pytest.mark.slow),
        pytest.param(("check", "paper"), "80", marks=pytest.mark.slow),
    ],
)
def test_commands_keep_to_the_columns_and_split_no_word(
    arguments: tuple[str, ...], columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    long = [line for line in shown.splitlines() if len(line) > int(columns) and not line.rstrip().endswith(".toml)")]
    assert long == []
    assert "gamma_opt\n" not in re.sub(" +\n", "\n", shown)
    if arguments == ("list",):
        assert all(re.search(rf"^{name} ", shown, re.MULTILINE) for name in ("gamma_optimized_published", "min_vs_max"))


def test_a_pipe_of_unknown_width_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert new_console().width == 160
    for nonsense in ("", "0", "wide", "²"):
        monkeypatch.setenv("COLUMNS", nonsense)
        assert new_console().width == 160


@pytest.mark.slow
def test_a_bad_file_of_the_users_leaves_the_table_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine.toml").write_text('title = "' + "x" * 90)
    commands.list_content(("runs",))
    shown = capsys.readouterr().out
    assert re.search(r"mine +yours +not valid", shown)
    assert re.search(r"^run +from +kind +title", shown, re.MULTILINE)


def test_one_is_not_several() -> None:
    assert count_words(1, "hypothesis", "hypotheses") == "1 hypothesis"
    assert count_words(0, "run") == "0 runs"
