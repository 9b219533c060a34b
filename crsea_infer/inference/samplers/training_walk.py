"""Walks over the posterior of a training set, until nothing is left of where they started.

Walkers start where scouts find the peaks (see :mod:`crsea_infer.inference.samplers.scouts`), in the shares that heights
and curvatures give them: from the prior, an ensemble in thirty dimensions takes thousands of steps to get there. That
start is narrower than the posterior. By differences alone walkers take thousands of steps more to reach its skirts, and
groups that all start alike do not show it. So they also draw blocks of coordinates anew, by mixtures that are fitted
again in every round (see :mod:`crsea_infer.inference.samplers.block_moves` and, for the blocks,
:mod:`crsea_infer.inference.samplers.interactions`); and how much wider they still become is measured. Only parameters
that the training set knows of are walked in: the others keep their prior, whose draws cost nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.samplers.block_moves import (
    difference_moves,
    fresh_moves,
    taking_the_rest_along,
    where_the_rest_says,
)
from crsea_infer.inference.samplers.interactions import blocks_of, known_parameters
from crsea_infer.inference.samplers.sampler import standard_normal_log_density
from crsea_infer.inference.samplers.scouts import find_peaks
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.interactions import Blocks
    from crsea_infer.inference.samplers.sampler import Counted, Progress
    from crsea_infer.support.arrays import Float64

__all__ = ["Walked", "growth", "r_hat", "walked_groups"]

_SCOUTS = 1024
_TRIED = 4


@dataclass(frozen=True)
class Walked:
    """Walkers at the end of their walk.

    Attributes
    ----------
    points
        In probit coordinates [k, n, d]; columns that the likelihood does not know of are 0.
    known
        The columns that it does.
    blocks
        Those of them that are drawn together.
    told
        Diagnostics.
    """

    points: Float64
    known: np.typing.NDArray[np.intp]
    blocks: Blocks
    told: dict[str, float]


def walked_groups(
    counted: Counted,
    shape: tuple[int, int],
    rounds: int,
    moves: int,
    generator: np.random.Generator,
    progress: Progress,
) -> Walked:
    """Walk over a posterior.

    Parameters
    ----------
    counted
        The target, with d parameters.
    shape
        Groups k and walkers n of each, an even number.
    rounds
        How often the blocks' mixtures are fitted.
    moves
        Of each kind in every round: by differences, and by fresh draws of each block and of what ties them together.
    generator
        Of random numbers.

    Raises
    ------
    UserError
        When no peak is found.
    """
    peaks, n_scouts = find_peaks(counted, _SCOUTS, generator)
    if not peaks:
        raise UserError(
            "no peak of the posterior of the training set was found",
            valid="a likelihood that is finite near its maximum",
            fix="use the sampler dynesty or smc",
        )
    k, n = shape
    mass = np.exp(np.array([peak.log_mass for peak in peaks]) - peaks[0].log_mass)
    chosen = generator.choice(len(peaks), p=mass / mass.sum(), size=k * n)
    points = np.concatenate([peak.draw(1, generator) for peak in (peaks[index] for index in chosen)])
    columns = known_parameters(counted.from_probit, points[: 2 * _TRIED])
    points[:, np.setdiff1d(np.arange(points.shape[1]), columns)] = 0.0
    blocks = blocks_of(counted.from_probit, points[:_TRIED], columns)
    points = points.reshape(k, n, -1)

    def log_target(at: Float64) -> tuple[Float64, ...]:
        flat = at.reshape(-1, at.shape[-1])
        return ((counted.from_probit(flat) + standard_normal_log_density(flat[:, columns])).reshape(at.shape[:2]),)

    values = log_target(points)
    kept: list[Float64] = []
    accepted: list[list[float]] = []
    for index in range(rounds if len(columns) else 0):
        fresh = [where_the_rest_says(points, block, generator) for block in blocks.blocks]
        if len(blocks.ties):
            fresh.append(taking_the_rest_along(points, blocks.ties, generator))
        for _ in range(moves):
            by_differences = difference_moves(points, values, columns, log_target, generator)
            accepted.append(
                [by_differences, *(fresh_moves(points, values, one, log_target, generator) for one in fresh)]
            )
        kept.append(points[..., columns].copy())
        progress((index + 1) / rounds, f"training set, round {index + 1} of {rounds}")
    late = np.stack(kept[len(kept) // 2 :]) if kept else points[None][..., :0]
    told = {
        "training_peaks": float(len(peaks)),
        "scouts": float(n_scouts),
        "training_blocks": float(len(blocks.blocks)),
        "training_accepted": float(np.mean(np.array(accepted)[:, 0])) if accepted else 1.0,
        "training_accepted_fresh": float(np.mean(np.array(accepted)[:, 1:])) if accepted else 1.0,
        "training_r_hat": r_hat(late) if kept else 1.0,
        "training_growth": growth(late) if kept else 0.0,
    }
    return Walked(points, columns, blocks, told)


def r_hat(points: Float64) -> float:
    """Return the largest R-hat of points [step, k, n, d], between both halves of the steps of every group.

    The variance of the mean of a coordinate between the 2 k halves is set against that within them.
    """
    half = len(points) // 2
    if half == 0:
        return math.inf
    halves = np.concatenate([points[:half], points[half : 2 * half]], axis=1)
    means, within = halves.mean(axis=(0, 2)), halves.var(axis=(0, 2)).mean(axis=0)
    return float(np.sqrt(1.0 + np.max(means.var(axis=0, ddof=1) / within)))


def growth(points: Float64) -> float:
    """Return by how much the widest change of width is, of a coordinate of points [step, k, n, d], between both halves.

    It is a share of the width; groups that all start too narrow have it in common, so that R-hat does not see it.
    """
    half = len(points) // 2
    if half == 0:
        return math.inf
    first, other = (part.std(axis=(0, 1, 2)) for part in (points[:half], points[half:]))
    return float(np.max(np.abs(np.log(other / first))))
