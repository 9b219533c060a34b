"""Matrices that are applied to every point of a batch, as products of two smaller ones where they have few shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["compressed"]


def compressed(matrix: Float64, sizes: Float64, left_out: float) -> tuple[Float64, Float64]:
    """Return a matrix [n, m] as a product [n, rank] times [rank, m].

    Parameters
    ----------
    matrix
        To be multiplied from the left.
    sizes
        How large what it is multiplied with is [n], within factors.
    left_out
        Singular values below this fraction of the largest are left out: the error beside the largest product.
    """
    largest = np.abs(sizes[:, None] * matrix).max(axis=0)
    scale = np.where(largest > 0.0, largest, 1.0)
    left, singular, right = np.linalg.svd(sizes[:, None] * matrix / scale, full_matrices=False)
    kept = max(1, int(np.sum(singular > left_out * singular[0])))
    first = left[:, :kept] * singular[:kept] / sizes[:, None]
    return np.ascontiguousarray(first), np.ascontiguousarray(right[:kept] * scale)
