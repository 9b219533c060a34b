"""Slice walks to new live points, for nested sampling in JAX.

A walk takes two kinds of slices in turn, both exact for the prior above a likelihood threshold:

* *straight* ones along a random line shaped by the live points (hit and run; Neal 2003, Annals of Statistics 31, 705),
  which follow curved valleys and lead from one mode to another;
* *turning* ones along a random ellipse about the centre of the live points (Murray, Adams and MacKay 2010,
  arXiv:1001.0175, with the fitted normal of Nishihara, Murray and Adams 2014, arXiv:1210.7477). Where a line in n
  dimensions gains little, because almost all of a ball's volume is near its surface, an ellipse crosses the whole ball.

With straight slices alone, as many as two per parameter, ln Z of a Gaussian in twenty dimensions comes out too low by
twice its error; with both it does not, for fewer evaluations (benchmarks/calibration.py). The normal is fitted like
that of :class:`~crsea_infer.inference.samplers.turns.Normal`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["nested_slices"]

_MOST_EXPANSIONS: Final = 10
_MOST_SHRINKS: Final = 100


def nested_slices(
    log_likelihood: Callable[[Any], Any], n_pairs: int, replaced: int
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return blackjax's nested sampling with walks of `n_pairs` straight and as many turning slices.

    Parameters
    ----------
    log_likelihood
        ln L of one point [d] in probit coordinates.
    n_pairs
        Length of a walk.
    replaced
        How many live points are replaced together.

    Returns
    -------
    init, step
        ``init(points) -> state`` from live points [n, d]; ``step(key, state) -> (state, info)``, where
        ``info.update_info`` counts likelihood evaluations [replaced, n_pairs].
    """
    import jax
    from blackjax.ns.adaptive import init
    from blackjax.ns.base import init_state_strategy
    from blackjax.ns.from_mcmc import build_kernel

    particle = partial(init_state_strategy, logprior_fn=_log_prior, loglikelihood_fn=log_likelihood)
    straight, turning = _straight(particle), _turning(particle)

    def pair(key: Any, state: Any, loglikelihood_0: Any, **shape: Any) -> tuple[Any, Any]:
        first, second = jax.random.split(key)
        state, calls = straight(first, state, loglikelihood_0, **shape)
        state, more = turning(second, state, loglikelihood_0, **shape)
        return state, calls + more

    def begin(points: Any) -> Any:
        return init(points, init_state_fn=jax.vmap(particle), update_inner_kernel_params_fn=_shape)

    return begin, build_kernel(pair, n_pairs, _shape, replaced)


def _log_prior(z: Any) -> Any:
    """Return ln of the standard normal density of one point [d], up to a constant."""
    return -0.5 * (z**2).sum()


def _shape(key: Any, state: Any, info: Any, before: Any) -> dict[str, Any]:
    """Fit a normal to the live points [n, d], shrunk towards the prior by d / (n + d)."""
    import jax.numpy as jnp

    del key, info, before  # what blackjax offers beside the live points
    points = state.particles.position
    n_points, n_dimensions = points.shape
    share = n_dimensions / (n_dimensions + n_points)
    covariance = (1.0 - share) * jnp.atleast_2d(jnp.cov(points.T)) + share * jnp.eye(n_dimensions)
    factor = jnp.linalg.cholesky(covariance)
    return {"centre": (1.0 - share) * points.mean(axis=0), "factor": factor, "inverse": jnp.linalg.inv(factor)}


def _straight(particle: Callable[..., Any]) -> Callable[..., Any]:
    """Return a slice along a line through the point; it gives the new state and its number of evaluations."""
    from blackjax.mcmc.slice import build_kernel, stepping_out
    from blackjax.ns.nss import covariance_proposal

    kernel = build_kernel(stepping_out, _MOST_EXPANSIONS, _MOST_SHRINKS)

    def slice_once(key: Any, state: Any, threshold: Any, factor: Any, **_: Any) -> tuple[Any, Any]:
        new, info = kernel(key, state, None, covariance_proposal(particle, threshold, covariance_factor=factor))
        return new, info.num_expansions + info.num_shrink + 2  # two ends of the bracket

    return slice_once


def _turning(particle: Callable[..., Any]) -> Callable[..., Any]:
    """Return a slice along an ellipse through the point and a draw from the fitted normal.

    Along it, that normal is constant on average; what a slice must respect is the ratio of the prior to it.
    """
    import jax
    import jax.numpy as jnp
    from blackjax.mcmc.slice import build_kernel

    def whole_ellipse(key: Any, _in_slice: Any, _width: Any, _most: Any) -> tuple[Any, Any, Any, Any]:
        start = -2.0 * math.pi * jax.random.uniform(key)
        return start, start + 2.0 * math.pi, jnp.asarray(0), lambda _angle: jnp.asarray(True)

    kernel = build_kernel(whole_ellipse, 1, _MOST_SHRINKS)

    def slice_once(key: Any, state: Any, threshold: Any, centre: Any, factor: Any, inverse: Any) -> tuple[Any, Any]:
        white = inverse @ (state.position - centre)

        def ellipse(key: Any, _position: Any, _log_density: Any) -> Callable[[Any], Any]:
            other = jax.random.normal(key, white.shape)

            def at(angle: Any) -> tuple[Any, Any]:
                turned = white * jnp.cos(angle) + other * jnp.sin(angle)
                candidate = particle(centre + factor @ turned, loglikelihood_birth=threshold)
                return _over_normal(candidate, turned), candidate.loglikelihood > threshold

            return at

        new, info = kernel(key, _over_normal(state, white), None, ellipse)
        return new._replace(logdensity=_log_prior(new.position)), info.num_shrink

    return slice_once


def _over_normal(state: Any, white: Any) -> Any:
    """Return a state whose density is that of the prior over that of the fitted normal, up to a constant."""
    return state._replace(logdensity=state.logdensity - _log_prior(white))
