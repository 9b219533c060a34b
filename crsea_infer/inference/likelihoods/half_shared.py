"""Systematic errors that data sets of one posterior share must be the same in all of them.

An error that is correlated in energy has a name, a length and the energies of all data sets that share it. Each data
set says these by itself. Where two agree on the name alone, nuisances of two different processes would be taken for the
same numbers; where they agree that they share, and not on the name, each would have one of its own in silence.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.inference.likelihoods.likelihood import Likelihood

__all__ = ["refuse_half_shared"]


def refuse_half_shared(likelihoods: Sequence[Likelihood]) -> None:
    """Refuse errors correlated in energy that two data sets share in part.

    Parameters
    ----------
    likelihoods
        All data of a posterior.

    Raises
    ------
    UserError
        When two of them have one name and two processes, or say that they share one and call it differently.
    """
    correlated = [
        (one.name, one.systematics, one.systematics.process)
        for one in likelihoods
        if isinstance(one, FluxPoints) and one.systematics.process is not None
    ]
    for (one_name, one, here), (other_name, other, there) in combinations(correlated, 2):
        same = here.length_dex == there.length_dex and np.array_equal(here.places, there.places)
        shared = other_name in one.shared_with or one_name in other.shared_with
        if (one.name == other.name) != shared or (shared and not same):
            raise UserError(
                f"the systematic errors of {one_name!r} and {other_name!r} are neither one nor two: name = "
                f"{one.name!r} and {other.name!r}, length_dex = {here.length_dex or 'free'} and "
                f"{there.length_dex or 'free'}",
                valid="one error: the same name, length_dex and shared_with in both; or two, with names of their own",
                fix="write the same table systematics for both, each data set among its shared_with",
            )
