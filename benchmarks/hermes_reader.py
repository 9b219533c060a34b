"""What HERMES's reader of two-dimensional DRAGON files does to maps, and whether published curves carry it.

HERMES puts the origin of the radial axis at -rmax and continues the grid periodically, so that the density at R is that
of the file about one cell farther in. Without arguments: the published gamma rays of 25 < l < 100 against ours with the
density moved likewise, for the cells that DRAGON runs of that time had. With --real FOLDER, where a DRAGON2 run and the
HERMES maps made from it lie (dragon2_2d.fits.gz, hermes_pi64_abs1_HI.fits.gz, ..., hermes_nu_H2.fits.gz): those maps
against the same run integrated here, as it is and moved. Nothing of this is in the package. Run it from the repository:

    python benchmarks/hermes_reader.py --output results/hermes [--real FOLDER]
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from astropy.table import Table
from published_curves import DATA, fiducial
from scipy.interpolate import make_interp_spline

from crsea_infer.emulator.response.chosen_settings import with_physics
from crsea_infer.emulator.response.fold import SpectralFold
from crsea_infer.grids.dragon_output import DragonOutput, dragon_response, read_dragon
from crsea_infer.grids.hermes_maps import average_hermes_map
from crsea_infer.grids.response_grid import GridSettings
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.physics.geometry import LineOfSight
from crsea_infer.physics.regions import parse_region
from crsea_infer.physics.transport import relative_density

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.physics.hadronic import Product
    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

_CELLS: Final = (0.0, 0.25, 0.3, 0.5)  # kpc: 20 kpc in 80 cells, 12 kpc in 40, 20 kpc in 40
_OBSERVER: Final = 8.3  # kpc: where HERMES had the Sun for the maps of --real


def moved(density: Float64, radii: Float64, cell: float) -> Float64:
    """Return a density [..., R, z] read one cell too far in."""
    inward = make_interp_spline(radii, density, k=1, axis=-2)
    return np.asarray(inward(np.clip(radii - cell, radii[0], radii[-1])))


def published_table() -> list[str]:
    """Compare the published curves with ours, moved by no cell and by one."""
    table = Table.read(DATA / "published_gamma_curves.ecsv")
    region = parse_region("l=25..100,b=-5..5")
    titles = ("hypothesis", "cell [kpc]", "normalisation - 1", "shape")
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for transport in ("base-published", "gamma-optimized-published"):
        settings = with_physics(GridSettings(), load_hypothesis(f"{transport}-min").physics)
        solver = settings.solver([region])
        values = fiducial(f"{transport}-min")
        density = relative_density(
            settings.rigidities,
            solver.heights,
            delta_slope=float(values["delta_slope"]),
            halo_height=float(values["halo_height"]),
            settings=settings.transport,
        )
        for cell in _CELLS:
            seen = moved(density, settings.transport.radii, cell).reshape(settings.rigidities.size, -1)
            response = (solver.weights.reshape(-1, seen.shape[1]) @ seen.T).reshape(*solver.weights.shape[:-1], -1)
            for spectra in ("min", "max"):
                hypothesis = f"{transport}-{spectra}"
                rows = table[(table["hypothesis"] == hypothesis.replace("-published", "")) & table["absorption"]]
                rows = rows[(rows["energy"] >= 10) & (rows["energy"] <= 5e5)]
                energies = np.asarray(rows["energy"])
                fold = SpectralFold.for_energies("gamma", energies, settings.rigidities, absorb=True)
                moments = fold.moments(fiducial(hypothesis))
                ours = (fold.columns(response) * moments).sum(axis=(1, 3))[0] * energies**2.8
                ratio = ours / np.asarray(rows["scaled_intensity"])
                mean = float(np.exp(np.log(ratio).mean()))
                worst = max(ratio / mean - 1, key=abs)
                lines.append(f"| {hypothesis} | {cell:g} | {mean - 1:+.3f} | {worst:+.3f} |")
    return lines


def one_cell_in(run: DragonOutput) -> DragonOutput:
    """Return the run as HERMES reads it."""
    inward = {
        nuclide: np.concatenate([density[:, :1], density[:, :-1]], axis=1) for nuclide, density in run.densities.items()
    }
    return dataclasses.replace(run, densities=inward)


def everywhere_local(run: DragonOutput) -> DragonOutput:
    """Return a run whose cosmic rays are everywhere those at its Sun, out to 30 kpc."""
    at = int(np.argmin(np.abs(run.heights - run.sun[1])))
    sun = {
        nuclide: make_interp_spline(run.radii, density[at], k=3, axis=0)(run.sun[0])
        for nuclide, density in run.densities.items()
    }
    shape = next(iter(run.densities.values())).shape
    uniform = {nuclide: np.broadcast_to(spectrum, shape) for nuclide, spectrum in sun.items()}
    return dataclasses.replace(run, radii=np.linspace(0.0, 30.0, run.radii.size), densities=uniform)


def intensities(run: DragonOutput, regions: Sequence[Region], product: Product, energies: Float64) -> Float64:
    """Return the intensities of a run by our own emission stage, seen from HERMES's observer [region, gas, energy]."""
    seen = dragon_response(run, regions, line_of_sight=LineOfSight(sun_radius=_OBSERVER))
    fold = SpectralFold.for_energies(product, energies, seen.rigidities, absorb=product == "gamma")
    total = np.zeros((len(regions), 2, energies.size))
    for species, matrix in zip(("proton", "helium"), np.split(fold.matrix, 2), strict=True):
        spline = make_interp_spline(np.log(run.energies), np.log(run.local(species)), k=3)
        beyond = fold.kinetic > run.energies[-1] * (1 + 1e-9)
        spectrum = np.where(beyond, 0.0, np.exp(spline(np.log(fold.kinetic))))
        moments = (spectrum @ matrix).reshape(energies.size, -1)
        total += np.sum(fold.columns(seen.responses[species]) * moments, axis=-1)
    return total


def real_table(folder: Path) -> list[str]:
    """Compare HERMES's maps with the run that they were made from, over longitude."""
    regions = [parse_region(f"l={west}..{west + 20},b=-3..3") for west in range(0, 360, 40)]
    run = read_dragon(folder / "dragon2_2d.fits.gz")
    runs = {
        "the run": run,
        "one cell too far in": one_cell_in(run),
        "everywhere as at the Sun": everywhere_local(run),
    }
    titles = ("maps", "integrated here", "energy [GeV]", "ours / HERMES", "scatter over longitude")
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    kinds: tuple[tuple[Product, str, float], ...] = (("gamma", "pi64_abs1", 1.0), ("neutrino", "nu", 3.0))
    for product, stem, flavours in kinds:
        maps = [average_hermes_map(folder / f"hermes_{stem}_{gas}.fits.gz", regions) for gas in ("HI", "H2")]
        for label, one in runs.items():
            if product == "gamma" and one is runs["everywhere as at the Sun"]:
                continue
            ours = intensities(one, regions, product, maps[0].energies)
            for i, gas in enumerate(("HI", "H2")):
                logs = np.log(ours[:, i] / (maps[i].intensities / flavours))
                for k, energy in enumerate(maps[i].energies):
                    mean, scatter = np.exp(logs[:, k].mean()), logs[:, k].std()
                    lines.append(f"| {product}, {gas} | {label} | {energy:.3g} | {mean:.3f} | {scatter:.3f} |")
    return lines


def main() -> int:
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("results/hermes"), help="folder (default: %(default)s)")
    parser.add_argument("--real", type=Path, help="folder of a DRAGON2 run and of HERMES's maps of it")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    tables = {"hermes_published": published_table()}
    if arguments.real is not None:
        tables["hermes_maps"] = real_table(arguments.real)
    for name, lines in tables.items():
        (arguments.output / f"{name}.inc").write_text("\n".join(lines) + "\n")
        print("\n".join(lines), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
