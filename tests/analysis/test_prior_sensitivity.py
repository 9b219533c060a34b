"""Evidence for other prior widths from one set of samples: right where samples reach, withheld where not."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special

from crsea_infer.analysis.prior_sensitivity import prior_sensitivity, reweight, with_width
from crsea_infer.hypotheses import distributions as d
from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.sampler import SamplerResult
from crsea_infer.plan.run_entries import SENSITIVITY_FACTORS as FACTORS
from crsea_infer.support.errors import UserError

DATUM, NOISE = 0.7, 0.8


def log_evidence(width: float) -> float:
    """ln Z of a datum with normal noise under a normal prior around 0."""
    variance = width**2 + NOISE**2
    return -0.5 * DATUM**2 / variance - 0.5 * math.log(2.0 * math.pi * variance)


def posterior_samples(n: int, seed: int = 1) -> np.ndarray:
    variance = 1.0 / (1.0 + NOISE**-2)
    return np.random.default_rng(seed).normal(DATUM * variance / NOISE**2, math.sqrt(variance), size=n)


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.4, 1.8])
def test_a_normal_prior_gives_the_known_evidence(factor: float) -> None:
    prior = d.normal(0.0, 1.0)
    shift, error, k_hat, effective, withheld = reweight(
        posterior_samples(20000), None, prior, with_width(prior, factor)
    )
    assert not withheld
    assert k_hat < 0.7
    assert effective > 1000
    assert shift == pytest.approx(log_evidence(factor) - log_evidence(1.0), abs=4 * error)
    assert 0.0 < error < 0.03


def test_errors_are_those_of_the_scatter_over_seeds() -> None:
    prior = d.normal(0.0, 1.0)
    found = [reweight(posterior_samples(2000, seed), None, prior, with_width(prior, 0.6))[:2] for seed in range(100)]
    assert np.std([shift for shift, _ in found]) == pytest.approx(np.mean([error for _, error in found]), rel=0.25)


def test_weighted_samples_that_cover_the_prior_reach_further() -> None:
    """Draws from a wide proposal carry a prior three times as wide, where the posterior's own samples do not."""
    x = np.random.default_rng(2).standard_t(5, size=40000) * 2.0
    from scipy import stats

    log_weights = stats.norm.logpdf(x) + stats.norm.logpdf(DATUM, x, NOISE) - stats.t.logpdf(x / 2.0, 5)
    prior = d.normal(0.0, 1.0)
    shift, error, _, _, withheld = reweight(x, log_weights, prior, with_width(prior, 3.0))
    assert not withheld
    assert shift == pytest.approx(log_evidence(3.0) - log_evidence(1.0), abs=4 * error)


def test_a_prior_that_the_samples_do_not_cover_is_withheld() -> None:
    # data that say little: the posterior is the prior, and a prior four times as wide lives where no sample is
    samples = np.random.default_rng(3).normal(size=4000)
    prior = d.normal(0.0, 1.0)
    shift, _, k_hat, _, withheld = reweight(samples, None, prior, with_width(prior, 4.0))
    assert math.isnan(shift)
    assert k_hat > 0.7
    assert "k-hat" in withheld


def test_points_of_nested_sampling_are_withheld_from_the_ends_inwards() -> None:
    """Their weights are volumes: the tail of a prior's width must not withhold a nearer one than it gives."""
    rng = np.random.default_rng(8)
    n_live, n_dead = 200, 2600
    log_volume = np.concatenate([[0.0], np.cumsum(-rng.exponential(size=n_dead) / n_live)])
    # One parameter with a standard normal prior, ln L = -z^2 / 2: shells of the prior are intervals about 0.
    edge = special.ndtri(0.5 + 0.5 * np.exp(log_volume[1:]))
    samples = edge * rng.choice([-1.0, 1.0], size=n_dead)
    log_weights = -0.5 * edge**2 + log_volume[1:] - np.log(n_live)
    prior = d.normal(0.0, 1.0)
    result = SamplerResult(
        sampler="dynesty",
        names=("x",),
        samples=samples[:, None],
        unit_samples=special.ndtr(samples)[:, None],
        log_weights=log_weights,
        log_likelihood=-0.5 * edge**2,
        evidence=Evidence(-0.5 * math.log(2.0), 0.1, "nested sampling"),
        n_calls=1,
        wall_s=0.0,
        diagnostics={},
    )
    posterior = SimpleNamespace(
        parameters=(SimpleNamespace(name="x", distribution=prior),), hypothesis=SimpleNamespace(name="h")
    )
    rows = prior_sensitivity(posterior, result, ("x",), FACTORS)  # type: ignore[arg-type]
    kept = [row.factor for row in rows if not row.withheld]
    assert len(kept) >= 6
    assert kept == [factor for factor in FACTORS if min(kept) <= factor <= max(kept)]
    for row in rows:
        if not row.withheld:
            truth = 0.5 * math.log(2.0 / (1.0 + row.factor**2))
            assert row.shift == pytest.approx(truth, abs=max(4.0 * row.shift_err, 1e-9))


def test_a_uniform_prior_narrows_and_does_not_widen() -> None:
    samples = np.random.default_rng(4).uniform(0.0, 1.0, size=50000)  # data that say nothing
    prior = d.uniform(0.0, 1.0)
    shift, error, _, _, withheld = reweight(samples, None, prior, with_width(prior, 0.5))
    assert not withheld
    assert shift == pytest.approx(0.0, abs=4 * error)
    shift, _, _, _, withheld = reweight(samples, None, prior, with_width(prior, 1.5))
    assert math.isnan(shift)
    assert "nothing was sampled" in withheld


def test_a_truncated_prior_keeps_its_bounds_and_its_norm() -> None:
    prior = d.normal(0.04, 0.01, 0.0, 0.1)
    wanted = with_width(prior, 2.0)
    assert (wanted.lower, wanted.upper) == (0.0, 0.1)
    samples = prior.prior_transform(np.random.default_rng(5).random(100000))
    # likelihood 1 / prior density times a narrow normal: posterior and both evidences are simple integrals
    log_weights = -0.5 * ((samples - 0.05) / 0.004) ** 2

    def z(which: Any) -> float:
        return integrate.quad(
            lambda x: math.exp(float(which.log_pdf(np.array(x))) - 0.5 * ((x - 0.05) / 0.004) ** 2), 0.0, 0.1
        )[0]

    shift, error, _, _, withheld = reweight(samples, log_weights, prior, wanted)
    assert not withheld
    assert shift == pytest.approx(math.log(z(wanted) / z(prior)), abs=4 * error)


def test_no_sample_within_the_new_prior_is_withheld() -> None:
    samples = np.full(1000, 0.95)
    prior = d.uniform(0.0, 1.0)
    assert "no sample" in reweight(samples, None, prior, with_width(prior, 0.25))[4]


def test_the_same_prior_changes_nothing() -> None:
    prior = d.log_uniform(2.0, 12.0)
    assert reweight(prior.prior_transform(np.random.default_rng(1).random(500)), None, prior, prior)[:2] == (0.0, 0.0)


@given(factor=st.sampled_from(FACTORS))
def test_widths_scale_as_they_say(factor: float) -> None:
    narrow = with_width(d.log_uniform(2.0, 12.0), factor)
    assert math.log(narrow.upper / narrow.lower) == pytest.approx(factor * math.log(6.0))
    assert narrow.lower * narrow.upper == pytest.approx(24.0)
    assert with_width(d.uniform(-1.0, 3.0), factor).upper == pytest.approx(1.0 + 2.0 * factor)
    assert with_width(d.log_normal(1.0, fraction=0.2), factor).scale == pytest.approx(factor * math.log(1.2))


def _one_parameter(prior: d.Distribution) -> tuple[Any, SamplerResult]:
    unit = np.random.default_rng(9).random((400, 1))
    samples = prior.prior_transform(unit[:, 0])[:, None]
    result = SamplerResult(
        sampler="importance",
        names=("x",),
        samples=samples,
        unit_samples=unit,
        log_weights=None,
        log_likelihood=np.zeros(400),
        evidence=Evidence(0.0, 0.1, "importance sampling"),
        n_calls=1,
        wall_s=0.0,
        diagnostics={},
    )
    posterior = SimpleNamespace(
        parameters=(SimpleNamespace(name="x", distribution=prior),), hypothesis=SimpleNamespace(name="h")
    )
    return posterior, result


@pytest.mark.parametrize(
    ("prior", "factor", "words"),
    [
        (d.log_uniform(2.0, 12.0), 1000.0, "beyond all numbers"),
        (d.normal(0.0, 0.3, lower=0.6), 0.01, "no weight between them"),
        (d.log_normal(1.0, fraction=0.3, lower=2.0), 0.01, "no weight between them"),
    ],
)
def test_a_prior_that_cannot_be_costs_its_own_point_alone(prior: d.Distribution, factor: float, words: str) -> None:
    rows = prior_sensitivity(*_one_parameter(prior), ("x",), (0.9, 1.0, factor))
    bad = next(row for row in rows if row.factor == factor)
    assert math.isnan(bad.shift)
    assert words in bad.withheld
    assert next(row for row in rows if row.factor == 1.0).shift == 0.0


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan])
def test_a_width_that_makes_no_sense_is_refused(factor: float) -> None:
    with pytest.raises(UserError, match="factor"):
        with_width(d.normal(0.0, 1.0), factor)
