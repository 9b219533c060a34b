"""Curves through the data of a region: at which energies, and what draws of a posterior make of them.

The table of spectra keeps their bands, and figures draw what it keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from crsea_infer.emulator.sky_model import Request
from crsea_infer.emulator.sky_of_physics import sky_for
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.unresolved_sources import with_unresolved_sources
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from crsea_infer.emulator.sky_model import Messenger, SkyModel
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.support.arrays import Float64

__all__ = [
    "BANDS",
    "N_CURVES",
    "THE_SUN",
    "TOTAL",
    "Curve",
    "all_curves",
    "component_curves",
    "curve_energies",
    "own_data_set",
    "point_curves",
    "shown_data_sets",
]

BANDS = {"median": 0.5, "low68": 0.16, "high68": 0.84, "low95": 0.025, "high95": 0.975}
"""Column of a table of bands -> quantile."""

N_CURVES = 400
"""Draws of which bands are made."""

TOTAL = "total"
"""Of all components together."""

THE_SUN = "the Sun"
"""The place of local spectra."""

_N_ENERGIES = 60
_LOCAL_ENERGIES = tuple(np.geomspace(1e2, 1e7, 51).tolist())
_LOCAL: tuple[Messenger, ...] = ("proton", "helium")
_PER_CM2 = 1e-4  # a sky model gives cosmic rays per m2
_Parts: TypeAlias = "Callable[[Float64], dict[str, Float64]]"


class Fitted(Protocol):
    """A hypothesis of which curves are made; see :class:`crsea_infer.report.results.summary.HypothesisSummary`."""

    @property
    def name(self) -> str:
        """How tables call it."""

    @property
    def posterior(self) -> Posterior:
        """Prior, likelihood and predictions."""

    @property
    def draws(self) -> Float64:
        """Equally weighted draws [n_draws, n]."""


class FittedRun(Protocol):
    """A run of which curves are made; see :class:`crsea_infer.report.results.summary.RunSummary`."""

    @property
    def run(self) -> RunFile:
        """What was run."""

    @property
    def model(self) -> SkyModel:
        """The sky model."""

    @property
    def hypotheses(self) -> Sequence[Fitted]:
        """In the order of the run file."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Bands of the posterior of a spectrum.

    Attributes
    ----------
    hypothesis
        Its name.
    messenger, place
        "gamma" or "neutrino" of a region of the sky, "proton" or "helium" at the Sun.
    data_set
        The data set of the region; empty for local spectra.
    component
        Part of the emission, or :data:`TOTAL`.
    energies
        [n], GeV; of helium per nucleon.
    bands
        :data:`BANDS` and "published", each [n], GeV^-1 cm^-2 s^-1 sr^-1.
    """

    hypothesis: str
    messenger: str
    place: str
    data_set: str
    component: str
    energies: Float64
    bands: Mapping[str, Float64]


def shown_data_sets(summary: FittedRun) -> list[FluxPoints]:
    """Return the data sets of flux points of a run."""
    return [likelihood for likelihood in summary.run.likelihoods if isinstance(likelihood, FluxPoints)]


def own_data_set(item: Fitted, likelihood: FluxPoints) -> Likelihood | None:
    """Return the data set as a hypothesis has it; None when it is the training set of others."""
    return next((one for one in item.posterior.likelihoods if one.name == likelihood.name), None)


def curve_energies(likelihood: FluxPoints, summary: FittedRun) -> Float64:
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


def component_curves(item: Fitted, request: Request, summary: FittedRun) -> Callable[[Float64], dict[str, Float64]]:
    """Return a function from parameters [..., n] to each component of what is asked for [..., n_energies]."""
    names = [parameter.name for parameter in item.posterior.hypothesis.parameters]
    model = sky_for(summary.model, item.posterior.hypothesis)
    bound = with_unresolved_sources(model, names).bind([request])

    def components(theta: Float64) -> dict[str, Float64]:
        values = item.posterior.values(theta)
        (found,) = bound.components({name: values[name] for name in names})
        return {name: np.asarray(value) for name, value in found.items()}

    return components


def point_curves(item: Fitted, likelihood: FluxPoints, summary: FittedRun) -> Callable[[Float64], dict[str, Float64]]:
    """Return the same at the points of a data set that contains more than the sky model, its own components too.

    The expectation of each point less the data set's own components is shared out among those of the sky model as they
    stand at the energy of the point.
    """
    sky = component_curves(
        item,
        Request(likelihood.requests[0].messenger, tuple(likelihood.energy_reference.tolist()), likelihood.region),
        summary,
    )

    def components(theta: Float64) -> dict[str, Float64]:
        nuisances = item.posterior.nuisance_values(theta)
        whole = np.asarray(item.posterior.predictions(theta)[likelihood.name])
        own = {
            one.label: np.asarray(nuisances[one.nuisance.name])[..., None] * one.prediction
            for one in likelihood.components
        }
        of_sky = sky(theta)
        share = (whole - sum(own.values())) / sum(of_sky.values())
        return {name: part * share for name, part in of_sky.items()} | own

    return components


def all_curves(summary: FittedRun) -> Iterator[Curve]:
    """Compute the curves of all hypotheses: of each region that has flux points, and at the Sun."""
    for item in summary.hypotheses:
        yield from _of_hypothesis(item, summary)


def _of_hypothesis(item: Fitted, summary: FittedRun) -> Iterator[Curve]:
    for likelihood in shown_data_sets(summary):
        if own_data_set(item, likelihood) is None or likelihood.region is None:
            continue
        energies = curve_energies(likelihood, summary)
        request = Request(likelihood.requests[0].messenger, tuple(energies.tolist()), likelihood.region)
        if likelihood.components:  # known at the points of the data set alone
            parts = point_curves(item, likelihood, summary)
        else:
            parts = component_curves(item, request, summary)
        yield from _curves(item, request, likelihood.name, parts, 1.0)
    for messenger in _LOCAL:
        request = Request(messenger, _LOCAL_ENERGIES)
        try:
            found = list(_curves(item, request, "", component_curves(item, request, summary), _PER_CM2))
        except UserError:  # a sky model or a hypothesis without this nucleus, or not so far
            continue
        yield from found


def _curves(item: Fitted, request: Request, data_set: str, parts: _Parts, unit: float) -> Iterator[Curve]:
    drawn, published = parts(item.draws[:N_CURVES]), parts(item.posterior.fiducial)
    energies = np.asarray(request.energies)
    for name in (TOTAL, *(drawn if len(drawn) > 1 else ())):
        quantiles = np.quantile(_part(drawn, name), list(BANDS.values()), axis=0) * unit
        quantiles = np.broadcast_to(quantiles, (len(BANDS), energies.size))
        middle = np.broadcast_to(_part(published, name), energies.shape) * unit
        bands = dict(zip(BANDS, quantiles, strict=True)) | {"published": middle}
        yield Curve(item.name, request.messenger, request.region or THE_SUN, data_set, name, energies, bands)


def _part(components: dict[str, Float64], name: str) -> Float64:
    """Return a component [..., n_energies], or all of them together."""
    return np.asarray(components[name] if name in components else sum(components.values()))
