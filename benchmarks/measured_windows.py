"""The sky model at its published values against measurements, window by window, nothing fitted.

No published curve is at hand outside 25 < l < 100, |b| < 5, so whether the same code holds elsewhere is asked of the
measurements that the package ships: Fermi-LAT in eleven windows, ARGO-YBJ, LHAASO-KM2A and Tibet ASgamma. What the
Fermi-LAT points contain beyond the diffuse emission is added as in their likelihoods. Above 10 TeV the measurements
decide between the local spectra, so no limit is set there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from astropy.table import Table
from published_curves import COLOURS, fiducial
from residuals import Residual, cell

from crsea_infer.content.finding import packaged_root
from crsea_infer.emulator import exact, load
from crsea_infer.emulator.response.fold import SpectralFold
from crsea_infer.grids.response_grid import GridSettings
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.physics.regions import REGIONS, parse_region, region_key

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crsea_infer.inference.likelihoods.flux_points import FluxPoints
    from crsea_infer.support.arrays import Float64

__all__ = ["Window", "longitude_profile", "table", "windows"]

_FERMI: Final = (
    "fermi_lat_inner_galaxy",
    "fermi_lat_longitude_m10_10",
    "fermi_lat_longitude_20_30",
    "fermi_lat_longitude_30_40",
    "fermi_lat_longitude_60_70",
    "fermi_lat_longitude_70_80",
    "fermi_lat_longitude_80_90",
    "fermi_lat_window_25_100",
    "fermi_lat_window_50_200",
    "fermi_lat_masked_inner",
    "fermi_lat_masked_outer",
)
_HIGHER: Final = (
    "argo_ybj",
    "lhaaso_km2a_inner",
    "lhaaso_km2a_outer",
    "tibet_asgamma_inner",
    "tibet_asgamma_outer",
)
_FROM: Final = 10.0  # GeV: below, the cross-section is used outside its range
_LEPTONS: Final = {"inverse_compton_scale": np.asarray(1.0), "bremsstrahlung_scale": np.asarray(1.0)}
_LIMIT: Final = 0.25  # Fermi-LAT: errors common to all points of a window are 10 to 40 per cent
_GAS_SHAPE: Final = 0.1  # of a bin of 10 degrees: what masked Fermi-LAT bins leave of the rings


@dataclass(frozen=True)
class Window:
    """One data set: mean ratios of ours over data for some models, and the typical error of a point."""

    title: str
    n_points: int
    ratios: dict[str, float]
    error: float


def windows() -> tuple[list[Window], list[Residual]]:
    """Compare all gamma-ray measurements above 10 GeV."""
    emulated, solved = load(), exact()
    found, residuals = [], []
    for name in (*_FERMI, *_HIGHER):
        data = cast("FluxPoints", load_likelihood(name))
        # an emulator learns a region that it does not know, which takes longer than to solve for these few points
        sky = emulated if data.region is not None and region_key(data.region) in REGIONS else solved
        bound = sky.bind(list(data.requests))
        chosen = data.energy_min >= _FROM * 0.99
        ratios = {}
        for hypothesis, leptons in (
            ("gamma-optimized-min", False),
            ("gamma-optimized-min", True),
            ("gamma-optimized-max", True),
            ("base-min", True),
        ):
            predictions = bound(fiducial(hypothesis) | (_LEPTONS if leptons else {}))
            ratio = (data.binned_prediction(predictions) / data.values)[chosen]
            ratios[hypothesis if leptons else f"{hypothesis}, pion decay only"] = float(np.exp(np.log(ratio).mean()))
        relative = np.hypot((data.error_low + data.error_high) / 2, data.systematic) / data.values
        found.append(Window(data.title, int(chosen.sum()), ratios, float(relative[chosen].mean())))
        if name in _FERMI:
            value = ratios["gamma-optimized-min"] - 1.0
            residuals.append(Residual(f"{data.title}: ours with electrons / data - 1, above 10 GeV", value, _LIMIT))
    return found, residuals


def table(found: list[Window]) -> list[str]:
    """Return the windows as a table, line by line."""
    names = list(found[0].ratios)
    lines = [
        "| data | points | error of a point | " + " | ".join(names) + " |",
        "|---|---|---|" + "---|" * len(names),
    ]
    for window in found:
        values = " | ".join(f"{window.ratios[name]:.2f}" for name in names)
        lines.append(f"| {cell(window.title)} | {window.n_points} | {window.error:.0%} | {values} |")
    return lines


def _chi2(ours: Float64, measured: Float64, errors: Float64, share: float) -> float:
    """Return chi2 of a profile with a free factor; `share` of the scaled model is added to every error bar."""
    factor = float(measured.sum() / ours.sum())
    for _ in range(50):
        # the error bar on the side of the model
        bars = np.where(measured > factor * ours, errors[0], errors[1])
        weights = 1.0 / (bars**2 + (share * factor * ours) ** 2)
        factor = float((weights * ours * measured).sum() / (weights * ours**2).sum())
    return float((weights * (measured - factor * ours) ** 2).sum())


def longitude_profile(axis: Axes) -> list[Residual]:
    """Set the longitude profile at 25 TeV beside that of LHAASO-KM2A, whose units are not known: shapes only."""
    measured = Table.read(packaged_root() / "likelihoods" / "lhaaso_km2a_longitude" / "profile.ecsv")
    low, high = np.asarray(measured["longitude_min"]), np.asarray(measured["longitude_max"])
    profile = np.asarray(measured["profile"])
    errors = np.stack([np.asarray(measured["error_low"]), np.asarray(measured["error_high"])])
    weights = errors.mean(axis=0) ** -2.0
    settings = GridSettings()
    regions = [parse_region(f"l={a:g}..{b:g},b=-5..5,mask=lhaaso") for a, b in zip(low, high, strict=True)]
    solver = settings.solver(regions)
    fold = SpectralFold.for_energies("gamma", np.array([25e3]), settings.rigidities, absorb=True)
    centre = (low + high) / 2
    axis.errorbar(centre, profile, errors, fmt="o", ms=3, color="0.3", lw=0.8, label="LHAASO-KM2A, 10-63 TeV")
    residuals = []
    for hypothesis in ("gamma-optimized-min", "base-min"):
        values = fiducial(hypothesis)
        response = solver(float(values["delta_slope"]), float(values["halo_height"]))
        ours: Float64 = (fold.columns(response) * fold.moments(values)).sum(axis=(1, 3))[:, 0]
        scale = float((weights * ours * profile).sum() / (weights * ours**2).sum())
        axis.step(centre, scale * ours, where="mid", color=COLOURS[hypothesis], label=f"{hypothesis}, scaled to fit")
        for where, chosen in (("15 < l < 125", centre < 125.0), ("125 < l < 235", centre > 125.0)):
            weight = weights[chosen]
            ratio = float((weight * profile[chosen]).sum() / (weight * scale * ours[chosen]).sum())
            what = f"KM2A longitude profile, {hypothesis}, {where}: data / scaled model - 1"
            residuals.append(Residual(what, ratio - 1))
        what = f"KM2A longitude profile, {hypothesis}: chi2 of 22 bins"
        residuals.append(Residual(f"{what}, one free factor", _chi2(ours, profile, errors, 0.0)))
        for part, chosen in (("15 < l < 125", centre < 125.0), ("125 < l < 235", centre > 125.0)):
            found = _chi2(ours[chosen], profile[chosen], errors[:, chosen], 0.0)
            residuals.append(
                Residual(f"KM2A longitude profile, {hypothesis}, {part}: chi2 of 11 bins, free factor", found)
            )
        for share in (_GAS_SHAPE, 3 * _GAS_SHAPE):
            found = _chi2(ours, profile, errors, share)
            residuals.append(Residual(f"{what}, one free factor, gas shape {share:.0%} a bin", found))
    flat = _chi2(np.ones_like(profile), profile, errors, 0.0)
    residuals.append(Residual("KM2A longitude profile, a constant: chi2 of 22 bins, one free factor", flat))
    axis.set(xlabel="Galactic longitude [deg]", ylabel="intensity [units of the figure]")
    axis.legend(fontsize=6)
    return residuals
