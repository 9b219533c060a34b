"""ln L of several data sets at once.

A data set has a dozen points, so that most of the time of its ln L goes into calling array operations, not into the
numbers. Flux points are linear in the intensities and in the nuisances, so all data sets of that kind become one: with
the intensities and nuisances of all of them side by side as x, residuals are y - M x with one block of M for each, and
sums over the points of each data set are one more matrix product. Other kinds are asked one by one, as are flux points
with upper limits or with an error of the sky model that matters, whose densities are no sums of squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.likelihoods.asymmetric_errors import TwoPiece
from crsea_infer.inference.likelihoods.energy_bins import SparseRows
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.support.arrays import Array, Float64, array_namespace, stack_last

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.inference.likelihoods.likelihood import Likelihood

__all__ = ["JointLikelihood"]


@dataclass(frozen=True, eq=False)
class JointLikelihood:
    """The likelihoods of a posterior, those joined that can be.

    Attributes
    ----------
    likelihoods
        All of them.
    joined
        Places of those that are evaluated as one.
    others
        Places of the others.
    nuisances
        Names of the nuisances of those that are joined.
    values
        Their data y [n].
    errors
        Their errors.
    design
        M of the module's formula [n_energies + n_nuisances, n].
    membership
        [n, n_joined]: 1 where a point belongs to a data set.
    """

    likelihoods: tuple[Likelihood, ...]
    joined: tuple[int, ...]
    others: tuple[int, ...]
    nuisances: tuple[str, ...]
    values: Float64
    errors: TwoPiece
    design: Float64
    membership: Float64

    @classmethod
    def of(cls, likelihoods: Sequence[Likelihood]) -> JointLikelihood:
        """Join what can be joined."""
        joined = [place for place, likelihood in enumerate(likelihoods) if _is_sum_of_squares(likelihood)]
        points: list[Any] = [likelihoods[place] for place in joined]
        names = tuple(dict.fromkeys(nuisance.name for one in points for nuisance in one.nuisances))
        n = sum(one.n_data for one in points)
        design = np.zeros((sum(one.averaging.shape[1] for one in points) + len(names), n))
        membership = np.zeros((n, len(points)))
        row = column = 0
        for place, one in enumerate(points):
            own = slice(column, column + one.n_data)
            design[row : row + one.averaging.shape[1], own] = one.averaging.T
            for name, shift in one.shifts.items():
                design[names.index(name) - len(names), own] += shift
            membership[own, place] = 1.0
            row, column = row + one.averaging.shape[1], column + one.n_data
        low, high = (np.concatenate([np.zeros(0), *(one.errors[side] for one in points)]) for side in (0, 1))
        return cls(
            likelihoods=tuple(likelihoods),
            joined=tuple(joined),
            others=tuple(place for place in range(len(likelihoods)) if place not in joined),
            nuisances=names,
            values=np.concatenate([np.zeros(0), *(one.values for one in points)]),
            errors=TwoPiece(low, high),
            design=design,
            membership=membership,
        )

    def total(self, predictions: Sequence[tuple[Array, ...]], nuisances: Mapping[str, Array]) -> Array:
        """Return ln L [...] of all data sets; arguments as for :meth:`each`.

        It is NaN where that of any data set is, and where any prediction for one that is joined is not finite.
        """
        total: Any = 0.0
        if self.joined:
            total = self.errors.log_likelihood(*self._residuals(predictions, nuisances))
        for place in self.others:
            total = total + self.likelihoods[place].log_likelihood(predictions[place], nuisances)
        return total

    def each(self, predictions: Sequence[tuple[Array, ...]], nuisances: Mapping[str, Array]) -> list[Array]:
        """Return ln L [...] of each data set.

        Parameters
        ----------
        predictions
            What the sky model gives for the requests of each data set.
        nuisances
            By name, each [...].
        """
        found: dict[int, Array] = {}
        if self.joined:
            xp, residuals = self._residuals(predictions, nuisances)
            log_norms = self.errors.log_norms @ self.membership
            sums = log_norms - 0.5 * xp.matmul(self.errors.pulls(xp, residuals) ** 2, xp.asarray(self.membership))
            found = {place: sums[..., column] for column, place in enumerate(self.joined)}
        for place in self.others:
            found[place] = self.likelihoods[place].log_likelihood(predictions[place], nuisances)
        return [found[place] for place in range(len(self.likelihoods))]

    def _residuals(self, predictions: Sequence[tuple[Array, ...]], nuisances: Mapping[str, Array]) -> tuple[Any, Array]:
        """Return the array namespace and datum - prediction of all points that are joined [..., n]."""
        given = [predictions[place][0] for place in self.joined]
        xp = array_namespace(*given)
        if self.nuisances:
            given.append(stack_last(xp, [nuisances[name] for name in self.nuisances]))
        return xp, self.values - xp.matmul(xp.concat(given, axis=-1), xp.asarray(self.design))


def _is_sum_of_squares(likelihood: Likelihood) -> bool:
    """Return whether a data set is flux points of the simple kind, and not so many that M would fill the memory."""
    return (
        type(likelihood) is FluxPoints
        and likelihood.is_sum_of_squares
        and not isinstance(likelihood.averaging, SparseRows)
    )
