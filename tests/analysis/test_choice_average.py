"""Averages over choices, against sums that can be done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crsea_infer.analysis.choice_average import averaged, choice_factor, weighted_quantile


def test_an_average_is_the_weighted_sum_of_evidences() -> None:
    evidences, weights = np.array([1.0, 3.0, 8.0]), np.array([2.0, 1.0, 1.0])
    found = averaged(np.log(evidences) + 600.0, np.array([0.01, 0.02, 0.03]), weights)
    total = (2.0 * 1.0 + 3.0 + 8.0) / 4.0
    assert found.lnz == pytest.approx(600.0 + math.log(total))
    assert found.shares == pytest.approx(np.array([2.0, 3.0, 8.0]) / 13.0)
    assert found.lnz_err == pytest.approx(math.hypot(2.0 * 0.01, 3.0 * 0.02, 8.0 * 0.03) / 13.0)


def test_equal_choices_change_nothing() -> None:
    found = averaged(np.full(5, 612.8), np.full(5, 0.1), np.arange(1.0, 6.0))
    assert found.lnz == pytest.approx(612.8)


def test_a_bayes_factor_of_averages_lies_between_those_of_the_choices() -> None:
    generator = np.random.default_rng(1)
    for _ in range(50):
        n = int(generator.integers(1, 9))
        first, other = ({k: (value, 0.01) for k, value in enumerate(generator.normal(0.0, 10.0, n))} for _ in range(2))
        weights = {k: float(value) for k, value in enumerate(generator.random(n) + 0.01)}
        found = choice_factor(first, other, weights, shipped=0)
        assert found.low - 1e-9 <= found.averaged <= found.high + 1e-9
        assert found.low <= found.quantile_16 <= found.quantile_84 <= found.high
        assert found.ln_b == first[0][0] - other[0][0]
        assert found.n == n


def test_choices_without_both_evidences_are_left_out() -> None:
    first = {"a": (5.0, 0.1), "b": (math.nan, math.nan), "c": (7.0, 0.1)}
    other = {"a": (1.0, 0.1), "b": (1.0, 0.1)}
    found = choice_factor(first, other, dict.fromkeys("abc", 1.0), shipped="a")
    assert (found.n, found.low, found.high, found.averaged) == (1, 4.0, 4.0, pytest.approx(4.0))
    with pytest.raises(ValueError, match="no combination"):
        choice_factor(first, {}, dict.fromkeys("abc", 1.0))


def test_quantiles_count_weights() -> None:
    values = np.array([3.0, 1.0, 2.0])
    assert weighted_quantile(values, np.array([1.0, 1.0, 1.0]), 0.5) == 2.0
    assert weighted_quantile(values, np.array([98.0, 1.0, 1.0]), 0.5) > 2.9
