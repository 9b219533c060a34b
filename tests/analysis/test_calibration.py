"""Calibration tasks: right answers for right posteriors, alarms for wrong ones, and nothing dropped silently."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.analysis import calibration
from crsea_infer.analysis.calibration import (
    DRAWS,
    LOG_LIKELIHOOD,
    Calibration,
    CalibrationRecipe,
    CalibrationTask,
    calibration_build,
    comparable,
    extend,
    full_options,
)
from crsea_infer.analysis.calibration_statistics import rank_test, reliability
from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.importance import ImportanceOptions
from crsea_infer.inference.samplers.sampler import SamplerResult
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError
from crsea_infer.support.pieces import Pieces


@dataclass(frozen=True)
class Measured:
    """A number with normal noise."""

    value: float
    noise: float
    simulated_noise: float
    name: str = "number"

    def simulate(self, rng: np.random.Generator, predictions: tuple[np.ndarray, ...], _nuisances: Any) -> Measured:
        return replace(self, value=float(rng.normal(predictions[0][0], self.simulated_noise)))


@dataclass(frozen=True)
class OneNumber:
    """A parameter with a normal prior of some centre, and a measurement of it: everything in closed form."""

    likelihoods: tuple[Measured, ...]
    centre: float = 0.0
    names: tuple[str, ...] = ("mean",)

    @property
    def hypothesis(self) -> Any:
        return SimpleNamespace(name=f"centre {self.centre:g}")

    def prior_transform(self, unit: np.ndarray) -> np.ndarray:
        from scipy.special import ndtri

        return self.centre + ndtri(unit)

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        (data,) = self.likelihoods
        return -0.5 * ((data.value - theta[..., 0]) / data.noise) ** 2 - np.log(data.noise * np.sqrt(2 * np.pi))

    def intensities(self, theta: np.ndarray) -> dict[str, tuple[np.ndarray, ...]]:
        return {"number": (theta[..., :1],)}

    def nuisance_values(self, _theta: np.ndarray) -> dict[str, np.ndarray]:
        return {}

    def exact(self, seed: np.random.SeedSequence, n: int = 4000) -> SamplerResult:
        """Draws of the posterior, and its evidence."""
        (data,) = self.likelihoods
        variance = 1.0 / (1.0 + data.noise**-2)
        mean = variance * (self.centre + data.value / data.noise**2)
        samples = np.random.default_rng(seed).normal(mean, np.sqrt(variance), size=(n, 1))
        total = 1.0 + data.noise**2
        lnz = -0.5 * (data.value - self.centre) ** 2 / total - 0.5 * np.log(2 * np.pi * total)
        return SamplerResult(
            "importance",
            self.names,
            samples,
            samples,
            None,
            self.log_likelihood(samples),
            Evidence(float(lnz), 0.01, "exact"),
            n,
            0.0,
            {"status": "converged", "effective_samples": float(n), "pareto_k_hat": 0.1},
        )


AGAIN = ImportanceOptions(draws=9000)


def task(simulated_noise: float = 0.8, seed: int = 1) -> Any:
    data = Measured(0.0, 0.8, simulated_noise)
    return CalibrationTask((OneNumber((data,)), OneNumber((data,), 1.0)), seed, DRAWS, True, AGAIN)  # type: ignore[arg-type]


def run(worker: Any, n: int) -> Calibration:
    rows = np.stack([worker({"number": number, "hypothesis": index}) for number in range(n) for index in (0, 1)])
    return Calibration.of(
        [one.hypothesis.name for one in worker.posteriors],
        [one.names for one in worker.posteriors],
        rows,
        [worker.truths(index, n) for index in (0, 1)],
    )


@pytest.fixture
def _exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_estimate", lambda posterior, seed, _: (1, posterior.exact(seed)))


@pytest.mark.usefixtures("_exactly")
def test_a_right_analysis_is_calibrated() -> None:
    found = run(task(), 400)
    rng = np.random.default_rng(1)
    assert found.parameters == (("mean", LOG_LIKELIHOOD),) * 2
    for ranks in found.ranks:
        assert ranks.min() >= 0
        assert ranks.max() <= DRAWS
        assert rank_test(ranks[:, 0], DRAWS, rng).p > 1e-3
        assert rank_test(ranks[:, 1], DRAWS, rng).p > 1e-3
    ln_b = [found.lnz[truth][:, 0] - found.lnz[truth][:, 1] for truth in (0, 1)]
    assert abs(reliability(*ln_b).deviation) < 3.5
    assert np.mean(ln_b[0] > 0) > 0.55


@pytest.mark.usefixtures("_exactly")
def test_data_noisier_than_the_analysis_believes_are_found() -> None:
    found = run(task(simulated_noise=1.6), 200)
    assert rank_test(found.ranks[0][:, 0], DRAWS, np.random.default_rng(1)).p < 1e-4


@pytest.mark.usefixtures("_exactly")
def test_each_data_set_has_random_numbers_of_its_own() -> None:
    rows = [task()({"number": number, "hypothesis": index})[:-1] for number in (3, 4) for index in (0, 1)]
    assert np.array_equal(rows[0], task()({"number": 3, "hypothesis": 0})[:-1])
    assert not any(np.array_equal(rows[0], other) for other in rows[1:])
    assert not np.array_equal(rows[0], task(seed=2)({"number": 3, "hypothesis": 0})[:-1])


def test_the_importance_estimator_agrees_with_the_closed_form() -> None:
    worker = task()
    row = worker({"number": 0, "hypothesis": 1})
    expected = []

    def exact(posterior: Any, seed: Any, _: Any) -> Any:
        expected.append(posterior.exact(seed).evidence.lnz)
        return 1, posterior.exact(seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "_estimate", exact)
        worker({"number": 0, "hypothesis": 1})
    found = Calibration.of(
        ["a", "b"], [("mean",)] * 2, np.stack([row, row]), [worker.truths(index, 1) for index in (0, 1)]
    )
    assert found.lnz[1, 0] == pytest.approx(expected, abs=0.05)
    assert np.all(found.tries > 0)


def test_refused_estimates_are_tried_again_and_then_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Refusing:
        def __init__(self, options: Any) -> None:
            self.options = options

        def run(self, posterior: Any, seed: Any, _checkpoint: Any, _progress: Any) -> SamplerResult:
            calls.append(self.options)
            result = posterior.exact(seed)
            if self.options is AGAIN and posterior.centre == 0.0:
                return result
            return replace(result, evidence=None, diagnostics={"effective_samples": 3.0, "pareto_k_hat": float("inf")})

    monkeypatch.setattr(calibration, "Importance", Refusing)
    found = run(task(), 3)
    assert calls[:2] == [calibration.LIGHT, AGAIN]
    assert np.all(found.tries[:, :, 0] == 2)
    assert np.all(found.tries[:, :, 1] == -1)
    assert np.all(np.isnan(found.lnz[:, :, 1]))
    assert np.all(found.ranks[0] >= 0)
    assert np.all(found.ranks[1] == -1)


def test_the_task_of_a_worker_needs_none_of_the_files_of_the_run() -> None:
    file = load_run("min_vs_max")
    assert calibration_build(file, "a model", 3).points.shape == (6, 2)
    recipe = CalibrationRecipe(replace(file, path=Path("gone.toml")), emulator.load(file.emulator))
    worker = pickle.loads(pickle.dumps(recipe))()  # noqa: S301 - our own
    assert [one.hypothesis.name for one in worker.posteriors] == [one.name for one in file.hypotheses]
    assert worker.seed == file.seed


def test_the_second_estimate_has_the_settings_of_the_run() -> None:
    file = load_run("min_vs_max")
    assert full_options(replace(file, samplers={})) == ImportanceOptions()
    own = replace(file, samplers={"importance": AGAIN})
    build = calibration_build(own, "a model", 3)
    assert full_options(own) == AGAIN
    assert build.hash != calibration_build(file, "a model", 3).hash


def test_template_fits_of_other_morphologies_are_not_compared() -> None:
    class Follows:
        name = "templates"

        def with_morphology(self, _morphology: str | None, _hypothesis: str) -> Any:
            return self

    plain = SimpleNamespace(name="plain")

    def of(likelihoods: tuple[Any, ...], *morphologies: str) -> Any:
        return SimpleNamespace(
            likelihoods=likelihoods, hypotheses=tuple(SimpleNamespace(morphology=one) for one in morphologies)
        )

    assert "templates" in comparable(of((plain, Follows()), "pi0", "kra_gamma"))
    assert comparable(of((plain, Follows()), "pi0", "pi0")) == ""
    assert comparable(of((plain,), "pi0", "kra_gamma")) == ""


def test_more_data_sets_are_added_and_fewer_refused(tmp_path: Path) -> None:
    file = load_run("min_vs_max")
    fingerprint = emulator.load(file.emulator).fingerprint
    few, more = (calibration_build(file, fingerprint, n) for n in (3, 5))
    assert np.array_equal(more.points[:6], few.points)
    extend(tmp_path, few)  # nothing is there yet
    Pieces(tmp_path, few).write([2], np.ones((1, 4)))
    with pytest.raises(UserError, match="another build"):
        Pieces(tmp_path, more)
    extend(tmp_path, more)
    assert Pieces(tmp_path, more).finished().tolist() == [index == 2 for index in range(10)]
    with pytest.raises(UserError, match="holds 5 data sets") as caught:
        extend(tmp_path, few)
    assert "-n 5" in caught.value.valid
    other = calibration_build(replace(file, seed=99), fingerprint, 8)
    with pytest.raises(UserError, match=f"another calibration: the seed: there {file.seed}, here 99"):
        extend(tmp_path, other)


def test_a_calibration_goes_on_when_its_run_file_has_moved(tmp_path: Path) -> None:
    file = load_run("min_vs_max")
    fingerprint = emulator.load(file.emulator).fingerprint
    moved = tmp_path / "elsewhere" / "mine.toml"
    moved.parent.mkdir()
    moved.write_bytes(file.path.read_bytes())
    build = calibration_build(file, fingerprint, 3)
    Pieces(tmp_path / "data_sets", build).write([2], np.ones((1, 4)))
    again = calibration_build(load_run(moved), fingerprint, 3)
    extend(tmp_path / "data_sets", again)
    assert Pieces(tmp_path / "data_sets", again).finished().sum() == 1


@pytest.mark.usefixtures("_exactly")
def test_truths_are_told_again_as_they_were_drawn() -> None:
    """With data that say nothing, the rank of a truth is its place in the prior."""
    worker = task(simulated_noise=50.0)
    blind = replace(
        worker, posteriors=tuple(replace(one, likelihoods=(Measured(0.0, 50.0, 50.0),)) for one in worker.posteriors)
    )
    found = run(blind, 60)
    assert found.truths[0].shape == (60, 1)
    assert found.ranks[0][:, 0] / DRAWS == pytest.approx(found.truths[0][:, 0], abs=0.2)


def test_data_sets_of_another_order_are_not_mixed(tmp_path: Path) -> None:
    file = load_run("min_vs_max")
    fingerprint = emulator.load(file.emulator).fingerprint
    build = calibration_build(file, fingerprint, 3)
    Pieces(tmp_path, build).write([2], np.ones((1, 4)))
    for swapped in ({"hypotheses": file.hypotheses[::-1]}, {"likelihoods": file.likelihoods[::-1]}):
        with pytest.raises(UserError, match="the order of hypotheses, prior sets or data sets"):
            extend(tmp_path, calibration_build(replace(file, **swapped), fingerprint, 5))
