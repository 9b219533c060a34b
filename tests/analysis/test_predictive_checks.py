"""Predictive p-values: right where they are known, uniform for the truth, small for what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import integrate, stats

from crsea_infer import emulator
from crsea_infer.analysis.predictive_checks import Probability, check_predictions
from crsea_infer.analysis.simulate import with_simulated_data
from crsea_infer.hypotheses.distributions import normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

N = 9
SIGMA = 2.0
SHIFT = Parameter("shift", normal(0.0, 1.0), 0.0, "s")


@dataclass(frozen=True)
class Measured:
    """Values around one mean with error SIGMA, and a shift of them all: a kind that knows no more than it must."""

    values: np.ndarray
    systematic: float = 0.0
    name: str = "measured"

    @property
    def n_data(self) -> int:
        return len(self.values)

    @property
    def nuisances(self) -> tuple[Parameter, ...]:
        return (SHIFT,) if self.systematic else ()

    def pulls(self, predictions: tuple[np.ndarray, ...], nuisances: Mapping[str, Any]) -> np.ndarray:
        shift = self.systematic * np.asarray(nuisances.get("shift", 0.0))[..., None]
        return (self.values - predictions[0] - shift) / SIGMA

    def chi2_profiled(self, predictions: tuple[np.ndarray, ...]) -> np.ndarray:
        residual = self.values - predictions[0]
        covariance = SIGMA**2 * np.eye(self.n_data) + self.systematic**2
        return np.einsum("...i,ij,...j->...", residual, np.linalg.inv(covariance), residual)

    def simulate(
        self, rng: np.random.Generator, predictions: tuple[np.ndarray, ...], nuisances: Mapping[str, float]
    ) -> Measured:
        shift = self.systematic * nuisances.get("shift", 0.0)
        return replace(self, values=predictions[0] + shift + SIGMA * rng.standard_normal(self.n_data))


@dataclass(frozen=True)
class Mean:
    """A normal prior of the mean; `width` may be next to nothing."""

    likelihoods: tuple[Any, ...]
    width: float
    centre: float = 0.0
    names: tuple[str, ...] = ("mean",)
    trend: float = 0.0
    hypothesis: Any = field(default=None)

    def prior_transform(self, unit: np.ndarray) -> np.ndarray:
        columns = stats.norm.ppf(unit)
        return np.concatenate([self.centre + self.width * columns[..., :1], columns[..., 1:]], axis=-1)

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        return np.zeros(len(theta))

    def intensities(self, theta: np.ndarray) -> dict[str, tuple[np.ndarray, ...]]:
        return {one.name: (np.broadcast_to(theta[:, :1], (len(theta), one.n_data)),) for one in self.likelihoods}

    def nuisance_values(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"shift": theta[:, 1]} if "shift" in self.names else {}


def check(posterior: Any, draws: np.ndarray, seed: int = 1, n: int = 1000, **more: Any) -> Any:
    *_, every = check_predictions(posterior, draws, np.random.default_rng(seed), n_replicates=n, **more)
    return every


def test_with_everything_known_p_is_that_of_chi2() -> None:
    values = np.random.default_rng(1).normal(0.0, 1.3 * SIGMA, N)
    known: Any = Mean((Measured(values),), 1e-9)
    found = check(known, np.zeros((1, 1)), n=4000)
    chi2 = float(np.sum((values / SIGMA) ** 2))
    expected = stats.chi2.sf(chi2, N)
    assert found.chi2 == pytest.approx(chi2)
    for one in (found.posterior, found.prior):
        assert one.value == pytest.approx(expected, abs=4 * one.error)
    assert found.posterior.error == pytest.approx(np.sqrt(expected * (1 - expected) / 4000), rel=0.1)
    assert found.posterior.error < found.prior.error < 4 * found.posterior.error
    assert found.chi2_replicated == pytest.approx(N, rel=0.05)


def test_with_a_mean_from_the_data_p_is_the_known_integral() -> None:
    """Of normal data with a flat prior: P(chi2_n > rest of squares + chi2_1)."""
    values = np.random.default_rng(3).normal(0.0, 1.4 * SIGMA, N)
    draws = np.random.default_rng(4).normal(values.mean(), SIGMA / np.sqrt(N), (20_000, 1))
    found = check(Mean((Measured(values),), 100.0), draws, n=4000)
    rest = float(np.sum((values - values.mean()) ** 2)) / SIGMA**2
    expected = integrate.quad(lambda z: 2 * stats.norm.pdf(z) * stats.chi2.sf(rest + z**2, N), 0.0, 9.0)[0]
    assert found.posterior.value == pytest.approx(expected, abs=4 * found.posterior.error)


def test_the_prior_predictive_p_counts_the_width_of_the_prior() -> None:
    """Data at a mean of 8 with a prior of 0 +- 4: chi2 of the covariance with the prior in it."""
    values = 8.0 + np.random.default_rng(5).normal(0.0, SIGMA, N)
    found = check(Mean((Measured(values),), 4.0), np.full((1, 1), 8.0), n=4000)
    covariance = SIGMA**2 * np.eye(N) + 16.0
    expected = stats.chi2.sf(values @ np.linalg.solve(covariance, values), N)
    assert found.prior.value == pytest.approx(expected, abs=5 * found.prior.error)


def test_a_common_systematic_is_drawn_anew_in_each_replicate() -> None:
    """Data that are all shifted by twice the systematic error are no surprise beyond that of the shift."""
    systematic = 20.0
    values = 2.0 * systematic + np.random.default_rng(6).normal(0.0, SIGMA, N)
    one = Measured(values, systematic)
    posterior: Any = Mean((one,), 1e-9, names=("mean", "shift"))
    draws = np.column_stack([np.zeros(500), np.random.default_rng(7).normal(2.0, 0.03, 500)])
    found = check(posterior, draws, n=2000)
    expected = stats.chi2.sf(float(one.chi2_profiled((np.zeros(N),))), N)
    assert expected > 0.01
    assert found.posterior.value == pytest.approx(expected, abs=4 * found.posterior.error)
    assert found.prior.value == pytest.approx(expected, abs=4 * found.prior.error)


@pytest.mark.slow
def test_data_from_the_hypothesis_give_uniform_p_and_others_small_ones() -> None:
    rng = np.random.default_rng(8)
    prior_width, found = 3.0, {"prior": [], "prior_runs": [], "posterior": [], "posterior_runs": []}
    for seed in range(100):
        values = rng.normal(0.0, prior_width) + rng.normal(0.0, SIGMA, N)
        precision = N / SIGMA**2 + 1 / prior_width**2
        draws = rng.normal(values.sum() / SIGMA**2 / precision, precision**-0.5, (400, 1))
        checked = check(Mean((Measured(values),), prior_width), draws, seed, n=200)
        for name, values_of in found.items():
            values_of.append(getattr(checked, name).value)
    for name in ("prior", "prior_runs"):
        assert stats.kstest(found[name], "uniform").pvalue > 1e-3, name
    for name in ("posterior", "posterior_runs"):  # conservative: no more small ones than there may be
        assert stats.kstest(found[name], "uniform", alternative="greater").pvalue > 1e-3, name
        assert np.mean(np.array(found[name]) < 0.05) <= 0.08


def test_a_wrong_hypothesis_has_the_smallest_p_that_can_be_told() -> None:
    values = np.linspace(-20.0, 20.0, N)
    found = check(Mean((Measured(values),), 1.0), np.zeros((1, 1)), n=500)
    for n, group in ((500, (found.posterior, found.posterior_runs)), (250, (found.prior, found.prior_runs))):
        for one in group:
            assert one.is_limit
            assert one.value == pytest.approx(1 / (n + 1))
            assert str(one) == f"p < {1 / n:g}"


def test_p_values_are_said_with_their_resolution() -> None:
    assert str(Probability(1 / 10_001, 1e-4, 10_000)) == "p < 0.0001"
    assert str(Probability(0.03182, 1e-3, 10_000)) == "p = 0.032"
    assert str(Probability(float("nan"), float("nan"), 0)) == "p unknown"


def test_one_point_has_no_runs() -> None:
    found = check(Mean((Measured(np.array([1.0])),), 1.0), np.zeros((1, 1)), n=200)
    assert np.isnan(found.posterior_runs.value)
    assert np.isnan(found.prior_runs.value)
    assert found.posterior.value == pytest.approx(stats.chi2.sf(0.25, 1), abs=0.15)


def test_few_independent_draws_make_the_error_large() -> None:
    found = check(Mean((Measured(np.zeros(3)),), 1.0), np.zeros((1, 1)), n=400, effective_samples=16.0)
    p = found.posterior.value
    assert found.posterior.error == pytest.approx(np.sqrt(p * (1 - p) / 16))


@pytest.fixture(scope="module")
def km2a() -> Any:
    run = load_run("min_vs_max")
    return posterior_for(run.hypotheses[0], run.likelihoods, emulator.load())


def test_replicates_of_real_data_sets_have_the_chi2_of_their_points(km2a: Any) -> None:
    """At fixed parameters and the best systematic error a chi2 of as many as there are points."""
    checks = check_predictions(km2a, km2a.fiducial[None], np.random.default_rng(1), n_replicates=3000)
    assert [one.data_set for one in checks] == ["lhaaso_km2a_inner", "lhaaso_km2a_outer", "all"]
    for one in checks:
        assert one.chi2_replicated == pytest.approx(one.n_data, abs=5 * np.sqrt(2 * one.n_data / 3000))
    profiled = km2a.chi2_profiled(km2a.fiducial)
    assert checks[0].chi2 == pytest.approx(float(profiled["lhaaso_km2a_inner"]))
    assert checks[2].chi2 == pytest.approx(sum(float(value) for value in profiled.values()))
    known = stats.chi2.sf(checks[0].chi2, checks[0].n_data)  # errors are nearly the same on both sides
    assert checks[0].posterior.value == pytest.approx(known, abs=4 * checks[0].posterior.error + 1e-3)


def test_drawing_many_at_once_is_drawing_one_by_one(km2a: Any) -> None:
    """The batch that built-in kinds draw has the distribution of single draws."""
    single = replace(km2a, likelihoods=tuple(_OneByOne(one) for one in km2a.likelihoods))
    draws = km2a.prior_transform(np.random.default_rng(2).random((300, len(km2a.names))))
    together, apart = (check(one, draws, n=300) for one in (km2a, single))
    assert together.chi2 == pytest.approx(apart.chi2)
    for name in ("posterior", "posterior_runs", "prior", "prior_runs"):
        one, other = getattr(together, name), getattr(apart, name)
        assert one.value == pytest.approx(other.value, abs=4 * np.hypot(one.error, other.error) + 2e-2)


class _OneByOne:
    """A data set that says nothing of batches."""

    simulates_batches = False

    def __init__(self, one: Any) -> None:
        self._one = one

    def __getattr__(self, name: str) -> Any:
        return getattr(self._one, name)


def test_data_simulated_from_the_hypothesis_are_described_by_it(km2a: Any) -> None:
    rng = np.random.default_rng(3)
    simulated = with_simulated_data(km2a, km2a.fiducial, rng)
    good = check(simulated, km2a.fiducial[None], n=1000)
    assert good.posterior.value > 0.01
    assert good.prior.value > 0.01
    inner = simulated.likelihoods[0]
    bent = replace(inner, values=inner.values * np.linspace(0.2, 4.0, inner.n_data))
    wrong = check(replace(simulated, likelihoods=(bent, simulated.likelihoods[1])), km2a.fiducial[None], n=1000)
    assert wrong.posterior.is_limit
    assert wrong.posterior_runs.is_limit
    assert wrong.prior.value < 0.01


def test_training_sets_may_be_left_out(km2a: Any) -> None:
    checks = check_predictions(
        km2a, km2a.fiducial[None], np.random.default_rng(1), n_replicates=100, data_sets=["lhaaso_km2a_outer"]
    )
    assert [one.data_set for one in checks] == ["lhaaso_km2a_outer", "all"]
    assert checks[1].n_data == checks[0].n_data == 5


KINDS = """
title = "Kinds"
hypotheses = ["gamma-optimized-min"]
likelihoods = ["lhaaso_km2a_inner", "lhaaso_wcda_inner", "icecube_pi0", "dampe_protons", "fermi_lat_masked_inner"]
[options.lhaaso_km2a_inner]
systematics = { kind = "energy-correlated", length_dex = 0.5 }
extra_scatter = {}
[options.icecube_pi0]
[samplers.importance]
"""


def test_data_of_every_kind_are_drawn_in_batches_as_one_by_one(tmp_path: Path) -> None:
    """chi2 and pulls of a batch of drawn data are those of each draw, and those of the truth are as many as points."""
    (tmp_path / "kinds.toml").write_text(KINDS)
    run = load_run(tmp_path / "kinds.toml")
    posterior = posterior_for(run.hypotheses[0], run.likelihoods, emulator.load())
    rng = np.random.default_rng(1)
    theta = np.repeat(posterior.fiducial[None], 400, axis=0)
    predictions, nuisances = posterior.intensities(theta), posterior.nuisance_values(theta)
    for one in posterior.likelihoods:
        at: tuple[np.ndarray, ...] = predictions[one.name]
        own = {nuisance.name: nuisances[nuisance.name] for nuisance in one.nuisances}
        drawn: Any = one.simulate(rng, at, own)  # type: ignore[arg-type]
        assert drawn.values.shape == (400, one.n_data)
        assert drawn.n_data == one.n_data
        chi2 = np.asarray(drawn.chi2(at, own))
        assert chi2.mean() == pytest.approx(one.n_data, abs=5 * np.sqrt(2 * one.n_data / 400)), one.name
        for place in (0, 399):
            single = _at(drawn, place)
            here = tuple(part[place] for part in at)
            values = {name: value[place] for name, value in own.items()}
            assert float(single.chi2(here, values)) == pytest.approx(chi2[place])
            assert np.asarray(single.pulls(here, values)) == pytest.approx(np.asarray(drawn.pulls(at, own))[place])
            assert float(single.chi2_profiled(here)) == pytest.approx(np.asarray(drawn.chi2_profiled(at))[place])


def _at(drawn: Any, place: int) -> Any:
    """Return one of the data sets that were drawn together."""
    if not hasattr(drawn, "curve"):
        return replace(drawn, values=drawn.values[place])
    numbers = {name: float(getattr(drawn.curve, name)[place, 0]) for name in ("best", "test_statistic")}
    return replace(drawn, curve=replace(drawn.curve, **numbers))


def test_an_extra_scatter_keeps_the_size_that_the_posterior_gives_it(tmp_path: Path) -> None:
    """Points that scatter by 30 % beyond their errors: no surprise where the scatter is known to be as large."""
    text = KINDS.replace(', "lhaaso_wcda_inner", "icecube_pi0", "dampe_protons", "fermi_lat_masked_inner"', "")
    (tmp_path / "scatter.toml").write_text(text.replace("[options.icecube_pi0]\n", ""))
    run = load_run(tmp_path / "scatter.toml")
    posterior = posterior_for(run.hypotheses[0], run.likelihoods, emulator.load())
    theta = posterior.fiducial.copy()
    theta[posterior.names.index("lhaaso_km2a_inner_scatter")] = 0.3
    scattered = with_simulated_data(posterior, theta, np.random.default_rng(5))
    large, small = (check(scattered, one[None], n=500) for one in (theta, posterior.fiducial))
    assert large.posterior.value > 0.05
    assert small.posterior.value < 0.01
