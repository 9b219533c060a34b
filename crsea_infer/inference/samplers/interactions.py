"""Which parameters of a likelihood act on each other, and the blocks into which it falls apart.

ln L of independent data sets is a sum, and most of its terms know of few parameters: protons at the Sun of the proton
spectrum, helium of that of helium, and the energy scale of an experiment of both. Where the mixed difference

    ln L(x + a + b) - ln L(x + a) - ln L(x + b) + ln L(x)

of two parameters is 0 everywhere, neither acts on the other. Without the few that tie the others together (the *ties*,
here the energy scales) what is left falls into blocks, and each can be moved by itself: a fresh draw in eleven
dimensions is accepted where one in twenty-six hardly ever is. All is asked of the likelihood, as of a black box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.support.arrays import Float64

    Columns = np.typing.NDArray[np.intp]

__all__ = ["Blocks", "blocks_of", "interactions", "known_parameters", "split"]

_SHIFTS = (0.7, -1.1)  # of a probit coordinate
_PAIRS = ((0.3, 0.4), (-0.4, -0.3))  # shifts of two probit coordinates
_ROUNDING = 1e-11  # of the sum of the four ln L
_MOST_TIES = 8
_SMALLEST_BLOCK = 3  # columns of the second largest; smaller ones are not worth a move of their own


@dataclass(frozen=True)
class Blocks:
    """Columns of parameters: those of each block, and those that tie blocks together."""

    blocks: tuple[Columns, ...]
    ties: Columns


def known_parameters(log_likelihood: Callable[[Float64], Float64], points: Float64) -> Columns:
    """Return the columns on which a likelihood depends, as seen at points [n, d] in probit coordinates."""
    before = log_likelihood(points)
    known = []
    for column in range(points.shape[1]):
        for shift in _SHIFTS:
            moved = points.copy()
            moved[:, column] += shift
            if np.any(log_likelihood(moved) != before):
                known.append(column)
                break
    return np.array(known, dtype=np.intp)


def interactions(
    log_likelihood: Callable[[Float64], Float64], points: Float64, columns: Columns
) -> np.typing.NDArray[np.bool_]:
    """Return which of k columns act on each other [k, k], as seen at points [n, d] in probit coordinates."""
    k = len(columns)
    found = np.zeros((k, k), dtype=np.bool_)
    base = log_likelihood(points)
    first, second = np.nonzero(~np.eye(k, dtype=np.bool_))

    def moved(*shifts: tuple[Columns, float]) -> Float64:
        """Return ln L [m, n] of all points with columns [m] shifted."""
        many = np.repeat(points[None], len(shifts[0][0]), axis=0)
        for own, shift in shifts:
            many[np.arange(len(own)), :, own] += shift
        return log_likelihood(many.reshape(-1, points.shape[1])).reshape(len(many), -1)

    for one_shift, other_shift in _PAIRS:
        one, other = moved((columns, one_shift))[first], moved((columns, other_shift))[second]
        both = moved((columns[first], one_shift), (columns[second], other_shift))
        with np.errstate(invalid="ignore"):
            mixed = np.abs(both - one - other + base)
            size = np.abs(both) + np.abs(one) + np.abs(other) + np.abs(base)
            acts = np.any(~(mixed <= _ROUNDING * size), axis=1)  # one that is infinite says nothing: taken to act
        found[first, second] |= acts
    return found | found.T


def split(acts: np.typing.NDArray[np.bool_]) -> tuple[list[list[int]], list[int]]:
    """Return the parts into which k columns fall, and the ties between them, from which act on each other [k, k].

    Ties are those whose neighbours know least of each other, one after the other until the rest falls apart; where that
    takes too many, all is one part.
    """
    left, ties = list(range(len(acts))), list[int]()
    for _ in range(min(_MOST_TIES, len(acts)) + 1):
        parts = sorted(_parts(acts, left), key=lambda part: (-len(part), part))
        if len(parts) > 1 and len(parts[1]) >= _SMALLEST_BLOCK:
            return parts, sorted(ties)
        if len(left) < 2 * _SMALLEST_BLOCK:
            break
        tie = min(left, key=lambda column: (_share_of_pairs(acts, column, left), column))
        left.remove(tie)
        ties.append(tie)
    return [list(range(len(acts)))], []


def blocks_of(log_likelihood: Callable[[Float64], Float64], points: Float64, columns: Columns) -> Blocks:
    """Return the blocks of the columns on which a likelihood depends, as seen at points [n, d]."""
    if not len(columns):
        return Blocks((), columns)
    parts, ties = split(interactions(log_likelihood, points, columns))
    return Blocks(tuple(columns[part] for part in parts), columns[ties])


def _parts(acts: np.typing.NDArray[np.bool_], left: list[int]) -> list[list[int]]:
    from scipy.sparse.csgraph import connected_components

    if not left:
        return []
    number, labels = connected_components(acts[np.ix_(left, left)], directed=False)
    return [[column for column, label in zip(left, labels, strict=True) if label == part] for part in range(number)]


def _share_of_pairs(acts: np.typing.NDArray[np.bool_], column: int, left: list[int]) -> float:
    """Return which share of the pairs of a column's neighbours act on each other; 1 for fewer than two."""
    near: list[Any] = [other for other in left if other != column and acts[column, other]]
    n = len(near)
    return 1.0 if n < 2 else float(np.sum(acts[np.ix_(near, near)])) / (n * (n - 1))  # nothing acts on itself
