"""Nested sampling in independent sub-runs, merged into one.

A run is several sub-runs of fewer live points each (Speagle 2020, arXiv:1904.02180), merged into one by adding up their
live points (Higson et al. 2018, arXiv:1704.03459). That buys three things: a killed run goes on at the last finished
sub-run and ends with exactly the numbers of an unbroken one; the scatter of ln Z between sub-runs is an honest check of
the quoted error; and the ranks at which new points are inserted (Fowlie et al. 2020, arXiv:2006.03371) test whether
the walks inside are long enough. Sub-runs that contradict each other by far more than their own errors do not count as
converged: walks too short for a test of few ranks to notice show there.

The error of ln Z comes from simulating the shrinkage of the prior volume (Skilling 2006), or from the scatter between
sub-runs where that is larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.nested_volumes import Deaths, integrate, merge, simulate_error, uniform_p_value
from crsea_infer.inference.samplers.sampler import CONVERGED, SamplerResult, child_seed
from crsea_infer.inference.samplers.states import START_AGAIN, finished_parts, save_parts
from crsea_infer.support.array_schema import ArraySpec
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["fraction_done", "merged_result", "run_subruns"]

_SMALLEST_P_VALUE = 1e-3
_SUBRUN = {
    "log_likelihood": ArraySpec(("dead point",)),
    "unit": ArraySpec(("dead point", "parameter"), numbers="not negative"),
    "live": ArraySpec(("dead point",), ("i8",), "positive"),
    "log_volume_start": ArraySpec(()),
    "ranks": ArraySpec(("rank",), numbers="not negative", may_be_empty=True),
    "n_calls": ArraySpec((), ("i8",), "not negative"),
    "wall_s": ArraySpec((), numbers="not negative"),
}


def run_subruns(
    subrun: Callable[[np.random.SeedSequence, Progress], dict[str, Any]],
    n_subruns: int,
    target: Target,
    seed: np.random.SeedSequence,
    checkpoint: Checkpoint,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Do what is left of the sub-runs; return all of them.

    Parameters
    ----------
    subrun
        Does one, given its own seed and where to tell how far it is. It returns the dead points in order of likelihood
        as arrays "log_likelihood" [n], "unit" [n, d] and "live" [n] (live points just before each death), the
        "log_volume_start" of :class:`~crsea_infer.inference.samplers.nested_volumes.Deaths`, insertion "ranks" [m]
        between 0 and 1, "n_calls" and "wall_s".
    target
        What is sampled: what was kept is held against it.

    Raises
    ------
    UserError
        When the checkpoint holds anything but finished sub-runs of this target.
    """
    finished: list[dict[str, Any]] = [*finished_parts(checkpoint, _SUBRUN, target, n_subruns)]
    for index, part in enumerate(finished):
        _check_subrun(part, f"the checkpoint {checkpoint.path}, part {index + 1}")
    for index in range(len(finished), n_subruns):
        own_seed = child_seed(seed, index)

        def tell(fraction: float, message: str, index: int = index) -> None:
            progress((index + fraction) / n_subruns, f"sub-run {index + 1}/{n_subruns}, {message}")

        finished.append(subrun(own_seed, tell))
        save_parts(checkpoint, finished)
    return finished


def _check_subrun(part: dict[str, Any], where: str) -> None:
    """Refuse a sub-run that is no succession of deaths.

    Raises
    ------
    UserError
        With what is wrong.
    """
    wrong = ""
    if np.any(np.diff(part["log_likelihood"]) < 0.0):
        wrong = "ln L of dead points does not rise"
    elif part["log_volume_start"] > 0.0:
        wrong = "log_volume_start is above 0"
    elif np.any(part["ranks"] > 1.0):
        wrong = "ranks lie above 1"
    elif part["live"][-1] != 1 or np.any(np.diff(part["live"]) < -1):
        wrong = "live points are not those that are left after each death"
    if wrong:
        raise UserError(f"{where}: {wrong}", valid="a sub-run of nested sampling", fix=START_AGAIN)


def merged_result(
    name: str, target: Target, parts: list[dict[str, Any]], seed: np.random.SeedSequence, remaining: float, cure: str
) -> SamplerResult:
    """Merge sub-runs and describe the whole.

    Parameters
    ----------
    name
        Of the sampler.
    parts
        What :func:`run_subruns` returned.
    seed
        Of the run; the simulated shrinkages take the spawn after the sub-runs'.
    remaining
        What the live points of each sub-run could still have added to ln Z at its end.
    cure
        What to do when the insertion ranks are not uniform, or sub-runs disagree.
    """
    runs = [Deaths(part["log_likelihood"], part["live"], float(part["log_volume_start"])) for part in parts]
    merged, order = merge(runs)
    lnz, log_weights = integrate(merged)
    final_seed = child_seed(seed, len(parts))
    simulated = simulate_error(merged, np.random.default_rng(final_seed))
    separate = np.array([integrate(run)[0] for run in runs])
    own_errors = [simulate_error(run, np.random.default_rng(child_seed(final_seed, i))) for i, run in enumerate(runs)]
    agreement = _agreement(separate, np.array(own_errors))
    scatter = float(np.std(separate, ddof=1) / np.sqrt(len(runs))) if len(runs) > 1 else 0.0
    p_value = uniform_p_value(np.concatenate([part["ranks"] for part in parts]))
    unit = np.concatenate([part["unit"] for part in parts])[order]
    weights = np.exp(log_weights - np.max(log_weights))
    reasons = []
    if p_value < _SMALLEST_P_VALUE:
        reasons.append(f"new points are not spread evenly among the live ones (p = {p_value:.1g})")
    if agreement < _SMALLEST_P_VALUE:
        low, high = float(np.min(separate)), float(np.max(separate))
        reasons.append(f"ln Z of sub-runs ranges from {low:.2f} to {high:.2f}, too far for their errors")
    status = f"{'; '.join(reasons)}: {cure}" if reasons else CONVERGED
    return SamplerResult(
        sampler=name,
        names=tuple(target.names),
        samples=np.asarray(target.prior_transform(unit)),
        unit_samples=unit,
        log_weights=log_weights,
        log_likelihood=merged.log_likelihood,
        evidence=Evidence(lnz, max(simulated, scatter), "nested sampling"),
        n_calls=int(sum(int(part["n_calls"]) for part in parts)),
        wall_s=float(sum(float(part["wall_s"]) for part in parts)),
        diagnostics={
            "status": status,
            "lnz_err_simulated": simulated,
            "lnz_err_scatter": scatter,
            **{f"lnz_subrun_{index + 1}": float(value) for index, value in enumerate(separate)},
            "insertion_p_value": p_value,
            "subruns_p_value": agreement,
            "information": float(np.sum(weights * merged.log_likelihood) / np.sum(weights) - lnz),
            "effective_samples": float(np.sum(weights) ** 2 / np.sum(weights**2)),
            "remaining": remaining,
        },
        live=merged.live,
    )


def _agreement(lnz: Float64, errors: Float64) -> float:
    """Return the p-value of chi-squared of the sub-runs' ln Z [k] about their mean, given their own errors [k]."""
    from scipy.stats import chi2

    if len(lnz) < 2:
        return 1.0
    mean = np.average(lnz, weights=errors**-2)
    return float(chi2.sf(np.sum(((lnz - mean) / errors) ** 2), len(lnz) - 1))


def fraction_done(remaining: float, first: float, last: float) -> float:
    """Estimate how far a sub-run is from the decay of the remaining evidence."""
    if not np.isfinite(remaining) or first <= last:
        return 0.0
    return float(np.clip(1.0 - (remaining - last) / (first - last), 0.0, 1.0))
