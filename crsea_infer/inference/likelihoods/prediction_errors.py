"""Errors of the prediction that are specific to a data set: the mask it was taken with, the gas in its window.

A table [[prediction_errors]] of a `likelihood.toml` says by which fraction a_i the sky model's prediction of each point
changes when something moves by one standard deviation, and the key `use_prediction_errors` names those that a run takes
into account (none by default). The prediction of point i is then

    m_i (1 + sum_k a_ik z_k),      z_k ~ N(0, 1),

with one nuisance z_k for each name, which data sets that give the same name share: the same psf made the discs of both
regions. What the measurement contains beyond the sky model is not scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.content.toml_files import Entry
from crsea_infer.hypotheses.distributions import normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.inference.likelihoods.extra_components import tex
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.inference.likelihoods.likelihood import LikelihoodFolder
    from crsea_infer.support.arrays import Array, Float64

__all__ = ["PredictionErrorEntry", "PredictionErrors", "read_prediction_errors"]

_LARGEST = 0.5
"""A prediction that falls below 0 at two standard deviations is not an error but another model."""


class PredictionErrorEntry(Entry):
    """A table [[prediction_errors]] of a `likelihood.toml`.

    Attributes
    ----------
    name
        Of the error, by which runs use it, and of its nuisance.
    label
        In LaTeX, for figures.
    description
        What may be wrong.
    fraction
        By which part predictions change for one standard deviation: one number, or one for each point.
    """

    name: str
    label: str
    description: str
    fraction: float | list[float]


@dataclass(frozen=True, eq=False)
class PredictionErrors:
    """Those of one data set that are in use.

    Attributes
    ----------
    nuisances
        The z_k.
    fractions
        a [k, n_data].
    """

    nuisances: tuple[Parameter, ...] = ()
    fractions: Float64 | None = None

    def scaled(self, xp: Any, prediction: Array, nuisances: Mapping[str, Array]) -> Array:
        """Return the predictions of the points [..., n_data] with their errors."""
        if self.fractions is None:
            return prediction
        factor: Any = 1.0
        for nuisance, fraction in zip(self.nuisances, self.fractions, strict=True):
            factor = factor + xp.asarray(nuisances[nuisance.name])[..., None] * xp.asarray(fraction)
        return prediction * factor

    def design(self, xp: Any, prediction: Array) -> list[Array]:
        """Return what one unit of each z_k adds to predictions of the points [..., n_data]."""
        return [] if self.fractions is None else [prediction * xp.asarray(fraction) for fraction in self.fractions]


def read_prediction_errors(
    folder: LikelihoodFolder, entries: Sequence[PredictionErrorEntry], used: Sequence[str], n_data: int, source: str
) -> PredictionErrors:
    """Return the errors that `used` names.

    Parameters
    ----------
    folder
        Of the data set, for messages and for the origin of the nuisances.
    n_data
        Number of points.
    source
        Where the data are from.

    Raises
    ------
    UserError
        When a name is not among the entries or is there twice, or a fraction has no meaning.
    """
    where, known = folder.where, {entry.name: entry for entry in entries}
    if len(known) < len(entries):
        raise UserError(f"{where}: two prediction_errors have the same name", valid="a name for each")
    for entry in entries:
        values = np.atleast_1d(np.asarray(entry.fraction, dtype=float))
        if values.size not in {1, n_data} or not np.all(np.abs(values) <= _LARGEST) or not np.any(values):
            raise UserError(
                f"{where}: prediction_errors {entry.name}: fraction = {entry.fraction}",
                valid=f"one number or {n_data}, one for each point, not all 0 and none beyond {_LARGEST:g}",
            )
    chosen = []
    for name in dict.fromkeys(used):
        if name not in known:
            raise unknown_name("prediction error", name, known, where=f"{where}: use_prediction_errors")
        chosen.append(known[name])
    if not chosen:
        return PredictionErrors()
    nuisances = tuple(
        Parameter(
            entry.name, normal(0.0, 1.0), 0.0, "z_" + tex(entry.label), "", entry.description, source, folder.name
        )
        for entry in chosen
    )
    fractions = [np.broadcast_to(np.asarray(entry.fraction, dtype=float), (n_data,)) for entry in chosen]
    return PredictionErrors(nuisances, np.stack(fractions))
