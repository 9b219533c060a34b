"""ArviZ, whichever it is: 0.x (Python 3.11) and 1.x (3.12 and later) name things differently.

The one module that calls ArviZ: for leave-one-out, and for what notebooks hand on to it. Posterior files need none of
it: they follow the schema that both read.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logsumexp

from crsea_infer.support.loading import load_arviz

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import xarray as xr

    from crsea_infer.support.arrays import Float64

__all__ = ["PsisLoo", "datatree_of", "psis_loo", "read_datatree"]

_CONSTANT = 1e-8  # range of ln p over the draws below which a point says nothing


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

    A point whose ln p is the same at all draws is predicted as well without it: its elpd is that, its k -inf. A point
    to whose weights no tail can be fitted has k = inf, and the elpd of weights as they are.

    Parameters
    ----------
    efficiency
        Effective number of draws over their number.
    """
    n_data = log_likelihood.shape[-1]
    elpd, pareto_k = log_likelihood.mean(axis=0), np.full(n_data, -np.inf)
    lppd = logsumexp(log_likelihood, axis=0) - np.log(len(log_likelihood))
    varied = np.flatnonzero(np.ptp(log_likelihood, axis=0) > _CONSTANT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notice on import
        arviz = load_arviz()
    try:
        elpd[varied], pareto_k[varied] = _with_arviz(arviz, log_likelihood[:, varied], efficiency)
    except ValueError:  # ArviZ 1.x, when the tail of a point is many times the same draw
        for point in varied:
            try:
                elpd[[point]], pareto_k[[point]] = _with_arviz(arviz, log_likelihood[:, [point]], efficiency)
            except ValueError:
                elpd[point] = np.nan
    unknown = np.isnan(pareto_k) | ~np.isfinite(elpd)
    pareto_k[unknown] = np.inf
    elpd[unknown] = np.log(len(log_likelihood)) - logsumexp(-log_likelihood[:, unknown], axis=0)
    return PsisLoo(elpd=elpd, effective_parameters=float(np.sum(lppd - elpd)), pareto_k=pareto_k)


def _with_arviz(arviz: Any, log_likelihood: Float64, efficiency: float) -> tuple[Float64, Float64]:
    """Return elpd and k of each point [n_data], in natural logarithms whatever ArviZ' settings ask for."""
    if log_likelihood.shape[-1] == 0:
        return np.empty(0), np.empty(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tails that pareto_k tells of
        draws = {"data": np.asarray(log_likelihood)[None]}
        before_1 = _is_before_1(arviz)
        data = arviz.from_dict(log_likelihood=draws) if before_1 else arviz.from_dict({"log_likelihood": draws})
        scale = {"scale": "log"} if before_1 else {}
        found = arviz.loo(data, pointwise=True, var_name="data", reff=efficiency, **scale)
    elpd, pareto_k = (found.loo_i if before_1 else found.elpd_i), found.pareto_k
    return np.asarray(elpd, dtype=np.float64).ravel(), np.asarray(pareto_k, dtype=np.float64).ravel()


def _is_before_1(arviz: Any) -> bool:
    return int(arviz.__version__.split(".")[0]) < 1


def datatree_of(groups: Mapping[str, xr.Dataset]) -> Any:
    """Return groups as the installed ArviZ takes them: a DataTree with 1.x, with 0.x an InferenceData."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notice on import
        arviz = load_arviz()
        if _is_before_1(arviz):  # 1.x has the name InferenceData too, for a DataTree
            return arviz.InferenceData(**groups)
    import xarray

    return xarray.DataTree.from_dict(dict(groups))


def read_datatree(path: Path) -> Any:
    """Return a posterior file in the same form."""
    import xarray

    tree = xarray.open_datatree(path, engine="h5netcdf")
    try:
        groups = {name: tree[name].to_dataset().load() for name in tree.children}
    finally:
        tree.close()
    return datatree_of(groups)
