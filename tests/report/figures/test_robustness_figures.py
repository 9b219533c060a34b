"""The tornado and the tables of an atlas, from numbers made up for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from atlas_folders import write_atlas

from crsea_infer.inference.samplers.sampler import CONVERGED
from crsea_infer.plan.choices import Axis, ChoiceList, Option
from crsea_infer.report.figures.robustness_figures import caption, tornado
from crsea_infer.report.layout.style import COLUMN, styled
from crsea_infer.report.pages.robustness_section import robustness_section
from crsea_infer.report.tables.atlas_record import atlas_beside, read_atlas
from crsea_infer.report.tables.robustness_tables import AtlasEvidence, AtlasReport, summary_lines, verdict

PAIR = ("gamma-optimized-min", "gamma-optimized-max")
MOVES = {
    "systematics": {"shared by both regions": 1.5, "independent points": -15.7, "correlated over 1 dex": -17.3},
    "scatter": {"correlated over one bin (0.2 dex)": -21.8},
    "widths": {"half": 4.5, "double": -7.7, "fourfold": -14.1},
    "energy": {"free by 10 %": -4.7},
}


def report(moves: dict[str, dict[str, float]] = MOVES) -> AtlasReport:
    axes = tuple(
        Axis(
            name,
            f"Axis of {name}",
            "as published",
            1.0 / (1.0 + len(options)),
            tuple(
                Option(f"option_{number}", title, "why not", 1.0 / (1.0 + len(options)))
                for number, title in enumerate(options)
            ),
        )
        for name, options in moves.items()
    )
    choices = ChoiceList(Path("made_up.toml"), "Made up", "Numbers.", pairs=True, axes=axes)
    evidences: dict[str, dict[tuple[tuple[str, str], ...], AtlasEvidence]] = {name: {} for name in PAIR}
    for one in choices.declared:
        move = sum(list(moves[axis].values())[int(option[-1])] for axis, option in one)
        for sign, name in zip((0.5, -0.5), PAIR, strict=True):
            lnz = 600.0 + sign * (29.15 + move) - 0.02 * move**2
            evidences[name][one] = AtlasEvidence(lnz, 0.02, "warm start", 0.3, 1500.0, 40_000, 2.5, CONVERGED)
    identity = {"run": "a", "data": "b", "model": "c", "version": "0", "seed": "1", "atlas": "d"}
    return AtlasReport("Min & Max", choices, evidences, ("x: it changes nothing here",), identity, {"numpy": "2"})


def test_everything_in_the_tornado_lies_inside_a_column() -> None:
    with styled():
        figure = tornado(report(), PAIR)
        figure.canvas.draw()
    assert figure.get_figwidth() == COLUMN
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [text.get_window_extent(renderer) for panel in figure.axes for text in panel.texts]
    boxes += [text.get_window_extent(renderer) for text in figure.texts]
    assert len(boxes) == 2 + 4 + 2 * 8
    width, height = figure.canvas.get_width_height()
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)
    for number, one in enumerate(boxes[:-2]):
        assert not any(one.overlaps(other) for other in boxes[number + 1 :])
    panel = figure.axes[0].get_window_extent(renderer)
    assert all(box.x1 <= panel.x0 for box in boxes[:-2])


def test_a_heading_of_two_lines_and_what_is_below_do_not_touch() -> None:
    titles = dict(zip(PAIR, ("Base transport, Min local spectra", "Free gradient, Max as IceTop has it"), strict=True))
    with styled():
        figure = tornado(replace(report(), titles=titles), PAIR)
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
        heading, below = (text.get_window_extent(renderer) for text in figure.texts)  # in the fonts of the style
    assert figure.texts[0].get_text().count("\n") == 1
    assert below.y1 + 0.02 * figure.dpi < heading.y0  # inches: what looks apart in print
    assert below.y0 > figure.axes[0].get_window_extent(renderer).y1


def test_axes_that_move_most_stand_on_top() -> None:
    with styled():
        figure = tornado(report(), PAIR)
    titles = [text.get_text() for text in figure.axes[0].texts if text.get_text().startswith("Axis")]
    assert titles == ["Axis of scatter", "Axis of systematics", "Axis of widths", "Axis of energy"]
    assert f"all {report().factors[PAIR].n} combinations" in caption(report(), PAIR)


def test_the_conversion_factor_of_co_has_its_index_below() -> None:
    with styled():
        figure = tornado(report({"gas": {"X_CO the same everywhere": -9.0, "costs $5 more": 1.0}}), PAIR)
        figure.canvas.draw()  # what is no mathematics would fail here
    words = [text.get_text() for text in figure.axes[0].texts]
    assert r"$X_{\mathrm{CO}}$ the same everywhere" in words
    assert "costs 5 more" in words


def test_a_verdict_says_whether_choices_change_it() -> None:
    found = report()
    assert "but it depends on choices" in verdict(PAIR, found.factors[PAIR])
    steady = report({"widths": {"half": 0.5, "double": -0.5}})
    assert "whatever the choices" in verdict(PAIR, steady.factors[PAIR])
    assert verdict(PAIR, steady.factors[PAIR]).startswith("very strong evidence for gamma-optimized-min")


def test_missing_evidences_are_said_and_left_out_of_averages() -> None:
    found = report()
    lost = (("scatter", "option_0"),)
    broken = {name: dict(by_choice) for name, by_choice in found.evidences.items()}
    broken[PAIR[0]][lost] = replace(broken[PAIR[0]][lost], lnz=np.nan, lnz_err=np.nan, status="k-hat 0.9")
    partial = replace(found, evidences=broken)
    assert partial.factors[PAIR].n == found.factors[PAIR].n - 1
    assert any("k-hat 0.9" in line for line in summary_lines(partial))
    with styled():
        tornado(partial, PAIR)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_atlas(tmp_path, report())
    return tmp_path


def test_an_atlas_reads_back_as_it_was(directory: Path) -> None:
    found, back = report(), read_atlas(directory / "robustness")
    assert back.factors == found.factors
    assert back.evidences == found.evidences
    assert back.weights == pytest.approx(found.weights)
    assert back.left_out == found.left_out


def test_the_run_beside_it_tells_of_it_and_another_run_does_not(directory: Path) -> None:
    from crsea_infer.report.tables.quoted_factors import read_spreads

    factor = report().factors[PAIR]
    section = robustness_section(directory)
    assert section is not None
    assert f"{factor.low:.1f} to {factor.high:.1f}" in section.words[0]
    assert len(section.tables[0].rows) == 9
    spread = read_spreads(directory / "bayes_factors.ecsv")[PAIR]
    assert (spread.low, spread.high) == (pytest.approx(factor.low), pytest.approx(factor.high))
    other = (directory / "run.toml").read_text().replace('seed = "1"', 'seed = "2"')
    (directory / "run.toml").write_text(other)
    assert atlas_beside(directory) is None
    assert robustness_section(directory) is None
    assert read_spreads(directory / "bayes_factors.ecsv") == {}
