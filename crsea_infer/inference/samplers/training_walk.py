"""Walks over the posterior of a training set, and the moves that they are made of.

Walkers start where scouts find the peaks (see :mod:`crsea_infer.inference.samplers.scouts`), in the shares that heights
and curvatures give them: from the prior, an ensemble in thirty dimensions takes thousands of steps to get there.
They move by differences of each other (ter Braak 2006, Stat. Comput. 16, 239), in groups that know nothing of one
another. Only parameters that the training set knows of are walked in: the others keep their prior, whose draws cost
nothing. The start is narrower than the posterior, whose skirts they reach in some hundred steps, which do not count.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.samplers.mixtures import fit_mixture
from crsea_infer.inference.samplers.proposals import Proposal
from crsea_infer.inference.samplers.sampler import Counted, standard_normal_log_density
from crsea_infer.inference.samplers.scouts import find_peaks
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.support.arrays import Float64

__all__ = ["difference_moves", "fresh_moves", "known_parameters", "proposal_of", "r_hat", "walked_groups"]

_SCOUTS = 1024
_LENGTH = 0.7 * 2.38  # of differences, over the root of twice the dimensions; a sixth to a quarter is accepted
_JITTER = 0.3  # of its logarithm
_WHOLE = 0.05  # share of whole differences, from one peak to another
_BLUR = 1e-4
_TRIED = 8
_SHIFTS = (0.7, -1.1)  # of a probit coordinate
_KEPT_EVERY = 20
_COMPONENTS, _FREEDOM, _PRIOR_SHARE = 8, 8.0, 0.03
_MOST_FITTED = 2048


def known_parameters(counted: Counted, points: Float64) -> np.typing.NDArray[np.intp]:
    """Return the columns on which the likelihood depends, as seen at points [n, d] in probit coordinates."""
    before = counted.from_probit(points)
    known = []
    for column in range(points.shape[1]):
        for shift in _SHIFTS:
            moved = points.copy()
            moved[:, column] += shift
            if np.any(counted.from_probit(moved) != before):
                known.append(column)
                break
    return np.array(known, dtype=np.intp)


def difference_moves(
    points: Float64,
    values: tuple[Float64, ...],
    columns: np.typing.NDArray[np.intp],
    log_target: Callable[[Float64], tuple[Float64, ...]],
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
    log_target
        Of points [k, m, d]: ln of the target [k, m], and what else is to be kept of a point.
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
        accepted = np.log1p(-generator.random(size)) < new[0] - values[0][:, own]
        points[:, own][accepted] = proposed[accepted]
        for array, moved in zip(values, new, strict=True):
            array[:, own][accepted] = moved[accepted]
        taken += float(np.mean(accepted))
    return 0.5 * taken


def proposal_of(points: Float64, generator: np.random.Generator) -> Proposal:
    """Fit a mixture to points [..., d]."""
    flat = points.reshape(-1, points.shape[-1])
    few = flat[generator.permutation(len(flat))[:_MOST_FITTED]]
    return Proposal(fit_mixture(few, _COMPONENTS, _FREEDOM, generator), _PRIOR_SHARE)


def fresh_moves(
    points: Float64,
    values: tuple[Float64, ...],
    columns: np.typing.NDArray[np.intp],
    log_target: Callable[[Float64], tuple[Float64, ...]],
    proposal: Proposal,
    generator: np.random.Generator,
) -> float:
    """Offer every point a fresh draw of a proposal of the columns, as :func:`difference_moves`."""
    k, n, _ = points.shape
    proposed = points.copy()
    proposed[..., columns] = proposal.draw(k * n, generator).reshape(k, n, -1)
    new = log_target(proposed)
    there, here = (proposal.log_density(at[..., columns].reshape(k * n, -1)).reshape(k, n) for at in (proposed, points))
    accepted = np.log1p(-generator.random((k, n))) < new[0] - values[0] + here - there
    points[accepted] = proposed[accepted]
    for array, moved in zip(values, new, strict=True):
        array[accepted] = moved[accepted]
    return float(np.mean(accepted))


def walked_groups(
    counted: Counted,
    shape: tuple[int, int],
    steps: tuple[int, int],
    generator: np.random.Generator,
    progress: Progress,
) -> tuple[Float64, np.typing.NDArray[np.intp], dict[str, Any]]:
    """Walk over a posterior.

    Parameters
    ----------
    counted
        The target, with d parameters.
    shape
        Groups k and walkers of each.
    steps
        Until the walkers have spread out, and after that.
    generator
        Of random numbers.

    Returns
    -------
    points, columns, told
        Points [k, m, d] in probit coordinates, the columns that the likelihood knows of, and diagnostics; the other
        columns of the points are 0.

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
    columns = known_parameters(counted, points[:_TRIED])
    rest = np.setdiff1d(np.arange(points.shape[1]), columns)
    points[:, rest] = 0.0
    points = points.reshape(k, n, -1)

    def log_target(at: Float64) -> tuple[Float64, ...]:
        flat = at.reshape(-1, at.shape[-1])
        return ((counted.from_probit(flat) + standard_normal_log_density(flat[:, columns])).reshape(at.shape[:2]),)

    values = log_target(points)
    kept: list[Float64] = []
    accepted = 0.0
    total = sum(steps)
    for step in range(total if len(columns) else 0):
        accepted += difference_moves(points, values, columns, log_target, generator) / total
        after = step - steps[0]
        if after >= 0 and after % _KEPT_EVERY == _KEPT_EVERY - 1:
            kept.append(points.copy())
            progress(step / total, f"training set, step {step} of {total}")
    kept = kept or [points]
    told = {
        "training_peaks": float(len(peaks)),
        "scouts": float(n_scouts),
        "training_accepted": accepted,
        "training_r_hat": r_hat(np.stack(kept)[..., columns]) if len(columns) else 1.0,
    }
    return np.concatenate(kept, axis=1), columns, told


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
