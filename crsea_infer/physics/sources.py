"""Where cosmic rays are injected: surface densities and heights of supernovae and pulsars in the Galaxy.

Every distribution is a sum of separable layers, S(R) times a vertical profile, because the transport solver treats the
vertical direction analytically for each profile. Only the shape matters: cosmic rays are normalised at the Sun.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from scipy.special import erf, wofz

from crsea_infer.support.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crsea_infer.support.arrays import Float64

__all__ = ["SOURCE_DISTRIBUTIONS", "SOURCE_REFERENCES", "Layer", "VerticalProfile", "source_layers"]


@dataclass(frozen=True)
class VerticalProfile:
    """A vertical profile of unit height at z = 0: exp(-(z/h)^2) ("gaussian") or exp(-|z|/h) ("exponential").

    Attributes
    ----------
    kind
        "gaussian" or "exponential".
    height
        The scale height h, kpc.
    """

    kind: Literal["gaussian", "exponential"]
    height: float

    def __call__(self, z: Float64) -> Float64:
        """Return the profile at heights z [kpc]."""
        scaled = np.abs(z) / self.height
        return np.asarray(np.exp(-scaled * scaled) if self.kind == "gaussian" else np.exp(-scaled))

    def slab_solution(self, z: Float64, halo_height: float) -> Float64:
        """Return Z(z) with -Z'' = profile, Z'(0) = 0 and Z(halo_height) = 0, in kpc^2.

        This is steady-state diffusion in a slab of infinite extent and unit diffusion coefficient.
        """
        return np.asarray(self._twice_integrated(np.asarray(halo_height)) - self._twice_integrated(np.abs(z)))

    def _twice_integrated(self, z: Float64) -> Float64:
        h = self.height
        if self.kind == "gaussian":
            return np.asarray(h / 2 * (np.sqrt(np.pi) * z * erf(z / h) + h * np.exp(-((z / h) ** 2))))
        return np.asarray(h * (z + h * np.exp(-z / h)))

    def cosine_coefficients(self, wave_numbers: Float64, halo_height: float) -> Float64:
        """Return the coefficients c_n of the expansion sum_n c_n cos(k_n z) on 0 < z < halo_height.

        Parameters
        ----------
        wave_numbers
            k_n = (n + 1/2) pi / halo_height, 1/kpc, shape [n].
        halo_height
            kpc.
        """
        h, k, top = self.height, wave_numbers, halo_height
        if self.kind == "gaussian":
            # the integral is an error function of complex argument; Faddeeva's w keeps it in range for any h
            a, b = top / h, k * h / 2
            rest = np.exp(-a * a) * np.real(np.exp(-2j * a * b) * wofz(1j * a - b))
            integral = np.sqrt(np.pi) * h / 2 * (np.exp(-b * b) - rest)
        else:
            rest = np.exp(-top / h) * (np.cos(k * top) - k * h * np.sin(k * top))
            integral = h * (1 - rest) / (1 + (k * h) ** 2)
        return np.asarray(2 / top * integral)


@dataclass(frozen=True)
class Layer:
    """One separable layer of sources: a radial surface density times a vertical profile."""

    radial: Callable[[Float64], Float64]
    vertical: VerticalProfile


def _ferriere_main(r: Float64) -> Float64:
    outer = 50.0 * np.exp(-(r**2 - 8.5**2) / 6.8**2)
    inner = 177.5 * np.exp(-(((r - 3.7) / 2.1) ** 2))
    return np.asarray(np.where(r > 3.7, outer, inner))


def _ferriere_type_ia(r: Float64) -> Float64:
    return np.asarray(7.3 * np.exp(-(r - 8.5) / 4.5))


def _power_exponential(exponent: float, decay: float) -> Callable[[Float64], Float64]:
    return lambda r: np.asarray((r / 8.5) ** exponent * np.exp(-decay * (r - 8.5) / 8.5))


def _faucher_kaspi(r: Float64) -> Float64:
    return np.asarray(((r + 0.55) / 9.05) ** 1.64 * np.exp(-4.01 * (r - 8.5) / 9.05))


_THIN = VerticalProfile("exponential", 0.2)

# All formulas are written for a solar circle of 8.5 kpc, as published; any other makes Ferriere's two branches jump.
SOURCE_DISTRIBUTIONS: Final[Mapping[str, tuple[Layer, ...]]] = MappingProxyType(
    {
        # Ferriere 2001, Rev. Mod. Phys. 73, 1031: type II (two heights) and type Ia supernovae
        "ferriere": (
            Layer(lambda r: 0.79 * _ferriere_main(r), VerticalProfile("gaussian", 0.212)),
            Layer(lambda r: 0.21 * _ferriere_main(r), VerticalProfile("gaussian", 0.636)),
            Layer(_ferriere_type_ia, VerticalProfile("exponential", 0.325)),
        ),
        # Lorimer et al. 2006, MNRAS 372, 777: pulsars
        "lorimer": (Layer(_power_exponential(1.9, 5.0), _THIN),),
        # Case and Bhattacharya 1998, ApJ 504, 761: supernova remnants
        "case-bhattacharya": (Layer(_power_exponential(1.69, 3.33), _THIN),),
        # GALPROP, Strong et al. 2010, ApJ 722, L58
        "galprop": (Layer(_power_exponential(1.25, 3.56), _THIN),),
        # Faucher-Giguere and Kaspi 2006, ApJ 643, 332, with the radial profile of Yusifov and Kucuk 2004
        "faucher-giguere-kaspi": (Layer(_faucher_kaspi, VerticalProfile("exponential", 0.1)),),
    }
)
"""Source distributions by name, each a tuple of separable layers (lengths in kpc)."""

SOURCE_REFERENCES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ferriere": ("arXiv:astro-ph/0106359",),
        "lorimer": ("arXiv:astro-ph/0607640",),
        "case-bhattacharya": ("arXiv:astro-ph/9807162",),
        "galprop": ("arXiv:1008.4330",),
        "faucher-giguere-kaspi": ("arXiv:astro-ph/0512585", "arXiv:astro-ph/0405559"),
    }
)
"""To cite, by the name of the distribution."""


def source_layers(name: str) -> tuple[Layer, ...]:
    """Return the layers of a source distribution.

    Raises
    ------
    UserError
        When the name is not known.
    """
    if name not in SOURCE_DISTRIBUTIONS:
        raise unknown_name("source distribution", name, SOURCE_DISTRIBUTIONS)
    return SOURCE_DISTRIBUTIONS[name]
