"""Kill every sampler at random moments, resume, and compare with a run that was left alone.

A sampling of a small problem goes through the same tasks, worker processes, checkpoints and results as a run does. Its
process group is killed (kill -9) at moments drawn uniformly over the time that the unbroken run takes; then the same
command is given again, and killed again, until so many kills have been dealt out and the last run has ended. Evidence,
samples and calls must be those of the unbroken run; where a library cannot go on exactly, the evidence and the
posterior means must agree within their errors, and the table says so.

    python benchmarks/faults.py --kills 20
    python benchmarks/faults.py --samplers emcee importance --kills 3 --no-table

The table goes to docs/figures/faults.inc, which docs/trust.md includes. Exit status 1 when a sampler fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crsea_infer.plan.tasks import Task
from crsea_infer.support.checkpoint import Checkpoint
from crsea_infer.support.files import atomic_write, remove_leftovers

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "figures" / "faults.inc"
SEED = 5
INTERVAL_S = 0.1  # between two checkpoints; a run's is 5 s, but this problem takes seconds altogether
PATIENCE_S = 300.0
LONGER = {"importance": {"repetitions": 8}, "emcee": {"max_steps": 3000, "chain_lengths": 500.0}}
"""Options that make the quickest samplers long enough to be interrupted between two checkpoints."""


@dataclass(frozen=True)
class SmallRun:
    """What a task needs of a run."""

    samplers: dict[str, Any]
    seed: int = SEED


@dataclass(frozen=True, eq=False)
class EagerTask(Task):
    """A task that keeps its work more often than once in five seconds."""

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self.checkpoint_path, self._own_identity, interval=INTERVAL_S)


def task_for(sampler: str, folder: Path) -> EagerTask:
    """Return the task of one sampler, with the small options of the tests."""
    sys.path.insert(0, str(ROOT / "tests" / "inference" / "samplers"))
    from known_problems import QUICK, LinearGaussian

    small = QUICK[sampler]
    run: Any = SmallRun({sampler: type(small)(**{**small.model_dump(), **LONGER.get(sampler, {})})})
    return EagerTask(
        run, "linear", sampler, folder, {"run": "faults", "seed": str(SEED)}, LinearGaussian.make(3, 5, 0.5).names
    )


def sample(task: EagerTask, progress: Any) -> None:
    """Sample the small problem; runs in a worker process."""
    sys.path.insert(0, str(ROOT / "tests" / "inference" / "samplers"))
    from known_problems import LinearGaussian

    progress(0.0, "begun")
    task.sample(LinearGaussian.make(3, 5, 0.5), progress)


def serve(sampler: str, folder: Path) -> None:
    """Do the sampling in a worker process, as a run does; say when it begins."""
    import faults  # this file, by a name that a worker process can load: of a script itself it knows nothing

    from crsea_infer.support.jobs import run_jobs

    remove_leftovers(folder)  # as a run does when it has the lock
    told = []

    def report(_index: int, _fraction: float, _words: str) -> None:
        if not told:
            told.append(print("begun", flush=True))

    run_jobs(faults.sample, [faults.task_for(sampler, folder)], [sampler], report)


def start(sampler: str, folder: Path) -> subprocess.Popen[str]:
    """Start a sampling in a process group of its own; return when it has begun."""
    compiled = {  # JAX samplers compile in every process anew; killed ones need not
        "JAX_COMPILATION_CACHE_DIR": str(folder.parent / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # of a problem as small as this they take longer than they save
    }
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, __file__, "--serve", str(folder), "--samplers", sampler],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **compiled},
        start_new_session=True,
    )
    if process.stdout is None or process.stdout.readline().strip() != "begun":
        raise RuntimeError(f"{sampler} did not begin")
    return process


def kill(process: subprocess.Popen[str]) -> None:
    """Kill the whole group, as a batch system or a lack of memory does."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def compare(one: Any, other: Any) -> str:
    """Say how two results compare: "exact", "within errors", or what is wrong."""
    same = (
        one.evidence == other.evidence
        and np.array_equal(one.samples, other.samples)
        and np.array_equal(one.log_likelihood, other.log_likelihood)
        and one.n_calls == other.n_calls
    )
    if same:
        return "exact"
    if (one.evidence is None) != (other.evidence is None):
        return "one run has an evidence, the other none"
    if one.evidence is not None:
        difference = abs(one.evidence.lnz - other.evidence.lnz)
        if difference > 3.0 * np.hypot(one.evidence.lnz_err, other.evidence.lnz_err):
            return f"ln Z differs by {difference:.3f}"
    spread = np.sqrt(one.weights @ (one.samples - one.weights @ one.samples) ** 2)
    shift = np.max(np.abs(one.weights @ one.samples - other.weights @ other.samples) / spread)
    return "within errors" if shift < 0.3 else f"a posterior mean differs by {shift:.2f} sigma"


def torment(sampler: str, kills: int, folder: Path, generator: np.random.Generator) -> dict[str, Any]:
    """Kill and resume one sampler; return a row of the table."""
    whole = folder / "whole"
    whole.mkdir(parents=True)
    process = start(sampler, whole)
    begun = time.monotonic()
    process.wait(PATIENCE_S)
    duration = time.monotonic() - begun
    expected = task_for(sampler, whole).result()
    if expected is None:
        raise RuntimeError(f"the unbroken run of {sampler} left no result")
    row = {"sampler": sampler, "seconds": duration, "kills": 0, "resumed": 0, "runs": 0, "verdicts": []}
    broken = folder / "broken"
    while row["kills"] < kills or broken.exists():
        broken.mkdir(exist_ok=True)
        task = task_for(sampler, broken)
        row["resumed"] += task.checkpoint_path.exists()
        process, begun = start(sampler, broken), time.monotonic()
        try:
            process.wait(generator.uniform(0.0, duration) if row["kills"] < kills else PATIENCE_S)
        except subprocess.TimeoutExpired:
            kill(process)
            row["kills"] += 1
            continue
        finally:
            if process.stdout is not None:
                process.stdout.close()
        duration = min(duration, time.monotonic() - begun)  # the first run compiled, later ones need not
        result = task.result()
        row["verdicts"].append("no result" if result is None else compare(expected, result))
        row["runs"] += 1
        left = [path.name for path in broken.iterdir() if path != task.result_path]
        if left:
            row["verdicts"].append(f"left behind: {', '.join(left)}")
        shutil.rmtree(broken)
    return row


def verdict_of(row: dict[str, Any]) -> str:
    """Return the worst verdict of a sampler's runs."""
    order = ("exact", "within errors")
    return max(row["verdicts"], key=lambda text: order.index(text) if text in order else len(order))


def main() -> int:
    """Torment the samplers and write the table."""
    from crsea_infer.inference.samplers.registry import sampler_names

    parser = argparse.ArgumentParser(description="kill and resume every sampler")
    parser.add_argument("--samplers", nargs="+", default=sorted(sampler_names()), choices=sorted(sampler_names()))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--no-table", action="store_true", help="leave docs/figures/faults.inc alone")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.samplers[0], options.serve)
        return 0
    lines = [
        "| sampler | unbroken run | kills | resumed from a checkpoint | runs to the end | against the unbroken run |",
        "| --- | --: | --: | --: | --: | --- |",
    ]
    failed = False
    for sampler in options.samplers:
        generator = np.random.default_rng([options.seed, *sampler.encode()])
        with tempfile.TemporaryDirectory() as folder:
            row = torment(sampler, options.kills, Path(folder), generator)
        verdict = verdict_of(row)
        failed |= verdict not in {"exact", "within errors"}
        lines.append(
            f"| {sampler} | {row['seconds']:.0f} s | {row['kills']} | {row['resumed']} | {row['runs']} | {verdict} |"
        )
        print(lines[-1], flush=True)
    if not options.no_table:
        TABLE.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(TABLE, "\n".join(lines) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
