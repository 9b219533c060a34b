"""Gamma rays and neutrinos from hadronic collisions after AAfrag, the alternative to Kelner and Aharonian.

AAfrag (Kachelriess, Moskalenko and Ostapchenko 2019, Comput. Phys. Commun. 245, 106846, arXiv:1904.05129; tables of
Koldobskiy et al. 2021, Phys. Rev. D 104, 123027) tabulates differential cross-sections of QGSJET-II-04m for proton and
helium beams on hydrogen and helium, so nuclei need no scaling factor. The tables are those of the optional package
aafragpy, and so is the interpolation within them.

They hold from about 5 GeV per nucleon. Below `VALID_FROM` the spectrum is that of Kelner and Aharonian with the nuclear
factors of :mod:`crsea_infer.physics.hadronic`; between `VALID_FROM` and twice that energy one passes smoothly into the
other. Above the highest tabulated energy (1e9 GeV per nucleon for helium) the spectrum scales in E_secondary / E_beam.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.physics import hadronic
from crsea_infer.physics.constants import HELIUM_MASS_PER_NUCLEON, HELIUM_TO_HYDROGEN, PROTON_MASS
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.physics.hadronic import Product
    from crsea_infer.physics.local_spectrum import Species
    from crsea_infer.support.arrays import Float64

__all__ = ["VALID_FROM", "differential_cross_section", "require_tables"]

VALID_FROM: Final = 5.0
"""Kinetic energy per nucleon below which the tables are not used, GeV."""

_MILLIBARN: Final = 1e-27  # cm2
# name of the beam, mass per nucleon in GeV, nucleons
_BEAMS: Final[Mapping[str, tuple[str, float, int]]] = MappingProxyType(
    {"proton": ("p", PROTON_MASS, 1), "helium": ("He", HELIUM_MASS_PER_NUCLEON, 4)}
)
_TARGETS: Final = (("p", 1.0), ("He", HELIUM_TO_HYDROGEN))
# name of the product, and what to multiply with: one flavour of neutrinos is a third of all
_PRODUCTS: Final[Mapping[str, tuple[str, float]]] = MappingProxyType(
    {"gamma": ("gam", 1.0), "neutrino": ("nu_all", 1.0 / 3.0)}
)


def require_tables() -> Any:
    """Return the library of tables, or raise the error that says how to install it."""
    try:
        import aafragpy
    except ImportError as error:
        raise UserError(
            "the cross-sections of AAfrag need the package aafragpy, which is not installed",
            valid="cross-sections of Kelner and Aharonian, which need nothing more",
            fix="pip install 'crsea_infer[aafrag]'",
        ) from error
    return aafragpy


def _tabulated(product: Product, secondary: Float64, kinetic: Float64, beam: Species) -> Float64:
    """Return the cross-section from the tables at matching 1-D arrays, cm2/GeV per hydrogen atom."""
    tables = require_tables()
    name, share = _PRODUCTS[product]
    beam_name, mass, nucleons = _BEAMS[beam]
    result = np.zeros(secondary.size)
    if kinetic.size == 0:
        return result
    energies, which = np.unique(kinetic, return_inverse=True)
    members = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
    for target, abundance in _TARGETS:
        reaction = f"{beam_name}-{target}"
        top = float(tables.open_data_files(name, reaction)[0][-1]) * 1e-9
        for energy, chosen in zip(energies, members, strict=True):
            total = (energy + mass) * nucleons  # the tables count the energy of the whole nucleus
            scale = max(total / top, 1.0)
            wanted, back = np.unique(secondary[chosen] / scale, return_inverse=True)
            with np.errstate(all="ignore"):
                rows, _, _ = tables.get_cross_section(name, reaction, [total / scale], wanted)
            result[chosen] += np.nan_to_num(np.asarray(rows, dtype=float).reshape(-1)[back]) * (
                abundance * share / scale
            )
    return result * _MILLIBARN


def differential_cross_section(product: Product, secondary: Float64, kinetic: Float64, beam: Species) -> Float64:
    """Return d sigma / dE per hydrogen atom of interstellar gas, helium (He/H = 0.1) included, in cm2/GeV.

    Parameters
    ----------
    product
        "gamma" or "neutrino" (one flavour, neutrino plus antineutrino, one third of all flavours).
    secondary
        Energy of the secondary, GeV.
    kinetic
        Kinetic energy of the beam particle per nucleon, GeV; broadcasts with `secondary`. The cost grows with the
        number of different values, about 0.4 ms each.
    beam
        "proton" or "helium".

    Raises
    ------
    UserError
        When aafragpy is not installed, or the product or the beam is not known.
    """
    if product not in _PRODUCTS:
        raise unknown_name("product", product, _PRODUCTS)
    if beam not in _BEAMS:
        raise unknown_name("beam", beam, _BEAMS)
    require_tables()
    secondary, kinetic = np.broadcast_arrays(np.asarray(secondary, dtype=float), np.asarray(kinetic, dtype=float))
    shape = secondary.shape
    secondary, kinetic = secondary.ravel(), kinetic.ravel()
    position = np.clip(np.log(kinetic / VALID_FROM) / np.log(2.0), 0.0, 1.0)
    weight = position**2 * (3.0 - 2.0 * position)
    result = np.zeros(secondary.size)
    low, high = weight < 1.0, weight > 0.0
    below = hadronic.differential_cross_section(product, secondary[low], kinetic[low]) * hadronic.NUCLEAR_FACTOR[beam]
    result[low] += (1.0 - weight[low]) * below
    result[high] += weight[high] * _tabulated(product, secondary[high], kinetic[high], beam)
    return result.reshape(shape)
