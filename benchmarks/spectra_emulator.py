"""How well spectra emulators do on a nine-parameter grid of the built-in generator, and how fast they are.

    python benchmarks/spectra_emulator.py [--points 20000 1000 200 100]

Transport (2), proton spectrum (5) and gas (2) vary: transport over the whole box of the shipped emulator, the others
over three standard deviations of the published priors. Helium and the proton normalisation are fixed. Six total spectra
(gamma rays and neutrinos of three regions) at 26 energies from 10 GeV to 1 PeV; errors are those on 4096 points of
another design.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from crsea_infer.emulator.sky_model import Request
from crsea_infer.emulator.spectra.generate import generate_spectra_grid
from crsea_infer.emulator.spectra.training import held_out_errors, train_spectra_emulator
from crsea_infer.grids.spectra_grid import Parameter
from crsea_infer.hypotheses.hypothesis import load_hypothesis

PARAMETERS = (
    Parameter("delta_slope", 0.0, 0.1, "1/kpc"),
    Parameter("halo_height", 2.0, 12.0, "kpc", "log"),
    Parameter("proton_slope_2", -2.70, -2.58),
    Parameter("proton_break_2", 1.2e4, 4.8e4, "GV", "log"),
    Parameter("proton_slope_3", -3.08, -2.78),
    Parameter("proton_break_3", 1.95e6, 7.8e6, "GV", "log"),
    Parameter("proton_slope_4", -4.315, -3.415),
    Parameter("hi_scale", 0.74, 1.35, "", "log"),
    Parameter("xco_scale", 0.55, 1.8, "", "log"),
)
ENERGIES = tuple(np.geomspace(10.0, 1e6, 26).tolist())
REQUESTS = tuple(
    Request(messenger, ENERGIES, region)
    for messenger in ("gamma", "neutrino")
    for region in ("lhaaso_inner", "lhaaso_outer", "fermi_inner_galaxy")
)


def main() -> None:
    """Train on grids of several sizes and print a table."""
    parser = argparse.ArgumentParser(description="errors and timings of spectra emulators")
    parser.add_argument("--points", type=int, nargs="+", default=[20000, 1000, 200, 100])
    arguments = parser.parse_args()
    varied = {parameter.name for parameter in PARAMETERS}
    fixed = {
        parameter.name: float(parameter.fiducial)
        for parameter in load_hypothesis("gamma-optimized-min").parameters
        if parameter.name not in varied
    }
    started = time.perf_counter()
    largest = generate_spectra_grid(PARAMETERS, fixed, REQUESTS, max(arguments.points), seed=1)
    per_point = (time.perf_counter() - started) / len(largest.points)
    test = generate_spectra_grid(PARAMETERS, fixed, REQUESTS, 4096, seed=77)
    print(f"{len(PARAMETERS)} parameters, {test.intensities.shape[1]} outputs; {1e3 * per_point:.2f} ms per point\n")
    print("points  method              terms  train     stated     median     99 %     99.9 %   largest   evaluation")
    for n_points in arguments.points:
        grid = largest.take(slice(n_points))
        started = time.perf_counter()
        emulator = train_spectra_emulator(grid)
        took = time.perf_counter() - started
        stated = emulator.metadata["validation"]["quantile_99.9"]
        errors = np.quantile(held_out_errors(emulator, test), [0.5, 0.99, 0.999, 1.0])
        batch = {parameter.name: test.points[:1024, i] for i, parameter in enumerate(PARAMETERS)}
        started = time.perf_counter()
        emulator.log_intensities(batch)
        evaluation = (time.perf_counter() - started) / 1024
        n_terms = len(emulator.amplitudes.arrays()["degrees"])
        print(
            f"{n_points:6d}  {emulator.kind:<18} {n_terms:6d} {took:5.1f} s  {stated:9.1e} "
            + " ".join(f"{error:9.1e}" for error in errors)
            + f"  {1e6 * evaluation:6.1f} us"
        )


if __name__ == "__main__":
    main()
