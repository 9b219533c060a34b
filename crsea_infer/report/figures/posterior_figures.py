"""Figures of one posterior, for notebooks: a corner and a spectrum, from draws and tables rather than from a run.

They have the style of the figures of runs, and belong to no window: a notebook shows them as the value of a cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.hypotheses.variants import VARIANT
from crsea_infer.report.figures.corner_figures import AT_MOST, draw_corner
from crsea_infer.report.layout.figure_words import plain_text, wrapped
from crsea_infer.report.layout.style import COLUMN, PAGE, look, new_figure, styled
from crsea_infer.support.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.table import QTable
    from matplotlib.figure import Figure

    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.support.arrays import Float64

__all__ = ["corner_of", "informativeness_of", "spectrum_of"]

_POWER = 2.8


@dataclass(frozen=True, eq=False)
class _Shown:
    """One hypothesis as corners draw it; see :class:`crsea_infer.report.results.shown_run.Drawn`."""

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    draws: Float64

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)


def corner_of(
    title: str, parameters: Sequence[Parameter], draws: Float64, chosen: Sequence[str] | None = None
) -> Figure:
    """Draw the posterior of one hypothesis.

    Parameters
    ----------
    title
        Of the hypothesis, for the legend.
    parameters
        The n parameters, with priors.
    draws
        Equally weighted [n_draws, n].
    chosen
        Names of those to show; by default of at most eight, those whose posterior differs most from the prior.

    Raises
    ------
    UserError
        When a chosen parameter does not exist.
    """
    shown = _Shown(title, title, tuple(parameters), draws)
    for one in chosen or ():
        if one not in shown.names:
            raise unknown_name("sampled parameter", one, shown.names)
    names = list(chosen) if chosen is not None else _telling(shown)
    width = PAGE if len(names) <= AT_MOST else 0.8 * len(names)
    with styled():
        return draw_corner([shown], names, [replace(look(0), line="-")], width, with_prior=True)


def _telling(shown: _Shown) -> list[str]:
    """Return the names of the parameters on which the data say most, in the order of the posterior."""
    says = informativeness_of(shown.parameters, shown.draws)
    most = [column for column in np.argsort(says)[::-1] if shown.names[column] != VARIANT][:AT_MOST]
    return [shown.names[column] for column in sorted(most)]


def informativeness_of(parameters: Sequence[Parameter], draws: Float64) -> Float64:
    """Return how much the data say about each parameter [n], in nats, beyond its prior.

    Kullback-Leibler divergence from prior to posterior in the normal approximation, in ln x where the prior is in ln x.
    """
    says = []
    grid = (np.arange(2000) + 0.5) / 2000
    for column, parameter in enumerate(parameters):
        if parameter.name == VARIANT:  # its shares stand in a table
            says.append(0.0)
            continue
        pair = np.asarray(parameter.distribution.prior_transform(grid)), draws[:, column]
        prior, posterior = (np.log(x) if parameter.distribution.is_logarithmic else x for x in pair)
        ratio = max(float(np.var(posterior) / np.var(prior)), 1e-12)
        shift = float((np.mean(posterior) - np.mean(prior)) ** 2 / np.var(prior))
        says.append(0.5 * (ratio + shift - 1.0 - np.log(ratio)))
    return np.asarray(says, dtype=np.float64)


def spectrum_of(title: str, points: QTable) -> Figure:
    """Draw data and expectation against energy, times E^2.8.

    Parameters
    ----------
    title
        Of the hypothesis, for the legend.
    points
        One row per point: `energy_reference` (with `energy_min` and `energy_max` if known), `data` (with `error_low`
        and `error_high` if known), `median`, `low68`, `high68`, `low95`, `high95`.

    Raises
    ------
    UserError
        When the points have no energies.
    """
    if "energy_reference" not in points.colnames:
        raise unknown_name("column of the points", "energy_reference", points.colnames)
    energies = points["energy_reference"].to_value("TeV")
    weight = points["energy_reference"].to_value("GeV") ** _POWER
    unit = points["data"].unit

    def scaled(column: str) -> Float64:
        return np.asarray(points[column].to_value(unit) * weight)

    with styled():
        figure = new_figure(COLUMN, 2.6)
        axes = figure.add_axes((0.2, 0.17, 0.77, 0.75))
        colour = look(0).colour
        axes.fill_between(energies, scaled("low95"), scaled("high95"), color=colour, alpha=0.18, linewidth=0)
        axes.fill_between(energies, scaled("low68"), scaled("high68"), color=colour, alpha=0.38, linewidth=0)
        axes.plot(energies, scaled("median"), color=colour, label=wrapped(plain_text(title), 34))
        errors = [scaled(one) for one in ("error_low", "error_high")] if "error_low" in points.colnames else None
        across = None
        if {"energy_min", "energy_max"} <= set(points.colnames):
            low, high = (points[one].to_value("TeV") for one in ("energy_min", "energy_max"))
            across = [energies - low, high - energies]
        style: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 3, "elinewidth": 0.8}
        axes.errorbar(energies, scaled("data"), yerr=errors, xerr=across, zorder=5, label="data", **style)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("energy $E$  [TeV]")
        per = unit.to_string("latex_inline").strip("$")
        axes.set_ylabel(rf"$(E/\mathrm{{GeV}})^{{{_POWER}}}\,I(E)$  [${per}$]")
        axes.set_title(plain_text(str(points.meta.get("label", points.meta.get("title", "")))), pad=4)
        axes.legend(loc="lower left")
    return figure
