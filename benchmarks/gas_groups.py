"""Make the gas groups that come with the package, and compare them with the solver on points they were not trained on.

    OMP_NUM_THREADS=1 python benchmarks/gas_groups.py [--output FILE] [-n POINTS]

Trains the groups of the regions of the shipped emulator on its own design (a minute or two on one core), then solves
held-out points and prints, of intensities of gamma rays and neutrinos, the relative error of each group, of all groups
together, and how far their sums are from the components of the shipped emulator. The errors are relative to the group
itself, however small a part of the sky it is.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.emulator.response.chebyshev import GROUP_TOLERANCE, ResponseEmulator, fit_chebyshev
from crsea_infer.emulator.response.fold import SpectralFold
from crsea_infer.emulator.response.group_store import read_groups, write_groups
from crsea_infer.emulator.response.store import read_emulator
from crsea_infer.emulator.validation_table import error_text, validation_table
from crsea_infer.physics.gas_groups import GAS_GROUPS
from crsea_infer.physics.geometry import COMPONENTS

if TYPE_CHECKING:
    from crsea_infer.physics.hadronic import Product
    from crsea_infer.support.arrays import Float64

ENERGIES = np.geomspace(10.0, 1e6, 26)
SPECTRA = (
    {"proton_norm": 3e4, "proton_slope_1": -2.6, "helium_norm": 2e3, "helium_slope_1": -2.5},
    {"proton_norm": 3e4, "proton_slope_1": -3.2, "helium_norm": 2e3, "helium_slope_1": -3.1},
)
MESSENGERS: tuple[Product, ...] = ("gamma", "neutrino")


def folded(responses: Float64, rigidities: Float64) -> Float64:
    """Return intensities [point, region, component, case] of responses [point, region, component, ...]."""
    found = []
    for messenger in MESSENGERS:
        fold = SpectralFold.for_energies(messenger, ENERGIES, rigidities, absorb=messenger == "gamma")
        for spectrum in SPECTRA:
            moments = fold.moments({name: np.asarray(value) for name, value in spectrum.items()})
            found.append((fold.columns(responses) * moments).sum(axis=-1))
    return np.concatenate(found, axis=-1)


def largest(emulated: Float64, exact: Float64) -> Float64:
    """Return the largest relative error over the last axis; 0 where a region has none of that gas."""
    return np.abs(np.where(exact > 0.0, emulated / np.where(exact > 0.0, exact, 1.0) - 1.0, 0.0)).max(axis=-1)


def main() -> None:
    """Make or read the groups, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write them here (default: compare those of --groups)")
    parser.add_argument("--groups", type=Path, help="file to compare, in place of training")
    parser.add_argument("-n", type=int, default=200, help="held-out points (default: %(default)s)")
    options = parser.parse_args()
    totals = read_emulator()
    settings = totals.settings
    solver = settings.group_solver()
    if options.groups is None:
        points = list(itertools.product(*(axis.nodes for axis in settings.axes)))
        names = [axis.name for axis in settings.axes]
        outputs = np.stack([solver(**dict(zip(names, map(float, point), strict=True))) for point in points])
        emulator = ResponseEmulator(settings, *fit_chebyshev(outputs, settings.axes, GROUP_TOLERANCE))
    else:
        emulator = read_groups(options.groups)
    rng = np.random.default_rng(20250707)
    heights = np.exp(rng.uniform(*np.log((2.0, 12.0)), options.n))
    held_out = {"delta_slope": rng.uniform(0.0, 0.1, options.n), "halo_height": heights}
    exact = np.stack([solver(float(a), float(h)) for a, h in zip(*held_out.values(), strict=True)])
    ours, theirs = folded(emulator.responses(held_out), settings.rigidities), folded(exact, settings.rigidities)
    errors = largest(ours, theirs)
    rows = {
        f"{group.name} {region}": errors[:, r, g]
        for r, region in enumerate(settings.regions)
        for g, group in enumerate(GAS_GROUPS)
        if theirs[:, r, g].any()
    }
    table = validation_table(rows)
    print(error_text(table))
    whole = folded(totals.responses(held_out), settings.rigidities)
    for c, component in enumerate(COMPONENTS):
        members = [g for g, group in enumerate(GAS_GROUPS) if group.component == component]
        summed, solved = (array[:, :, members].sum(axis=2) for array in (ours, theirs))
        print(f"sum of groups / {component} of the emulator: {largest(summed, whole[:, :, c]).max():.1e}")
        print(f"sum of groups / {component} of the solver: {largest(summed, solved).max():.1e}")
    if options.output is not None:
        metadata = {"grid_hash": totals.metadata["grid_hash"], "validation": table}
        write_groups(
            ResponseEmulator(settings, emulator.coefficients, emulator.basis, metadata=metadata), options.output
        )
        print(f"wrote {options.output}: rank {len(emulator.basis)}, {options.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
