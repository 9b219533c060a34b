"""What every direction of the sky receives from every ring of the Galaxy, per unit of a few patterns of cosmic rays.

Maps of the sky need the geometry of tens of thousands of directions. Within one ring the density of cosmic rays is, for
all parameters of transport and all rigidities, a combination of about ten patterns in (R, z). So each direction and
ring is integrated once over each pattern; neither gas columns nor cosmic rays enter, and whatever they are, a map is a
product of small matrices. Attenuation on the CMB enters through a few functions of distance whose combinations give the
transmission at every absorption node. The directions are the centres of the gas pixels, folded onto one quadrant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_array

from crsea_infer.physics.constants import CENTIMETRES_PER_KILOPARSEC
from crsea_infer.physics.gas import RING_EDGES
from crsea_infer.physics.gas_groups import GAS_GROUPS, ionised_density
from crsea_infer.physics.geometry import SightLines, absorption_nodes, bilinear_nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.physics.gas import GasColumns
    from crsea_infer.physics.geometry import LineOfSight
    from crsea_infer.support.arrays import Float64

__all__ = ["GAS_KINDS", "N_TRANSMISSIONS", "STRETCHES", "RingSight", "group_places", "ring_sight", "transmissions"]

GAS_KINDS: Final = ("HI", "H2", "HII")
"""Kinds of gas, in the order of the arrays; the last has no rings, and its share is a column in cm^-2."""

STRETCHES: Final = tuple(sorted({edge for edges in RING_EDGES.values() for edge in edges}))
"""Edges of the stretches of Galactocentric radius, kpc: those of the rings of all kinds of gas."""

N_TRANSMISSIONS: Final = 6
"""Functions of distance that combine to the transmission at the absorption nodes, to 1e-5."""

_NEGLIGIBLE: Final = np.array([1e-9, 1e-9, 1e-6])[:, None, None]  # shares of a ring's column; ionised gas, cm^-3


@dataclass(frozen=True)
class RingSight:
    """What directions receive from stretches of the Galaxy.

    Attributes
    ----------
    of_pixel
        Direction of each gas pixel, shape [pixel].
    direction, stretch
        Of each pair that has gas or may have it, shape [pair].
    received
        Sum over the points of the pair of (share of the ring's column) x (function of distance) x (pattern), shape
        [pair, kind, transmission, pattern]; single precision.
    """

    of_pixel: np.typing.NDArray[np.int64]
    direction: np.typing.NDArray[np.int64]
    stretch: np.typing.NDArray[np.int64]
    received: np.typing.NDArray[np.float32]

    def columns(self, gas: GasColumns, x_co: tuple[float, ...]) -> list[csr_array]:
        """Return for each kind of gas the sparse matrix [pixel, pair] of columns, cm^-2.

        Parameters
        ----------
        gas
            Columns of each ring and pixel, of the same pixels.
        x_co
            Per ring, cm^-2.
        """
        order = np.argsort(self.direction, kind="stable")
        starts = np.searchsorted(self.direction[order], np.arange(int(self.direction.max()) + 2))
        counts = np.diff(starts)[self.of_pixel]
        rows = np.repeat(np.arange(self.of_pixel.size), counts)
        within = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
        pairs = order[starts[self.of_pixel][rows] + within]
        found = []
        shape = self.of_pixel.size, self.stretch.size
        for kind in GAS_KINDS:
            if kind == "HII":
                found.append(csr_array((np.ones(rows.size), (rows, pairs)), shape=shape))
                continue
            ring = _rings(kind)[self.stretch[pairs]]
            values = np.where(ring >= 0, gas.column(kind, x_co)[np.maximum(ring, 0), rows], 0.0)
            kept = values > 0.0
            found.append(csr_array((values[kept], (rows[kept], pairs[kept])), shape=shape))
        return found


def _rings(kind: str) -> np.typing.NDArray[np.int64]:
    """Return the ring of each stretch, -1 where the kind of gas has none."""
    edges = np.asarray(RING_EDGES[kind])
    middle = (np.asarray(STRETCHES[1:]) + np.asarray(STRETCHES[:-1])) / 2.0
    ring = np.searchsorted(edges, middle, side="right") - 1
    return np.where(ring < edges.size - 1, ring, -1)


def group_places() -> np.typing.NDArray[np.int64]:
    """Return the place among the groups of gas of each kind and stretch [kind, stretch]; -1 where there is none."""
    places = np.full((len(GAS_KINDS), len(STRETCHES) - 1), -1)
    for number, group in enumerate(GAS_GROUPS):
        row = GAS_KINDS.index(group.component)
        if group.component == "HII":
            places[row] = number
        else:
            ring = _rings(group.component)
            places[row, (ring >= group.rings.start) & (ring < group.rings.stop)] = number
    return places


def transmissions(distance: Float64) -> tuple[Float64, Float64]:
    """Return matrix and functions whose product [absorption node, transmission] [transmission, point] attenuates.

    Parameters
    ----------
    distance
        kpc, shape [point].
    """
    left, singular, right = np.linalg.svd(np.exp(-np.outer(absorption_nodes(), distance)), full_matrices=False)
    n = N_TRANSMISSIONS
    return np.asarray(left[:, :n] * singular[:n]), np.asarray(right[:n])


def ring_sight(
    gas: GasColumns,
    radii: Float64,
    patterns: Sequence[Float64],
    *,
    disc_radius: float,
    settings: LineOfSight,
    ionised: bool = True,
) -> RingSight:
    """Integrate along the lines of sight of all gas pixels.

    Parameters
    ----------
    gas
        Pixels, and the profile within rings.
    radii
        Galactocentric radii of the nodes of patterns, evenly spaced, kpc, shape [n_radial].
    patterns
        For each stretch its patterns at the nodes, ordered as (R, z), shape [n_radial * n_z, pattern].
    disc_radius
        Radius beyond which there are no cosmic rays, kpc.
    settings
        Numerics, heights of the nodes.
    ionised
        Whether ionised gas is among the kinds; without it the last kind is left out.
    """
    sight = SightLines.of((), disc_radius, settings)
    functions = transmissions(sight.distance)[1]
    n_patterns = max(one.shape[1] for one in patterns)
    of_pixel = np.full(gas.longitude.size, -1)
    places: list[tuple[int, int]] = []
    received: list[Float64] = []
    first = 0
    for row in sight.rows(gas, np.ones((1, gas.longitude.size))):
        of_pixel[row.pixels] = first + row.inverse
        shares = [row.ring_shares(kind)[0] for kind in GAS_KINDS[:2]]
        path = settings.step * CENTIMETRES_PER_KILOPARSEC
        if ionised:
            shares.append(ionised_density(row.radius, row.height) * (row.radius < disc_radius))
        stacked = np.stack(shares)  # [kind, longitude, point]
        stretch = np.searchsorted(np.asarray(STRETCHES), row.radius, side="right") - 1
        needed = (stacked > _NEGLIGIBLE[: len(shares)]).any(axis=0)
        stacked[2:] *= path
        for number, own in enumerate(patterns):
            chosen = needed & (stretch == number)
            longitude, point = np.nonzero(chosen)
            if not longitude.size:
                continue
            matrix = bilinear_nodes(radii, settings.heights, row.radius[chosen], row.height[chosen])
            values = matrix.T @ own  # [point, pattern]
            weights = stacked[:, None, chosen] * functions[None, :, point]  # [kind, transmission, point]
            starts = np.flatnonzero(np.diff(longitude, prepend=-1))
            for start, stop in zip(starts, [*starts[1:], longitude.size], strict=True):
                found = np.zeros((len(shares), N_TRANSMISSIONS, n_patterns), dtype=np.float32)
                found[..., : own.shape[1]] = weights[..., start:stop] @ values[start:stop]
                places.append((first + int(longitude[start]), number))
                received.append(found)
        first += len(row.radius)
    at = np.asarray(places, dtype=np.int64).reshape(-1, 2)
    return RingSight(of_pixel, at[:, 0], at[:, 1], np.asarray(received, dtype=np.float32))
