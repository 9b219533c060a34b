"""The best fit, on the real posterior of the project."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.analysis.best_fit import find_best_fit
from crsea_infer.inference.posterior import Posterior, posterior_for
from crsea_infer.inference.samplers.sampler import Counted, to_probit
from crsea_infer.plan.run_file import load_run


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    run = load_run("min_vs_max")
    return posterior_for(run.hypotheses[1], run.likelihoods, emulator.load())


def objective(posterior: Posterior, probit: np.ndarray) -> np.ndarray:
    return -2.0 * Counted(posterior).from_probit(probit) + np.sum(probit**2, axis=-1)


def test_the_best_fit_is_the_same_from_everywhere_and_nothing_near_is_better(posterior: Posterior) -> None:
    generator = np.random.default_rng(1)
    starts = 0.2 + 0.6 * generator.random((4, len(posterior.names)))
    fits = [find_best_fit(posterior, start) for start in starts]
    values = [-2.0 * fit.log_likelihood + fit.prior_pull for fit in fits]
    assert np.ptp(values) < 0.02
    best = fits[int(np.argmin(values))]
    unit = np.array([_cdf(posterior, index, value) for index, value in enumerate(best.parameters)])
    near = to_probit(unit) + 0.02 * generator.standard_normal((500, len(posterior.names)))
    assert objective(posterior, near).min() > min(values) - 0.01


def _cdf(posterior: Posterior, index: int, value: float) -> float:
    """Invert one column of the prior transform by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        unit = np.full(len(posterior.names), 0.5)
        unit[index] = middle
        low, high = (middle, high) if posterior.prior_transform(unit)[index] < value else (low, middle)
    return 0.5 * (low + high)


def test_chi2_is_that_of_the_posterior_and_falls_from_published_to_best(posterior: Posterior) -> None:
    fit = find_best_fit(posterior, np.full(len(posterior.names), 0.5))
    published = posterior.chi2_profiled(posterior.fiducial)
    assert fit.chi2_published == pytest.approx({name: float(value) for name, value in published.items()})
    assert sum(fit.chi2.values()) < sum(fit.chi2_published.values())
    assert fit.n_data == {"lhaaso_km2a_inner": 10, "lhaaso_km2a_outer": 5}
    assert fit.prior_pull > 0.0
