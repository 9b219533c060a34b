"""Exact Gaussian processes with a polynomial trend, for grids of few points.

With some hundreds of points a polynomial alone runs out of terms that can be determined. A Gaussian process on top of a
short polynomial trend (universal kriging) uses what the residuals of neighbouring points have in common. Each function
has its own length scale per parameter, found by restricted maximum likelihood, in which trend and amplitude drop out.

Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, chapters 2 and 5; leave-one-out residuals after
Dubrule 1983, Math. Geol. 15, 687.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from crsea_infer.emulator.spectra.polynomial_chaos import PolynomialChaos, Terms
from crsea_infer.support.arrays import Array, Float64, array_namespace

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GaussianProcess", "fit_gaussian_process"]

_LENGTH_BOUNDS: Final = (0.2, 100.0)  # in units of half the box
_NUGGET_BOUNDS: Final = (1e-10, 1e-2)  # variance of what no smooth function explains, relative to the amplitude


@dataclass(frozen=True)
class GaussianProcess:
    """The posterior mean of several Gaussian processes, each on a polynomial trend.

    Attributes
    ----------
    trend
        Polynomials of all functions.
    points
        Shape [n_parameters, n_points], in [-1, 1].
    lengths
        Length scales, shape [n_functions, n_parameters].
    weights
        Shape [n_functions, n_points].
    """

    trend: PolynomialChaos
    points: Float64
    lengths: Float64
    weights: Float64

    def __call__(self, unit: Array) -> Array:
        """Return the functions at points `unit` [n_parameters, n], shape [n_functions, n]."""
        xp = array_namespace(unit)
        rows = []
        for length, weight in zip(self.lengths, self.weights, strict=True):
            here = unit / xp.asarray(length[:, None], dtype=unit.dtype)
            there = xp.asarray(self.points / length[:, None], dtype=unit.dtype)
            squared = xp.sum(here**2, axis=0)[None, :] + xp.sum(there**2, axis=0)[:, None] - 2.0 * (there.T @ here)
            rows.append(xp.matmul(xp.asarray(weight, dtype=unit.dtype), xp.exp(-0.5 * squared)))
        return self.trend(unit) + xp.stack(rows, axis=0)

    def arrays(self) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[Any]]]:
        """Return what an emulator file must hold."""
        return {**self.trend.arrays(), "points": self.points, "lengths": self.lengths, "weights": self.weights}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[Any]]]) -> GaussianProcess:
        """Read back what :meth:`arrays` gave."""
        numbers = (np.asarray(arrays[name], dtype=float) for name in ("points", "lengths", "weights"))
        return cls(PolynomialChaos.from_arrays(arrays), *numbers)


@dataclass(frozen=True)
class _Solved:
    """One function at one set of length scales."""

    negative_log_likelihood: float
    gradient: Float64
    coefficients: Float64
    weights: Float64
    left_out: Float64


def _solve(log_scales: Float64, points: Float64, products: Float64, values: Float64) -> _Solved:
    """Restricted likelihood at natural-log length scales and nugget (last), its gradient, and the solution."""
    n, t = products.shape
    lengths, nugget = np.exp(log_scales[:-1]), np.exp(log_scales[-1])
    squared = (points[:, :, None] - points[:, None, :]) ** 2 / lengths[:, None, None] ** 2
    kernel = np.exp(-0.5 * squared.sum(axis=0))
    factor = cho_factor(kernel + nugget * np.eye(n), lower=True)
    inverse = np.asarray(cho_solve(factor, np.eye(n)))
    on_trend = inverse @ products
    trend_factor = cho_factor(products.T @ on_trend, lower=True)
    projected = inverse - on_trend @ np.asarray(cho_solve(trend_factor, on_trend.T))
    weights = projected @ values
    variance = max(float(values @ weights) / (n - t), 1e-300)
    log_determinants = 2.0 * np.log(np.diag(factor[0])).sum() + 2.0 * np.log(np.diag(trend_factor[0])).sum()
    sensitivity = projected - np.outer(weights, weights) / variance
    gradient = np.append(
        0.5 * np.tensordot(squared, sensitivity * kernel, axes=2), 0.5 * nugget * np.trace(sensitivity)
    )
    return _Solved(
        negative_log_likelihood=0.5 * ((n - t) * np.log(variance) + log_determinants),
        gradient=gradient,
        coefficients=np.asarray(cho_solve(trend_factor, on_trend.T @ values)),
        weights=weights,
        left_out=weights / np.maximum(np.diag(projected), 1e-300),
    )


def fit_gaussian_process(unit: Float64, values: Float64, terms: Terms) -> tuple[GaussianProcess, Float64]:
    """Fit one Gaussian process per function.

    Parameters
    ----------
    unit
        Points, shape [n_parameters, n].
    values
        Functions there, shape [n_functions, n].
    terms
        Polynomials of the trend, fewer than points.

    Returns
    -------
    tuple
        The processes, and their leave-one-out residuals at fixed length scales, shape [n_functions, n].
    """
    from scipy.optimize import minimize

    n_parameters = len(unit)
    products = terms(unit).T
    start = np.append(np.full(n_parameters, np.log(3.0)), np.log(1e-6))
    bounds = [tuple(np.log(_LENGTH_BOUNDS))] * n_parameters + [tuple(np.log(_NUGGET_BOUNDS))]
    lengths, weights, coefficients, left_out = [], [], [], []
    for row in values:
        scale = max(float(np.std(row)), 1e-300)

        def objective(log_scales: Float64, scaled: Float64 = row / scale) -> tuple[float, Float64]:
            try:
                solved = _solve(log_scales, unit, products, scaled)
            except np.linalg.LinAlgError:  # lengths so long that the points cannot be told apart
                return 1e25, np.zeros_like(log_scales)
            return solved.negative_log_likelihood, solved.gradient

        best = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
        start = np.asarray(best.x)  # neighbouring functions are alike
        solved = _solve(start, unit, products, row / scale)
        lengths.append(np.exp(start[:-1]))
        weights.append(solved.weights * scale)
        coefficients.append(solved.coefficients * scale)
        left_out.append(solved.left_out * scale)
    process = GaussianProcess(
        PolynomialChaos(terms, np.array(coefficients)), np.array(unit), np.array(lengths), np.array(weights)
    )
    return process, np.array(left_out)
