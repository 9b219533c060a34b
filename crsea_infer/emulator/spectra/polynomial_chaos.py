"""Sparse polynomial chaos: smooth functions of several parameters as few products of Legendre polynomials.

A function on the box [-1, 1]^d is expanded in products of orthonormal Legendre polynomials and fitted by least squares.
Which products matter is learned: starting from the constant and the linear terms, those neighbours of the terms in use
are added that the residual asks for (a downward-closed set, as a hyperbolic truncation is, but shaped by the function),
as long as the leave-one-out error falls. That error is exact and free: the residual over one minus the leverage.

Blatman and Sudret 2011, J. Comput. Phys. 230, 2345 (sparse chaos, leave-one-out error); Chkifa, Cohen and Schwab 2014,
Found. Comput. Math. 14, 601 (downward-closed sets).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from crsea_infer.support.arrays import Array, Float64, array_namespace

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GrowthSettings", "PolynomialChaos", "Terms", "fit_polynomial_chaos", "grow_terms", "legendre"]

_BLOCK: Final = 4096
"""Rows of the design matrix that are held at once: training takes any number of points."""

_PROMISE: Final = 1e-4
"""Weight of what a candidate's parts contribute, beside what the residual asks for."""

Indices = np.typing.NDArray[np.int64]


def legendre(unit: Array, degree: int) -> Array:
    """Return the Legendre polynomials of degree 0 to `degree`, orthonormal for points spread evenly over [-1, 1].

    Parameters
    ----------
    unit
        Shape [...].

    Returns
    -------
    Array
        Shape [degree + 1, ...].
    """
    xp = array_namespace(unit)
    polynomials = [xp.ones_like(unit), unit]
    for k in range(2, degree + 1):
        polynomials.append(((2 * k - 1) * unit * polynomials[-1] - (k - 1) * polynomials[-2]) / k)
    return xp.stack([float(np.sqrt(2 * k + 1)) * p for k, p in enumerate(polynomials[: degree + 1])], axis=0)


@dataclass(frozen=True)
class Terms:
    """A set of products of Legendre polynomials.

    Attributes
    ----------
    degrees
        Degree in each parameter, shape [n_terms, n_parameters], ordered by the number of parameters in a product.
    """

    degrees: Indices

    @classmethod
    def ordered(cls, degrees: Indices) -> Terms:
        """Sort products by the number of parameters they contain, which makes their evaluation regular."""
        return cls(degrees[np.argsort((degrees > 0).sum(axis=1), kind="stable")])

    def __len__(self) -> int:
        return len(self.degrees)

    def __call__(self, unit: Array) -> Array:
        """Return the products at points `unit` [n_parameters, n], shape [n_terms, n]."""
        xp = array_namespace(unit)
        top = max(int(self.degrees.max()), 1)
        polynomials = legendre(unit, top)  # [degree, parameter, point]
        flat = xp.reshape(polynomials, ((top + 1) * unit.shape[0], unit.shape[1]))
        order = (self.degrees > 0).sum(axis=1)
        groups = []
        for n_factors in range(int(order.max()) + 1):
            chosen = self.degrees[order == n_factors]
            if n_factors == 0:
                groups.append(xp.ones_like(flat[: len(chosen)]))
                continue
            parameter = np.nonzero(chosen)[1].reshape(-1, n_factors)
            rows = np.take_along_axis(chosen, parameter, axis=1) * unit.shape[0] + parameter
            product = xp.take(flat, xp.asarray(rows[:, 0]), axis=0)
            for factor in rows.T[1:]:
                product = product * xp.take(flat, xp.asarray(factor), axis=0)
            groups.append(product)
        return xp.concat(groups, axis=0)


@dataclass(frozen=True)
class PolynomialChaos:
    """A fitted expansion of several functions at once.

    Attributes
    ----------
    terms
        The products in use.
    coefficients
        Shape [n_functions, n_terms].
    """

    terms: Terms
    coefficients: Float64

    def __call__(self, unit: Array) -> Array:
        """Return the functions at points `unit` [n_parameters, n], shape [n_functions, n]."""
        xp = array_namespace(unit)
        return xp.matmul(xp.asarray(self.coefficients, dtype=unit.dtype), self.terms(unit))

    def arrays(self) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[Any]]]:
        """Return what an emulator file must hold."""
        return {"degrees": self.terms.degrees.astype(np.int16), "coefficients": self.coefficients}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[Any]]]) -> PolynomialChaos:
        """Read back what :meth:`arrays` gave."""
        return cls(Terms(arrays["degrees"].astype(np.int64)), np.asarray(arrays["coefficients"]))


def fit_polynomial_chaos(unit: Float64, values: Float64, terms: Terms) -> tuple[PolynomialChaos, Float64, Float64]:
    """Fit the coefficients of given terms by least squares.

    Parameters
    ----------
    unit
        Points, shape [n_parameters, n].
    values
        Functions there, shape [n_functions, n].
    terms
        Fewer than points.

    Returns
    -------
    tuple
        The expansion, its residuals and its leave-one-out residuals, both of shape [n_functions, n].
    """
    n_terms = len(terms)
    gram = np.zeros((n_terms, n_terms))
    projection = np.zeros((n_terms, len(values)))
    blocks = [slice(first, first + _BLOCK) for first in range(0, unit.shape[1], _BLOCK)]
    for block in blocks:
        products = terms(unit[:, block])
        gram += products @ products.T
        projection += products @ values[:, block].T
    # round-off only: points that are fewer than, or degenerate in, the terms must not end in a failed factorisation
    gram[np.diag_indices(n_terms)] *= 1.0 + 1e-13
    factor = cho_factor(gram, lower=True)
    coefficients = np.ascontiguousarray(np.asarray(cho_solve(factor, projection)).T)
    residuals = np.empty_like(values)
    left_out = np.empty_like(values)
    for block in blocks:
        products = terms(unit[:, block])
        leverage = np.sum(np.asarray(solve_triangular(factor[0], products, lower=True)) ** 2, axis=0)
        residuals[:, block] = values[:, block] - coefficients @ products
        left_out[:, block] = residuals[:, block] / np.maximum(1.0 - leverage, 1e-6)
    return PolynomialChaos(terms, coefficients), residuals, left_out


@dataclass(frozen=True)
class GrowthSettings:
    """How a set of terms grows.

    Attributes
    ----------
    max_terms
        Where growth ends at the latest.
    terms_per_point
        Terms never outnumber this fraction of the points.
    growth
        Terms added per round, as a fraction of those in use (and at least 20).
    max_order
        Largest number of parameters in one product.
    tolerance
        Growth ends when the root-mean-square leave-one-out error of the functions falls below.
    """

    max_terms: int = 1500
    terms_per_point: float = 0.75
    growth: float = 0.4
    max_order: int = 4
    tolerance: float = 0.0


def _neighbours(degrees: Indices, max_order: int) -> Indices:
    """Return the products one degree above those in use, all of whose parts are in use, shape [n, n_parameters]."""
    known = {tuple(row) for row in degrees.tolist()}
    found: set[tuple[int, ...]] = set()
    for row in known:
        for i in range(len(row)):
            candidate = (*row[:i], row[i] + 1, *row[i + 1 :])
            if candidate in known or candidate in found or sum(degree > 0 for degree in candidate) > max_order:
                continue
            below = ((*candidate[:j], d - 1, *candidate[j + 1 :]) for j, d in enumerate(candidate) if d > 0)
            if all(part in known for part in below):
                found.add(candidate)
    return np.array(sorted(found), dtype=np.int64).reshape(-1, degrees.shape[1])


def _promise(candidates: Indices, fitted: PolynomialChaos) -> Float64:
    """Return the strength of the weakest part of each candidate, shape [n_candidates].

    The residual of an odd function asks for no even term, yet only through x^4 lies the way to x^5.
    """
    strengths = np.sum(fitted.coefficients**2, axis=0).tolist()
    known = {tuple(row): value for row, value in zip(fitted.terms.degrees.tolist(), strengths, strict=True)}
    return np.array(
        [
            min(known[(*row[:j], d - 1, *row[j + 1 :])] for j, d in enumerate(row) if d > 0)
            for row in candidates.tolist()
        ]
    )


def grow_terms(unit: Float64, values: Float64, settings: GrowthSettings) -> list[tuple[Terms, float]]:
    """Grow a set of terms and return every stage of it with its leave-one-out error.

    Parameters
    ----------
    unit
        Points, shape [n_parameters, n].
    values
        Functions there, shape [n_functions, n]; the errors of all count alike, so scale them as they matter.
    settings
        Limits.

    Returns
    -------
    list
        (terms, root-mean-square leave-one-out error summed over the functions) of each stage, smallest first.
    """
    n_parameters, n_points = unit.shape
    limit = max(1, min(settings.max_terms, int(settings.terms_per_point * n_points)))
    degrees = np.concatenate([np.zeros((1, n_parameters), np.int64), np.eye(n_parameters, dtype=np.int64)])[:limit]
    stages: list[tuple[Terms, float]] = []
    rounds_without_gain = 0
    while True:
        terms = Terms.ordered(degrees)
        fitted, residuals, left_out = fit_polynomial_chaos(unit, values, terms)
        error = float(np.sqrt(np.mean(np.sum(left_out**2, axis=0))))
        rounds_without_gain = 0 if not stages or error < 0.98 * min(e for _, e in stages) else rounds_without_gain + 1
        stages.append((terms, error))
        room = limit - len(degrees)
        if room <= 0 or rounds_without_gain >= 2 or error < settings.tolerance:
            return stages
        candidates = Terms.ordered(_neighbours(degrees, settings.max_order))
        if len(candidates) == 0:
            return stages
        asked_for = np.zeros((len(candidates), len(values)))
        for first in range(0, n_points, _BLOCK):
            block = slice(first, first + _BLOCK)
            asked_for += candidates(unit[:, block]) @ residuals[:, block].T
        wanted = np.sum((asked_for / n_points) ** 2, axis=1) + _PROMISE * _promise(candidates.degrees, fitted)
        best = np.argsort(-wanted, kind="stable")
        n_new = min(room, max(20, int(settings.growth * len(degrees))))
        degrees = np.concatenate([degrees, candidates.degrees[best[:n_new]]])
