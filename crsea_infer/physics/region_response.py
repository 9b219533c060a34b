"""What a region receives per unit of local cosmic-ray spectrum, for one point of transport parameters.

The response of a region is its effective column: the mean gas column weighted by the cosmic-ray density relative to the
Sun, at a few nodes of rigidity and of the absorption coefficient. Everything downstream (grid, emulator, exact sky) is
built from this one function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.physics.gas import GasColumns, load_gas
from crsea_infer.physics.geometry import LineOfSight, group_weights, region_weights
from crsea_infer.physics.transport import TransportSettings, relative_density

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

__all__ = ["RIGIDITY_RANGE", "GroupSolver", "ResponseSolver", "rigidity_nodes"]

RIGIDITY_RANGE = (1.0, 1.0e9)
"""Rigidities covered by responses, GV."""


def rigidity_nodes(n: int, bounds: tuple[float, float] = RIGIDITY_RANGE) -> Float64:
    """Return n Chebyshev (Gauss) nodes in the logarithm of rigidity, GV, ascending."""
    unit = -np.cos(np.pi * (np.arange(n) + 0.5) / n)
    low, high = np.log(bounds)
    return np.asarray(np.exp((low + high) / 2 + (high - low) / 2 * unit))


@dataclass(frozen=True)
class ResponseSolver:
    """The transport solver seen through the eyes of some sky regions.

    Attributes
    ----------
    weights
        Shape [region, component, absorption node, n_radial * n_z].
    heights
        Heights of the nodes, kpc.
    rigidities
        Nodes of rigidity, GV, shape [n_rigidity].
    transport
        Sources, geometry and numerics of transport.
    """

    weights: Float64
    heights: Float64
    rigidities: Float64
    transport: TransportSettings

    @classmethod
    def for_regions(
        cls,
        regions: Sequence[Region],
        *,
        rigidities: Float64,
        transport: TransportSettings,
        line_of_sight: LineOfSight,
        gas: GasColumns | None = None,
    ) -> ResponseSolver:
        """Compute the geometry of the regions; `gas` defaults to the table shipped with the package."""
        weights = region_weights(
            regions,
            load_gas() if gas is None else gas,
            transport.radii,
            disc_radius=transport.disc_radius,
            settings=line_of_sight,
        )
        return cls(weights.reshape(*weights.shape[:3], -1), line_of_sight.heights, rigidities, transport)

    def __call__(self, delta_slope: float, halo_height: float) -> Float64:
        """Return effective columns in hydrogen atoms cm^-2, shape [region, component, absorption, rigidity].

        Parameters
        ----------
        delta_slope
            Slope of the exponent of diffusion inside the saturation radius, 1/kpc.
        halo_height
            kpc.
        """
        density = relative_density(
            self.rigidities, self.heights, delta_slope=delta_slope, halo_height=halo_height, settings=self.transport
        )
        # one product for all regions, components and absorption nodes
        places = self.weights.shape[-1]
        received = self.weights.reshape(-1, places) @ density.reshape(-1, places).T
        return np.asarray(received.reshape(*self.weights.shape[:-1], -1))


@dataclass(frozen=True)
class GroupSolver:
    """The same for each group of gas, which sees a part of the disc alone.

    Attributes
    ----------
    weights
        Of each group [region, absorption node, places].
    places
        Which of the n_radial * n_z places these are.
    heights, rigidities, transport
        As in :class:`ResponseSolver`.
    """

    weights: tuple[Float64, ...]
    places: tuple[slice, ...]
    heights: Float64
    rigidities: Float64
    transport: TransportSettings

    @classmethod
    def for_regions(
        cls,
        regions: Sequence[Region],
        *,
        rigidities: Float64,
        transport: TransportSettings,
        line_of_sight: LineOfSight,
        gas: GasColumns | None = None,
    ) -> GroupSolver:
        """Compute the geometry of the regions; `gas` defaults to the table shipped with the package."""
        everywhere = group_weights(
            regions,
            load_gas() if gas is None else gas,
            transport.radii,
            disc_radius=transport.disc_radius,
            settings=line_of_sight,
        )
        weights, places = [], []
        for group in range(everywhere.shape[1]):
            own = everywhere[:, group].reshape(*everywhere.shape[:1], everywhere.shape[2], -1)
            seen = np.flatnonzero(own.any(axis=(0, 1)))
            part = slice(int(seen[0]), int(seen[-1]) + 1) if seen.size else slice(0, 1)
            weights.append(np.ascontiguousarray(own[..., part]))
            places.append(part)
        return cls(tuple(weights), tuple(places), line_of_sight.heights, rigidities, transport)

    def __call__(self, delta_slope: float, halo_height: float) -> Float64:
        """Return effective columns in hydrogen atoms cm^-2, shape [region, group, absorption, rigidity]."""
        density = relative_density(
            self.rigidities, self.heights, delta_slope=delta_slope, halo_height=halo_height, settings=self.transport
        )
        flat = density.reshape(len(density), -1).T
        return np.stack([own @ flat[part] for own, part in zip(self.weights, self.places, strict=True)], axis=1)
