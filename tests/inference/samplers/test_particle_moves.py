"""Moves of particles: what they leave as it is, and that NumPy and JAX make the same ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from known_problems import LinearGaussian

from crsea_infer.inference.samplers.jax_tracing import double_precision
from crsea_infer.inference.samplers.particle_movers import (
    Compiled,
    JaxMover,
    Mover,
    _drawn,
    forget_functions,
    n_functions,
)
from crsea_infer.inference.samplers.particle_moves import Lengths, accepted, correlations, fitted, proposed
from crsea_infer.inference.samplers.sampler import Counted

K, N = 2, 600


def exact(target: LinearGaussian, beta: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and draws [k, n, d] of a tempered posterior."""
    covariance = np.linalg.inv(beta * target.design.T @ target.design + np.eye(target.design.shape[1]))
    mean = beta * covariance @ target.design.T @ target.data
    normal = np.random.default_rng(seed).standard_normal((K, N, len(mean)))
    return mean, mean + normal @ np.linalg.cholesky(covariance).T


def settle(mover: Mover, target: Any, points: np.ndarray, beta: float, **options: Any) -> Any:
    values = np.asarray(target.log_likelihood(points))
    lengths = Lengths(np.full(K, -0.7), np.full(K, -0.7))
    given = {"forgotten": 0.05, "most_moves": 60, **options}
    return mover.settle(points, values, np.full(K, beta), lengths, np.random.SeedSequence(4), **given)


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_moves_leave_a_tempered_posterior_as_it_is(beta: float) -> None:
    target = LinearGaussian.make(4, 10, 0.3)
    mean, points = exact(target, beta, 1)
    settled = settle(Mover(Counted(target)), target, points, beta, forgotten=-1.0, most_moves=100)
    assert settled.moves == 100
    assert settled.remembered < 0.1
    after, before = settled.points.reshape(-1, 4), exact(target, beta, 2)[1].reshape(-1, 4)
    spread = np.std(before, axis=0)
    assert np.mean(after, axis=0) == pytest.approx(mean, abs=4.0 * np.max(spread) / np.sqrt(K * N))
    assert np.std(after, axis=0) == pytest.approx(spread, rel=0.12)
    assert settled.log_likelihood == pytest.approx(target.log_likelihood(settled.points))


def test_particles_move_until_they_have_forgotten_and_no_longer() -> None:
    target = LinearGaussian.make(4, 10, 0.3)
    settled = settle(Mover(Counted(target)), target, exact(target, 1.0, 1)[1], 1.0, forgotten=0.1)
    assert settled.remembered < 0.1
    assert settled.moves < 60
    short = settle(Mover(Counted(target)), target, exact(target, 1.0, 1)[1], 1.0, most_moves=4)
    assert short.moves == 4
    assert short.remembered > 0.1


@pytest.mark.slow
def test_numpy_and_jax_propose_and_decide_alike() -> None:
    import jax.numpy as jnp

    target = LinearGaussian.make(4, 10, 0.3)
    points = exact(target, 1.0, 3)[1]
    randoms = _drawn(np.random.default_rng(1), *points.shape)
    beta, found = np.ones(K), {}
    with double_precision():
        for xp in (np, jnp):
            mine, theirs = (xp.asarray(points), type(randoms)(*map(xp.asarray, randoms)))
            shape = fitted(xp, mine)
            lengths = Lengths(xp.full(K, -0.5), xp.full(K, -0.2))
            others, ratio = proposed(xp, mine, mine, shape, lengths, theirs)
            before, after = (mine, target.log_likelihood(mine)), (others, target.log_likelihood(others))
            new = accepted(xp, before, after, ratio, xp.asarray(beta), theirs.accept)
            found[xp] = [np.asarray(part) for part in (others, ratio, *new, correlations(xp, shape, before, new[:2]))]
    for one, other in zip(found[np], found[jnp], strict=True):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9)


@pytest.mark.slow
def test_jax_moves_keep_the_posterior_too_and_count_calls() -> None:
    target = LinearGaussian.make(4, 10, 0.3)
    mean, points = exact(target, 1.0, 1)
    with double_precision():
        compiled = Compiled(target, "smc", K * N)
        settled = settle(JaxMover(compiled), target, points, 1.0, forgotten=0.1)
        assert compiled.n_calls == settled.moves * K * N
        values = compiled.from_probit(points.reshape(-1, 4)[:17])
    assert settled.remembered < 0.1
    assert np.mean(settled.points.reshape(-1, 4), axis=0) == pytest.approx(mean, abs=0.1)
    assert settled.log_likelihood == pytest.approx(target.log_likelihood(settled.points))
    assert values == pytest.approx(target.log_likelihood(points.reshape(-1, 4)[:17]))


def test_posteriors_of_one_structure_share_the_compiled_function() -> None:
    forget_functions()
    with double_precision():
        for seed in (1, 2):
            target = LinearGaussian.make(4, 10, 0.3, seed)
            some = np.random.default_rng(seed).standard_normal((30, 4))
            assert Compiled(target, "smc", 16).from_probit(some) == pytest.approx(target.log_likelihood(some))
        assert n_functions() == 1
        Compiled(LinearGaussian.make(5, 10, 0.3), "smc", 16)
        assert n_functions() == 2
