"""Tables of what a posterior expects: medians with 68 and 95 % bands, with units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.posterior_file import columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.table import QTable
    from astropy.units import Quantity

    from crsea_infer.emulator.sky_model import Messenger, SkyModel
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.support.arrays import Float64

__all__ = ["BANDS", "bands", "points_table", "predicted_bands"]

BANDS = {"median": 0.5, "low68": 0.16, "high68": 0.84, "low95": 0.025, "high95": 0.975}
"""Column of a table of bands -> quantile."""


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
) -> QTable:
    """Return the bands of an intensity under draws of the parameters.

    Parameters
    ----------
    model
        The sky model.
    values
        Every parameter of the hypothesis by name [n_draws].
    energies, messenger, region, radius
        As in :func:`crsea_infer.predict`.

    Returns
    -------
    QTable
        Columns `energy` and those of :data:`BANDS`.
    """
    from astropy import units as u
    from astropy.table import QTable

    from crsea_infer.inference.prediction import intensities
    from crsea_infer.interface.quantities import INTENSITY, request_in_units

    request = request_in_units(energies, messenger, region, radius)
    drawn = intensities(model, [request], values)[0]["intensity"]
    table = QTable(meta={"messenger": messenger, "place": region or ("the Sun" if radius is None else f"{radius}")})
    table["energy"] = u.Quantity(request.energies, "GeV").to(u.Quantity(energies).unit)
    for name, quantile in bands(
        np.broadcast_to(drawn, (len(next(iter(values.values()))), len(request.energies)))
    ).items():
        table[name] = u.Quantity(quantile, INTENSITY[messenger])
        table[name].info.format = ".4g"
    return table
