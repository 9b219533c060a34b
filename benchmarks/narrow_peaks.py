"""Which samplers find a second peak that is narrower than the main one, refuse, or miss it and say nothing.

Two normal peaks hold half of the evidence each; one is narrower by a factor in every dimension, so that it has that
factor to the power of the dimensions less of the prior. Samplers run with their default options, and their results are
held against scouts as those of a run are. Found: ln Z within four errors of the truth, and samples in both peaks.
Refused: no ln Z is quoted, or the result says that it is not converged.

    python benchmarks/narrow_peaks.py --seeds 10
    python benchmarks/narrow_peaks.py --samplers importance --seeds 30
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PROBLEMS = ((5, 3.0), (5, 5.0), (5, 10.0), (10, 3.0))  # dimensions, how much narrower
SAMPLERS = ("importance", "dynesty", "dynesty-dynamic", "jax-nested", "nautilus", "smc")
FOUND, REFUSED, MISSED = "found", "refused", "missed"


def one(task: tuple[str, int, float, int]) -> tuple[tuple[str, int, float], str, float]:
    """Run one sampler on one problem with one seed; return what became of it and the processor seconds."""
    sys.path.insert(0, str(ROOT / "tests" / "inference" / "samplers"))
    from known_problems import NarrowMode

    from crsea_infer.inference.samplers.peak_check import checked_for_peaks
    from crsea_infer.inference.samplers.registry import make
    from crsea_infer.inference.samplers.sampler import no_progress
    from crsea_infer.support.checkpoint import Checkpoint

    sampler, n_dimensions, narrower, seed = task
    target = NarrowMode(names=tuple(f"x_{index}" for index in range(n_dimensions)), narrower=narrower)
    started = time.process_time()
    result = make(sampler).run(target, np.random.SeedSequence([seed, n_dimensions]), Checkpoint(None), no_progress)
    result = checked_for_peaks(result, target, np.random.SeedSequence([seed, n_dimensions, 1]))
    seconds = time.process_time() - started
    evidence = result.evidence
    if evidence is None or not result.converged:
        return (sampler, n_dimensions, narrower), REFUSED, seconds
    right = abs(evidence.lnz - target.lnz) < 4.0 * evidence.lnz_err
    # A wide error covers ln 2, so the samples have to be there as well.
    there = result.weights @ (result.samples[:, 0] > 0.5) > 0.05
    return (sampler, n_dimensions, narrower), FOUND if right and there else MISSED, seconds


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--samplers", nargs="*", default=SAMPLERS, choices=SAMPLERS)
    arguments = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    tasks = [
        (sampler, *problem, seed)
        for sampler in arguments.samplers
        for problem in PROBLEMS
        for seed in range(arguments.seeds)
    ]
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        results = list(pool.imap_unordered(one, tasks))
    lines = [
        f"| sampler | dimensions | narrower by | {FOUND} | {REFUSED} | {MISSED} | CPU s |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for sampler in arguments.samplers:
        for problem in PROBLEMS:
            own = [(outcome, seconds) for key, outcome, seconds in results if key == (sampler, *problem)]
            counts = [sum(outcome == name for outcome, _ in own) for name in (FOUND, REFUSED, MISSED)]
            seconds = float(np.median([seconds for _, seconds in own]))
            shown = " | ".join(str(count) for count in counts)
            lines.append(f"| {sampler} | {problem[0]} | {problem[1]:g} | {shown} | {seconds:.1f} |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
