"""How time and memory grow: data points, regions, parameters, hypotheses, live points and worker processes.

Each size is measured in a process of its own: CPU seconds (children too) of each stage, and the peak memory of the
largest process. The exponent p of size^p is fitted to the three largest sizes. What exceeds 1.15, with at least 0.1 CPU
s or 20 MB to show for it, is marked in the table, which docs/performance.md includes with a figure. Rows are kept in
benchmarks/data/growth.ecsv; what is there is not measured again.

    python benchmarks/growth.py
    python benchmarks/growth.py --only regions parameters --again
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crsea_infer.support.arrays import Float64

ROOT: Final = Path(__file__).resolve().parents[1]
TABLE: Final = ROOT / "benchmarks" / "data" / "growth.ecsv"
SUMMARY: Final = ROOT / "docs" / "figures" / "performance" / "growth.inc"
FIGURE: Final = ROOT / "docs" / "figures" / "performance" / "growth.png"
COLUMNS: Final = ("axis", "size", "stage", "value")
MEMORY: Final = "memory, MB"
LINEAR: Final = 1.15
BATCH: Final = 1024
SIZES: Final = {
    "data points": (10, 100, 1000),
    "data points, energy-correlated": (10, 100, 1000),
    "data sets": (1, 10, 30),
    "regions": (1, 3, 10, 30),
    "parameters": (5, 10, 20, 40, 60),
    "hypotheses": (1, 2, 4),
    "live points": (100, 200, 400, 800),
    "workers": (1, 2),
}


def exponent(sizes: Sequence[float], values: Sequence[float], last: int = 3) -> float:
    """Return p of value ~ size^p by least squares of the logarithms, over the `last` largest sizes."""
    if len(sizes) < 2:
        return math.nan
    order = np.argsort(sizes)[-last:]
    x, y = np.log(np.asarray(sizes, dtype=float)[order]), np.log(np.asarray(values, dtype=float)[order])
    return float(np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2))


class Stages:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}

    def __call__(self, name: str, task: Callable[[], Any]) -> Any:
        """Do a task as the stage of that name."""
        start = cpu_seconds()
        done = task()
        self.found[name] = cpu_seconds() - start
        return done


def cpu_seconds() -> float:
    """Return user and system time of this process and its ended children."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def evaluated(stages: Stages, likelihoods: Sequence[Any]) -> None:
    """Bind data sets to the gamma-optimized Min sea, and evaluate batches of points."""
    from crsea_infer import emulator
    from crsea_infer.hypotheses.hypothesis import build_hypothesis
    from crsea_infer.inference.posterior import posterior_for

    sea = build_hypothesis("sea", ["gamma_optimized", "min", "gas"])
    posterior = stages("set up", lambda: posterior_for(sea, likelihoods, emulator.load()))
    theta = posterior.prior_transform(np.random.default_rng(1).random((BATCH, len(posterior.names))))
    posterior.log_likelihood(theta[:128])
    stages(f"{BATCH} evaluations", lambda: posterior.log_likelihood(theta))
    posterior.log_likelihood(theta[0])
    stages("100 single evaluations", lambda: [posterior.log_likelihood(point) for point in theta[:100]])


def data_set(folder: Path, name: str, n: int, changes: dict[str, str]) -> Any:
    """Return LHAASO-KM2A's inner region cut into n points over the same energies, as a data set with other keys."""
    from astropy.table import Table

    from crsea_infer.inference.likelihoods.likelihood import load_likelihood

    source = ROOT / "likelihoods" / "lhaaso_km2a_inner"
    table = Table.read(source / "flux.ecsv")
    edges = np.geomspace(10.0, 1000.0, n + 1)
    middle = np.sqrt(edges[1:] * edges[:-1])
    old = np.log(np.asarray(table["energy_reference"]))
    finer = {"energy_min": edges[:-1], "energy_max": edges[1:], "energy_reference": middle}
    for column in ("intensity", "error_low", "error_high", "systematic"):
        finer[column] = np.exp(np.interp(np.log(middle), old, np.log(np.asarray(table[column]))))
    own = folder / name
    own.mkdir(parents=True)
    new = Table(finer, units={column: table[column].unit for column in finer}, meta=table.meta)
    new.write(own / "flux.ecsv", format="ascii.ecsv", delimiter=",")
    lines = (source / "likelihood.toml").read_text(encoding="utf-8").splitlines()
    lines = lines[: lines.index("[[prediction_errors]]")]
    kept = [line for line in lines if line.split(" = ")[0] not in changes]
    text = "\n".join(f"{key} = {value}" for key, value in changes.items())
    (own / "likelihood.toml").write_text(text + "\n" + "\n".join(kept) + "\n", encoding="utf-8")
    return load_likelihood(str(own))


def measure_data(stages: Stages, n: int, folder: Path, systematics: str) -> None:
    """Vary the number of points of one data set."""
    one = stages("read", lambda: data_set(folder, "points", n, {"systematics": systematics}))
    evaluated(stages, [one])


def measure_data_sets(stages: Stages, n: int, folder: Path) -> None:
    """Vary the number of data sets of ten points, all of one region."""
    evaluated(stages, stages("read", lambda: [data_set(folder, f"set{i}", 10, {}) for i in range(n)]))


def measure_regions(stages: Stages, n: int, folder: Path) -> None:
    """Vary the number of regions that the emulator lacks, one data set of ten points each."""
    from crsea_infer.emulator.response.region_training import train_regions
    from crsea_infer.emulator.response.store import read_emulator

    boxes = [f"l={10 * i + 2}..{10 * i + 11},b=-5..5" for i in range(n)]
    sets = [data_set(folder, f"set{i}", 10, {"region": f'"{box}"'}) for i, box in enumerate(boxes)]
    settings = read_emulator().settings
    stages("training", lambda: train_regions(settings, "nuclei", boxes))
    os.environ["CRSEA_INFER_CACHE"] = str(folder / "cache")
    Stages()("", lambda: evaluated(Stages(), sets))  # trains them again, and keeps them
    evaluated(stages, sets)


class Normal:
    """A normal peak, wide by a third of the prior, in n parameters: what samplers cost beside ln L."""

    def __init__(self, n: int) -> None:
        self.names = tuple(f"p{i}" for i in range(n))

    def prior_transform(self, unit: Float64) -> Float64:
        """Map the unit cube to itself."""
        return unit

    def log_likelihood(self, theta: Float64) -> Float64:
        """Return ln L [...]."""
        return np.asarray(-0.5 * np.sum(((theta - 0.5) / 0.1) ** 2, axis=-1))


def parameters_of(n: int) -> Any:
    """Return n parameters for a corner figure."""
    from crsea_infer.hypotheses.distributions import normal
    from crsea_infer.hypotheses.prior_sets import Parameter

    return tuple(
        Parameter(
            name=f"p{i}", distribution=normal(0.5, 0.2), fiducial=0.5, label=f"p_{{{i}}}", description="", source=""
        )
        for i in range(n)
    )


def measure_parameters(stages: Stages, n: int, _: Path) -> None:
    """Vary the number of parameters: evidence, corner of eight, and the corner of all."""
    import crsea_infer as cr
    from crsea_infer.report.figures.posterior_figures import corner_of

    target = Normal(n)
    few = {"draws": 8000, "scouts": 0, "walkers": 256}
    result = stages("importance, per 1e5 evaluations", lambda: cr.sample(target, "importance", seed=1, **few))
    calls = result._result.n_calls  # noqa: SLF001 -- Sampled does not show it
    stages.found["importance, per 1e5 evaluations"] *= 1e5 / calls
    parameters = parameters_of(n)
    names = [one.name for one in parameters]
    stages("corner of all parameters", lambda: corner_of("normal", parameters, result.draws, names))


def measure_live_points(stages: Stages, n: int, _: Path) -> None:
    """Vary the live points of `dynesty`, in five parameters."""
    import crsea_infer as cr

    stages("dynesty", lambda: cr.sample(Normal(5), "dynesty", seed=1, live_points=n, subruns=2))


HYPOTHESES: Final = ("gamma-optimized-min", "gamma-optimized-max", "base-min", "base-max")
RUN: Final = """title = "growth"
hypotheses = {names}
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
[exact_check]
samples = 0
[samplers.importance]
draws = 4000
"""


def measure_run(stages: Stages, hypotheses: int, folder: Path, workers: int) -> None:
    """Carry out a run, with few draws and all its tables and figures."""
    import crsea_infer as cr

    path = folder / "growth.toml"
    path.write_text(RUN.format(names=json.dumps(HYPOTHESES[:hypotheses])), encoding="utf-8")
    run = cr.Run(path)
    stages("whole run", lambda: run.execute(folder / "out", workers=workers, accept_unconverged=True))


def measure(axis: str, size: int) -> dict[str, float]:
    """Measure one size of one axis in this process."""
    measures: dict[str, Callable[[Stages, int, Path], None]] = {
        "data points": lambda stages, n, folder: measure_data(stages, n, folder, '"correlated"'),
        "data points, energy-correlated": lambda stages, n, folder: measure_data(
            stages, n, folder, '{kind = "energy-correlated", length_dex = 0.5}'
        ),
        "data sets": measure_data_sets,
        "regions": measure_regions,
        "parameters": measure_parameters,
        "hypotheses": lambda stages, n, folder: measure_run(stages, n, folder, 1),
        "live points": measure_live_points,
        "workers": lambda stages, n, folder: measure_run(stages, 2, folder, n),
    }
    stages = Stages()
    with tempfile.TemporaryDirectory() as folder:
        measures[axis](stages, size, Path(folder))
    return stages.found


def in_its_own_process(axis: str, size: int) -> list[dict[str, Any]]:
    """Measure in a child; return rows, memory among them."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "found.json"
        process = subprocess.Popen(  # noqa: S603 -- this script
            [sys.executable, __file__, "--measure", axis, str(size), str(output)],
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )
        _, ended, _ = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(ended)
        if process.returncode:
            raise SystemExit(f"{axis}, {size}: the process ended with {process.returncode}")
        found = json.loads(output.read_text(encoding="utf-8"))
    return [{"axis": axis, "size": size, "stage": stage, "value": value} for stage, value in found.items()]


def peak_mb() -> float:
    """Return the peak memory of this process or the largest of its children, MB."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024.0


def read() -> list[dict[str, Any]]:
    """Return the rows that are there."""
    if not TABLE.is_file():
        return []
    from astropy.table import Table

    return [
        {"axis": str(row["axis"]), "size": int(row["size"]), "stage": str(row["stage"]), "value": float(row["value"])}
        for row in Table.read(TABLE, format="ascii.ecsv")
    ]


def series(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], tuple[list[int], list[float]]]:
    """Return sizes and values of each axis and stage, in order of size."""
    found: dict[tuple[str, str], tuple[list[int], list[float]]] = {}
    for row in sorted(rows, key=lambda row: (list(SIZES).index(row["axis"]), row["size"])):
        sizes, values = found.setdefault((row["axis"], row["stage"]), ([], []))
        sizes.append(row["size"])
        values.append(row["value"])
    return found


def is_faster_than_linear(stage: str, sizes: Sequence[float], values: Sequence[float]) -> bool:
    """Return whether something that is not negligible grows faster than its size."""
    negligible = 20.0 if stage == MEMORY else 0.1
    return len(sizes) > 2 and max(values) - min(values) > negligible and exponent(sizes, values) > LINEAR


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of the documentation."""
    lines = ["| what grows | CPU s of, or memory | sizes | from, to | exponent |", "|---|---|--:|--:|--:|"]
    for (axis, stage), (sizes, values) in series(rows).items():
        power = f"{exponent(sizes, values):.2f}"
        power = f"**{power}**" if is_faster_than_linear(stage, sizes, values) else power
        ends = f"{values[0]:.2g}, {values[-1]:.2g}" if stage != MEMORY else f"{values[0]:.0f}, {values[-1]:.0f}"
        lines.append(f"| {axis} | {stage} | {sizes[0]} to {sizes[-1]} | {ends} | {power} |")
    measured = {(row["axis"], row["size"]) for row in rows}
    missing = [
        f"{axis} ({', '.join(str(size) for size in sizes if (axis, size) not in measured)})"
        for axis, sizes in SIZES.items()
        if any((axis, size) not in measured for size in sizes)
    ]
    lines += ["", f"Not measured so far: {'; '.join(missing)}."] if missing else []
    return "\n".join(lines) + "\n"


def draw(rows: Sequence[dict[str, Any]]) -> None:
    """Draw time and memory of each axis beside lines of the first power."""
    from crsea_infer.report.layout.style import COLOURS, COLUMN, new_figure, styled
    from crsea_infer.support.files import atomic_path

    with styled():
        figure = new_figure(COLUMN, 1.5 * COLUMN)
        above, below = figure.subplots(2, 1, sharex=True)
        fastest: dict[str, tuple[list[int], list[float]]] = {}
        memory: dict[str, tuple[list[int], list[float]]] = {}
        for (axis, stage), (sizes, values) in series(rows).items():
            if len(sizes) < 3:
                continue
            if stage == MEMORY:
                memory[axis] = (sizes, values)
            elif axis not in fastest or values[-1] / values[0] > fastest[axis][1][-1] / fastest[axis][1][0]:
                fastest[axis] = (sizes, values)
        for panel, found in ((above, fastest), (below, memory)):
            for axis, (sizes, values) in found.items():
                number = list(SIZES).index(axis)
                panel.plot(
                    np.asarray(sizes) / sizes[0],
                    np.asarray(values) / values[0],
                    "o-" if number < len(COLOURS) else "s--",
                    ms=3,
                    lw=1,
                    color=COLOURS[number % len(COLOURS)],
                    label=axis,
                )
        for panel, label in ((above, "CPU time"), (below, "peak memory")):
            panel.plot([1, 100], [1, 100], ":", color="0.5", lw=1)
            panel.set(xscale="log", yscale="log", ylabel=f"{label} / smallest")
        below.set(xlabel="size / smallest size", ylim=(0.8, 30.0))
        if fastest:
            above.legend(fontsize=6, frameon=False, loc="upper left")
        figure.tight_layout()
        with atomic_path(FIGURE) as temporary:
            figure.savefig(temporary, dpi=200, format="png")


def write(rows: Sequence[dict[str, Any]]) -> None:
    """Write rows, table and figure."""
    from astropy.table import Table

    from crsea_infer.support.files import atomic_path

    table = Table({name: [row[name] for row in rows] for name in COLUMNS})
    table["value"].info.format = ".5g"
    table.meta["description"] = "CPU seconds and peak memory by size; made by benchmarks/growth.py"
    for path in (TABLE, SUMMARY):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(TABLE) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)
    with atomic_path(SUMMARY) as temporary:
        temporary.write_text(summary(rows), encoding="utf-8")
    draw(rows)


def main() -> None:
    """Measure what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--again", action="store_true", help="measure what is there, too")
    parser.add_argument("--write", action="store_true", help="write table and figure, and do nothing else")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        axis, size, output = arguments.measure
        found = measure(axis, int(size))
        Path(output).write_text(json.dumps({**found, MEMORY: peak_mb()}), encoding="utf-8")
        return
    rows = read()
    if not arguments.write:
        if arguments.again:
            rows = [row for row in rows if row["axis"] not in arguments.only]
        done = {(row["axis"], row["size"]) for row in rows}
        for axis in arguments.only:
            for size in SIZES[axis]:
                if (axis, size) not in done:
                    started = time.monotonic()
                    new = in_its_own_process(axis, size)
                    rows += new
                    print(axis, size, {row["stage"]: round(row["value"], 3) for row in new}, flush=True)
                    print(f"  {math.ceil(time.monotonic() - started)} s", flush=True)
                    write(rows)
    write(rows)


if __name__ == "__main__":
    main()
