"""Gamma rays from hadronic collisions after Kafexhiu and colleagues, a third published parametrisation.

Kafexhiu, Aharonian, Taylor and Vila 2014 (Phys. Rev. D 90, 123014, arXiv:1406.7369) fit the spectrum of neutral-pion
decay from the threshold on: to data and Geant4 at low energies, and to one of several event generators above. Here the
generator above 50 GeV is Pythia 8, which neither of the other two parametrisations of this package is made of (SIBYLL
2.1 that of Kelner and Aharonian, QGSJET-II-04m AAfrag). The fits reach 1 PeV of proton energy; beyond, the same
formulas go on. There are gamma rays only, of proton-proton collisions; nuclei enter as in
:mod:`crsea_infer.physics.hadronic`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.constants import PION_MASS, PROTON_MASS

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["REFERENCES", "THRESHOLD", "differential_cross_section", "inelastic_cross_section", "pion_cross_section"]

REFERENCES: Final = ("arXiv:1406.7369",)
"""To cite."""

THRESHOLD: Final = 2.0 * PION_MASS + PION_MASS**2 / (2.0 * PROTON_MASS)
"""Kinetic energy of the proton above which there is a neutral pion, GeV."""

_MILLIBARN: Final = 1e-27  # cm2
_PYTHIA_FROM: Final = 50.0  # GeV
# table IV: a_1 to a_5 of the multiplicity of neutral pions
_MULTIPLICITY: Final = {"geant": (0.728, 0.596, 0.491, 0.2503, 0.117), "pythia": (0.652, 0.0016, 0.488, 0.1928, 0.483)}
# table VII: b_1 to b_3 of the peak
_PEAK: Final = {"low": (9.53, 0.52, 0.054), "geant": (9.13, 0.35, 9.7e-3), "pythia": (9.06, 0.3795, 0.01105)}


def inelastic_cross_section(kinetic: Float64) -> Float64:
    """Return the inelastic proton-proton cross-section in cm2 at kinetic energies in GeV (eq. 1)."""
    ratio = np.maximum(kinetic, THRESHOLD) / THRESHOLD
    log = np.log(ratio)
    return np.asarray((30.7 - 0.96 * log + 0.18 * log**2) * (1.0 - ratio**-1.9) ** 3 * _MILLIBARN)


def _few_pions(kinetic: Float64) -> Float64:
    """One and two neutral pions near the threshold, cm2 (eqs. 2 to 5)."""
    resonance, width = 1.1883, 0.2264
    s = 2.0 * PROTON_MASS * (kinetic + 2.0 * PROTON_MASS)
    root = np.sqrt(s)
    momentum = (s - PION_MASS**2 - 4.0 * PROTON_MASS**2) ** 2 - 16.0 * PION_MASS**2 * PROTON_MASS**2
    eta = np.sqrt(np.maximum(momentum, 0.0)) / (2.0 * PION_MASS * root)
    gamma = resonance * np.sqrt(resonance**2 + width**2)
    norm = np.sqrt(8.0) * resonance * width * gamma / (np.pi * np.sqrt(resonance**2 + gamma))
    breit_wigner = PROTON_MASS * norm / (((root - PROTON_MASS) ** 2 - resonance**2) ** 2 + (resonance * width) ** 2)
    one = 7.66e-3 * eta**1.95 * (1.0 + eta + eta**5) * breit_wigner**1.86
    two = np.where(kinetic < 0.56, 0.0, 5.7 / (1.0 + np.exp(-9.3 * (kinetic - 1.4))))
    return np.asarray((one + two) * _MILLIBARN)


def _multiplicity(kinetic: Float64, generator: str) -> Float64:
    """Neutral pions per inelastic collision above 5 GeV (eq. 7)."""
    a = _MULTIPLICITY[generator]
    xi = np.maximum(kinetic - 3.0, 1e-3) / PROTON_MASS
    return np.asarray(a[0] * xi ** a[3] * (1.0 + np.exp(-a[1] * xi ** a[4])) * (1.0 - np.exp(-a[2] * xi**0.25)))


def pion_cross_section(kinetic: Float64) -> Float64:
    """Return the inclusive cross-section of neutral pions in cm2 at kinetic energies in GeV."""
    q = (kinetic - THRESHOLD) / PROTON_MASS
    multiplicity = np.select(
        [kinetic < 5.0, kinetic <= _PYTHIA_FROM],
        [-6e-3 + 0.237 * q - 0.023 * q**2, _multiplicity(kinetic, "geant")],
        _multiplicity(kinetic, "pythia"),
    )
    many = inelastic_cross_section(kinetic) * multiplicity
    return np.where(kinetic <= THRESHOLD, 0.0, np.where(kinetic < 2.0, _few_pions(kinetic), many))


def _shape(kinetic: Float64) -> tuple[Float64, Float64, Float64, Float64]:
    """Return lambda, alpha, beta and gamma of the spectral shape (table V)."""
    theta = kinetic / PROTON_MASS
    kappa = 3.29 - 0.2 * theta**-1.5
    q = np.maximum(kinetic - 1.0, 0.0) / PROTON_MASS
    mu = 1.25 * q**1.25 * np.exp(-1.25 * q)
    ranges = [kinetic < 1.0, kinetic <= 4.0, kinetic <= 20.0, kinetic <= _PYTHIA_FROM]
    one = np.ones_like(kinetic)
    return (
        np.select(ranges, [one, 3.0 * one, 3.0 * one, 3.0 * one], 3.5),
        np.select(ranges, [one, one, one, 0.5 * one], 0.5),
        np.select(ranges, [kappa, mu + 2.45, 1.5 * mu + 4.95, 4.2 * one], 4.0),
        np.select(ranges, [0.0 * one, mu + 1.45, mu + 1.5, one], 1.0),
    )


def _peak(kinetic: Float64, largest_pion: Float64) -> Float64:
    """Return the largest value of the spectrum, cm2/GeV (eq. 12)."""
    theta = kinetic / PROTON_MASS

    def fitted(b: tuple[float, float, float]) -> Float64:
        return np.asarray(b[0] * theta ** -b[1] * np.exp(b[2] * np.log(theta) ** 2) / PROTON_MASS)

    height = np.select(
        [kinetic < 1.0, kinetic < 5.0, kinetic <= _PYTHIA_FROM],
        [5.9 / largest_pion, fitted(_PEAK["low"]), fitted(_PEAK["geant"])],
        fitted(_PEAK["pythia"]),
    )
    return np.asarray(height * pion_cross_section(kinetic))


def differential_cross_section(secondary: Float64, kinetic: Float64) -> Float64:
    """Return d sigma / dE of gamma rays of proton-proton collisions in cm2/GeV (eqs. 8 to 12).

    Parameters
    ----------
    secondary
        Energy of the gamma ray, GeV.
    kinetic
        Kinetic energy of the proton (per nucleon for nuclei), GeV; broadcasts with `secondary`.
    """
    energy, given = np.broadcast_arrays(np.asarray(secondary, dtype=float), np.asarray(kinetic, dtype=float))
    t = np.maximum(given, THRESHOLD * (1.0 + 1e-9))  # below there is nothing, by the cross-section
    s = 2.0 * PROTON_MASS * (t + 2.0 * PROTON_MASS)
    pion = (s - 4.0 * PROTON_MASS**2 + PION_MASS**2) / (2.0 * np.sqrt(s))
    gamma = (t + 2.0 * PROTON_MASS) / np.sqrt(s)
    # of the fastest pion, in the laboratory
    largest_pion = gamma * (pion + np.sqrt(np.maximum(pion**2 - PION_MASS**2, 0.0) * (1.0 - gamma**-2)))
    boost = largest_pion / PION_MASS
    largest = 0.5 * PION_MASS * (boost + np.sqrt(boost**2 - 1.0))

    def symmetric(at: Float64) -> Float64:
        return np.asarray(at + PION_MASS**2 / (4.0 * at))

    width = np.maximum(symmetric(largest) - PION_MASS, 1e-300)
    x = np.clip((symmetric(energy) - PION_MASS) / width, 0.0, 1.0)
    lamb, alpha, beta, power = _shape(t)
    steepness = symmetric(largest) / (lamb * PION_MASS)
    shape = (1.0 - x**alpha) ** beta / (1.0 + x * steepness) ** power
    inside = (energy <= largest) & (energy >= 0.25 * PION_MASS**2 / largest) & (given > THRESHOLD)
    return np.where(inside, _peak(t, largest_pion) * shape, 0.0)
