"""How honest the quoted errors of ln Z are: every sampler that gives an evidence, on problems with a known answer.

For each sampler, problem and seed the pull (ln Z - truth) / error is kept in benchmarks/data/calibration.ecsv; what is
there already is not done again, so the table can be made in pieces, and rows made with other settings are dropped. The
summary goes to docs/figures/calibration.inc, which docs/samplers.md includes.

    python benchmarks/calibration.py --seeds 100 --processes 2
    python benchmarks/calibration.py --samplers dynesty importance --problems banana --minutes 5

Settings are smaller than the defaults, so that a hundred seeds of all but nautilus take half an hour of one core
(nautilus two hours, half of them in twenty dimensions); errors are larger accordingly, which is no help to their
honesty.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "benchmarks" / "data" / "calibration.ecsv"
SUMMARY = ROOT / "docs" / "figures" / "calibration.inc"
COLUMNS = ("sampler", "problem", "seed", "settings", "lnz", "lnz_err", "truth", "status", "n_calls", "cpu_s")
SAVE_EVERY_S = 20.0
FIRST_SEED = 1000  # the options of the samplers were chosen on smaller ones


def problems() -> dict[str, Any]:
    """Return the problems by name."""
    sys.path.insert(0, str(ROOT / "tests" / "inference" / "samplers"))
    from known_problems import PROBLEMS

    return dict(PROBLEMS)


def settings(sampler: str, n_dimensions: int) -> Any:
    """Return the options with which a sampler is tried."""
    sys.path.insert(0, str(ROOT / "tests" / "inference" / "samplers"))
    from known_problems import modest_options

    return modest_options(sampler, n_dimensions)


SAMPLERS = ("dynesty", "dynesty-dynamic", "importance", "jax-nested", "nautilus", "smc")


def one(task: tuple[str, str, int]) -> tuple[Any, ...]:
    """Run one sampler on one problem with one seed; return a row of the table."""
    from crsea_infer.inference.samplers.registry import make
    from crsea_infer.inference.samplers.sampler import no_progress
    from crsea_infer.support.checkpoint import Checkpoint
    from crsea_infer.support.files import digest

    sampler, problem, seed = task
    target = problems()[problem]
    options = settings(sampler, len(target.names))
    started = time.process_time()
    # Seeds of different samplers are independent: otherwise they would share their first live points.
    own_seed = np.random.SeedSequence([FIRST_SEED + seed, SAMPLERS.index(sampler)])
    result = make(sampler, options).run(target, own_seed, Checkpoint(None), no_progress)
    cpu_s = time.process_time() - started
    evidence = result.evidence
    lnz, error = (np.nan, np.nan) if evidence is None else (evidence.lnz, evidence.lnz_err)
    identity = digest(options.model_dump())[:8]
    status = "refused" if evidence is None else "converged" if result.converged else "not converged"
    return (sampler, problem, seed, identity, lnz, error, target.lnz, status, result.n_calls, round(cpu_s, 3))


def read() -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """Return the rows there are, without those made with other settings."""
    from astropy.table import Table

    from crsea_infer.support.files import digest

    if not TABLE.exists():
        return {}
    known = problems()
    rows = {}
    for row in Table.read(TABLE, format="ascii.ecsv"):
        values = tuple(row[name].item() if hasattr(row[name], "item") else str(row[name]) for name in COLUMNS)
        sampler, problem, seed = values[:3]
        if problem in known and sampler in SAMPLERS:
            options = settings(sampler, len(known[problem].names))
            if digest(options.model_dump())[:8] == values[3]:
                rows[sampler, problem, seed] = values
    return rows


def write(rows: dict[tuple[str, str, int], tuple[Any, ...]]) -> None:
    """Write all rows, sorted, whole or not at all; and the summary."""
    from astropy.table import Table

    from crsea_infer.support.files import atomic_path

    table = Table(rows=[rows[key] for key in sorted(rows)], names=COLUMNS)
    descriptions = {
        "sampler": "name of the sampler",
        "problem": "problem with a known ln Z",
        "seed": f"seed of the run, counted from {FIRST_SEED}",
        "settings": "hash of the sampler's options",
        "lnz": "natural logarithm of the evidence; nan when refused",
        "lnz_err": "quoted one-sigma error",
        "truth": "known ln Z",
        "status": "converged, not converged or refused",
        "n_calls": "likelihood evaluations",
        "cpu_s": "processor seconds",
    }
    for name, text in descriptions.items():
        table[name].description = text
    for name in ("lnz", "lnz_err", "truth"):
        table[name].info.format = ".6f"
    table.meta["description"] = "Pulls of ln Z over many seeds; made by benchmarks/calibration.py"
    TABLE.parent.mkdir(exist_ok=True)
    with atomic_path(TABLE) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)
    with atomic_path(SUMMARY) as temporary:
        temporary.write_text(summary(list(rows.values())), encoding="utf-8")


def summary(rows: list[tuple[Any, ...]]) -> str:
    """Return the table of the documentation: one line per sampler and problem."""
    lines = [
        "| sampler | problem | seeds | mean pull | std of pull | refused | not converged | error | calls | CPU s |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for sampler in SAMPLERS:
        for problem in (*problems(), "**all**"):
            own = [row for row in rows if row[0] == sampler and problem in (row[1], "**all**")]
            if not own:
                continue
            status = [row[7] for row in own]
            good = np.array([row[4:7] for row in own if row[7] != "refused"], dtype=float)
            pulls, spread, error = "-", "-", "-"
            if len(good) > 1:
                pull = (good[:, 0] - good[:, 2]) / good[:, 1]
                pulls = f"{pull.mean():+.2f} ± {pull.std(ddof=1) / np.sqrt(len(pull)):.2f}"
                spread = f"{pull.std(ddof=1):.2f}"
                error = f"{np.median(good[:, 1]):.3f}"
            calls, seconds = np.median([row[8] for row in own]), np.median([row[9] for row in own])
            lines.append(
                f"| {sampler} | {problem} | {len(own)} | {pulls} | {spread} | {status.count('refused')} | "
                f"{status.count('not converged')} | {error} | {calls:.0f} | {seconds:.2f} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Do what is missing, and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=np.inf, help="stop after so long, keeping what is done")
    parser.add_argument("--samplers", nargs="*", default=SAMPLERS, choices=SAMPLERS)
    parser.add_argument("--problems", nargs="*", default=list(problems()), choices=list(problems()))
    arguments = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    # Each run compiles anew; the same programs come from disk.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / "crsea_infer_jax"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the pool takes its processes along
    rows = read()
    # All samplers and problems of a seed before the next seed, so that a table made in pieces is even.
    tasks = [
        (sampler, problem, seed)
        for seed in range(arguments.seeds)
        for sampler in arguments.samplers
        for problem in arguments.problems
        if (sampler, problem, seed) not in rows
    ]
    end, saved = time.monotonic() + 60.0 * arguments.minutes, time.monotonic()
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        for row in pool.imap_unordered(one, tasks):
            rows[row[0], row[1], row[2]] = row
            if time.monotonic() - saved > SAVE_EVERY_S:
                write(rows)
                saved = time.monotonic()
            if time.monotonic() > end:
                break
        pool.terminate()
    write(rows)
    print(summary(list(rows.values())))


if __name__ == "__main__":
    main()
