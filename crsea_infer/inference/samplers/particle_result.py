"""What particles that have reached the posterior say: evidence, samples, and whether they may be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.sampler import CONVERGED, SamplerResult, to_unit
from crsea_infer.inference.samplers.weighted_draws import Estimate, refusals

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.particles import Particles
    from crsea_infer.inference.samplers.smc_options import SmcOptions
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64

__all__ = ["particle_result"]

_SMALLEST_P_VALUE = 1e-3
_AGREEMENT_SIGMA = 4.0  # of ln Z of weighted draws and of particles
_BIAS = 1.5  # of ln Z, for a correlation of one with the start: as measured, 0.5 to 3 where that is 0.1
_MOST = 0.2  # beyond it, moves are so slow that particles have their shares from the temperatures before
_REMEMBERED = 0.3  # correlation with the start beyond which ln Z of particles is biased: measured


def particle_result(
    name: str, target: Target, particles: Particles, n_calls: int, wall_s: float, options: SmcOptions
) -> SamplerResult:
    """Describe particles at the posterior and the weighted draws that followed.

    Parameters
    ----------
    name
        Of the sampler.
    """
    subruns = particles.evidences()
    remembered = float(np.max(particles.remembered, initial=0.0))
    own = _of_particles(*subruns, remembered)
    estimates = [Estimate.of(half["log_weights"]) for half in particles.halves]
    refused = refusals(estimates, options.least_effective) if estimates else ["no weighted draws were asked for"]
    diagnostics: dict[str, float | str] = {
        "lnz_particles": own.lnz,
        "lnz_particles_err": own.lnz_err,
        **{f"lnz_subrun_{index + 1}": float(value) for index, value in enumerate(subruns[0])},
        "temperatures": float(len(particles.betas)),
        "moves": float(np.sum(particles.moves)),
        "remembered": remembered,
        "accepted": float(np.mean(particles.taken)) if len(particles.taken) else 1.0,
    }
    reasons = _doubts(particles, *subruns, options)
    if estimates:
        together = Estimate.of(np.concatenate([half["log_weights"] for half in particles.halves]))
        scatter = float(np.std([estimate.lnz for estimate in estimates], ddof=1) / np.sqrt(len(estimates)))
        difference = together.lnz - own.lnz
        error = float(np.hypot(together.lnz_err, own.lnz_err))
        if not refused and not abs(difference) <= _AGREEMENT_SIGMA * error:
            refused = [f"weighted draws and particles differ by {difference:+.3f} +- {error:.3f} in ln Z"]
            reasons += refused
        diagnostics |= {
            "lnz_draws": together.lnz,
            "lnz_draws_err": max(together.lnz_err, scatter),
            "draws_effective": together.effective,
            "pareto_k_hat": max(estimate.k_hat for estimate in estimates),
        }
    samples: dict[str, Any]
    if refused:
        evidence = own
        diagnostics["draws_refused"] = "; ".join(refused)
        samples = _samples_of_particles(particles, subruns[0])
    else:
        evidence = Evidence(together.lnz, max(together.lnz_err, scatter), "tempered Monte Carlo, weighted draws")
        samples = _samples_of_draws(particles)
        reasons = []  # the draws have gates of their own, which they passed
    weights = np.exp(samples["log_weights"] - np.max(samples["log_weights"]))
    return SamplerResult(
        sampler=name,
        names=tuple(target.names),
        samples=np.asarray(target.prior_transform(samples["unit_samples"])),
        evidence=evidence,
        n_calls=n_calls,
        wall_s=wall_s,
        diagnostics={
            "status": "; ".join(reasons) + ": raise smc.particles or smc.most_moves" if reasons else CONVERGED,
            "effective_samples": float(np.sum(weights) ** 2 / np.sum(weights**2)),
            **diagnostics,
        },
        **samples,
    )


def _of_particles(lnz: Float64, errors: Float64, remembered: float) -> Evidence:
    """Return the evidence of the particles themselves, from ln Z [k] of sub-runs and their errors [k].

    Its error is the larger of the scatter between sub-runs, widened as so few of them demand (Student's t at one
    sigma), and what particles would have if they were independent. To that comes what too few moves may have left of
    the temperature before, which all sub-runs have in common.
    """
    from scipy.stats import t

    k = len(lnz)
    mean = float(np.logaddexp.reduce(lnz) - np.log(k))
    widening = float(t.ppf(0.8413, k - 1))
    scatter = widening * float(np.std(lnz, ddof=1)) / float(np.sqrt(k))
    error = max(scatter, float(np.sqrt(np.sum(errors**2))) / k)
    return Evidence(mean, float(np.hypot(error, _BIAS * np.clip(remembered, 0.0, _MOST))), "tempered Monte Carlo")


def _doubts(particles: Particles, lnz: Float64, errors: Float64, options: SmcOptions) -> list[str]:
    """Say why the evidence of the particles is not to be believed; nothing when it is."""
    from scipy.stats import chi2

    found = []
    remembered = float(np.max(particles.remembered, initial=0.0))
    if remembered > max(_REMEMBERED, options.forgotten):
        found.append(f"particles remember where they started (correlation {remembered:.2f})")
    if np.any(errors > 0.0):
        widths = np.maximum(errors, 1e-12)
        mean = np.average(lnz, weights=widths**-2)
        p_value = float(chi2.sf(np.sum(((lnz - mean) / (2.0 * widths)) ** 2), len(lnz) - 1))
        if p_value < _SMALLEST_P_VALUE:
            low, high = float(np.min(lnz)), float(np.max(lnz))
            found.append(f"ln Z of sub-runs ranges from {low:.2f} to {high:.2f}, too far for their errors")
    return found


def _samples_of_particles(particles: Particles, lnz: Float64) -> dict[str, Any]:
    """Return particles of all sub-runs, each with the evidence of its sub-run as weight."""
    n_particles, n_dimensions = particles.points.shape[1:]
    return {
        "unit_samples": to_unit(particles.points.reshape(-1, n_dimensions)),
        "log_weights": np.repeat(lnz - np.max(lnz), n_particles),
        "log_likelihood": particles.log_likelihood.reshape(-1),
    }


def _samples_of_draws(particles: Particles) -> dict[str, Any]:
    log_weights = np.concatenate([half["log_weights"] for half in particles.halves])
    useful = np.isfinite(log_weights)
    return {
        "unit_samples": np.concatenate([half["unit"] for half in particles.halves])[useful],
        "log_weights": log_weights[useful],
        "log_likelihood": np.concatenate([half["log_likelihood"] for half in particles.halves])[useful],
    }
