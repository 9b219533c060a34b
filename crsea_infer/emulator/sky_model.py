"""What the likelihoods ask of the sky model, and what it answers.

A :class:`SkyModel` predicts intensities of gamma rays, neutrinos and cosmic rays as a function of named parameters. It
exists twice, with the same face: backed by the emulator (the default) and backed by the transport solver itself (for
the exact check). Likelihoods say once what they need, as a list of :class:`Request`; the model prepares whatever does
not depend on the parameters and returns a :class:`BoundModel`, a pure function over a batch of parameter points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, get_args

from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.parameters import SkyParameters
    from crsea_infer.support.arrays import Array

__all__ = ["MESSENGERS", "BoundModel", "Messenger", "Request", "SkyModel"]

Messenger = Literal["gamma", "neutrino", "proton", "helium"]
MESSENGERS: Final = get_args(Messenger)
"""All that a sky model may be asked for."""


@dataclass(frozen=True)
class Request:
    """An intensity that somebody needs: which particle, where, at which energies.

    Attributes
    ----------
    messenger
        "gamma", "neutrino" (per flavour, neutrinos plus antineutrinos), "proton" or "helium".
    energies
        In GeV; for helium kinetic energy in GeV per nucleon; for protons kinetic energy in GeV.
    region
        Name of a sky region or a box such as "l=25..100,b=-5..5"; None for cosmic rays.
    radius
        For cosmic rays: distance from the Galactic centre in the disc, kpc; None means at the Sun.

    Raises
    ------
    UserError
        When the messenger is unknown or goes with another kind of place, or an energy is not above 0.
    """

    messenger: Messenger
    energies: tuple[float, ...]
    region: str | None = None
    radius: float | None = None

    def __post_init__(self) -> None:
        if self.messenger not in MESSENGERS:
            raise unknown_name("messenger", str(self.messenger), MESSENGERS)
        if not self.energies or not all(math.isfinite(energy) and energy > 0 for energy in self.energies):
            raise UserError(f"energies {list(self.energies)} are not all positive numbers", valid="energies > 0 GeV")
        if self.is_on_sky and self.region is None:
            raise UserError(
                f"no region for {'gamma rays' if self.messenger == 'gamma' else 'neutrinos'}",
                valid="a name (see 'crsea-infer list regions') or a box, such as l=50..200,b=-5..5",
                fix="add a region: lhaaso_inner, for example",
            )
        if self.is_on_sky and self.radius is not None:
            raise UserError(f"a radius with the messenger {self.messenger}", valid="a radius for proton and helium")
        if not self.is_on_sky and self.region is not None:
            raise UserError(
                f"the region {self.region} with the messenger {self.messenger}",
                valid="a region for gamma and neutrino, a radius for proton and helium",
                fix="drop the region; the radius says where in the disc",
            )
        if self.radius is not None and not self.radius >= 0:
            raise UserError(
                f"radius = {self.radius:g}", valid="a distance from the Galactic centre in kpc, not below 0"
            )

    @property
    def is_on_sky(self) -> bool:
        """Whether it asks for what comes from a region of the sky, rather than for cosmic rays at a place."""
        return self.messenger in {"gamma", "neutrino"}


class BoundModel(Protocol):
    """A sky model fixed to its requests: a pure function of the parameters."""

    def __call__(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        """Return one intensity array [..., n_energies] per request.

        Units are GeV^-1 cm^-2 s^-1 sr^-1 for gamma rays and neutrinos, (GeV or GeV/n)^-1 m^-2 s^-1 sr^-1 for cosmic
        rays. `parameters` maps names to arrays that broadcast to one batch shape. Points outside the model's box give
        NaN here; the prior keeps samplers away from them.
        """

    def components(self, parameters: Mapping[str, Array]) -> tuple[dict[str, Array], ...]:
        """Return the same per component ("HI", "H2", ...); the components of a request sum to its intensity."""


class SkyModel(Protocol):
    """A model of the sky of the Galaxy and of the cosmic rays in it."""

    def parameters(self, requests: Sequence[Request]) -> SkyParameters:
        """Return which parameters it takes to answer these requests: needed, used when given, or of no use here."""

    @property
    def box(self) -> Mapping[str, tuple[float, float]]:
        """Range of each transport parameter within which the model holds."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that determines the predictions."""

    @property
    def description(self) -> Mapping[str, str]:
        """Physics choices in words, for run files and reports."""

    @property
    def relative_error(self) -> float:
        """Relative error of the intensities due to emulation, one standard deviation; 0 for the solver itself."""

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        """Prepare everything that does not depend on the parameters.

        Raises
        ------
        UserError
            When a region is not known or an energy lies outside the range of the model.
        """
