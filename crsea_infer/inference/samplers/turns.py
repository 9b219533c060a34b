"""Turns: steps that keep a normal distribution, for walkers in many directions of which data constrain a few.

In coordinates in which a normal distribution is standard, ``w' = sqrt(1 - a^2) w + a xi`` with standard normal xi
leaves it invariant, however large the step (the preconditioned Crank-Nicolson proposal; Cotter et al. 2013, Statistical
Science 28, 424, with a fitted normal in place of the prior). A Metropolis step corrects for the difference between that
normal and the target. The normal is fitted to other walkers and drawn towards the standard normal, which is the prior
in probit coordinates, as strongly as their number demands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["Normal", "turn_move"]


@dataclass(frozen=True)
class Normal:
    """A normal distribution in d dimensions.

    Attributes
    ----------
    centre
        [d].
    factor, inverse
        Cholesky factor of the covariance and its inverse [d, d].
    """

    centre: Float64
    factor: Float64
    inverse: Float64

    @classmethod
    def like(cls, points: Float64) -> Normal:
        """Fit to points [n, d], shrunk towards the standard normal by d / (n + d)."""
        n_points, n_dimensions = points.shape
        share = n_dimensions / (n_dimensions + n_points)
        covariance = (1.0 - share) * np.atleast_2d(np.cov(points.T)) + share * np.eye(n_dimensions)
        factor = np.linalg.cholesky(covariance)
        return cls((1.0 - share) * np.mean(points, axis=0), factor, np.linalg.inv(factor))

    def whiten(self, points: Float64) -> Float64:
        """Map points [n, d] to coordinates in which this distribution is standard."""
        return np.asarray((points - self.centre) @ self.inverse.T)

    def colour(self, white: Float64) -> Float64:
        """Invert :meth:`whiten`."""
        return np.asarray(self.centre + white @ self.factor.T)

    def turn(self, white: Float64, angle: float | Float64, generator: Any) -> Float64:
        """Turn points [n, d] by an angle (its sine, between 0 and 1; one or [n, 1]); keeps the standard normal."""
        keep = np.sqrt(1.0 - np.square(angle))
        return np.asarray(keep * white + angle * generator.normal(size=white.shape))


def turn_move() -> Any:
    """Return an emcee move that turns each half of the walkers about a normal fitted to the other half."""
    from emcee.moves import RedBlueMove

    class TurnMove(RedBlueMove):  # type: ignore[misc]
        """Turns by a random angle, because no single one suits every stage of a chain."""

        def get_proposal(self, s: Float64, c: list[Float64], random: Any) -> tuple[Float64, Float64]:
            normal = Normal.like(np.concatenate(c))
            white = normal.whiten(s)
            angle = np.sin(0.5 * math.pi * random.uniform(size=(len(s), 1)))
            turned = normal.turn(white, angle, random)
            log_ratio = 0.5 * (np.sum(turned**2, axis=1) - np.sum(white**2, axis=1))
            return normal.colour(turned), log_ratio

    return TurnMove()
