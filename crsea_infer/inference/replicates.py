"""Data drawn from a model at many points: those of a data set, at once where its kind can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.support.arrays import Float64

__all__ = ["replicated", "values_of"]


def replicated(
    one: Likelihood, predictions: tuple[Float64, ...], nuisances: Mapping[str, Float64], generator: np.random.Generator
) -> Any:
    """Return a data set with data drawn at each of n predictions: one that holds them all, or a list of n.

    Parameters
    ----------
    one
        The data set.
    predictions
        Of the sky model [n, n_energies] for each request of the data set.
    nuisances
        Those of the data set, and perhaps others [n].
    generator
        Of random numbers.
    """
    own = {nuisance.name: nuisances[nuisance.name] for nuisance in one.nuisances}
    if getattr(one, "simulates_batches", False):
        return one.simulate(generator, predictions, own)  # type: ignore[arg-type]
    return [
        one.simulate(
            generator,
            tuple(part[place] for part in predictions),
            {name: float(value[place]) for name, value in own.items()},
        )
        for place in range(len(predictions[0]))
    ]


def values_of(one: Any) -> Float64:
    """Return the data [..., n_data] of one data set, or of a list of them [n, n_data]."""
    if isinstance(one, list):
        return np.stack([np.asarray(part.values, dtype=np.float64) for part in one])
    return np.asarray(one.values, dtype=np.float64)
