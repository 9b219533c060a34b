"""Rim, saturation radius, sources, halo and gradient of the published models, fitted to their radial spectra.

The published spectra at 4, 6 kpc and the Sun are those of the figures; beyond the Sun there is no figure, only three
numbers that were told of the published maps (benchmarks/data/published_outer_disc.ecsv). Only ratios to the Sun are
fitted, so nothing here depends on the local spectra. Prints and writes: the fits; how the hypotheses of the package
stand to the same numbers; what the published set-ups do to fluxes; and, with --evidence, to ln Z. Run it from the
repository:

    python benchmarks/outer_galaxy.py --output results/outer [--evidence]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from astropy.table import Table
from published_curves import DATA, fiducial
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize

from crsea_infer import emulator
from crsea_infer.emulator.response.chosen_settings import with_physics
from crsea_infer.emulator.sky_model import Request
from crsea_infer.emulator.sky_of_physics import sky_of
from crsea_infer.grids.response_grid import GridSettings
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.physics.local_spectrum import Species, rigidity
from crsea_infer.physics.transport import TransportSettings, relative_density

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.support.arrays import Float64

_NODES: Final = np.geomspace(3e2, 3e7, 6)  # GV
_RANGE: Final = (1e3, 1e7)  # GeV per nucleon
_ERROR: Final = 0.03  # of a published ratio: 2 per cent on each of its two curves, wholly correlated along a curve
_CELL: Final = 0.1  # kpc: converged to 1e-3
_OUTER_RIGIDITY: Final = 1e4  # GV
_CURVES: Final[dict[str, tuple[tuple[Species, str, float], ...]]] = {
    "base": (("proton", "base-min", 6.0), ("proton", "base-max", 6.0)),
    "gamma-optimized": (
        ("proton", "gamma-optimized-min", 6.0),
        ("proton", "gamma-optimized-max", 6.0),
        ("helium", "gamma-optimized-min", 4.0),
        ("helium", "gamma-optimized-max", 4.0),
    ),
}
_COLUMNS: Final = (
    *("fitted to", "sources", "Sun [kpc]", "rim [kpc]", "saturation [kpc]", "A [1/kpc]", "H [kpc]"),
    *("worst at 4 kpc", "6 kpc", "11 kpc", "15 kpc", "chi2"),
)
_PAIRS: Final = (("base-min", "base-published-min"), ("gamma-optimized-min", "gamma-optimized-published-min"))
_REGIONS: Final = ("lhaaso_inner", "lhaaso_outer", "tibet_inner", "tibet_outer")
_DATA_SETS: Final = {
    "KM2A inner + outer": ("lhaaso_km2a_inner", "lhaaso_km2a_outer"),
    "KM2A outer": ("lhaaso_km2a_outer",),
    "Tibet 50-200": ("tibet_asgamma_outer",),
}


@dataclass(frozen=True)
class Ratios:
    """One published curve over the local one: rigidities [n], ratios [n], radius in kpc."""

    rigidities: Float64
    values: Float64
    radius: float


def published(model: str) -> list[Ratios]:
    """Return the published ratios to the Sun of a transport model, inside the Sun."""
    table = Table.read(DATA / "published_cosmic_rays.ecsv")
    found = []
    for species, hypothesis, radius in _CURVES[model]:
        chosen = table[(table["species"] == species) & (table["hypothesis"] == hypothesis)]
        at_sun, here = (
            dict(zip(rows["energy"].tolist(), rows["scaled_intensity"].tolist(), strict=True))
            for rows in (chosen[np.isnan(chosen["radius"])], chosen[chosen["radius"] == radius])
        )
        energies = sorted(e for e in here if e in at_sun and _RANGE[0] <= e <= _RANGE[1])
        values = np.array([here[e] / at_sun[e] for e in energies])
        found.append(Ratios(np.asarray(rigidity(species, np.array(energies))), values, radius))
    return found


def outer_disc(model: str) -> list[tuple[float, float, float]]:
    """Return (radius, ratio to the Sun, relative error) beyond the Sun."""
    table = Table.read(DATA / "published_outer_disc.ecsv")
    rows = table[table["model"] == model]
    return [(float(row["radius"]), float(row["ratio"]), float(row["error"])) for row in rows]


@dataclass(frozen=True)
class SetUp:
    """One choice of transport."""

    delta_slope: float
    halo_height: float
    settings: TransportSettings

    def ratio(self, rigidities: Float64, radii: Sequence[float]) -> Float64:
        """Return the density in the disc relative to the Sun, shape [radius, rigidity]."""
        density = relative_density(
            _NODES, np.zeros(1), delta_slope=self.delta_slope, halo_height=self.halo_height, settings=self.settings
        )[..., 0]
        along = CubicSpline(self.settings.radii, np.log(np.maximum(density, 1e-12)), axis=1)(np.asarray(radii))
        return np.exp(CubicSpline(np.log(_NODES), along)(np.log(rigidities))).T


@dataclass(frozen=True)
class Fit:
    """A set-up, how it stands to the published numbers, and what was fitted."""

    label: str
    found: SetUp
    inside: dict[float, float]  # radius -> worst residual
    outside: dict[float, float]
    chi2: float


def judged(model: str, label: str, found: SetUp, *, outer: bool) -> Fit:
    """Hold a set-up against the published numbers; beyond the Sun they count in chi2 only if `outer`."""
    inside: dict[float, float] = {}
    chi2 = 0.0
    for curve in published(model):
        residual = np.log(found.ratio(curve.rigidities, [curve.radius])[0] / curve.values)
        worst = float(max(residual, key=abs))
        inside[curve.radius] = max(inside.get(curve.radius, 0.0), worst, key=abs)
        chi2 += float(np.mean(residual**2)) / _ERROR**2  # a curve counts as one point
    outside = {}
    for radius, value, error in outer_disc(model):
        seen = float(found.ratio(np.array([_OUTER_RIGIDITY]), [min(radius, found.settings.disc_radius - _CELL)])[0, 0])
        outside[radius] = float(np.log(seen / value))
        chi2 += (outside[radius] / error) ** 2 if outer else 0.0
    return Fit(label, found, inside, outside, chi2)


def fitted(model: str, free: dict[str, float], fixed: dict[str, float | str], *, outer: bool) -> Fit:
    """Fit the free ones, from their values there; names: delta_slope, halo_height and those of TransportSettings."""

    def set_up(logs: Float64) -> SetUp:
        values = {**fixed, **dict(zip(free, np.exp(logs).tolist(), strict=True))}
        slope, height = float(values.pop("delta_slope", 0.0)), float(values.pop("halo_height"))
        rim = float(values.get("disc_radius", 20.0))
        settings = TransportSettings(n_radial=round(rim / _CELL), n_modes=12, **values)
        return SetUp(slope, height, settings)

    def cost(logs: Float64) -> float:
        values = np.exp(logs)
        if not (values < 40.0).all():
            return 1e6 * float(values.max())
        return judged(model, "", set_up(logs), outer=outer).chi2

    start = np.log(list(free.values()))
    best = minimize(cost, start, method="Nelder-Mead", options={"xatol": 3e-3, "fatol": 3e-3, "maxiter": 150})
    label = ("4 to 15 kpc" if model != "base" else "6 and 11 kpc") if outer else "inside the Sun"
    return judged(model, f"{model}, {label}", set_up(np.asarray(best.x)), outer=outer)


def all_fits() -> list[Fit]:
    """Fit both models, for the choices that compete."""
    found = [judged(m, f"{m}, as shipped", shipped(f"{m}-min"), outer=True) for m in _CURVES]
    halo = {"halo_height": 5.0}
    for sun in (8.122, 8.3):
        found.append(fitted("base", halo, {"sun_radius": sun, "disc_radius": 20.0}, outer=False))
        found.append(fitted("base", halo | {"disc_radius": 12.0}, {"sun_radius": sun}, outer=True))
    found.append(fitted("base", halo | {"disc_radius": 12.0}, {"sun_radius": 8.122, "sources": "lorimer"}, outer=True))
    both = {"delta_slope": 0.04, "halo_height": 6.0}
    for sun in (8.122, 8.3):
        found.append(fitted("gamma-optimized", both, {"sun_radius": sun}, outer=False))
        found.append(fitted("gamma-optimized", both, {"sun_radius": sun}, outer=True))
        for saturation in (9.0, 10.0, 11.0):
            fixed: dict[str, float | str] = {"sun_radius": sun, "saturation_radius": saturation}
            found.append(fitted("gamma-optimized", both, fixed, outer=True))
    found.append(fitted("gamma-optimized", both, {"sun_radius": 8.3, "disc_radius": 12.0}, outer=False))
    others = ("lorimer", "case-bhattacharya", "galprop", "faucher-giguere-kaspi")
    found += [fitted("gamma-optimized", both, {"sun_radius": 8.3, "sources": one}, outer=True) for one in others]
    return found + [judged(old.removesuffix("-min"), new, shipped(new), outer=True) for old, new in _PAIRS]


def shipped(hypothesis: str) -> SetUp:
    """Return the set-up of a hypothesis at its published values."""
    values = load_hypothesis(hypothesis).fiducial
    settings = with_physics(GridSettings(), load_hypothesis(hypothesis).physics).transport
    return SetUp(values["delta_slope"], values["halo_height"], settings)


def fit_table(fits: Sequence[Fit]) -> list[str]:
    """Return the fits, a line each."""
    lines = [
        "| " + " | ".join(_COLUMNS) + " |",
        "|---" * len(_COLUMNS) + "|",
    ]
    for fit in fits:
        s = fit.found.settings
        residuals = [fit.inside.get(r, fit.outside.get(r, np.nan)) for r in (4.0, 6.0, 11.0, 15.0)]
        cells = [
            fit.label,
            s.sources,
            f"{s.sun_radius:g}",
            f"{s.disc_radius:.1f}",
            f"{s.saturation:g}",
            f"{fit.found.delta_slope:.4f}",
            f"{fit.found.halo_height:.1f}",
            *("" if np.isnan(r) else f"{np.expm1(r):+.3f}" for r in residuals),
            f"{fit.chi2:.1f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def gamma_table() -> list[str]:
    """Set the published gamma rays of 25 < l < 100 beside all hypotheses, old and as published."""
    table = Table.read(DATA / "published_gamma_curves.ecsv")
    lines = ["| hypothesis | gamma rays, 25<l<100: normalisation - 1 | shape |", "|---|---|---|"]
    for old, new in _PAIRS:
        for spectra in ("min", "max"):
            for name in (old, new):
                hypothesis = name.replace("min", spectra)
                curve = hypothesis.replace("-published", "")
                rows = table[(table["hypothesis"] == curve) & table["absorption"]]
                rows = rows[(rows["energy"] >= 10) & (rows["energy"] <= 5e5)]
                energies = np.asarray(rows["energy"])
                sky = sky_of(emulator.exact(), load_hypothesis(hypothesis).physics)
                (ours,) = sky.bind([Request("gamma", tuple(energies), "l=25..100,b=-5..5")])(fiducial(hypothesis))
                ratio = ours * energies**2.8 / np.asarray(rows["scaled_intensity"])
                mean = float(np.exp(np.log(ratio).mean()))
                lines.append(f"| {hypothesis} | {mean - 1:+.3f} | {max(ratio / mean - 1, key=abs):+.3f} |")
    return lines


def flux_table() -> list[str]:
    """Return the fluxes of the published set-ups over those of the sets beside them, at 1 and 100 TeV."""
    lines = ["| " + " | ".join(["flux over that of", "at", *_REGIONS]) + " |", "|---" * (2 + len(_REGIONS)) + "|"]
    energies = (1e3, 1e5)
    for old, new in _PAIRS:
        seen = []
        for name in (old, new):
            sky = sky_of(emulator.exact(), load_hypothesis(name).physics)
            seen.append(np.array(sky.bind([Request("gamma", energies, r) for r in _REGIONS])(fiducial(name))))
        for i, energy in enumerate(("1 TeV", "100 TeV")):
            values = " | ".join(f"{value:.3f}" for value in (seen[1] / seen[0])[:, i])
            lines.append(f"| {new} : {old} | {energy} | {values} |")
    return lines


def evidence_table() -> list[str]:
    """Return ln Z of old and published set-ups, and the chi2 of their published values."""
    import crsea_infer as cr

    names = [name for pair in _PAIRS for name in pair]
    lines = ["| data | " + " | ".join(names) + " | ln B base : gamma-optimized | as published |", "|---" * 7 + "|"]
    for label, data in _DATA_SETS.items():
        evidences, cells = [], []
        for name in names:
            posterior = cr.Posterior(name, data=list(data))
            evidence = cr.sample(posterior, "importance", seed=1).evidence
            evidences.append(float(evidence.lnz))
            values = load_hypothesis(name).fiducial
            theta = np.array([[values.get(n, 0.0) for n in posterior.names]])
            likelihood = float(np.asarray(posterior.log_likelihood(theta))[0])
            cells.append(f"{evidence.lnz:.2f} ± {evidence.lnz_err:.2f} (ln L {likelihood:.1f})")
        b = [evidences[0] - evidences[2], evidences[1] - evidences[3]]
        lines.append(f"| {label} | " + " | ".join(cells) + f" | {b[0]:+.2f} | {b[1]:+.2f} |")
    return lines


def main() -> int:
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("results/outer"), help="folder (default: %(default)s)")
    parser.add_argument("--evidence", action="store_true", help="sample too: some minutes")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    makers = {
        "outer_fits": lambda: fit_table(all_fits()),
        "outer_gamma": gamma_table,
        "outer_flux": flux_table,
        **({"outer_evidence": evidence_table} if arguments.evidence else {}),
    }
    for name, make in makers.items():
        lines = make()
        (arguments.output / f"{name}.inc").write_text("\n".join(lines) + "\n")
        print("\n".join(lines), end="\n\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
