"""Inverse-Compton scattering of electrons on isotropic radiation, with the full Klein-Nishina cross-section.

The spectrum of photons scattered by an electron is that of Jones 1968 (Phys. Rev. 167, 1159), in the form of Blumenthal
and Gould 1970 (Rev. Mod. Phys. 42, 237, eqs. 2.47-2.49). Directions of the target photons are taken as isotropic; the
anisotropy of starlight changes intensities by up to 20 per cent (Moskalenko and Strong 2000, ApJ 528, 357).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.constants import BOLTZMANN, ELECTRON_MASS, THOMSON_CROSS_SECTION
from crsea_infer.physics.radiation_field import RADIATION_FIELD, photon_density

if TYPE_CHECKING:
    from crsea_infer.physics.radiation_field import GreyBody
    from crsea_infer.support.arrays import Float64

__all__ = ["SPEED_OF_LIGHT", "energy_loss", "field_energy_loss", "field_scattering", "scattering", "spectrum_kernel"]

SPEED_OF_LIGHT: Final = 2.99792458e10  # cm/s, exact

_PHOTON_POINTS: Final = 120
_LOSS_POINTS: Final = 64
_LOSS_LOG_Q: Final = -25.0  # smallest ln q: needed where scattering is deep in the Klein-Nishina regime


def spectrum_kernel(gamma: Float64, electron: Float64, photon: Float64) -> Float64:
    """Return d sigma / dE of gamma rays, averaged over isotropic directions of the target photon, cm2/GeV.

    Parameters
    ----------
    gamma, electron, photon
        Energies of the gamma ray, the electron (total) and the target photon, GeV; they broadcast.

    Returns
    -------
    Float64
        Zero outside the kinematic limits. The small energy of the target photon is neglected against the gamma ray's.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        lorentz = electron / ELECTRON_MASS
        strength = 4.0 * photon * lorentz / ELECTRON_MASS
        share = gamma / electron
        q = share / (strength * (1.0 - share))
        inside = (share < 1.0) & (q <= 1.0) & (q >= 0.25 / lorentz**2)
        q = np.where(inside, q, 1.0)
        recoil = (strength * q) ** 2 / (1.0 + strength * q)
        shape = 2.0 * q * np.log(q) + (1.0 + 2.0 * q) * (1.0 - q) + 0.5 * recoil * (1.0 - q)
    return np.asarray(np.where(inside, 0.75 * THOMSON_CROSS_SECTION / (photon * lorentz**2) * shape, 0.0))


def _photons(body: GreyBody) -> tuple[Float64, Float64]:
    """Return photon energies, GeV, and quadrature weights, photons per cm3."""
    thermal = BOLTZMANN * body.temperature
    log_photon = np.linspace(np.log(1e-3), np.log(30.0), _PHOTON_POINTS)
    photon = np.exp(log_photon) * thermal
    return photon, photon_density(body, photon) * photon * (log_photon[1] - log_photon[0])


def scattering(gamma: Float64, electron: Float64, body: GreyBody) -> Float64:
    """Return gamma rays per unit of path of one electron and of gamma-ray energy, cm^-1 GeV^-1, at the Sun.

    Multiplied by the intensity of electrons and integrated over their energy it is the emissivity per steradian.

    Parameters
    ----------
    gamma, electron
        GeV, broadcasting.
    body
        The target radiation.
    """
    gamma, electron = np.broadcast_arrays(np.asarray(gamma, dtype=float), np.asarray(electron, dtype=float))
    photon, weights = _photons(body)
    return np.asarray(spectrum_kernel(gamma[..., None], electron[..., None], photon) @ weights)


def field_scattering(gamma: Float64, electron: Float64, field: str) -> Float64:
    """Return :func:`scattering` summed over the grey bodies of one part of the radiation field."""
    parts = [scattering(gamma, electron, body) for body in RADIATION_FIELD if body.field == field]
    return np.asarray(np.sum(parts, axis=0))


def energy_loss(electron: Float64, body: GreyBody) -> Float64:
    """Return the mean rate of energy loss of electrons, GeV/s, at the Sun.

    Parameters
    ----------
    electron
        Total energies, GeV, shape [...].
    body
        The target radiation.
    """
    electron = np.asarray(electron, dtype=float)[..., None, None]
    photon, weights = _photons(body)
    # in the variable q of the kernel the spectrum is smooth whether scattering is in the Thomson limit or beyond it
    nodes, q_weights = np.polynomial.legendre.leggauss(_LOSS_POINTS)
    q = np.exp(_LOSS_LOG_Q * (1.0 - nodes) / 2.0)
    strength = 4.0 * photon[:, None] * electron / ELECTRON_MASS**2
    gamma = electron * strength * q / (1.0 + strength * q)
    d_gamma = gamma / (1.0 + strength * q)  # d gamma / d ln q
    emitted = spectrum_kernel(gamma, electron, photon[:, None]) * gamma * d_gamma
    per_photon = emitted @ q_weights * (-_LOSS_LOG_Q / 2.0)
    return np.asarray(SPEED_OF_LIGHT * (per_photon @ weights))


def field_energy_loss(electron: Float64, field: str) -> Float64:
    """Return :func:`energy_loss` summed over the grey bodies of one part of the radiation field."""
    return np.asarray(np.sum([energy_loss(electron, body) for body in RADIATION_FIELD if body.field == field], axis=0))
