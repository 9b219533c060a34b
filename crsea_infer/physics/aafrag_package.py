"""Make the table of AAfrag cross-sections that comes with the package, from the tables of aafragpy.

AAfrag (Kachelriess, Moskalenko and Ostapchenko 2019, Comput. Phys. Commun. 245, 106846, arXiv:1904.05129; tables of
Koldobskiy et al. 2021, Phys. Rev. D 104, 123027) tabulates differential cross-sections of QGSJET-II-04m for proton and
helium beams on hydrogen and helium. The package aafragpy (MIT licence) has these tables and the interpolation within
them; what is kept of it is E^2 d sigma / dE over the energy of the beam, at the kinetic energies where contractions
need it and on a grid of E_secondary / E_beam that is fine near the kinematic limit. Above the highest tabulated energy
(1e9 GeV per nucleon for helium) the spectrum scales in E_secondary / E_beam.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.physics.aafrag import FIRST_ROW, FRACTIONS, LAST_ROW, MILLIBARN, ROWS_PER_DECADE
from crsea_infer.physics.constants import HELIUM_MASS_PER_NUCLEON, HELIUM_TO_HYDROGEN, PROTON_MASS
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_netcdf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.physics.hadronic import Product
    from crsea_infer.physics.local_spectrum import Species
    from crsea_infer.support.arrays import Float64

__all__ = ["from_package", "make_table"]

_KEPT_BITS: Final = 12  # of the mantissa: 0.01 per cent, and compresses well
# name of the beam, mass per nucleon in GeV, nucleons
_BEAMS: Final[Mapping[str, tuple[str, float, int]]] = MappingProxyType(
    {"proton": ("p", PROTON_MASS, 1), "helium": ("He", HELIUM_MASS_PER_NUCLEON, 4)}
)
_TARGETS: Final = (("p", 1.0), ("He", HELIUM_TO_HYDROGEN))
# name of the product, and what to multiply with: one flavour of neutrinos is a third of all
_PRODUCTS: Final[Mapping[str, tuple[str, float]]] = MappingProxyType(
    {"gamma": ("gam", 1.0), "neutrino": ("nu_all", 1.0 / 3.0)}
)


def _package() -> Any:
    try:
        import aafragpy
    except ImportError as error:
        raise UserError(
            "the table of AAfrag is made from the package aafragpy, which is not installed",
            valid="the table that comes with crsea_infer, which needs nothing more",
            fix="pip install aafragpy",
        ) from error
    return aafragpy


def from_package(product: Product, secondary: Float64, kinetic: Float64, beam: Species) -> Float64:
    """Return the cross-section of aafragpy, cm2/GeV per hydrogen atom of gas with helium in it.

    Parameters
    ----------
    product, beam
        As in :func:`crsea_infer.physics.aafrag.differential_cross_section`.
    secondary, kinetic
        Matching 1-D arrays, GeV; the cost grows with the number of different kinetic energies, about 0.4 ms each.

    Raises
    ------
    UserError
        When aafragpy is not installed.
    """
    tables = _package()
    name, share = _PRODUCTS[product]
    beam_name, mass, nucleons = _BEAMS[beam]
    result = np.zeros(secondary.size)
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
            found = np.nan_to_num(np.asarray(rows, dtype=float).reshape(-1)[back])
            result[chosen] += found * (abundance * share / scale)
    return result * MILLIBARN


def make_table(destination: Path) -> None:
    """Write the table of :mod:`crsea_infer.physics.aafrag` (a minute).

    Raises
    ------
    UserError
        When aafragpy is not installed.
    """
    from importlib.metadata import version

    _package()
    with atomic_netcdf(destination) as file:
        file.dimensions = {"fraction": FRACTIONS.size}
        for product in _PRODUCTS:
            step = 2 if product == "gamma" else 1
            rows = np.arange(FIRST_ROW, LAST_ROW + 1, step)
            kinetic = 10.0 ** (rows / ROWS_PER_DECADE)
            file.dimensions[f"{product}_energy"] = rows.size
            at, fraction = np.broadcast_arrays(kinetic[:, None], FRACTIONS)
            for beam in _BEAMS:
                found = from_package(product, (at * fraction).ravel(), at.ravel(), beam).reshape(at.shape)  # type: ignore[arg-type]
                variable = file.create_variable(
                    f"{product}_{beam}",
                    (f"{product}_energy", "fraction"),
                    np.float32,
                    data=_rounded(found * at * fraction**2 / MILLIBARN),
                    compression="gzip",
                    compression_opts=9,
                    shuffle=True,
                )
                variable.attrs["units"] = "mb"
        file.attrs["provenance"] = (
            "E^2 d sigma / dE / E_beam per hydrogen atom (He/H = 0.1), made from aafragpy "
            f"{version('aafragpy')}: AAfrag, Kachelriess, Moskalenko and Ostapchenko 2019, Koldobskiy et al. 2021. "
            "aafragpy is Copyright (c) 2021 Sergey Koldobskiy, MIT licence: permission is granted to use, copy, "
            "modify, merge, publish and distribute, provided that this notice is included; without warranty of any "
            "kind"
        )


def _rounded(values: Float64) -> Float64:
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.round(mantissa * 2**_KEPT_BITS) / 2**_KEPT_BITS, exponent))
