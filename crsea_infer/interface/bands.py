"""Tables of what a posterior expects: medians with 68 and 95 % bands, with units."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.inference.posterior_file import columns_of
from crsea_infer.interface.predict import steps_of
from crsea_infer.report.results.spectrum_curves import BANDS
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.table import QTable
    from astropy.units import Quantity

    from crsea_infer.emulator.sky_model import Messenger, SkyModel
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.support.arrays import Float64

_WORDS: Final = {
    "median": "posterior median of the intensity",
    "low68": "lower end of the central 68 per cent",
    "high68": "upper end of the central 68 per cent",
    "low95": "lower end of the central 95 per cent",
    "high95": "upper end of the central 95 per cent",
}

__all__ = ["BANDS", "bands", "points_table", "predicted_bands"]


def bands(draws: Float64) -> dict[str, Float64]:
    """Return the quantiles :data:`BANDS` of draws [n_draws, ...], each of shape [...]."""
    found = np.quantile(draws, list(BANDS.values()), axis=0)
    return dict(zip(BANDS, found, strict=True))


def points_table(likelihood: Likelihood, expected: Float64) -> QTable:
    """Return data and expectation of a data set [n_draws, n_data], point by point.

    Columns: what is known of each point (energies, errors), `data`, and those of :data:`BANDS`.
    """
    from astropy import units as u
    from astropy.table import QTable

    table = QTable(meta={"data_set": likelihood.name, "title": likelihood.title, "label": likelihood.label})
    known = columns_of(likelihood)
    for name, column in known.items():
        table["data" if name == "values" else name] = u.Quantity(column.values, column.unit)
    unit = known["values"].unit if "values" in known else ""
    for name, quantile in bands(expected).items():
        table[name] = u.Quantity(quantile, unit)
        table[name].info.format = ".4g"
    return table


def predicted_bands(
    model: SkyModel,
    values: Mapping[str, Float64],
    *,
    energies: Quantity,
    messenger: Messenger = "gamma",
    region: str | None = None,
    radius: Quantity | None = None,
    profile: tuple[str, int] | None = None,
    all_flavours: bool = False,
) -> QTable:
    """Return the bands of an intensity under draws of the parameters.

    Parameters
    ----------
    model
        The sky model.
    values
        Every parameter of the hypothesis by name [n_draws].
    energies, messenger, region, radius, profile, all_flavours
        As in :func:`crsea_infer.predict`.

    Returns
    -------
    QTable
        Columns `energy` and those of :data:`BANDS`; rows are steps times energies for a profile, with the edges of the
        steps. The solid angle of the region stands in the metadata.
    """
    from astropy import units as u
    from astropy.table import QTable

    from crsea_infer.inference.prediction import intensities
    from crsea_infer.interface.quantities import INTENSITY, request_in_units
    from crsea_infer.physics.regions import parse_region

    request = request_in_units(energies, messenger, region, radius)
    if all_flavours and messenger != "neutrino":
        raise UserError(f"all flavours of the messenger {messenger}", valid="all flavours of neutrinos")
    meta: dict[str, Any] = {
        "messenger": f"{messenger}, all flavours" if all_flavours else messenger,
        "place": region or ("the Sun" if radius is None else f"Galactocentric radius {radius}"),
    }
    if region is not None:
        meta["solid_angle_sr"] = float(parse_region(region).solid_angle)
    meta["bands"] = "median, and central 68 and 95 per cent of the posterior"
    steps = [parse_region(region)] if region is not None else []
    if profile is not None:
        steps = steps_of(region, messenger, profile)
    requests = [replace(request, region=step.name) for step in steps if step.solid_angle > 0] or [request]
    n = len(next(iter(values.values())))
    drawn = [one["intensity"] for one in intensities(model, requests, values)]
    quantiles = iter([bands(np.broadcast_to(one, (n, len(request.energies)))) for one in drawn])
    nothing = dict.fromkeys(BANDS, np.full(len(request.energies), np.nan))
    rows = [next(quantiles) if step.solid_angle > 0 else nothing for step in steps] or [next(quantiles)]
    table = QTable(meta=meta)
    if profile is not None:
        axis = profile[0]
        for end, edge in enumerate(("low", "high")):
            edges = [(step.longitude if axis == "longitude" else step.latitude)[end] for step in steps]
            table[f"{axis}_{edge}"] = u.Quantity(np.repeat(edges, len(request.energies)), "deg")
    table["energy"] = u.Quantity(np.tile(request.energies, len(rows)), "GeV").to(u.Quantity(energies).unit)
    for name in BANDS:
        joined = np.concatenate([row[name] for row in rows]) * (3.0 if all_flavours else 1.0)
        table[name] = u.Quantity(joined, INTENSITY[messenger])
        table[name].info.format = ".4g"
        table[name].info.description = _WORDS[name]
    return table
