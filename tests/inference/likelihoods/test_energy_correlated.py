"""Systematic errors correlated in energy and across regions, and the extra scatter."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from crsea_infer import emulator
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.likelihoods.energy_correlated import EnergyCorrelated
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.joint_likelihood import JointLikelihood
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.support.errors import UserError

INNER, OUTER = "lhaaso_km2a_inner", "lhaaso_km2a_outer"


def load(name: str, **options: Any) -> FluxPoints:
    likelihood = load_likelihood(name, options)
    assert isinstance(likelihood, FluxPoints)
    return likelihood


def correlated(name: str, length: float | str = 0.5) -> FluxPoints:
    other = OUTER if name == INNER else INNER
    return load(name, systematics={"kind": "energy-correlated", "length_dex": length, "shared_with": [other]})


def power_law(likelihood: FluxPoints) -> np.ndarray:
    return 1.1 * likelihood.values[0] * (np.array(likelihood.requests[0].energies) / 12.6e3) ** -3.0


@pytest.mark.parametrize("length", [0.2, 0.5, 1.0, 3.0])
def test_the_nuisances_have_one_covariance_within_and_across_regions(length: float) -> None:
    both = [correlated(name, length) for name in (INNER, OUTER)]
    assert [n.name for n in both[0].nuisances] == [n.name for n in both[1].nuisances]
    shifts = np.concatenate([np.stack(list(one.shifts.values()), axis=1) for one in both])
    errors = np.concatenate([one.systematic for one in both])
    place = np.log10(np.concatenate([one.energy_reference for one in both]))
    expected = np.exp(-0.5 * ((place[:, None] - place[None, :]) / length) ** 2)
    assert (shifts @ shifts.T) / np.outer(errors, errors) == pytest.approx(expected, abs=3e-4)


def test_the_error_may_have_a_name_and_a_label_of_its_own() -> None:
    shared = {"kind": "energy-correlated", "shared_with": [INNER, OUTER], "name": "km2a", "label": "KM2A"}
    inner, outer = (load(name, systematics=shared) for name in (INNER, OUTER))
    assert [one.name for one in inner.nuisances] == [f"km2a_{k}" for k in range(1, 8)]
    assert [one.label for one in inner.nuisances] == [one.label for one in outer.nuisances]
    assert inner.nuisances[1].label == r"\eta_{2,\mathrm{KM2A}}"
    plain = correlated(INNER)
    values = {one.name: np.asarray(0.3 * k) for k, one in enumerate(inner.nuisances)}
    renamed = {one.name: value for one, value in zip(plain.nuisances, values.values(), strict=True)}
    at = (power_law(inner),)
    assert float(inner.log_likelihood(at, values)) == float(plain.log_likelihood(at, renamed))


def test_a_name_in_the_table_takes_the_place_of_the_other() -> None:
    both = load(INNER, systematic_name="one", systematics={"kind": "energy-correlated", "name": "other"})
    assert both.nuisances[0].name == "other_1"


OWN = {"kind": "energy-correlated", "shared_with": [INNER, OUTER], "name": "km2a"}


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (OWN, OWN | {"length_dex": 0.7}),
        (OWN, OWN | {"name": "other"}),
        ({"kind": "energy-correlated", "name": "km2a"}, {"kind": "energy-correlated", "name": "km2a"}),
    ],
)
def test_an_error_that_is_shared_in_part_is_refused(inner: dict[str, Any], outer: dict[str, Any]) -> None:
    data = [load(INNER, systematics=inner), load(OUTER, systematics=outer)]
    with pytest.raises(UserError, match="neither one nor two"):
        posterior_for(load_hypothesis("base-min"), data, emulator.load())


def test_long_lengths_need_few_nuisances() -> None:
    counts = [len(correlated(INNER, length).nuisances) for length in (3.0, 1.0, 0.5, 0.2)]
    assert counts == sorted(counts)
    assert counts[0] <= 3
    assert counts[2] <= 8


def test_marginalised_over_its_nuisances_the_likelihood_is_the_multivariate_normal() -> None:
    likelihood = correlated(OUTER, 1.0)
    likelihood = dataclasses.replace(likelihood, error_high=likelihood.error_low)
    intensity = power_law(load(OUTER))
    expected = likelihood.binned_prediction((intensity,))
    generator = np.random.default_rng(1)
    draws = generator.standard_normal((200_000, len(likelihood.nuisances)))
    nuisances = {nuisance.name: draws[:, k] for k, nuisance in enumerate(likelihood.nuisances)}
    spread = np.broadcast_to(intensity, (len(draws), intensity.size))
    values = likelihood.log_likelihood((spread,), nuisances)
    marginal = float(np.log(np.mean(np.exp(values - values.max()))) + values.max())
    scatter = float(
        np.std(np.exp(values - values.max())) / np.mean(np.exp(values - values.max())) / math.sqrt(len(draws))
    )
    place = np.log10(likelihood.energy_reference)
    kernel = np.exp(-0.5 * (place[:, None] - place[None, :]) ** 2)
    covariance = np.diag(likelihood.error_low**2) + np.outer(likelihood.systematic, likelihood.systematic) * kernel
    exact = stats.multivariate_normal(expected, covariance, allow_singular=True).logpdf(likelihood.values)
    assert marginal == pytest.approx(exact, abs=5 * scatter + 1e-3)


@pytest.mark.parametrize(("length", "word"), [(0.0, "diagonal"), (math.inf, "correlated")])
def test_the_limits_are_the_two_simple_choices(length: float, word: str) -> None:
    limit, simple = correlated(INNER, length), load(INNER, systematics=word)
    intensity = power_law(simple)
    for value in (-1.0, 0.0, 0.7):
        here, there = ({n.name: np.asarray(value) for n in one.nuisances} for one in (limit, simple))
        assert limit.log_likelihood((intensity,), here) == simple.log_likelihood((intensity,), there)


def test_a_free_length_at_a_fixed_value_has_the_covariance_of_that_length() -> None:
    free = correlated(INNER, "free")
    process = free.systematics.process
    assert isinstance(process, EnergyCorrelated)
    draws = np.random.default_rng(2).standard_normal((40_000, len(process.components)))
    nuisances = {name: draws[:, k] for k, name in enumerate(process.components)}
    nuisances[f"{process.name}_length"] = np.full(len(draws), 0.8)
    shift = process.shift(nuisances, free.systematic) / free.systematic
    place = np.log10(free.energy_reference)
    expected = np.exp(-0.5 * ((place[:, None] - place[None, :]) / 0.8) ** 2)
    assert shift.T @ shift / len(draws) == pytest.approx(expected, abs=0.03)


def test_a_free_length_at_the_published_one_is_what_chi2_is_profiled_with() -> None:
    free = correlated(INNER, "free")
    intensity = power_law(free)
    best = free.best_nuisances((intensity,))
    assert best["lhaaso_km2a_inner_lhaaso_km2a_outer_systematic_length"] == 0.5
    fixed = correlated(INNER, 0.5)
    assert free.chi2_profiled((intensity,)) == pytest.approx(float(fixed.chi2_profiled((intensity,))), rel=1e-3)


def test_the_extra_scatter_is_a_relative_error_of_each_point() -> None:
    plain, wide = load(INNER, systematics="none"), load(INNER, systematics="none", extra_scatter={"upper": 0.5})
    (nuisance,) = wide.nuisances
    assert (nuisance.name, nuisance.distribution.describe()) == ("lhaaso_km2a_inner_scatter", "log-uniform 0.01 to 0.5")
    intensity = power_law(plain)
    scatter = np.array([0.01, 0.2])
    found = wide.log_likelihood((np.stack([intensity] * 2),), {nuisance.name: scatter})
    residual = plain.values - plain.binned_prediction((intensity,))
    for index, value in enumerate(scatter):
        low, high = (np.hypot(error, value * plain.values) for error in (plain.error_low, plain.error_high))
        sigma = np.where(residual < 0, high, low)
        expected = 0.5 * math.log(2 / math.pi) - np.log(low + high) - 0.5 * (residual / sigma) ** 2
        assert found[index] == pytest.approx(expected.sum(), rel=1e-12)


def test_data_sets_that_share_the_error_are_evaluated_together_as_apart() -> None:
    both = [correlated(name) for name in (INNER, OUTER)]
    predictions = [(power_law(one)[None, :],) for one in both]
    names = {n.name for one in both for n in one.nuisances}
    nuisances = {name: np.array([0.3]) for name in names}
    together = JointLikelihood.of(both)
    assert together.joined == (0, 1)
    apart = sum(one.log_likelihood(given, nuisances) for one, given in zip(both, predictions, strict=True))
    assert together.total(predictions, nuisances) == pytest.approx(apart, rel=1e-12)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the extra jax")
def test_jax_gives_the_same_and_has_derivatives() -> None:
    import jax

    with jax.enable_x64(True):
        likelihood = load(
            INNER, systematics={"kind": "energy-correlated", "length_dex": "free"}, extra_scatter={"upper": 0.5}
        )
        intensity = power_law(likelihood)
        values = {nuisance.name: 0.4 for nuisance in likelihood.nuisances}

        def log_l(length: Any) -> Any:
            given = {name: jax.numpy.asarray(value) for name, value in values.items()}
            given["lhaaso_km2a_inner_systematic_length"] = length
            return likelihood.log_likelihood((jax.numpy.asarray(intensity),), given)

        here = likelihood.log_likelihood((intensity,), {name: np.asarray(value) for name, value in values.items()})
        assert float(log_l(jax.numpy.asarray(0.4))) == pytest.approx(float(here), rel=1e-9)
        slope = float(jax.grad(log_l)(jax.numpy.asarray(0.4)))
        step = 1e-5
        ahead, behind = float(log_l(jax.numpy.asarray(0.4 + step))), float(log_l(jax.numpy.asarray(0.4 - step)))
        assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"systematics": {"kind": "energy-correlated", "length_dex": -1.0}}, "length_dex"),
        ({"systematics": {"kind": "energy-correlated", "length_dex": math.nan}}, "length_dex"),
        ({"systematics": {"kind": "energy-correlated", "length_dex": 0.01}}, "length_dex"),
        ({"systematics": {"kind": "energy-correlated", "shared_with": ["nowhere"]}}, "nowhere"),
        ({"systematics": {"kind": "energy-correlated", "shared_with": ["lhaaso_wcda_inner"]}}, "flux points"),
        ({"systematics": {"kind": "diagonal", "shared_with": [OUTER]}}, "shared_with"),
        ({"systematics": {"kind": "energy-correlated", "name": ""}}, "name"),
        ({"systematics": {"kind": "energy-correlated", "name": "a/b"}}, "cannot name a nuisance"),
        ({"systematics": {"kind": "energy correlated"}}, "kind"),
        ({"extra_scatter": {"lower": 0.5, "upper": 0.1}}, "extra_scatter"),
        ({"extra_scatter": {"upper": -0.1}}, "upper"),
    ],
)
def test_what_has_no_meaning_is_one_message(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(INNER, **options)
