"""A prior set or a hypothesis against the data: local cosmic rays and gamma rays that it allows, before any fit.

Bands hold 68 % and 95 % of the draws of the prior, the dashed line is the published one. Local spectra stand against
the tables of protons and helium that come with the package, with statistical and systematic errors in quadrature, gamma
rays against LHAASO-KM2A and Fermi-LAT in the same masked regions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.content import finding
from crsea_infer.inference.likelihoods.cosmic_ray_energy import jacobian, kinetic_energy_per_nucleon
from crsea_infer.inference.likelihoods.cosmic_ray_flux import CosmicRayFlux
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.report.layout.style import COLOURS, PAGE, new_figure, styled
from crsea_infer.report.results.prior_bands import gamma_bands, has_local_spectra, hypothesis_with, local_bands

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.hypotheses.prior_sets import PriorSet
    from crsea_infer.physics.local_spectrum import Species
    from crsea_infer.report.results.prior_bands import Bands

__all__ = ["hypothesis_figure", "prior_set_figure"]

_POWER: Final = 2.8
_COLOUR: Final = "0.35"
_MARKERS: Final = "os^Dv<"
_EXPERIMENTS: Final = ("ams02", "calet", "dampe", "kascade", "lhaaso", "icetop")
_REGIONS: Final = ("inner", "outer")
_LOCAL_RANGE: Final[dict[str, tuple[float, float]]] = {"proton": (30.0, 1e8), "helium": (15.0, 2e7)}
_SKY_RANGE: Final = (10.0, 2e6)


def prior_set_figure(prior_set: PriorSet, model: SkyModel) -> Figure:
    """Draw what a prior set allows, in a hypothesis that has it: local spectra if it has any, else gamma rays.

    Raises
    ------
    UserError
        When no hypothesis can have the set, or the sky model not its parameters.
    """
    hypothesis = hypothesis_with(prior_set)
    varied = [parameter.name for parameter in prior_set.parameters]
    with styled():
        figure = new_figure(PAGE, 2.9)
        figure.set_layout_engine("constrained")
        axes = figure.subplots(1, 2)
        if has_local_spectra(varied):
            _draw_local(axes, hypothesis, varied)
        else:
            _draw_sky(axes, hypothesis, varied, model)
    return figure


def hypothesis_figure(hypothesis: Hypothesis, model: SkyModel) -> Figure:
    """Draw what the priors of a hypothesis allow: protons, helium, and gamma rays of LHAASO's two regions.

    Raises
    ------
    UserError
        When the sky model cannot have the physics or a parameter of the hypothesis.
    """
    varied = [parameter.name for parameter in hypothesis.parameters]
    with styled():
        figure = new_figure(PAGE, 5.6)
        figure.set_layout_engine("constrained")
        axes = figure.subplots(2, 2)
        _draw_local(axes[0], hypothesis, varied)
        _draw_sky(axes[1], hypothesis, varied, model)
    return figure


def _draw_local(axes: Sequence[Axes], hypothesis: Hypothesis, varied: Collection[str]) -> None:
    nuclei: tuple[Species, Species] = ("proton", "helium")
    for place, (one, species) in enumerate(zip(axes, nuclei, strict=True)):
        low, high = _LOCAL_RANGE[species]
        bands = local_bands(hypothesis, varied, species, np.geomspace(low, high, 120))
        _draw_bands(one, bands, 1.0, legend=place == 0)
        _draw_experiments(one, species)
        one.set_xlim(low, high)
        nucleon = "/n" if species == "helium" else ""
        one.set_title(f"{'protons' if species == 'proton' else 'helium'} at the Sun", pad=4)
        one.set_xlabel(f"kinetic energy $E$  [GeV{nucleon}]")
        unit = rf"(GeV{nucleon})$^{{{_POWER - 1:.1f}}}$" if nucleon else rf"GeV$^{{{_POWER - 1:.1f}}}$"
        one.set_ylabel(rf"$E^{{{_POWER}}}\,J(E)$  [{unit} m$^{{-2}}$ s$^{{-1}}$ sr$^{{-1}}$]")
        _frame(one, bands, beside=5.0)
        one.legend(loc="lower left", handlelength=1.4, labelspacing=0.25, borderaxespad=0.4, ncols=2, columnspacing=0.9)


def _draw_experiments(axes: Axes, species: Species) -> None:
    """Draw the tables of a nucleus that come with the package, at kinetic energies per nucleon."""
    end = "protons" if species == "proton" else "helium"
    present = {item.name for item in finding.available("likelihoods")}
    for place, experiment in enumerate(_EXPERIMENTS):
        if f"{experiment}_{end}" not in present:
            continue
        data = load_likelihood(f"{experiment}_{end}")
        if not isinstance(data, CosmicRayFlux):
            continue
        energy = kinetic_energy_per_nucleon(species, data.energy, data.energy_reference)
        scale = energy**_POWER / jacobian(species, data.energy, energy)
        common = data.relative_systematic * data.values
        errors = np.stack([np.hypot(data.error_low, common), np.hypot(data.error_high, common)])
        axes.errorbar(
            energy,
            data.values * scale,
            yerr=np.minimum(errors, 0.95 * data.values) * scale,
            fmt=_MARKERS[place],
            color=COLOURS[place],
            markersize=2.0,
            markeredgewidth=0.3,
            elinewidth=0.5,
            label=data.label.removesuffix(" p").removesuffix(" He"),
        )


def _draw_sky(axes: Sequence[Axes], hypothesis: Hypothesis, varied: Collection[str], model: SkyModel) -> None:
    for place, (one, region) in enumerate(zip(axes, _REGIONS, strict=True)):
        bands = gamma_bands(model, hypothesis, varied, f"lhaaso_{region}", np.geomspace(*_SKY_RANGE, 60))
        _draw_bands(one, bands, 1e-3, legend=place == 0)
        _draw_points(one, f"lhaaso_km2a_{region}", "LHAASO-KM2A", 0)
        _draw_points(one, f"fermi_lat_masked_{region}", "Fermi-LAT, sources taken off", 1)
        one.set_xlim(_SKY_RANGE[0] / 1e3, _SKY_RANGE[1] / 1e3)
        one.set_title(f"gamma rays, LHAASO {region} region", pad=4)
        one.set_xlabel("energy $E$  [TeV]")
        one.set_ylabel(rf"$E^{{{_POWER}}}\,I(E)$  [GeV$^{{{_POWER - 1:.1f}}}$ cm$^{{-2}}$ s$^{{-1}}$ sr$^{{-1}}$]")
        _frame(one, bands, beside=4.0)
        if place == 0:
            one.legend(loc="lower left", handlelength=1.4, labelspacing=0.25, borderaxespad=0.4, ncols=2)


def _draw_points(axes: Axes, name: str, label: str, place: int) -> None:
    """Draw flux points less their extra components, with errors and, grey, the systematic ones."""
    data = load_likelihood(name)
    if not isinstance(data, FluxPoints):
        return
    extra = sum((one.nuisance.fiducial * one.prediction for one in data.components), np.zeros_like(data.values))
    scale, tev = data.energy_reference**_POWER, data.energy_reference / 1e3
    values = data.values - extra
    shown = (values > 0) & ~data.is_upper_limit & (data.energy_reference >= _SKY_RANGE[0])
    options: dict[str, Any] = {"fmt": "none", "ecolor": "0.6", "elinewidth": 2.6, "zorder": 4}
    if np.any(data.systematic > 0):
        axes.errorbar(tev[shown], (values * scale)[shown], yerr=(data.systematic * scale)[shown], **options)
    errors = np.stack([data.error_low, data.error_high]) * scale
    axes.errorbar(
        tev[shown],
        (values * scale)[shown],
        yerr=errors[:, shown],
        fmt=_MARKERS[place],
        color=COLOURS[place],
        markersize=2.6,
        elinewidth=0.7,
        zorder=5,
        label=label,
    )


def _draw_bands(axes: Axes, bands: Bands, unit: float, *, legend: bool) -> None:
    at, scale = bands.energies * unit, bands.energies**_POWER
    low95, low68, _, high68, high95 = bands.quantiles * scale
    labels = ("prior, 95 %", "prior, 68 %", "published") if legend else (None, None, None)
    axes.fill_between(at, low95, high95, color=_COLOUR, alpha=0.18, linewidth=0, label=labels[0])
    axes.fill_between(at, low68, high68, color=_COLOUR, alpha=0.35, linewidth=0, label=labels[1])
    axes.plot(at, bands.published * scale, color="black", linestyle="--", linewidth=0.9, label=labels[2])


def _frame(axes: Axes, bands: Bands, beside: float) -> None:
    """Set logarithmic axes about data, published spectrum and the band of 68 %, with room below for the legend."""
    scale = bands.energies**_POWER
    inside = np.stack([bands.quantiles[1] * scale, bands.quantiles[3] * scale, bands.published * scale])
    axes.set_xscale("log")
    axes.set_yscale("log")
    top = float(inside.max())
    highest = min(max(float(axes.dataLim.y1), top), 4.0 * top)
    axes.set_ylim(max(float(inside.min()), top / 300.0) / beside, highest * 1.2)
