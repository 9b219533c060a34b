"""Posteriors that heap at an edge of what was allowed.

A prior with bounds says that there is nothing beyond them. Where a posterior piles up at one, the data ask for what was
ruled out: the interval of the parameter is that of the bound, ln Z depends on where the bound stands, and other
parameters make up for what this one may not do. Bounds are those of the prior and of the range in which the sky model
holds.

The criterion compares posterior with prior. Of the prior between the bounds, take the outermost 2 % of the probability
at a bound. A posterior *heaps* there when this zone holds at least three times as much of it, 6 %, and when it does not
thin out towards the bound: at least a third of what is in the zone lies in its outer half (in the parameter, or in its
logarithm where the prior is one in that). The second condition leaves out the tail of a normal prior whose bound lies
far out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.hypotheses.variants import VARIANT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.hypotheses.distributions import Distribution
    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.support.arrays import Float64

__all__ = ["LEAST_RATIO", "ZONE", "PileUp", "pile_ups"]

ZONE: Final = 0.02
"""Probability of the prior in the zone at a bound."""

LEAST_RATIO: Final = 3.0
"""Posterior over prior probability of the zone, from which a posterior heaps there."""

_OUTER_SHARE: Final = 1.0 / 3.0


@dataclass(frozen=True)
class PileUp:
    """One bound of one parameter.

    Attributes
    ----------
    parameter, unit
        Name and unit.
    side
        "lower" or "upper".
    bound
        Its value.
    begins
        Where the zone at the bound begins.
    share, share_err
        Probability of the posterior in the zone, and its one-sigma Monte-Carlo error.
    outer_share
        How much of that lies in the outer half of the zone; nan when the zone is empty.
    """

    parameter: str
    unit: str
    side: str
    bound: float
    begins: float
    share: float
    share_err: float
    outer_share: float

    @property
    def ratio(self) -> float:
        """Posterior over prior probability of the zone."""
        return self.share / ZONE

    @property
    def heaps(self) -> bool:
        """Whether the posterior heaps at the bound."""
        return self.ratio >= LEAST_RATIO and self.outer_share >= _OUTER_SHARE


def pile_ups(
    parameters: tuple[Parameter, ...], result: SamplerResult, box: Mapping[str, tuple[float, float]]
) -> list[PileUp]:
    """Return every bound of every parameter but the number of the variant, whether or not the posterior heaps there.

    Parameters
    ----------
    parameters
        The n sampled ones, in the order of the samples.
    result
        Samples of the posterior.
    box
        Range in which the sky model holds, for those that have one.
    """
    weights = result.weights
    worth = float(np.sum(weights) ** 2 / np.sum(weights**2))
    found = []
    for column, parameter in enumerate(parameters):
        if parameter.name == VARIANT:  # a number of alternatives, not a range with ends
            continue
        prior = parameter.distribution
        low, high = box.get(parameter.name, (-math.inf, math.inf))
        bounds = (max(prior.lower, low), min(prior.upper, high))
        for side, bound in zip(("lower", "upper"), bounds, strict=True):
            if math.isfinite(bound) and not (prior.is_logarithmic and bound == 0.0):
                values = result.samples[:, column]
                found.append(_at(parameter, side, bound, bounds, values, weights, worth))
    return found


def _at(
    parameter: Parameter,
    side: str,
    bound: float,
    bounds: tuple[float, float],
    values: Float64,
    weights: Float64,
    worth: float,
) -> PileUp:
    prior = parameter.distribution
    first, last = (_probability_below(prior, edge) for edge in bounds)
    inner = first + ZONE * (last - first) if side == "lower" else last - ZONE * (last - first)
    begins = float(prior.prior_transform(np.array([inner]))[0])
    in_log = prior.is_logarithmic
    middle = math.sqrt(begins * bound) if in_log else 0.5 * (begins + bound)
    in_zone, in_outer = (values <= edge if side == "lower" else values >= edge for edge in (begins, middle))
    total = float(np.sum(weights))
    share = float(np.sum(weights[in_zone])) / total
    outer = float(np.sum(weights[in_outer])) / total
    return PileUp(
        parameter=parameter.name,
        unit=parameter.unit,
        side=side,
        bound=bound,
        begins=begins,
        share=share,
        share_err=math.sqrt(share * (1.0 - share) / worth),
        outer_share=outer / share if share > 0.0 else math.nan,
    )


def _probability_below(prior: Distribution, value: float) -> float:
    """Return the probability of the prior below a value, by halving the unit interval."""
    if value <= prior.lower:
        return 0.0
    if value >= prior.upper:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if float(prior.prior_transform(np.array([middle]))[0]) < value:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
