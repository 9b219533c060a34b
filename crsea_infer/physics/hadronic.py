"""Gamma rays and neutrinos from inelastic collisions of cosmic rays with interstellar gas.

Spectra per collision are those of Kelner, Aharonian and Bugayov 2006 (Phys. Rev. D 74, 034018, astro-ph/0606058), which
the published maps used. They are parametrised above 0.1 TeV; here, as in those maps, the same formulas serve down to
proton energies of a few GeV, so predictions below about 10 GeV of gamma-ray energy are extrapolations. Helium in beam
and target enters through multiplicities relative to proton-proton collisions.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from crsea_infer.physics.constants import HELIUM_TO_HYDROGEN, PION_MASS, PROTON_MASS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.support.arrays import Float64

__all__ = [
    "NUCLEAR_FACTOR",
    "NUCLEAR_REFERENCES",
    "REFERENCES",
    "differential_cross_section",
    "inelastic_cross_section",
    "spectrum_per_collision",
]

Product = Literal["gamma", "neutrino"]

REFERENCES: Final = ("arXiv:astro-ph/0606058",)
"""To cite for the spectra per collision."""

NUCLEAR_REFERENCES: Final = ("arXiv:2105.13165",)
"""To cite for helium in beam and target."""

_MULTIPLICITY: Final = MappingProxyType(
    {
        # relative to proton-proton: (beam, target). Values of HERMES (Dundovic et al. 2021, A&A 653, A18)
        ("proton", "helium"): 3.81,
        ("helium", "hydrogen"): 3.68,
        ("helium", "helium"): 14.2,
    }
)

NUCLEAR_FACTOR: Final[Mapping[str, float]] = MappingProxyType(
    {
        "proton": 1.0 + HELIUM_TO_HYDROGEN * _MULTIPLICITY["proton", "helium"],
        "helium": _MULTIPLICITY["helium", "hydrogen"] + HELIUM_TO_HYDROGEN * _MULTIPLICITY["helium", "helium"],
    }
)
"""Secondaries per hydrogen atom of the gas relative to a proton-proton collision, for each beam species."""


def inelastic_cross_section(energy: Float64) -> Float64:
    """Return the inelastic proton-proton cross-section in cm2 at total proton energy `energy` in GeV (KAB eq. 79)."""
    log_tev = np.log(energy / 1e3)
    threshold = PROTON_MASS + 2.0 * PION_MASS + PION_MASS**2 / (2.0 * PROTON_MASS)
    above = np.clip(1.0 - (threshold / energy) ** 4, 0.0, None) ** 2
    return np.asarray((34.3 + 1.88 * log_tev + 0.25 * log_tev**2) * above * 1e-27)


def _gamma(x: Float64, log_tev: Float64) -> Float64:
    """KAB eqs. 58-61."""
    amplitude = 1.30 + 0.14 * log_tev + 0.011 * log_tev**2
    beta = 1.0 / (1.79 + 0.11 * log_tev + 0.008 * log_tev**2)
    k = 1.0 / (0.801 + 0.049 * log_tev + 0.014 * log_tev**2)
    power = x**beta
    base = 1.0 + k * power * (1.0 - power)
    bracket = 1.0 / np.log(x) - 4.0 * beta * power / (1.0 - power) - 4.0 * k * beta * power * (1.0 - 2.0 * power) / base
    return np.asarray(amplitude * np.log(x) / x * ((1.0 - power) / base) ** 4 * bracket)


def _muon_decay(x: Float64, log_tev: Float64) -> Float64:
    """Electrons, and to good accuracy electron neutrinos and muon neutrinos, of muon decay: KAB eqs. 62-65."""
    amplitude = 1.0 / (69.5 + 2.65 * log_tev + 0.3 * log_tev**2)
    beta = 1.0 / (0.201 + 0.062 * log_tev + 0.00042 * log_tev**2) ** 0.25
    k = (0.279 + 0.141 * log_tev + 0.0172 * log_tev**2) / (0.3 + (2.3 + log_tev) ** 2)
    log_x = np.log(x)
    return np.asarray(amplitude * (1.0 + k * log_x**2) ** 3 / (x * (1.0 + 0.3 / x**beta)) * (-log_x) ** 5)


def _pion_decay(x: Float64, log_tev: Float64) -> Float64:
    """Muon neutrinos of pion decay, which end at 0.427 of the proton energy: KAB eqs. 66-69."""
    y = np.minimum(x / 0.427, 1.0 - 1e-12)
    amplitude = 1.75 + 0.204 * log_tev + 0.010 * log_tev**2
    beta = 1.0 / (1.67 + 0.111 * log_tev + 0.0038 * log_tev**2)
    k = 1.07 - 0.086 * log_tev + 0.002 * log_tev**2
    power = y**beta
    base = 1.0 + k * power * (1.0 - power)
    bracket = 1.0 / np.log(y) - 4.0 * beta * power / (1.0 - power) - 4.0 * k * beta * power * (1.0 - 2.0 * power) / base
    # the spectrum is one of x, written in y = x / 0.427, as in eq. 66
    return np.where(x < 0.427, amplitude * np.log(y) / y * ((1.0 - power) / base) ** 4 * bracket, 0.0)


def spectrum_per_collision(product: Product, fraction: Float64, energy: Float64) -> Float64:
    """Return dN/dx of secondaries per inelastic proton-proton collision, x = E_secondary / E_proton.

    Parameters
    ----------
    product
        "gamma", or "neutrino" (one flavour, neutrino plus antineutrino, one third of all flavours: oscillations make
        the flavours equal at Earth).
    fraction
        x, in (0, 1); zero is returned at and above 1.
    energy
        Total proton energy, GeV; broadcasts with `fraction`.
    """
    x, energy = np.broadcast_arrays(np.asarray(fraction, dtype=float), np.asarray(energy, dtype=float))
    inside = np.clip(x, 1e-12, 1.0 - 1e-9)
    log_tev = np.log(energy / 1e3)
    if product == "gamma":
        spectrum = _gamma(inside, log_tev)
    else:
        # electron neutrinos (muon decay) + muon neutrinos (muon decay) + muon neutrinos (pion decay)
        # below 0.1 TeV the parametrisation of muon decay has no real solution: it stays at its value there
        muon_decay = _muon_decay(inside, np.maximum(log_tev, np.log(0.1)))
        spectrum = (2.0 * muon_decay + _pion_decay(inside, log_tev)) / 3.0
    return np.where(x < 1.0, np.maximum(spectrum, 0.0), 0.0)


def differential_cross_section(product: Product, secondary: Float64, kinetic: Float64) -> Float64:
    """Return d sigma / dE of proton-proton collisions in cm2/GeV.

    Parameters
    ----------
    product
        "gamma" or "neutrino" (per flavour).
    secondary
        Energy of the secondary, GeV.
    kinetic
        Kinetic energy of the proton (per nucleon for nuclei), GeV; broadcasts with `secondary`.
    """
    energy = np.asarray(kinetic, dtype=float) + PROTON_MASS
    per_collision = spectrum_per_collision(product, np.asarray(secondary) / energy, energy)
    return np.asarray(inelastic_cross_section(energy) * per_collision / energy)
