"""Bayesian model averaging, held against what is known."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.hypotheses.demanded_physics import NO_DEMANDS
from crsea_infer.hypotheses.distributions import categorical
from crsea_infer.hypotheses.variants import Variant
from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.sampler import CONVERGED, SamplerResult
from crsea_infer.inference.variant_mixture import average, mix

WEIGHTS = (0.5, 0.3, 0.2)
VARIANTS = tuple(Variant(name, name, weight, NO_DEMANDS) for name, weight in zip("abc", WEIGHTS, strict=True))
LNZ = np.array([10.0, 11.0, 5.0])


def evidences(lnz: np.ndarray, error: float = 0.0) -> list[Evidence]:
    return [Evidence(float(one), error, "importance sampling") for one in lnz]


def result(lnz: float, mean: float, n: int, *, status: str = CONVERGED) -> SamplerResult:
    """Weighted samples of a normal of unit width about `mean`, drawn twice as wide, far from normalised."""
    drawn = np.random.default_rng(int(10 * mean)).normal(mean, 2.0, n)
    log_weights = -0.5 * (drawn - mean) ** 2 + 0.125 * (drawn - mean) ** 2 + 77.0
    return SamplerResult(
        sampler="importance",
        names=("x",),
        samples=drawn[:, None],
        unit_samples=np.full((n, 1), 0.5),
        log_weights=log_weights,
        log_likelihood=-0.5 * (drawn - mean) ** 2,
        evidence=Evidence(lnz, 0.01, "importance sampling"),
        n_calls=n,
        wall_s=1.0,
        diagnostics={"status": status},
    )


def test_the_averaged_evidence_is_the_weighted_mean() -> None:
    found = average(evidences(LNZ), VARIANTS)
    terms = np.array(WEIGHTS) * np.exp(LNZ)
    assert found.evidence.lnz == pytest.approx(np.log(terms.sum()), abs=1e-12)
    np.testing.assert_allclose(found.shares, terms / terms.sum(), rtol=1e-12)
    assert found.evidence.method == "importance sampling, averaged over 3 variants"


def test_errors_are_those_of_simulated_evidences() -> None:
    errors = np.array([0.02, 0.05, 0.4])
    generator = np.random.default_rng(2)
    drawn = [average(evidences(LNZ + errors * generator.standard_normal(3)), VARIANTS) for _ in range(4000)]
    stated = average([Evidence(float(z), float(e), "x") for z, e in zip(LNZ, errors, strict=True)], VARIANTS)
    assert np.std([one.evidence.lnz for one in drawn]) == pytest.approx(stated.evidence.lnz_err, rel=0.05)
    # the third is so uncertain that its share is not linear in the error; it is small
    np.testing.assert_allclose(np.std([one.shares for one in drawn], axis=0)[:2], stated.share_errs[:2], rtol=0.06)


def test_the_mixture_has_the_shares_and_the_moments_that_it_should() -> None:
    results = [result(10.0, 0.0, 30_000), result(11.0, 3.0, 5_000), result(5.0, 8.0, 2_000)]
    found = average(evidences(LNZ), VARIANTS)
    mixed = mix(results, VARIANTS, found.shares, found.evidence)
    assert mixed.names == ("x", "variant")
    number = mixed.samples[:, 1]
    np.testing.assert_allclose([mixed.weights[number == k].sum() for k in (1, 2, 3)], found.shares, rtol=1e-9)
    assert mixed.weights @ mixed.samples[:, 0] == pytest.approx(found.shares @ [0.0, 3.0, 8.0], abs=0.05)
    # the unit cube and the numbers are the same points
    np.testing.assert_array_equal(categorical(WEIGHTS).prior_transform(mixed.unit_samples[:, 1]), number)
    assert mixed.converged
    # independent samples: as many as the variance of a mean over the mixture's parts says
    worth = np.array([1.0 / np.sum(one.weights**2) for one in results])
    assert mixed.diagnostics["effective_samples"] == pytest.approx(1.0 / np.sum(found.shares**2 / worth))


def test_a_variant_that_did_not_converge_is_named() -> None:
    results = [result(10.0, 0.0, 100), result(11.0, 3.0, 100, status="too few steps"), result(5.0, 8.0, 100)]
    mixed = mix(results, VARIANTS, np.array(WEIGHTS), None)
    assert not mixed.converged
    assert mixed.diagnostics["status"] == "b: too few steps"
    assert mixed.evidence is None
