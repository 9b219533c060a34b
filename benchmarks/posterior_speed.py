"""How long the posterior takes per point, in batches and point by point, beside two other ways of getting its numbers.

Four cases: both LHAASO-KM2A regions with the hypothesis of `min_vs_max`, the same with gas by rings and the
cross-section free, all data of the study `paper` with the leptons that it adds, and every bundled data set that one
hypothesis can take without training an emulator first (those of a region that comes with the package, and of one
observation only one). For each: microseconds of processor time per point in a batch drawn from the prior and for a
single point (medians over repeats), and their split into the sky model and what is left, the likelihoods; then the
prior transform. Beside it stand, in the same run, the same ln L

* by plain composition: for each data set by itself the sky model bound to its requests, and its ln L, in equal blocks,
* compiled by JAX, if it is installed: for the whole batch, and for a single point.

Ratios say how much longer these take. That all three give the same numbers is checked first. `--physics` gives instead
what free physics costs: batches of KM2A with and without it in turn, and the median and quartiles of the ratio of each
batch to its neighbour without.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/posterior_speed.py
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.emulator.response.response_sky import EmulatedSky
from crsea_infer.emulator.response.store import read_emulator
from crsea_infer.hypotheses.hypothesis import build_hypothesis
from crsea_infer.inference.likelihoods.absent_tables import names_at_hand
from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood
from crsea_infer.inference.posterior import BLOCK, Posterior, posterior_for
from crsea_infer.physics.regions import region_key
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.study_file import load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.support.arrays import Float64

SEA = ("gamma_optimized", "min", "gas")
FREE_PHYSICS = (*SEA, "gas_rings", "cross_section")
ALL_PHYSICS = (*FREE_PHYSICS, "ionised_gas", "heavy_nuclei", "infrared")
WITH_LEPTONS = (*SEA, "leptons")
AGREEMENT = 1e-10


@dataclass(frozen=True)
class Times:
    """Microseconds of processor time per point."""

    batched: float
    single: float


def cases(regions: Sequence[str]) -> dict[str, tuple[tuple[str, ...], tuple[Likelihood, ...]]]:
    """Return prior sets and data sets of what is timed; `regions` are those that come with the package."""
    bundled: list[Likelihood] = []
    observations: set[str] = set()
    for name in names_at_hand():
        # speed is no matter of whether photons count twice
        likelihood = load_likelihood(name, {"photons": name} if name.startswith("fermi_lat") else {})
        observation = likelihood.settings.get("observation")
        known = likelihood.region is None or region_key(likelihood.region) in regions
        if known and observation not in observations:
            bundled.append(likelihood)
            observations |= {observation} if observation else set()
    return {
        "LHAASO-KM2A": (SEA, load_run("min_vs_max").likelihoods),
        "free physics": (FREE_PHYSICS, load_run("min_vs_max").likelihoods),
        "paper": (WITH_LEPTONS, load_study("paper").runs["all"].likelihoods),
        "bundled": (WITH_LEPTONS, tuple(bundled)),
    }


def microseconds(function: Callable[[], object], points: int, repeats: int, seconds: float = 0.05) -> float:
    """Return the median over repeats of the processor time per point; each repeat lasts at least `seconds`."""
    function()
    start = time.process_time()
    function()
    calls = max(1, int(seconds / max(time.process_time() - start, 1e-6)))
    found = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(calls):
            function()
        found.append((time.process_time() - start) / calls / points)
    return 1e6 * float(np.median(found))


def in_blocks(evaluate: Callable[[Float64], object], theta: Float64) -> None:
    """Evaluate a batch block by block, as posteriors do."""
    for start in range(0, len(theta), BLOCK):
        evaluate(theta[start : start + BLOCK])


def sky_alone(posterior: Posterior) -> Callable[[Float64], object]:
    """Return the sky model of a posterior as a function of theta."""
    names = [parameter.name for parameter in posterior.hypothesis.parameters]

    def evaluate(theta: Float64) -> object:
        values = posterior.values(theta)
        return posterior.model({name: values[name] for name in names})

    return evaluate


def plain_composition(posterior: Posterior, model: SkyModel) -> Callable[[Float64], Float64]:
    """Return ln L of a block as the sum over data sets, each with the sky model bound for it alone."""
    bound = [model.bind(likelihood.requests) for likelihood in posterior.likelihoods]
    names = [parameter.name for parameter in posterior.hypothesis.parameters]

    def evaluate(theta: Float64) -> Float64:
        values = posterior.values(theta)
        given = {name: values[name] for name in names}
        pairs = zip(posterior.likelihoods, bound, strict=True)
        return np.asarray(sum(likelihood.log_likelihood(sky(given), values) for likelihood, sky in pairs))

    return evaluate


def with_jax(posterior: Posterior) -> Callable[[Float64], Float64]:
    """Return ln L of a batch as JAX compiles it, in double precision."""
    import jax

    compiled = jax.jit(posterior.log_likelihood)

    def evaluate(theta: Float64) -> Float64:
        with jax.enable_x64(True):
            return np.asarray(compiled(jax.numpy.asarray(theta)))

    return evaluate


def refuse_disagreement(what: str, ours: Float64, theirs: Float64) -> None:
    """Stop when two ways of getting ln L disagree: the comparison would mean nothing."""
    difference = float(np.max(np.abs(ours - theirs) / (1.0 + np.abs(ours))))
    if not difference < AGREEMENT:
        raise SystemExit(f"{what} gives another ln L: by {difference:.1e}")


def report(name: str, posterior: Posterior, model: SkyModel, batch: int, repeats: int) -> None:
    """Print the rows of one set of data."""
    unit = np.random.default_rng(1).random((batch, len(posterior.names)))
    theta = posterior.prior_transform(unit)
    point = theta[0]
    ours = posterior.log_likelihood(theta)
    sky = sky_alone(posterior)

    whole = Times(
        microseconds(lambda: posterior.log_likelihood(theta), batch, repeats),
        microseconds(lambda: posterior.log_likelihood(point), 1, repeats),
    )
    prior = Times(
        microseconds(lambda: in_blocks(posterior.prior_transform, unit), batch, repeats),
        microseconds(lambda: posterior.prior_transform(unit[0]), 1, repeats),
    )
    model_only = Times(
        microseconds(lambda: in_blocks(sky, theta), batch, repeats), microseconds(lambda: sky(point), 1, repeats)
    )
    left = Times(whole.batched - model_only.batched, whole.single - model_only.single)
    print(
        f"{name}: {len(posterior.likelihoods)} data sets, {posterior.n_data} points, {len(posterior.names)} parameters"
    )
    rows = {"ln L": whole, "  sky model": model_only, "  likelihoods": left, "prior transform": prior}
    for row, times in rows.items():
        print(f"  {row:<20} {times.batched:10.1f} {times.single:10.1f}")

    plain = plain_composition(posterior, model)
    others = {"plain composition": (plain, lambda: in_blocks(plain, theta))}
    if importlib.util.find_spec("jax") is not None:
        compiled = with_jax(posterior)
        others["JAX"] = (compiled, lambda: compiled(theta))
    for row, (evaluate, all_of_it) in others.items():
        refuse_disagreement(row, ours[:BLOCK], evaluate(theta[:BLOCK]))
        times = Times(microseconds(all_of_it, batch, repeats), microseconds(lambda e=evaluate: e(point), 1, repeats))
        ratios = f"{times.batched / whole.batched:8.1f} x {times.single / whole.single:8.1f} x"
        print(f"  {row:<20} {times.batched:10.1f} {times.single:10.1f} {ratios}")


def report_physics(model: SkyModel, batch: int, rounds: int) -> None:
    """Print how much longer batches with free physics take than those without, measured in turn."""
    likelihoods = load_run("min_vs_max").likelihoods
    prior_sets = {
        "none free": SEA,
        "gas by rings": (*SEA, "gas_rings"),
        "cross-section": (*SEA, "cross_section"),
        "both": FREE_PHYSICS,
        "all physics": ALL_PHYSICS,
    }
    runs: dict[str, Callable[[], object]] = {}
    for name, sets in prior_sets.items():
        posterior = posterior_for(build_hypothesis("benchmark", list(sets)), likelihoods, model)
        theta = posterior.prior_transform(np.random.default_rng(1).random((batch, len(posterior.names))))
        runs[name] = partial(posterior.log_likelihood, theta)
        runs[name]()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, function in runs.items():
            start = time.process_time()
            function()
            seconds[name].append(time.process_time() - start)
    plain = np.asarray(seconds["none free"])
    print(f"  {'':<20} {'us/point':>10} {'ratio':>10} {'quartiles':>16}")
    for name, own in seconds.items():
        ratios = np.asarray(own) / plain
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        print(f"  {name:<20} {1e6 * np.median(own) / batch:10.1f} {middle:8.2f} x {low:8.2f} {high:7.2f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=4096, help="points drawn from the prior (default 4096)")
    parser.add_argument("--repeats", type=int, default=9, help="of which the median is taken (default 9)")
    parser.add_argument("--only", help="one case: LHAASO-KM2A, 'free physics', paper or bundled")
    parser.add_argument("--physics", action="store_true", help="what free physics costs, in batches")
    options = parser.parse_args()
    emulator = read_emulator()
    model = EmulatedSky(emulator)
    if options.physics:
        report_physics(model, options.batch, 10 * options.repeats)
        return
    print("microseconds of processor time per point, and how much longer the others take")
    print(f"  {'':<20} {'batched':>10} {'single':>10} {'batched':>10} {'single':>10}")
    for name, (prior_sets, likelihoods) in cases(emulator.settings.regions).items():
        if options.only in {None, name}:
            posterior = posterior_for(build_hypothesis("benchmark", list(prior_sets)), likelihoods, model)
            report(name, posterior, model, options.batch, options.repeats)


if __name__ == "__main__":
    main()
