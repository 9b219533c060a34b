"""Cross-sections of pion production as continuous parameters: contractions of several, mixed with free weights.

What a region receives is linear in the cross-section, so a mixture of parametrisations is the same mixture of their
matrices, exactly. `cross_section_mix` m leads from Kelner and Aharonian (0) to AAfrag (1), for gamma rays and neutrinos
alike; `cross_section_kafexhiu` k replaces that share of the gamma rays by those of Kafexhiu and colleagues, who give no
neutrinos:

    sigma_gamma = (1 - k) [(1 - m) sigma_KA + m sigma_AAfrag] + k sigma_Kafexhiu,
    sigma_neutrino = (1 - m) sigma_KA + m sigma_AAfrag.

A hypothesis with neither has the cross-section of its grid; one with k alone has that of the grid for m.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from crsea_infer.physics import aafrag, kafexhiu
from crsea_infer.physics.hadronic import NUCLEAR_FACTOR, differential_cross_section
from crsea_infer.support.arrays import array_namespace, stack_last
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.physics.hadronic import Product
    from crsea_infer.physics.local_spectrum import Species
    from crsea_infer.support.arrays import Array, Float64

__all__ = ["MIX_PARAMETERS", "Choice", "Mixture", "kernel"]

Choice = Literal["kelner-aharonian", "aafrag", "kafexhiu"]

_MIX: Final = "cross_section_mix"
_KAFEXHIU: Final = "cross_section_kafexhiu"
MIX_PARAMETERS: Final = (_MIX, _KAFEXHIU)
"""m and k of the module's formula."""


def kernel(choice: Choice, species: Species, product: Product, energies: Float64, kinetic: Float64) -> Float64:
    """Return d sigma / dE per hydrogen atom of the gas, helium in it included, cm2/GeV.

    Parameters
    ----------
    choice
        The parametrisation.
    species, product
        Beam and secondary.
    energies, kinetic
        Of the secondary and of the beam (per nucleon), GeV; they broadcast.
    """
    if choice == "aafrag":
        return aafrag.differential_cross_section(product, energies, kinetic, species)
    if choice == "kafexhiu":
        if product != "gamma":
            raise UserError("Kafexhiu et al. 2014 give no neutrinos", valid="gamma rays")
        return NUCLEAR_FACTOR[species] * kafexhiu.differential_cross_section(energies, kinetic)
    return NUCLEAR_FACTOR[species] * differential_cross_section(product, energies, kinetic)


@dataclass(frozen=True)
class Mixture:
    """Parametrisations of one secondary, and their weights at the points of a call.

    Attributes
    ----------
    choices
        One or more.
    weights
        [..., choice]; None for a single one.
    """

    choices: tuple[Choice, ...]
    weights: Array | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, Array], base: Choice, product: Product) -> Mixture:
        """Return the mixture of some parameters, all of one batch shape, for a grid of the cross-section `base`."""
        with_kafexhiu = product == "gamma" and _KAFEXHIU in parameters
        if not with_kafexhiu and _MIX not in parameters:
            return cls((base,))
        choices: tuple[Choice, ...] = (base,)
        weights = [1.0]
        if _MIX in parameters:
            mix = parameters[_MIX]
            choices = ("kelner-aharonian", "aafrag")
            weights = [1.0 - mix, mix]
        if with_kafexhiu:
            share = parameters[_KAFEXHIU]
            choices = (*choices, "kafexhiu")
            weights = [*((1.0 - share) * weight for weight in weights), share]
        return cls(choices, stack_last(array_namespace(weights[-1]), weights))
