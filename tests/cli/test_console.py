"""What the terminal shows of what was told: lines as they are, results, comparisons and calibrations."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from rich.console import Console

from crsea_infer.cli import console as shown
from crsea_infer.cli.console import ConsoleListener, new_console, show_comparison
from crsea_infer.inference.evidence import Evidence, bayes_factor
from crsea_infer.support.output_names import CALIBRATION_FILES
from crsea_infer.support.time_left import Step
from crsea_infer.workflow.comparison import Comparison
from crsea_infer.workflow.listening import Totals

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_lines_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    listener = ConsoleListener()
    listener.tell("")
    listener.tell("[bold]Combination[/bold] 1 of 2: :smile:")
    with listener.sampling(["[red]a[/red]"]) as display:
        display.update(0, 0.25, "[1]")
        display.update(0, 1.0, "done")
    assert capsys.readouterr().out.splitlines() == [
        "",
        "[bold]Combination[/bold] 1 of 2: :smile:",
        "[red]a[/red]:  25 %  [1]",
        "[red]a[/red]: done in 0 s",
    ]


def test_bars_move_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with ConsoleListener(Console(force_terminal=True, width=100)).sampling(["one"]) as display:
        display.update(0, 0.5, "half way")
    said = capsys.readouterr().out
    assert "50%" in said
    assert "half way" in said


def test_one_bar_counts_samplings_figures_and_checks(capsys: pytest.CaptureFixture[str]) -> None:
    listener = ConsoleListener(Console(force_terminal=True, width=100))
    with listener.overall([Step(5.0, 2), Step(5.0, 2), Step(10.0)]) as reach:
        with listener.sampling(["one", "two"]) as display:
            for index in (0, 1):
                reach(index, 0.25)
                display.update(index, 0.25, "a quarter")
                reach(index, 1.0)
                display.update(index, 1.0, "")
        listener.tell("Drawing corners ...")
        reach(2, 0.0)
        listener.console.file.flush()
        bars = listener._bars._progress
        assert bars is not None
        shown = [
            (task.description, task.fields["words"]() if callable(task.fields["words"]) else "") for task in bars.tasks
        ]
        assert shown == [("in all", shown[0][1])]
        assert "2 of 3 steps" in shown[0][1]
        reach(2, 1.0)
    said = capsys.readouterr().out
    assert "one: done in 0 s" in said
    assert "in all" in said


def test_a_whole_within_a_step_is_that_step() -> None:
    seen: list[tuple[float, int]] = []
    totals = Totals(lambda forecast: seen.append((forecast.fraction, len(forecast.steps))))
    with totals.overall([Step(1.0)] * 4) as outer:
        outer(0, 0.0)
        with totals.overall([Step(1.0)] * 2) as inner:
            inner(0, 1.0)
            inner(1, 1.0)
        outer(0, 1.0)
        for index in (1, 2, 3):
            outer(index, 1.0)
    assert {n_steps for _, n_steps in seen} == {4}
    assert max(fraction for fraction, _ in seen[:-1]) < 1.0
    assert seen[-1][0] == 1.0


def test_lines_tell_of_the_whole_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with ConsoleListener().overall([Step(20.0), Step(20.0)]) as reach:
        reach(0, 0.0)
        now[0] = 20.0
        reach(0, 1.0)
        now[0] = 22.0
        reach(1, 0.0)
    assert capsys.readouterr().out.splitlines() == ["in all:  50 %  about 20 s left, 1 of 2 steps"]


def test_a_comparison_is_shown_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    evidences = {"a": Evidence(10.0, 0.1, "dynesty"), "b": Evidence(4.0, 0.2, "importance")}
    factors = (bayes_factor("a", evidences["a"], "b", evidences["b"], ["b"]),)
    show_comparison(new_console(), Comparison(evidences, ("b",), factors, ("caution: b with [emcee]",)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ln Z (a) = 10.00 ± 0.10   dynesty"
    assert lines[1].startswith("ln Z (b) = 4.00 ± 0.20 (not converged)")
    assert lines[2].startswith(
        "ln B (a : b) = 6.00 ± 0.22 (numerical)   very strong evidence for a over b (not converged)"
    )
    assert lines[3].endswith("spread over choices: not measured (crsea-infer robustness RUN).")
    assert lines[4:] == ["caution: b with [emcee]"]


def test_a_calibration_says_what_was_found_and_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "summary_words", lambda report: report.words)
    report: Any = SimpleNamespace(words=["one: 80 data sets", "Caution: a selection"])
    ConsoleListener().calibrated(report, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [*report.words, "", *(f"  {tmp_path / name}" for name in CALIBRATION_FILES)]
