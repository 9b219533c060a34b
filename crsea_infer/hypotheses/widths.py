"""Priors of other widths: a hypothesis that knows a parameter better, or less well."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from crsea_infer.hypotheses.distributions import log_uniform, rescaled, uniform

if TYPE_CHECKING:
    from crsea_infer.hypotheses.distributions import Distribution

__all__ = ["widened"]

_WIDEST_LOG: Final = 700.0
"""Where exp(x) and exp(-x) are still numbers with full precision."""


def widened(distribution: Distribution, factor: float) -> Distribution:
    """Return a distribution with its width multiplied: of a uniform one the interval, about its middle in x or in ln x.

    Raises ValueError when there is none: its bounds are no longer numbers, or hold none of the normal between them.
    """
    if distribution.is_normal:
        return rescaled(distribution, distribution.scale * factor)
    ends = (distribution.lower, distribution.upper)
    first, last = (math.log(end) if distribution.is_logarithmic else end for end in ends)
    middle, reach = 0.5 * (first + last), 0.5 * factor * (last - first)
    if not distribution.is_logarithmic:
        return uniform(middle - reach, middle + reach)
    if middle + reach > _WIDEST_LOG or middle - reach < -_WIDEST_LOG:
        words = distribution.describe()
        raise ValueError(f"{factor:g} times as wide, the prior {words} has bounds beyond all numbers")
    return log_uniform(math.exp(middle - reach), math.exp(middle + reach))
