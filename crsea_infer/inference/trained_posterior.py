"""A posterior that knows its training set: what a sampler of conditional evidences samples.

All its data are those of the whole posterior. The training set is a part of them, with a posterior of its own, whose
parameters are those of the hypothesis and the nuisances of the training set.
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
    """The posterior of all data, and that of the training set among them.

    Attributes
    ----------
    whole, training
        Of the same hypothesis.
    """

    whole: Posterior
    training: Posterior

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
        each = self.whole.log_likelihood_per_data_set(theta)
        return (
            sum(value for name, value in each.items() if name in self._trained),
            sum(value for name, value in each.items() if name not in self._trained),
        )

    @cached_property
    def _trained(self) -> frozenset[str]:
        return frozenset(likelihood.name for likelihood in self.training.likelihoods)
