"""Constants of nature and of the Galaxy, in the units of the package (GeV, cm, s, kpc, GV), each with its source.

Only numbers that several modules share are here; a number that belongs to one formula stands beside that formula.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "BOLTZMANN",
    "CENTIMETRES_PER_KILOPARSEC",
    "CMB_TEMPERATURE",
    "ELECTRON_MASS",
    "HBAR_C",
    "HELIUM_MASS_PER_NUCLEON",
    "HELIUM_TO_HYDROGEN",
    "PION_MASS",
    "PROTON_MASS",
    "SUN_RADIUS",
    "SUN_REFERENCES",
    "THOMSON_CROSS_SECTION",
]

PROTON_MASS: Final = 0.93827209  # GeV, CODATA 2018
HELIUM_MASS_PER_NUCLEON: Final = 3.72737941 / 4  # GeV, alpha-particle mass, CODATA 2018
ELECTRON_MASS: Final = 0.51099895e-3  # GeV, CODATA 2018
PION_MASS: Final = 0.1349768  # GeV, neutral pion, PDG 2022
THOMSON_CROSS_SECTION: Final = 6.6524587e-25  # cm2, CODATA 2018
BOLTZMANN: Final = 8.61733326e-14  # GeV/K, CODATA 2018
HBAR_C: Final = 1.97326980e-14  # GeV cm, CODATA 2018
CENTIMETRES_PER_KILOPARSEC: Final = 3.08567758e21  # IAU 2015 parsec
CMB_TEMPERATURE: Final = 2.725  # K, Mather et al. 1999, ApJ 512, 511

HELIUM_TO_HYDROGEN: Final = 0.1
"""Number of helium atoms per hydrogen atom in the interstellar gas (and in the published HERMES maps)."""

SUN_RADIUS: Final = 8.122
"""Distance of the Sun from the Galactic centre in kpc (GRAVITY Collaboration 2018, A&A 615, L15).

With the default source distribution and halo height it also brings the cosmic rays at 4 and 6 kpc, relative to those at
the Sun, within 9 per cent of the published DRAGON spectra; 8.0 kpc leaves 11 per cent, 8.3 kpc 18 per cent.
"""

SUN_REFERENCES: Final = ("arXiv:1807.09409",)
"""To cite for it."""
