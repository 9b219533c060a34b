"""The best nuisances of a data set for a given prediction.

Reports quote chi2 at the nuisances that make it least, that is at the minimum of

    f(nu) = sum_i phi_i(mu_i(nu)) + sum_k ((nu_k - c_k) / w_k)^2 / 2,

where phi_i is convex in the prediction mu_i (a squared pull, an upper limit, a Poisson deviance) and mu_i is linear in
the nuisances, or nearly so. A few projected Newton steps (Bertsekas 1982, SIAM J. Control Optim. 20, 221) find it, also
when a nuisance is held by its lower bound. All points of a batch go together, with a fixed number of steps, so that the
array libraries that trace a function can run it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from crsea_infer.support.arrays import Array, array_namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.hypotheses.prior_sets import Parameter

__all__ = ["Cost", "minimise", "pull_of"]

_STEPS = 25
_FRACTIONS = (1.0, 0.5, 0.2, 0.05, 0.01)


class Cost(Protocol):
    """What the data say about nuisances [..., k], with derivatives with respect to the predictions [..., n]."""

    def __call__(self, nuisances: Array) -> tuple[Array, Array, Array, Array]:
        """Return phi, its first and second derivative in mu [..., n], and d mu / d nu [..., n, k]."""


def pull_of(nuisances: Sequence[Parameter], values: Sequence[Array]) -> Array:
    """Return the sum of ((nu_k - c_k) / w_k)^2 [...] of normal nuisances."""
    return sum(
        ((value - nuisance.distribution.location) / nuisance.distribution.scale) ** 2
        for nuisance, value in zip(nuisances, values, strict=True)
    )


def minimise(cost: Cost, nuisances: Sequence[Parameter], like: Array) -> Array:
    """Return the nuisances [..., k] that minimise f of the module's formula.

    Parameters
    ----------
    cost
        The data's part.
    nuisances
        Their priors: normal, possibly with a lower bound.
    like
        An array of the batch shape [...], whose library is used.
    """
    xp = array_namespace(like)
    centre, width, lower = (
        xp.asarray(np.array([getattr(nuisance.distribution, name) for nuisance in nuisances]))
        for name in ("location", "scale", "lower")
    )
    identity = xp.asarray(np.eye(len(nuisances)))
    point = centre + xp.zeros_like(like)[..., None]

    def value(at: Array) -> Array:
        return xp.sum(cost(at)[0], axis=-1) + 0.5 * xp.sum(((at - centre) / width) ** 2, axis=-1)

    best = value(point)
    for _ in range(_STEPS):
        _, slope, curvature, design = cost(point)
        gradient = xp.sum(slope[..., None] * design, axis=-2) + (point - centre) / width**2
        weighted = xp.matrix_transpose(curvature[..., None] * design)
        hessian = xp.matmul(weighted, design) + identity / width**2
        held = (point <= lower) & (gradient > 0)
        free = xp.where(held, 0.0, 1.0)
        hessian = hessian * free[..., None] * free[..., None, :] + identity * xp.where(held, 1.0, 0.0)[..., None]
        step = xp.linalg.solve(hessian, (gradient * free)[..., None])[..., 0]
        for fraction in _FRACTIONS:
            trial = xp.maximum(point - fraction * step, lower)
            reached = value(trial)
            better = reached < best
            point = xp.where(better[..., None], trial, point)
            best = xp.where(better, reached, best)
        if _has_converged(xp, step, width):
            break
    return point


def _has_converged(xp: Any, step: Array, width: Array) -> bool:
    """Return whether no step matters any more; traced arrays have no values to look at and take all the steps."""
    return xp is np and bool(np.all(np.abs(step) < 1e-12 * width))
