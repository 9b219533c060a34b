"""The physics of a response grid in the user's words: what differs from the shipped set-up, and what it is called.

A command line, a run file or a variant names a few choices (sources, rim, saturation radius, ranges); they become the
settings of a grid here, with the numerics that go with them: cells as fine, and nodes as dense, as those of the shipped
grid. What is not named stays as it was.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crsea_infer.grids.response_grid import DEFAULT_AXES, CrossSection, GridSettings
from crsea_infer.physics.electrons import ElectronSettings
from crsea_infer.physics.transport import TransportSettings
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from crsea_infer.grids.response_grid import Axis
    from crsea_infer.physics.analytic_gas import GasModel
    from crsea_infer.physics.radiation_field import FieldModel

__all__ = ["CROSS_SECTIONS", "NUCLEAR_ENHANCEMENTS", "PhysicsChoices", "describe_physics"]

CROSS_SECTIONS: Final = ("kelner-aharonian", "aafrag")
NUCLEAR_ENHANCEMENTS: Final = (0.5, 3.0)
"""Factors for nuclei heavier than helium that make sense."""

_FEWEST_NODES: Final = 8
_DEFAULT_CELL: Final = TransportSettings().disc_radius / TransportSettings().n_radial
_ELECTRON_CELL: Final = TransportSettings().disc_radius / ElectronSettings().n_radial


@dataclass(frozen=True)
class PhysicsChoices:
    """What is to differ from other settings; None leaves a choice as it is there.

    Attributes
    ----------
    sources
        Name of the source distribution.
    rim
        Radius of free escape, kpc.
    saturation_radius
        Radius beyond which delta(R) is constant, kpc.
    sun_radius
        Galactocentric radius of the Sun in transport, kpc.
    halo_height, delta_slope
        Ranges that the grid covers, kpc and 1/kpc.
    cross_section
        "kelner-aharonian" or "aafrag".
    nuclear_enhancement
        Factor for nuclei heavier than helium.
    leptons
        Whether the gamma rays of electrons are in the grid.
    gas
        "rings" or "analytic".
    radiation_field
        "discs" or "uniform".
    """

    sources: str | None = None
    rim: float | None = None
    saturation_radius: float | None = None
    sun_radius: float | None = None
    halo_height: tuple[float, float] | None = None
    delta_slope: tuple[float, float] | None = None
    cross_section: CrossSection | None = None
    nuclear_enhancement: float | None = None
    leptons: bool | None = None
    gas: GasModel | None = None
    radiation_field: FieldModel | None = None

    def apply(self, settings: GridSettings | None = None) -> GridSettings:
        """Return the settings with these choices.

        Parameters
        ----------
        settings
            To start from; the shipped set-up if None.

        Raises
        ------
        UserError
            For a choice that does not exist or cannot be.
        """
        start = GridSettings() if settings is None else settings
        if self.cross_section is not None and self.cross_section not in CROSS_SECTIONS:
            raise unknown_name("cross-section", self.cross_section, CROSS_SECTIONS)
        least, most = NUCLEAR_ENHANCEMENTS
        if self.nuclear_enhancement is not None and not least <= self.nuclear_enhancement <= most:
            raise UserError(
                f"a nuclear enhancement of {self.nuclear_enhancement:g}", valid=f"a factor from {least:g} to {most:g}"
            )
        ranges = {"halo_height": self.halo_height, "delta_slope": self.delta_slope}
        transport = self._transport(start.transport)
        return dataclasses.replace(
            start,
            transport=transport,
            axes=tuple(_with_range(axis, ranges[axis.name]) for axis in start.axes),
            cross_section=start.cross_section if self.cross_section is None else self.cross_section,
            nuclear_enhancement=(
                start.nuclear_enhancement if self.nuclear_enhancement is None else self.nuclear_enhancement
            ),
            electrons=self._electrons(start.electrons, transport.disc_radius),
            gas_model=start.gas_model if self.gas is None else self.gas,
        )

    def _transport(self, start: TransportSettings) -> TransportSettings:
        named = {
            "sources": self.sources,
            "sun_radius": self.sun_radius,
            "disc_radius": self.rim,
            "saturation_radius": self.saturation_radius,
        }
        changes = {name: value for name, value in named.items() if value is not None}
        if self.rim is not None and self.rim != start.disc_radius:
            changes["n_radial"] = _cells(self.rim, _DEFAULT_CELL)
        return dataclasses.replace(start, **changes)  # type: ignore[arg-type]

    def _electrons(self, start: ElectronSettings | None, rim: float) -> ElectronSettings | None:
        wanted = start is not None if self.leptons is None else self.leptons
        if not wanted:
            return None
        electrons = ElectronSettings() if start is None else start
        if self.radiation_field is not None:
            electrons = dataclasses.replace(electrons, radiation_field=self.radiation_field)
        if self.rim is None:
            return electrons
        # at least as many cells as the shipped grid has, so that a near rim does not coarsen the disc
        return dataclasses.replace(electrons, n_radial=max(electrons.n_radial, _cells(rim, _ELECTRON_CELL)))


def describe_physics(settings: GridSettings) -> dict[str, str]:
    """Return the choices of transport in words, by what they are about."""
    transport = settings.transport
    return {
        "sources": f"{transport.sources}, Sun at {transport.sun_radius:g} kpc",
        "rim": f"free escape at {transport.disc_radius:g} kpc and at the halo height",
        "diffusion": f"delta(R) rises to {transport.saturation:g} kpc"
        f"{' (the Sun)' if transport.saturation_radius is None else ''}, constant beyond",
    }


def _cells(rim: float, cell: float) -> int:
    """Return the number of cells out to the rim that are no larger than `cell`, kpc."""
    return max(1, math.ceil(rim / cell - 1e-9)) if math.isfinite(rim) else 1


def _with_range(axis: Axis, limits: tuple[float, float] | None) -> Axis:
    """Return the axis with another range, and as many nodes per range as the shipped one has."""
    if limits is None or limits == (axis.lower, axis.upper):
        return axis
    lower, upper = limits
    changed = dataclasses.replace(axis, lower=lower, upper=upper)
    shipped = next(one for one in DEFAULT_AXES if one.name == axis.name)
    width = _width(changed)
    if not width > 0.0:  # refused by the settings, with what is valid
        return changed
    n_nodes = math.ceil(shipped.n_nodes * width / _width(shipped) - 1e-9)
    return dataclasses.replace(changed, n_nodes=max(_FEWEST_NODES, n_nodes))


def _width(axis: Axis) -> float:
    if axis.scale == "linear":
        return axis.upper - axis.lower
    return math.log(axis.upper / axis.lower) if 0.0 < axis.lower < axis.upper else 0.0
