"""How long an evaluation of the emulator takes, in NumPy and in JAX, beside the transport solver, in one run.

Times all outputs that ship (the responses of all regions, components, absorption and rigidity nodes, and the gamma rays
of electrons), and the intensities of both LHAASO regions at 30 energies, in batches from 1 to 4096 on one core. NumPy
takes batches in blocks of 128, as posteriors do, because what a block needs stays in the cache. JAX, which blocks by
itself, is measured if it is installed, after compilation. The limit is the matrix product of all outputs alone: random
numbers in place of the amplitudes, and the result written where the last one was. Held against it is the
double precision of NumPy. The table also goes to docs/figures/performance/emulator.inc with --write.

    OMP_NUM_THREADS=1 python benchmarks/emulator_speed.py
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.emulator import load
from crsea_infer.emulator.response.store import read_emulator
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.support.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crsea_infer.emulator.response.chebyshev import ResponseEmulator

OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "figures" / "performance" / "emulator.inc"
BATCHES = (1, 64, 256, 1024, 4096)
BLOCK = 128
ARRAYS = ("coefficients", "basis", "lepton_coefficients", "lepton_basis")


def microseconds(function: Callable[[], object], batch: int) -> float:
    """Return the best processor time per evaluation of several repeats."""
    function()
    repeats = max(3, 4096 // batch // 4)
    times = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(repeats):
            function()
        times.append((time.process_time() - start) / repeats / batch)
    return 1e6 * min(times)


def in_blocks(evaluate: Callable[[Mapping[str, Any]], object], point: Mapping[str, np.ndarray]) -> None:
    """Evaluate a batch block by block."""
    size = next(iter(point.values())).size
    if size == 1:
        evaluate(point)
        return
    for first in range(0, size, BLOCK):
        evaluate({name: values[first : first + BLOCK] for name, values in point.items()})


def all_outputs(emulator: ResponseEmulator, point: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return everything that an emulator predicts."""
    return emulator.responses(point), emulator.lepton_intensities(point)


def product_microseconds(emulator: ResponseEmulator, batch: int) -> float:
    """Return the time per evaluation of the matrix products alone, in the same blocks."""
    rng = np.random.default_rng(2)
    bases = [basis.reshape(len(basis), -1) for basis in (emulator.basis, emulator.lepton_basis)]
    rows = min(batch, BLOCK)
    amplitudes = [rng.random((rows, len(basis))) for basis in bases]
    results = [np.empty((rows, basis.shape[1])) for basis in bases]

    def multiply() -> None:
        for _ in range(batch // rows):
            for left, right, result in zip(amplitudes, bases, results, strict=True):
                np.matmul(left, right, out=result)

    return microseconds(multiply, batch)


def jax_microseconds(emulator: ResponseEmulator, point: Mapping[str, np.ndarray], batch: int) -> float:
    """Return the time per evaluation with JAX in single precision."""
    import jax

    evaluate = jax.jit(lambda given: all_outputs(emulator, given))
    given = {name: jax.numpy.asarray(values, dtype="float32") for name, values in point.items()}
    return microseconds(lambda: jax.block_until_ready(evaluate(given)), batch)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write it to {'/'.join(OUTPUT.parts[-4:])}, too")
    arguments = parser.parse_args()
    emulator = read_emulator()
    outputs = sum(int(np.prod(basis.shape[1:])) for basis in (emulator.basis, emulator.lepton_basis))
    single = dataclasses.replace(emulator, **{name: getattr(emulator, name).astype(np.float32) for name in ARRAYS})
    rng = np.random.default_rng(1)
    fiducial = {name: np.asarray(value) for name, value in load_hypothesis("gamma-optimized-min").fiducial.items()}
    energies = tuple(np.geomspace(1.05e4, 9.5e5, 30))
    bound = load().bind([Request("gamma", energies, "lhaaso_inner"), Request("gamma", energies, "lhaaso_outer")])
    has_jax = importlib.util.find_spec("jax") is not None
    print(f"microseconds of processor time per evaluation; all: {outputs} outputs, intensities: 60 outputs")
    heads = ["all, double", "limit", "ratio", "all, single", "intensities"] + ["all, JAX"] * has_jax
    print(f"{'batch':>6} " + " ".join(f"{head:>12}" for head in heads))
    lines = [
        f"Microseconds of processor time per evaluation; all: {outputs} outputs, intensities: 60 outputs; limit: the",
        "matrix product of all outputs alone.",
        "",
        "| batch | " + " | ".join(heads) + " |",
        "|--:" * (1 + len(heads)) + "|",
    ]
    for batch in BATCHES:
        shape = () if batch == 1 else (batch,)
        point = {
            "delta_slope": np.asarray(rng.uniform(0.0, 0.1, shape)),
            "halo_height": np.asarray(rng.uniform(2.0, 12.0, shape)),
        }
        point32 = {name: value.astype(np.float32) for name, value in point.items()}
        values = {name: np.broadcast_to(value, shape) for name, value in (fiducial | point).items()}
        tasks = (
            lambda p=point: in_blocks(lambda block: all_outputs(emulator, block), p),
            lambda p=point32: in_blocks(lambda block: all_outputs(single, block), p),
            lambda v=values: in_blocks(bound, v),
        )
        times = [microseconds(task, batch) for task in tasks]
        limit = product_microseconds(emulator, batch)
        times[1:1] = [limit, times[0] / limit]
        times += [jax_microseconds(emulator, point, batch)] if has_jax else []
        print(f"{batch:>6} " + " ".join(f"{found:12.1f}" for found in times))
        lines.append(f"| {batch} | " + " | ".join(f"{found:.1f}" for found in times) + " |")
    if arguments.write:
        OUTPUT.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(OUTPUT) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    solver, electrons = emulator.settings.solver(), emulator.settings.lepton_solver()
    print(f"transport solver: {microseconds(lambda: solver(0.04, 4.7), 1):.0f} per point", end="")
    print(f", and {microseconds(lambda: electrons(0.04, 4.7), 1):.0f} more for electrons" if electrons else "")


if __name__ == "__main__":
    main()
