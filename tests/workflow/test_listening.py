"""Listeners: nobody is told anything unless asked, and whoever is told hears the same in plain lines."""

from __future__ import annotations

import doctest
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from quick_run import without_figures

from crsea_infer.plan.run_file import load_run
from crsea_infer.workflow import listening, runs, samplings
from crsea_infer.workflow.listening import LineMeter, Quiet, Told

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.workflow.listening import Listener


def test_examples() -> None:
    assert doctest.testmod(listening).failed == 0


@pytest.mark.slow
def test_by_default_nothing_is_said_and_told_gets_lines(
    own_copy: tuple[Path, Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_figures(monkeypatch)
    monkeypatch.setattr(samplings, "run_jobs", None)
    path, out = own_copy
    runs.execute(load_run(path), out, accept_unconverged=True)
    assert capfd.readouterr() == ("", "")
    lines: list[str] = []
    (out / "pulls.ecsv").unlink()
    runs.execute(load_run(path), out, accept_unconverged=True, listener=Told(lines.append))
    assert capfd.readouterr() == ("", "")
    assert lines[0] == "Sampling was finished before; nothing is sampled again."
    assert "Drawing pulls ..." in lines
    found = [line for line in lines if line.startswith("ln ")]
    assert [line.partition(" = ")[0] for line in found] == [
        "ln Z (gamma-optimized-min)",
        "ln Z (gamma-optimized-max)",
        "ln B (gamma-optimized-min : gamma-optimized-max)",
    ]
    assert any(line.startswith("caution: ") for line in lines)
    assert lines[-1] == f"page: {out / 'index.html'}"
    assert not any("\n" in line for line in lines)


@pytest.mark.parametrize("listener", [Quiet(), Told([].append)])
def test_what_is_told_is_taken_by_all(listener: Listener) -> None:
    listener.tell("words")
    with listener.sampling(["a", "b"]) as meter:
        meter.update(1, 0.5, "half")
    with listener.counting("points") as count:
        count(0, 0)
        count(3, 3)


def test_a_meter_tells_the_first_the_last_and_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(listening, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    lines: list[str] = []
    meter = LineMeter(lines.append, ["a", "b"])
    for now, index, fraction in ((0, 0, 0.1), (4, 0, 0.2), (5, 1, 0.0), (11, 0, 0.3), (12, 0, 0.4), (14, 0, 1.0)):
        clock[0] = now
        meter.update(index, fraction, "on")
    assert lines == ["a:  10 %  on", "b:   0 %  on", "a:  30 %  on", "a: done in 14 s"]


def test_counting_is_told_in_lines() -> None:
    lines: list[str] = []
    with Told(lines.append).counting("simulated data sets") as count:
        count(0, 40)
        count(1, 40)
        count(40, 40)
    assert lines == ["simulated data sets:   0 %  0 of 40", "simulated data sets: done in 0 s"]
