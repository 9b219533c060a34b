"""The interstellar radiation field: the CMB, dust emission in the infrared, and starlight.

Locally it is the sum of six diluted black bodies, the M2 model of Delahaye et al. 2010 (A&A 524, A51, arXiv:1002.1910).
Away from the Sun the infrared and the starlight each scale as the energy density inside an optically thin, doubly
exponential disc of emitters; the CMB is the same everywhere. The scaling leaves out the bulge and the absorption of
starlight by dust, which work against each other. It is good to about 30 per cent within 3 kpc of the Sun and to a
factor of two in the inner 3 kpc of the Galaxy; the scale of the inverse-Compton component stands for that uncertainty.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from crsea_infer.physics.constants import BOLTZMANN, CMB_TEMPERATURE, HBAR_C, SUN_RADIUS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scipy.interpolate import RectBivariateSpline

    from crsea_infer.support.arrays import Float64

__all__ = [
    "DISCS",
    "FIELDS",
    "RADIATION_FIELD",
    "RADIATION_REFERENCES",
    "FieldModel",
    "GreyBody",
    "energy_density",
    "field_scaling",
    "photon_density",
]

FieldModel = Literal["discs", "uniform"]
"""How the field varies over the Galaxy."""

FIELDS: Final = ("CMB", "infrared", "starlight")
"""Parts of the field that share a spatial distribution, in the order of the arrays."""


@dataclass(frozen=True)
class GreyBody:
    """A black body diluted by a constant factor.

    Attributes
    ----------
    field
        Part of the field it belongs to, one of `FIELDS`.
    temperature
        K.
    dilution
        Energy density relative to that of a black body of that temperature, at the Sun.
    """

    field: str
    temperature: float
    dilution: float


RADIATION_FIELD: Final = (
    # Delahaye et al. 2010, model M2; the same temperatures and energy densities stand in Evoli et al. 2020,
    # arXiv:2007.01302
    GreyBody("CMB", CMB_TEMPERATURE, 1.0),  # 0.26 eV/cm3
    GreyBody("infrared", 33.07, 4.5e-5),  # 0.25 eV/cm3
    GreyBody("infrared", 313.32, 1.2e-9),  # 0.055 eV/cm3
    GreyBody("starlight", 3249.3, 7.03e-13),  # 0.37 eV/cm3
    GreyBody("starlight", 6150.4, 3.39e-14),  # 0.23 eV/cm3
    GreyBody("starlight", 23209.0, 8.67e-17),  # 0.12 eV/cm3
)
"""The radiation field at the Sun."""

DISCS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        # warm dust, which dominates the luminosity in the infrared: Misiriotis et al. 2006, A&A 459, 113, table 2
        "infrared": (3.3, 0.09),
        # thin stellar disc: Bland-Hawthorn and Gerhard 2016, ARA&A 54, 529 (2.6 +- 0.5 kpc, 0.30 +- 0.05 kpc)
        "starlight": (2.6, 0.30),
    }
)
"""Scale length and scale height of the emitters, kpc."""

RADIATION_REFERENCES: Final[Mapping[FieldModel, tuple[str, ...]]] = MappingProxyType(
    {
        "discs": ("arXiv:1002.1910", "arXiv:astro-ph/0607638", "arXiv:1602.07702"),
        "uniform": ("arXiv:1002.1910",),
    }
)
"""To cite, by how the field varies over the Galaxy."""

_RADII: Final = np.concatenate([np.arange(0.0, 2.0, 0.5), np.arange(2.0, 12.0), np.arange(12.0, 26.0, 2.6)])  # kpc
_HEIGHTS: Final = np.array([0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 12.0])  # kpc
_RIM: Final = 30.0  # kpc: emitters beyond do not count


def photon_density(body: GreyBody, photon: Float64) -> Float64:
    """Return the number of photons per cm3 and GeV at the Sun, at photon energies `photon` in GeV."""
    exponent = np.minimum(photon / (BOLTZMANN * body.temperature), 600.0)  # beyond, nothing is left
    return np.asarray(body.dilution * (photon / HBAR_C) ** 2 / (np.pi**2 * HBAR_C * np.expm1(exponent)))


def energy_density(field: str) -> float:
    """Return the energy density of a part of the field at the Sun, GeV cm^-3."""
    return float(
        sum(
            body.dilution * np.pi**2 / 15.0 * (BOLTZMANN * body.temperature) ** 4 / HBAR_C**3
            for body in RADIATION_FIELD
            if body.field == field
        )
    )


def _clustered(edges: list[float], n: int) -> tuple[Float64, Float64]:
    """Return quadrature nodes and weights between `edges`, clustered at every edge, where the integrand is sharp."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    unit, unit_weights = (nodes + 1.0) / 2.0, weights / 2.0
    # the map t^3 / (t^3 + (1-t)^3) has slope zero, of second order, at both ends
    near, far = unit**3, (1.0 - unit) ** 3
    position = near / (near + far)
    slope = 3.0 * unit**2 * (1.0 - unit) ** 2 / (near + far) ** 2
    pieces = [(a + (b - a) * position, (b - a) * slope * unit_weights) for a, b in itertools.pairwise(edges)]
    return np.concatenate([x for x, _ in pieces]), np.concatenate([w for _, w in pieces])


def _disc_energy_density(radius: float, height: float, length: float, thickness: float) -> float:
    """Energy density in an optically thin disc, in arbitrary units.

    Emitters at (R', z') contribute 1/d^2; the integral over their azimuth is known in closed form.
    """
    r, r_weights = _clustered(sorted({0.0, radius, _RIM}), 32)
    top = 12.0 * thickness
    z, z_weights = _clustered(sorted({-top, 0.0, min(height, top), top}), 32)
    vertical = (z - height) ** 2
    kernel = 1.0 / np.sqrt(((r[:, None] - radius) ** 2 + vertical) * ((r[:, None] + radius) ** 2 + vertical))
    return float((r_weights * r * np.exp(-r / length)) @ kernel @ (z_weights * np.exp(-np.abs(z) / thickness)))


@lru_cache(maxsize=4)
def _log_scaling(field: str) -> RectBivariateSpline:
    from scipy.interpolate import RectBivariateSpline

    table = [[_disc_energy_density(r, z, *DISCS[field]) for z in _HEIGHTS] for r in _RADII]
    return RectBivariateSpline(_RADII, _HEIGHTS, np.log(table))


def field_scaling(radii: Float64, heights: Float64, model: FieldModel = "discs") -> Float64:
    """Return the energy density of each part of the field relative to that at the Sun.

    Parameters
    ----------
    radii
        Galactocentric radii up to 25 kpc, shape [n_radial].
    heights
        Distances from the plane up to 12 kpc (constant beyond), shape [n_z].
    model
        "discs": infrared and starlight fade as around discs of emitters; "uniform": they are everywhere as at the Sun.

    Returns
    -------
    Float64
        Shape [field, n_radial, n_z], in the order of `FIELDS`.
    """
    z = np.minimum(np.abs(heights), _HEIGHTS[-1])
    scaling = np.ones((len(FIELDS), np.size(radii), np.size(heights)))
    for i, field in enumerate(FIELDS):
        if field in DISCS and model == "discs":
            spline = _log_scaling(field)
            grid = np.meshgrid(np.minimum(radii, _RADII[-1]), z, indexing="ij")
            at_sun = np.asarray(spline.ev(np.array([SUN_RADIUS]), np.zeros(1)))
            scaling[i] = np.exp(np.asarray(spline.ev(*grid)) - at_sun)
    return scaling
