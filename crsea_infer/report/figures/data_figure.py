"""A data set by itself: its points with their errors, in the units that they are quoted in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.likelihoods.cosmic_ray_flux import CosmicRayFlux
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.report.layout.style import COLOURS, COLUMN, new_figure, styled
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.inference.likelihoods.likelihood import Likelihood

__all__ = ["data_figure"]

_POWER = 2.8


def data_figure(likelihood: Likelihood) -> Figure:
    """Draw a data set: a spectrum times a power of energy, or single numbers with their errors.

    Raises
    ------
    UserError
        When its kind tells of no values with errors.
    """
    columns: dict[str, Any] = getattr(likelihood, "columns", {})
    if not {"values", "error_low", "error_high"} <= columns.keys():
        raise UserError(
            f"data sets such as {likelihood.name!r} have no values with errors to draw",
            valid="flux-points, cosmic-ray-flux, spectral-index, template-normalisation",
        )
    with styled():
        figure = new_figure(COLUMN, 2.7 if isinstance(likelihood, FluxPoints | CosmicRayFlux) else 1.3)
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        if isinstance(likelihood, FluxPoints):
            _draw_flux(axes, likelihood)
        elif isinstance(likelihood, CosmicRayFlux):
            _draw_cosmic_rays(axes, likelihood)
        else:
            _draw_numbers(axes, columns)
        axes.set_title(likelihood.label, pad=4)
    return figure


def _draw_flux(axes: Axes, data: FluxPoints) -> None:
    scale, tev = data.energy_reference**_POWER, data.energy_reference / 1e3
    across = np.stack([tev - data.energy_min / 1e3, data.energy_max / 1e3 - tev])
    points, limits = ~data.is_upper_limit, data.is_upper_limit
    values = data.values * scale
    grey: dict[str, Any] = {"fmt": "none", "ecolor": "0.55", "elinewidth": 3.2, "alpha": 0.6}
    if np.any(data.systematic > 0):
        axes.errorbar(
            tev[points], values[points], yerr=(data.systematic * scale)[points], label="systematic error", **grey
        )
    errors = np.stack([data.error_low, data.error_high]) * scale
    axes.errorbar(
        tev[points], values[points], xerr=across[:, points], yerr=errors[:, points], label="data", **_dots(COLOURS[0])
    )
    if limits.any():
        options = _dots(COLOURS[0]) | {"fmt": "none", "uplims": True, "ecolor": COLOURS[1], "label": "upper limit"}
        axes.errorbar(tev[limits], values[limits], xerr=across[:, limits], yerr=0.4 * values[limits], **options)
    for place, one in enumerate(data.components, start=2):
        axes.plot(
            tev,
            one.nuisance.fiducial * one.prediction * scale,
            color=COLOURS[place % len(COLOURS)],
            linestyle="--",
            label=one.label,
        )
    axes.set_xlabel("energy $E$  [TeV]")
    axes.set_ylabel(rf"$E^{{{_POWER}}}\,I(E)$  [GeV$^{{{_POWER - 1:.1f}}}$ cm$^{{-2}}$ s$^{{-1}}$ sr$^{{-1}}$]")
    least = [float(np.max(one.nuisance.fiducial * one.prediction * scale)) for one in data.components]
    _frame(axes, values, errors[0], least)
    axes.legend(loc="best", handlelength=1.4, labelspacing=0.25)


def _draw_cosmic_rays(axes: Axes, data: CosmicRayFlux) -> None:
    scale = data.energy_reference**_POWER
    common = data.relative_systematic * data.values
    if np.any(common > 0):
        axes.errorbar(
            data.energy_reference,
            data.values * scale,
            yerr=np.minimum(common, 0.95 * data.values) * scale,
            fmt="none",
            ecolor="0.55",
            elinewidth=3.2,
            alpha=0.6,
            label="systematic error",
        )
    errors = np.stack([data.error_low, data.error_high])
    axes.errorbar(data.energy_reference, data.values * scale, yerr=errors * scale, label="data", **_dots(COLOURS[0]))
    unit = "GV" if data.energy == "rigidity" else "GeV"
    symbol = "R" if data.energy == "rigidity" else "E"
    power = rf"{unit}$^{{{_POWER - 1:.1f}}}$"
    axes.set_xlabel(f"{data.energy.replace('_', ' ')} ${symbol}$  [{unit}]")
    axes.set_ylabel(rf"${symbol}^{{{_POWER}}}\,J$  [{power} m$^{{-2}}$ s$^{{-1}}$ sr$^{{-1}}$]")
    _frame(axes, data.values * scale, np.minimum(errors[0], 0.9 * data.values) * scale)
    axes.legend(loc="best", handlelength=1.4, labelspacing=0.25)


def _draw_numbers(axes: Axes, columns: dict[str, Any]) -> None:
    values = columns["values"]
    errors = np.stack([columns["error_low"].values, columns["error_high"].values])
    rows = np.arange(values.values.size)
    axes.errorbar(values.values, rows, xerr=errors, **_dots(COLOURS[0]))
    axes.set_yticks([])
    axes.set_ylim(-1, rows.size)
    axes.set_xlabel(values.description + (f"  [{values.unit}]" if values.unit else ""))


def _dots(colour: str) -> dict[str, Any]:
    return {"fmt": "o", "color": colour, "markersize": 3, "elinewidth": 0.8}


def _frame(axes: Axes, values: Any, error_low: Any, also: Sequence[float] = ()) -> None:
    """Set logarithmic axes that hold every error bar, and what else is to be seen."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    positive = values > 0
    if not positive.any():
        axes.set_yscale("linear")
        return
    low = np.where(values - error_low > 0, values - error_low, 0.3 * values)[positive].min()
    axes.set_ylim(bottom=0.7 * min(float(low), *also) if also else 0.7 * float(low))
