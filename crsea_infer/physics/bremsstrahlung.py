"""Bremsstrahlung of relativistic electrons in neutral interstellar gas.

The cross-section is that of Blumenthal and Gould 1970 (Rev. Mod. Phys. 42, 237, eqs. 3.1-3.4) in the limit of strong
shielding, which holds for electrons above about 0.2 GeV. Ionised gas, a few per cent of the column, is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.constants import HELIUM_TO_HYDROGEN

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["atomic_cross_section", "differential_cross_section"]

_FINE_STRUCTURE: Final = 7.2973525693e-3  # CODATA 2018
_ELECTRON_RADIUS: Final = 2.8179403262e-13  # cm, CODATA 2018
_SHIELDING: Final = {
    # scattering functions phi_1 and phi_2 at strong shielding (first row of the tables, Delta = 0)
    "hydrogen": (45.79, 44.46),  # Blumenthal and Gould 1970, table 2
    "helium": (134.60, 131.40),  # Gould 1969, Phys. Rev. 185, 72, p. 77: Hartree-Fock wave functions
}


def atomic_cross_section(atom: str, gamma: Float64, electron: Float64) -> Float64:
    """Return d sigma / dE of gamma rays on one atom of "hydrogen" or "helium", cm2/GeV.

    Parameters
    ----------
    atom
        "hydrogen" or "helium".
    gamma, electron
        Energy of the gamma ray and total energy of the electron, GeV; they broadcast.
    """
    first, second = _SHIELDING[atom]
    kept = np.clip(1.0 - np.asarray(gamma) / electron, 0.0, None)
    bracket = (1.0 + kept**2) * first - 2.0 / 3.0 * kept * second
    return np.asarray(np.where(kept > 0.0, _FINE_STRUCTURE * _ELECTRON_RADIUS**2 / gamma * bracket, 0.0))


def differential_cross_section(gamma: Float64, electron: Float64) -> Float64:
    """Return d sigma / dE per hydrogen atom of interstellar gas (He/H = 0.1), cm2/GeV; see the atomic one."""
    hydrogen = atomic_cross_section("hydrogen", gamma, electron)
    return np.asarray(hydrogen + HELIUM_TO_HYDROGEN * atomic_cross_section("helium", gamma, electron))
