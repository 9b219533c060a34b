"""Scouts: a search for all peaks of a posterior, before any walk.

Walkers and live points gather where the posterior has its mass at low likelihood, which is where it is wide. A peak
much narrower than the main one, of the same evidence, starts with so small a share of the prior that neither a short
chain nor nested sampling meets it. What such a peak has is a slope, and a slope reaches further than a peak is wide.
So among draws from the prior those that lie higher than all their nearest neighbours are taken uphill, to the maxima
of prior times likelihood in probit coordinates (L-BFGS-B; Byrd et al. 1995, SIAM J. Sci. Comput. 16, 1190). At each
maximum the curvature gives a normal and the evidence that it would have (Laplace's approximation).

A peak is found when a draw falls where its slope rules; scouts that all end at one maximum say that there is one, as
far as so many draws can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.samplers.sampler import Counted
    from crsea_infer.support.arrays import Float64

__all__ = ["Peak", "find_peaks", "missed_peaks"]

_MOST_ASCENTS = 32
_MOST_PEAKS = 8
_STEPS = 300  # of an ascent: along a bent ridge as thin as a hundredth of its length some take 200
_DIFFERENCE = 1e-6  # of probit coordinates, for gradients
_FARTHEST = 7.0  # probit coordinates beyond are left alone: parameters become extreme there
_NEGLIGIBLE = 12.0  # a peak of e^-12 of the evidence of the largest is not worth a draw
_LARGEST_DROP = 1.0  # of the logarithm of the target, over the steps by which its curvature is measured
_REACHED = 0.05  # share of a chain near a peak from which on a fit to the chain has the peak


@dataclass(frozen=True)
class Peak:
    """A maximum of the target in probit coordinates, and the normal of the same curvature.

    Attributes
    ----------
    centre
        [d].
    factor
        Cholesky factor of the covariance [d, d].
    log_mass
        Logarithm of the integral of that normal with the height of the peak.
    """

    centre: Float64
    factor: Float64
    log_mass: float

    def draw(self, n: int, generator: np.random.Generator) -> Float64:
        """Draw points [n, d] from the normal."""
        return np.asarray(self.centre + generator.standard_normal((n, len(self.centre))) @ self.factor.T)

    def is_near(self, points: Float64) -> np.typing.NDArray[np.bool_]:
        """Return whether points [n, d] lie where almost all draws of the normal do [n]."""
        white = np.linalg.solve(self.factor, (np.atleast_2d(points) - self.centre).T)
        return np.asarray(np.sum(white**2, axis=0) < 25.0 + 2.0 * len(self.centre))


def find_peaks(
    counted: Counted, n_draws: int, generator: np.random.Generator, most_scouts: int = _MOST_ASCENTS
) -> tuple[tuple[Peak, ...], int]:
    """Look for all peaks.

    Parameters
    ----------
    counted
        The target.
    n_draws
        Draws of the prior from which scouts are chosen; of 0 there are no scouts, and no peaks.
    generator
        Of random numbers.
    most_scouts
        Scouts that go uphill, at most.

    Returns
    -------
    peaks, n_scouts
        The peaks that matter, at most 8, those of the largest evidence first; and how many scouts looked for them.
    """
    if n_draws == 0:
        return (), 0
    draws = generator.standard_normal((n_draws, len(counted.names)))
    starts = _higher_than_neighbours(draws, counted.log_target(draws))[:most_scouts]
    ends = [end for end in (_ascend(counted.log_target, start) for start in starts) if end is not None]
    peaks: list[Peak] = []
    for end, _ in sorted(ends, key=lambda end: -end[1]):
        if len(peaks) < _MOST_PEAKS and not any(peak.is_near(end)[0] for peak in peaks):
            peaks.append(_peak_at(counted.log_target, end))
    peaks.sort(key=lambda peak: -peak.log_mass)  # none when the model holds nowhere
    return tuple(peak for peak in peaks if peak.log_mass > peaks[0].log_mass - _NEGLIGIBLE), len(starts)


def missed_peaks(peaks: tuple[Peak, ...], points: Float64) -> tuple[Peak, ...]:
    """Return the peaks of which points [n, d] do not know."""
    return tuple(peak for peak in peaks if np.mean(peak.is_near(points)) < _REACHED)


def _higher_than_neighbours(points: Float64, values: Float64) -> Float64:
    """Return those of the points [n, d] that lie higher than all their 2 d nearest neighbours, the highest first."""
    from scipy.spatial import cKDTree

    points, values = points[np.isfinite(values)], values[np.isfinite(values)]
    n_neighbours = min(2 * points.shape[1], len(points) - 1)
    if n_neighbours < 1:
        return points
    neighbours = np.asarray(cKDTree(points).query(points, n_neighbours + 1)[1])
    highest = np.flatnonzero(np.all(values[neighbours[:, 1:]] < values[:, None], axis=1))
    return np.asarray(points[highest[np.argsort(-values[highest], kind="stable")]])


def _ascend(log_target: Callable[[Float64], Float64], start: Float64) -> tuple[Float64, float] | None:
    """Go uphill from a point [d]; return the top and the logarithm of the target there, or None from a cliff."""
    from scipy.optimize import minimize

    n_dimensions = len(start)
    steps = np.concatenate([np.zeros((1, n_dimensions)), _DIFFERENCE * np.eye(n_dimensions)])
    lowest = -1e12

    def downhill(point: Float64) -> tuple[float, Float64]:
        values = np.maximum(log_target(point + steps), lowest)  # finite, where the model does not hold
        return -float(values[0]), -(values[1:] - values[0]) / _DIFFERENCE

    found = minimize(
        downhill,
        np.clip(start, -_FARTHEST, _FARTHEST),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_FARTHEST, _FARTHEST)] * n_dimensions,
        options={"maxiter": _STEPS, "ftol": 1e-7},
    )
    top = np.asarray(found.x)
    height = float(log_target(top[None, :])[0])
    return (top, height) if np.isfinite(height) else None


def _peak_at(log_target: Callable[[Float64], Float64], top: Float64) -> Peak:
    """Measure the curvature at a maximum [d] by differences over steps that suit the peak's width."""
    n_dimensions = len(top)
    identity = np.eye(n_dimensions)
    height = float(log_target(top[None, :])[0])
    halvings = 0.5 ** np.arange(24)
    along = top + halvings[:, None, None, None] * np.stack([identity, -identity])
    drops = height - log_target(along.reshape(-1, n_dimensions)).reshape(len(halvings), 2, n_dimensions)
    fits = np.all(drops < _LARGEST_DROP, axis=1)
    step = halvings[np.where(fits.any(axis=0), np.argmax(fits, axis=0), len(halvings) - 1)]
    signs = np.array([(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)])
    first, second = np.triu_indices(n_dimensions)
    shifts = signs[:, 0, None, None] * identity[first] + signs[:, 1, None, None] * identity[second]
    corners = log_target((top + 0.5 * step * shifts).reshape(-1, n_dimensions)).reshape(4, -1)
    corners = np.maximum(corners, height - 1e3)  # beyond an edge of the model
    curvature = np.empty((n_dimensions, n_dimensions))
    curvature[first, second] = curvature[second, first] = -(corners[0] - corners[1] - corners[2] + corners[3])
    values, axes = np.linalg.eigh(curvature)  # in units of the steps, where they are of order one
    values = np.maximum(values, 0.05)
    covariance = (axes / values) @ axes.T * step[:, None] * step
    factor = np.linalg.cholesky(covariance)
    log_mass = height + 0.5 * n_dimensions * np.log(2.0 * np.pi) + float(np.sum(np.log(np.diagonal(factor))))
    return Peak(top, factor, log_mass)
