"""Posteriors at bounds: heaps are found, and neither flat posteriors nor tails of normal priors are taken for them."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from crsea_infer.analysis.pile_ups import PileUp, pile_ups
from crsea_infer.hypotheses.distributions import Distribution, categorical, log_normal, log_uniform, normal, uniform

N = 20_000


@dataclass(frozen=True)
class One:
    """A parameter."""

    distribution: Distribution
    name: str = "halo_height"
    unit: str = "kpc"


def at_bounds(prior: Distribution, values: np.ndarray, box: Any = None, weights: Any = None) -> dict[str, PileUp]:
    weights = np.full(len(values), 1.0 / len(values)) if weights is None else weights
    result: Any = SimpleNamespace(samples=values[:, None], weights=weights)
    parameters: Any = (One(prior),)
    return {one.side: one for one in pile_ups(parameters, result, box or {})}


def from_prior(prior: Distribution, seed: int = 1) -> np.ndarray:
    return prior.prior_transform(np.random.default_rng(seed).random(N))


HALO = log_uniform(2.0, 12.0)


@pytest.mark.parametrize("prior", [HALO, uniform(0.0, 1.0), normal(0.0, 1.0, -0.5, 3.0)])
def test_a_posterior_like_the_prior_does_not_heap(prior: Distribution) -> None:
    for one in at_bounds(prior, from_prior(prior)).values():
        assert one.share == pytest.approx(0.02, abs=5 * one.share_err)
        assert one.ratio == pytest.approx(1.0, abs=0.3)
        assert not one.heaps


def test_a_posterior_at_the_upper_bound_heaps_there_alone() -> None:
    values = 12.0 * np.exp(-np.random.default_rng(2).exponential(0.01, N))
    found = at_bounds(HALO, values)
    begins = 12.0 * 6.0**-0.02
    assert found["upper"].begins == pytest.approx(begins)
    assert found["upper"].share == pytest.approx(1.0 - np.exp(-np.log(12.0 / begins) / 0.01), abs=0.01)
    assert found["upper"].heaps
    assert found["upper"].bound == 12.0
    assert not found["lower"].heaps
    assert np.isnan(found["lower"].outer_share)


def test_the_criterion_is_three_times_the_prior() -> None:
    """Of a density e^(a u) over the unit interval, the last 2 % hold three times the prior from a = 2.9 on."""
    for a, heaps in ((2.3, False), (3.6, True)):
        u = np.log1p(np.random.default_rng(3).random(N) * np.expm1(a)) / a
        found = at_bounds(uniform(0.0, 1.0), u)["upper"]
        assert found.share == pytest.approx((1.0 - np.exp(-0.02 * a)) / (1.0 - np.exp(-a)), abs=0.01)
        assert found.heaps is heaps


def test_the_tail_of_a_normal_prior_is_no_bound() -> None:
    """A posterior two standard deviations below the mean of a prior that ends at four."""
    gradient = normal(0.04, 0.01, lower=0.0)
    values = np.random.default_rng(4).normal(0.018, 0.002, N)
    (found,) = at_bounds(gradient, values).values()
    assert found.share > 0.5
    assert not found.heaps
    (found,) = at_bounds(gradient, np.abs(np.random.default_rng(5).normal(0.0, 0.003, N))).values()
    assert found.heaps


def test_priors_without_bounds_have_none() -> None:
    assert at_bounds(normal(0.0, 1.0), np.zeros(5)) == {}
    assert at_bounds(log_normal(1.0, dex=0.1), np.ones(5)) == {}


def test_the_range_of_the_sky_model_is_a_bound_too() -> None:
    values = np.random.default_rng(6).uniform(0.098, 0.1, N)
    found = at_bounds(normal(0.08, 0.02), values, {"halo_height": (0.0, 0.1)})
    assert found["upper"].bound == 0.1
    inside = stats.norm.cdf([0.0, 0.1], 0.08, 0.02)
    begins = stats.norm.ppf(inside[1] - 0.02 * (inside[1] - inside[0]), 0.08, 0.02)
    assert found["upper"].begins == pytest.approx(begins)
    assert found["upper"].heaps


def test_weights_count() -> None:
    values = np.concatenate([np.full(10, 11.99), np.full(990, 5.0)])
    heavy = np.where(values > 11.0, 50.0, 1.0)
    assert not at_bounds(HALO, values)["upper"].heaps
    found = at_bounds(HALO, values, weights=heavy / heavy.sum())["upper"]
    assert found.share == pytest.approx(500 / 1490)
    assert found.heaps
    assert found.share_err > np.sqrt(found.share * (1 - found.share) / 1000)


def test_the_number_of_a_variant_has_no_bounds() -> None:
    """Its shares are probabilities of alternatives; the first of six is no edge of a range."""
    result: Any = SimpleNamespace(samples=np.array([[1.0], [1.0], [2.0], [3.0]]), weights=np.full(4, 0.25))
    parameters: Any = (One(categorical([1.0, 1.0, 1.0]), name="variant", unit=""),)
    assert not pile_ups(parameters, result, {})
