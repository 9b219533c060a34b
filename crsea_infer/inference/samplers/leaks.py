"""Does the posterior of nautilus stay where nautilus says that it is?

A bound that is drawn around few live points may cut off a part of the posterior, such as the very corner of a prior in
which it peaks. What is cut off belongs to an outer shell, which is large and gets so few draws that none of them falls
there: ln Z is too low, and neither its error nor the tail of the weights tells. Steps that keep the posterior do:
samples that walk on must be found in each shell as often as its share of the evidence says. Where they leave for shells
that hold nothing, something is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.support.arrays import Float64

__all__ = ["leaked_share"]

_WALKERS = 400
_STEPS = 8
_OUTER = 0.01  # share of the evidence in the shells that are called empty here
_FEWEST = 8  # walkers there, beyond which it is no chance


def leaked_share(sampler: Any, log_likelihood: Callable[[Float64], Float64], generator: np.random.Generator) -> float:
    """Return the share of the posterior that walks find in shells that are said to be empty, or 0.

    Parameters
    ----------
    sampler
        A nautilus sampler that has explored.
    log_likelihood
        ln L [n] of points [n, d] of its unit cube.
    generator
        For the choice of samples and for their steps.
    """
    points, log_weights, values = (np.asarray(part) for part in sampler.posterior())
    weights = np.exp(log_weights - np.max(log_weights))
    chosen = generator.choice(len(points), _WALKERS, p=weights / np.sum(weights))
    points, values = points[chosen].copy(), values[chosen].copy()
    pool = points.copy()
    n_dimensions = points.shape[1]
    for step in range(_STEPS):
        # Differences of samples, in turn of full and of half the length that suits a normal.
        length = 2.38 / np.sqrt(2.0 * n_dimensions) * (1.0 if step % 2 else 0.5)
        first = generator.integers(_WALKERS, size=_WALKERS)
        second = (first + generator.integers(1, _WALKERS, size=_WALKERS)) % _WALKERS
        proposed = points + length * (pool[first] - pool[second])
        inside = np.flatnonzero(np.all((proposed > 0.0) & (proposed < 1.0), axis=1))
        threshold = values - generator.exponential(size=_WALKERS)
        tried = np.full(_WALKERS, -np.inf)
        tried[inside] = log_likelihood(proposed[inside])
        accepted = tried > threshold
        points[accepted], values[accepted] = proposed[accepted], tried[accepted]
    log_z = np.asarray(sampler.shell_log_l) + np.asarray(sampler.shell_log_v)
    log_z = np.where(np.isnan(log_z), -np.inf, log_z)
    share = np.exp(log_z - np.logaddexp.reduce(log_z))
    order = np.argsort(share)
    empty = order[np.cumsum(share[order]) <= _OUTER]
    found = int(np.sum(np.isin(sampler.shell_association(points), empty)))
    return found / _WALKERS if found > _FEWEST + _OUTER * _WALKERS else 0.0
