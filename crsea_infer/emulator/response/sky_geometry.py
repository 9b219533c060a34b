"""Everything that maps of the sky need of the Galaxy, once for all maps: geometry of all directions and patterns.

It follows from the settings of a grid alone, not from gas columns, parameters, energies or pixels of a map, so that one
file in the user's cache directory serves every map of these settings (:mod:`crsea_infer.emulator.response.sky_store`).
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.emulator.response.density_patterns import density_patterns
from crsea_infer.physics.analytic_gas import gas_columns
from crsea_infer.physics.electrons import ElectronSolver
from crsea_infer.physics.halo_sight import halo_sight
from crsea_infer.physics.leptons import lepton_heights
from crsea_infer.physics.radiation_field import field_scaling
from crsea_infer.physics.ring_sight import STRETCHES, RingSight, ring_sight, transmissions
from crsea_infer.physics.transport import relative_density

if TYPE_CHECKING:
    from crsea_infer.grids.response_grid import GridSettings
    from crsea_infer.support.arrays import Float64

__all__ = ["DiscSight", "HaloSight", "electron_geometry", "nuclei_geometry"]

_TOLERANCE: Final = 1e-5
_OF_ELECTRONS: Final = 3e-4
_IN_HALO: Final = 3e-4
_GAS_HEIGHT: Final = 1.0  # kpc: half of a thick disc of gas
_LEAST: Final = 1e-2


@dataclass(frozen=True)
class DiscSight:
    """What directions receive from gas, per unit of local cosmic rays.

    Attributes
    ----------
    rings
        Geometry.
    sizes
        Number of patterns of each stretch, shape [stretch].
    coefficients
        Weights of the patterns, shape [term, energy, pattern], as in
        :class:`crsea_infer.emulator.response.density_patterns.Patterns`.
    transmission
        Shape [absorption node, transmission].
    """

    rings: RingSight
    sizes: tuple[int, ...]
    coefficients: Float64
    transmission: Float64


@dataclass(frozen=True)
class HaloSight:
    """What directions receive from electrons on radiation.

    Attributes
    ----------
    cells
        Shape [cell, transmission, field, pattern].
    coefficients, transmission
        As in :class:`DiscSight`.
    """

    cells: np.typing.NDArray[np.float32]
    coefficients: Float64
    transmission: Float64


def _parts(radii: Float64) -> list[slice]:
    """Return the radial nodes that matter within each stretch, with those that interpolation needs."""
    cell = radii[1] - radii[0]
    found = []
    for inner, outer in itertools.pairwise(STRETCHES):
        near = np.flatnonzero((radii > inner - cell) & (radii < outer + cell))
        found.append(slice(int(near[0]), int(near[-1]) + 1) if near.size else slice(radii.size - 1, radii.size))
    return found


def _of_gas(heights: Float64) -> Float64:
    """Return how much heights matter for gas."""
    return np.exp2(-((heights / _GAS_HEIGHT) ** 2)) + _LEAST


def nuclei_geometry(settings: GridSettings) -> DiscSight:
    """Compute geometry and patterns of nuclei: seconds to tens of seconds."""
    transport, sight = settings.transport, settings.line_of_sight

    def density(slope: float, height: float) -> Float64:
        return relative_density(
            settings.rigidities, sight.heights, delta_slope=slope, halo_height=height, settings=transport
        )

    parts = _parts(transport.radii)
    patterns = density_patterns(
        density, settings.axes, parts, [_TOLERANCE] * len(parts), [_of_gas(sight.heights)] * len(parts)
    )
    rings = ring_sight(
        gas_columns(settings.gas_model),
        transport.radii,
        patterns.shapes,
        disc_radius=transport.disc_radius,
        settings=sight,
    )
    return DiscSight(rings, tuple(one.shape[1] for one in patterns.shapes), patterns.coefficients, _matrix(settings))


def electron_geometry(settings: GridSettings) -> tuple[DiscSight, HaloSight]:
    """Compute geometry and patterns of electrons, on gas and on radiation; the settings must have electrons."""
    electrons = settings.electrons
    if electrons is None:
        raise ValueError("settings without electrons")
    heights = lepton_heights(settings.highest_halo)
    solver = ElectronSolver.create(electrons, settings.transport, heights)
    sight = dataclasses.replace(settings.line_of_sight, heights=heights)
    rim = settings.transport.disc_radius
    everywhere = slice(0, solver.radii.size)
    parts = _parts(solver.radii)
    patterns = density_patterns(
        solver.relative_density,
        settings.axes,
        [*parts, everywhere],
        [*[_OF_ELECTRONS] * len(parts), _IN_HALO],
        [*[_of_gas(heights)] * len(parts), np.ones(heights.size)],
    )
    *in_rings, in_halo = patterns.shapes
    rings = ring_sight(
        gas_columns(settings.gas_model), solver.radii, in_rings, disc_radius=rim, settings=sight, ionised=False
    )
    scaling = field_scaling(solver.radii, heights, electrons.radiation_field)
    scaled = (scaling.reshape(len(scaling), -1, 1) * in_halo).swapaxes(0, 1).reshape(len(in_halo), -1)
    matrix, cells = halo_sight(solver.radii, scaled, disc_radius=rim, settings=sight)
    n_gas = patterns.coefficients.shape[-1] - in_halo.shape[1]
    disc = DiscSight(
        rings, tuple(one.shape[1] for one in in_rings), patterns.coefficients[..., :n_gas], _matrix(settings)
    )
    cells = cells.reshape(*cells.shape[:2], len(scaling), -1)
    return disc, HaloSight(cells, patterns.coefficients[..., n_gas:], matrix)


def _matrix(settings: GridSettings) -> Float64:
    """Return the matrix [absorption node, transmission] of lines of sight through gas."""
    sight = settings.line_of_sight
    distance = np.arange(sight.step / 2, sight.sun_radius + settings.transport.disc_radius, sight.step)
    return transmissions(distance)[0]
