"""Few patterns in (R, z) that combine to the density of cosmic rays for all parameters of transport.

The density relative to the Sun is a smooth function of two parameters and of rigidity, so within a stretch of the disc
about ten patterns span it to 1e-5. They are found from part of the design of a grid; the weights of each pattern, which
are smooth functions of the parameters too, are interpolated through the whole design, as responses are.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.emulator.response.chebyshev import chebyshev_polynomials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crsea_infer.grids.response_grid import Axis
    from crsea_infer.support.arrays import Float64

__all__ = ["Patterns", "density_patterns"]

_EVERY: Final = 3  # node of each axis, beside its last, serves to find patterns, at every second energy


@dataclass(frozen=True)
class Patterns:
    """Patterns of some parts of the Galaxy, and their weights.

    Attributes
    ----------
    shapes
        Of each part the patterns at all nodes, zero outside the part, shape [node, pattern].
    coefficients
        Chebyshev coefficients of the weights, patterns of all parts one after the other, shape [term, energy,
        pattern]; energies are rigidities for nuclei.
    """

    shapes: tuple[Float64, ...]
    coefficients: Float64


def density_patterns(
    density: Callable[[float, float], Float64],
    axes: Sequence[Axis],
    parts: Sequence[slice],
    tolerances: Sequence[float],
    importance: Sequence[Float64],
) -> Patterns:
    """Find patterns and their weights.

    Parameters
    ----------
    density
        From delta_slope and halo_height to the density relative to the Sun [energy, n_radial, n_z].
    axes
        Design of the grid.
    parts
        Which radial nodes belong to each part; they may overlap.
    tolerances
        Of each part what is left out, relative to the largest.
    importance
        Of each part how much the heights matter, above 0, shape [n_z]: that of the matter there.
    """
    slope, height = (next(axis for axis in axes if axis.name == name) for name in ("delta_slope", "halo_height"))
    some = [axis.nodes[sorted({*range(0, axis.n_nodes, _EVERY), axis.n_nodes - 1})] for axis in (slope, height)]
    found: list[list[Float64]] = [[] for _ in parts]
    for a, h in itertools.product(*some):
        known = density(float(a), float(h))
        for own, part, weight in zip(found, parts, importance, strict=True):
            own.append((known[::2, part] * weight).reshape(len(known[::2]), -1))
    n_radial, n_z = known.shape[1:]
    shapes, duals = [], []
    for own, part, tolerance, weight in zip(found, parts, tolerances, importance, strict=True):
        rows = np.concatenate(own)
        rows = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-300)
        values, vectors = np.linalg.eigh(rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows)
        singular = np.sqrt(np.maximum(values[::-1], 0.0))
        kept = max(1, int(np.sum(singular > tolerance * singular[0])))
        directions = vectors[:, ::-1][:, :kept]
        if len(rows) < rows.shape[1]:
            directions = np.linalg.qr(rows.T @ directions)[0]
        local = directions.reshape(-1, n_z, kept)
        whole = np.zeros((n_radial, n_z, kept))
        whole[part] = local / weight[:, None]
        shapes.append(whole.reshape(-1, kept))
        duals.append((local * weight[:, None]).reshape(-1, kept))
    weights = []
    for point in itertools.product(*(axis.nodes for axis in axes)):
        named = {axis.name: float(value) for axis, value in zip(axes, point, strict=True)}
        known = density(named["delta_slope"], named["halo_height"])
        parts_of = [known[:, part].reshape(len(known), -1) @ dual for part, dual in zip(parts, duals, strict=True)]
        weights.append(np.concatenate(parts_of, axis=-1))
    return Patterns(tuple(shapes), _through(np.stack(weights), axes))


def _through(outputs: Float64, axes: Sequence[Axis]) -> Float64:
    """Return the Chebyshev coefficients [term, ...] of what goes through outputs [point, ...]."""
    table = outputs.reshape(*(axis.n_nodes for axis in axes), -1)
    for i, axis in enumerate(axes):
        unit = -np.cos(np.pi * (np.arange(axis.n_nodes) + 0.5) / axis.n_nodes)
        inverse = np.linalg.inv(chebyshev_polynomials(unit, axis.n_nodes))
        table = np.moveaxis(np.tensordot(inverse, table, axes=(1, i)), 0, i)
    return np.ascontiguousarray(table.reshape(-1, *outputs.shape[1:]))
