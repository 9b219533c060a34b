"""What is to be cited for the physics of a response grid: only what the requests and the parameters made use of.

Each reference stands beside the formula or the table that it belongs to; here they are put together as
:class:`crsea_infer.emulator.response.bound.Bound` puts the physics together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.emulator.response.bound import INFRARED, LEPTON_SCALES
from crsea_infer.emulator.response.cross_sections import Mixture
from crsea_infer.emulator.response.gas_mix import IONISED_SCALE
from crsea_infer.physics import aafrag, absorption, electrons, hadronic, kafexhiu
from crsea_infer.physics.analytic_gas import GAS_REFERENCES
from crsea_infer.physics.constants import SUN_RADIUS, SUN_REFERENCES
from crsea_infer.physics.gas_groups import IONISED_REFERENCES
from crsea_infer.physics.masks import MASK_REFERENCES, disc_scale
from crsea_infer.physics.radiation_field import RADIATION_REFERENCES
from crsea_infer.physics.regions import parse_region
from crsea_infer.physics.sources import SOURCE_REFERENCES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from crsea_infer.emulator.response.cross_sections import Choice
    from crsea_infer.emulator.sky_model import Request
    from crsea_infer.grids.response_grid import GridSettings
    from crsea_infer.physics.analytic_gas import GasModel
    from crsea_infer.physics.hadronic import Product

__all__ = ["CROSS_SECTION_REFERENCES", "folded_references", "physics_references"]

CROSS_SECTION_REFERENCES: Final[Mapping[Choice, tuple[str, ...]]] = {
    "kelner-aharonian": (*hadronic.REFERENCES, *hadronic.NUCLEAR_REFERENCES),
    "aafrag": aafrag.REFERENCES,
    "kafexhiu": (*kafexhiu.REFERENCES, *hadronic.NUCLEAR_REFERENCES),
}
"""To cite, by the parametrisation of pion production; two of them scale to helium as HERMES does."""


def physics_references(
    settings: GridSettings, requests: Sequence[Request], parameters: Collection[str], *, absorbed: bool = True
) -> list[tuple[str, str]]:
    """Return pairs of a reference and what it was used for.

    Parameters
    ----------
    settings
        Of the grid.
    requests
        What was asked of the sky model.
    parameters
        Names of the parameters with which it was asked.
    absorbed
        Whether gamma rays are absorbed on their way.
    """
    sky = [request for request in requests if request.region is not None]
    found: list[tuple[str, str]] = []

    def cite(references: Sequence[str], use: str) -> None:
        found.extend((reference, use) for reference in references)

    if sky or any(request.radius is not None for request in requests):
        transport = settings.transport
        cite(SOURCE_REFERENCES[transport.sources], f"distribution of sources ({transport.sources})")
        if transport.sun_radius == SUN_RADIUS:
            cite(SUN_REFERENCES, "distance of the Sun from the Galactic centre")
    products: list[Product] = [one for one in ("gamma", "neutrino") if any(r.messenger == one for r in sky)]
    used = {name: np.zeros(()) for name in parameters}
    choices = [Mixture.of(used, settings.cross_section, product).choices for product in products]
    found += folded_references(
        dict.fromkeys(one for each in choices for one in each), settings.gas_model if sky else None
    )
    if sky and IONISED_SCALE in parameters:
        cite(IONISED_REFERENCES, "ionised hydrogen")
    if "gamma" in products:
        found += _of_gamma_rays(settings, parameters, absorbed=absorbed)
    masks = {parse_region(request.region).mask for request in sky if request.region is not None}
    if any(disc_scale(mask) is not None for mask in masks):
        cite(MASK_REFERENCES, "mask of known sources")
    return found


def folded_references(choices: Collection[Choice], gas: GasModel | None) -> list[tuple[str, str]]:
    """Return what is to be cited for the cross-sections of pion production and for the gas, None for no gas."""
    found = [
        (reference, f"cross-section of pion production ({choice})")
        for choice in choices
        for reference in CROSS_SECTION_REFERENCES[choice]
    ]
    return found + [(reference, f"gas ({gas})") for reference in (() if gas is None else GAS_REFERENCES[gas])]


def _of_gamma_rays(settings: GridSettings, parameters: Collection[str], *, absorbed: bool) -> list[tuple[str, str]]:
    found = [(one, "absorption of gamma rays on the CMB") for one in absorption.REFERENCES if absorbed]
    if absorbed and INFRARED in parameters:
        found += [(one, "absorption on infrared and starlight") for one in RADIATION_REFERENCES["discs"]]
    if settings.electrons is not None and any(scale in parameters for scale in LEPTON_SCALES.values()):
        found += [(one, "electrons at the Sun") for one in electrons.SPECTRUM_REFERENCES]
        found += [(one, "magnetic field") for one in electrons.FIELD_REFERENCES]
        field = settings.electrons.radiation_field
        found += [(one, f"radiation field ({field})") for one in RADIATION_REFERENCES[field]]
    return found
