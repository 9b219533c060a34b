"""Evidences of a whole study on a device: how long each takes, with and without compilation, and how exact it is.

For each hypothesis on each set of data of a study, ln Z by the sampler `smc` with JAX in double precision, whose
sub-runs move side by side in one batch. Posteriors of the same structure share what is compiled; how many structures
there are, is told. Compilation is timed apart from sampling. First come evaluations per second of the likelihood in
large batches, for LHAASO-KM2A and for all data. What is quoted by an earlier run (a folder of `crsea-infer run`) stands
beside, if it is given.

    python benchmarks/device_evidences.py --cache ~/.cache/jax_programs
    python benchmarks/device_evidences.py --cpu --combinations lhaaso --hypotheses base-min --particles 256
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np


def options_of_command() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="paper")
    parser.add_argument("--combinations", nargs="*", help="of the study (default: all)")
    parser.add_argument("--hypotheses", nargs="*", help="of the study (default: all)")
    parser.add_argument("--subruns", type=int, default=4)
    parser.add_argument("--particles", type=int, default=4096, help="of each sub-run (default 4096)")
    parser.add_argument("--draws", type=int, default=16384, help="weighted draws of each half (default 16384)")
    parser.add_argument("--components", type=int, default=4, help="most components of proposals (default 4)")
    parser.add_argument("--most-moves", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=2**18, help="points of the speed test; 0 for none")
    parser.add_argument("--cpu", action="store_true", help="on cores, whatever devices there are")
    parser.add_argument("--cache", type=Path, help="folder that keeps compiled programs from run to run")
    parser.add_argument("--output", type=Path, help="JSON file for all numbers, written after each evidence")
    return parser.parse_args()


def posterior_of(run: Any, name: str, models: dict[str, Any]) -> Any:
    """Return the posterior of one hypothesis of a run."""
    from crsea_infer import emulator
    from crsea_infer.inference.posterior import posterior_for

    if str(run.emulator) not in models:
        models[str(run.emulator)] = emulator.load(run.emulator)
    hypothesis = next(one for one in run.hypotheses if one.name == name)
    likelihoods = run.samplings(name)["all"]
    model = models[str(run.emulator)]
    return posterior_for(hypothesis, likelihoods, model, all_likelihoods=run.likelihoods_of(name))


def evaluations_per_second(posterior: Any, batch: int) -> tuple[float, float]:
    """Return evaluations per second in batches of that size, and the seconds of tracing and compiling."""
    import jax

    from crsea_infer.inference.samplers.particle_movers import Compiled

    started = time.perf_counter()
    compiled = Compiled(posterior, "smc", batch)
    points = jax.random.normal(jax.random.key(1), (batch, len(posterior.names)), dtype="float64")
    compiled.on_device(points).block_until_ready()
    before = time.perf_counter() - started
    fastest = np.inf
    for _ in range(5):
        started = time.perf_counter()
        compiled.on_device(points).block_until_ready()
        fastest = min(fastest, time.perf_counter() - started)
    return batch / fastest, before


def evidence(posterior: Any, options: Any, seed: int) -> dict[str, Any]:
    """Compile and sample; return numbers of both."""
    from crsea_infer.inference.samplers.particle_movers import JaxMover
    from crsea_infer.inference.samplers.particle_moves import Lengths
    from crsea_infer.inference.samplers.sampler import no_progress
    from crsea_infer.inference.samplers.tempered_particles import Smc, compiled_target
    from crsea_infer.support.checkpoint import Checkpoint

    started = time.perf_counter()
    compiled = compiled_target(posterior, options)
    k, n, d = options.subruns, options.particles, len(posterior.names)
    some = np.random.default_rng(0).standard_normal((k, n, d))
    values = compiled.from_probit(some.reshape(-1, d)).reshape(k, n)
    values = np.where(np.isfinite(values), values, -1e9)
    mover = JaxMover(compiled)
    mover.settle(some, values, np.zeros(k), Lengths(np.zeros(k), np.zeros(k)), np.random.SeedSequence(0), 0.1, 4)
    to_compile = time.perf_counter() - started
    started = time.perf_counter()
    sampler = Smc(options)
    result = sampler.run_compiled(compiled, np.random.SeedSequence(seed), Checkpoint(None), no_progress)
    wall = time.perf_counter() - started
    told = {name: result.diagnostics[name] for name in ("lnz_particles", "lnz_particles_err", "temperatures", "moves")}
    return {
        "lnz": result.evidence.lnz,
        "lnz_err": result.evidence.lnz_err,
        "method": result.evidence.method,
        "status": result.diagnostics["status"],
        "refused": result.diagnostics.get("draws_refused", ""),
        "calls": result.n_calls,
        "parameters": d,
        "compile_s": to_compile,
        "wall_s": wall,
        **told,
        "effective": result.diagnostics.get("draws_effective", 0.0),
        "remembered": result.diagnostics["remembered"],
    }


def main() -> None:
    """Print what the module says."""
    arguments = options_of_command()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if arguments.cpu:
        os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    if arguments.cache is not None:
        jax.config.update("jax_compilation_cache_dir", str(arguments.cache.expanduser()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

    from crsea_infer.inference.samplers import particle_movers
    from crsea_infer.inference.samplers.jax_tracing import double_precision
    from crsea_infer.inference.samplers.smc_options import SmcOptions
    from crsea_infer.plan.run_file import load_run
    from crsea_infer.plan.study_file import load_study

    with double_precision():
        print(f"JAX {jax.__version__} on {jax.devices()[0]}, NumPy {np.__version__}, double precision", flush=True)
        models: dict[str, Any] = {}
        study = load_study(arguments.study)
        told: dict[str, Any] = {"device": str(jax.devices()[0]), "jax": jax.__version__, "speed": {}, "evidences": []}
        if arguments.batch:
            cases = {"LHAASO-KM2A": load_run("min_vs_max"), "all data": load_study("paper").runs["all"]}
            for name, run in cases.items():
                speed, before = evaluations_per_second(
                    posterior_of(run, "gamma-optimized-min", models), arguments.batch
                )
                told["speed"][name] = {"per_s": speed, "compile_s": before}
                print(
                    f"{name}: {speed:.3g} evaluations per second in batches of {arguments.batch}, "
                    f"compiled in {before:.1f} s",
                    flush=True,
                )
        options = SmcOptions(
            backend="jax",
            subruns=arguments.subruns,
            particles=arguments.particles,
            draws=arguments.draws,
            components=arguments.components,
            most_moves=arguments.most_moves,
        )
        particle_movers.forget_functions()
        compiling = sampling = 0.0
        for combination in arguments.combinations or list(study.runs):
            run = study.runs[combination]
            for name in arguments.hypotheses or [one.name for one in run.hypotheses]:
                started = time.perf_counter()
                posterior = posterior_of(run, name, models)
                loading = time.perf_counter() - started
                row = evidence(posterior, options, arguments.seed)
                compiling += row["compile_s"]
                sampling += row["wall_s"]
                told["evidences"].append({"combination": combination, "hypothesis": name, "load_s": loading, **row})
                words = "" if row["status"] == "converged" else f"  {row['status']}"
                print(
                    f"{combination:18} {name:34} {row['lnz']:10.4f} +- {row['lnz_err']:.4f} "
                    f"({row['method'].removeprefix('tempered Monte Carlo').strip(', ') or 'particles'}; particles "
                    f"{row['lnz_particles']:.3f} +- {row['lnz_particles_err']:.3f})  {row['wall_s']:.2f} s, "
                    f"compiled in {row['compile_s']:.1f} s, {row['calls'] / row['wall_s']:.2g} calls/s, "
                    f"{row['moves']:.0f} moves{words}",
                    flush=True,
                )
                if arguments.output is not None:
                    arguments.output.write_text(json.dumps(told, indent=1), encoding="utf-8")
        n = len(told["evidences"])
        errors = [row["lnz_err"] for row in told["evidences"]]
        print(
            f"{n} evidences, {particle_movers.n_functions()} structures: {sampling:.1f} s of sampling, "
            f"{compiling:.1f} s of tracing and compiling; errors: median {np.median(errors):.4f}, "
            f"largest {np.max(errors):.4f}"
        )


if __name__ == "__main__":
    main()
