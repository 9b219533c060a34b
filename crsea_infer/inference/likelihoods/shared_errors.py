"""A normal density of many data points whose errors are partly shared.

Some errors move several points together: a calibration, the norm of a background, the gas behind a stretch of sky. With
independent variances S (diagonal) and shared errors that change the data by u_k x_k, x_k ~ N(0, 1), the covariance is

    C = S + U U^T,      U = (u_1, u_2, ...),

and the sum over all x_k is done exactly (Woodbury 1950) with matrices of the size of the number of shared errors:

    r^T C^-1 r = r^T S^-1 r - v^T M^-1 v,   v = U^T S^-1 r,   M = 1 + U^T S^-1 U,   ln det C = ln det S + ln det M.

So no x_k has to be sampled. All functions take a leading batch axis and follow the array API of their input; U may
depend on the prediction, and its determinant is then part of the density.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Array

__all__ = ["log_density", "log_density_pointwise", "square"]


def square(xp: Any, residual: Array, variance: Array, shared: Array) -> Array:
    """Return r^T C^-1 r [...].

    Parameters
    ----------
    xp
        Array namespace.
    residual, variance
        r and the diagonal of S [..., n].
    shared
        U [..., n, k].
    """
    plain, change, _ = _parts(xp, residual, variance, shared)
    return xp.sum(plain, axis=-1) - change


def log_density(xp: Any, residual: Array, variance: Array, shared: Array) -> Array:
    """Return ln N(r; 0, C) [...]; parameters as for :func:`square`."""
    return xp.sum(log_density_pointwise(xp, residual, variance, shared), axis=-1)


def log_density_pointwise(xp: Any, residual: Array, variance: Array, shared: Array) -> Array:
    """Return one term per point [..., n] that sum to ln N(r; 0, C); what shared errors change is shared out evenly."""
    plain, change, log_determinant = _parts(xp, residual, variance, shared)
    terms = -0.5 * (plain + xp.log(2.0 * math.pi * variance))
    return terms + (0.5 * (change - log_determinant) / residual.shape[-1])[..., None]


def _parts(xp: Any, residual: Array, variance: Array, shared: Array) -> tuple[Array, Array, Array]:
    """Return r^2 / S [..., n], v^T M^-1 v [...] and ln det M [...]."""
    sigma = xp.sqrt(variance)
    pulls, columns = residual / sigma, shared / sigma[..., None]
    turned = xp.matrix_transpose(columns)
    products = xp.matmul(turned, columns)
    # a prediction that is no number has made the sum of squares one, too: no need for a determinant to complain
    matrix = xp.where(xp.isfinite(products), products, 0.0) + xp.eye(shared.shape[-1], dtype=columns.dtype)
    along = xp.matmul(turned, pulls[..., None])
    change = xp.sum(along * xp.linalg.solve(matrix, along), axis=(-2, -1))
    return pulls**2, change, xp.linalg.slogdet(matrix)[1]
