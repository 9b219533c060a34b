"""The same data with other exposure: which errors go with it, and which do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.likelihoods.scaled_exposure import error_budget, with_exposure
from crsea_infer.support.errors import UserError


def load(name: str, options: dict[str, Any] | None = None) -> Any:
    return load_likelihood(name, options)


def test_statistical_errors_shrink_and_systematic_ones_stay() -> None:
    before: Any = load("lhaaso_km2a_inner")
    after: Any = with_exposure(before, 4.0)
    assert after.error_low == pytest.approx(before.error_low / 2)
    assert after.error_high == pytest.approx(before.error_high / 2)
    assert np.array_equal(after.systematic, before.systematic)
    assert np.array_equal(with_exposure(before, 1.0).systematic, before.systematic)
    half: Any = with_exposure(before, 1.0, 0.5, 0.1)
    assert half.systematic == pytest.approx(np.hypot(0.5 * before.systematic, 0.1 * before.values))
    assert error_budget(half).systematic == pytest.approx(np.median(half.systematic / before.values))


def test_a_limit_becomes_a_point_with_the_error_that_it_implies() -> None:
    limited: Any = load("tibet_asgamma_inner")
    points: Any = with_exposure(limited, 1.0)
    assert not points.is_upper_limit.any()
    assert np.all(points.error_low > 0.0)


def test_the_norm_of_a_template_has_a_test_statistic_that_grows_with_exposure() -> None:
    before: Any = load("icecube_pi0")
    same: Any = with_exposure(before, 1.0)
    assert same.curve.test_statistic == pytest.approx(before.curve.test_statistic)
    norms = np.array([2.0, 21.8, 30.0])
    more: Any = with_exposure(before, 9.0)
    assert more.curve.pull(np, norms)[:2] == pytest.approx(3 * before.curve.pull(np, norms)[:2])
    assert more.curve.test_statistic == pytest.approx(9 * before.curve.test_statistic)
    floored: Any = with_exposure(before, 1e6, 1.0, 0.1)
    assert floored.curve.width == pytest.approx(0.1 * before.curve.best, rel=1e-2)


def test_counts_grow_and_their_relative_error_shrinks() -> None:
    before: Any = load("fermi_lat_counts_inner")
    after: Any = with_exposure(before, 100.0, 1.0, 0.03)
    assert after.folding[0] == pytest.approx(100 * before.folding[0])
    assert after.added == pytest.approx(100 * before.added)
    assert error_budget(after).statistical == pytest.approx(0.1 * error_budget(before).statistical)
    assert after.exposure_error == pytest.approx(np.hypot(before.exposure_error, 0.03))


def test_indices_have_errors_that_shrink_and_no_floor() -> None:
    before: Any = load("lhaaso_wcda_inner")
    after: Any = with_exposure(before, 4.0)
    assert after.error_low == pytest.approx(before.error_low / 2)
    with pytest.raises(UserError, match="no systematic error"):
        with_exposure(before, 1.0, 1.0, 0.1)


@pytest.mark.parametrize("name", ["dampe_protons", "icecube_averaged"])
def test_other_kinds_are_refused_in_one_message(name: str) -> None:
    with pytest.raises(UserError, match="not known to go with exposure") as caught:
        with_exposure(load(name), 2.0)
    assert "with_exposure" in str(caught.value.valid)


def test_points_without_systematic_errors_take_no_floor() -> None:
    with pytest.raises(UserError, match=r"floor of 0\.1"):
        with_exposure(load("lhaaso_km2a_inner", {"systematics": "none"}), 1.0, 1.0, 0.1)
