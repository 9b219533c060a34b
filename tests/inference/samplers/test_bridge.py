"""Conditional evidence by the bridge, where it is known in closed form, and what it says when it has not converged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.inference.samplers.bridge import Bridge, BridgeOptions
from crsea_infer.inference.samplers.sampler import CONVERGED, no_progress, result_arrays, result_from_arrays, to_probit
from crsea_infer.inference.samplers.training_walk import r_hat
from crsea_infer.inference.target import TrainedTarget
from crsea_infer.inference.trained_posterior import TrainedPosterior
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.checkpoint import Checkpoint
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

QUICK = BridgeOptions(particles=128, rounds=4, moves=4)


@dataclass(frozen=True)
class Linear:
    """Data y ~ N(A theta, 1) of normal parameters: its evidence is a normal density."""

    names: tuple[str, ...]
    matrix: Float64
    data: Float64

    def prior_transform(self, unit: Float64) -> Float64:
        return to_probit(unit)

    def log_likelihood(self, theta: Float64) -> Float64:
        residual = self.data - theta @ self.matrix.T
        return -0.5 * np.sum(residual**2, axis=-1) - 0.5 * len(self.data) * np.log(2.0 * np.pi)

    def log_evidence(self) -> float:
        covariance = np.eye(len(self.data)) + self.matrix @ self.matrix.T
        _, log_determinant = np.linalg.slogdet(2.0 * np.pi * covariance)
        return float(-0.5 * self.data @ np.linalg.solve(covariance, self.data) - 0.5 * log_determinant)


@dataclass(frozen=True)
class Trained:
    """A training set that knows of the first parameters, and data that know of all."""

    training: Linear
    others: Linear

    @property
    def names(self) -> tuple[str, ...]:
        return self.others.names

    @property
    def whole(self) -> Linear:
        padded = np.zeros((len(self.training.data), len(self.names)))
        padded[:, : len(self.training.names)] = self.training.matrix
        matrix = np.concatenate([padded, self.others.matrix])
        return Linear(self.names, matrix, np.concatenate([self.training.data, self.others.data]))

    def prior_transform(self, unit: Float64) -> Float64:
        return to_probit(unit)

    def log_likelihood(self, theta: Float64) -> Float64:
        return self.whole.log_likelihood(theta)

    def log_likelihoods(self, theta: Float64) -> tuple[Float64, Float64]:
        return self.training.log_likelihood(theta[..., : len(self.training.names)]), self.others.log_likelihood(theta)


def trained(shift: float) -> Trained:
    """Five parameters, of which the training set has four and knows of three; `shift` is the data's disagreement."""
    rng = np.random.default_rng(3)
    matrix = 4.0 * rng.standard_normal((6, 4))
    matrix[:, 3] = 0.0
    names = ("a", "b", "c", "d", "e")
    training = Linear(names[:4], matrix, matrix @ np.array([0.5, -1.0, 0.2, 0.0]) + rng.standard_normal(6))
    others = 3.0 * rng.standard_normal((7, 5))
    return Trained(training, Linear(names, others, others @ np.array([0.5, -1.0, 0.2, 0.7, -0.4]) + shift))


@pytest.mark.parametrize("shift", [0.0, 4.0])
def test_the_mean_likelihood_over_the_training_set_is_the_conditional_evidence(shift: float) -> None:
    target = trained(shift)
    exact = target.whole.log_evidence() - target.training.log_evidence()

    result = Bridge(QUICK).run(target, np.random.SeedSequence(2), Checkpoint(None), no_progress)

    assert result.evidence is None
    assert result.conditional is not None
    assert abs(result.conditional.lnz - exact) < 0.3
    assert 0.3 < result.conditional.lnz_err < 0.5
    assert result.diagnostics["status"] == CONVERGED
    assert result.diagnostics["rises"] > (1.0 if shift else 0.0)


@dataclass(frozen=True)
class Chains:
    """Two bent chains x_i+1 ~ 0.6 (x_i^2 - 1) that start at one tie, and a datum of the sum of their ends."""

    only: str = ""

    names: ClassVar[tuple[str, ...]] = tuple(f"x{index}" for index in range(9))

    @property
    def training(self) -> Chains:
        return Chains("training")

    def prior_transform(self, unit: Float64) -> Float64:
        return to_probit(unit)

    def log_likelihoods(self, theta: Float64) -> tuple[Float64, Float64]:
        chains, tie = theta[..., :8].reshape(*theta.shape[:-1], 2, 4), theta[..., 8:]
        start = np.sum(((chains[..., 0] - tie) / 0.7) ** 2, axis=-1)
        links = np.sum(((chains[..., 1:] - 0.6 * (chains[..., :-1] ** 2 - 1.0)) / 0.25) ** 2, axis=(-1, -2))
        return -0.5 * (start + links), -0.5 * ((np.sum(chains[..., 3], axis=-1) + 3.0) / 0.5) ** 2

    def log_likelihood(self, theta: Float64) -> Float64:
        training, others = self.log_likelihoods(theta)
        return training if self.only else training + others

    def exact(self) -> float:
        """Return ln Z(D | T), by sums over grids along the chains."""
        x = np.linspace(-6.0, 6.0, 401)
        prior = np.exp(-0.5 * x**2)
        step = np.exp(-0.5 * ((x - 0.6 * (x[:, None] ** 2 - 1.0)) / 0.25) ** 2) * prior
        datum = np.exp(-0.5 * ((x[:, None] + x + 3.0) / 0.5) ** 2)
        links = np.linalg.matrix_power(step, 3)
        ends = [prior * np.exp(-0.5 * ((x - tie) / 0.7) ** 2) @ links for tie in x[::5]]
        sums = [
            (weight * end @ datum @ end, weight * end.sum() ** 2) for weight, end in zip(prior[::5], ends, strict=True)
        ]
        both, alone = np.sum(sums, axis=0)
        return float(np.log(both / alone))


def test_bent_ridges_with_a_tie_fall_into_blocks_and_give_the_exact_evidence() -> None:
    target = Chains()

    result = Bridge(QUICK).run(target, np.random.SeedSequence(1), Checkpoint(None), no_progress)

    assert result.conditional is not None
    assert abs(result.conditional.lnz - target.exact()) < 0.4
    assert result.conditional.lnz_err < 0.5
    assert result.diagnostics["training_blocks"] == 2.0


def test_its_last_particles_are_of_the_posterior_of_all_data() -> None:
    target = trained(4.0)
    precision = np.eye(5) + target.whole.matrix.T @ target.whole.matrix
    mean = np.linalg.solve(precision, target.whole.matrix.T @ target.whole.data)
    width = np.sqrt(np.diagonal(np.linalg.inv(precision)))

    result = Bridge(QUICK).run(target, np.random.SeedSequence(2), Checkpoint(None), no_progress)

    assert np.all(np.abs(result.samples.mean(axis=0) - mean) < 0.4 * width)
    assert np.allclose(result.samples.std(axis=0), width, rtol=0.35)
    assert np.allclose(result.log_likelihood, target.log_likelihood(result.samples))


def test_a_result_is_kept_with_its_conditional_evidence() -> None:
    result = Bridge(QUICK).run(trained(0.0), np.random.SeedSequence(2), Checkpoint(None), no_progress)

    assert result_from_arrays(result_arrays(result)).conditional == result.conditional


def test_groups_that_disagree_are_no_convergence() -> None:
    strict = QUICK.model_copy(update={"largest_error": 1e-4})

    result = Bridge(strict).run(trained(4.0), np.random.SeedSequence(2), Checkpoint(None), no_progress)

    assert "scatters" in str(result.diagnostics["status"])


def test_walkers_that_stay_where_they_started_have_a_large_r_hat() -> None:
    rng = np.random.default_rng(1)
    stuck = rng.standard_normal((10, 4, 16, 2)) + 2.0 * rng.standard_normal((1, 4, 1, 2))

    assert r_hat(stuck) > 1.2
    assert r_hat(rng.standard_normal((10, 4, 16, 2))) < 1.05


def test_a_target_without_a_training_set_is_refused() -> None:
    with pytest.raises(UserError, match="needs a training set"):
        Bridge().check(trained(0.0).whole)


def test_its_two_likelihoods_are_that_of_all_data() -> None:
    run = load_run("conditional")
    data = run.samplings("kascade-sea")
    everything, model = data["all"], emulator.load()
    others = [one for one in everything if one not in data["training"]]
    whole, training, rest = (
        posterior_for(run.hypotheses[0], some, model, all_likelihoods=everything)
        for some in (everything, data["training"], others)
    )
    target = TrainedPosterior(whole, training, rest)
    theta = target.prior_transform(np.random.default_rng(1).random((5, len(target.names))))

    assert isinstance(target, TrainedTarget)
    assert sum(target.log_likelihoods(theta)) == pytest.approx(whole.log_likelihood(theta), rel=1e-12)


def test_too_few_walkers_are_refused() -> None:
    many = Linear(tuple(f"p{index}" for index in range(20)), np.zeros((1, 20)), np.zeros(1))

    with pytest.raises(UserError, match=r"bridge\.particles = 32"):
        Bridge(BridgeOptions(particles=32)).check(Trained(many, many))
