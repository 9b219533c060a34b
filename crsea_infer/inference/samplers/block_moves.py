"""Moves of points in groups: by differences of each other, and by fresh draws of a block of their coordinates.

Differences (ter Braak 2006, Stat. Comput. 16, 239) follow ridges and bends, but go a short way in many dimensions. A
fresh draw forgets where a point was, if it is accepted; in ten dimensions it is, in thirty hardly ever. So a fresh draw
is of one block of coordinates. It is made where the other coordinates say that the block is: a Student-t mixture of the
residuals about a linear regression of the block on the others. Or the others are taken along: the coordinates that tie
blocks together are drawn anew, and the rest shifted as its regression on them says. Either is a Metropolis step, since
regression shifts leave volumes as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.samplers.mixtures import fit_mixture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crsea_infer.inference.samplers.mixtures import StudentMixture
    from crsea_infer.support.arrays import Float64

    Columns = np.typing.NDArray[np.intp]
    LogTarget = Callable[[Float64], tuple[Float64, ...]]
    """Of points [k, m, d]: ln of the target [k, m], and what else is to be kept of a point."""

__all__ = [
    "FreshDraws",
    "difference_moves",
    "fresh_moves",
    "round_of_moves",
    "taking_the_rest_along",
    "where_the_rest_says",
]

_LENGTH = 0.7 * 2.38  # of differences, over the root of twice the dimensions; a sixth to a quarter is accepted
_JITTER = 0.3  # of its logarithm
_WHOLE = 0.05  # share of whole differences, from one peak to another
_BLUR = 1e-4
_COMPONENTS, _FREEDOM = 8, 3.0  # heavy tails, so that points which start too narrow find the skirts
_MOST_FITTED = 2048
_RIDGE = 1e-6


@dataclass(frozen=True)
class FreshDraws:
    """How a block of coordinates is drawn.

    Attributes
    ----------
    columns, given, taken
        The block [b], the coordinates that say where it is [g], and those that it takes along [t].
    given_centre, centre
        Means [g] and [b], about which is regressed.
    slope, drift
        Of the block by the given ones [g, b], and of those taken along by the block [b, t].
    mixture
        Of the residuals [b].
    """

    columns: Columns
    given: Columns
    taken: Columns
    given_centre: Float64
    centre: Float64
    slope: Float64
    drift: Float64
    mixture: StudentMixture

    def where(self, points: Float64) -> Float64:
        """Return the centre of the block [n, b] for points [n, d]."""
        return np.asarray(self.centre + (points[:, self.given] - self.given_centre) @ self.slope)


def where_the_rest_says(points: Float64, columns: Columns, generator: np.random.Generator) -> FreshDraws:
    """Fit draws of a block where all other coordinates of points [..., d] say that it is."""
    flat = points.reshape(-1, points.shape[-1])
    others = np.setdiff1d(np.arange(flat.shape[1]), columns)
    given = others[np.ptp(flat[:, others], axis=0) > 0.0]
    return _fitted(flat, columns, given, columns[:0], generator)


def taking_the_rest_along(points: Float64, columns: Columns, generator: np.random.Generator) -> FreshDraws:
    """Fit draws of a block, wherever it is, that shift all other coordinates of points [..., d]."""
    flat = points.reshape(-1, points.shape[-1])
    others = np.setdiff1d(np.arange(flat.shape[1]), columns)
    taken = others[np.ptp(flat[:, others], axis=0) > 0.0]
    return _fitted(flat, columns, columns[:0], taken, generator)


def _fitted(
    points: Float64, columns: Columns, given: Columns, taken: Columns, generator: np.random.Generator
) -> FreshDraws:
    means = points.mean(axis=0)
    slope = _regression(points[:, given] - means[given], points[:, columns] - means[columns])
    drift = _regression(points[:, columns] - means[columns], points[:, taken] - means[taken])
    residuals = points[:, columns] - means[columns] - (points[:, given] - means[given]) @ slope
    few = residuals[generator.permutation(len(residuals))[:_MOST_FITTED]]
    mixture = fit_mixture(few, _COMPONENTS, _FREEDOM, generator)
    return FreshDraws(columns, given, taken, means[given], means[columns], slope, drift, mixture)


def _regression(cause: Float64, effect: Float64) -> Float64:
    """Return slopes [c, e] of deviations [n, e] by deviations [n, c]."""
    if cause.shape[1] == 0 or effect.shape[1] == 0:
        return np.zeros((cause.shape[1], effect.shape[1]))
    square = cause.T @ cause + _RIDGE * len(cause) * np.eye(cause.shape[1])
    return np.asarray(np.linalg.solve(square, cause.T @ effect))


def fresh_moves(
    points: Float64,
    values: tuple[Float64, ...],
    draws: FreshDraws,
    log_target: LogTarget,
    generator: np.random.Generator,
) -> float:
    """Offer each of the points [k, n, d] a fresh draw of a block, as :func:`difference_moves`."""
    k, n, d = points.shape
    flat = points.reshape(-1, d)
    centre = draws.where(flat)
    old, new = flat[:, draws.columns] - centre, draws.mixture.draw(k * n, generator)
    proposed = flat.copy()
    proposed[:, draws.columns] = centre + new
    proposed[:, draws.taken] += (new - old) @ draws.drift
    ratio = draws.mixture.log_density(old) - draws.mixture.log_density(new)
    moved = proposed.reshape(k, n, d)
    after = log_target(moved)
    with np.errstate(invalid="ignore"):  # from one impossible point to another: stays
        accepted = np.log1p(-generator.random((k, n))) < after[0] - values[0] + ratio.reshape(k, n)
    points[accepted] = moved[accepted]
    for array, one in zip(values, after, strict=True):
        array[accepted] = one[accepted]
    return float(np.mean(accepted))


def difference_moves(
    points: Float64,
    values: tuple[Float64, ...],
    columns: Columns,
    log_target: LogTarget,
    generator: np.random.Generator,
) -> float:
    """Move points [k, n, d] of k groups once, in place; return the share that was accepted.

    Each half of a group moves by differences of the other half.

    Parameters
    ----------
    values
        ln of the target [k, n], and whatever else `log_target` returns with it; moved along.
    columns
        In which they move.
    """
    k, n, _ = points.shape
    half, group = n // 2, np.arange(k)[:, None]
    taken = 0.0
    for own, other in ((slice(0, half), slice(half, n)), (slice(half, n), slice(0, half))):
        others = points[:, other]
        m, size = others.shape[1], (k, points[:, own].shape[1])
        first = generator.integers(m, size=size)
        second = (first + generator.integers(1, m, size=size)) % m
        length = _LENGTH / math.sqrt(2.0 * len(columns)) * np.exp(_JITTER * generator.standard_normal(size))
        length = np.where(generator.random(size) < _WHOLE, 1.0, length)
        proposed = points[:, own].copy()
        proposed[..., columns] += length[..., None] * (others[group, first] - others[group, second])[..., columns]
        proposed[..., columns] += _BLUR * generator.standard_normal((*size, len(columns)))
        new = log_target(proposed)
        with np.errstate(invalid="ignore"):
            accepted = np.log1p(-generator.random(size)) < new[0] - values[0][:, own]
        points[:, own][accepted] = proposed[accepted]
        for array, moved in zip(values, new, strict=True):
            array[:, own][accepted] = moved[accepted]
        taken += float(np.mean(accepted))
    return 0.5 * taken


def round_of_moves(
    points: Float64,
    values: tuple[Float64, ...],
    within: tuple[Columns, Sequence[Columns], Columns],
    log_target: LogTarget,
    moves: int,
    generator: np.random.Generator,
) -> list[list[float]]:
    """Fit fresh draws to points [k, n, d], and move these in place by all kinds of moves in turn.

    Parameters
    ----------
    values
        As for :func:`difference_moves`.
    within
        All columns that move, those of each block, and the ties between blocks.
    moves
        Of each kind.

    Returns
    -------
    list
        For each move, what share was accepted of each kind.
    """
    columns, blocks, ties = within
    fresh = [where_the_rest_says(points, block, generator) for block in blocks]
    if len(ties):
        fresh.append(taking_the_rest_along(points, ties, generator))
    return [
        [
            difference_moves(points, values, columns, log_target, generator),
            *(fresh_moves(points, values, one, log_target, generator) for one in fresh),
        ]
        for _ in range(moves)
    ]
