"""The exact contraction of responses with the local cosmic-ray spectra.

The mean intensity of a region is an integral over the energy of the cosmic rays of (cross-section) x (local spectrum) x
(effective column at that rigidity). The column is a polynomial in the logarithm of rigidity, so the integral becomes a
matrix that is computed once per request, applied to the local spectra, and contracted with the responses: no table of
spectra is interpolated, whatever the breaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from crsea_infer.emulator.response.cross_sections import Choice, kernel
from crsea_infer.physics.absorption import cmb_absorption_coefficient
from crsea_infer.physics.geometry import absorption_interpolation
from crsea_infer.physics.interpolation import interpolation_matrix
from crsea_infer.physics.local_spectrum import Species, local_intensity, rigidity
from crsea_infer.support.arrays import Array, Float64, array_namespace
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.physics.hadronic import Product

__all__ = ["COLUMN_UNIT", "ENERGY_RANGE", "SpectralFold", "Stretch", "lattice"]

ENERGY_RANGE: Final = (1.0, 5.0e6)
"""Energies of gamma rays and neutrinos that the model covers, GeV."""

_POINTS_PER_DECADE: Final[Mapping[str, int]] = MappingProxyType({"gamma": 20, "neutrino": 40})
# with breaks rounded over 0.1 in ln rigidity the intensity is right to 5e-5; neutrinos of pion decay end in an edge,
# which takes finer steps (docs/physics.md has the table)
_DECADES_ABOVE: Final = 4.0  # of cosmic-ray energy above the secondary's: what lies beyond contributes less than 5e-5
_SQUARE_METRES_TO_CM: Final = 1e-4
_ROUNDING: Final = 1e-14
COLUMN_UNIT: Final = 1e22  # cm^-2: moments and columns are counted in it, so that single precision holds them


def lattice(product: Product, first: int, n: int) -> Float64:
    """Return n nodes of the kinetic energy per nucleon, GeV, from node number `first`; number 0 is 1 GeV."""
    return np.asarray(10.0 ** ((first + np.arange(n)) / _POINTS_PER_DECADE[product]))


def _emission(choice: Choice, product: Product, energies: Float64, kinetic: Float64, enhancement: float) -> Float64:
    """Return the emission per column of 1e22 cm^-2 and per node of kinetic energy [2, n_kinetic, n_energies]."""
    step = np.log(10.0) / _POINTS_PER_DECADE[product]
    measure = kinetic * step * (_SQUARE_METRES_TO_CM * COLUMN_UNIT * enhancement)
    species: tuple[Species, ...] = ("proton", "helium")
    return np.stack([(kernel(choice, one, product, energies[:, None], kinetic) * measure).T for one in species])


class Stretch(NamedTuple):
    """Nodes that a contraction shares with others, whatever their product.

    Every second node of neutrinos is one of gamma rays; the others have a lattice of their own.

    Attributes
    ----------
    lattice
        "common", or "between" for the nodes that only neutrinos have.
    first
        Number of the first node on it.
    rows
        Which of the contraction's nodes these are.
    """

    lattice: Literal["common", "between"]
    first: int
    rows: slice

    def energies(self, first: int, last: int) -> Float64:
        """Return nodes number `first` to `last` - 1 of this lattice, GeV, the same to the last bit for all products."""
        if self.lattice == "common":
            return lattice("gamma", first, last - first)
        return lattice("neutrino", 2 * first + 1, 2 * (last - first))[::2]


@dataclass(frozen=True)
class SpectralFold:
    """The matrices of one request.

    Attributes
    ----------
    product
        "gamma" or "neutrino".
    first
        Place of the first node on the lattice of kinetic energies, which all contractions of a product share.
    kinetic
        Nodes of kinetic energy per nucleon, GeV, shape [n_kinetic].
    kernel
        Emission per column of 1e22 cm^-2 of (protons, helium) at the nodes, shape [2, n_kinetic, n_energies], by the
        cross-section of the grid.
    interpolation
        Takes columns at the nodes in rigidity to the kinetic energies, shape [2, n_kinetic, n_nodes].
    absorption, nodes
        Take responses to columns: shapes [n_energies, absorption] and [n_nodes, rigidity].
    energies
        Of the request, GeV, shape [n_energies].
    cross_section, enhancement
        As :meth:`for_energies`.
    """

    product: Product
    first: int
    kinetic: Float64
    kernel: Float64
    interpolation: Float64
    absorption: Float64
    nodes: Float64
    energies: Float64
    cross_section: Choice = "kelner-aharonian"
    enhancement: float = 1.0

    def kernel_of(self, choice: Choice) -> Float64:
        """Return the same as :attr:`kernel` by a cross-section that need not be that of the grid."""
        if choice == self.cross_section:
            return self.kernel
        return _emission(choice, self.product, self.energies, self.kinetic, self.enhancement)

    @cached_property
    def matrix(self) -> Float64:
        """Takes (proton, helium) intensities at the nodes to the moments, [2 n_kinetic, n_energies * n_nodes]."""
        moments = self.kernel[:, :, :, None] * self.interpolation[:, :, None, :]
        return moments.reshape(2 * self.kinetic.size, -1)

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """The nodes, by the lattice on which they lie."""
        if self.product == "gamma":
            return (Stretch("common", self.first, slice(0, None, 1)),)
        odd = self.first % 2
        common = Stretch("common", (self.first + 1) // 2, slice(odd, None, 2))
        return common, Stretch("between", self.first // 2, slice(1 - odd, None, 2))

    @cached_property
    def is_absorbed(self) -> bool:
        """Whether columns depend on the energy of the gamma rays or neutrinos, beyond rounding."""
        return bool(np.abs(self.absorption - self.absorption[0]).sum(axis=1).max() > _ROUNDING)

    @classmethod
    def for_energies(
        cls,
        product: Product,
        energies: Float64,
        rigidities: Float64,
        *,
        absorb: bool,
        cross_section: Choice = "kelner-aharonian",
        enhancement: float = 1.0,
    ) -> SpectralFold:
        """Prepare the contraction for gamma rays or neutrinos of the given energies.

        Parameters
        ----------
        product
            "gamma" or "neutrino".
        energies
            GeV, shape [n_energies].
        rigidities
            Chebyshev nodes of the responses, GV, shape [rigidity].
        absorb
            Whether gamma rays are absorbed on the CMB.
        cross_section
            That of the grid.
        enhancement
            Factor for nuclei heavier than helium.

        Raises
        ------
        UserError
            When an energy lies outside the range of the model.
        """
        low, high = ENERGY_RANGE
        bad = energies[~((energies >= low) & (energies <= high))]
        if bad.size:
            raise UserError(
                f"energy {bad[0]:g} GeV is outside the range of the model", valid=f"{low:g} to {high:g} GeV"
            )
        # both species must stay within the rigidities that responses cover
        top = min(energies.max() * 10**_DECADES_ABOVE, rigidities.max() / 2.1)
        # a small allowance keeps energies that lie on the lattice on it
        first = int(np.floor(np.log10(energies.min()) * _POINTS_PER_DECADE[product] + 1e-9))
        n_kinetic = int(np.floor(np.log10(top) * _POINTS_PER_DECADE[product])) - first + 1
        kinetic = lattice(product, first, n_kinetic)

        rigidity_proton = np.asarray(rigidity("proton", kinetic))
        rigidity_helium = np.asarray(rigidity("helium", kinetic))
        decades = np.log10(rigidity_helium[-1] / rigidity_proton[0])
        n_nodes = min(rigidities.size, int(np.ceil(decades)) + 3)
        unit = -np.cos(np.pi * (np.arange(n_nodes) + 0.5) / n_nodes)
        ends = np.log(rigidity_proton[0]), np.log(rigidity_helium[-1])
        log_nodes = (ends[0] + ends[1]) / 2 + (ends[1] - ends[0]) / 2 * unit
        onto_nodes = interpolation_matrix(np.log(rigidities), log_nodes)

        onto_kinetic = [interpolation_matrix(log_nodes, np.log(at)) for at in (rigidity_proton, rigidity_helium)]
        coefficients = (
            cmb_absorption_coefficient(energies) if absorb and product == "gamma" else np.zeros(energies.size)
        )
        return cls(
            product=product,
            first=first,
            kinetic=kinetic,
            kernel=_emission(cross_section, product, energies, kinetic, enhancement),
            interpolation=np.stack(onto_kinetic),
            absorption=absorption_interpolation(coefficients),
            nodes=np.asarray(onto_nodes),
            energies=energies,
            cross_section=cross_section,
            enhancement=enhancement,
        )

    def columns(self, responses: Array) -> Array:
        """Return effective columns at the energies and nodes of the request, in units of 1e22 cm^-2.

        Parameters
        ----------
        responses
            cm^-2, shape [..., absorption, rigidity].

        Returns
        -------
        Array
            Shape [..., n_energies, n_nodes].
        """
        xp = array_namespace(responses)
        at_nodes = xp.matmul(responses / COLUMN_UNIT, xp.asarray(self.nodes.T))
        return xp.matmul(xp.asarray(self.absorption), at_nodes)

    def moments(self, parameters: Mapping[str, Array]) -> Array:
        """Return intensity per 1e22 cm^-2 of column, at each energy and node, shape [..., n_energies, n_nodes]."""
        proton = local_intensity("proton", self.kinetic, parameters)
        helium = local_intensity("helium", self.kinetic, parameters)
        xp = array_namespace(proton)
        flat = xp.matmul(xp.concat([proton, helium], axis=-1), xp.asarray(self.matrix))
        return xp.reshape(flat, (*flat.shape[:-1], self.absorption.shape[0], self.nodes.shape[0]))
