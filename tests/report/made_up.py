"""Results that no sampler gave, so that what a report must say of them is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scipy import stats

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.sampler import SamplerResult

if TYPE_CHECKING:
    import numpy as np


SLOPE = stats.truncnorm(-2.0, 6.0, loc=0.02, scale=0.01)  # posterior of delta_slope on its prior, 0 to 0.08


def result_at(posterior: Any, sampler: str, lnz: float | None, unit: np.ndarray) -> SamplerResult:
    """Return equally weighted samples at points of the unit cube [n, d], with an evidence if one is given."""
    theta = posterior.prior_transform(unit)
    return SamplerResult(
        sampler=sampler,
        names=posterior.names,
        samples=theta,
        unit_samples=unit,
        log_weights=None,
        log_likelihood=posterior.log_likelihood(theta),
        evidence=None if lnz is None else Evidence(lnz, 0.1, "nested sampling"),
        n_calls=1234,
        wall_s=5.0,
        diagnostics={"status": "converged", "lnz_err_simulated": 0.1, "lnz_err_scatter": 0.05},
    )
