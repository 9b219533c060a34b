"""Hypotheses with variants: one of them, or any of them with a parameter that tells which."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from crsea_infer.hypotheses.distributions import categorical
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.hypotheses.variants import VARIANT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.hypotheses.variants import Variant

__all__ = ["of_variant", "with_variants"]


def of_variant(hypothesis: Hypothesis, variant: Variant) -> Hypothesis:
    """Return a hypothesis with the physics of one variant."""
    return dataclasses.replace(hypothesis, physics=hypothesis.physics.then(variant.physics), variants=())


def with_variants(hypothesis: Hypothesis, variants: Sequence[Variant]) -> Hypothesis:
    """Return a hypothesis that may be any of some variants; without any, the hypothesis itself."""
    if not variants:
        return hypothesis
    numbers = ", ".join(f"{number} {variant.name}" for number, variant in enumerate(variants, start=1))
    parameter = Parameter(
        name=VARIANT,
        distribution=categorical([variant.weight for variant in variants]),
        fiducial=1.0,
        label=r"\mathrm{variant}",
        description=f"number of the physics variant: {numbers}",
        source="the run file",
        prior_set="variants",
    )
    return dataclasses.replace(hypothesis, parameters=(*hypothesis.parameters, parameter), variants=tuple(variants))
