"""Scouts find peaks that walks from the prior miss, and measure them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from known_problems import QUICK, Banana, LinearGaussian, NarrowMode, TwoModes

from crsea_infer.inference.samplers.importance import Importance, ImportanceOptions
from crsea_infer.inference.samplers.sampler import Counted, no_progress, to_unit
from crsea_infer.inference.samplers.scouts import find_peaks, missed_peaks
from crsea_infer.support.checkpoint import Checkpoint


def peaks_of(target: Any, seed: int = 1, n_draws: int = 4096) -> Any:
    return find_peaks(Counted(target), n_draws, np.random.default_rng(seed))[0]


@pytest.mark.parametrize("n_dimensions", [1, 5, 20])
def test_a_gaussian_has_one_peak_with_its_mean_covariance_and_evidence(n_dimensions: int) -> None:
    target = LinearGaussian.make(n_dimensions, 15, 0.3)
    (peak,) = peaks_of(target)
    assert peak.centre == pytest.approx(target.mean, abs=0.01 * np.sqrt(np.max(np.diag(target.covariance))))
    assert peak.factor @ peak.factor.T == pytest.approx(target.covariance, rel=0.01, abs=1e-3)
    assert peak.log_mass == pytest.approx(target.lnz, abs=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_a_peak_five_times_narrower_is_found_with_its_share(seed: int) -> None:
    peaks = peaks_of(NarrowMode(), seed)
    assert len(peaks) == 2
    centres = np.array([to_unit(peak.centre).mean() for peak in peaks])
    assert np.sort(centres) == pytest.approx([0.25, 0.75], abs=0.01)
    # Half of the evidence each; a round peak in the unit cube is not quite normal in probit coordinates.
    assert [peak.log_mass for peak in peaks] == pytest.approx([np.log(0.5)] * 2, abs=0.2)


def test_a_curved_valley_has_one_peak() -> None:
    assert len(peaks_of(Banana())) == 1


def test_a_peak_that_does_not_matter_is_left_out() -> None:
    class Unequal(TwoModes):
        def log_likelihood(self, theta: Any) -> Any:
            low, high = (self.log_peak(theta, centre, self.width) for centre in (0.25, 0.75))
            return np.logaddexp(low, high - 20.0)

    (peak,) = peaks_of(Unequal())
    assert to_unit(peak.centre) == pytest.approx(np.full(5, 0.25), abs=0.01)


def test_a_model_that_holds_only_on_one_side_has_its_peak_at_the_cliff() -> None:
    class Cliff(LinearGaussian):
        def log_likelihood(self, theta: Any) -> Any:
            return np.where(theta[..., 0] > self.mean[0] + 0.5, super().log_likelihood(theta), -np.inf)

    target = Cliff.make(3, 15, 0.3)
    for peak in peaks_of(target):
        assert peak.centre[0] > target.mean[0] + 0.5
        assert np.isfinite(peak.factor).all()
        assert np.isfinite(peak.log_mass)


def test_a_chain_knows_of_the_peaks_that_it_visits() -> None:
    peaks = peaks_of(TwoModes())
    assert len(peaks) == 2
    chain = peaks[0].draw(1000, np.random.default_rng(1))
    assert missed_peaks(peaks, chain) == (peaks[1],)
    both = np.concatenate([chain, peaks[1].draw(100, np.random.default_rng(2))])
    assert missed_peaks(peaks, both) == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_importance_finds_the_narrow_peak_that_its_walkers_miss(seed: int) -> None:
    target = NarrowMode()
    keeper = Checkpoint(None)
    result = Importance().run(target, np.random.SeedSequence(seed), keeper, no_progress)
    assert result.diagnostics["peaks_missed_by_walkers"] == 1.0
    assert result.evidence is not None
    assert abs(result.evidence.lnz) < 4.0 * result.evidence.lnz_err
    assert result.weights @ (result.samples[:, 0] > 0.5) == pytest.approx(0.5, abs=0.05)
    blind = Importance(ImportanceOptions(scouts=0)).run(target, np.random.SeedSequence(seed), keeper, no_progress)
    assert blind.diagnostics["scouts"] == 0.0
    assert blind.weights @ (blind.samples[:, 0] > 0.5) < 0.01


@pytest.mark.slow
def test_importance_refuses_when_one_repetition_only_finds_a_peak() -> None:
    """With few scouts a peak is found or not by luck; among some seeds, one repetition finds it alone."""
    options = ImportanceOptions(**{**vars(QUICK["importance"]), "scouts": 300})
    refused = 0
    for seed in range(12):
        result = Importance(options).run(NarrowMode(), np.random.SeedSequence(seed), Checkpoint(None), no_progress)
        refused += result.evidence is None and "two repetitions differ by 0." in str(result.diagnostics["status"])
    assert refused > 0
