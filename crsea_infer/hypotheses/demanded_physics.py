"""Demanded physics: what a hypothesis, or a variant of a run, demands of the sky model beside values of parameters.

Sources, rim, gas and the like are no parameters: each set of them takes a sky model of its own. A prior set demands
them in a table `[physics]`, a run file in its `[[variants]]`; whatever is left out is as the sky model has it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from crsea_infer.content.toml_files import Entry, WrongValueError
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NO_DEMANDS", "DemandedPhysics", "PhysicsEntry"]

Kiloparsecs = Annotated[float, Field(ge=0.5, le=100.0)]


class PhysicsEntry(Entry):
    """What is demanded of the sky model; what is left out is as the sky model has it.

    Attributes
    ----------
    sources
        Distribution of the sources of cosmic rays: "ferriere", "lorimer", "case-bhattacharya", "galprop" or
        "faucher-giguere-kaspi".
    saturation_radius
        Galactocentric radius beyond which the exponent of diffusion is constant, kpc.
    rim
        Galactocentric radius at which cosmic rays escape freely, kpc.
    gas
        "rings" (columns of HI and CO in rings) or "analytic" (a smooth model, symmetric about the Galactic axis).
    cross_section
        "kelner-aharonian" or "aafrag".
    radiation_field
        Where the infrared and the starlight fade: "discs" (as their emitters) or "uniform" (as at the Sun).
    halo_range
        Halo heights at which the sky model holds, kpc: [low, high].
    sun_radius
        Distance of the Sun from the Galactic centre in transport, kpc.
    """

    sources: str | None = None
    saturation_radius: Kiloparsecs | None = None
    rim: Annotated[float, Field(ge=9.5, le=100.0)] | None = None
    gas: Literal["rings", "analytic"] | None = None
    cross_section: Literal["kelner-aharonian", "aafrag"] | None = None
    radiation_field: Literal["discs", "uniform"] | None = None
    halo_range: Annotated[list[Kiloparsecs], Field(min_length=2, max_length=2)] | None = None
    sun_radius: Annotated[float, Field(ge=7.5, le=8.5)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> PhysicsEntry:
        if self.halo_range is not None and not self.halo_range[0] < self.halo_range[1]:
            raise WrongValueError("halo_range", self.halo_range, "[low, high] in kpc, low below high")
        if self.rim is not None and self.saturation_radius is not None and self.saturation_radius > self.rim:
            raise WrongValueError("saturation_radius", self.saturation_radius, f"at most the rim, {self.rim:g} kpc")
        return self

    def demanded(self) -> DemandedPhysics:
        """Return them as the package keeps them."""
        content = self.model_dump(include=set(PhysicsEntry.model_fields))
        halo = content.pop("halo_range")
        return DemandedPhysics(**content, halo_range=None if halo is None else (halo[0], halo[1]))


@dataclass(frozen=True)
class DemandedPhysics:
    """Physics choices; None for what is as the sky model has it. Attributes as of :class:`PhysicsEntry`."""

    sources: str | None = None
    saturation_radius: float | None = None
    rim: float | None = None
    gas: str | None = None
    cross_section: str | None = None
    radiation_field: str | None = None
    halo_range: tuple[float, float] | None = None
    sun_radius: float | None = None

    def __bool__(self) -> bool:
        """Whether anything is demanded."""
        return bool(self.given)

    @property
    def given(self) -> dict[str, Any]:
        """What is demanded, by name, of the types that TOML and JSON have."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in found.items()
            if value is not None
        }

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> DemandedPhysics:
        """Return what :attr:`given` gave."""
        return PhysicsEntry.model_validate(dict(given)).demanded()

    def then(self, other: DemandedPhysics) -> DemandedPhysics:
        """Return these with what another demands in their place."""
        found = {one.name: getattr(other, one.name) for one in fields(self) if getattr(other, one.name) is not None}
        return DemandedPhysics(**{**{one.name: getattr(self, one.name) for one in fields(self)}, **found})

    def joined(self, other: DemandedPhysics, where: str) -> DemandedPhysics:
        """Return what both demand.

        Raises
        ------
        UserError
            When they demand different things.
        """
        for name, value in other.given.items():
            own = self.given.get(name, value)
            if own != value:
                raise UserError(
                    f"{where}: demands {name} = {value!r}, but an earlier prior set {name} = {own!r}",
                    valid="the same physics of all prior sets of a hypothesis",
                    fix="drop one of the two prior sets",
                )
        return self.then(other)

    def words(self) -> str:
        """Return them in a line, for people: "sources lorimer, rim 12 kpc"."""
        in_kpc = {"saturation_radius", "rim", "sun_radius"}
        parts = []
        for name, value in self.given.items():
            shown = f"{value[0]:g} to {value[1]:g} kpc" if isinstance(value, list) else str(value)
            parts.append(f"{name.replace('_', ' ')} {f'{value:g} kpc' if name in in_kpc else shown}")
        return ", ".join(parts)


NO_DEMANDS = DemandedPhysics()
"""Everything as the sky model has it."""
