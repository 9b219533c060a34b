"""Tests of ranks and of Bayes factors: quiet when all is right, loud when it is not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crsea_infer.analysis.calibration_statistics import (
    bins_for,
    look_elsewhere,
    misleading,
    rank_counts,
    rank_test,
    reliability,
)

DRAWS = 99


def ranks_of(width: float, shift: float, n: int, seed: int) -> np.ndarray:
    """Ranks of standard normal truths among draws of a posterior of another width, and shifted."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(n, 1))  # the data
    truth = centre[:, 0] + rng.normal(size=n)
    draws = centre + shift + width * rng.normal(size=(n, DRAWS))
    return np.asarray(np.sum(draws < truth[:, None], axis=1))


def test_ranks_of_a_right_posterior_pass_as_often_as_they_should() -> None:
    rng = np.random.default_rng(1)
    tests = [rank_test(ranks_of(1.0, 0.0, 200, seed), DRAWS, rng) for seed in range(200)]
    for values in ([test.chi2_p for test in tests], [test.ks_p for test in tests]):
        assert stats.kstest(values, "uniform").pvalue > 1e-3
    pulls = [(test.mean - 0.5) / test.mean_err for test in tests]
    assert np.std(pulls) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(("width", "shift"), [(0.6, 0.0), (1.7, 0.0), (1.0, 0.5)])
def test_a_posterior_of_the_wrong_width_or_place_is_found(width: float, shift: float) -> None:
    assert rank_test(ranks_of(width, shift, 200, 5), DRAWS, np.random.default_rng(1)).p < 1e-3


@given(n=st.integers(0, 2000))
def test_bins_divide_the_ranks_and_hold_enough(n: int) -> None:
    bins = bins_for(n, DRAWS)
    if bins:
        assert (DRAWS + 1) % bins == 0
        assert n / bins >= 5
        counts = rank_counts(np.arange(n) % (DRAWS + 1), DRAWS, bins)
        assert counts.sum() == n
        assert len(counts) == bins
    else:
        assert n < 10


def test_absent_ranks_are_left_out_and_too_few_are_no_test() -> None:
    ranks = np.concatenate([ranks_of(1.0, 0.0, 100, 2), np.full(30, -1)])
    assert rank_test(ranks, DRAWS, np.random.default_rng(1)).n == 100
    few = rank_test(np.array([1, 2, -1]), DRAWS, np.random.default_rng(1))
    assert few.n == 2
    assert math.isnan(few.p)


def test_the_look_elsewhere_effect_is_that_of_independent_tests() -> None:
    rng = np.random.default_rng(1)
    found = [look_elsewhere(list(rng.random(40)))[0] for _ in range(2000)]
    assert stats.kstest(found, "uniform").pvalue > 1e-3
    assert look_elsewhere([0.3, float("nan")]) == (pytest.approx(0.3), 1)
    assert look_elsewhere([1e-18] * 3)[0] == pytest.approx(3e-18)
    assert math.isnan(look_elsewhere([])[0])


def normal_pair(distance: float, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """ln B_12 of data from either of two normal distributions at +- distance / 2."""
    rng = np.random.default_rng(seed)
    return tuple(distance * rng.normal(sign * distance / 2, 1.0, size=n) for sign in (1, -1))  # type: ignore[return-value]


@pytest.mark.parametrize("distance", [0.3, 0.7, 1.5, 2.5])
def test_the_deviation_of_a_right_bayes_factor_is_a_standard_normal(distance: float) -> None:
    """Whether hypotheses are told apart or not; a spread below 1 would hide what is wrong."""
    deviations = [reliability(*normal_pair(distance, 100, seed)).deviation for seed in range(400)]
    assert np.mean(deviations) == pytest.approx(0.0, abs=0.2)
    assert np.std(deviations) == pytest.approx(1.0, abs=0.15)


def test_an_offset_of_ln_b_is_found_though_the_hypotheses_overlap() -> None:
    found = [
        reliability(first + 0.3, second + 0.3).deviation
        for first, second in (normal_pair(0.7, 100, seed) for seed in range(20))
    ]
    assert np.mean(np.abs(found) > 2.0) > 0.9


@pytest.mark.parametrize(("n_1", "n_2"), [(0, 0), (0, 50), (1, 50), (50, 1)])
def test_fewer_than_two_data_sets_of_a_hypothesis_tell_no_deviation(n_1: int, n_2: int) -> None:
    first, second = normal_pair(0.7, 50, 1)
    assert math.isnan(reliability(first[:n_1], second[:n_2]).deviation)


def test_bayes_factors_without_spread_tell_no_deviation() -> None:
    assert math.isnan(reliability(np.full(50, 0.3), np.full(50, 0.3)).deviation)


def test_the_shares_of_a_right_bayes_factor_are_its_probabilities() -> None:
    result = reliability(*normal_pair(1.5, 20000, 1))
    assert result.counts.sum() == 40000
    assert result.share == pytest.approx(result.probability, abs=0.03)
    assert np.all(result.low <= result.share)
    assert np.all(result.high >= result.share)


def test_an_overconfident_bayes_factor_is_not() -> None:
    first, second = normal_pair(1.5, 4000, 1)
    result = reliability(first + 1.0, second + 1.0)
    assert abs(result.deviation) > 5
    certain = reliability(3.0 * first, 3.0 * second)
    assert certain.share[0] > certain.probability[0] + 0.05


def test_hypotheses_that_never_overlap_say_nothing_about_calibration() -> None:
    result = reliability(np.full(50, 40.0), np.full(50, -40.0))
    assert math.isnan(result.deviation)
    assert result.effective < 1e-6


def test_misleading_counts_and_limits() -> None:
    ln_b = np.array([-6.0, -3.0, -0.5, 0.5, 2.0, 10.0, np.nan])
    by_threshold = {count.threshold: count for count in misleading(ln_b)}
    assert [by_threshold[t].against for t in (0.0, 1.0, 2.5, 5.0)] == [3, 2, 2, 1]
    assert [by_threshold[t].supporting for t in (0.0, 1.0, 2.5, 5.0)] == [3, 2, 1, 1]
    assert {count.n for count in by_threshold.values()} == {6}
    none = misleading(np.full(100, 3.0))[1]
    assert none.against == 0
    assert none.share_upper == pytest.approx(1.0 - 0.05 ** (1 / 100))  # "rule of three"


def test_no_right_bayes_factor_misleads_more_often_than_its_bound() -> None:
    for distance in (0.5, 1.0, 2.0):
        first, _ = normal_pair(distance, 20000, 3)
        for count in misleading(first)[1:]:
            assert count.against / count.n < count.bound
