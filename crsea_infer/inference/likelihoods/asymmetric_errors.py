"""Errors that differ on the two sides, and upper limits: the density of one measured number.

Published errors are often asymmetric. They are read as a two-piece normal of the datum y around the prediction mu,

    p(y | mu) = sqrt(2 / pi) / (sigma_low + sigma_high) exp(-(y - mu)^2 / (2 sigma^2)),
    sigma = sigma_high where mu > y, else sigma_low

(Barlow, physics/0401042, eq. 3, read as a density of the datum). An upper limit U at confidence level c contributes
Phi((U - mu) / sigma) with sigma = U / z_c, Phi(z_c) = c. All functions follow the array API of the residuals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from crsea_infer.hypotheses.distributions import special_functions
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.content.measurements import MeasurementTable
    from crsea_infer.support.arrays import Array, Float64

__all__ = [
    "TwoPiece",
    "cost_slope_curvature",
    "draw",
    "log_density",
    "points_and_limits",
    "pulls",
    "squares",
    "statistical_errors",
]

Limits = np.typing.NDArray[np.bool_] | None
"""Which points are upper limits; None when none is."""


@dataclass(frozen=True, eq=False)
class TwoPiece:
    """Errors [n] that do not depend on parameters, with what follows from them alone.

    Attributes
    ----------
    low, high
        sigma_low and sigma_high.
    """

    low: Float64
    high: Float64

    @cached_property
    def log_norms(self) -> Float64:
        """Ln p of each datum where the prediction meets it [n]."""
        return 0.5 * math.log(2 / math.pi) - np.log(self.low + self.high)

    @cached_property
    def log_norm(self) -> float:
        """Their sum."""
        return float(np.sum(self.log_norms))

    @cached_property
    def inverses(self) -> tuple[Float64, Float64]:
        """1 / sigma_low and 1 / sigma_high."""
        return 1.0 / self.low, 1.0 / self.high

    def pulls(self, xp: Any, residual: Array) -> Array:
        """Return the pull of each datum [..., n] for residual = datum - prediction [..., n]."""
        low, high = self.inverses
        return residual * xp.where(residual < 0, high, low)

    def log_likelihood(self, xp: Any, residual: Array) -> Array:
        """Return the sum of :func:`log_density` over the data [...]."""
        pulls = self.pulls(xp, residual)
        return self.log_norm - 0.5 * xp.vecdot(pulls, pulls)


def pulls(xp: Any, residual: Array, low: Array, high: Array, limits: Limits = None) -> Array:
    """Return (datum - prediction) / sigma [..., n]; for limits (U - mu) / sigma."""
    upper_side = residual < 0 if limits is None else limits | (residual < 0)
    return residual / xp.where(upper_side, high, low)


def log_density(xp: Any, residual: Array, low: Array, high: Array, limits: Limits = None) -> Array:
    """Return ln p of each datum [..., n], normalised over the datum, for residual = datum - prediction [..., n]."""
    sigma = xp.where(residual < 0, high, low)
    terms = 0.5 * math.log(2 / math.pi) - xp.log(low + high) - 0.5 * (residual / sigma) ** 2
    if limits is not None:
        terms = xp.where(limits, special_functions(xp).log_ndtr(residual / high), terms)
    return terms


def squares(xp: Any, residual: Array, low: Array, high: Array, limits: Limits = None) -> Array:
    """Return the squared pull of each datum [..., n]; -2 ln Phi for limits."""
    terms = (residual / xp.where(residual < 0, high, low)) ** 2
    if limits is not None:
        terms = xp.where(limits, -2.0 * special_functions(xp).log_ndtr(residual / high), terms)
    return terms


def cost_slope_curvature(
    xp: Any, residual: Array, low: Array, high: Array, limits: Limits = None
) -> tuple[Array, Array, Array]:
    """Return half of :func:`squares` with its first and second derivative with respect to the prediction [..., n]."""
    sigma = xp.where(residual < 0, high, low)
    cost, slope, curvature = 0.5 * (residual / sigma) ** 2, -residual / sigma**2, sigma**-2.0
    if limits is not None:
        z = residual / high
        log_phi = special_functions(xp).log_ndtr(z)
        hazard = xp.exp(-0.5 * (z**2 + math.log(2 * math.pi)) - log_phi)
        cost = xp.where(limits, -log_phi, cost)
        slope = xp.where(limits, hazard / high, slope)
        curvature = xp.where(limits, hazard * (z + hazard) / high**2, curvature)
    return cost, slope, curvature


def draw(rng: np.random.Generator, prediction: Float64, low: Float64, high: Float64) -> Float64:
    """Return data drawn from the two-piece normal around `prediction` [n]."""
    # A datum below the prediction has the prediction on its upper side: that side's error rules there.
    is_below = rng.random(prediction.shape) < high / (low + high)
    size = np.abs(rng.standard_normal(prediction.shape))
    return np.where(is_below, prediction - high * size, prediction + low * size)


def points_and_limits(
    table: MeasurementTable, values: str, limits: np.typing.NDArray[np.bool_], *, limit_column: str = "upper_limit"
) -> Float64:
    """Return the numbers of a table [n], with those of upper limits from the column that has them.

    Tables of gammapy give the best fit for every point, limits or not, and the limit in a column beside it. Where a
    table has `limit_column`, limits are read there and nowhere else; where it does not, the limit stands among the
    values, and a point that has errors is then no limit.

    Raises
    ------
    UserError
        When a limit has errors, so that it is a best fit.
    """
    found = table.columns[values].copy()
    if not limits.any():
        return found
    if limit_column in table.columns:
        return np.where(limits, table.columns[limit_column], found)
    for name in ("error_low", "error_high"):
        wrong = limits & (table.columns[name] > 0)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise UserError(
                f"{table.path}: row {row + 1} is an upper limit, and {name!r} is {table.columns[name][row]:g} there: "
                f"{values!r} looks like the best fit, not like the limit",
                valid=f"limits in a column {limit_column}; or in {values!r}, with errors of 0",
                fix=f"call the column of the limits {limit_column} (gammapy and GADF: dnde_ul)",
            )
    return found


def statistical_errors(
    table: MeasurementTable, values: str, limits: np.typing.NDArray[np.bool_]
) -> tuple[Float64, Float64]:
    """Return the columns error_low and error_high [n], positive everywhere.

    Those of upper limits follow from the metadata's confidence_level, that of one side.

    Raises
    ------
    UserError
        When an error is zero, a limit not above zero or a best fit, or the confidence level absent.
    """
    low, high = table.columns["error_low"].copy(), table.columns["error_high"].copy()
    for name, errors in (("error_low", low), ("error_high", high)):
        zero = (errors <= 0) & ~limits
        if zero.any():
            row = int(np.argmax(zero)) + 1
            raise UserError(
                f"{table.path}: column {name!r}, row {row}: the value is 0",
                valid="an error above 0 for every point that is not an upper limit",
            )
    if limits.any():
        level = table.metadata.get("confidence_level")
        if not isinstance(level, float) or not 0.5 < level < 1:
            raise UserError(
                f"{table.path}: has upper limits, and confidence_level = {level!r} in its metadata",
                valid="a number between 0.5 and 1, such as 0.95",
                fix="add '# - {confidence_level: 0.95}' under '# meta: !!omap' in the header, with your level",
            )
        upper = points_and_limits(table, values, limits)
        if (upper[limits] <= 0).any():
            row = int(np.argmax(limits & (upper <= 0))) + 1
            column = "upper_limit" if "upper_limit" in table.columns else values
            raise UserError(f"{table.path}: column {column!r}, row {row}: an upper limit must be above 0")
        low = np.where(limits, upper / float(special.ndtri(level)), low)
        high = np.where(limits, low, high)
    return low, high
