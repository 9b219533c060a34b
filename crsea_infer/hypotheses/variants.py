"""Variants: physics choices, one of which is right but nobody knows which, with prior weights.

A hypothesis with variants has one parameter more, `variant`: a whole number, whose prior are the weights. Everything
that asks a hypothesis for predictions can so be asked of all variants together. Its evidence is the mean of those of
its variants with these weights (Bayesian model averaging), and its posterior their mixture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from crsea_infer.hypotheses.demanded_physics import DemandedPhysics

__all__ = ["VARIANT", "Variant", "variants_from"]

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
