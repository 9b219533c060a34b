"""Local cosmic rays: what each hypothesis makes of protons and helium at the Sun, against data and the prior.

Bands are those of the table of spectra. Where the run has spectra measured at the Sun they are drawn, at kinetic energy
per nucleon and without the shifts of their energy scales; the prior of each hypothesis is drawn in any case, since
gamma rays alone say little of either spectrum.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.inference.likelihoods.cosmic_ray_energy import jacobian, kinetic_energy_per_nucleon
from crsea_infer.physics.local_spectrum import local_intensity
from crsea_infer.report.layout.figure_words import plain_text
from crsea_infer.report.layout.sections import Section
from crsea_infer.report.layout.style import (
    COLUMN,
    FEW,
    LONG,
    PAGE,
    legend_below,
    look,
    new_figure,
    plain_log_ticks,
)
from crsea_infer.report.results.shown_run import common_words, is_local, titles_of
from crsea_infer.report.results.spectrum_curves import THE_SUN, TOTAL
from crsea_infer.support.errors import UserError
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.physics.local_spectrum import Species
    from crsea_infer.report.results.shown_run import ShownData, ShownHypothesis, ShownRun
    from crsea_infer.report.results.spectrum_curves import Curve
    from crsea_infer.report.results.summary import RunSummary
    from crsea_infer.support.arrays import Float64

__all__ = ["draw_local_spectra", "figure_names", "figures", "local_section"]

(FIGURE,) = PRODUCTS["local spectra"].figures
_POWER: Final = 2.8
_PER_M2: Final = 1e4  # the table has cosmic rays per cm2
_NUCLEI: Final[tuple[Species, ...]] = ("proton", "helium")
_MARKERS: Final = "os^Dv<>pP*"
_GREYS: Final = ("0.0", "0.45")


def figure_names(run: ShownRun) -> list[str]:
    """Return the name of the figure; none where no hypothesis has parameters of local spectra."""
    has = any(name.startswith(_NUCLEI) for item in run.hypotheses for name in item.names)
    return [FIGURE] if has or any(is_local(data, one) for data in run.data_sets for one in _NUCLEI) else []


def figures(run: ShownRun) -> dict[str, Callable[[], Figure]]:
    """Return what draws the figure, by name."""
    return {name: lambda: draw_local_spectra(run) for name in figure_names(run)}


def draw_local_spectra(run: ShownRun) -> Figure:
    """Draw protons and helium at the Sun side by side."""
    curves = [curve for curve in run.curves if curve.place == THE_SUN and curve.component == TOTAL]
    nuclei = [one for one in _NUCLEI if any(curve.messenger == one for curve in curves)]
    width = PAGE if len(nuclei) > 1 else COLUMN
    figure = new_figure(width, 2.75)
    left, gap = 0.5 / width, 0.55 / width
    wide = (1.0 - left - 0.11 / width - gap * (len(nuclei) - 1)) / max(len(nuclei), 1)
    places: dict[str, int] = {}
    for index, species in enumerate(nuclei):
        axes = figure.add_axes((left + index * (wide + gap), 0.42 / 2.75, wide, (2.75 - 0.42 - 0.25) / 2.75))
        _draw(axes, species, [curve for curve in curves if curve.messenger == species], run, places)
    legend_below(figure, _handles(run, places), LONG if len(run.hypotheses) > FEW else 1.8)
    return figure


def _draw(axes: Axes, species: Species, curves: Sequence[Curve], run: ShownRun, places: dict[str, int]) -> None:
    few = len(run.hypotheses) <= FEW
    items = {item.name: (index, item) for index, item in enumerate(run.hypotheses)}
    inside = []
    for curve in curves:
        index, item = items[curve.hypothesis]
        own, scale = look(index), curve.energies**_POWER * _PER_M2
        band = {name: values * scale for name, values in curve.bands.items()}
        if few:
            axes.fill_between(curve.energies, band["low95"], band["high95"], color=own.colour, alpha=0.18, linewidth=0)
        shade = 0.38 if few else 0.1
        axes.fill_between(curve.energies, band["low68"], band["high68"], color=own.colour, alpha=shade, linewidth=0)
        axes.plot(curve.energies, band["median"], color=own.colour, linestyle=own.line)
        prior = _prior(item, species, curve.energies) if few else None
        for edge in () if prior is None else prior:
            axes.plot(curve.energies, edge * curve.energies**_POWER, color=own.colour, linestyle=":", linewidth=0.8)
        inside += [band["low68"], band["high68"]]
    for data in run.data_sets:
        if is_local(data, species):
            inside.append(_draw_points(axes, data, species, places))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(curves[0].energies[0], curves[0].energies[-1])
    top = max(float(one.max()) for one in inside if one.size)
    low = min(float(one.min()) for one in inside if one.size)
    axes.set_ylim(max(low, top / 1e3) / 1.6, top * 1.5)
    nucleon = "/n" if species == "helium" else ""
    axes.set_title(f"{'protons' if species == 'proton' else 'helium'} at the Sun", pad=4)
    axes.set_xlabel(f"kinetic energy $E$  [GeV{nucleon}]")
    unit = rf"(GeV{nucleon})$^{{{_POWER - 1:.1f}}}$" if nucleon else rf"GeV$^{{{_POWER - 1:.1f}}}$"
    exponent = math.floor(math.log10(top))
    plain_log_ticks(axes.yaxis, exponent)
    axes.set_ylabel(rf"$E^{{{_POWER}}}\,J(E)$  [$10^{{{exponent}}}$ {unit} m$^{{-2}}$ s$^{{-1}}$ sr$^{{-1}}$]")


def _prior(item: ShownHypothesis, species: Species, energies: Float64) -> Float64 | None:
    """Return the ends of the central 95 % of the prior [2, n], None where the nucleus has no parameters."""
    try:
        drawn = np.asarray(local_intensity(species, energies, item.prior_values()))
    except UserError:
        return None
    return np.asarray(np.quantile(np.atleast_2d(drawn), [0.025, 0.975], axis=0))


def _draw_points(axes: Axes, data: ShownData, species: Species, places: dict[str, int]) -> Float64:
    """Draw a measured spectrum at kinetic energies per nucleon, and return what it reaches over."""
    quantity = data.settings["energy"]
    energy = kinetic_energy_per_nucleon(species, quantity, data.columns["energy_reference"])
    scale = energy**_POWER / jacobian(species, quantity, energy)
    values = data.columns["values"]
    common = data.columns.get("systematic", np.zeros_like(values))
    errors = np.stack([np.hypot(data.columns[f"error_{end}"], common) for end in ("low", "high")])
    place = places.setdefault(_experiment(data), len(places))
    colour = _GREYS[place % len(_GREYS)]
    axes.errorbar(
        energy,
        values * scale,
        yerr=np.minimum(errors, 0.95 * values) * scale,
        fmt=_MARKERS[place % len(_MARKERS)],
        color=colour,
        markerfacecolor=colour if place % 3 else "white",
        markersize=2.8,
        markeredgewidth=0.6,
        elinewidth=0.6,
        zorder=5,
    )
    inside = (energy >= axes.dataLim.x0) & (energy <= axes.dataLim.x1)
    return np.asarray((values * scale)[inside])


def _experiment(data: ShownData) -> str:
    """Return what measured: labels of both nuclei end in the nucleus."""
    return data.words.removesuffix(" p").removesuffix(" He")


def _handles(run: ShownRun, places: dict[str, int]) -> list[Any]:
    from matplotlib.lines import Line2D

    few = len(run.hypotheses) <= FEW
    handles = [
        Line2D([], [], color=look(index).colour, linestyle=look(index).line, label=words)
        for index, words in enumerate(titles_of(run).values())
    ]
    if few:
        handles.append(Line2D([], [], color="0.3", linestyle=":", linewidth=0.8, label="95 % of the prior"))
    for name, place in places.items():
        colour = _GREYS[place % len(_GREYS)]
        style: dict[str, Any] = {"markersize": 2.8, "markeredgewidth": 0.6, "linestyle": "", "color": colour}
        marker, face = _MARKERS[place % len(_MARKERS)], colour if place % 3 else "white"
        handles.append(Line2D([], [], marker=marker, markerfacecolor=face, label=plain_text(name), **style))
    return handles


def local_section(_directory: Path, summary: RunSummary) -> Section:
    """Return what the page says."""
    few = len(summary.hypotheses) <= FEW
    measured = any(is_local(data, one) for data in summary.data_sets for one in _NUCLEI)
    caption = (
        "Protons and helium at the Sun. "
        + ("Bands: 68 % and 95 % of the posterior. Dotted: 95 % of the prior. " if few else "Bands: 68 %. ")
        + (
            "Points: the spectra of this run, with statistical and systematic errors in quadrature."
            if measured
            else "No spectrum measured at the Sun is among the data of this run."
        )
        + f"{common_words(summary)}{summary.unconverged_shown}"
    )
    return Section("Local cosmic rays", figures={FIGURE: caption})
