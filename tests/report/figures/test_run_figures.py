"""Every figure of a run, from its directory alone: in words, legible, within its canvas, and the numbers of the run."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from figure_texts import check_figure
from made_up import result_at

import crsea_infer as cr
from crsea_infer import emulator
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.study_file import load_study
from crsea_infer.report.figures import component_figures, local_figures, profile_figures, spectrum_figures
from crsea_infer.report.figures.run_figures import draw, figures_of
from crsea_infer.report.layout.figure_words import legend_words
from crsea_infer.report.layout.style import COLUMN, PAGE
from crsea_infer.report.products import PRODUCTS
from crsea_infer.report.results.shown_run import ShownData
from crsea_infer.report.results.spectrum_curves import TOTAL
from crsea_infer.report.results.summary import HypothesisSummary, RunSummary

if TYPE_CHECKING:
    from pathlib import Path

RUN = """
title = "Everything"
hypotheses = ["gamma-optimized-min", "base-max-sources"]
likelihoods = ["lhaaso_km2a_inner", "fermi_lat_masked_inner", "dampe_protons", "dampe_helium"]
[samplers.dynesty]
"""


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    """A run with gamma rays, a data set that contains more than diffuse emission, and protons and helium at the Sun."""
    path: Path = tmp_path_factory.mktemp("rich") / "rich.toml"
    path.write_text(RUN)
    run, model = load_run(path), emulator.load()
    items = []
    for number, hypothesis in enumerate(run.hypotheses):
        posterior = posterior_for(hypothesis, run.likelihoods, model)
        unit = np.clip(np.random.default_rng(number).normal(0.5, 0.1, size=(300, len(posterior.names))), 0.01, 0.99)
        result = result_at(posterior, "dynesty", 600.0 - number, unit)
        best: Any = SimpleNamespace(parameters=posterior.fiducial)
        items.append(HypothesisSummary(posterior, {"dynesty": result}, best, result.samples))
    return RunSummary(run, {"run": "a", "data": "b"}, model, tuple(items))


def machine_names(run: Any) -> list[str]:
    return [*(item.name for item in run.hypotheses), *(data.name for data in run.data_sets)]


@pytest.mark.slow
def test_every_figure_of_a_finished_run_comes_from_its_files_without_sampling(
    finished: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a figure of a finished run asked the sky model")

    monkeypatch.setattr(cr.FinishedRun, "model", property(never))
    run = cr.open_run(finished[1])
    known = figures_of(run._shown, run.path)
    written = {path.stem for path in (finished[1] / "figures").iterdir()}
    assert set(known) == written
    names = [*run.names, *run["gamma-optimized-min"].data]
    for name in known:
        whole = name.endswith("_all")  # of all parameters: as large as it has to be
        if not whole:
            assert check_figure(run.figure(name), names), name
    with pytest.raises(cr.UserError, match="local_spectra") as caught:
        run.figure("spectrum")
    assert "figure of the run" in str(caught.value)


def test_a_figure_from_files_has_the_numbers_of_the_run(finished: tuple[Path, Path]) -> None:
    run = cr.open_run(finished[1])
    upper, lower = run.figure("spectrum_lhaaso_km2a_inner").axes
    table = run.table("spectra")
    own = table[(table["data_set"] == "lhaaso_km2a_inner") & (table["component"] == TOTAL)]
    rows = own[own["hypothesis"] == run.names[0]]
    (median,) = (line for line in upper.lines if line.get_label() == "Min local spectra")
    np.testing.assert_allclose(median.get_ydata(), rows["median"] * rows["energy"] ** 2.8, rtol=1e-12)
    pulls = run.table("pulls")
    mine = pulls[(pulls["hypothesis"] == run.names[0]) & (pulls["likelihood"] == "lhaaso_km2a_inner")]
    drawn = next(line for line in lower.lines if len(line.get_xdata()) == len(mine))
    np.testing.assert_allclose(drawn.get_ydata(), mine["pull_best_fit"], rtol=1e-12)


def test_all_figures_of_names_are_products(rich: RunSummary) -> None:
    files = {name for product in PRODUCTS for name in product.files(rich)}
    drawn = {name for module in MODULES for name in module.figures(rich)}
    assert {f"figures/{name}.pdf" for name in drawn} <= files


MODULES: tuple[Any, ...] = (spectrum_figures, component_figures, local_figures, profile_figures)


@pytest.mark.slow
def test_figures_of_a_rich_run_are_in_words_and_inside(rich: RunSummary) -> None:
    found = {name: draw(one) for module in MODULES for name, one in module.figures(rich).items()}
    assert set(found) >= {"spectra", "local_spectra", "components_base-max-sources", "spectrum_fermi_lat_masked_inner"}
    texts = {name: check_figure(figure, machine_names(rich)) for name, figure in found.items()}
    assert {"DAMPE", "95 % of the prior"} <= set(texts["local_spectra"])
    assert {"pion decay on molecular gas", "unresolved sources", "4FGL inner"} <= set(
        texts["components_base-max-sources"]
    )


@pytest.mark.slow
def test_titles_as_long_as_they_may_be_stay_inside(rich: RunSummary) -> None:
    def called(item: HypothesisSummary, title: str) -> HypothesisSummary:
        hypothesis = replace(item.posterior.hypothesis, title=title)
        return replace(item, posterior=replace(item.posterior, hypothesis=hypothesis))

    words = "Transport in a Galaxy whose arms, bar and warp are those of the newest maps of its gas and stars" * 2
    long = replace(rich, hypotheses=tuple(called(item, f"{words} {n}") for n, item in enumerate(rich.hypotheses)))
    for module in MODULES:
        for one in module.figures(long).values():
            assert any(
                "newest maps" in text.replace("\n", " ") for text in check_figure(draw(one), machine_names(long))
            ) or (module is component_figures)


def test_components_add_up_to_what_is_expected_of_data_that_contain_more(rich: RunSummary) -> None:
    (item, _) = rich.hypotheses
    own = [one for one in rich.curves if (one.hypothesis, one.data_set) == (item.name, "fermi_lat_masked_inner")]
    parts = [one.bands["published"] for one in own if one.component != TOTAL]
    (total,) = (one.bands for one in own if one.component == TOTAL)
    assert {"HI", "H2", "4FGL inner", "isotropic"} <= {one.component for one in own}
    np.testing.assert_allclose(sum(parts), total["published"], rtol=1e-12)
    expected = item.posterior.predictions(item.draws[:400])["fermi_lat_masked_inner"]
    np.testing.assert_allclose(total["median"], np.median(expected, axis=0), rtol=1e-12)
    fermi = next(one for one in item.posterior.likelihoods if one.name == "fermi_lat_masked_inner")
    sources = next(one for one in fermi.components if one.label == "4FGL inner")
    (drawn,) = (one.bands["published"] for one in own if one.component == "4FGL inner")
    np.testing.assert_allclose(drawn, sources.prediction, rtol=1e-12)


def test_measured_protons_stand_where_their_table_has_them(rich: RunSummary) -> None:
    protons = draw(local_figures.figures(rich)["local_spectra"]).axes[0]
    (data,) = (one for one in rich.data_sets if one.name == "dampe_protons")
    points = max((line for line in protons.lines if line.get_marker() == "o"), key=lambda line: len(line.get_xdata()))
    energy = data.columns["energy_reference"]  # kinetic, of protons: nothing to turn into anything
    np.testing.assert_allclose(points.get_xdata(), energy)
    np.testing.assert_allclose(points.get_ydata(), data.columns["values"] * energy**2.8)


def profile(n_energies: int, unit: str) -> tuple[ShownData, Any]:
    """A made-up profile of three windows, the third apart from the others, and two hypotheses."""
    low, high = np.array([20.0, 30.0, 60.0]), np.array([30.0, 40.0, 80.0])
    edges = np.geomspace(10.0, 1000.0, n_energies + 1)
    first, last = np.repeat(edges[:-1], 3), np.repeat(edges[1:], 3)
    values = np.tile([3e-8, 2e-8, 1e-8], n_energies)
    columns = {
        "values": values,
        "error_low": 0.1 * values,
        "error_high": 0.1 * values,
        "window_min": np.tile(low, n_energies),
        "window_max": np.tile(high, n_energies),
        "energy_min": first,
        "energy_max": last,
    }
    data = ShownData("a_profile", "A profile", "Profile of something", "", {"axis": "longitude"}, columns, unit)
    draws = values * (1.0 + 0.05 * np.random.default_rng(1).standard_normal((200, values.size)))
    items = [SimpleNamespace(name=f"m-{k}", title=f"Title {k}", expected=lambda _: draws) for k in range(2)]
    return data, SimpleNamespace(hypotheses=items, data_sets=[data])


@pytest.mark.parametrize(("n", "unit", "width"), [(1, "", COLUMN), (2, "1 / (GeV cm2 s sr)", PAGE), (10, "", PAGE)])
def test_a_profile_has_steps_that_end_where_windows_are_apart(n: int, unit: str, width: float) -> None:
    _, run = profile(n, unit)
    (one,) = profile_figures.figures(run).values()
    figure = draw(one)
    texts = check_figure(figure, machine_names(run))
    assert figure.get_figwidth() == width
    assert len(figure.axes) == min(n, 6)
    assert ("shape only" in " ".join(texts)) == (not unit)
    panel = figure.axes[0]
    assert panel.get_xlim()[0] > panel.get_xlim()[1], "longitude grows to the left"
    lines = [line.get_xdata() for line in panel.lines if len(line.get_xdata()) in (2, 4)]
    assert [20.0, 30.0, 30.0, 40.0] in [list(line) for line in lines]
    assert [60.0, 80.0] in [list(line) for line in lines]


@pytest.mark.slow
def test_hypotheses_of_a_study_have_the_titles_of_their_names() -> None:
    study = load_study("paper")
    for run in study.runs.values():
        assert all(one.title != one.name for one in run.hypotheses)
        assert not set(legend_words({one.name: one.title for one in run.hypotheses}).values()) & {
            one.name for one in run.hypotheses
        }


def test_legends_say_what_tells_hypotheses_apart() -> None:
    assert legend_words({"a": "T, Min", "b": "T, Max"}) == {"a": "Min", "b": "Max"}
    assert legend_words({"a": "T, Min", "b": "T, Min"}) == {"a": "a", "b": "b"}, "one title for two says nothing"
    assert legend_words({"a": "T, Min"}) == {"a": "T, Min"}
    assert legend_words({"a": "x $y$", "b": "l > -3"}) == {"a": "x y", "b": "l > \u22123"}
