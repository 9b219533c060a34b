"""Data sets evaluated together give what each gives by itself."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.emulator import load
from crsea_infer.hypotheses.hypothesis import build_hypothesis
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import LikelihoodError, posterior_for

if TYPE_CHECKING:
    from crsea_infer.inference.posterior import Posterior

NAMES = (
    "dampe_protons",
    "lhaaso_km2a_inner",
    "icecube_galactic_plane",
    "fermi_lat_masked_inner",
    "lhaaso_wcda_outer",
    "fermi_lat_masked_outer",  # shares nuisances with the inner one
    "lhaaso_km2a_outer",
)


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    hypothesis = build_hypothesis("h", ["gamma_optimized", "min", "gas", "leptons"])
    return posterior_for(hypothesis, [load_likelihood(name) for name in NAMES], load())


def draws(posterior: Posterior, n: int) -> np.ndarray:
    return np.asarray(posterior.prior_transform(np.random.default_rng(3).random((n, len(posterior.names)))))


def alone(posterior: Posterior, theta: np.ndarray) -> dict[str, Any]:
    values, intensities = posterior.values(theta), posterior.intensities(theta)
    return {one.name: one.log_likelihood(intensities[one.name], values) for one in posterior.likelihoods}


def test_every_data_set_has_its_own_likelihood_whatever_stands_beside_it(posterior: Posterior) -> None:
    theta = draws(posterior, 5)
    expected, found = alone(posterior, theta), posterior.log_likelihood_per_data_set(theta)
    assert tuple(found) == NAMES
    for name in NAMES:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-11)
    np.testing.assert_allclose(posterior.log_likelihood(theta), sum(expected.values()), rtol=1e-11)


def test_upper_limits_and_errors_of_the_model_count_as_they_do_alone(posterior: Posterior) -> None:
    theta = draws(posterior, 4)
    changed = list(posterior.likelihoods)
    with_limit: Any = changed[1]
    changed[1] = dataclasses.replace(with_limit, is_upper_limit=np.arange(with_limit.n_data) == 2)
    changed[3] = changed[3].with_model_error(0.1)
    other = dataclasses.replace(posterior, likelihoods=tuple(changed))
    found, before = other.log_likelihood_per_data_set(theta), posterior.log_likelihood_per_data_set(theta)
    for name, value in alone(other, theta).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-11)
    assert np.all(found["lhaaso_km2a_inner"] != before["lhaaso_km2a_inner"])
    assert np.all(found["fermi_lat_masked_inner"] != before["fermi_lat_masked_inner"])


@dataclasses.dataclass(frozen=True)
class Overflowing:
    """A sky model whose gamma rays of one request are infinite."""

    model: Any
    number: int

    def __call__(self, parameters: Any) -> tuple[Any, ...]:
        found = list(self.model(parameters))
        found[self.number] = np.full_like(found[self.number], np.inf)
        return tuple(found)

    def components(self, parameters: Any) -> tuple[dict[str, Any], ...]:
        return tuple(self.model.components(parameters))


def test_a_prediction_that_overflows_is_blamed_on_its_own_data_set(posterior: Posterior) -> None:
    theta = draws(posterior, 3)
    spoilt = dataclasses.replace(posterior, model=Overflowing(posterior.model, NAMES.index("fermi_lat_masked_outer")))
    with np.errstate(invalid="ignore"), pytest.raises(LikelihoodError, match="fermi_lat_masked_outer"):
        spoilt.log_likelihood(theta)
