"""Interpolation matrices: exact for polynomials, exact at nodes, the same bits every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsea_infer.physics.interpolation import interpolation_matrix


@given(n=st.integers(1, 16), low=st.floats(-5, 5), width=st.floats(0.1, 50))
def test_polynomials_are_reproduced(n: int, low: float, width: float) -> None:
    unit = -np.cos(np.pi * (np.arange(n) + 0.5) / n)
    nodes = low + width * (unit + 1) / 2
    inside = np.linspace(-1.0, 1.0, 31)
    coefficients = np.linspace(1.0, -0.5, n)
    values = np.polynomial.chebyshev.chebval(unit, coefficients)
    expected = np.polynomial.chebyshev.chebval(inside, coefficients)
    assert interpolation_matrix(nodes, low + width * (inside + 1) / 2) @ values == pytest.approx(expected, abs=1e-9)


def test_nodes_give_themselves() -> None:
    nodes = np.array([0.0, 0.3, 1.0])
    assert np.array_equal(interpolation_matrix(nodes, nodes[::-1]), np.eye(3)[::-1])


def test_the_bits_are_always_the_same() -> None:
    nodes, points = np.sort(np.cos(np.arange(12.0))), np.linspace(-1, 1, 50)
    first = interpolation_matrix(nodes, points)
    assert all(np.array_equal(first, interpolation_matrix(nodes, points)) for _ in range(10))
