"""Moves of particles that keep a tempered posterior, over sub-runs side by side, for NumPy and for JAX.

Particles live in probit coordinates, where the prior is a standard normal. Each of the k sub-runs has fitted a
Student-t to its own particles, and kept them as they were: both stay fixed while particles move, so that every move is
a Metropolis step. A particle draws one of four proposals:

* a *turn* about the fitted Student-t, which leaves that distribution as it is at any length (the preconditioned
  Crank-Nicolson proposal with tails; Grumitt, Karamanis and Seljak 2024, arXiv:2407.07781): good in many directions of
  which data constrain a few;
* a *difference* of two kept particles, scaled (ter Braak 2006, Stat. Comput. 16, 239): follows ridges and bends;
* a whole difference: from one mode to another;
* a fresh draw from the Student-t.

Lengths of turns and of differences follow the share of them that is accepted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Array

__all__ = ["FREEDOM", "Lengths", "Randoms", "Shape", "accepted", "adapted", "correlations", "fitted", "proposed"]

FREEDOM: Final = 5
"""Degrees of freedom of the fitted Student-t; whole, so that chi-squared numbers are sums of squares."""

_TURNS, _DIFFERENCES, _WHOLE = 0.5, 0.9, 0.95  # where kinds of moves end, of a number between 0 and 1
_ACCEPTED = 0.3  # share of moves at which lengths stay as they are
_JITTER = 0.3  # of ln of a length
_BLUR = 1e-4  # of the Student-t's width, added to differences
_SHORTEST, _LONGEST = math.log(1e-3), math.log(3.0)


class Shape(NamedTuple):
    """A Student-t for each sub-run: centres [k, d], Cholesky factors of scale matrices [k, d, d] and their inverses."""

    centre: Array
    factor: Array
    inverse: Array


class Lengths(NamedTuple):
    """Logarithms of the lengths of turns and of differences of each sub-run [k]."""

    turn: Array
    difference: Array


class Randoms(NamedTuple):
    """Random numbers of one move of [k, n] particles.

    Attributes
    ----------
    normal
        Standard normal [k, n, d].
    tail, fresh
        Chi-squared numbers [k, n] of d + FREEDOM and of FREEDOM degrees of freedom.
    kind, accept
        Uniform [k, n].
    first, second
        Numbers of two kept particles [k, n], different from each other.
    jitter
        Standard normal [k, n].
    """

    normal: Array
    tail: Array
    fresh: Array
    kind: Array
    accept: Array
    first: Array
    second: Array
    jitter: Array


def fitted(xp: Any, points: Array) -> Shape:
    """Return the Student-t with the moments of points [k, n, d], drawn towards the prior by d / (n + d)."""
    n_points, n_dimensions = points.shape[-2:]
    centre = xp.mean(points, axis=-2)
    offset = points - centre[:, None, :]
    covariance = xp.matmul(xp.matrix_transpose(offset), offset) / n_points
    share = n_dimensions / (n_points + n_dimensions)
    covariance = (1.0 - share) * covariance + share * xp.eye(n_dimensions)
    factor = xp.linalg.cholesky(covariance * ((FREEDOM - 2.0) / FREEDOM))
    return Shape(centre, factor, xp.linalg.inv(factor))


def proposed(
    xp: Any, points: Array, kept: Array, shape: Shape, lengths: Lengths, randoms: Randoms
) -> tuple[Array, Array]:
    """Return proposals [k, n, d] for points [k, n, d], and ln of the ratio of the ways back and there [k, n]."""
    n_dimensions = points.shape[-1]
    kind = randoms.kind
    is_turn, is_fresh = kind < _TURNS, kind >= _WHOLE
    jitter = xp.exp(_JITTER * randoms.jitter)
    white = _whitened(xp, shape, points)
    radius = xp.sum(white**2, axis=-1)
    # A fresh draw is a turn so long that nothing of the point is left.
    sine = xp.where(is_turn, xp.minimum(xp.exp(lengths.turn)[:, None] * jitter, xp.asarray(0.999)), 1.0)
    stretch = xp.where(is_turn, xp.sqrt((FREEDOM + radius) / randoms.tail), xp.sqrt(FREEDOM / randoms.fresh))
    turned = xp.sqrt(1.0 - sine**2)[..., None] * white + (sine * stretch)[..., None] * randoms.normal
    there = shape.centre[:, None, :] + xp.matmul(turned, xp.matrix_transpose(shape.factor))
    power = 0.5 * (FREEDOM + n_dimensions)
    log_ratio = power * (xp.log1p(xp.sum(turned**2, axis=-1) / FREEDOM) - xp.log1p(radius / FREEDOM))
    group = xp.arange(points.shape[0])[:, None]
    difference = kept[group, randoms.first] - kept[group, randoms.second]
    scale = 2.38 / math.sqrt(2.0 * n_dimensions) * xp.exp(lengths.difference)[:, None] * jitter
    scale = xp.where(kind < _DIFFERENCES, scale, 1.0)
    blur = _BLUR * xp.matmul(randoms.normal, xp.matrix_transpose(shape.factor))
    is_difference = ~is_turn & ~is_fresh
    others = xp.where(is_difference[..., None], points + scale[..., None] * difference + blur, there)
    return others, xp.where(is_difference, 0.0, log_ratio)


def accepted(
    xp: Any, before: tuple[Array, Array], after: tuple[Array, Array], log_ratio: Array, beta: Array, uniform: Array
) -> tuple[Array, Array, Array]:
    """Take or leave proposals.

    Parameters
    ----------
    before, after
        Points [k, n, d] and their ln L [k, n]; that of `before` is finite.
    log_ratio
        Of :func:`proposed`.
    beta
        Inverse temperatures [k].
    uniform
        Random numbers [k, n].

    Returns
    -------
    points, log_likelihood, taken
        [k, n, d], [k, n] and whether the proposal was taken [k, n].
    """
    (points, values), (others, new) = before, after
    prior = 0.5 * (xp.sum(points**2, axis=-1) - xp.sum(others**2, axis=-1))
    possible = new > -xp.inf
    rise = beta[:, None] * (xp.where(possible, new, values) - values) + prior + log_ratio
    taken = possible & (xp.log1p(-uniform) < rise)
    return xp.where(taken[..., None], others, points), xp.where(taken, new, values), taken


def adapted(xp: Any, lengths: Lengths, kind: Array, taken: Array) -> Lengths:
    """Return lengths that follow the shares of turns and of differences [k, n] that were taken."""
    is_turn = kind < _TURNS
    is_difference = ~is_turn & (kind < _DIFFERENCES)

    def excess(own: Array) -> Array:
        return xp.sum(1.0 * (own & taken), axis=-1) / (xp.sum(1.0 * own, axis=-1) + 1e-9) - _ACCEPTED

    return Lengths(
        xp.clip(lengths.turn + excess(is_turn), _SHORTEST, 0.0),
        xp.clip(lengths.difference + excess(is_difference), _SHORTEST, _LONGEST),
    )


def correlations(xp: Any, shape: Shape, start: tuple[Array, Array], now: tuple[Array, Array]) -> Array:
    """Return how far particles remember where they started: correlations [d + 1], means over sub-runs.

    Of each coordinate in which the Student-t is round, and of ln L, of which far values are drawn in.

    Parameters
    ----------
    start, now
        Points [k, n, d] and ln L [k, n].
    """
    middle = xp.median(start[1], axis=-1)[:, None]
    width = xp.mean(abs(start[1] - middle), axis=-1)[:, None] + 1e-300

    def features(points: Array, values: Array) -> Array:
        drawn_in = xp.atan((values - middle) / width)[..., None]
        found = xp.concat([_whitened(xp, shape, points), drawn_in], axis=-1)
        return found - xp.mean(found, axis=-2)[:, None, :]

    one, other = features(*start), features(*now)
    product = xp.sum(one**2, axis=-2) * xp.sum(other**2, axis=-2)
    return xp.mean(xp.sum(one * other, axis=-2) / xp.sqrt(product + 1e-300), axis=0)


def _whitened(xp: Any, shape: Shape, points: Array) -> Array:
    return xp.matmul(points - shape.centre[:, None, :], xp.matrix_transpose(shape.inverse))
