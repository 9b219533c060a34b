"""What the numerics cost: the flux at the shipped settings against much finer ones, one setting at a time.

Prints (and with --output writes) the table of docs/convergence.md: radial cells, cosine modes, rigidity nodes, steps
along the line of sight, height nodes and steps in cosmic-ray energy, each as the largest relative error of the
gamma-ray and neutrino intensity of the LHAASO and Tibet regions over 10 GeV to 1 PeV and a set of transport points; and
the time of a transport point on one core.

    python benchmarks/convergence.py
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import time
from pathlib import Path

import numpy as np

from crsea_infer.emulator import fold as fold_module
from crsea_infer.emulator.fold import SpectralFold
from crsea_infer.grids.response import GridSettings
from crsea_infer.inference.hypotheses import load_hypothesis

REGIONS = ("lhaaso_inner", "lhaaso_outer", "tibet_inner")
POINTS = ((0.0, 4.7), (0.04, 4.7), (0.08, 2.0), (0.04, 12.0))
ENERGIES = np.geomspace(10.0, 1e6, 16)
HYPOTHESES = ("gamma-optimized-min", "gamma-optimized-max")


def intensities(settings: GridSettings) -> np.ndarray:
    """Return intensities [point, hypothesis, region, messenger, energy] by the solver."""
    solver = settings.solver()
    folds = [
        SpectralFold.for_energies("gamma", ENERGIES, settings.rigidities, absorb=True),
        SpectralFold.for_energies("neutrino", ENERGIES, settings.rigidities, absorb=False),
    ]
    values = [{n: np.asarray(v) for n, v in load_hypothesis(name).fiducial.items()} for name in HYPOTHESES]
    moments = [[fold.moments(value) for fold in folds] for value in values]
    result = []
    for point in POINTS:
        response = solver(*point)
        columns = [fold.columns(response) for fold in folds]
        result.append(
            [
                [(column * moment).sum(axis=(1, 3)) for column, moment in zip(columns, per_spectrum, strict=True)]
                for per_spectrum in moments
            ]
        )
    return np.asarray(result)


def main() -> None:
    """Vary one setting at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    shipped = GridSettings(regions=REGIONS)
    base = intensities(shipped)
    transport, sight = shipped.transport, shipped.line_of_sight

    def with_transport(**changes: int) -> GridSettings:
        return dataclasses.replace(shipped, transport=dataclasses.replace(transport, **changes))

    middles = np.sort(np.concatenate([sight.heights, (sight.heights[1:] + sight.heights[:-1]) / 2]))
    finer = [
        ("radial cells", f"{transport.n_radial}", "1600", with_transport(n_radial=1600)),
        ("cosine modes", f"{transport.n_modes}", "96", with_transport(n_modes=96)),
        ("rigidity nodes", f"{shipped.n_rigidity}", "28", dataclasses.replace(shipped, n_rigidity=28)),
        (
            "step along the line of sight",
            f"{1e3 * sight.step:g} pc",
            "5 pc",
            dataclasses.replace(shipped, line_of_sight=dataclasses.replace(sight, step=0.005)),
        ),
        (
            "nodes in height",
            f"{sight.heights.size}",
            f"{middles.size}",
            dataclasses.replace(shipped, line_of_sight=dataclasses.replace(sight, heights=middles)),
        ),
    ]
    lines = ["| setting | shipped | reference | largest error | root mean square |", "|---|---|---|---|---|"]
    for name, here, there, settings in finer:
        error = base / intensities(settings) - 1.0
        lines.append(f"| {name} | {here} | {there} | {np.abs(error).max():.1e} | {np.sqrt(np.mean(error**2)):.1e} |")
    steps = dict(fold_module._POINTS_PER_DECADE)  # noqa: SLF001 -- the study varies what users cannot
    fold_module._POINTS_PER_DECADE = {"gamma": 200, "neutrino": 400}  # type: ignore[assignment] # noqa: SLF001
    error = base / intensities(shipped) - 1.0
    fold_module._POINTS_PER_DECADE = steps  # type: ignore[assignment] # noqa: SLF001
    here = f"{steps['gamma']} (gamma), {steps['neutrino']} (neutrino)"
    rms = np.sqrt(np.mean(error**2))
    lines.append(f"| cosmic-ray energies per decade | {here} | 200, 400 | {np.abs(error).max():.1e} | {rms:.1e} |")
    everything = GridSettings(
        regions=REGIONS,
        n_rigidity=28,
        transport=dataclasses.replace(transport, n_radial=1600, n_modes=96),
        line_of_sight=dataclasses.replace(sight, step=0.005, heights=middles),
    )
    error = base / intensities(everything) - 1.0
    rms = np.sqrt(np.mean(error**2))
    lines.append(f"| **all of the above but the last** | | | **{np.abs(error).max():.1e}** | {rms:.1e} |")

    solver = shipped.solver()
    solver(0.04, 4.7)
    times = []
    for _ in range(30):
        start = time.perf_counter()
        solver(0.04, 4.7)
        times.append(time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    milliseconds = 1e3 * np.median(times)
    lines += ["", f"One transport point (16 rigidities, three regions): {milliseconds:.1f} ms on one core."]
    lines += [f"Peak memory of this study, which is finer than a grid build: {memory:.0f} MiB."]
    text = "\n".join(lines)
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
