"""Physics choices put into the settings of a response grid, and read off them.

Every other set of choices is a grid of its own: what it needs is solved and trained region by region, and kept.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.emulator.response.chebyshev import ResponseEmulator
from crsea_infer.emulator.response.region_training import basis_shape
from crsea_infer.grids.response_grid import GridSettings
from crsea_infer.hypotheses.physics_choices import PhysicsChoices
from crsea_infer.physics.sources import source_layers
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from typing import Any

    from crsea_infer.grids.response_grid import Axis

__all__ = ["choices_of", "emulator_of", "with_choices"]

_HIGHEST_OF_ELECTRONS: Final = 12.0  # kpc: the last of the heights at which electrons are needed
_ON_SPECTRA: Final = ("cross_section", "nuclear_enhancement")
"""Settings that act on spectra alone, so that responses do not depend on them."""


def with_choices(settings: GridSettings, choices: PhysicsChoices) -> GridSettings:
    """Return settings with some physics choices in place of their own.

    Parameters
    ----------
    settings
        Of a response grid; whatever is not chosen stays.
    choices
        What is demanded.

    Raises
    ------
    UserError
        When a name is not known, or the Sun would lie outside the rim.
    """
    transport: dict[str, Any] = {}
    if choices.sources is not None:
        source_layers(choices.sources)
        transport["sources"] = choices.sources
    if choices.rim is not None:
        if choices.rim < settings.transport.sun_radius + 1.0:
            raise UserError(
                f"rim = {choices.rim:g}", valid=f"at least {settings.transport.sun_radius + 1.0:g} kpc, beyond the Sun"
            )
        transport["disc_radius"] = choices.rim
    if choices.saturation_radius is not None:
        # what is the default is written as the default, so that equal physics have equal hashes
        is_sun = choices.saturation_radius == settings.transport.sun_radius
        transport["saturation_radius"] = None if is_sun else choices.saturation_radius
    changed: dict[str, Any] = {"transport": dataclasses.replace(settings.transport, **transport)}
    if choices.gas is not None:
        changed["gas_model"] = choices.gas
    if choices.cross_section is not None:
        changed["cross_section"] = choices.cross_section
    electrons = settings.electrons
    if electrons is not None and choices.radiation_field is not None:
        electrons = dataclasses.replace(electrons, radiation_field=choices.radiation_field)  # type: ignore[arg-type]
    if choices.halo_range is not None:
        changed["axes"] = tuple(_within(axis, *choices.halo_range) for axis in settings.axes)
        if choices.halo_range[1] > _HIGHEST_OF_ELECTRONS:
            electrons = None  # which says that there are none, where they are asked for
    return dataclasses.replace(settings, electrons=electrons, **changed)


def _within(axis: Axis, low: float, high: float) -> Axis:
    """Return the axis of the halo height with another range, as densely covered as before; others as they are."""
    if axis.name != "halo_height" or (axis.lower, axis.upper) == (low, high):
        return axis
    share = math.log(high / low) / math.log(axis.upper / axis.lower)
    return dataclasses.replace(axis, lower=low, upper=high, n_nodes=max(4, math.ceil(axis.n_nodes * share)))


def emulator_of(emulator: ResponseEmulator, settings: GridSettings) -> ResponseEmulator:
    """Return the emulator of other settings.

    Its trained numbers stay when responses do not depend on what is other; else it has no region, and whatever is
    asked for is trained apart. What is stated of its error stays: polynomials of the same degree through the same box.
    """
    if _same_responses(emulator.settings, settings):
        return dataclasses.replace(emulator, settings=settings)
    n_terms = math.prod(axis.n_nodes for axis in settings.axes)
    return ResponseEmulator(
        settings=dataclasses.replace(settings, regions=()),
        coefficients=np.zeros((n_terms, 0)),
        basis=np.zeros((0, 0, *basis_shape(settings, "nuclei")[1:])),
        metadata=emulator.metadata,
    )


def _same_responses(one: GridSettings, other: GridSettings) -> bool:
    mine, theirs = one.as_json(), other.as_json()
    for name in (*_ON_SPECTRA, "regions"):
        del mine[name], theirs[name]
    return mine == theirs


def choices_of(settings: GridSettings) -> PhysicsChoices:
    """Return the choices in which settings differ from those that the package has of itself, for people to read."""
    usual = GridSettings()
    transport, ordinary = settings.transport, usual.transport
    heights = next(((axis.lower, axis.upper) for axis in settings.axes if axis.name == "halo_height"), None)
    its_own = next(((axis.lower, axis.upper) for axis in usual.axes if axis.name == "halo_height"), None)
    field = None if settings.electrons is None else settings.electrons.radiation_field
    return PhysicsChoices(
        sources=transport.sources if transport.sources != ordinary.sources else None,
        saturation_radius=transport.saturation if transport.saturation != ordinary.saturation else None,
        rim=transport.disc_radius if transport.disc_radius != ordinary.disc_radius else None,
        gas=settings.gas_model if settings.gas_model != usual.gas_model else None,
        cross_section=settings.cross_section if settings.cross_section != usual.cross_section else None,
        radiation_field=field if field not in {None, "discs"} else None,
        halo_range=heights if heights != its_own else None,
    )
