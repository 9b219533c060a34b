"""How long an evaluation of the emulator takes, beside the transport solver and beside JAX, in one run.

Times the responses of all shipped regions (all components, absorption and rigidity nodes), and the intensities of both
LHAASO regions at 30 energies, in batches from 1 to 4096 on one core. JAX is measured if it is installed.

    OMP_NUM_THREADS=1 python benchmarks/emulator_speed.py
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.emulator import load
from crsea_infer.emulator.model import Request
from crsea_infer.emulator.store import read_emulator
from crsea_infer.inference.hypotheses import load_hypothesis

if TYPE_CHECKING:
    from collections.abc import Callable

BATCHES = (1, 64, 256, 1024, 4096)


def microseconds(function: Callable[[], object], batch: int) -> float:
    """Return the best time per evaluation of several repeats."""
    function()
    repeats = max(3, 4096 // batch // 4)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repeats):
            function()
        times.append((time.perf_counter() - start) / repeats / batch)
    return 1e6 * min(times)


def main() -> None:
    """Print the table."""
    emulator = read_emulator()
    outputs = int(np.prod(emulator.basis.shape[1:]))
    single = dataclasses.replace(
        emulator, coefficients=emulator.coefficients.astype(np.float32), basis=emulator.basis.astype(np.float32)
    )
    rng = np.random.default_rng(1)
    fiducial = {name: np.asarray(value) for name, value in load_hypothesis("gamma-optimized-min").fiducial.items()}
    energies = tuple(np.geomspace(1.05e4, 9.5e5, 30))
    bound = load().bind([Request("gamma", energies, "lhaaso_inner"), Request("gamma", energies, "lhaaso_outer")])
    print(f"microseconds per evaluation on one core; responses: {outputs} outputs, intensities: 60 outputs")
    print(f"{'batch':>6} {'responses':>12} {'responses f32':>14} {'intensities':>12}")
    for batch in BATCHES:
        shape = () if batch == 1 else (batch,)
        point = {
            "delta_slope": np.asarray(rng.uniform(0.0, 0.1, shape)),
            "halo_height": np.asarray(rng.uniform(2.0, 12.0, shape)),
        }
        point32 = {name: value.astype(np.float32) for name, value in point.items()}
        values = {name: np.broadcast_to(value, shape) for name, value in (fiducial | point).items()}
        print(
            f"{batch:>6} {microseconds(lambda p=point: emulator.responses(p), batch):12.1f} "
            f"{microseconds(lambda p=point32: single.responses(p), batch):14.1f} "
            f"{microseconds(lambda v=values: bound(v), batch):12.1f}"
        )
    solver = emulator.settings.solver()
    solver(0.04, 4.7)
    print(f"transport solver: {microseconds(lambda: solver(0.04, 4.7), 1):.0f} per point")


if __name__ == "__main__":
    main()
