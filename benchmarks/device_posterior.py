"""How many posteriors a second an accelerator evaluates, and whether it gives the numbers of a core.

ln L of the data sets of `posterior_speed.py`, compiled once by JAX for batches of growing size on the device that JAX
finds (a GPU, or the cores where there is none: it says which), in double and in single precision. Beside each: how far
ln L is from NumPy's in double precision, at points within 100 of the best. Rates are medians of runs that wait for the
device; compilation is timed apart.

    python benchmarks/device_posterior.py
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from posterior_speed import cases

from crsea_infer.emulator.response.response_sky import EmulatedSky
from crsea_infer.emulator.response.store import read_emulator
from crsea_infer.hypotheses.hypothesis import build_hypothesis
from crsea_infer.inference.posterior import Posterior, posterior_for

if TYPE_CHECKING:
    from collections.abc import Callable

NEAR = 100.0
COMPARED = 2048


def rate(evaluate: Callable[[], Any], batch: int, repeats: int) -> tuple[float, float]:
    """Return the seconds of the first call, which compiles, and evaluations per second afterwards."""
    import jax

    start = time.perf_counter()
    jax.block_until_ready(evaluate())
    first = time.perf_counter() - start
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(evaluate())
        found.append(time.perf_counter() - start)
    return first, batch / float(np.median(found))


def report(name: str, posterior: Posterior, exponents: range, repeats: int) -> None:
    """Print the rows of one set of data."""
    import jax

    print(f"{name}: {len(posterior.likelihoods)} data sets, {len(posterior.names)} parameters")
    theta = posterior.prior_transform(np.random.default_rng(1).random((2 ** exponents[-1], len(posterior.names))))
    double = posterior.log_likelihood(theta[:COMPARED])
    near = double > double.max() - NEAR
    for precision in ("float64", "float32"):
        with jax.enable_x64(precision == "float64"):
            compiled = jax.jit(posterior.log_likelihood)
            given = jax.numpy.asarray(theta[:COMPARED], dtype=precision)
            away = np.abs(np.asarray(compiled(given)) - double)[near].max()
            for exponent in exponents:
                given = jax.numpy.asarray(theta[: 2**exponent], dtype=precision)
                first, per_second = rate(lambda given=given, compiled=compiled: compiled(given), 2**exponent, repeats)
                words = f"{per_second:10.3g} / s   first call {first:5.1f} s   ln L {away:.1e}"
                print(f"  {precision} 2^{exponent:<2} {words}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=18, help="exponent of the largest batch (default 18)")
    parser.add_argument("--repeats", type=int, default=9, help="of which the median is taken (default 9)")
    options = parser.parse_args()
    import jax

    print(f"JAX {jax.__version__} on {jax.devices()[0].device_kind}")
    emulator = read_emulator()
    model = EmulatedSky(emulator)
    exponents = range(6, options.largest + 1, 4)
    for name, (prior_sets, likelihoods) in cases(emulator.settings.regions).items():
        posterior = posterior_for(build_hypothesis("benchmark", list(prior_sets)), likelihoods, model)
        report(name, posterior, exponents, options.repeats)


if __name__ == "__main__":
    main()
