"""Polynomial interpolation between fixed nodes, as a matrix.

The barycentric formula of Berrut and Trefethen 2004 (SIAM Review 46, 501). The function of scipy of that name orders
its nodes at random, so that two calls differ in the last digits, which nested sampling turns into different chains;
this one gives the same bits every time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["interpolation_matrix"]


def interpolation_matrix(nodes: Float64, points: Float64) -> Float64:
    """Return the matrix that takes values at the nodes to the values of their polynomial at the points.

    Parameters
    ----------
    nodes
        Distinct, shape [node]; Chebyshev-like for more than a few, or the polynomial oscillates.
    points
        Shape [point].

    Returns
    -------
    Float64
        Shape [point, node].
    """
    scale = 4.0 / (nodes.max() - nodes.min()) if nodes.size > 1 else 1.0
    differences = scale * (nodes[:, None] - nodes)
    np.fill_diagonal(differences, 1.0)
    weights = 1.0 / differences.prod(axis=1)
    away = np.asarray(points)[:, None] - nodes
    on_node = away == 0.0
    terms = weights / np.where(on_node, 1.0, away)
    matrix = terms / terms.sum(axis=1, keepdims=True)
    return np.asarray(np.where(on_node.any(axis=1, keepdims=True), on_node.astype(float), matrix))
