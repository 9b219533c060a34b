"""All that a sampler may know about the problem it samples.

A target has names, a map from the unit cube to parameters, and a log-likelihood over a batch. Samplers are written
against this protocol alone, so they are tested on problems with a known answer and run unchanged on the sky.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Array

__all__ = ["Target", "TrainedTarget"]


@runtime_checkable
class Target(Protocol):
    """A posterior as samplers see it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the n parameters."""

    def prior_transform(self, unit: Array) -> Array:
        """Map the unit cube u [..., n] to parameters theta [..., n], component by component and increasing."""

    def log_likelihood(self, theta: Array) -> Array:
        """Return ln L [...] of theta [..., n]: finite, or -inf where the model does not hold; never NaN."""


@runtime_checkable
class TrainedTarget(Target, Protocol):
    """A posterior that knows which part of its data is a training set."""

    @property
    def training(self) -> Target:
        """The posterior of the training set alone; its parameters are some of ours, with the same priors."""

    def log_likelihoods(self, theta: Array) -> tuple[Array, Array]:
        """Return ln L [...] of the training set and of the other data, at theta [..., n]."""
