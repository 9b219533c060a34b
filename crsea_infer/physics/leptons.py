"""Gamma rays of cosmic-ray electrons: inverse Compton and bremsstrahlung of sky regions.

The mean intensity of a region is a sum over places in the Galaxy of (density of electrons relative to the Sun) x (path
length times radiation, or gas column) x (kernel folded with the measured electrons at the Sun), with absorption on the
CMB along the way. Path lengths, columns and kernels do not depend on the transport parameters and are computed once;
a transport point then costs one march of the electron equation and one matrix product.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.absorption import cmb_absorption_coefficient
from crsea_infer.physics.bremsstrahlung import differential_cross_section
from crsea_infer.physics.electrons import ElectronSettings, ElectronSolver, measured_intensity
from crsea_infer.physics.gas import GasColumns, load_gas
from crsea_infer.physics.geometry import absorption_interpolation, region_weights
from crsea_infer.physics.inverse_compton import field_scattering
from crsea_infer.physics.paths import path_weights
from crsea_infer.physics.radiation_field import FIELDS, field_scaling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.physics.geometry import LineOfSight
    from crsea_infer.physics.regions import Region
    from crsea_infer.physics.transport import TransportSettings
    from crsea_infer.support.arrays import Float64

__all__ = ["LEPTON_COMPONENTS", "LEPTON_ENERGIES", "LeptonSolver", "folded_kernels", "lepton_heights"]

LEPTON_COMPONENTS: Final = ("IC", "bremsstrahlung")
"""Components, in the order of the arrays."""

LEPTON_ENERGIES: Final = np.geomspace(1.0, 1.0e6, 37)
"""Gamma-ray energies of the result, GeV: six per decade."""

_USUAL_TOP: Final = 12.0  # kpc
_POINTS: Final = 240  # of electron energy above a gamma-ray energy


def lepton_heights(highest: float = _USUAL_TOP) -> Float64:
    """Return the heights at which electrons are needed, kpc: evenly through the disc, and evenly through the halo.

    Parameters
    ----------
    highest
        The largest halo that is asked for, kpc; the heights reach 12 kpc at least.

    Notes
    -----
    Both steps keep the intensity a smooth function of the halo height, which an emulator needs. In the disc the cosine
    modes are sampled at points: a step near the wavelength of the highest mode, 0.063 kpc in a halo of 2 kpc, would
    let that mode pass for the mean. In the halo the density is averaged around each height: only with even steps do
    the averages cover all heights alike.
    """
    return np.concatenate([np.arange(0.0, 0.98, 0.04), np.arange(1.0, max(highest, _USUAL_TOP) + 0.05, 0.1)])


def folded_kernels(energies: Float64) -> Float64:
    """Return kernels folded with the electrons at the Sun, shape [part, gamma-ray energy, electron energy].

    The parts are those of the radiation field, then gas. The relative density of electrons, given at `energies`, is
    interpolated by a cubic spline in ln E.
    """
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(np.log(energies), np.eye(energies.size))
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    matrix = np.empty((len(FIELDS) + 1, LEPTON_ENERGIES.size, energies.size))
    for i, gamma in enumerate(LEPTON_ENERGIES):
        # most nodes near the kinematic limit, where the kernels of starlight and of bremsstrahlung are sharp
        width = np.log(energies[-1] / gamma)
        unit = (nodes + 1.0) / 2.0
        electron = gamma * np.exp(width * unit**2)
        measure = weights / 2.0 * width * 2.0 * unit * electron * measured_intensity(electron)
        kernels = [field_scattering(np.asarray(gamma), electron, field) for field in FIELDS]
        kernels.append(differential_cross_section(np.asarray(gamma), electron))
        matrix[:, i] = (np.stack(kernels) * measure) @ spline(np.log(electron))
    return matrix


@dataclass(frozen=True)
class LeptonSolver:
    """The transport of electrons seen through the eyes of some sky regions.

    Attributes
    ----------
    electrons
        The transport solver.
    weights
        Path lengths times relative energy density (cm) for each part of the radiation field, then hydrogen columns
        (cm^-2), shape [region, absorption node, part, n_radial * n_z].
    fold
        Kernels times the spectrum at the Sun, shape [part, gamma-ray energy, electron energy].
    absorption
        Interpolation from the absorption nodes, shape [gamma-ray energy, absorption node].
    """

    electrons: ElectronSolver
    weights: Float64
    fold: Float64
    absorption: Float64

    @classmethod
    def for_regions(
        cls,
        regions: Sequence[Region],
        *,
        transport: TransportSettings,
        line_of_sight: LineOfSight,
        gas: GasColumns | None = None,
        settings: ElectronSettings | None = None,
        highest: float = _USUAL_TOP,
    ) -> LeptonSolver:
        """Compute geometry and kernels.

        Parameters
        ----------
        regions
            The sky regions, anywhere on the sky.
        transport
            Sources, position of the Sun, rim and saturation of diffusion, as for nuclei.
        line_of_sight
            Step along lines of sight, position of the Sun for the gas, X_CO.
        gas
            Ring columns; defaults to the table shipped with the package.
        settings
            Physics and numerics of the electrons.
        highest
            The largest halo that will be asked for, kpc.
        """
        heights = lepton_heights(highest)
        electrons = ElectronSolver.create(ElectronSettings() if settings is None else settings, transport, heights)
        sight = dataclasses.replace(line_of_sight, heights=heights)
        paths = path_weights(regions, electrons.radii, disc_radius=transport.disc_radius, settings=sight)
        columns = region_weights(
            regions,
            load_gas() if gas is None else gas,
            electrons.radii,
            disc_radius=transport.disc_radius,
            settings=sight,
        ).sum(axis=1)
        scaling = field_scaling(electrons.radii, heights, electrons.settings.radiation_field)
        weights = np.concatenate([paths[:, :, None] * scaling, columns[:, :, None]], axis=2)
        return cls(
            electrons=electrons,
            weights=np.ascontiguousarray(weights.reshape(*weights.shape[:3], -1)),  # or each call would copy it
            fold=folded_kernels(electrons.energies),
            absorption=absorption_interpolation(cmb_absorption_coefficient(LEPTON_ENERGIES)),
        )

    def __call__(self, delta_slope: float, halo_height: float) -> Float64:
        """Return mean intensities, GeV^-1 cm^-2 s^-1 sr^-1, shape [region, component, gamma-ray energy].

        Parameters
        ----------
        delta_slope
            Slope of the exponent of diffusion inside the saturation radius, 1/kpc.
        halo_height
            kpc.
        """
        density = self.electrons.relative_density(delta_slope, halo_height)
        places = density.reshape(density.shape[0], -1)
        # [region, absorption node, part, electron energy]; one product of two matrices takes a fifth of many small ones
        received = (self.weights.reshape(-1, places.shape[1]) @ places.T).reshape(*self.weights.shape[:-1], -1)
        parts = np.einsum("ga,rape,pge->rpg", self.absorption, received, self.fold, optimize=True)
        return np.stack([parts[:, :-1].sum(axis=1), parts[:, -1]], axis=1)
