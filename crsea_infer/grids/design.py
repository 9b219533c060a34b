"""Where to compute a model: points that fill a box of parameters evenly.

A scrambled Sobol sequence covers the box at every size and can be prolonged, which a random draw or a lattice cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.grids.spectra_grid import Parameter
    from crsea_infer.support.arrays import Float64

__all__ = ["sobol_design"]


def sobol_design(parameters: Sequence[Parameter], n_points: int, seed: int = 0) -> Float64:
    """Return points of a scrambled Sobol sequence in the box of the parameters, shape [n_points, n_parameters].

    Parameters
    ----------
    parameters
        Names and ranges; a parameter of log scale is spread evenly in its logarithm.
    n_points
        How many. The first points of a longer design with the same seed are those of a shorter one.
    seed
        Of the scrambling.
    """
    from scipy.stats import qmc

    if n_points < 1:
        raise UserError(f"a design of {n_points} points", valid="at least 1 point")
    sequence = qmc.Sobol(len(parameters), scramble=True, rng=np.random.default_rng(seed))
    # the sequence is balanced in powers of two: draw the next one and keep what was asked for
    unit = 2.0 * sequence.random_base2(int(np.ceil(np.log2(max(n_points, 2)))))[:n_points] - 1.0
    return np.stack([parameter.from_unit(unit[:, i]) for i, parameter in enumerate(parameters)], axis=-1)
