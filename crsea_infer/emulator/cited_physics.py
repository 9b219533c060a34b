"""What a sky model says is to be cited for it.

A sky model of this package, and any other that wants to, has a method ``references``: pairs of a reference, as
:mod:`crsea_infer.content.bibliography` has them, and what it was used for. They depend on what was asked of the model
and with which parameters: who has no electrons cites none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from crsea_infer.emulator.sky_model import Request, SkyModel

__all__ = ["CitesPhysics", "physics_cited"]


@runtime_checkable
class CitesPhysics(Protocol):
    """A sky model that says what is to be cited for it."""

    def references(self, requests: Sequence[Request], parameters: Collection[str]) -> list[tuple[str, str]]:
        """Return pairs of a reference and what it was used for, in words, for these requests and parameters."""


def physics_cited(model: SkyModel, requests: Sequence[Request], parameters: Collection[str]) -> list[tuple[str, str]]:
    """Return what is to be cited for the physics of a sky model; nothing when it does not say.

    Parameters
    ----------
    model
        The sky model.
    requests
        What was asked of it.
    parameters
        Names of the parameters with which it was asked.
    """
    return model.references(requests, parameters) if isinstance(model, CitesPhysics) else []
