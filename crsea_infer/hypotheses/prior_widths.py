"""Are the priors of two hypotheses equally wide?

A Bayes factor rewards narrow priors around what the data want and punishes wide ones, so that two hypotheses that are
meant to differ in what they say of the world must not differ in how precisely they say it. Parameters of one name are
compared, by half of the interval that holds the central 68 % of the prior: in the parameter, or in its logarithm where
either prior is one in that. Parameters that one hypothesis fixes are no matter of width. Parameters that only one of
them has are told too: a spectrum with one more break is another form, in which the same name may be another part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.hypotheses.distributions import Distribution
    from crsea_infer.hypotheses.prior_sets import Parameter

__all__ = ["PriorDifferences", "compare_priors"]

_TOLERANCE: Final = 0.01


@dataclass(frozen=True)
class PriorDifferences:
    """How the priors of two hypotheses differ in width and in form.

    Attributes
    ----------
    widths
        Name of the parameter, and the widths of the first and of the second hypothesis.
    only_first, only_second
        Names of sampled parameters that the other one does not have at all.
    """

    widths: tuple[tuple[str, float, float], ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    def words(self, first: str, second: str) -> str:
        """Return in words how the priors of two hypotheses differ; empty when all that they share is equally wide."""
        if not self.widths:
            return ""
        listed = ", ".join(f"{name} ({one:.2g} and {other:.2g})" for name, one, other in self.widths)
        alone = [
            f"{', '.join(names)} only {hypothesis} has"
            for hypothesis, names in ((first, self.only_first), (second, self.only_second))
            if names
        ]
        return "; ".join([f"widths of the priors differ: {listed}", *alone])


def compare_priors(one: Sequence[Parameter], other: Sequence[Parameter]) -> PriorDifferences:
    """Return how the priors of two hypotheses, whose parameters these are, differ."""
    first, second = ({parameter.name: parameter for parameter in own} for own in (one, other))
    shared = [name for name in first if name in second and not (first[name].is_fixed or second[name].is_fixed)]
    widths = [(name, *_widths(first[name].distribution, second[name].distribution)) for name in shared]
    return PriorDifferences(
        tuple(row for row in widths if abs(row[1] - row[2]) > _TOLERANCE * max(row[1], row[2])),
        tuple(name for name, parameter in first.items() if name not in second and not parameter.is_fixed),
        tuple(name for name, parameter in second.items() if name not in first and not parameter.is_fixed),
    )


def _widths(one: Distribution, other: Distribution) -> tuple[float, float]:
    ends = [prior.prior_transform(np.array([0.16, 0.84])) for prior in (one, other)]
    in_log = (one.is_logarithmic or other.is_logarithmic) and all(end[0] > 0.0 for end in ends)
    low_high = [(math.log(end[0]), math.log(end[1])) if in_log else (float(end[0]), float(end[1])) for end in ends]
    first, second = (0.5 * (high - low) for low, high in low_high)
    return first, second
