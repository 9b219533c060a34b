"""Do the samples of a sampler know of every peak that scouts find?

A sampler that never met a second peak is content with what it has: its errors, its insertion ranks and its repetitions
all agree. So every result is held against an independent search (see :mod:`crsea_infer.inference.samplers.scouts`). The
evidence within each peak that the search finds is measured by weighted draws around it, from a proposal that improves
itself where the peak is not normal; where the samples have much less of it, the result does not count as converged, and
says where the peak is and how much it holds. What cannot be measured is not passed over: then the height and the
curvature of the peak stand for its evidence.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.samplers.mixtures import StudentMixture
from crsea_infer.inference.samplers.population import Improving, improved
from crsea_infer.inference.samplers.proposals import effective_sample
from crsea_infer.inference.samplers.sampler import (
    CONVERGED,
    Counted,
    SamplerResult,
    to_probit,
    to_unit,
)
from crsea_infer.inference.samplers.scouts import find_peaks

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.proposals import Proposal
    from crsea_infer.inference.samplers.scouts import Peak
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64

__all__ = ["checked_for_peaks"]

_SCOUTS = 4096
_DRAWS = 2000
_FREEDOM = 5.0
_LEAST_EFFECTIVE = 50.0  # weighted draws, below which they do not measure a peak
_HOW = Improving(sizes=(1, 4, 16), freedom=_FREEDOM, prior_share=0.03, rounds=8, n_trial=1000)
_MATTERS = 0.05  # share of the evidence
_SHORT = 1.6  # in ln of the evidence within a peak: by how much the samples must fall short of it, or by
_SIGMA = 4.0  # so many errors of ln Z where that is more
_SHOWN = 3  # parameters in the message


def checked_for_peaks(result: SamplerResult, target: Target, seed: np.random.SeedSequence) -> SamplerResult:
    """Return the result, not converged when its samples miss a peak that matters.

    Parameters
    ----------
    result
        Of any sampler.
    target
        What it sampled.
    seed
        Of the search.
    """
    counted, generator = Counted(target), np.random.default_rng(seed)
    peaks, _ = find_peaks(counted, _SCOUTS, generator)
    probit = to_probit(result.unit_samples)
    held = np.array([float(result.weights @ peak.is_near(probit)) for peak in peaks])
    measured = np.array([_log_evidence_near(peak, counted, generator) for peak in peaks])
    unsure = ~np.isfinite(measured)
    evidences = np.where(unsure, [peak.log_mass for peak in peaks], measured)
    missed, share = _missed(held, evidences, result)
    diagnostics = {**result.diagnostics, "peaks_found": float(len(peaks)), "peaks_missed": float(len(missed))}
    if missed:
        status = _words(result, target, peaks[missed[0]], share, guessed=bool(unsure[missed[0]]))
        earlier = str(diagnostics.get("status", CONVERGED))
        diagnostics["status"] = status if earlier == CONVERGED else f"{earlier}; {status}"
    return replace(result, diagnostics=diagnostics)


def _log_evidence_near(peak: Peak, counted: Counted, generator: np.random.Generator) -> float:
    """Return ln of the evidence within a peak, or nan where weighted draws cannot tell."""

    def log_target(points: Float64) -> Float64:
        values = np.full(len(points), -np.inf)
        near = peak.is_near(points)
        if near.any():
            values[near] = counted.log_target(points[near])
        return values

    around: StudentMixture | Proposal = StudentMixture(
        np.ones(1), peak.centre[None, :], peak.factor[None, :, :], _FREEDOM
    )
    draws = around.draw(_DRAWS, generator)
    log_weights = log_target(draws) - around.log_density(draws)
    if effective_sample(log_weights) < _LEAST_EFFECTIVE:
        start = peak.draw(_DRAWS, generator)
        around = improved(start, log_target, _HOW, generator)
        draws = around.draw(_DRAWS, generator)
        log_weights = log_target(draws) - around.log_density(draws)
        if effective_sample(log_weights) < _LEAST_EFFECTIVE:
            return float("nan")
    return float(np.logaddexp.reduce(log_weights) - np.log(_DRAWS))


def _missed(held: Float64, evidences: Float64, result: SamplerResult) -> tuple[list[int], float]:
    """Return which peaks the samples fall short of, the largest first, and its share of the whole evidence."""
    with np.errstate(divide="ignore"):
        log_held = np.log(held)
    if result.evidence is not None:
        lnz, tolerance = result.evidence.lnz, max(_SHORT, _SIGMA * result.evidence.lnz_err)
    elif np.any(held > 0.0):  # the peak that holds the most samples sets the scale
        most = int(np.argmax(held))
        lnz, tolerance = float(evidences[most] - log_held[most]), _SHORT
    else:
        return [], 0.0
    share = np.exp(evidences - np.logaddexp(lnz, evidences))
    missed = (log_held + lnz < evidences - tolerance) & (share > _MATTERS)
    order = [int(index) for index in np.argsort(-evidences) if missed[index]]
    return order, float(share[order[0]]) if order else 0.0


def _words(result: SamplerResult, target: Target, peak: Peak, share: float, *, guessed: bool) -> str:
    """Say where the peak lies, by the parameters that set it apart, and what to do."""
    probit = to_probit(result.unit_samples)
    mean = result.weights @ probit
    spread = np.sqrt(np.maximum(result.weights @ (probit - mean) ** 2, 1e-12))
    apart = np.argsort(-np.abs(peak.centre - mean) / spread)[:_SHOWN]
    theta = np.asarray(target.prior_transform(to_unit(peak.centre)))
    where = ", ".join(f"{result.names[index]} = {theta[index]:.3g}" for index in apart)
    holds = "by its height and curvature alone may hold" if guessed else "holds"
    return (
        f"the samples miss a peak at {where} that {holds} about {100.0 * share:.0f} % of the evidence: "
        "compare the sampler importance, or raise the number of live points or walkers"
    )
