"""Both kinds of slices leave the prior above a threshold as it is, and together they cross many dimensions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from known_problems import LinearGaussian, modest_options
from scipy import stats

from crsea_infer.inference.samplers import jax_slice_walks
from crsea_infer.inference.samplers.jax_nested import JaxNestedOptions, _functions
from crsea_infer.inference.samplers.jax_slice_walks import _log_prior, _straight, _turning
from crsea_infer.inference.samplers.jax_tracing import double_precision
from crsea_infer.inference.samplers.registry import make
from crsea_infer.inference.samplers.sampler import no_progress
from crsea_infer.support.checkpoint import Checkpoint

CENTRE = np.array([1.0, -0.5, 0.0])
THRESHOLD = -1.0


def log_likelihood(z: Any) -> Any:
    """A lens that is no ball in the coordinates of the walk, off the centre of the prior."""
    return -(((z - CENTRE) * np.array([0.5, 1.0, 2.0])) ** 2).sum(axis=-1)


def prior_above(n: int, seed: int) -> np.ndarray:
    draws = np.random.default_rng(seed).standard_normal((40 * n, 3))
    return draws[log_likelihood(draws) > THRESHOLD][:n]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [_straight, _turning])
def test_a_slice_keeps_the_prior_above_the_threshold(kind: Any) -> None:
    import jax
    import jax.numpy as jnp
    from blackjax.ns.base import init_state_strategy

    before = prior_above(3000, 1)
    # Any normal will do, so one that fits badly is taken.
    factor = np.array([[0.9, 0.0, 0.0], [0.4, 0.7, 0.0], [-0.2, 0.1, 1.1]])
    shape = {"centre": jnp.array([0.6, 0.1, -0.2]), "factor": jnp.asarray(factor), "inverse": np.linalg.inv(factor)}
    with double_precision():
        particle = partial(init_state_strategy, logprior_fn=_log_prior, loglikelihood_fn=log_likelihood)
        slice_once = jax.jit(jax.vmap(lambda key, state: kind(particle)(key, state, THRESHOLD, **shape)))
        state = jax.vmap(lambda z: particle(z, loglikelihood_birth=THRESHOLD))(jnp.asarray(before))
        for index in range(6):
            state, calls = slice_once(jax.random.split(jax.random.key(index), len(before)), state)
        after = np.asarray(state.position)
    assert np.all(np.asarray(calls) >= 1)
    assert np.all(log_likelihood(after) > THRESHOLD)
    assert np.asarray(state.logdensity) == pytest.approx(-0.5 * np.sum(after**2, axis=1))
    assert np.mean(np.all(np.abs(after - before) < 1e-3, axis=1)) < 0.01  # they moved
    exact = prior_above(20_000, 2)
    for summary in (lambda z: z[:, 0], lambda z: z[:, 1], lambda z: z[:, 2], lambda z: np.sum(z**2, axis=1)):
        assert stats.ks_2samp(summary(after), summary(exact)).pvalue > 1e-3


@pytest.mark.parametrize(("n_dimensions", "n_slices"), [(1, 20), (4, 20), (10, 20), (20, 40)])
def test_walks_are_not_short_in_few_dimensions(
    n_dimensions: int, n_slices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []

    def note(_log_likelihood: Any, n_pairs: int, _replaced: int) -> tuple[None, None]:
        lengths.append(2 * n_pairs)
        return None, None

    monkeypatch.setattr(jax_slice_walks, "nested_slices", note)
    _functions(lambda z: z, n_dimensions, JaxNestedOptions())
    assert lengths == [n_slices]


@pytest.mark.slow
def test_nested_slices_are_unbiased_in_twenty_dimensions() -> None:
    target = LinearGaussian.make(20, 15, 0.3)
    pulls = []
    for seed in range(4):
        sampler = make("jax-nested", modest_options("jax-nested", 20))
        evidence = sampler.run(target, np.random.SeedSequence(seed), Checkpoint(None), no_progress).evidence
        assert evidence is not None
        pulls.append((evidence.lnz - target.lnz) / evidence.lnz_err)
    assert abs(np.mean(pulls)) < 1.5  # three sigma of the mean of four; straight slices alone give -2.3
