"""A posterior that knows its training set: what a sampler of conditional evidences samples.

All its data are those of the whole posterior; the training set and the others are parts of them. Each has a posterior
of its own, of the parameters of the hypothesis and its nuisances, so that neither costs what the other does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.support.arrays import Array

__all__ = ["TrainedPosterior"]


@dataclass(frozen=True, eq=False)
class TrainedPosterior:
    """The posterior of all data, that of the training set among them, and that of the others.

    Attributes
    ----------
    whole, training, others
        Of the same hypothesis.
    """

    whole: Posterior
    training: Posterior
    others: Posterior

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the n parameters."""
        return self.whole.names

    def prior_transform(self, unit: Array) -> Array:
        """Map the unit cube u [..., n] to parameters theta [..., n]."""
        return self.whole.prior_transform(unit)

    def log_likelihood(self, theta: Array) -> Array:
        """Return ln L [...] of all data."""
        return self.whole.log_likelihood(theta)

    def log_likelihoods(self, theta: Array) -> tuple[Array, Array]:
        """Return ln L [...] of the training set and of the other data; both -inf outside the sky model's box."""
        return (
            self.training.log_likelihood(theta[..., self._columns[0]]),
            self.others.log_likelihood(theta[..., self._columns[1]]),
        )

    @cached_property
    def _columns(self) -> tuple[list[int], list[int]]:
        parts = (self.training, self.others)
        first, second = ([self.names.index(name) for name in part.names] for part in parts)
        return first, second
