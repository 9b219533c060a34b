"""Prior sensitivity as tables, figure and words."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.hypotheses import distributions as d
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.inference.evidence import Evidence, bayes_factor
from crsea_infer.plan.run_entries import SENSITIVITY_FACTORS as FACTORS
from crsea_infer.plan.subsets import ALL, TRAINING
from crsea_infer.report.figures import prior_sensitivity_figures
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.layout.style import styled

if TYPE_CHECKING:
    from pathlib import Path


def hypothesis(name: str, width: float, lnz: float, *, sampled: tuple[str, ...] = ("hi_scale", "halo_height")) -> Any:
    """A hypothesis whose data say hi_scale = 1.1 +- 0.05 and nothing about halo_height."""
    priors = {"hi_scale": d.normal(1.0, width), "halo_height": d.log_uniform(2.0, 12.0)}
    parameters = tuple(Parameter(key, priors[key], 1.0, rf"\mathrm{{{key[:2]}}}") for key in sampled)
    unit = np.random.default_rng(3).random((20000, len(sampled)))
    samples = np.stack([priors[key].prior_transform(unit[:, column]) for column, key in enumerate(sampled)], axis=-1)
    column = sampled.index("hi_scale") if "hi_scale" in sampled else None
    lnl = np.zeros(len(samples)) if column is None else -0.5 * ((samples[:, column] - 1.1) / 0.05) ** 2
    evidence = Evidence(lnz, 0.02, "importance sampling")
    result = SimpleNamespace(sampler="importance", samples=samples, log_weights=lnl, evidence=evidence, converged=True)
    posterior = SimpleNamespace(
        parameters=parameters,
        names=tuple(parameter.name for parameter in parameters),
        hypothesis=SimpleNamespace(name=name),
    )
    sampling = SimpleNamespace(posterior=posterior, results={"importance": result})
    about = {"name": name, "title": name.capitalize(), "parameters": parameters}
    return SimpleNamespace(**about, samplings={"all": sampling}, evidence=evidence, **vars(sampling))


def summary_of(*items: Any, parameters: tuple[str, ...] = ("hi_scale", "xco_scale", "halo_height")) -> Any:
    run = SimpleNamespace(sensitivity_parameters=parameters, sensitivity_factors=FACTORS)
    factors = tuple(
        bayes_factor(one.name, one.evidence, other.name, other.evidence)
        for index, one in enumerate(items)
        for other in items[index + 1 :]
        if one.evidence is not None and other.evidence is not None
    )
    return SimpleNamespace(run=run, hypotheses=items, bayes_factors=factors, table_meta={"run": "x"})


def write(folder: Path, summary: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    (folder / "figures").mkdir(exist_ok=True)
    prior_sensitivity_figures.write_sensitivity(folder, summary)
    evidences, factors = (read_table(folder / name) for name in prior_sensitivity_figures.FILES)
    return evidences, factors


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of the numbers: the figure is drawn, and not written in both formats."""
    monkeypatch.setattr(prior_sensitivity_figures, "save", lambda *_: None)


def known_shift(width: float, factor: float) -> float:
    def log_z(sigma: float) -> float:
        variance = sigma**2 + 0.05**2
        return -0.5 * 0.1**2 / variance - 0.5 * np.log(variance)

    return log_z(width * factor) - log_z(width)


def test_tables_have_the_known_answer_and_the_figure_is_there(tmp_path: Path) -> None:
    summary = summary_of(hypothesis("one", 0.1, -3.0), hypothesis("two", 0.2, -5.0))
    evidences, factors = write(tmp_path, summary)
    assert {row["parameter"] for row in evidences} == {"hi_scale", "halo_height"}
    checked = 0
    for row in evidences:
        if row["parameter"] == "hi_scale" and not row["withheld"]:
            width = 0.1 if row["hypothesis"] == "one" else 0.2
            expected = known_shift(width, row["factor"])
            assert row["lnz_shift"] == pytest.approx(expected, abs=max(4 * row["lnz_shift_err"], 1e-9))
            checked += 1
    assert checked >= 12
    by_factor = {row["factor"]: row for row in factors if row["parameter"] == "hi_scale"}
    assert by_factor[1.0]["ln_b"] == pytest.approx(2.0)
    assert by_factor[1.0]["ln_b_err"] == pytest.approx(0.02 * np.sqrt(2))
    assert by_factor[0.5]["ln_b"] == pytest.approx(2.0 + known_shift(0.1, 0.5) - known_shift(0.2, 0.5), abs=0.05)
    wide = [row for row in evidences if row["parameter"] == "halo_height" and row["factor"] > 1.0]
    assert len(wide) == 8
    assert all(np.isnan(row["lnz"]) and "nothing was sampled" in row["withheld"] for row in wide)
    assert (tmp_path / "figures" / "prior_sensitivity.png").stat().st_size > 10_000
    assert all((tmp_path / name).exists() for name in prior_sensitivity_figures.files(summary))


def test_parameters_stand_in_the_order_of_their_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """halo_height, of which the data say nothing, comes after hi_scale, however the run file has them."""
    titles: list[list[str]] = []
    monkeypatch.setattr(
        prior_sensitivity_figures, "save", lambda figure, *_: titles.append([one.get_title() for one in figure.axes])
    )
    for items in ((hypothesis("one", 0.1, -3.0), hypothesis("two", 0.2, -5.0)), (hypothesis("one", 0.1, -3.0),)):
        evidences, factors = write(tmp_path, summary_of(*items, parameters=("halo_height", "hi_scale")))
        for rows in (evidences, factors):
            assert list(dict.fromkeys(row["parameter"] for row in rows)) == ["hi_scale", "halo_height"][: 2 * len(rows)]
        assert [row["factor"] for row in evidences[: len(FACTORS)]] == pytest.approx(FACTORS)
    assert titles == [[r"$\mathrm{hi}$", r"$\mathrm{ha}$"]] * 2


def test_of_many_parameters_the_figure_has_those_that_matter_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = hypothesis("one", 0.1, -3.0)
    first, second = item.posterior.parameters
    item.posterior.parameters = (*(replace(second, name=f"other_{k}", label=f"o_{k}") for k in range(14)), first)
    item.posterior.names = tuple(one.name for one in item.posterior.parameters)
    item.parameters = item.posterior.parameters
    result = item.results["importance"]
    result.samples = np.hstack([*(result.samples[:, 1:] for _ in range(14)), result.samples[:, :1]])
    figures: list[Any] = []
    monkeypatch.setattr(prior_sensitivity_figures, "save", lambda figure, *_: figures.append(figure))
    evidences, _ = write(tmp_path, summary_of(item, parameters=item.posterior.names))
    assert len({row["parameter"] for row in evidences}) == 15
    shown = [panel.get_title() for panel in figures[0].axes if panel.get_visible()]
    assert len(shown) == 12
    assert shown[0] == r"$\mathrm{hi}$"


def test_the_page_tells_the_range_and_what_is_withheld(tmp_path: Path) -> None:
    summary = summary_of(hypothesis("one", 0.1, -3.0), hypothesis("two", 0.2, -5.0))
    _, factors = write(tmp_path, summary)
    section = prior_sensitivity_figures.sensitivity_section(tmp_path, summary)
    (words,) = section.words
    known = [row["ln_b"] for row in factors if np.isfinite(row["ln_b"])]
    assert f"between {min(known):.2f}" in words
    assert f"and {max(known):.2f}" in words
    assert f"{len(factors) - len(known)} of {len(factors)} points are withheld" in words


@pytest.mark.usefixtures("unsaved")
def test_a_parameter_of_one_hypothesis_is_widened_there_alone(tmp_path: Path) -> None:
    summary = summary_of(hypothesis("one", 0.1, -3.0), hypothesis("two", 0.2, -5.0, sampled=("halo_height",)))
    _, factors = write(tmp_path, summary)
    row = next(row for row in factors if row["parameter"] == "hi_scale" and row["factor"] == 0.5)
    assert row["ln_b"] == pytest.approx(2.0 + known_shift(0.1, 0.5), abs=0.05)


def test_one_hypothesis_gives_the_shift_of_its_evidence(tmp_path: Path) -> None:
    summary = summary_of(hypothesis("one", 0.1, -3.0))
    evidences, factors = write(tmp_path, summary)
    assert evidences
    assert factors == []
    assert (tmp_path / "figures" / "prior_sensitivity.pdf").stat().st_size > 5_000
    assert (
        "Change of ln Z"
        in prior_sensitivity_figures.sensitivity_section(tmp_path, summary).figures["prior_sensitivity"]
    )


@pytest.mark.usefixtures("unsaved")
def test_no_evidence_gives_shifts_and_no_bayes_factor(tmp_path: Path) -> None:
    items = [hypothesis("one", 0.1, -3.0), hypothesis("two", 0.2, -5.0)]
    for item in items:
        item.evidence = item.results["importance"].evidence = None
    evidences, factors = write(tmp_path, summary_of(*items))
    assert factors == []
    assert all(np.isnan(row["lnz"]) for row in evidences)
    assert np.isfinite([row["lnz_shift"] for row in evidences if not row["withheld"]]).all()


def test_nothing_chosen_is_no_product() -> None:
    assert prior_sensitivity_figures.files(summary_of(hypothesis("one", 0.1, -3.0), parameters=())) == []
    assert prior_sensitivity_figures.files(summary_of(hypothesis("one", 0.1, -3.0), parameters=("xco_scale",))) == []


def test_other_factors_in_the_run_file_make_it_again(tmp_path: Path) -> None:
    summary = summary_of(hypothesis("one", 0.1, -3.0))
    write(tmp_path, summary)
    assert prior_sensitivity_figures.is_current(tmp_path, summary)
    summary.run.sensitivity_factors = (0.5, 1.0)
    assert not prior_sensitivity_figures.is_current(tmp_path, summary)


def test_hypotheses_in_another_order_make_it_again(tmp_path: Path) -> None:
    one, other = hypothesis("one", 0.1, -3.0), hypothesis("two", 0.2, -5.0)
    write(tmp_path, summary_of(one, other))
    assert prior_sensitivity_figures.is_current(tmp_path, summary_of(one, other))
    assert not prior_sensitivity_figures.is_current(tmp_path, summary_of(other, one))


@pytest.mark.parametrize("factors", [FACTORS, (0.1, 1.0, 2.0), (0.01, 0.5, 1.0, 10.0), (0.001, 1.0, 1000.0), (1.0,)])
def test_the_numbers_of_the_width_never_touch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factors: tuple[float, ...]
) -> None:
    four = ("hi_scale", "halo_height", "xco_scale", "delta_slope")
    item = hypothesis("one", 0.1, -3.0)
    first, second = item.posterior.parameters
    item.posterior.parameters += (replace(first, name=four[2]), replace(second, name=four[3]))
    item.posterior.names = tuple(one.name for one in item.posterior.parameters)
    item.parameters = item.posterior.parameters
    result = item.results["importance"]
    result.samples = np.hstack([result.samples, result.samples])
    summary = summary_of(item, parameters=four)
    summary.run.sensitivity_factors = factors
    figures: list[Any] = []
    monkeypatch.setattr(prior_sensitivity_figures, "save", lambda figure, *_: figures.append(figure))
    write(tmp_path, summary)
    with styled():
        figures[0].canvas.draw()
        for panel in figures[0].axes:
            assert len(panel.get_xticks()) >= 1
            boxes = [label.get_window_extent() for label in panel.get_xticklabels()]
            assert all(left.x1 + 2.0 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.usefixtures("unsaved")
def test_a_parameter_that_the_training_does_not_have_shifts_the_conditional_evidence_alone(tmp_path: Path) -> None:
    """The nuisance of a data set that is predicted is no parameter of the training set."""
    joint, training = hypothesis("one", 0.1, -3.0), hypothesis("one", 0.1, -9.0, sampled=("halo_height",))
    joint.samplings["training"] = training.samplings["all"]
    evidences, _ = write(tmp_path, summary_of(joint, parameters=("hi_scale", "halo_height")))
    assert len(evidences) == 2 * len(FACTORS)
    (row,) = [row for row in evidences if row["parameter"] == "hi_scale" and row["factor"] == 0.5]
    assert row["lnz_shift"] == pytest.approx(known_shift(0.1, 0.5), abs=0.05)
    assert all(row["withheld"] for row in evidences if row["parameter"] == "halo_height" and row["factor"] > 1.0)


@pytest.mark.usefixtures("unsaved")
def test_of_a_conditional_evidence_the_shift_of_the_training_is_taken_off(tmp_path: Path) -> None:
    joint, training = hypothesis("one", 0.1, -3.0), hypothesis("one", 0.1, -9.0, sampled=("halo_height", "hi_scale"))
    joint.samplings["training"] = training.samplings["all"]
    evidences, _ = write(tmp_path, summary_of(joint, parameters=("hi_scale",)))
    shifts = [row["lnz_shift"] for row in evidences if not row["withheld"]]
    assert len(shifts) > 5
    assert shifts == pytest.approx(np.zeros(len(shifts)), abs=0.1)
    assert all(row["lnz_shift_err"] > 0.0 for row in evidences if not row["withheld"] and row["factor"] != 1.0)


def trained_or_not(**trained: bool) -> Any:
    """A run of hypotheses, trained or not, of which the sampler leaves no samples of the training set."""
    none, some = SimpleNamespace(results={}), SimpleNamespace(results={"bridge": object()})
    items = [
        SimpleNamespace(
            name=name,
            posterior=SimpleNamespace(names=("proton_norm",)),
            samplings={ALL: some, TRAINING: none} if is_trained else {ALL: some},
        )
        for name, is_trained in trained.items()
    ]
    return SimpleNamespace(hypotheses=items, run=SimpleNamespace(sensitivity_parameters=("proton_norm",)))


def test_without_samples_of_any_training_set_nothing_is_drawn() -> None:
    assert prior_sensitivity_figures.files(trained_or_not(one=True, other=True)) == []


def test_with_a_hypothesis_that_can_be_reweighted_it_is() -> None:
    made = prior_sensitivity_figures.files(trained_or_not(one=True, other=False))
    assert set(prior_sensitivity_figures.FILES) < set(made)
