"""Walks over the posterior of a training set, until nothing is left of where they started.

Walkers start where scouts find the peaks (see :mod:`crsea_infer.inference.samplers.scouts`), in the shares that heights
and curvatures give them: from the prior, an ensemble in thirty dimensions takes thousands of steps to get there. Such a
start is narrower than the posterior where this has skirts, as where a slope is free because its two breaks are near
each other, and walkers reach these late. So they start at a small power of the likelihood, where there is less to
climb, and come to its full power by weights, as particles do (:mod:`crsea_infer.inference.samplers.temperatures`). They
move by differences of each other, and draw blocks of coordinates anew by mixtures that are fitted again in every round
(see :mod:`crsea_infer.inference.samplers.block_moves` and, for the blocks,
:mod:`crsea_infer.inference.samplers.interactions`). How much wider they still become at the end is measured: groups
that all start alike do not show it otherwise. Only parameters that the training set knows of are walked in: the others
keep their prior, whose draws cost nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.inference.samplers.block_moves import round_of_moves
from crsea_infer.inference.samplers.interactions import blocks_of, known_parameters
from crsea_infer.inference.samplers.sampler import standard_normal_log_density
from crsea_infer.inference.samplers.scouts import find_peaks
from crsea_infer.inference.samplers.temperatures import risen
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.interactions import Blocks
    from crsea_infer.inference.samplers.sampler import Counted, Progress
    from crsea_infer.inference.samplers.scouts import Peak
    from crsea_infer.support.arrays import Float64

__all__ = ["IMPOSSIBLE", "Walked", "growth", "r_hat", "walked_groups"]

IMPOSSIBLE: Final = -1e12
"""ln L where the model does not hold, so that no weight is a difference of infinities."""

_SCOUTS = 1024
_TRIED = 4
_FIRST_POWER = 1.0 / 16.0
_ROUNDS_BEFORE = 3  # at the first power
_SHARE = 0.5  # of walkers that are effective after a rise


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
        Of moves at the full power of the likelihood.
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
    points = _started(peaks, k * n, generator)
    columns = known_parameters(counted.from_probit, points[: 2 * _TRIED])
    points[:, np.setdiff1d(np.arange(points.shape[1]), columns)] = 0.0
    blocks = blocks_of(counted.from_probit, points[:_TRIED], columns)
    walk = _Walk(counted, points.reshape(k, n, -1), columns, blocks, generator)
    rises = 0
    for _ in range(_ROUNDS_BEFORE if len(columns) else 0):
        walk.move(moves)
    while not walk.arrived:
        walk.rise(_SHARE)
        walk.move(moves)
        rises += 1
        progress(0.5 * float(np.min(walk.powers)), f"training set, power {np.min(walk.powers):.2g} of the likelihood")
    kept: list[Float64] = []
    for index in range(rounds if len(columns) else 0):
        walk.move(moves)
        kept.append(walk.points[..., columns].copy())
        progress(0.5 + 0.5 * (index + 1) / rounds, f"training set, round {index + 1} of {rounds}")
    late = np.stack(kept) if kept else points[None, None, :, :0]
    accepted = np.array(walk.accepted) if walk.accepted else np.ones((1, 2))
    told = {
        "training_peaks": float(len(peaks)),
        "scouts": float(n_scouts),
        "training_blocks": float(len(blocks.blocks)),
        "training_rises": float(rises),
        "training_accepted": float(np.mean(accepted[:, 0])),
        "training_accepted_fresh": float(np.mean(accepted[:, 1:])),
        "training_r_hat": r_hat(late) if kept else 1.0,
        "training_growth": growth(late) if kept else 0.0,
    }
    return Walked(walk.points, columns, blocks, told)


def _started(peaks: tuple[Peak, ...], n: int, generator: np.random.Generator) -> Float64:
    """Draw points [n, d] from the normals that peaks would be at the first power of the likelihood."""
    d = len(peaks[0].centre)
    log_masses, factors = [], []
    for peak in peaks:
        curvature = np.linalg.inv(peak.factor @ peak.factor.T) - np.eye(d)  # of the likelihood alone
        values, axes = np.linalg.eigh(curvature)
        widths = 1.0 / np.sqrt(1.0 + _FIRST_POWER * np.maximum(values, 0.0))
        factors.append(axes * widths)
        height = peak.log_mass - 0.5 * d * math.log(2.0 * math.pi) - float(np.sum(np.log(np.diagonal(peak.factor))))
        prior = float(standard_normal_log_density(peak.centre[None])[0])
        log_masses.append(_FIRST_POWER * (height - prior) + prior + float(np.sum(np.log(widths))))
    mass = np.exp(np.array(log_masses) - max(log_masses))
    chosen = generator.choice(len(peaks), p=mass / mass.sum(), size=n)
    normal = generator.standard_normal((n, d))
    return np.stack([peaks[i].centre + factors[i] @ one for i, one in zip(chosen, normal, strict=True)])


class _Walk:
    """Walkers of k groups, at a power of the likelihood of each group."""

    def __init__(
        self,
        counted: Counted,
        points: Float64,
        columns: np.typing.NDArray[np.intp],
        blocks: Blocks,
        generator: np.random.Generator,
    ) -> None:
        self.counted, self.points, self.columns, self.blocks = counted, points, columns, blocks
        self.generator = generator
        self.powers = np.full(len(points), _FIRST_POWER if len(columns) else 1.0)
        self.values = self._log_likelihood(points)
        self.accepted: list[list[float]] = []

    @property
    def arrived(self) -> bool:
        """Whether all groups are at the full power."""
        return bool(np.all(self.powers >= 1.0))

    def rise(self, share: float) -> None:
        """Raise the powers as far as leaves a share of the walkers effective, and copy them by their weights."""
        after, chosen = risen(self.values, self.powers, share, self.generator)
        self.points = np.take_along_axis(self.points, chosen[..., None], axis=1)
        self.values = np.take_along_axis(self.values, chosen, axis=1)
        self.powers = after

    def move(self, moves: int) -> None:
        """Move the walkers at their powers."""

        def log_target(at: Float64) -> tuple[Float64, ...]:
            values = self._log_likelihood(at)
            return self.powers[:, None] * values + self._log_prior(at), values

        now = (self.powers[:, None] * self.values + self._log_prior(self.points), self.values)
        within = (self.columns, self.blocks.blocks, self.blocks.ties)
        self.accepted += round_of_moves(self.points, now, within, log_target, moves, self.generator)

    def _log_prior(self, at: Float64) -> Float64:
        return standard_normal_log_density(at.reshape(-1, at.shape[-1])[:, self.columns]).reshape(at.shape[:2])

    def _log_likelihood(self, at: Float64) -> Float64:
        values = self.counted.from_probit(at.reshape(-1, at.shape[-1])).reshape(at.shape[:2])
        return np.asarray(np.maximum(values, IMPOSSIBLE))


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
