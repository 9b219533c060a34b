"""A sky model with something added to its sea of cosmic rays; itself a sky model.

What is added follows from parameters of the hypothesis by a formula, so that range, fingerprint and error stay those of
the sea. Each addition says what it is called, which parameters it needs, and how it is bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.parameters import SkyParameters
    from crsea_infer.emulator.sky_model import Request, SkyModel
    from crsea_infer.support.arrays import Array

__all__ = ["WidenedSky", "is_widened", "without"]


@dataclass(frozen=True)
class WidenedSky:
    """What all of them share; subclasses bind.

    Attributes
    ----------
    sea
        The sky model without the addition.
    added
        Names of its parameters, all required.
    key, words
        Under which name the description tells of it, and what it tells.
    """

    added: ClassVar[tuple[str, ...]]
    key: ClassVar[str]
    words: ClassVar[str]

    sea: SkyModel

    def parameters(self, requests: Sequence[Request]) -> SkyParameters:
        """Those of the sea, and all of the addition."""
        sea = self.sea.parameters(requests)
        return replace(sea, required=(*sea.required, *self.added))

    @property
    def box(self) -> Mapping[str, tuple[float, float]]:
        """Range of the sea's transport parameters."""
        return self.sea.box

    @property
    def fingerprint(self) -> str:
        """That of the sea: what is added is a formula of the hypothesis's own parameters."""
        return self.sea.fingerprint

    @property
    def description(self) -> Mapping[str, str]:
        """The sea's, and what is added to it."""
        return {**self.sea.description, self.key: self.words}

    @property
    def relative_error(self) -> float:
        """Of the sea."""
        return self.sea.relative_error


def is_widened(request: Request) -> bool:
    """Return whether a request is one for gamma rays, which alone are added to."""
    return request.messenger == "gamma"


def without(parameters: Mapping[str, Array], names: tuple[str, ...]) -> dict[str, Array]:
    """Return the parameters that are the sea's."""
    return {name: value for name, value in parameters.items() if name not in names}
