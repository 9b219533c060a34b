"""The posterior on disk: netCDF-4 that ArviZ opens.

Groups and dimension names follow the InferenceData schema, which ArviZ 0.x reads as InferenceData and ArviZ 1.x as a
DataTree of xarray; files are written group by group with xarray alone, so neither is needed here. `posterior` holds the
parameters; `sample_stats` the natural log of the likelihood and of the prior; `log_likelihood` one variable per data
set, point by point (their sum is the data set's ln L); `posterior_predictive` data drawn from the model at each sample,
and, as NAME_expected, what the model expects; `observed_data` the data; `constant_data` their energies and errors, as
NAME_energy_min and so on, and the parameters that are fixed; `prior` draws of the prior. Every variable has its unit;
parameters have their LaTeX label too. So figures of parameters and spectra can be drawn from the file alone.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.likelihoods.likelihood import DataColumn
from crsea_infer.inference.replicates import replicated, values_of
from crsea_infer.support.files import atomic_netcdf
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import xarray as xr

    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.support.arrays import Float64

__all__ = ["as_chains", "columns_of", "posterior_datasets", "write_posterior"]

_N_CHAINS = 4
_N_DRAWS = 1000
_LEAST_DRAWS = 50
_N_PRIOR = 1000


def as_chains(result: SamplerResult, generator: np.random.Generator) -> Float64:
    """Return equally weighted parameters [chain, draw, n].

    Chains of walkers stay as they are. Weighted samples are resampled to as many draws as they are worth, so that what
    reads the file may take them for independent: at most 4 x 1000. There are at least 4 x 50, as what reads the file
    needs; those of samples that are worth fewer repeat, and are no more independent than the samples were.
    """
    if result.chains is not None:
        return result.chains
    effective = int(_worth(result))
    n_draws = int(np.clip(effective // _N_CHAINS, _LEAST_DRAWS, _N_DRAWS))
    chosen = result.resampled(_N_CHAINS * n_draws, generator)
    chosen = chosen[: len(chosen) // _N_CHAINS * _N_CHAINS]
    return np.asarray(result.samples[chosen].reshape(_N_CHAINS, -1, len(result.names)))


def _worth(result: SamplerResult) -> float:
    return float(1.0 / np.sum(result.weights**2))


def write_posterior(
    path: Path, posterior: Posterior, result: SamplerResult, identity: Mapping[str, str], generator: np.random.Generator
) -> None:
    """Write samples of a posterior, with data, predictions and draws of the prior, to a netCDF file."""
    _write_groups(path, *_groups(posterior, result, identity, generator))


def posterior_datasets(
    posterior: Posterior, result: SamplerResult, identity: Mapping[str, str], generator: np.random.Generator
) -> dict[str, xr.Dataset]:
    """Return what :func:`write_posterior` writes: group -> Dataset."""
    groups, attributes = _groups(posterior, result, identity, generator)
    return {name: _dataset(variables, attributes) for name, variables in groups.items()}


_Variables = dict[str, tuple[Any, Any, dict[str, Any]]]


def _groups(
    posterior: Posterior, result: SamplerResult, identity: Mapping[str, str], generator: np.random.Generator
) -> tuple[dict[str, _Variables], dict[str, Any]]:
    """Return the variables of each group as (dimensions, values, attributes), and the attributes of all groups."""
    chains = as_chains(result, generator)
    dimensions = ("chain", "draw")
    by_data_set = posterior.log_likelihood_per_data_set(chains)
    expected = posterior.predictions(chains)
    attributes = {
        "created_by": f"crsea_infer {__version__}",
        "inference_library": result.sampler,
        "hypothesis": posterior.hypothesis.name,
        "title": posterior.hypothesis.title,
        "weights": f"equal; resampled from weighted samples worth {_worth(result):.0f} independent ones"
        if result.chains is None
        else "equal; chains of walkers",
        **{f"identity_{key}": value for key, value in identity.items()},
        **{f"diagnostic_{key}": value for key, value in result.diagnostics.items()},
    }
    if result.evidence is not None:
        attributes |= {
            "lnz": result.evidence.lnz,
            "lnz_err": result.evidence.lnz_err,
            "lnz_method": result.evidence.method,
        }
    groups: dict[str, _Variables] = {
        "posterior": _by_parameter(posterior, chains),
        "sample_stats": {
            "lnl": (dimensions, sum(by_data_set.values()), {"description": "natural log of the likelihood"}),
            "lnprior": (dimensions, posterior.log_prior(chains), {"description": "natural log of the prior density"}),
        },
        "log_likelihood": {
            name: (
                (*dimensions, f"{name}_point"),
                values,
                {"description": "natural log of the likelihood of each point"},
            )
            for name, values in posterior.log_likelihood_pointwise(chains).items()
        },
        "posterior_predictive": {},
        "observed_data": {},
        "constant_data": {
            parameter.name: ((), parameter.fiducial, _of_parameter(parameter))
            for parameter in posterior.hypothesis.fixed
        },
    }
    columns = {likelihood.name: columns_of(likelihood) for likelihood in posterior.likelihoods}
    units = {name: {"units": own["values"].unit} if "values" in own else {} for name, own in columns.items()}
    for name, drawn in _simulated(posterior, chains, generator).items():
        axes = (*dimensions, f"{name}_point")
        words = {"description": "data drawn from the model", **units[name]}
        groups["posterior_predictive"][name] = (axes, drawn, words)
    for name, values in expected.items():
        axes = (*dimensions, f"{name}_point")
        words = {"description": "expectation of the model", **units[name]}
        groups["posterior_predictive"][f"{name}_expected"] = (axes, values, words)
    for likelihood in posterior.likelihoods:
        name, points = likelihood.name, (f"{likelihood.name}_point",)
        for key, column in columns[name].items():
            words = {"units": column.unit, "description": column.description}
            if key == "values":
                groups["observed_data"][name] = (points, column.values, {**words, **_of_data(likelihood)})
            else:
                groups["constant_data"][f"{name}_{key}"] = (points, column.values, words)
    # last, so that what is drawn above does not depend on it
    unit = generator.random((1, _N_PRIOR, len(posterior.names)))
    groups["prior"] = _by_parameter(posterior, np.asarray(posterior.prior_transform(unit)))
    return groups, attributes


def _by_parameter(posterior: Posterior, draws: Float64) -> _Variables:
    """Return the variables of parameters [chain, draw, n]."""
    return {
        parameter.name: (("chain", "draw"), draws[..., index], _of_parameter(parameter))
        for index, parameter in enumerate(posterior.parameters)
    }


def _of_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "units": parameter.unit,
        "label": parameter.label,
        "description": parameter.description,
        "prior": parameter.distribution.describe(),
        "distribution": json.dumps(dataclasses.asdict(parameter.distribution)),
        "published": parameter.fiducial,
        "source": parameter.source,
    }


def _of_data(likelihood: Likelihood) -> dict[str, Any]:
    """Return what must be said of data wherever they are shown."""
    origin = likelihood.provenance
    return {
        "title": likelihood.title,
        "label": likelihood.label,
        "region": likelihood.region or "",
        "reference": f"{origin.reference}, {origin.table_or_figure}",
        "status": origin.status,
    }


def columns_of(likelihood: Likelihood) -> dict[str, DataColumn]:
    """Return the data and what belongs to each point; of a kind of a user's own at least the data, if it has any."""
    known = getattr(likelihood, "columns", None)
    if isinstance(known, dict):
        return known
    values = getattr(likelihood, "values", None)
    return {} if values is None else {"values": DataColumn(np.asarray(values), "", "data")}


def _simulated(posterior: Posterior, chains: Float64, generator: np.random.Generator) -> dict[str, Float64]:
    """Return data drawn at every sample [chain, draw, n_data], for data sets that are lists of values."""
    flat = chains.reshape(chains.shape[0] * chains.shape[1], chains.shape[2])  # of no parameter, it may be
    intensities, nuisances = posterior.intensities(flat), posterior.nuisance_values(flat)
    drawn = {}
    for likelihood in posterior.likelihoods:
        if not hasattr(likelihood, "values"):
            continue
        found = values_of(replicated(likelihood, intensities[likelihood.name], nuisances, generator))
        drawn[likelihood.name] = found.reshape(*chains.shape[:2], likelihood.n_data)
    return drawn


def _dataset(variables: Mapping[str, tuple[Any, Any, dict[str, Any]]], attributes: Mapping[str, Any]) -> xr.Dataset:
    """Return one group, each dimension with its numbers as coordinate."""
    import xarray

    dataset = xarray.Dataset(dict(variables), attrs=dict(attributes))
    return dataset.assign_coords({name: np.arange(size) for name, size in dataset.sizes.items()})


def _write_groups(
    path: Path, groups: Mapping[str, Mapping[str, tuple[Any, Any, dict[str, Any]]]], attributes: Mapping[str, Any]
) -> None:
    """Write groups of variables to one netCDF-4 file; the one place that knows the layout ArviZ expects."""
    from xarray.backends import H5NetCDFStore

    with atomic_netcdf(path) as file:
        for group, variables in groups.items():
            store = H5NetCDFStore(file.create_group(group), mode="a")
            _dataset(variables, attributes).dump_to_store(store)
