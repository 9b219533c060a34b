"""Importance evidence: separate and lopsided modes are found or refused, and what it asks of its options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from known_problems import (
    LinearGaussian,
    TwistedBanana,
    TwoModes,
)

from crsea_infer.inference.samplers.importance import Importance, ImportanceOptions
from crsea_infer.inference.samplers.registry import make
from crsea_infer.inference.samplers.sampler import SamplerResult, no_progress
from crsea_infer.support.checkpoint import Checkpoint
from crsea_infer.support.errors import UserError


def run(sampler: str, target: Any, seed: int = 1, options: Any = None) -> SamplerResult:
    return make(sampler, options).run(target, np.random.SeedSequence(seed), Checkpoint(None), no_progress)


def slow(*cases: Any) -> list[Any]:
    return [pytest.param(*case, marks=pytest.mark.slow) for case in cases]


@pytest.mark.slow
def test_importance_refuses_when_its_walkers_cannot_find_the_posterior() -> None:
    target = TwoModes(names=tuple(f"x_{index}" for index in range(12)), width=0.002)
    options = ImportanceOptions(walkers=32, steps=40, draws=2000, components=4, scouts=0, fallback="none")
    result = run("importance", target, options=options)
    assert result.evidence is None
    assert "no evidence is quoted" in str(result.diagnostics["status"])
    assert not result.converged


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, *slow((2,), (3,))])
def test_importance_does_without_walkers_where_scouts_find_the_peaks(seed: int) -> None:
    """Peaks of a five-hundredth of the prior in twelve dimensions, each with a proposal of its own."""
    target = TwoModes(names=tuple(f"x_{index}" for index in range(12)), width=0.002)
    options = ImportanceOptions(walkers=32, steps=40, draws=2000, components=4, fallback="none")
    result = run("importance", target, seed, options)
    assert result.diagnostics["peaks_missed_by_walkers"] == 2
    assert result.evidence is not None
    assert abs(result.evidence.lnz) < 4.0 * result.evidence.lnz_err


@pytest.mark.slow
@pytest.mark.parametrize(("n_dimensions", "width"), [(5, 0.03), *slow((10, 0.03), (10, 0.01), (14, 0.03))])
@pytest.mark.parametrize("seed", [1, 2])
def test_importance_finds_both_modes_or_refuses(n_dimensions: int, width: float, seed: int) -> None:
    target = TwoModes(names=tuple(f"x_{index}" for index in range(n_dimensions)), width=width)
    result = run("importance", target, seed, ImportanceOptions(fallback="none"))
    if result.evidence is None:
        assert not result.converged
    else:
        assert abs(result.evidence.lnz) < max(4.0 * result.evidence.lnz_err, 0.02)
        assert result.weights @ (result.samples[:, 0] > 0.5) == pytest.approx(0.7, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_dimensions", "centres", "widths"),
    [
        (8, (0.5, 0.9), (0.015, 0.015)),
        *slow((10, (0.5, 0.95), (0.015, 0.015)), (10, (0.25, 0.75), (0.015, 0.03))),
    ],
)
@pytest.mark.parametrize("seed", [1, *slow((2,))])
def test_importance_finds_lopsided_modes_or_refuses(
    n_dimensions: int, centres: tuple[float, float], widths: tuple[float, float], seed: int
) -> None:
    """Two peaks of half the evidence each, of which the first steps from the prior favour one."""

    class Lopsided(TwoModes):
        def log_likelihood(self, theta: Any) -> Any:
            one, other = (self.log_peak(theta, *peak) for peak in zip(centres, widths, strict=True))
            return np.logaddexp(one, other) + np.log(0.5)

    target = Lopsided(names=tuple(f"x_{index}" for index in range(n_dimensions)))
    result = run("importance", target, seed, ImportanceOptions(fallback="none"))
    if result.evidence is None:
        assert not result.converged
    else:
        assert abs(result.evidence.lnz) < max(4.0 * result.evidence.lnz_err, 0.02)


@pytest.mark.parametrize(("thin", "seed"), [(0.4, 1), *slow((0.2, 1), (0.2, 2))])
def test_a_repetition_that_fails_is_tried_by_as_many_draws_as_count(thin: float, seed: int) -> None:
    """Bent valleys for which a proposal chosen by an eighth of the draws is refused, also when it is made once more."""
    target = TwistedBanana(thin=thin)
    options = ImportanceOptions(walkers=128, steps=200, draws=8000, fallback="none")
    result = run("importance", target, seed, options)
    assert result.diagnostics["second_proposals"] >= 1
    assert result.evidence is not None
    assert result.evidence.lnz_err > 1.4 * float(result.diagnostics["lnz_err_weights"])  # gates were tried twice
    assert result.evidence.lnz_err > 1.4 * float(result.diagnostics["lnz_err_scatter"])
    assert abs(result.evidence.lnz - target.lnz) < 4.0 * result.evidence.lnz_err


def test_importance_compares_all_its_repetitions() -> None:
    """The first of three agrees with both others, which differ from each other."""
    parts = []
    for lnz in (0.0, -0.035, 0.035):
        log_weights = lnz + 0.8 * np.random.default_rng(1).standard_normal(4000) - 0.32
        points = np.full((4000, 1), 0.5)
        counts = {"n_calls": 1, "wall_s": 0.0, "scouts": 0, "peaks": 0, "missed": 0}
        parts.append({"log_weights": log_weights, "unit": points, "log_likelihood": log_weights, **counts})
    result = Importance()._result(LinearGaussian.make(1, 5, 0.3), parts)
    assert result.evidence is None
    assert "two repetitions differ by 0.070" in str(result.diagnostics["status"])


def test_importance_asks_for_twice_as_many_walkers_as_parameters() -> None:
    with pytest.raises(UserError, match=r"importance\.walkers = 16") as caught:
        run("importance", LinearGaussian.make(20, 15, 0.3), options=ImportanceOptions(walkers=16))
    assert "an even number >= 40" in caught.value.valid
