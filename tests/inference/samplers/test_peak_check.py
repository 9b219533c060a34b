"""A result that misses a peak does not count as converged; one that has all of them is left alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from known_problems import PROBLEMS, QUICK, LinearGaussian, NarrowMode, UnequalModes, UnitCube, modest_options
from scipy import stats

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers import peak_check
from crsea_infer.inference.samplers.peak_check import checked_for_peaks
from crsea_infer.inference.samplers.registry import make, sampler_class, sampler_names
from crsea_infer.inference.samplers.sampler import Counted, SamplerResult, no_progress
from crsea_infer.inference.samplers.scouts import find_peaks
from crsea_infer.interface.sampling import sample
from crsea_infer.plan.tasks import Task
from crsea_infer.support.checkpoint import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path

SCOUTS = np.random.SeedSequence(7)


def result_of(sampler: str, target: Any, options: Any = None) -> SamplerResult:
    return make(sampler, options).run(target, np.random.SeedSequence(1), Checkpoint(None), no_progress)


TWISTED = pytest.param("twisted banana, 4 dimensions", marks=pytest.mark.slow)


@pytest.mark.slow
@pytest.mark.parametrize("problem", [*sorted(set(PROBLEMS) - {"twisted banana, 4 dimensions"}), TWISTED])
@pytest.mark.parametrize("sampler", ["dynesty", "importance"])
def test_a_result_with_all_peaks_is_left_as_it_is(sampler: str, problem: str) -> None:
    target = PROBLEMS[problem]
    result = result_of(sampler, target, modest_options(sampler, len(target.names)))
    checked = checked_for_peaks(result, target, SCOUTS)
    assert checked.diagnostics["status"] == result.diagnostics["status"]
    assert checked.diagnostics["peaks_missed"] == 0.0
    assert checked.diagnostics["peaks_found"] == (2.0 if "modes" in problem else 1.0)
    assert checked.evidence == result.evidence


def test_nested_sampling_that_misses_a_narrow_peak_says_so_and_where_it_is() -> None:
    target = NarrowMode()
    result = result_of("dynesty", target, modest_options("dynesty", 5))
    assert result.converged  # of itself it sees nothing
    checked = checked_for_peaks(result, target, SCOUTS)
    assert not checked.converged
    status = str(checked.diagnostics["status"])
    assert "the samples miss a peak at x_" in status
    assert "= 0.75" in status
    share = float(status.partition("about ")[2].partition(" %")[0])
    assert share == pytest.approx(50.0, abs=15.0)


class SeesOnePeak:
    """A sampler of somebody else's, which meets the larger of two peaks only and is content with it."""

    name = "one-peak"

    def run(self, target: Any, seed: np.random.SeedSequence, *_: Any) -> SamplerResult:
        points = np.random.default_rng(seed).normal(target.centres[0], target.widths[0], (4000, len(target.names)))
        unit = points[np.all((points > 0.0) & (points < 1.0), axis=1)]
        return SamplerResult(
            sampler=self.name,
            names=target.names,
            samples=unit,
            unit_samples=unit,
            log_weights=None,
            log_likelihood=target.log_likelihood(unit),
            evidence=Evidence(float(np.log(target.shares[0])), 0.02, "by other means"),
            n_calls=4000,
            wall_s=1.0,
            diagnostics={"status": "converged"},
        )


def test_a_run_holds_a_sampler_of_others_against_the_scouts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crsea_infer.inference.samplers.registry.make", lambda *_: SeesOnePeak())
    run: Any = SimpleNamespace(seed=1, samplers={"one-peak": None})
    task = Task(run, "min", "one-peak", tmp_path, {"run": "of a test"}, UnequalModes().names)
    task.sample(UnequalModes(), no_progress)
    result = task.result()
    assert result is not None
    assert not result.converged
    share = float(str(result.diagnostics["status"]).partition("that holds about ")[2].partition(" %")[0])
    assert share == pytest.approx(25.0, abs=3.0)


@pytest.fixture(scope="module")
def scouted() -> Any:
    """What scouts find in the unequal modes: once, as they know of no sampler."""
    return find_peaks(Counted(UnequalModes()), peak_check._SCOUTS, np.random.default_rng(7))


@pytest.mark.parametrize("way", ["run", "front door"])
@pytest.mark.parametrize("sampler", sampler_names())
def test_whatever_sampler_is_registered_is_held_against_the_scouts(
    sampler: str, way: str, scouted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blind(SeesOnePeak):
        name = sampler

        def check(self, _target: Any) -> None:
            """Takes any target."""

        def run(self, *arguments: Any) -> SamplerResult:
            result = super().run(*arguments)
            return result if sampler_class(sampler).gives_evidence else replace(result, evidence=None)

    monkeypatch.setattr("crsea_infer.inference.samplers.registry.make", lambda *_: Blind())
    monkeypatch.setattr(peak_check, "find_peaks", lambda *_: scouted)
    target: Any = UnequalModes()
    if way == "run":
        run: Any = SimpleNamespace(seed=1, samplers={sampler: None})
        task = Task(run, "min", sampler, tmp_path, {"run": "of a test"}, target.names)
        task.sample(target, no_progress)
        result = task.result()
    else:
        result = sample(target, sampler).result
    assert result is not None
    assert result.sampler == sampler
    assert not result.converged
    share = float(str(result.diagnostics["status"]).partition("that holds about ")[2].partition(" %")[0])
    assert share == pytest.approx(25.0, abs=3.0)


@dataclass(frozen=True)
class CurvedSecondPeak(UnitCube):
    """A normal peak of 27 % of the evidence, and a valley as thin as a thirtieth of its length, bent, of 73 %."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2", "x_3", "x_4")
    width: float = 0.03
    thin: float = 0.004
    bend: float = 8.0

    def log_likelihood(self, theta: Any) -> Any:
        along = theta[:, 0] - 0.7
        bent = np.stack([theta[:, 1] - self.bend * along**2, theta[:, 2] + self.bend * along**2], axis=1) - 0.7
        valley = np.sum(stats.norm.logpdf(bent, scale=self.thin), axis=1)
        valley += stats.norm.logpdf(along, scale=4.0 * self.width)
        valley += np.sum(stats.norm.logpdf(theta[:, 3:] - 0.7, scale=self.width), axis=1)
        return np.logaddexp(self.log_peak(theta, 0.25, self.width), valley + 1.0) - np.log1p(np.e)

    def result(self, *, with_valley: bool) -> SamplerResult:
        """Return what a sampler gives that met both, or the normal peak only."""
        generator = np.random.default_rng(1)
        unit = 0.25 + self.width * generator.standard_normal((4000, 5))
        if with_valley:
            along = 4.0 * self.width * generator.standard_normal(10873)  # e times as many
            valley = 0.7 + self.width * generator.standard_normal((len(along), 5))
            valley[:, 0] = 0.7 + along
            valley[:, 1:3] = 0.7 + self.thin * generator.standard_normal((len(along), 2))
            valley[:, 1] += self.bend * along**2
            valley[:, 2] -= self.bend * along**2
            unit = np.concatenate([unit, valley[np.all((valley > 0.0) & (valley < 1.0), axis=1)]])
        return SamplerResult(
            sampler="dynesty",
            names=self.names,
            samples=unit,
            unit_samples=unit,
            log_weights=None,
            log_likelihood=self.log_likelihood(unit),
            evidence=Evidence(0.0 if with_valley else -float(np.log1p(np.e)), 0.05, "nested sampling"),
            n_calls=1,
            wall_s=1.0,
            diagnostics={"status": "converged"},
        )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_peak_that_no_normal_describes_is_measured_all_the_same(seed: int) -> None:
    target = CurvedSecondPeak()
    checked = checked_for_peaks(target.result(with_valley=False), target, np.random.SeedSequence(seed))
    assert checked.diagnostics["peaks_missed"] >= 1.0  # ascents may end at several places of the valley
    assert "that holds about" in str(checked.diagnostics["status"])
    assert checked_for_peaks(target.result(with_valley=True), target, np.random.SeedSequence(seed)).converged


@pytest.mark.slow
def test_a_peak_that_cannot_be_measured_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_check, "_LEAST_EFFECTIVE", np.inf)
    target = CurvedSecondPeak()
    checked = checked_for_peaks(target.result(with_valley=False), target, SCOUTS)
    assert not checked.converged
    assert "by its height and curvature alone may hold about" in str(checked.diagnostics["status"])
    assert checked_for_peaks(target.result(with_valley=True), target, SCOUTS).converged


def test_a_chain_without_an_evidence_is_held_against_the_peak_it_sits_in() -> None:
    target = NarrowMode()
    result = result_of("emcee", target, QUICK["emcee"])
    checked = checked_for_peaks(result, target, SCOUTS)
    assert checked.diagnostics["peaks_missed"] == 1.0
    assert "of the evidence" in str(checked.diagnostics["status"])


def test_what_a_sampler_says_of_itself_is_kept() -> None:
    target = NarrowMode()
    result = result_of("dynesty", target, modest_options("dynesty", 5))
    result = replace(result, diagnostics={**result.diagnostics, "status": "too short"})
    assert str(checked_for_peaks(result, target, SCOUTS).diagnostics["status"]).startswith("too short; the samples")


def test_a_wrong_evidence_alone_is_not_taken_for_a_missing_peak() -> None:
    """An ln Z that is off by less than its error allows leaves the samples where they are."""
    target = LinearGaussian.make(5, 15, 0.3)
    result = result_of("dynesty", target, modest_options("dynesty", 5))
    assert result.evidence is not None
    low = replace(result, evidence=replace(result.evidence, lnz=result.evidence.lnz - 1.0, lnz_err=0.3))
    assert checked_for_peaks(low, target, SCOUTS).converged


def test_the_check_depends_on_its_seed_alone() -> None:
    target = NarrowMode()
    result = result_of("dynesty", target, modest_options("dynesty", 5))
    first, second = (checked_for_peaks(result, target, SCOUTS).diagnostics for _ in range(2))
    assert first == second
