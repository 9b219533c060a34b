"""Variants: physics choices, one of which is right but nobody knows which, with prior weights.

A hypothesis with variants has one parameter more, `variant`: a whole number, whose prior are the weights. Everything
that asks a hypothesis for predictions can so be asked of all variants together. Its evidence is the mean of those of
its variants with these weights (Bayesian model averaging), and its posterior their mixture.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crsea_infer.hypotheses.distributions import categorical
from crsea_infer.hypotheses.prior_sets import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from crsea_infer.hypotheses.demanded_physics import DemandedPhysics
    from crsea_infer.hypotheses.hypothesis import Hypothesis

__all__ = ["VARIANT", "Variant", "of_variant", "variants_from", "with_variants"]

VARIANT: Final = "variant"
"""Name of the parameter that tells variants apart: their number, from 1."""


@dataclass(frozen=True)
class Variant:
    """One set of physics choices.

    Attributes
    ----------
    name, title
        What to call it, and in a line.
    weight
        Prior probability; those of a run's variants sum to one.
    physics
        What it demands, in place of what the hypothesis demands.
    """

    name: str
    title: str
    weight: float
    physics: DemandedPhysics

    def content(self) -> dict[str, Any]:
        """Return it as plain values that TOML and JSON can hold."""
        return {"title": self.title, "weight": self.weight, "physics": self.physics.given}


def variants_from(content: Mapping[str, Any]) -> tuple[Variant, ...]:
    """Return what :meth:`Variant.content` gave, by name."""
    from crsea_infer.hypotheses.demanded_physics import DemandedPhysics

    return tuple(
        Variant(name, one["title"], float(one["weight"]), DemandedPhysics.of(one.get("physics", {})))
        for name, one in content.items()
    )


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
