"""Gamma rays and neutrinos from hadronic collisions after AAfrag, the alternative to Kelner and Aharonian.

AAfrag (Kachelriess, Moskalenko and Ostapchenko 2019, Comput. Phys. Commun. 245, 106846, arXiv:1904.05129; tables of
Koldobskiy et al. 2021, Phys. Rev. D 104, 123027) tabulates differential cross-sections of QGSJET-II-04m for proton and
helium beams on hydrogen and helium, so nuclei need no scaling factor. Its numbers come with the package, as a table
that :mod:`crsea_infer.physics.aafrag_package` makes: E^2 d sigma / dE over the energy of the beam, at 40 kinetic
energies a decade (20 for gamma rays), those of all contractions, and at fractions E_secondary / E_beam between which a
monotone cubic interpolates.

The tables hold from about 5 GeV per nucleon. Below `VALID_FROM` the spectrum is that of Kelner and Aharonian with the
nuclear factors of :mod:`crsea_infer.physics.hadronic`; between `VALID_FROM` and twice that energy one passes smoothly
into the other.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics import hadronic
from crsea_infer.support.array_files import open_hdf5, refusing
from crsea_infer.support.array_schema import ArraySpec, check_headers, check_numbers
from crsea_infer.support.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.physics.hadronic import Product
    from crsea_infer.physics.local_spectrum import Species
    from crsea_infer.support.arrays import Float64

__all__ = [
    "FIRST_ROW",
    "FRACTIONS",
    "LAST_ROW",
    "MILLIBARN",
    "REFERENCES",
    "ROWS_PER_DECADE",
    "TABLE",
    "VALID_FROM",
    "differential_cross_section",
]

REFERENCES: Final = ("arXiv:1904.05129", "arXiv:2110.00496")
"""To cite."""

VALID_FROM: Final = 5.0
"""Kinetic energy per nucleon below which the tables are not used, GeV."""

MILLIBARN: Final = 1e-27
"""In cm2."""

TABLE: Final = "aafrag_kernels.nc"
ROWS_PER_DECADE: Final = 40
FIRST_ROW: Final = 28
LAST_ROW: Final = 360
"""Rows are kinetic energies per nucleon of 10^(row / 40) GeV: 5 GeV to 1e9 GeV."""

FRACTIONS: Final = np.concatenate([10.0 ** np.arange(-6.0, -1.0, 1 / 24), 10.0 ** np.arange(-1.0, 0.1, 1 / 100)])
"""E_secondary over the kinetic energy per nucleon of the beam; beyond the last there is nothing."""

_PRODUCTS: Final = ("gamma", "neutrino")
_BEAMS: Final = ("proton", "helium")
_STEP: Final[Mapping[str, int]] = MappingProxyType({"gamma": 2, "neutrino": 1})


@cache
def _cubics(product: str, beam: str) -> Float64:
    """Return the coefficients of the monotone cubics in ln(fraction), shape [4, stretch, row]."""
    from scipy.interpolate import PchipInterpolator

    path = Path(str(files("crsea_infer.physics") / "data" / TABLE))
    sizes = {"fraction": FRACTIONS.size}
    sizes |= {f"{one}_energy": len(range(FIRST_ROW, LAST_ROW + 1, _STEP[one])) for one in _PRODUCTS}
    schema = {
        f"{one}_{other}": ArraySpec((f"{one}_energy", "fraction"), ("f4",), "not negative")
        for one in _PRODUCTS
        for other in _BEAMS
    }
    with refusing(f"{path} is not a readable table of cross-sections", fix=_FIX), open_hdf5(path) as file:
        check_headers(file.headers, schema, sizes, where=str(path), fix=_FIX, limit=file.limit)
        found = check_numbers({name: file.array(name) for name in file.headers}, schema, where=str(path), fix=_FIX)
    values = found[f"{product}_{beam}"].astype(float)
    return np.asarray(PchipInterpolator(np.log(FRACTIONS), values, axis=1).c).reshape(4, FRACTIONS.size - 1, -1)


_FIX: Final = "install crsea_infer again"


def _tabulated(product: Product, secondary: Float64, kinetic: Float64, beam: Species) -> Float64:
    """Return the cross-section from the table at matching 1-D arrays, cm2/GeV per hydrogen atom."""
    cubics = _cubics(product, beam)
    nodes = np.log(FRACTIONS)
    fraction = np.maximum(secondary / kinetic, FRACTIONS[0])  # below, what matters nowhere goes on as a power law
    log = np.log(fraction)
    stretch = np.clip(np.searchsorted(nodes, log, side="right") - 1, 0, nodes.size - 2)
    beyond = log - nodes[stretch]
    row = (np.log10(kinetic) * ROWS_PER_DECADE - FIRST_ROW) / _STEP[product]
    row = np.clip(row, 0.0, cubics.shape[2] - 1.0)
    nearest = np.round(row)
    row = np.where(np.abs(row - nearest) < 1e-6, nearest, row)  # the energies of contractions are rows
    lower = np.minimum(row.astype(np.int64), cubics.shape[2] - 2)
    weight = row - lower
    found = np.zeros(secondary.size)
    for which, share in ((lower, 1.0 - weight), (lower + 1, weight)):
        a, b, c, d = cubics[:, stretch, which]
        found += share * (((a * beyond + b) * beyond + c) * beyond + d)
    found = np.where(fraction <= FRACTIONS[-1], np.maximum(found, 0.0), 0.0)
    return np.asarray(found * MILLIBARN / (kinetic * fraction) / (secondary / kinetic))


def differential_cross_section(product: Product, secondary: Float64, kinetic: Float64, beam: Species) -> Float64:
    """Return d sigma / dE per hydrogen atom of interstellar gas, helium (He/H = 0.1) included, in cm2/GeV.

    Parameters
    ----------
    product
        "gamma" or "neutrino" (one flavour, neutrino plus antineutrino, one third of all flavours).
    secondary
        Energy of the secondary, GeV.
    kinetic
        Kinetic energy of the beam particle per nucleon, GeV; broadcasts with `secondary`.
    beam
        "proton" or "helium".

    Raises
    ------
    UserError
        When the product or the beam is not known.
    """
    if product not in _PRODUCTS:
        raise unknown_name("product", product, _PRODUCTS)
    if beam not in _BEAMS:
        raise unknown_name("beam", beam, _BEAMS)
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
