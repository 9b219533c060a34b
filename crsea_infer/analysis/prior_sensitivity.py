"""Prior sensitivity: how much the evidence owes to the width of a prior.

The weighted samples of a posterior know the evidence for any other prior, as long as they cover it:

    Z' / Z = <pi'(theta) / pi(theta)> over the posterior of pi

so nothing is sampled again. One parameter at a time, the width of its prior is multiplied by a factor: the standard
deviation of a normal (in x or in ln x, bounds unchanged), the length of the interval of a uniform one (about its
middle, in x or in ln x). Where the samples do not cover the new prior, the point is withheld: the tail of the weights
is then too heavy (Pareto k-hat above 0.7, Vehtari et al., arXiv:1507.02646), too few samples carry them, or the prior
has got support where nothing was sampled, as a uniform one does as soon as it widens. It is withheld too where there is
no such prior: bounds beyond the largest number, or a normal so narrow that its own bounds leave nothing of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.hypotheses.widths import widened
from crsea_infer.inference.samplers.pareto_smoothing import pareto_k_hat
from crsea_infer.inference.samplers.weighted_draws import LARGEST_K_HAT
from crsea_infer.plan.run_entries import SENSITIVITY_FACTORS
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.hypotheses.distributions import Distribution
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.support.arrays import Float64

__all__ = ["Reweighted", "prior_sensitivity", "reweight", "with_width"]

_LEAST_EFFECTIVE: Final = 100.0


@dataclass(frozen=True)
class Reweighted:
    """The evidence of one hypothesis for another width of one prior.

    Attributes
    ----------
    hypothesis, parameter
        Names.
    factor
        On the width of the prior.
    prior
        The new prior, in words.
    shift, shift_err
        ln Z' - ln Z and its error, from the samples; nan when withheld.
    k_hat, effective_samples
        Of the new weights.
    withheld
        Why there is no number; empty when there is one.
    """

    hypothesis: str
    parameter: str
    factor: float
    prior: str
    shift: float
    shift_err: float
    k_hat: float
    effective_samples: float
    withheld: str = ""


def with_width(prior: Distribution, factor: float) -> Distribution:
    """Return the prior with its width multiplied by a factor.

    Raises
    ------
    UserError
        When the factor is not above 0, or the parameter is fixed.
    ValueError
        When there is no such prior: its bounds are no longer numbers, or hold none of the normal between them.
    """
    if not (math.isfinite(factor) and factor > 0.0) or prior.is_fixed:
        raise UserError(
            f"factor {factor:g} on the width of the prior {prior.describe()}",
            valid="a factor above 0, and a parameter that is not fixed",
        )
    return widened(prior, factor)


def reweight(
    values: Float64, log_weights: Float64 | None, prior: Distribution, wanted: Distribution
) -> tuple[float, float, float, float, str]:
    """Return what the samples say about the evidence for another prior of one parameter.

    Parameters
    ----------
    values
        Samples of the parameter [n].
    log_weights
        Their weights under the posterior [n], up to a constant; None when they are equal.
    prior, wanted
        The prior under which they were sampled, and the other one.

    Returns
    -------
    shift, shift_err, k_hat, effective_samples, withheld
        As in :class:`Reweighted`.
    """
    n = len(values)
    log_w = np.zeros(n) if log_weights is None else log_weights
    if prior == wanted:
        w = np.exp(log_w - np.max(log_w))
        return 0.0, 0.0, float("-inf"), float(np.sum(w) ** 2 / np.sum(w**2)), ""
    log_ratio = np.asarray(wanted.log_pdf(values)) - np.asarray(prior.log_pdf(values))
    if wanted.lower < prior.lower or wanted.upper > prior.upper:
        return np.nan, np.nan, np.inf, 0.0, "the new prior reaches where nothing was sampled"
    covered = np.isfinite(log_ratio)
    if not covered.any():
        return np.nan, np.nan, np.inf, 0.0, "no sample lies within the new prior"
    log_new = np.where(covered, log_w + log_ratio, -np.inf)
    old, new = _normalised(log_w), _normalised(log_new)
    shift = float(np.logaddexp.reduce(log_new) - np.logaddexp.reduce(log_w))
    # Z'/Z is a ratio of two sums over the same samples: their errors are correlated
    error = float(np.sqrt(np.sum((new - old) ** 2)))
    effective = float(1.0 / np.sum(new**2))
    k_hat = pareto_k_hat(log_new)
    reasons = []
    if not k_hat < LARGEST_K_HAT:
        reasons.append(f"Pareto k-hat {k_hat:.2f}, limit {LARGEST_K_HAT}")
    if effective < _LEAST_EFFECTIVE:
        reasons.append(f"{effective:.0f} effective samples, {_LEAST_EFFECTIVE:g} are asked for")
    if reasons:
        return np.nan, np.nan, k_hat, effective, "; ".join(reasons)
    return shift, error, k_hat, effective, ""


def _draws(result: SamplerResult) -> tuple[Float64, Float64 | None]:
    """Return samples [n, d] and log weights [n] of which a tail can be judged.

    Weights of dead points are likelihoods times volumes, not ratios of densities at independent draws, and k-hat says
    nothing about them. So they are made equally weighted first, as many as they are worth.
    """
    is_nested = result.evidence is not None and result.evidence.method.startswith("nested sampling")
    if not is_nested or result.log_weights is None:
        return result.samples, result.log_weights
    weights = result.weights
    n_effective = max(int(1.0 / np.sum(weights**2)), 1)
    positions = (np.arange(n_effective) + 0.5) / n_effective
    chosen = np.searchsorted(np.cumsum(weights), positions).clip(max=len(weights) - 1)
    return result.samples[chosen], None


def _normalised(log_weights: Float64) -> Float64:
    weights = np.exp(log_weights - np.max(log_weights))
    return np.asarray(weights / weights.sum())


def prior_sensitivity(
    posterior: Posterior,
    result: SamplerResult,
    parameters: Sequence[str] | None = None,
    factors: Sequence[float] = SENSITIVITY_FACTORS,
) -> list[Reweighted]:
    """Return the shift of ln Z for every chosen parameter that is sampled (default: all of them), and every factor."""
    if parameters is None:
        parameters = posterior.names
    found = []
    samples, log_weights = _draws(result)
    for column, parameter in enumerate(posterior.parameters):
        if parameter.name not in parameters:
            continue
        for factor in factors:
            name = posterior.hypothesis.name
            try:
                wanted = with_width(parameter.distribution, factor) if factor != 1.0 else parameter.distribution
            except ValueError as error:  # the sampling is done: what this one point cannot be must not cost the rest
                numbers = (np.nan, np.nan, np.inf, 0.0, str(error))
                found.append(Reweighted(name, parameter.name, factor, "none", *numbers))
                continue
            numbers = reweight(samples[:, column], log_weights, parameter.distribution, wanted)
            found.append(Reweighted(name, parameter.name, factor, wanted.describe(), *numbers))
    return sorted(found, key=lambda row: (list(parameters).index(row.parameter), row.factor))
