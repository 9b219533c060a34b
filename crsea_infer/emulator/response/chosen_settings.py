"""Demanded physics put into the settings of a response grid, and read off them.

Every other set of choices is a grid of its own: what it needs is solved and trained region by region, and kept.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import numpy as np

from crsea_infer.emulator.response.chebyshev import ResponseEmulator
from crsea_infer.emulator.response.region_training import basis_shape
from crsea_infer.grids.physics_choices import PhysicsChoices
from crsea_infer.grids.response_grid import GridSettings
from crsea_infer.hypotheses.demanded_physics import DemandedPhysics

__all__ = ["choices_of", "emulator_of", "with_physics"]

_ON_SPECTRA: Final = ("cross_section", "nuclear_enhancement")
"""Settings that act on spectra alone, so that responses do not depend on them."""


def with_physics(settings: GridSettings, demanded: DemandedPhysics) -> GridSettings:
    """Return settings with some physics in place of their own.

    Parameters
    ----------
    settings
        Of a response grid; whatever is not demanded stays.
    demanded
        What a hypothesis or a variant wants.

    Raises
    ------
    UserError
        For a choice that does not exist or cannot be.
    """
    saturation = demanded.saturation_radius
    found = PhysicsChoices(
        sources=demanded.sources,
        rim=demanded.rim,
        saturation_radius=saturation,
        sun_radius=demanded.sun_radius,
        halo_height=demanded.halo_range,
        cross_section=demanded.cross_section,  # type: ignore[arg-type]
        gas=demanded.gas,  # type: ignore[arg-type]
        radiation_field=demanded.radiation_field,  # type: ignore[arg-type]
    ).apply(settings)
    if saturation == found.transport.sun_radius:  # equal physics have equal hashes
        found = dataclasses.replace(found, transport=dataclasses.replace(found.transport, saturation_radius=None))
    return found


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


def choices_of(settings: GridSettings) -> DemandedPhysics:
    """Return the choices in which settings differ from those that the package has of itself, for people to read."""
    usual = GridSettings()
    transport, ordinary = settings.transport, usual.transport
    heights, its_own = (
        next((axis.lower, axis.upper) for axis in one.axes if axis.name == "halo_height") for one in (settings, usual)
    )
    field = None if settings.electrons is None else settings.electrons.radiation_field
    return DemandedPhysics(
        sources=transport.sources if transport.sources != ordinary.sources else None,
        saturation_radius=transport.saturation_radius,
        sun_radius=transport.sun_radius if transport.sun_radius != ordinary.sun_radius else None,
        rim=transport.disc_radius if transport.disc_radius != ordinary.disc_radius else None,
        gas=settings.gas_model if settings.gas_model != usual.gas_model else None,
        cross_section=settings.cross_section if settings.cross_section != usual.cross_section else None,
        radiation_field=field if field not in {None, "discs"} else None,
        halo_range=heights if heights != its_own else None,
    )
