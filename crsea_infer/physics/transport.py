"""Steady-state diffusion of cosmic-ray nuclei in an axisymmetric Galaxy.

For each rigidity the density f obeys div(D grad f) + q = 0 with free escape at abs(z) = halo height and at the rim of
the disc. The diffusion coefficient D = D0 (rigidity / 4 GV)^delta(R), with delta(R) rising linearly (slope
`delta_slope`) out to the Sun and constant beyond, does not depend on z, so f is expanded in cosines of z and every
mode becomes one tridiagonal system in R (finite volumes, symmetric positive definite). High modes are local: their
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
from crsea_infer.physics.sources import Layer, source_layers

if TYPE_CHECKING:
    from crsea_infer.arrays import Float64

__all__ = ["REFERENCE_RIGIDITY", "TransportSettings", "relative_density", "solve_tridiagonal"]

REFERENCE_RIGIDITY: Final = 4.0
"""Rigidity in GV at which D = D0 everywhere (DRAGON2 convention)."""


@dataclass(frozen=True)
class TransportSettings:
    """Physics and numerics of the transport stage.

    Attributes
    ----------
    sources
        Name of the source distribution.
    sun_radius
        Galactocentric radius of the Sun, kpc; delta(R) is constant beyond it.
    disc_radius
        Radius of free escape, kpc.
    n_radial
        Number of radial cells.
    n_modes
        Number of cosine modes that are solved; the others enter through the slab solution.
    """

    sources: str = "ferriere"
    sun_radius: float = SUN_RADIUS
    disc_radius: float = 20.0
    n_radial: int = 400
    n_modes: int = 18

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
    coupling = np.array(off_diagonal, dtype=float)
    coupling[..., -1] = 0.0
    # flatten() copies, so LAPACK may work in place
    _, _, solution, info = dptsv(
        diagonal.flatten(),
        coupling.ravel()[:-1],
        right_hand_side.flatten(),
        overwrite_d=1,
        overwrite_e=1,
        overwrite_b=1,
    )
    if info != 0:
        raise ArithmeticError(f"the diffusion matrix is not positive definite (row {info})")
    return np.asarray(solution).reshape(diagonal.shape)


def _at_sun(radii: Float64, values: Float64, sun_radius: float) -> Float64:
    """Interpolate values[..., R] to the Sun's radius by the cubic through the four nearest cells."""
    first = int(np.searchsorted(radii, sun_radius)) - 2
    nodes = radii[first : first + 4]
    weights = [np.prod([(sun_radius - nodes[k]) / (nodes[j] - nodes[k]) for k in range(4) if k != j]) for j in range(4)]
    return np.asarray(values[..., first : first + 4] @ np.array(weights))


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
        Slope of delta(R) inside the solar circle, 1/kpc.
    halo_height
        Half-thickness of the diffusive halo, kpc.
    settings
        Sources, geometry and numerics.

    Returns
    -------
    Float64
        Shape [n_rigidity, n_radial, n_z], at the cell centres `settings.radii`.
    """
    n = settings.n_radial
    cell = settings.disc_radius / n
    edges = np.asarray(np.arange(n + 1) * cell, dtype=np.float64)
    radii = settings.radii
    log_rigidity = np.log(np.asarray(rigidities) / REFERENCE_RIGIDITY)[:, None]

    def diffusion(radius: Float64) -> Float64:
        return np.exp(delta_slope * (np.minimum(radius, settings.sun_radius) - settings.sun_radius) * log_rigidity)

    diffusion_cell = diffusion(radii)  # [rigidity, R]
    flux = edges * diffusion(edges) / cell  # conductance through each face times R
    flux[:, -1] *= 2.0  # free escape: the density vanishes half a cell beyond the last centre
    volume = radii * cell
    wave_numbers = np.asarray((np.arange(settings.n_modes) + 0.5) * np.pi / halo_height, dtype=np.float64)
    layers = source_layers(settings.sources)
    radial = [np.asarray(layer.radial(radii), dtype=float) for layer in layers]
    # [mode, R]
    source = np.sum(
        [
            np.outer(layer.vertical.cosine_coefficients(wave_numbers, halo_height), surface)
            for layer, surface in zip(layers, radial, strict=True)
        ],
        axis=0,
    )
    decay = diffusion_cell[:, None, :] * wave_numbers[:, None] ** 2  # [rigidity, mode, R]
    diagonal = (flux[:, :-1] + flux[:, 1:])[:, None, :] + decay * volume
    off_diagonal = np.broadcast_to(-flux[:, None, 1:], diagonal.shape)
    right_hand_side = np.broadcast_to(source * volume, diagonal.shape)
    modes = solve_tridiagonal(diagonal, off_diagonal, right_hand_side) - source / decay

    inside = np.minimum(np.abs(heights), halo_height)
    cosines = np.cos(np.outer(wave_numbers, inside))
    slab = np.sum(
        [
            surface[:, None] * layer.vertical.slab_solution(inside, halo_height)
            for layer, surface in zip(layers, radial, strict=True)
        ],
        axis=0,
    )  # [R, z]
    density = np.swapaxes(modes, 1, 2) @ cosines + slab / diffusion_cell[:, :, None]
    # a finite sum of modes leaves -1e-6 of round-off where the exact density is zero
    density = np.where(np.abs(heights) < halo_height, np.maximum(density, 0.0), 0.0)
    plane = modes.sum(axis=1) + _slab_at_plane(layers, radial, halo_height) / diffusion_cell
    sun = _at_sun(radii, plane, settings.sun_radius)
    return np.asarray(density / sun[:, None, None])


def _slab_at_plane(layers: tuple[Layer, ...], radial: list[Float64], halo_height: float) -> Float64:
    origin = np.zeros(1)
    total = np.zeros_like(radial[0])
    for layer, surface in zip(layers, radial, strict=True):
        total = total + surface * layer.vertical.slab_solution(origin, halo_height)
    return total
