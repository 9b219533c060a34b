"""Simulated truths and data: where they may lie, and that they are what the likelihood says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from crsea_infer import emulator
from crsea_infer.analysis.simulate import acceptance, draw_truth, log_kept_share, with_simulated_data
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError


@pytest.fixture(scope="module")
def posterior() -> Any:
    run = load_run("min_vs_max")
    return posterior_for(run.hypotheses[0], run.likelihoods, emulator.load())


@pytest.fixture(scope="module")
def of_one_region() -> Any:
    """A posterior of four points, for tests of where truths lie: they predict a hundred thousand of them."""
    return posterior_for(
        load_hypothesis("gamma-optimized-min"), [load_likelihood("tibet_asgamma_inner")], emulator.load()
    )


@pytest.mark.slow
def test_truths_follow_the_prior_where_all_of_it_is_allowed(of_one_region: Any) -> None:
    posterior, rng = of_one_region, np.random.default_rng(1)
    truths = np.stack([draw_truth(posterior, rng)[1] for _ in range(150)])
    for column, parameter in enumerate(posterior.parameters):
        u = np.array([_cdf(parameter.distribution, value) for value in truths[:, column]])
        assert stats.kstest(u, "uniform").pvalue > 1e-4, parameter.name
    assert log_kept_share(posterior, rng)[0] == 0.0


def _cdf(distribution: Any, value: float) -> float:
    grid = np.linspace(0.0, 1.0, 4001)
    return float(np.interp(value, distribution.prior_transform(grid), grid))


@pytest.mark.slow
def test_truths_stay_where_the_sky_model_holds(of_one_region: Any) -> None:
    posterior = of_one_region
    narrow = replace(posterior, box={**posterior.box, "halo_height": (4.0, 6.0)})
    rng = np.random.default_rng(2)
    heights = [draw_truth(narrow, rng)[1][narrow.names.index("halo_height")] for _ in range(60)]
    assert 4.0 <= min(heights) <= max(heights) <= 6.0
    log_share, error = log_kept_share(narrow, rng)
    assert log_share == pytest.approx(np.log(np.log(6 / 4) / np.log(12 / 2)), abs=4 * error)
    narrower = replace(posterior, box={**posterior.box, "halo_height": (4.0, 4.0 * 6**0.02)})
    log_share, error = log_kept_share(narrower, rng)
    assert error <= 0.01  # one draw in fifty is kept, so more of them are made
    assert log_share == pytest.approx(np.log(0.02), abs=4 * error)
    nowhere = replace(posterior, box={**posterior.box, "halo_height": (5.0, 5.0 + 1e-9)})
    with pytest.raises(UserError, match="can be a truth"):
        draw_truth(nowhere, rng)


def test_simulated_data_scatter_as_the_likelihood_says(posterior: Any) -> None:
    """Twice the drop of ln L from its best is chi2 of the points, whatever the truth."""
    rng = np.random.default_rng(3)
    _, theta = draw_truth(posterior, rng)
    chi2, changed = [], []
    for _ in range(300):
        simulated = with_simulated_data(posterior, theta, rng)
        nuisances = posterior.nuisance_values(theta[None])  # chi2 of each data set has the pulls of those it shares
        pull = sum(float(nuisances[own.name][0]) ** 2 for one in posterior.likelihoods for own in one.nuisances)
        chi2.append(sum(float(value[0]) for value in simulated.chi2(theta[None]).values()) - pull)
        changed.append(simulated.likelihoods[0].values[0])
    assert np.mean(chi2) == pytest.approx(posterior.n_data, rel=0.1)
    assert np.std(changed) > 0.0
    assert simulated.parameters == posterior.parameters
    assert posterior.likelihoods[0].values[0] not in changed


def test_the_same_random_numbers_give_the_same_data(posterior: Any) -> None:
    one, other = (
        with_simulated_data(posterior, posterior.fiducial, np.random.default_rng(9)).likelihoods[0].values
        for _ in range(2)
    )
    assert np.array_equal(one, other)


@dataclass(frozen=True)
class Limit:
    """One upper limit at 1 on a parameter, with error 1."""

    name: str = "limit"
    is_upper_limit: np.ndarray = field(default_factory=lambda: np.array([True]))


@dataclass(frozen=True)
class Limited:
    """A uniform parameter from 0 to 4 under a limit."""

    likelihoods: tuple[Limit, ...] = (Limit(),)
    names: tuple[str, ...] = ("flux",)

    def prior_transform(self, unit: np.ndarray) -> np.ndarray:
        return 4.0 * unit

    def log_likelihood_pointwise(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"limit": stats.norm.logcdf(1.0 - theta)}

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        return self.log_likelihood_pointwise(theta)["limit"][:, 0]


def test_truths_obey_upper_limits_as_often_as_nature_would() -> None:
    target: Any = Limited()
    assert acceptance(target, np.array([[1.0], [3.0]])) == pytest.approx([0.5, stats.norm.cdf(-2.0)])
    rng = np.random.default_rng(4)
    truths = np.array([draw_truth(target, rng)[1][0] for _ in range(400)])
    grid = np.linspace(0.0, 4.0, 2001)
    density = stats.norm.cdf(1.0 - grid)
    mean = np.sum(grid * density) / np.sum(density)
    spread = np.sqrt(np.sum((grid - mean) ** 2 * density) / np.sum(density))
    assert truths.mean() == pytest.approx(mean, abs=4 * spread / 20)
    log_share, error = log_kept_share(target, rng)
    assert log_share == pytest.approx(np.log(np.mean(density)), abs=4 * error)
