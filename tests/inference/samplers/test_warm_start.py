"""Evidence from a neighbour's samples, on problems whose evidence is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.hypotheses.distributions import Product, normal, uniform
from crsea_infer.inference.samplers.importance import Importance, ImportanceOptions
from crsea_infer.inference.samplers.sampler import CONVERGED, no_progress
from crsea_infer.inference.samplers.warm_start import FROM_PRIOR, REWEIGHTED, WARM, Found, WarmStart

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.neighbours import Neighbour
    from crsea_infer.support.arrays import Float64

COLD = ImportanceOptions(scouts=0, walkers=32, steps=80, components=4, draws=4000)
HOW = WarmStart(importance=COLD)


@dataclass(frozen=True)
class Gaussian:
    """Data y = sum of the parameters and each of them, with normal priors: everything is known."""

    names: tuple[str, ...]
    prior: Product
    error: float = 0.1
    datum: float = 0.5

    def prior_transform(self, unit: Float64) -> Float64:
        return self.prior.prior_transform(unit)

    def log_likelihood(self, theta: Float64) -> Float64:
        pull = (self.datum - np.sum(theta, axis=-1)) / self.error
        return np.asarray(-0.5 * pull**2 - np.log(self.error) - 0.5 * np.log(2.0 * np.pi))

    @property
    def lnz(self) -> float:
        variance = self.error**2 + sum(one.scale**2 for one in self.prior.distributions)
        mean = sum(one.location for one in self.prior.distributions)
        return float(-0.5 * (self.datum - mean) ** 2 / variance - 0.5 * np.log(2.0 * np.pi * variance))


def gaussian(*widths: float, **more: float) -> Gaussian:
    names = tuple(f"x_{number}" for number in range(len(widths)))
    return Gaussian(names, Product(tuple(normal(0.0, width) for width in widths)), **more)


def find(target: Gaussian, *neighbours: Neighbour, how: WarmStart = HOW, seed: int = 1) -> Found:
    return how.find(target, neighbours, np.random.SeedSequence(seed), no_progress)


@pytest.fixture(scope="module")
def shipped() -> Found:
    return find(gaussian(1.0, 1.0, 0.5))


def agrees(found: Found, target: Gaussian) -> bool:
    return found.status == CONVERGED and abs(found.lnz - target.lnz) < 4.0 * found.lnz_err < 0.2


def test_without_a_neighbour_it_is_importance_sampling_with_the_same_numbers(shipped: Found) -> None:
    target = gaussian(1.0, 1.0, 0.5)
    assert shipped.method == FROM_PRIOR
    assert agrees(shipped, target)
    from crsea_infer.support.checkpoint import Checkpoint

    own = Importance(COLD).run(target, np.random.SeedSequence(1), Checkpoint(None), no_progress)
    assert own.evidence is not None
    assert shipped.lnz == own.evidence.lnz


def test_other_widths_are_reweighted(shipped: Found) -> None:
    assert shipped.neighbour is not None
    for target in (gaussian(0.8, 1.0, 0.5), gaussian(1.0, 1.2, 0.6), gaussian(1.0, 1.0, 0.5, error=0.15)):
        found = find(target, shipped.neighbour)
        assert found.method == REWEIGHTED
        assert agrees(found, target)


def test_the_order_of_parameters_does_not_matter(shipped: Found) -> None:
    assert shipped.neighbour is not None
    turned = Gaussian(("x_2", "x_0", "x_1"), Product((normal(0.0, 0.5), normal(0.0, 1.0), normal(0.0, 0.9))))
    found = find(turned, shipped.neighbour)
    assert found.method == REWEIGHTED
    assert agrees(found, turned)


@pytest.mark.slow
def test_far_widths_and_other_parameters_start_warm(shipped: Found) -> None:
    assert shipped.neighbour is not None
    for target in (gaussian(1.0, 1.0, 0.5, 2.0), gaussian(1.0, 1.0), gaussian(0.05, 0.05, 0.05, error=0.003)):
        found = find(target, shipped.neighbour)
        assert found.method == WARM
        assert agrees(found, target)
        assert found.neighbour is not None
        assert found.neighbour.names == target.names


def test_a_prior_that_reaches_further_is_not_reweighted() -> None:
    narrow = Gaussian(("x_0",), Product((uniform(-1.0, 1.0),)))
    wide = Gaussian(("x_0",), Product((uniform(-2.0, 2.0),)))
    first = find(narrow)
    assert first.neighbour is not None
    found = find(wide, first.neighbour)
    assert found.method == WARM
    assert found.lnz - first.lnz == pytest.approx(-np.log(2.0), abs=4.0 * np.hypot(found.lnz_err, first.lnz_err))


def test_samples_of_a_warm_start_are_those_of_the_posterior(shipped: Found) -> None:
    assert shipped.neighbour is not None
    found = find(gaussian(1.0, 1.0, 0.5, 2.0), shipped.neighbour)
    assert found.neighbour is not None
    total = found.neighbour.samples.sum(axis=1)
    assert np.mean(total) == pytest.approx(0.5, abs=0.03)
    assert np.std(total) == pytest.approx(0.1, rel=0.15)
    assert np.std(found.neighbour.samples[:, 3]) == pytest.approx(1.199, rel=0.15)  # 2 x sqrt(1 - 4 / 6.26)


def test_a_neighbour_that_misses_a_peak_is_seen_by_its_gates() -> None:
    """Two peaks, and a neighbour that knows of one: the share of the prior in the proposal finds the other."""

    class Two(Gaussian):
        def log_likelihood(self, theta: Float64) -> Float64:
            near, far = (-0.5 * np.sum((theta - at) ** 2, axis=-1) / 0.1**2 for at in (0.7, -0.7))
            return np.logaddexp(near, far)

    class One(Gaussian):
        def log_likelihood(self, theta: Float64) -> Float64:
            return np.asarray(-0.5 * np.sum((theta - 0.7) ** 2, axis=-1) / 0.1**2)

    prior = Product((uniform(-1.0, 1.0), uniform(-1.0, 1.0)))
    first = find(One(("x_0", "x_1"), prior))
    assert first.neighbour is not None
    found = find(Two(("x_0", "x_1"), prior), first.neighbour)
    exact = np.log(2.0 * 2.0 * np.pi * 0.1**2 / 4.0)
    assert found.status == CONVERGED
    assert found.lnz == pytest.approx(exact, abs=0.1)


def test_repetitions_that_agree_only_since_one_is_vague_are_refused() -> None:
    """A short one, sure of itself, and a long one with more weight near its end: 1.1 apart, and within 3 sigma."""
    generator = np.random.default_rng(4)
    target = gaussian(1.0, 1.0)

    def part(n: int) -> Float64:
        return np.asarray(generator.standard_normal(n))

    late = part(24_000)
    late[[-900, -500, -100]] = np.log([3.0, 2.5, 2.2] * np.full(3, np.sum(np.exp(late)) / 4.0))
    draws = [(weights, generator.standard_normal((len(weights), 2))) for weights in (part(4096), late)]
    found = HOW._judged(WARM, target, draws, None)
    assert found.neighbour is None
    assert "error of ln Z" in found.status
    steady = [(weights, generator.standard_normal((len(weights), 2))) for weights in (part(4096), part(4096))]
    assert HOW._judged(WARM, target, steady, None).status == CONVERGED


def test_without_parameters_the_evidence_is_the_likelihood() -> None:
    target = Gaussian((), Product(()))
    found = find(target)
    assert (found.lnz, found.lnz_err) == (pytest.approx(target.lnz), 0.0)
