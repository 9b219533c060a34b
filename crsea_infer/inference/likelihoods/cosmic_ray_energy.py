"""Rigidity, kinetic and total energy of a nucleus, and what intensities gain when one is exchanged for another.

The sky model counts cosmic rays per kinetic energy per nucleon; experiments quote whichever quantity they measure. Here
X stands for that quantity: "rigidity" in GV, "kinetic_energy" and "total_energy" of the whole nucleus in GeV,
"kinetic_energy_per_nucleon" in GeV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from crsea_infer.physics.constants import HELIUM_MASS_PER_NUCLEON, PROTON_MASS
from crsea_infer.physics.local_spectrum import kinetic_energy, rigidity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.support.arrays import Float64

__all__ = [
    "EnergyQuantity",
    "Nucleus",
    "interstellar_energy",
    "jacobian",
    "kinetic_energy_per_nucleon",
    "modulation",
    "rigidity_of",
]

EnergyQuantity = Literal["rigidity", "kinetic_energy", "kinetic_energy_per_nucleon", "total_energy"]
Nucleus = Literal["proton", "helium"]

_NUCLEONS: Final[Mapping[str, float]] = {"proton": 1.0, "helium": 4.0}
_CHARGE: Final[Mapping[str, float]] = {"proton": 1.0, "helium": 2.0}
_MASS: Final[Mapping[str, float]] = {"proton": PROTON_MASS, "helium": HELIUM_MASS_PER_NUCLEON}


def kinetic_energy_per_nucleon(nucleus: Nucleus, quantity: EnergyQuantity, measured: Float64) -> Float64:
    """Return E in GeV per nucleon of nuclei at X = `measured`, of the same shape."""
    if quantity == "rigidity":
        return np.asarray(kinetic_energy(nucleus, measured))
    if quantity == "kinetic_energy":
        return measured / _NUCLEONS[nucleus]
    if quantity == "total_energy":
        return measured / _NUCLEONS[nucleus] - _MASS[nucleus]
    return measured


def rigidity_of(nucleus: Nucleus, quantity: EnergyQuantity, measured: Float64) -> Float64:
    """Return the rigidity in GV of nuclei at X = `measured`, of the same shape."""
    if quantity == "rigidity":
        return measured
    return np.asarray(rigidity(nucleus, kinetic_energy_per_nucleon(nucleus, quantity, measured)))


def jacobian(nucleus: Nucleus, quantity: EnergyQuantity, energy: Float64) -> Float64:
    """Return dE/dX at E = `energy` GeV per nucleon: J_X = J dE/dX."""
    if quantity == "rigidity":  # R = (A/Z) p, and dE/dp = p / (E + m) per nucleon
        mass = _MASS[nucleus]
        momentum = np.sqrt(energy * (energy + 2.0 * mass))
        return momentum / (energy + mass) * _CHARGE[nucleus] / _NUCLEONS[nucleus]
    if quantity == "kinetic_energy_per_nucleon":
        return np.ones_like(energy)
    return np.full_like(energy, 1.0 / _NUCLEONS[nucleus])


def interstellar_energy(nucleus: Nucleus, energy: Float64, potential: float) -> Float64:
    """Return the energy in GeV per nucleon outside the heliosphere of nuclei that arrive with `energy`.

    `potential` is that of the force field, in GV.
    """
    return energy + potential * _CHARGE[nucleus] / _NUCLEONS[nucleus]


def modulation(nucleus: Nucleus, energy: Float64, potential: float) -> Float64:
    """Return the force field's J(energy) / J_LIS(interstellar energy), the ratio of squared momenta."""
    outside, mass = interstellar_energy(nucleus, energy, potential), _MASS[nucleus]
    return energy * (energy + 2.0 * mass) / (outside * (outside + 2.0 * mass))
