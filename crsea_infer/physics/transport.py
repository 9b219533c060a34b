"""Steady-state diffusion of cosmic-ray nuclei in an axisymmetric Galaxy.

For each rigidity the density f obeys div(D grad f) + q = 0 with free escape at abs(z) = halo height and at the rim of
the disc. The diffusion coefficient D = D0 (rigidity / 4 GV)^delta(R), with delta(R) rising linearly (slope
`delta_slope`) out to the radius of saturation (that of the Sun unless chosen) and constant beyond, does not depend on
z, so f is expanded in cosines of z and every mode becomes one tridiagonal system in R (finite volumes, symmetric
positive definite). High modes are local: their
sum is known in closed form as the solution of a slab. Only the residual between the two needs summing, and 18 modes
give 1e-4.

Without energy losses D0 and delta(R_sun) multiply every f by the same factor and cancel in f / f(Sun): the result
depends on `delta_slope`, `halo_height` and rigidity alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg.lapack import dptsv

from crsea_infer.physics.constants import SUN_RADIUS
from crsea_infer.physics.sources import source_layers
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = [
    "DELTA_SLOPES",
    "HALO_HEIGHTS",
    "LARGEST_RIM",
    "REFERENCE_RIGIDITY",
    "TransportSettings",
    "relative_density",
    "solve_tridiagonal",
]

REFERENCE_RIGIDITY: Final = 4.0
"""Rigidity in GV at which D = D0 everywhere (DRAGON2 convention)."""

LARGEST_RIM: Final = 100.0
"""kpc: a rim farther out is no rim."""

HALO_HEIGHTS: Final = (1.0, 30.0)
"""Halo heights that the numerics are made for, kpc: above the discs of sources and gas, and with modes enough."""

DELTA_SLOPES: Final = (-0.2, 0.3)
"""Slopes of delta(R) that the numerics are made for, 1/kpc."""

_ROOM: Final = 1.0  # kpc between the Sun and the rim: the density at the Sun is what everything is relative to


@dataclass(frozen=True)
class TransportSettings:
    """Physics and numerics of the transport stage.

    Attributes
    ----------
    sources
        Name of the source distribution.
    sun_radius
        Galactocentric radius of the Sun, kpc.
    disc_radius
        The rim: radius of free escape, kpc.
    saturation_radius
        Radius beyond which delta(R) is constant, kpc; None for that of the Sun.
    n_radial
        Number of radial cells.
    n_modes
        Number of cosine modes that are solved; the others enter through the slab solution.

    Raises
    ------
    UserError
        When the sources are not known, the Sun does not lie inside the rim, or delta(R) does not saturate inside it.
    """

    sources: str = "ferriere"
    sun_radius: float = SUN_RADIUS
    disc_radius: float = 20.0
    saturation_radius: float | None = None
    n_radial: int = 400
    n_modes: int = 18

    def __post_init__(self) -> None:
        """Refuse a Galaxy that cannot be."""
        source_layers(self.sources)
        if not self.sun_radius > 0.0:
            raise UserError(f"the Sun at {self.sun_radius:g} kpc", valid="a distance from the Galactic centre above 0")
        if not self.sun_radius + _ROOM <= self.disc_radius <= LARGEST_RIM:
            raise UserError(
                f"the rim at {self.disc_radius:g} kpc, with the Sun at {self.sun_radius:g} kpc",
                valid=f"a rim from {self.sun_radius + _ROOM:g} to {LARGEST_RIM:g} kpc",
            )
        if self.saturation_radius is not None and not 0.0 < self.saturation_radius <= self.disc_radius:
            raise UserError(
                f"delta(R) constant beyond {self.saturation_radius:g} kpc, with the rim at {self.disc_radius:g} kpc",
                valid="a saturation radius above 0, and not beyond the rim",
            )
        # the cubic through the four cells nearest the Sun
        if self.n_modes < 1 or not 2.0 * self.disc_radius / self.n_radial <= min(self.sun_radius, _ROOM):
            raise UserError(
                f"{self.n_radial} radial cells and {self.n_modes} modes for a disc of {self.disc_radius:g} kpc",
                valid=f"one mode at least, and cells of at most {min(self.sun_radius, _ROOM) / 2:g} kpc",
            )

    @property
    def saturation(self) -> float:
        """Radius beyond which delta(R) is constant, kpc."""
        return self.sun_radius if self.saturation_radius is None else self.saturation_radius

    def delta_from_sun(self, radius: Float64, delta_slope: float) -> Float64:
        """Return delta(R) - delta(R_sun) at radii in kpc, for a slope in 1/kpc: linear out to the saturation radius."""
        rise = np.minimum(radius, self.saturation) - min(self.sun_radius, self.saturation)
        return np.asarray(delta_slope * rise)

    @property
    def radii(self) -> Float64:
        """Centres of the radial cells in kpc, shape [n_radial]."""
        return np.asarray((np.arange(self.n_radial) + 0.5) * (self.disc_radius / self.n_radial), dtype=np.float64)


def solve_tridiagonal(diagonal: Float64, off_diagonal: Float64, right_hand_side: Float64) -> Float64:
    """Solve many symmetric positive-definite tridiagonal systems at once.

    Parameters
    ----------
    diagonal, right_hand_side
        Shape [..., n].
    off_diagonal
        Shape [..., n]: entry i couples unknowns i and i + 1; the last entry of each system is not used.

    Returns
    -------
    Float64
        The solutions, shape [..., n].

    Notes
    -----
    The systems are laid end to end with zero coupling and factorised in one LAPACK call.
    """
    solution = np.array(right_hand_side, dtype=float)
    _solve_in_place(np.array(diagonal, dtype=float), np.array(off_diagonal, dtype=float), solution)
    return solution


def _solve_in_place(diagonal: Float64, off_diagonal: Float64, solution: Float64) -> None:
    """Do the work of :func:`solve_tridiagonal` on contiguous arrays that may be overwritten.

    `solution` holds the right-hand sides before and the solutions after.
    """
    off_diagonal[..., -1] = 0.0
    # views of one dimension: LAPACK overwrites the arrays themselves
    _, _, flat, info = dptsv(
        diagonal.reshape(-1),
        off_diagonal.reshape(-1)[:-1],
        solution.reshape(-1),
        overwrite_d=1,
        overwrite_e=1,
        overwrite_b=1,
    )
    if info != 0:
        raise ArithmeticError(f"the diffusion matrix is not positive definite (row {info})")
    if not np.shares_memory(flat, solution):
        solution[...] = flat.reshape(solution.shape)


def _sun_weights(radii: Float64, sun_radius: float) -> tuple[slice, Float64]:
    """Return the four cells nearest the Sun and the weights of the cubic through them there."""
    first = int(np.searchsorted(radii, sun_radius)) - 2
    near = slice(first, first + 4)
    nodes = radii[near]
    weights = [np.prod([(sun_radius - nodes[k]) / (nodes[j] - nodes[k]) for k in range(4) if k != j]) for j in range(4)]
    return near, np.array(weights)


def relative_density(
    rigidities: Float64, heights: Float64, *, delta_slope: float, halo_height: float, settings: TransportSettings
) -> Float64:
    """Return the cosmic-ray density relative to the Sun, f(R, z) / f(R_sun, 0), at each rigidity.

    Parameters
    ----------
    rigidities
        GV, shape [n_rigidity].
    heights
        Heights above the plane, kpc, shape [n_z]; the density is zero at and above the halo height.
    delta_slope
        Slope of delta(R) inside the saturation radius, 1/kpc.
    halo_height
        Half-thickness of the diffusive halo, kpc.
    settings
        Sources, geometry and numerics.

    Returns
    -------
    Float64
        Shape [n_rigidity, n_radial, n_z], at the cell centres `settings.radii`.
    """
    n, n_modes = settings.n_radial, settings.n_modes
    cell = settings.disc_radius / n
    edges = np.asarray(np.arange(n + 1) * cell, dtype=np.float64)
    radii = settings.radii
    log_rigidity = np.log(np.asarray(rigidities) / REFERENCE_RIGIDITY)[:, None]

    def diffusion(radius: Float64) -> Float64:
        return np.exp(settings.delta_from_sun(radius, delta_slope) * log_rigidity)

    diffusion_cell = diffusion(radii)  # [rigidity, R]
    flux = edges * diffusion(edges) / cell  # conductance through each face times R
    flux[:, -1] *= 2.0  # free escape: the density vanishes half a cell beyond the last centre
    volume = radii * cell
    wave_numbers = np.asarray((np.arange(n_modes) + 0.5) * np.pi / halo_height, dtype=np.float64)
    squares = wave_numbers[:, None] ** 2
    layers = source_layers(settings.sources)
    surface = np.stack([np.asarray(layer.radial(radii), dtype=float) for layer in layers])  # [layer, R]
    coefficients = [layer.vertical.cosine_coefficients(wave_numbers, halo_height) for layer in layers]
    source = np.stack(coefficients, axis=1) @ surface  # [mode, R]

    # large arrays are filled in place, because fresh memory costs as much as the arithmetic
    shape = (log_rigidity.size, n_modes, n)
    diagonal, coupling, solution = np.empty(shape), np.empty(shape), np.empty(shape)
    np.multiply((diffusion_cell * volume)[:, None, :], squares, out=diagonal)
    diagonal += (flux[:, :-1] + flux[:, 1:])[:, None, :]
    coupling[:] = -flux[:, None, 1:]
    solution[:] = source * volume
    _solve_in_place(diagonal, coupling, solution)

    # f(R, z) is a sum over modes, of what they have beyond their local part, and over the slabs of the layers
    resistance = 1.0 / diffusion_cell[:, None, :]
    radial = np.empty((log_rigidity.size, n_modes + len(layers), n))
    np.multiply(source / squares, resistance, out=radial[:, :n_modes])
    np.subtract(solution, radial[:, :n_modes], out=radial[:, :n_modes])
    np.multiply(surface, resistance, out=radial[:, n_modes:])
    in_plane_too = np.append(np.minimum(np.abs(heights), halo_height), 0.0)
    vertical = np.concatenate(
        [np.cos(np.outer(wave_numbers, in_plane_too))]
        + [layer.vertical.slab_solution(in_plane_too, halo_height)[None] for layer in layers]
    )
    near, weights = _sun_weights(radii, settings.sun_radius)
    sun = (vertical[:, -1] @ radial[:, :, near]) @ weights
    density = np.swapaxes(radial, 1, 2) @ (vertical[:, :-1] / sun[:, None, None])
    # a finite sum of modes leaves -1e-6 of round-off where the exact density is zero
    np.maximum(density, 0.0, out=density)
    density[..., np.abs(heights) >= halo_height] = 0.0
    return np.asarray(density)
