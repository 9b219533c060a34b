"""Priors: the map from the unit cube and the density belong together, and hold in the tails."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from crsea_infer.hypotheses import distributions as d

# each distribution of this package beside SciPy's
TRUNCATED = stats.truncnorm(-0.04 / 0.01, 0.06 / 0.01, loc=0.04, scale=0.01)
CASES = {
    "uniform": (d.uniform(0.0, 0.08), stats.uniform(0.0, 0.08)),
    "log_uniform": (d.log_uniform(2.0, 12.0), stats.loguniform(2.0, 12.0)),
    "normal": (d.normal(-2.79, 0.02), stats.norm(-2.79, 0.02)),
    "truncated": (d.normal(0.04, 0.01, 0.0, 0.1), TRUNCATED),
    "upper tail": (d.normal(0.0, 1.0, lower=6.0), stats.truncnorm(6.0, np.inf)),
    "lower tail": (d.normal(0.0, 1.0, upper=-6.0), stats.truncnorm(-np.inf, -6.0)),
    "log_normal": (d.log_normal(3.9e6, dex=0.1), stats.lognorm(0.1 * math.log(10), scale=3.9e6)),
    "fraction": (d.log_normal(1.0, fraction=0.2), stats.lognorm(math.log(1.2))),
}
NAMES = sorted(CASES)


@pytest.mark.parametrize("name", NAMES)
def test_the_transform_is_the_quantile_function_into_the_tails(name: str) -> None:
    ours, theirs = CASES[name]
    u = np.array([1e-6, 0.01, 0.3, 0.5, 0.7, 0.99, 1 - 1e-6])
    expected = np.where(u < 0.5, theirs.ppf(u), theirs.isf(1 - u))
    np.testing.assert_allclose(ours.prior_transform(u), expected, rtol=1e-9, atol=1e-12)


def test_far_tails_keep_their_probability() -> None:
    # SciPy's own quantile loses digits here; the probability beyond the answer does not
    u = np.array([1e-15, 1e-12, 1e-9])
    np.testing.assert_allclose(special.ndtr(d.normal(0.0, 1.0).prior_transform(u)), u, rtol=1e-10)
    np.testing.assert_allclose(special.ndtr(-d.normal(0.0, 1.0).prior_transform(1 - u)), 1 - (1 - u), rtol=1e-10)
    beyond = special.ndtr(-d.normal(0.0, 1.0, lower=6.0).prior_transform(1 - u))
    np.testing.assert_allclose(beyond / special.ndtr(-6.0), 1 - (1 - u), rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_the_density_is_scipys(name: str) -> None:
    ours, theirs = CASES[name]
    x = theirs.ppf(np.array([0.001, 0.1, 0.5, 0.9, 0.999]))
    np.testing.assert_allclose(ours.log_pdf(x), theirs.logpdf(x), rtol=1e-9, atol=1e-9)


def test_a_truncated_log_normal_is_normalised() -> None:
    prior = d.log_normal(1.0, fraction=0.4, lower=0.7, upper=2.0)
    area, _ = integrate.quad(lambda x: math.exp(prior.log_pdf(np.array(x))), 0.7, 2.0)
    assert area == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_the_faces_of_the_unit_cube_are_finite_and_in_the_support(name: str) -> None:
    ours, _ = CASES[name]
    x = ours.prior_transform(np.array([0.0, 1.0]))
    assert np.all(np.isfinite(x))
    assert np.all((x >= ours.lower) & (x <= ours.upper))
    assert np.all(np.isfinite(ours.log_pdf(x)))


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20), st.sampled_from(NAMES))
def test_the_transform_never_decreases(units: list[float], name: str) -> None:
    x = CASES[name][0].prior_transform(np.sort(np.array(units)))
    assert np.all(np.diff(x) >= 0)


@pytest.mark.parametrize("name", ["uniform", "log_uniform", "truncated", "log_normal"])
def test_outside_the_support_the_density_is_zero(name: str) -> None:
    ours, _ = CASES[name]
    assert ours.log_pdf(np.array(-1.0)) == -np.inf
    if math.isfinite(ours.upper):
        assert ours.log_pdf(np.array(ours.upper * 1.01)) == -np.inf


def test_a_product_treats_each_column_by_its_own_distribution() -> None:
    parts = tuple(ours for ours, _ in CASES.values())
    product = d.Product(parts)
    unit = np.random.default_rng(3).random((4, 5, len(parts)))
    theta = product.prior_transform(unit)
    assert theta.shape == unit.shape
    total = np.zeros((4, 5))
    for column, part in enumerate(parts):
        np.testing.assert_array_equal(theta[..., column], part.prior_transform(unit[..., column]))
        total += part.log_pdf(theta[..., column])
    np.testing.assert_allclose(product.log_pdf(theta), total, rtol=1e-12)


def test_a_fixed_parameter_cannot_be_sampled() -> None:
    with pytest.raises(ValueError, match="fixed"):
        d.Product((d.fixed(1.0),))


@pytest.mark.parametrize(
    "make",
    [
        lambda: d.uniform(1.0, 1.0),
        lambda: d.log_uniform(0.0, 1.0),
        lambda: d.log_uniform(2.0, 1.0),
        lambda: d.normal(0.0, 0.0),
        lambda: d.normal(0.0, 1.0, lower=1.0, upper=-1.0),
        lambda: d.normal(0.0, 1.0, lower=40.0),
        lambda: d.log_normal(-1.0, dex=0.1),
        lambda: d.log_normal(1.0),
        lambda: d.log_normal(1.0, dex=0.1, fraction=0.1),
        lambda: d.log_normal(1.0, fraction=-0.1),
        lambda: d.log_normal(1.0, dex=0.0),
        lambda: d.log_normal(1.0, dex=0.1, lower=-1.0),
        lambda: d.uniform(-1e308, 1e308),
        lambda: d.uniform(0.0, math.inf),
        lambda: d.log_uniform(1.0, math.inf),
        lambda: d.normal(0.0, 1e308),
        lambda: d.normal(-1.7e308, 1e307),
        lambda: d.normal(0.0, math.inf),
        lambda: d.log_normal(1.0, dex=1e308),
        lambda: d.log_normal(1.0, dex=100.0),
        lambda: d.log_normal(1.0, fraction=math.inf),
        lambda: d.log_normal(1e308, dex=1.0),
    ],
)
def test_a_distribution_without_meaning_is_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (d.fixed(0.0), "fixed at 0"),
        (d.uniform(0, 0.08), "uniform 0 to 0.08"),
        (d.log_uniform(2, 12), "log-uniform 2 to 12"),
        (d.normal(0.5, 0.05), "normal 0.5 +- 0.05"),
        (d.normal(0.04, 0.01, 0.0, 0.1), "normal 0.04 +- 0.01, from 0 to 0.1"),
        (d.log_normal(350.0, dex=0.1), "log-normal 350 +- 0.1 dex"),
        (d.log_normal(1.0, fraction=0.1), "log-normal 1 +- 10 %"),
    ],
)
def test_a_distribution_says_what_it_is(distribution: d.Distribution, words: str) -> None:
    assert distribution.describe() == words


def test_jax_gives_the_same_numbers() -> None:
    jax = pytest.importorskip("jax")
    product = d.Product(tuple(ours for name, (ours, _) in CASES.items() if "tail" not in name))
    unit = np.random.default_rng(5).random((6, len(product.distributions)))
    theta = jax.jit(product.prior_transform)(jax.numpy.asarray(unit))
    np.testing.assert_allclose(np.asarray(theta), product.prior_transform(unit), rtol=2e-5)
    np.testing.assert_allclose(
        np.asarray(jax.jit(product.log_pdf)(theta)), product.log_pdf(np.asarray(theta)), rtol=2e-3
    )
