"""Curves through the data of a region: at which energies, and what draws of a posterior make of them.

Figures draw them, and the table of spectra keeps their numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.emulator.sky_model import Request
from crsea_infer.emulator.sky_of_physics import sky_for
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.unresolved_sources import with_unresolved_sources
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.report.summary import HypothesisSummary, RunSummary
    from crsea_infer.support.arrays import Float64

__all__ = ["BANDS", "N_CURVES", "component_curves", "curve_energies", "curves", "own_data_set", "shown_data_sets"]

BANDS = {"median": 0.5, "low68": 0.16, "high68": 0.84, "low95": 0.025, "high95": 0.975}
"""Column of a table of bands -> quantile."""

N_CURVES = 400
"""Draws of which bands are made."""

_N_ENERGIES = 60


def shown_data_sets(summary: RunSummary) -> list[FluxPoints]:
    """Return the data sets of flux points of a run."""
    return [likelihood for likelihood in summary.run.likelihoods if isinstance(likelihood, FluxPoints)]


def own_data_set(item: HypothesisSummary, likelihood: FluxPoints) -> Likelihood | None:
    """Return the data set as a hypothesis has it; None when it is the training set of others."""
    return next((one for one in item.posterior.likelihoods if one.name == likelihood.name), None)


def curve_energies(likelihood: FluxPoints, summary: RunSummary) -> Float64:
    """Return the energies of the curves, GeV: a little beyond the data where the sky model allows."""
    if likelihood.components:  # known at the data points only
        return likelihood.energy_reference
    low, high = float(likelihood.energy_min.min()), float(likelihood.energy_max.max())
    messenger = likelihood.requests[0].messenger
    wider = np.geomspace(low / 1.3, high * 1.3, _N_ENERGIES)
    try:
        summary.model.bind([Request(messenger, tuple(wider.tolist()), likelihood.region)])
    except UserError:
        return np.geomspace(low, high, _N_ENERGIES)
    return wider


def curves(
    item: HypothesisSummary, likelihood: FluxPoints, energies: Float64, summary: RunSummary
) -> Callable[[Float64], Float64]:
    """Return a function from parameters [..., n] to the intensity in the region [..., n_energies]."""
    if likelihood.components:
        return lambda theta: np.asarray(item.posterior.predictions(theta)[likelihood.name])
    request = Request(likelihood.requests[0].messenger, tuple(energies.tolist()), likelihood.region)
    components = component_curves(item, request, summary)
    return lambda theta: np.asarray(sum(components(theta).values()))


def component_curves(
    item: HypothesisSummary, request: Request, summary: RunSummary
) -> Callable[[Float64], dict[str, Float64]]:
    """Return a function from parameters [..., n] to each component of what is asked for [..., n_energies]."""
    names = [parameter.name for parameter in item.posterior.hypothesis.parameters]
    model = sky_for(summary.model, item.posterior.hypothesis)
    bound = with_unresolved_sources(model, names).bind([request])

    def components(theta: Float64) -> dict[str, Float64]:
        values = item.posterior.values(theta)
        (found,) = bound.components({name: values[name] for name in names})
        return {name: np.asarray(value) for name, value in found.items()}

    return components
