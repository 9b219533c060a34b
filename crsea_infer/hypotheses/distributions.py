"""Prior distributions of single parameters, and the product of many.

A prior is a map from the unit cube to physical parameters, as nested samplers want it, and a normalised density, as
importance sampling wants it. Four shapes cover what spectra and transport need: uniform, log-uniform, normal and
log-normal, the last two optionally truncated. All four are one formula, a uniform or a normal in x or in ln x, so the
product of n of them is evaluated with a handful of array operations whatever n is. Written against the array API: NumPy
and JAX both run it.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import special

from crsea_infer.support.arrays import Array, Float64, array_namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Distribution",
    "Product",
    "categorical",
    "fixed",
    "log_normal",
    "log_uniform",
    "normal",
    "rescaled",
    "special_functions",
    "uniform",
]

_SMALLEST = 2.0**-54
"""Probability nearest to 0 or 1 that is told apart from them: 8.3 standard deviations. Keeps u = 0 and u = 1 finite."""


_FARTHEST = 8.5
"""Standard deviations beyond which no draw falls."""

_LARGEST_LOG = 708.0
"""exp(x) and exp(-x) are numbers of full precision up to here."""


def special_functions(namespace: Any) -> Any:
    """Return the module with `ndtr`, `ndtri` and `log_ndtr` for arrays of `namespace`: SciPy's, or JAX's twin of it."""
    if namespace is not np and getattr(namespace, "__name__", "").startswith("jax"):
        return importlib.import_module("jax.scipy.special")
    return special


@dataclass(frozen=True)
class Distribution:
    """One parameter's prior: a uniform or a (truncated) normal in x, or in ln x.

    Made by :func:`uniform`, :func:`log_uniform`, :func:`normal`, :func:`log_normal` and :func:`fixed`, which check
    their arguments.

    Attributes
    ----------
    kind
        As in the prior set file: "fixed", "uniform", "log_uniform", "normal", "log_normal"; or "categorical", of the
        number of a variant.
    location, scale
        Mean (or ln median) and standard deviation of the normal in x (or ln x); unused otherwise.
    lower, upper
        The support in x; infinite where there is no bound. A fixed parameter has lower = upper = its value.
    weights
        Probabilities of the whole numbers 1 to n, for "categorical".
    """

    kind: Literal["fixed", "uniform", "log_uniform", "normal", "log_normal", "categorical"]
    lower: float
    upper: float
    location: float = 0.0
    scale: float = 1.0
    weights: tuple[float, ...] = ()

    @property
    def is_fixed(self) -> bool:
        """True when the parameter has one value only."""
        return self.kind == "fixed"

    @property
    def is_logarithmic(self) -> bool:
        """True when the formula holds in ln x."""
        return self.kind in {"log_uniform", "log_normal"}

    @property
    def is_normal(self) -> bool:
        """True when x or ln x is a (truncated) normal."""
        return self.kind in {"normal", "log_normal"}

    def contains(self, value: float) -> bool:
        """Return whether `value` lies in the support."""
        return self.lower <= value <= self.upper

    def prior_transform(self, unit: Array) -> Array:
        """Map u [...] in [0, 1] to x [...], increasing."""
        return Product((self,)).prior_transform(unit[..., None])[..., 0]

    def log_pdf(self, x: Array) -> Array:
        """Return the natural log of the normalised density at x [...]; -inf outside the support."""
        return Product((self,)).log_pdf(x[..., None])

    def describe(self) -> str:
        """Return the distribution in words, as tables show it."""
        if self.kind == "fixed":
            return f"fixed at {self.lower:g}"
        if self.kind == "categorical":
            return f"whole number from 1 to {self.upper:g}, weights {' '.join(f'{w:.3g}' for w in self.weights)}"
        if not self.is_normal:
            name = "uniform" if self.kind == "uniform" else "log-uniform"
            return f"{name} {self.lower:g} to {self.upper:g}"
        if self.kind == "normal":
            text, bounds = f"normal {self.location:g} +- {self.scale:g}", (-math.inf, math.inf)
        else:
            width = (
                f"{100 * math.expm1(self.scale):.3g} %"
                if self.scale < math.log(1.5) and not _is_round(self.scale / math.log(10))
                else f"{self.scale / math.log(10):.3g} dex"
            )
            text, bounds = f"log-normal {math.exp(self.location):g} +- {width}", (0.0, math.inf)
        if (self.lower, self.upper) != bounds:
            text += f", from {self.lower:g} to {self.upper:g}"
        return text


def _is_round(value: float) -> bool:
    return abs(value - round(value, 2)) < 1e-9


def fixed(value: float) -> Distribution:
    """Return the distribution of a parameter that does not vary."""
    return Distribution("fixed", value, value)


def categorical(weights: Sequence[float]) -> Distribution:
    """Return the distribution of a whole number from 1 to n, with n probabilities in the ratio of the weights."""
    if not weights or not all(math.isfinite(weight) and weight > 0 for weight in weights):
        raise ValueError(f"weights {list(weights)}, but they must be finite numbers above 0")
    total = math.fsum(weights)
    return Distribution("categorical", 1.0, float(len(weights)), weights=tuple(one / total for one in weights))


def uniform(lower: float, upper: float) -> Distribution:
    """Return p(x) = 1 / (upper - lower). Raises ValueError unless lower < upper, and the difference is a number."""
    _check_bounds(lower, upper)
    if not math.isfinite(upper - lower):
        raise ValueError(f"lower = {lower:g} and upper = {upper:g}, but their difference must be a finite number")
    return Distribution("uniform", lower, upper)


def log_uniform(lower: float, upper: float) -> Distribution:
    """Return p(x) = 1 / (x ln(upper / lower)). Raises ValueError unless 0 < lower < upper, both numbers."""
    _check_bounds(lower, upper)
    if not math.isfinite(upper):
        raise ValueError(f"upper = {upper:g}, but a log-uniform distribution ends at a finite number")
    if lower <= 0:
        raise ValueError(f"lower = {lower:g}, but a log-uniform distribution needs 0 < lower")
    return Distribution("log_uniform", lower, upper)


def normal(mean: float, standard_deviation: float, lower: float = -math.inf, upper: float = math.inf) -> Distribution:
    """Return a normal, truncated to [lower, upper] and renormalised.

    Raises ValueError when the width is not positive, the bounds are not in order, the truncation leaves less than 1e-12
    of the normal, or the normal reaches beyond what a number can hold.
    """
    if standard_deviation <= 0:
        raise ValueError(f"standard_deviation = {standard_deviation:g}, but it must be above 0")
    _check_bounds(lower, upper)
    first, last = _reach(mean, standard_deviation, lower, upper)
    if not math.isfinite(last - first):
        raise ValueError(f"mean = {mean:g} and standard_deviation = {standard_deviation:g} reach beyond all numbers")
    _check_mass((lower - mean) / standard_deviation, (upper - mean) / standard_deviation)
    return Distribution("normal", lower, upper, mean, standard_deviation)


def log_normal(
    median: float,
    *,
    fraction: float | None = None,
    dex: float | None = None,
    lower: float = 0.0,
    upper: float = math.inf,
) -> Distribution:
    """Return a normal in ln x around ln(median), truncated to [lower, upper] in x and renormalised.

    The width is one of two: `fraction` f means that one standard deviation multiplies by 1 + f (the standard deviation
    of ln x is ln(1 + f)); `dex` d means that it multiplies by 10^d.

    Raises ValueError when the median or width is not positive, when not exactly one width is given, or on bounds as in
    :func:`normal`.
    """
    if median <= 0:
        raise ValueError(f"median = {median:g}, but it must be above 0")
    if (fraction is None) == (dex is None):
        raise ValueError("a log-normal distribution takes exactly one of the widths 'fraction' and 'dex'")
    width = math.log1p(fraction) if fraction is not None and fraction > -1 else (dex or 0.0) * math.log(10)
    if not 0 < width < math.inf:
        raise ValueError(f"{_width_text(fraction, dex)} must be a finite number above 0")
    if lower < 0:
        raise ValueError(f"lower = {lower:g}, but a log-normal distribution has no values below 0")
    _check_bounds(lower, upper)
    centre = math.log(median)
    _check_mass((_log(lower) - centre) / width, (_log(upper) - centre) / width)
    first, last = _reach(centre, width, _log(lower), _log(upper))
    if not (first >= -_LARGEST_LOG and last <= _LARGEST_LOG):
        raise ValueError(f"median = {median:g} and {_width_text(fraction, dex)} reach beyond all numbers")
    return Distribution("log_normal", lower, upper, centre, width)


def rescaled(distribution: Distribution, scale: float) -> Distribution:
    """Return a (truncated) normal, in x or in ln x, with another width; raises ValueError as :func:`normal`."""
    first, last = distribution.lower, distribution.upper
    if distribution.is_logarithmic:
        first, last = _log(first), _log(last)
    _check_mass((first - distribution.location) / scale, (last - distribution.location) / scale)
    return replace(distribution, scale=scale)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def _width_text(fraction: float | None, dex: float | None) -> str:
    return f"fraction = {fraction:g}" if dex is None else f"dex = {dex:g}"


def _reach(centre: float, width: float, lower: float, upper: float) -> tuple[float, float]:
    """Return between which values a truncated normal has all its draws: see _SMALLEST."""
    return max(lower, centre - _FARTHEST * width), min(upper, centre + _FARTHEST * width)


def _check_bounds(lower: float, upper: float) -> None:
    if not lower < upper:
        raise ValueError(f"lower = {lower:g} and upper = {upper:g}, but lower must be below upper")


def _check_mass(lower: float, upper: float) -> None:
    if _interval_mass(lower, upper) < 1e-12:
        raise ValueError("the bounds lie so far out that the normal has no weight between them")


def _interval_mass(lower: float, upper: float) -> float:
    """Return the probability of a standard normal between two bounds, without cancellation in either tail."""
    if lower > 0:
        lower, upper = -upper, -lower
    return float(special.ndtr(upper) - special.ndtr(lower))


@dataclass(frozen=True)
class Product:
    """Independent distributions side by side: the prior of a parameter vector theta [..., n].

    Attributes
    ----------
    distributions
        One for each of the n parameters; none of them fixed.
    """

    distributions: tuple[Distribution, ...]
    _columns: _Columns = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if any(distribution.is_fixed for distribution in self.distributions):
            raise ValueError("a fixed parameter is not part of a prior to sample from")
        object.__setattr__(self, "_columns", _Columns.of(self.distributions))

    def prior_transform(self, unit: Array) -> Array:
        """Map the unit cube u [..., n] to theta [..., n]; finite on its faces too.

        The quantile of a truncated normal is taken from the tail it lies in, so both tails keep full precision.
        """
        xp = array_namespace(unit)
        c = self._columns
        ndtri = special_functions(xp).ndtri
        below = xp.clip(unit, _SMALLEST, 1.0)
        above = xp.clip(1.0 - unit, _SMALLEST, 1.0)
        from_left = c.mass_below + below * c.mass
        from_right = c.mass_above + above * c.mass
        is_left = from_left < from_right
        tail = ndtri(xp.where(is_left, from_left, from_right))
        quantile = xp.where(is_left, tail, -tail)
        linear = xp.where(c.is_normal, c.location + c.scale * quantile, c.start + unit * c.width)
        theta = xp.where(c.is_logarithmic, xp.exp(xp.where(c.is_logarithmic, linear, 0.0)), linear)
        for column, weights in self._categorical.items():
            ends = xp.asarray(np.cumsum(weights)[:-1])
            number = 1.0 + xp.sum(xp.where(unit[..., column, None] > ends, 1.0, 0.0), axis=-1)
            theta = xp.where(xp.asarray(np.arange(theta.shape[-1]) == column), number[..., None], theta)
        return xp.clip(theta, c.lower, c.upper)  # exp(ln(upper)) may round to just above upper

    def log_pdf(self, theta: Array) -> Array:
        """Return ln p(theta) [...] of theta [..., n], normalised; -inf outside the support."""
        xp = array_namespace(theta)
        c = self._columns
        inside = (theta >= c.lower) & (theta <= c.upper) & ((theta > 0.0) | ~c.is_logarithmic)
        log_theta = xp.log(xp.where(c.is_logarithmic & inside, theta, 1.0))
        linear = xp.where(c.is_logarithmic, log_theta, theta)
        quadratic = xp.where(c.is_normal, -0.5 * ((linear - c.location) / c.scale) ** 2, 0.0)
        terms = c.log_norm + quadratic - log_theta  # the last is ln |d ln x / dx|, and 0 for the linear ones
        found = xp.sum(xp.where(inside, terms, -np.inf), axis=-1)
        for column, weights in self._categorical.items():
            is_one = xp.round(theta[..., column, None]) == xp.asarray(np.arange(1.0, len(weights) + 1.0))
            found = found + xp.sum(xp.where(is_one, xp.asarray(np.log(weights)), 0.0), axis=-1)
        return found

    @cached_property
    def _categorical(self) -> dict[int, Float64]:
        """Weights of whole numbers, by column; their share of the formulas of the others is nothing."""
        return {
            column: np.asarray(one.weights)
            for column, one in enumerate(self.distributions)
            if one.kind == "categorical"
        }

    def to_probit(self, theta: Float64) -> Float64:
        """Map theta [..., n] of the support to the coordinates [..., n] in which this prior is a standard normal.

        The inverse of the prior transform of Phi(z), from the tail in which a point lies; infinite on the bounds.
        """
        c = self._columns
        linear = np.where(c.is_logarithmic, np.log(np.where(c.is_logarithmic, theta, 1.0)), theta)
        quantile = (linear - c.location) / c.scale
        share = (linear - c.start) / np.where(c.is_normal, 1.0, c.width)
        below = np.where(c.is_normal, (special.ndtr(quantile) - c.mass_below) / c.mass, share)
        above = np.where(c.is_normal, (special.ndtr(-quantile) - c.mass_above) / c.mass, 1.0 - share)
        is_left = below < above
        tail = special.ndtri(np.clip(np.where(is_left, below, above), 0.0, 1.0))
        return np.asarray(np.where(is_left, tail, -tail))

    @cached_property
    def lower(self) -> Float64:
        """Lower end of the support of each parameter [n]."""
        return self._columns.lower

    @cached_property
    def upper(self) -> Float64:
        """Upper end of the support of each parameter [n]."""
        return self._columns.upper


@dataclass(frozen=True)
class _Columns:
    """The distributions as arrays [n], in the form the formulas use."""

    is_normal: np.typing.NDArray[np.bool_]
    is_logarithmic: np.typing.NDArray[np.bool_]
    lower: Float64
    upper: Float64
    location: Float64
    scale: Float64
    start: Float64
    width: Float64
    mass_below: Float64
    mass_above: Float64
    mass: Float64
    log_norm: Float64

    @classmethod
    def of(cls, distributions: Sequence[Distribution]) -> _Columns:
        rows = [cls._row(distribution) for distribution in distributions]
        columns = np.array(rows, dtype=np.float64).reshape(len(rows), 10).T
        return cls(
            np.array([distribution.is_normal for distribution in distributions], dtype=bool),
            np.array([distribution.is_logarithmic for distribution in distributions], dtype=bool),
            *columns,
        )

    @staticmethod
    def _row(d: Distribution) -> tuple[float, ...]:
        first, last = (_log(d.lower), _log(d.upper)) if d.is_logarithmic else (d.lower, d.upper)
        if d.kind == "categorical":
            return (d.lower, d.upper, 0.0, 1.0, first, 1.0, 0.0, 0.0, 1.0, 0.0)
        if not d.is_normal:
            width = last - first
            return (d.lower, d.upper, 0.0, 1.0, first, width, 0.0, 0.0, 1.0, -math.log(width))
        alpha, beta = (first - d.location) / d.scale, (last - d.location) / d.scale
        mass = _interval_mass(alpha, beta)
        log_norm = -math.log(d.scale * mass) - 0.5 * math.log(2 * math.pi)
        below, above = float(special.ndtr(alpha)), float(special.ndtr(-beta))
        return (d.lower, d.upper, d.location, d.scale, 0.0, 0.0, below, above, mass, log_norm)
