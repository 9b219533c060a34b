"""ln Z of LHAASO-KM2A given local data, by the sampler `bridge`, again and again: mean, scatter and quoted error.

For each sea of runs/conditional.toml and each seed one sampling with the default options. Prints each result, and a
table of the mean over seeds, its error, the scatter of single results and the error that they quote. Run it from the
repository, with one thread:

    OMP_NUM_THREADS=1 python benchmarks/conditional_evidence.py --seeds 8
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from crsea_infer import emulator
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.inference.samplers.bridge import Bridge
from crsea_infer.inference.samplers.sampler import no_progress
from crsea_infer.inference.trained_posterior import TrainedPosterior
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.checkpoint import Checkpoint


def target_of(sea: int) -> TrainedPosterior:
    """Return the posterior of a hypothesis of the run `conditional`, with its training set."""
    run, model = load_run("conditional"), emulator.load()
    hypothesis = run.hypotheses[sea]
    data = run.samplings(hypothesis.name)
    others = [one for one in data["all"] if one not in data["training"]]
    whole, training, rest = (
        posterior_for(hypothesis, some, model, all_likelihoods=data["all"])
        for some in (data["all"], data["training"], others)
    )
    return TrainedPosterior(whole, training, rest)


def main() -> int:
    """Print all results and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8, help="samplings of each sea (default: %(default)s)")
    seeds = parser.parse_args().seeds
    lines = ["| sea | ln Z, mean | scatter | quoted error | CPU s |", "|---|--:|--:|--:|--:|"]
    for sea, hypothesis in enumerate(load_run("conditional").hypotheses):
        target, found, seconds = target_of(sea), [], []
        for seed in range(1, seeds + 1):
            started = time.process_time()
            result = Bridge().run(target, np.random.SeedSequence(seed), Checkpoint(None), no_progress)
            seconds.append(time.process_time() - started)
            found.append(result.conditional)
            print(f"{hypothesis.name}, seed {seed}: {result.conditional}, {result.diagnostics['status']}", flush=True)
        lnz, quoted = (np.array([getattr(one, name) for one in found]) for name in ("lnz", "lnz_err"))
        scatter = float(np.std(lnz, ddof=1)) if seeds > 1 else float("nan")
        mean = f"{lnz.mean():.2f} ± {scatter / seeds**0.5:.2f}"
        lines.append(f"| {hypothesis.name} | {mean} | {scatter:.2f} | {quoted.mean():.2f} | {np.mean(seconds):.0f} |")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
