"""Time to ln Z +-0.05 on this package's own posteriors: its samplers and other packages side by side.

Each trial runs in a process of its own, one linear-algebra thread, whose CPU seconds (user and system, children too)
count from when the posterior is loaded and the packages are imported. The score is CPU seconds times the square of the
ratio to 0.05 of the larger of two errors: the stated one, and the distance from a reference, which is `importance` with
many more draws and a seed of its own. A trial is stopped after --limit CPU seconds. Rows are kept in
benchmarks/data/evidence_time.ecsv; what is there is not done again. docs/performance.md includes the summary.

    python benchmarks/evidence_time.py --limit 300
    python benchmarks/evidence_time.py --python OTHER/bin/python --methods bilby pocoMC     # where those are installed
    python benchmarks/evidence_time.py --write                                              # the summary alone
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
TABLE: Final = ROOT / "benchmarks" / "data" / "evidence_time.ecsv"
SUMMARY: Final = ROOT / "docs" / "figures" / "performance" / "evidence_time.inc"
DEVICE: Final = ROOT / "docs" / "figures" / "performance" / "device.inc"
COLUMNS: Final = ("problem", "method", "seed", "lnz", "lnz_err", "effective", "cpu_s", "status", "version")
PROBLEMS: Final = {"KM2A": "LHAASO-KM2A, 21 parameters", "all": "ten data sets, 27 parameters"}
REFERENCE: Final = "reference"
REFERENCE_DRAWS: Final = {"KM2A": 100_000, "all": 300_000}
CHEAP: Final = ("importance",)
FIRST_SEED: Final = 1
WANTED: Final = 0.05
SEEDS: Final = 3


def time_to_error(cpu_s: float, stated: float, true: float, wanted: float = WANTED) -> float:
    """Return the CPU seconds to an error `wanted`, were errors to fall as one over the root of the time.

    Whichever is larger counts, the stated error or the (absolute) true one: confidence without reason is no gain.
    """
    return cpu_s * (max(stated, abs(true)) / wanted) ** 2


def posterior_of(problem: str) -> Any:
    """Return gamma-optimized Min on the regions of LHAASO-KM2A by themselves, or on all data of the study `paper`."""
    from device_evidences import posterior_of as of_run

    from crsea_infer import emulator
    from crsea_infer.hypotheses.hypothesis import load_hypothesis
    from crsea_infer.inference.likelihoods.likelihood import load_likelihood
    from crsea_infer.inference.posterior import posterior_for
    from crsea_infer.plan.study_file import load_study

    if problem == "all":
        return of_run(load_study("paper").runs["all"], "gamma-optimized-min", {})
    likelihoods = [load_likelihood(f"lhaaso_km2a_{region}") for region in ("inner", "outer")]
    return posterior_for(load_hypothesis("gamma-optimized-min"), likelihoods, emulator.load(None))


def trial(problem: str, method: str, seed: int, limit: float, output: Path) -> None:
    """Do one trial in this process, and write what it found."""
    import importlib
    import importlib.metadata

    from evidence_packages import OTHERS, PRODUCT, product

    module, run = OTHERS.get(method, ("crsea_infer", PRODUCT.get(method)))
    try:
        importlib.import_module(module)
    except ImportError as missing:
        output.write_text(json.dumps({"status": "absent", "why": str(missing), "cpu_s": 0.0}), encoding="utf-8")
        return
    posterior = posterior_of(problem)
    posterior.log_likelihood(posterior.prior_transform(np.full((2, len(posterior.names)), 0.5)))
    before = time.process_time()
    ceiling = math.ceil(before + limit)
    resource.setrlimit(resource.RLIMIT_CPU, (ceiling, ceiling + 5))
    name = {"nautilus": "nautilus-sampler", "crsea_infer": "crsea_infer"}.get(module, module)
    told: dict[str, Any] = {"before": before, "version": importlib.metadata.version(name), "status": "unfinished"}
    output.write_text(json.dumps(told), encoding="utf-8")
    if method == REFERENCE:
        found = product("importance")(posterior, 1000, draws=REFERENCE_DRAWS[problem], fallback="none")
    else:
        found = run(posterior, seed)
    told |= {"lnz": found.lnz, "lnz_err": found.lnz_err, "effective": found.effective, "status": found.status}
    output.write_text(json.dumps(told), encoding="utf-8")


def in_its_own_process(problem: str, method: str, seed: int, limit: float, python: str) -> dict[str, Any]:
    """Run a trial in a child; return its row, with the CPU seconds that the system counted."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    known = os.environ.get("PYTHONPATH")
    path = str(ROOT) if not known else f"{ROOT}{os.pathsep}{known}"
    environment = {**os.environ, **threads, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "PYTHONPATH": path}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "found.json"
        words = ["--trial", problem, method, str(seed), str(output), "--limit", str(limit)]
        with (Path(folder) / "log").open("w+", encoding="utf-8") as log:
            process = subprocess.Popen(  # noqa: S603 -- this script
                [python, __file__, *words], stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder
            )
            _, ended, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(ended)
            log.seek(0)
            last = (log.read().strip().splitlines() or [""])[-1]
        told = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {"status": "unfinished"}
    told["cpu_s"] = max(usage.ru_utime + usage.ru_stime - told.get("before", 0.0), 0.0)
    if process.returncode > 0:
        told["status"] = f"failed: {last[:80]}"
    row = {"problem": problem, "method": method, "seed": seed, "lnz": np.nan, "lnz_err": np.nan, "effective": np.nan}
    return {**row, "version": "", **{name: value for name, value in told.items() if name in COLUMNS}}


def read() -> list[dict[str, Any]]:
    """Return the rows that are there."""
    if not TABLE.is_file():
        return []
    from astropy.table import Table

    table = Table.read(TABLE, format="ascii.ecsv")
    return [{name: row[name] if row[name] is not np.ma.masked else "" for name in COLUMNS} for row in table]


def write(rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows and the summary."""
    from astropy.table import Table

    from crsea_infer.support.files import atomic_path

    table = Table({name: [row[name] for row in rows] for name in COLUMNS})
    for name in ("lnz", "lnz_err", "effective", "cpu_s"):
        table[name].info.format = ".5g" if name != "lnz" else ".5f"
    table.meta["description"] = "Time to ln Z, trial by trial; made by benchmarks/evidence_time.py"
    table.meta["processor"] = processor()
    for path, save in (
        (TABLE, lambda temporary: table.write(temporary, format="ascii.ecsv", overwrite=True)),
        (SUMMARY, lambda temporary: temporary.write_text(summary(rows), encoding="utf-8")),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            save(temporary)


def processor() -> str:
    """Return the model of the processor, as Linux names it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Return one table per problem, a line for each method in order of its score."""
    from evidence_packages import OTHERS, PRODUCT

    lines: list[str] = []
    for problem, title in PROBLEMS.items():
        own = [row for row in rows if row["problem"] == problem]
        known = [row for row in own if row["method"] == REFERENCE and np.isfinite(row["lnz"])]
        if not known:
            lines += [f"Gamma-optimized Min, {title}: no trial so far.", ""]
            continue
        truth = known[0]
        lines += [
            f"Gamma-optimized Min, {title}. Reference: ln Z = {truth['lnz']:.4f} ± {truth['lnz_err']:.4f}.",
            "",
            "| method | seeds | ln Z | off by | CPU s | to ±0.05, CPU s | of `importance` | effective per CPU s |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
        ]
        finished: dict[str, float] = {}
        text: dict[str, str] = {}
        for method in dict.fromkeys(row["method"] for row in own if row["method"] != REFERENCE):
            trials = [row for row in own if row["method"] == method]
            good = [row for row in trials if np.isfinite(row["lnz"])]
            label = f"`{method}`" if method in {"importance", "smc", "dynesty", "nautilus"} else method
            version = str(trials[0]["version"])
            label += f" {version}" if version and not label.startswith("`") else ""
            if not good:
                status = str(trials[-1]["status"])
                words = f"unfinished after {trials[-1]['cpu_s']:.0f} CPU s" if status == "unfinished" else status
                text[method] = f"| {label} | {len(trials)} | {words} | | | | | |"
                continue
            off = [row["lnz"] - truth["lnz"] for row in good]
            scores = [time_to_error(row["cpu_s"], row["lnz_err"], d) for row, d in zip(good, off, strict=True)]
            finished[method] = float(np.median(scores))
            middle = int(np.argsort(scores)[(len(scores) - 1) // 2])
            rate = float(np.median([row["effective"] / row["cpu_s"] for row in good]))
            one = good[middle]
            warned = "" if all(row["status"] == "converged" for row in good) else " (not converged)"
            text[method] = (
                f"| {label}{warned} | {len(good)} | {one['lnz']:.3f} ± {one['lnz_err']:.3f} | {off[middle]:+.3f} | "
                f"{one['cpu_s']:.0f} | {finished[method]:.3g} | RATIO | {rate:.3g} |"
            )
        unit = finished.get("importance", np.nan)
        for method in sorted(text, key=lambda name: finished.get(name, np.inf)):
            ratio = f"{finished[method] / unit:.3g}" if method in finished else ""
            lines.append(text[method].replace("RATIO", ratio))
        untried = [method for method in (*PRODUCT, *OTHERS) if method not in text]
        lines += [f"\nNo trial so far: {'; '.join(untried)}."] if untried else []
        lines.append("")
    return "\n".join(lines)


def write_device_part() -> None:
    """Run `device_posterior.py` where JAX finds a device; say so where there is none."""
    from crsea_infer.support.files import atomic_path

    code = "import jax; print(jax.devices()[0].platform, jax.devices()[0])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    if found.returncode == 0 and not found.stdout.startswith("cpu"):
        script = str(ROOT / "benchmarks" / "device_posterior.py")
        told = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)  # noqa: S603
        text = f"On {found.stdout.split(maxsplit=1)[1].strip()}:\n\n```text\n{told.stdout.rstrip()}\n```\n"
    else:
        text = "Not measured here: no device.\n"
    DEVICE.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(DEVICE) as temporary:
        temporary.write_text(text, encoding="utf-8")


def main() -> None:
    """Do what is missing, and write the summary after each trial."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=float, default=300.0, help="CPU seconds of a trial (default 300)")
    parser.add_argument("--methods", nargs="*", help="default: all")
    parser.add_argument("--problems", nargs="*", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"of the cheap ones (default {SEEDS})")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the other packages")
    parser.add_argument("--again", action="store_true", help="do once more what was unfinished, failed or absent")
    parser.add_argument("--write", action="store_true", help="write the summaries, and do nothing else")
    parser.add_argument("--trial", nargs=4, metavar="WHAT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.trial:
        problem, method, seed, output = arguments.trial
        trial(problem, method, int(seed), arguments.limit, Path(output))
        return
    from evidence_packages import OTHERS, PRODUCT

    rows = read()
    if arguments.write:
        write(rows)
        write_device_part()
        return
    if arguments.again:
        rows = [row for row in rows if np.isfinite(row["lnz"])]
    done = {(row["problem"], row["method"], row["seed"]) for row in rows}
    methods = arguments.methods or [*PRODUCT, *OTHERS]
    tasks = [
        (problem, method, seed)
        for method in [REFERENCE, *methods]
        for problem in arguments.problems
        for seed in range(FIRST_SEED, FIRST_SEED + (arguments.seeds if method in CHEAP else 1))
    ]
    for task in tasks:
        if task in done:
            continue
        python = arguments.python if task[1] in OTHERS else sys.executable
        limit = arguments.limit if task[1] != REFERENCE else 10.0 * arguments.limit
        row = in_its_own_process(*task, limit, python)
        print(*(row[name] for name in COLUMNS), flush=True)
        rows.append(row)
        write(rows)
    write_device_part()


if __name__ == "__main__":
    main()
