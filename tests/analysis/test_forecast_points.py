"""Simulated Bayes factors against closed forms: one number with normal noise, where everything is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from crsea_infer.analysis.forecast_points import evidences_of_data_set, rows_from_arrays
from crsea_infer.analysis.forecast_statistics import inverse_mean, outlook, pair_deviation
from crsea_infer.inference.samplers.peak_evidence import PeakOptions
from crsea_infer.support.errors import UserError


@dataclass(frozen=True)
class Measured:
    """A number with normal noise."""

    noise: float
    value: float = 0.0
    name: str = "number"

    def simulate(self, rng: np.random.Generator, predictions: Any, _nuisances: Any) -> Measured:
        return replace(self, value=float(rng.normal(predictions[0][0], self.noise)))


@dataclass(frozen=True)
class OneNumber:
    """A mean with a normal prior of some centre and width, and a measurement of it."""

    likelihoods: tuple[Measured, ...]
    centre: float
    width: float
    names: tuple[str, ...] = ("mean",)

    @property
    def hypothesis(self) -> Any:
        return SimpleNamespace(name=f"centre {self.centre:g}")

    def prior_transform(self, unit: Any) -> Any:
        from scipy.special import ndtri

        return self.centre + self.width * ndtri(unit)

    def log_likelihood(self, theta: Any) -> Any:
        (data,) = self.likelihoods
        return -0.5 * self.pulls(theta)[..., 0] ** 2 - np.log(data.noise * np.sqrt(2 * np.pi))

    def pulls(self, theta: Any) -> Any:
        (data,) = self.likelihoods
        return (data.value - theta) / data.noise

    def intensities(self, theta: Any) -> Any:
        return {"number": (theta[..., :1],)}

    def nuisance_values(self, _theta: Any) -> Any:
        return {}


def factors(distance: float, noise: float, n: int, width: float = 0.01) -> tuple[Any, Any, Any]:
    """Return ln B(truth : other) of data from either of two hypotheses, and the ways of their evidences."""
    posteriors: list[Any] = [OneNumber((Measured(noise),), centre, width) for centre in (0.0, distance)]
    options = PeakOptions(scouts=32, draws=(400, 400), last_draws=(1600,))
    rows = np.array(
        [[evidences_of_data_set(posteriors, true, number, 1, options) for number in range(n)] for true in range(2)]
    )
    lnz = rows[..., 0]
    return lnz[0, :, 0] - lnz[0, :, 1], lnz[1, :, 1] - lnz[1, :, 0], rows[..., 2]


@pytest.mark.parametrize("d", [0.5, 2.0])
def test_one_normal_number_gives_the_known_distribution_of_ln_b(d: float) -> None:
    """With parameters all but fixed, ln B is normal: its mean d^2 / 2 for the truth, its variance d^2."""
    n = 150
    for ln_b in factors(d * np.hypot(1.0, 0.01), 1.0, n)[:2]:
        assert np.mean(ln_b) == pytest.approx(0.5 * d**2, abs=4 * d / np.sqrt(n))
        assert np.var(ln_b) == pytest.approx(d**2, rel=4 * np.sqrt(2 / n))


def test_a_wide_prior_gives_the_known_distribution_too() -> None:
    n, distance, width, noise = 150, 3.0, 1.5, 0.8
    d = distance / np.hypot(width, noise)
    ln_b, _, ways = factors(distance, noise, n, width)
    assert np.mean(ln_b) == pytest.approx(0.5 * d**2, abs=4 * d / np.sqrt(n))
    assert np.mean(ways == 0) > 0.95  # by the cheapest way


def test_without_exposure_nothing_is_told() -> None:
    one, other, _ = factors(2.0, 1e6, 20)
    assert np.abs([one, other]).max() < 0.05  # of the draws


@pytest.mark.slow
def test_the_mean_of_the_inverse_bayes_factor_is_one_under_the_truth() -> None:
    one, other, _ = factors(1.0, 1.0, 400)
    for ln_b in (one, other):
        mean, error, effective = inverse_mean(ln_b)
        assert mean == pytest.approx(1.0, abs=4 * error)
        assert effective > 30
    assert abs(pair_deviation(one, -other)) < 4


def test_the_same_truths_and_luck_at_every_exposure() -> None:
    few, many = (factors(2.0, noise, 20)[0] for noise in (1.0, 0.5))
    assert np.corrcoef(few, many)[0, 1] > 0.99


def test_refused_evidences_are_counted_and_widen_the_interval() -> None:
    ln_b = np.array([6.0] * 30 + [1.0] * 50 + [np.nan] * 20)
    found = outlook(ln_b)
    assert (found.n, found.refused, found.decisive, found.wrong) == (100, 20, 30, 0)
    assert found.probability == pytest.approx(30 / 80)
    assert found.low < 0.30  # none of the refused ones is decisive
    assert found.high > 0.50  # all of them are
    nothing = outlook(np.full(5, np.nan))
    assert nothing.refused == 5
    assert (nothing.low, nothing.high) == (0.0, 1.0)
    assert np.isnan(nothing.probability)


def test_what_was_stored_of_another_shape_is_refused() -> None:
    with pytest.raises(UserError, match="shape"):
        rows_from_arrays({"rows": np.zeros((3, 2, 2)), "plain": {"cpu_s": 1.0}}, 3, 2)
    with pytest.raises(UserError, match="none"):
        rows_from_arrays({"plain": {}}, 3, 2)
