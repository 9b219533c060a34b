"""The sky model of a set of physics choices, made from the one at hand.

Hypotheses may demand physics (:class:`crsea_infer.hypotheses.demanded_physics.DemandedPhysics`) that the sky model of a
run does not have. A sky model that can be made anew with other choices has a method ``with_physics``; everything that
joins a hypothesis to a sky model asks here for the right one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.demanded_physics import DemandedPhysics
    from crsea_infer.hypotheses.hypothesis import Hypothesis

__all__ = ["ChoosesPhysics", "sky_for", "sky_of"]


@runtime_checkable
class ChoosesPhysics(Protocol):
    """A sky model that can be made anew with other physics."""

    def with_physics(self, choices: DemandedPhysics) -> SkyModel:
        """Return the sky model with these choices in place of its own; the same object for the same choices."""


def sky_of(model: SkyModel, choices: DemandedPhysics) -> SkyModel:
    """Return the sky model of some physics choices.

    Parameters
    ----------
    model
        The sky model at hand; without choices it is the answer.
    choices
        What a hypothesis demands.

    Raises
    ------
    UserError
        When the sky model cannot have other physics than its own, or a choice is not known.
    """
    if not choices:
        return model
    if not isinstance(model, ChoosesPhysics):
        raise UserError(
            f"physics choices ({choices.words()}) with a sky model that has its own physics",
            valid="an emulator of responses, such as the one that comes with the package",
            fix="remove [physics] or [[variants]], or use another emulator",
        )
    return model.with_physics(choices)


def sky_for(model: SkyModel, hypothesis: Hypothesis) -> SkyModel:
    """Return the sky model of a hypothesis: with the physics that it demands, of all its variants if it has any.

    Raises
    ------
    UserError
        As :func:`sky_of`.
    """
    if not hypothesis.variants:
        return sky_of(model, hypothesis.physics)
    from crsea_infer.emulator.mixed_sky import MixedSky
    from crsea_infer.hypotheses.varied_hypothesis import of_variant

    return MixedSky({one.name: sky_of(model, of_variant(hypothesis, one).physics) for one in hypothesis.variants})
