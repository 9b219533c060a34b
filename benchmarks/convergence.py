"""What the numerics cost: the flux at the shipped settings against much finer ones, one setting at a time.

Prints (and with --output writes) the table of docs/convergence.md: radial cells, cosine modes, rigidity nodes, steps
along the line of sight, height nodes and steps in cosmic-ray energy, each as the largest relative error of the
gamma-ray and neutrino intensity of the LHAASO and Tibet regions over 10 GeV to 1 PeV and a set of transport points; the
time of a transport point on one core; and the peak memory of a grid build. It exits with status 1 if the error is
beyond its budget. Set OMP_NUM_THREADS=1 for the time of one core.

    python benchmarks/convergence.py
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from crsea_infer.emulator.response import fold as fold_module
from crsea_infer.emulator.response.fold import SpectralFold
from crsea_infer.grids.response_grid import DEFAULT_REGIONS, GridSettings
from crsea_infer.hypotheses.hypothesis import load_hypothesis

REGIONS = ("lhaaso_inner", "lhaaso_outer", "tibet_inner")
POINTS = ((0.0, 4.7), (0.04, 4.7), (0.08, 2.0), (0.04, 12.0))
ENERGIES = np.geomspace(10.0, 1e6, 16)
LARGEST_ERROR = 3e-4
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


def time_of_a_point(regions: tuple[str, ...]) -> str:
    """Return the median and the shortest processor time of a transport point, in words."""
    solver = GridSettings(regions=regions).solver()
    solver(0.04, 4.7)
    times = []
    for _ in range(200):
        start = time.process_time()
        solver(0.04, 4.7)
        times.append(time.process_time() - start)
    return f"median {1e3 * np.median(times):.1f} ms, shortest {1e3 * min(times):.1f} ms"


def memory_of_a_grid_build() -> float:
    """Build four points of the shipped grid in a process of its own and return its peak memory, GB.

    The peak is reached in the geometry; the results of all 280 points take 10 MB. To be called first: a process counts
    the memory that its parent had when it was started.
    """
    code = (
        "import dataclasses\n"
        "from crsea_infer.grids.response_grid import DEFAULT_AXES, GridSettings, build_grid\n"
        "axes = tuple(dataclasses.replace(axis, n_nodes=2) for axis in DEFAULT_AXES)\n"
        "build_grid(GridSettings(axes=axes))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 -- our own code
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9


def main() -> int:
    """Vary one setting at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    memory = memory_of_a_grid_build()
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
    largest = float(np.abs(error).max())
    rms = np.sqrt(np.mean(error**2))
    lines.append(f"| **all of the above but the last** | | | **{largest:.1e}** | {rms:.1e} |")

    one, six = (time_of_a_point(regions) for regions in (("tibet_inner",), DEFAULT_REGIONS))
    lines += [
        "",
        "| cost on one core, processor time | |",
        "|---|---|",
        f"| transport point, 16 rigidities, one region | {one} |",
        f"| transport point, 16 rigidities, the six shipped regions | {six} |",
        f"| grid build, six regions, nuclei and electrons: peak memory | {memory:.2f} GB |",
    ]
    text = "\n".join(lines)
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text + "\n")
    return 0 if largest <= LARGEST_ERROR else 1


if __name__ == "__main__":
    sys.exit(main())
