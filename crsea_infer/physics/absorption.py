"""Absorption of gamma rays on the cosmic microwave background by pair production.

The CMB is the same everywhere, so the optical depth of a line of sight is its length times one absorption coefficient
that depends on energy only (Gould and Schreder 1967, Phys. Rev. 155, 1404; cross-section of Breit and Wheeler 1934).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.constants import (
    BOLTZMANN,
    CENTIMETRES_PER_KILOPARSEC,
    CMB_TEMPERATURE,
    ELECTRON_MASS,
    HBAR_C,
    THOMSON_CROSS_SECTION,
)

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["MAXIMUM_COEFFICIENT", "REFERENCES", "breit_wheeler", "cmb_absorption_coefficient"]

REFERENCES: Final = ("doi:10.1103/PhysRev.155.1404",)
"""To cite."""

MAXIMUM_COEFFICIENT: Final = 0.16
"""Upper bound of the coefficient at any energy, 1/kpc: it peaks at 0.145 per kpc near 2.2 PeV."""


def breit_wheeler(invariant: Float64) -> Float64:
    """Return the pair-production cross-section in cm2 at s / (4 m_e^2) = `invariant` (zero below threshold, 1)."""
    s = np.maximum(invariant, 1.0)
    beta = np.minimum(np.sqrt(1.0 - 1.0 / s), 1.0 - 1e-15)
    bracket = (3.0 - beta**4) * np.log((1.0 + beta) / (1.0 - beta)) - 2.0 * beta * (2.0 - beta**2)
    return np.asarray(3.0 / 16.0 * THOMSON_CROSS_SECTION * (1.0 - beta**2) * bracket)


def cmb_absorption_coefficient(energies: Float64, temperature: float = CMB_TEMPERATURE) -> Float64:
    """Return the absorption coefficient of gamma rays on a black body, in 1/kpc.

    Parameters
    ----------
    energies
        Gamma-ray energies, GeV, any shape.
    temperature
        Temperature of the radiation, K.
    """
    energy = np.asarray(energies, dtype=float)[..., None]
    thermal = BOLTZMANN * temperature
    photon = np.geomspace(1e-4, 60.0, 900) * thermal
    density = (photon / HBAR_C) ** 2 / (np.pi**2 * HBAR_C * np.expm1(photon / thermal))  # per GeV per cm3
    head_on = energy * photon / ELECTRON_MASS**2
    # mean over isotropic directions: (2 / s0^2) times the integral of s sigma(s) ds from 1 to s0
    grid = np.geomspace(1.0, 1e8, 20001)
    integrand = grid**2 * breit_wheeler(grid)
    step = np.log(grid[1] / grid[0])
    cumulative = np.concatenate([[0.0], np.cumsum((integrand[1:] + integrand[:-1]) / 2) * step])
    mean = 2.0 / np.maximum(head_on, 1.0) ** 2 * np.interp(np.log(np.maximum(head_on, 1.0)), np.log(grid), cumulative)
    return np.asarray(np.trapezoid(density * mean * photon, np.log(photon), axis=-1) * CENTIMETRES_PER_KILOPARSEC)
