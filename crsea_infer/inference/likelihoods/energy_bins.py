"""Averages over energy bins.

Bins of measured spectra are up to 0.4 dex wide and the spectra steep, so the prediction for a bin is its average, not
the value at its centre. The average is one matrix product for the dozens of bins that spectra have; where that matrix
would hold millions of zeros, only what is not zero is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from crsea_infer.support.arrays import Array, Float64, array_namespace
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Averaging", "SparseRows", "averaged", "bin_average", "bin_integral", "bins_between"]

_ROUNDING: Final = 1e-4
"""Of the edges of bins, which tables print with few digits."""

_LARGEST_MATRIX: Final = 1_000_000
"""Entries up to which a matrix is kept whole: 8 MB, and one matrix product is the fastest."""


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A matrix whose rows have few entries that are not zero.

    Attributes
    ----------
    columns
        Places of the entries of each row [n_rows, n_entries].
    weights
        The entries [n_rows, n_entries]; 0 where a row has fewer.
    """

    columns: np.typing.NDArray[np.int64]
    weights: Float64

    @classmethod
    def blocks(cls, rows: Sequence[Float64]) -> SparseRows:
        """Return the matrix whose rows begin where the one above ends."""
        counts = np.array([len(row) for row in rows])
        own = np.arange(counts.max()) < counts[:, None]
        weights = np.zeros(own.shape)
        weights[own] = np.concatenate(list(rows))
        starts = np.cumsum(counts) - counts
        return cls(np.where(own, starts[:, None] + np.arange(own.shape[1]), starts[:, None]), weights)

    def of(self, values: Array) -> Array:
        """Return the product with values [..., n_columns] as [..., n_rows]."""
        xp = array_namespace(values)
        taken = xp.take(values, xp.asarray(self.columns.ravel()), axis=-1)
        taken = xp.reshape(taken, (*values.shape[:-1], *self.columns.shape))
        return xp.sum(taken * xp.asarray(self.weights), axis=-1)


Averaging: TypeAlias = Float64 | SparseRows
"""A matrix [n_data, n_energies], whole or by its rows."""


def averaged(averaging: Averaging, values: Array) -> Array:
    """Return the product of a matrix [n_data, n_energies] with values [..., n_energies] as [..., n_data]."""
    if isinstance(averaging, SparseRows):
        return averaging.of(values)
    return values @ array_namespace(values).asarray(averaging.T)


def bins_between(
    low: Float64, high: Float64, energy_min: float | None, energy_max: float | None, where: str
) -> np.typing.NDArray[np.bool_]:
    """Return which bins [n] lie within limits of energy, GeV; None is no limit.

    Raises
    ------
    UserError
        When none does; `where` says whose bins they are.
    """
    least, most = energy_min or 0.0, energy_max or np.inf
    inside = (low >= least * (1 - _ROUNDING)) & (high <= most * (1 + _ROUNDING))
    if not inside.any():
        raise UserError(
            f"{where}: no energy bin lies between {least:g} and {most:g} GeV",
            valid=f"limits within {low.min():g} to {high.max():g} GeV",
        )
    return inside


def bin_integral(low: float, high: float) -> tuple[Float64, Float64]:
    """Return energies and weights such that sum(weights * I(energies)) is the integral of I dE over a bin.

    Gauss-Legendre nodes in ln E: two, and one more for each 0.2 dex of width. That integrates power laws, and laws
    broken over 0.3 or more in ln E anywhere in the bin, to 1e-5; spectra of secondaries are smoother than that. Every
    energy costs time in every evaluation of the posterior, so there are no more of them.
    """
    width = math.log(high / low)
    count = 2 + math.ceil(width / math.log(10) / 0.2 - 1e-2)
    nodes, weights = np.polynomial.legendre.leggauss(count)
    energy = low * np.exp(0.5 * width * (nodes + 1.0))
    return energy, 0.5 * width * weights * energy  # dE = E d ln E


def bin_average(
    lower: Float64, upper: Float64, reference: Float64, reference_index: float | None
) -> tuple[Float64, Averaging]:
    """Return energies [n_energies] and the matrix [n_data, n_energies] that averages intensities there over bins.

    Parameters
    ----------
    lower, upper, reference
        Edges and reference energy of each bin, GeV.
    reference_index
        G: the average is integral of I dE / integral of (E / E_reference)^-G dE, what an experiment quotes at
        E_reference when it assumes that index. None: the plain mean, integral of I dE / (upper - lower).
    """
    energies: list[Float64] = []
    weights: list[Float64] = []
    for low, high, centre in zip(lower, upper, reference, strict=True):
        energy, measure = bin_integral(float(low), float(high))
        if reference_index is None:
            denominator = high - low
        else:
            denominator = float(np.sum(measure * (energy / centre) ** -reference_index))
        energies.append(energy)
        weights.append(measure / denominator)
    size = (len(energies), sum(len(energy) for energy in energies))
    if size[0] * size[1] > _LARGEST_MATRIX:
        return np.concatenate(energies), SparseRows.blocks(weights)
    matrix = np.zeros(size)
    start = 0
    for row, weight in enumerate(weights):
        matrix[row, start : start + len(weight)] = weight
        start += len(weight)
    return np.concatenate(energies), matrix
