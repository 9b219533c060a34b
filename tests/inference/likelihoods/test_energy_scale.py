"""A free scale of measured energies: what it does to power laws, and that data sets of one experiment share it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.joint_likelihood import JointLikelihood
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.support.errors import UserError

INNER, OUTER = "lhaaso_km2a_inner", "lhaaso_km2a_outer"
SHARED = f"{INNER}_{OUTER}_energy_scale"


def load(name: str = INNER, fraction: float = 0.1, **options: Any) -> FluxPoints:
    other = OUTER if name == INNER else INNER
    likelihood = load_likelihood(name, {"energy_scale": {"fraction": fraction, "shared_with": [other]}, **options})
    assert isinstance(likelihood, FluxPoints)
    return likelihood


def spectrum(energies: object, slope: float = -3.2, cutoff: float = np.inf) -> np.ndarray:
    at = np.asarray(energies) / 5e4
    return load_likelihood(INNER).columns["values"].values[3] * at**slope * np.exp(-at * 5e4 / cutoff)


def nuisances(likelihood: FluxPoints, **values: float) -> dict[str, np.ndarray]:
    found = {nuisance.name: np.asarray(float(nuisance.fiducial)) for nuisance in likelihood.nuisances}
    return found | {name: np.asarray(value) for name, value in values.items()}


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("z", [-3.0, -1.0, 0.0, 0.4, 2.9])
def test_a_power_law_is_multiplied_by_a_power_of_the_scale(fraction: float, z: float) -> None:
    likelihood = load(fraction=fraction)
    predictions = (spectrum(likelihood.requests[0].energies),)
    plain = likelihood.binned_prediction(predictions)
    values = nuisances(likelihood, **{SHARED: z})
    _, residual, _, _ = likelihood._residuals(predictions, values)
    scale = (1 + fraction) ** z
    np.testing.assert_allclose(likelihood.values - residual, plain * scale ** (1 - 3.2), rtol=1e-9)


@pytest.mark.parametrize("z", [-2.5, 0.0, 2.5])
def test_a_curved_spectrum_is_evaluated_at_the_shifted_energies(z: float) -> None:
    likelihood = load(fraction=0.15)
    predictions = (spectrum(likelihood.requests[0].energies, -2.7, 4e5),)
    _, residual, _, _ = likelihood._residuals(predictions, nuisances(likelihood, **{SHARED: z}))
    scale = 1.15**z
    without = load_likelihood(INNER)
    energies = np.array(without.requests[0].energies)
    expected = without.binned_prediction((scale * spectrum(scale * energies, -2.7, 4e5),))
    np.testing.assert_allclose(likelihood.values - residual, expected, rtol=2e-5)


def test_without_a_shift_it_is_the_likelihood_without_a_scale() -> None:
    likelihood, plain = load(), load_likelihood(INNER)
    ours = likelihood.log_likelihood((spectrum(likelihood.requests[0].energies),), nuisances(likelihood))
    theirs = plain.log_likelihood(
        (spectrum(plain.requests[0].energies),), {one.name: np.asarray(0.0) for one in plain.nuisances}
    )
    assert ours == pytest.approx(theirs, abs=1e-7)


def test_data_sets_share_it_and_batches_are_what_points_are() -> None:
    both = [load(INNER), load(OUTER)]
    assert all(SHARED in [nuisance.name for nuisance in one.nuisances] for one in both)
    batch = np.linspace(-2.0, 2.0, 5)
    values: dict[str, np.ndarray] = {}
    for one in both:
        values |= {name: np.broadcast_to(value, 5) for name, value in nuisances(one).items()}
    values[SHARED] = batch
    predictions = [(np.stack([spectrum(one.requests[0].energies)] * 5),) for one in both]
    together = JointLikelihood.of(both).total(predictions, values)
    for row in range(5):
        alone = sum(
            one.log_likelihood((given[0][row],), {name: value[row] for name, value in values.items()})
            for one, given in zip(both, predictions, strict=True)
        )
        assert together[row] == pytest.approx(alone, rel=1e-12)


def test_the_best_scale_undoes_the_one_that_data_were_drawn_with() -> None:
    likelihood = load(OUTER, systematics="none")
    predictions = (0.4 * spectrum(likelihood.requests[0].energies),)
    drawn = likelihood.simulate(np.random.default_rng(1), predictions, {SHARED: 1.5})
    best = drawn.best_nuisances(predictions)
    assert drawn.chi2_profiled(predictions) <= drawn.chi2(predictions, {SHARED: np.asarray(1.5)}) + 1e-9
    assert drawn.chi2_profiled(predictions) == pytest.approx(drawn.chi2(predictions, best))


def test_derivatives_are_finite_and_right() -> None:
    jax = pytest.importorskip("jax")
    likelihood = load()
    predictions = (spectrum(likelihood.requests[0].energies),)

    def log_likelihood(z: Any) -> Any:
        return likelihood.log_likelihood(predictions, nuisances(likelihood) | {SHARED: z})

    with jax.enable_x64(True):
        predictions = (jax.numpy.asarray(predictions[0]),)
        slope = float(jax.grad(log_likelihood)(jax.numpy.asarray(0.7)))
        moved = [float(log_likelihood(jax.numpy.asarray(0.7 + sign * 1e-5))) for sign in (1, -1)]
    assert slope == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 0.5])
def test_a_fraction_without_a_meaning_is_refused(fraction: float) -> None:
    with pytest.raises(UserError, match="energy_scale"):
        load(fraction=fraction)
