"""Averages over energy bins.

Bins of measured spectra are up to 0.4 dex wide and the spectra steep, so the prediction for a bin is its average, not
the value at its centre.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.arrays import Float64

__all__ = ["bin_average", "bin_integral"]


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
) -> tuple[Float64, Float64]:
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
    matrix = np.zeros((len(energies), sum(len(energy) for energy in energies)))
    start = 0
    for row, weight in enumerate(weights):
        matrix[row, start : start + len(weight)] = weight
        start += len(weight)
    return np.concatenate(energies), matrix
