"""Twelve hypotheses, as the study of the paper has: each can be told from every other, in every figure."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from figure_texts import check_text
from made_up import result_at
from matplotlib.colors import to_hex

from crsea_infer import emulator
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.study_file import load_study
from crsea_infer.report.figures import corner_figures, data_set_pulls, prior_sensitivity_figures, spectrum_figures
from crsea_infer.report.figures.run_figures import draw
from crsea_infer.report.layout.style import COLOURS, COLUMN, PAGE, legend_size, look, styled
from crsea_infer.report.results.shown_run import titles_of
from crsea_infer.report.results.summary import HypothesisSummary, RunSummary

if TYPE_CHECKING:
    from pathlib import Path

N = 12
RUN = """
title = "Twelve"
hypotheses = [{names}]
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
[samplers.dynesty]
"""


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    path: Path = tmp_path_factory.mktemp("twelve") / "twelve.toml"
    study = next(iter(load_study("paper").runs.values()))
    path.write_text(RUN.format(names=", ".join(f'"{item.name}"' for item in study.hypotheses)))
    run, model = load_run(path), emulator.load()
    items = []
    for number, hypothesis in enumerate(run.hypotheses):
        posterior = posterior_for(hypothesis, run.likelihoods, model)
        rng = np.random.default_rng(number)
        unit = np.clip(rng.normal(0.4 + 0.02 * number, 0.15, size=(1000, len(posterior.names))), 0.01, 0.99)
        result = result_at(posterior, "dynesty", 600.0 - number, unit)
        best: Any = SimpleNamespace(parameters=posterior.fiducial)
        items.append(HypothesisSummary(posterior, {"dynesty": result}, best, result.samples))
    assert len(items) == N
    return RunSummary(run, {"run": "a", "data": "b"}, model, tuple(items))


def test_eighteen_looks_are_pairwise_distinct_by_line_by_marker_and_by_cross() -> None:
    looks = [look(index) for index in range(18)]
    for kind in ("line", "marker", "cross"):
        assert len({(one.colour, getattr(one, kind)) for one in looks}) == 18
    assert len({one.colour for one in looks}) == len(COLOURS)


def lab(linear: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB [n, 3]: equal distances look equally large; 2.3 is just noticeable."""
    to_xyz = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])
    xyz = linear @ to_xyz.T / to_xyz.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def test_the_colours_differ_for_readers_who_see_no_red_or_no_green() -> None:
    """Colours as such readers see them (Viénot, Brettel and Mollon 1999), at least four just noticeable steps apart."""
    encoded = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in COLOURS])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    no_red = np.array([[0.0, 2.02344, -2.52581], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    no_green = np.array([[1.0, 0.0, 0.0], [0.494207, 0.0, 1.24827], [0.0, 0.0, 1.0]])
    for seen in (np.eye(3), no_red, no_green):
        colours = lab(np.clip(linear @ (np.linalg.inv(to_lms) @ seen @ to_lms).T, 0.0, 1.0))
        assert min(float(np.linalg.norm(one - other)) for one, other in combinations(colours, 2)) > 4 * 2.3


def drawn(line: Any) -> tuple[str, Any]:
    return to_hex(line.get_color()).upper(), line._dash_pattern[1] and tuple(line._dash_pattern[1])


def handles(figure: Any) -> dict[str, Any]:
    (legend,) = figure.legends
    names = [text.get_text().replace("\n", " ") for text in legend.get_texts()]
    return dict(zip(names, legend.legend_handles, strict=True))


def assert_distinct_in_legend(figure: Any, names: list[str], *, lines: bool, markers: bool) -> None:
    shown = handles(figure)
    assert set(names) <= set(shown)
    if lines:
        assert len({drawn(shown[name]) for name in names}) == N
    if markers:
        assert len({(shown[name].get_color(), shown[name].get_marker()) for name in names}) == N


@pytest.fixture
def names(twelve: RunSummary) -> list[str]:
    return list(titles_of(twelve).values())


@pytest.mark.slow
def test_spectra_are_legible_with_a_legend_of_lines_and_markers(twelve: RunSummary, names: list[str]) -> None:
    figures = {name: draw(one) for name, one in spectrum_figures.figures(twelve).items()}
    assert set(figures) == set(spectrum_figures.figure_names(twelve))
    for name, figure in figures.items():
        with styled():
            assert check_text(figure) == pytest.approx(PAGE if name == "spectra" else COLUMN)
        assert_distinct_in_legend(figure, names, lines=True, markers=True)
        (legend,) = figure.legends
        upper, lower = figure.axes[:2]
        assert legend.get_window_extent().y1 < lower.xaxis.label.get_window_extent().y0, "below, not over the curves"
        curves = {line.get_label(): drawn(line) for line in upper.lines if line.get_label() in names}
        assert len(curves) == N
        assert curves == {key: drawn(line) for key, line in handles(figure).items() if key in names}
        assert len({(line.get_color(), line.get_marker()) for line in lower.lines if len(line.get_xdata()) > 2}) == N
    assert "dashed" not in spectrum_figures.figure_names(twelve)["spectra"]


@pytest.mark.slow
def test_the_overlaid_corner_has_lines_of_its_own_for_each(twelve: RunSummary, names: list[str]) -> None:
    with styled():
        figure = corner_figures.overlay(twelve)
        check_text(figure)
    assert_distinct_in_legend(figure, names, lines=True, markers=False)
    assert len({drawn(line) for line in figure.axes[0].lines}) == N
    contours = [one for one in figure.axes[1].collections if len(one.get_paths())]
    looks = {(to_hex(one.get_edgecolor()[0]), str(one.get_linestyle())) for one in contours}
    assert len(looks) == N
    assert "39 %" not in corner_figures.figure_names(twelve)["corner_overlay"]


def test_the_pulls_have_markers_of_their_own_for_each(twelve: RunSummary, names: list[str]) -> None:
    with styled():
        figure = data_set_pulls.draw_pulls(twelve)
        assert check_text(figure) == pytest.approx(PAGE)
    assert_distinct_in_legend(figure, names, lines=False, markers=True)
    markers = {(line.get_color(), line.get_marker()) for line in figure.axes[0].lines if len(line.get_xdata()) > 2}
    assert len(markers) == N


@pytest.mark.slow
def test_prior_sensitivity_shows_each_evidence_when_pairs_are_too_many(
    twelve: RunSummary, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(prior_sensitivity_figures, "save", lambda figure, *_: figures.append(figure))
    prior_sensitivity_figures.write_sensitivity(tmp_path, twelve)
    (figure,) = figures
    with styled():
        check_text(figure)
    assert_distinct_in_legend(figure, names, lines=True, markers=True)
    caption = prior_sensitivity_figures.sensitivity_section(tmp_path, twelve).figures[prior_sensitivity_figures.FIGURE]
    assert caption.startswith("Change of ln Z")


def test_a_legend_takes_the_columns_that_fit() -> None:
    from matplotlib.lines import Line2D

    short, long = ([Line2D([], [], label=word * n) for _ in range(N)] for word, n in (("min", 1), ("min", 20)))
    with styled():
        assert legend_size(short, PAGE)[0] == 4
        assert legend_size(long, COLUMN)[0] == 1
        assert legend_size(long, COLUMN)[1] > legend_size(short, PAGE)[1] > 0.3
