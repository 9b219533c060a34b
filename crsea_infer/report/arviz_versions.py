"""Leave-one-out with ArviZ, whichever it is: 0.x (Python 3.11) and 1.x (3.12 and later) name things differently.

The one module that calls ArviZ. Posterior files need none of it: they follow the schema that both read.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.arrays import Float64

__all__ = ["PsisLoo", "psis_loo"]


@dataclass(frozen=True)
class PsisLoo:
    """Pareto-smoothed importance sampling leave-one-out (Vehtari, Gelman and Gabry 2017, Stat. Comput. 27, 1413).

    Attributes
    ----------
    elpd
        Natural log of the predictive density of each data point, given the others [n_data].
    effective_parameters
        p_loo: how much better the posterior describes the data that it saw than those that it did not.
    pareto_k
        Shape of the tail of the importance weights of each point [n_data]; above 0.7 its elpd cannot be believed.
    """

    elpd: Float64
    effective_parameters: float
    pareto_k: Float64


def psis_loo(log_likelihood: Float64, efficiency: float) -> PsisLoo:
    """Return leave-one-out for ln p of each point [n_draws, n_data], at equally weighted posterior draws.

    Parameters
    ----------
    efficiency
        Effective number of draws over their number.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notice on import, and tails that pareto_k tells of
        import arviz

        draws = {"data": np.asarray(log_likelihood)[None]}
        before_1 = int(arviz.__version__.split(".")[0]) < 1
        data = arviz.from_dict(log_likelihood=draws) if before_1 else arviz.from_dict({"log_likelihood": draws})
        found = arviz.loo(data, pointwise=True, var_name="data", reff=efficiency)
    elpd, p_loo = (found.loo_i, found.p_loo) if before_1 else (found.elpd_i, found.p)
    return PsisLoo(
        elpd=np.asarray(elpd, dtype=np.float64).ravel(),
        effective_parameters=float(p_loo),
        pareto_k=np.asarray(found.pareto_k, dtype=np.float64).ravel(),
    )
