"""The heaviest run of residuals: by hand, and its distribution where that is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crsea_infer.analysis.weighted_runs import heaviest_run


def test_the_heaviest_run_is_that_with_the_largest_sum_of_squares() -> None:
    assert heaviest_run(np.array([1.0, 2.0, -3.0, 1.0, 1.0, 1.0])) == pytest.approx(9.0)
    assert heaviest_run(np.array([1.0, 2.0, 2.5, -3.0, 1.0])) == pytest.approx(11.25)
    assert heaviest_run(np.array([-1.0, -2.0, -2.5])) == pytest.approx(11.25)
    assert heaviest_run(np.empty((3, 0))) == pytest.approx(np.zeros(3))


def test_a_batch_is_its_rows() -> None:
    pulls = np.random.default_rng(1).normal(size=(4, 5, 7))
    rows = [[heaviest_run(row) for row in block] for block in pulls]
    assert heaviest_run(pulls) == pytest.approx(np.array(rows))
    by_hand = [_by_hand(row) for row in pulls.reshape(-1, 7)]
    assert heaviest_run(pulls).ravel() == pytest.approx(by_hand)


def _by_hand(pulls: np.ndarray) -> float:
    runs = [
        pulls[first:last]
        for first in range(len(pulls))
        for last in range(first + 1, len(pulls) + 1)
        if len(set(pulls[first:last] > 0)) == 1
    ]
    return max(float(np.sum(run**2)) for run in runs)


@pytest.mark.parametrize("threshold", [1.0, 4.0, 9.0])
def test_of_two_normal_pulls_its_distribution_is_known(threshold: float) -> None:
    """Of one sign in half of the cases: a chi2 of two; else the larger of two of one."""
    drawn = heaviest_run(np.random.default_rng(2).normal(size=(400_000, 2)))
    expected = 0.5 * stats.chi2.sf(threshold, 2) + 0.5 * (1.0 - stats.chi2.cdf(threshold, 1) ** 2)
    assert np.mean(drawn > threshold) == pytest.approx(expected, abs=4 * np.sqrt(expected / len(drawn)))


def test_it_sees_a_bump_that_chi2_and_the_number_of_runs_do_not() -> None:
    """A bump of two errors in fifteen points: found, at 5 %, in 76 % of cases; by chi2 in 51, by runs alone in 15."""
    rng = np.random.default_rng(3)
    bump = 2.0 * np.exp(-(np.linspace(-1.0, 1.0, 15) ** 2) / 0.1)
    null, wrong = rng.normal(size=(20_000, 15)), bump + rng.normal(size=(4000, 15))
    power = [
        np.mean(statistic(wrong) > np.quantile(statistic(null), 0.95)) for statistic in (heaviest_run, _chi2, _few_runs)
    ]
    assert power == pytest.approx([0.76, 0.51, 0.15], abs=0.04)


def _chi2(pulls: np.ndarray) -> np.ndarray:
    return np.sum(pulls**2, axis=1)


def _few_runs(pulls: np.ndarray) -> np.ndarray:
    return -np.sum((pulls[:, 1:] > 0) != (pulls[:, :-1] > 0), axis=1)
