"""Cosmic-ray electrons and positrons: their spectrum at the Sun, their energy losses, and their steady state.

Electrons obey -div(D grad n) - d/dE (b n) = q with the diffusion coefficient, the sources and the boundaries of the
nuclei (see :mod:`crsea_infer.physics.transport`) and b the rate of energy loss to synchrotron and inverse-Compton
radiation. Here D0 and delta(R_sun) matter, because losses compete with diffusion. As for nuclei only the density
relative to the Sun is used: the spectrum at the Sun is the measured one.

D does not depend on z, and b is taken at its mean over the disc (|z| < 1 kpc), so cosine modes in z decouple. The
equation is marched from high energy to low with a second-order backward formula on even steps of ln E, for all modes in
one batch of tridiagonal systems per step. Steps, modes and cells are fixed in number, so that densities are smooth
functions of the transport parameters. Sources are continuous; above about 1 TeV the real sky has few, nearby sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.constants import CENTIMETRES_PER_KILOPARSEC, ELECTRON_MASS, SUN_RADIUS, THOMSON_CROSS_SECTION
from crsea_infer.physics.inverse_compton import SPEED_OF_LIGHT, field_energy_loss
from crsea_infer.physics.radiation_field import FIELDS, field_scaling
from crsea_infer.physics.sources import source_layers
from crsea_infer.physics.transport import REFERENCE_RIGIDITY, solve_tridiagonal

if TYPE_CHECKING:
    from crsea_infer.physics.radiation_field import FieldModel
    from crsea_infer.physics.transport import TransportSettings
    from crsea_infer.support.arrays import Float64

__all__ = [
    "FIELD_REFERENCES",
    "SPECTRUM_REFERENCES",
    "ElectronSettings",
    "ElectronSolver",
    "loss_rate",
    "magnetic_field",
    "measured_intensity",
]

SPECTRUM_REFERENCES: Final = ("AMS:2019iwo", "AMS:2019rhg", "arXiv:1711.10981")
"""To cite for the spectrum of electrons and positrons at the Sun."""

FIELD_REFERENCES: Final = ("arXiv:astro-ph/9811296",)
"""To cite for the magnetic field."""

_DISC_HEIGHTS: Final = np.linspace(0.0, 1.0, 11)  # kpc: over which losses are averaged
_FIELD_ENERGY_PER_MICROGAUSS: Final = 2.4834e-11  # GeV cm^-3: B^2 / (8 pi) of 1 microgauss
_AVERAGED_ABOVE: Final = 0.99  # kpc: below any halo height
_WIDEST_MEAN: Final = 0.5  # kpc
_TILT: Final = 1.2  # b n falls about as E^-1.2; taking that out makes the marched function nearly constant


def measured_intensity(energies: Float64) -> Float64:
    """Return the intensity of electrons plus positrons outside the heliosphere, GeV^-1 cm^-2 s^-1 sr^-1.

    Parameters
    ----------
    energies
        Total energy, GeV, 1 GeV and above.

    Notes
    -----
    Status: published fits, checked against the measured tables. Electrons: two power laws and a turn-over at 3.94 GeV,
    AMS-02 2019 (PRL 122, 101101), without its term for solar modulation, times the break of DAMPE 2017 (Nature 552, 63,
    arXiv:1711.10981) at 914 GeV from a slope of 3.09 to 3.92. Positrons: diffuse and source terms of AMS-02 2019 (PRL
    122, 041102), likewise, the diffuse one with the turn-over of the electrons.

    With the potentials that were fitted with them (0.87 and 1.10 GV) the terms reproduce the tables of AMS-02 from 10
    to 160 GeV, electrons to 2 per cent and positrons to 5, and to 10 per cent up to 600 GeV. The sum lies between the
    experiments: 3 to 8 per cent above CALET 2023 (PRL 131, 191001) and 6 to 16 per cent below DAMPE from 100 to 850
    GeV, 20 to 30 per cent below the fit of DAMPE from 1 to 3 TeV. Below 10 GeV solar modulation makes it uncertain by
    25 per cent: a potential of 0.6 GV would lower it by 7 per cent at 20 GeV.
    """
    energy = np.asarray(energies, dtype=float)
    turn_over = 1.0 / (1.0 + (energy / 3.94) ** -2.14)
    electrons = turn_over * (1.13e-2 * (energy / 20.0) ** -4.31 + 3.96e-6 * (energy / 300.0) ** -3.14)
    electrons = electrons * (1.0 + (energy / 914.0) ** (0.83 / 0.1)) ** -0.1
    diffuse = turn_over * 6.51e-2 * (energy / 7.0) ** -4.07
    source = 6.80e-5 * (energy / 60.0) ** -2.58 * np.exp(-energy / 813.0)
    return np.asarray((electrons + diffuse + source) * 1e-4)


@dataclass(frozen=True)
class ElectronSettings:
    """Physics and numerics of the transport of electrons.

    Attributes
    ----------
    diffusion_coefficient
        D0 at 4 GV, cm2/s, for a halo of `reference_height`. D0 is proportional to the halo height: the boron-to-carbon
        ratio fixes their quotient (3.8e28 cm2/s is the value of the published DRAGON set-up).
    reference_height
        kpc.
    delta_sun
        Exponent of diffusion at the solar circle.
    injection_slope, cutoff
        Sources inject E^-slope exp(-E / cutoff), cutoff in GeV. Only the ratio to the Sun depends on them, weakly.
    magnetic_field, magnetic_length, magnetic_height
        Total field at the Sun, microgauss, and its exponential scales in R, counted from the Sun, and z, kpc (Strong,
        Moskalenko and Reimer 2000, ApJ 537, 763; GALPROP counts R from its own Sun, at 8.5 kpc).
    n_radial, n_modes, steps_per_decade
        Numerics: radial cells, cosine modes, steps of energy.
    lowest, decades
        Lowest energy, GeV, and decades above it.
    thinning
        Every `thinning`-th step of energy is returned.
    radiation_field
        How the infrared and the starlight vary over the Galaxy.
    """

    diffusion_coefficient: float = 3.8e28
    reference_height: float = 4.7
    delta_sun: float = 0.5
    injection_slope: float = 2.5
    cutoff: float = 1.0e5
    magnetic_field: float = 6.1
    magnetic_length: float = 10.0
    magnetic_height: float = 2.0
    n_radial: int = 80
    n_modes: int = 64
    steps_per_decade: int = 16
    lowest: float = 1.0
    decades: int = 7
    thinning: int = 4
    radiation_field: FieldModel = "discs"

    @property
    def energies(self) -> Float64:
        """Energies of the steps, GeV, ascending."""
        return np.asarray(
            self.lowest * 10 ** (np.arange(self.decades * self.steps_per_decade + 1) / self.steps_per_decade)
        )


def magnetic_field(radii: Float64, heights: Float64, settings: ElectronSettings) -> Float64:
    """Return the magnetic field, microgauss, at radii [n_radial] and heights [n_z] in kpc: shape [n_radial, n_z]."""
    radial = np.exp(-(np.asarray(radii) - SUN_RADIUS) / settings.magnetic_length)
    return np.asarray(settings.magnetic_field * np.outer(radial, np.exp(-np.abs(heights) / settings.magnetic_height)))


def loss_rate(energies: Float64, radii: Float64, settings: ElectronSettings) -> Float64:
    """Return the rate of energy loss in the disc, the mean over |z| < 1 kpc, GeV/s.

    Parameters
    ----------
    energies
        GeV, shape [n_energy].
    radii
        kpc, shape [n_radial].
    settings
        Magnetic field.

    Returns
    -------
    Float64
        Shape [n_energy, n_radial]. Synchrotron of isotropic electrons, plus inverse Compton on every part of the
        radiation field. Bremsstrahlung and ionisation, slower than escape above 1 GeV, are left out.
    """
    energy = np.asarray(energies, dtype=float)
    magnetic = np.mean(magnetic_field(radii, _DISC_HEIGHTS, settings) ** 2, axis=1) * _FIELD_ENERGY_PER_MICROGAUSS
    synchrotron = 4.0 / 3.0 * THOMSON_CROSS_SECTION * SPEED_OF_LIGHT * (energy / ELECTRON_MASS) ** 2
    scaling = field_scaling(radii, _DISC_HEIGHTS, settings.radiation_field).mean(axis=2)  # [field, R]
    losses = np.stack([field_energy_loss(energy, field) for field in FIELDS], axis=1)  # [energy, field]
    return np.asarray(np.outer(synchrotron, magnetic) + losses @ scaling)


@dataclass(frozen=True)
class ElectronSolver:
    """Steady-state transport of electrons at fixed physics, for any point of transport parameters.

    Attributes
    ----------
    settings
        Physics and numerics of the electrons.
    transport
        Sources, position of the Sun, rim, and radius at which the exponent of diffusion saturates.
    heights
        Heights at which densities are wanted, kpc, ascending from 0, shape [n_z] with n_z > 1.
    radii
        Centres of the radial cells, kpc, shape [n_radial].
    losses
        GeV/s, shape [step, n_radial].
    """

    settings: ElectronSettings
    transport: TransportSettings
    heights: Float64
    radii: Float64
    losses: Float64

    @classmethod
    def create(cls, settings: ElectronSettings, transport: TransportSettings, heights: Float64) -> ElectronSolver:
        """Compute the energy losses and return the solver."""
        cell = transport.disc_radius / settings.n_radial
        radii = np.asarray((np.arange(settings.n_radial) + 0.5) * cell)
        return cls(settings, transport, heights, radii, loss_rate(settings.energies, radii, settings))

    @property
    def energies(self) -> Float64:
        """Energies at which densities are returned, GeV, ascending."""
        return np.asarray(self.settings.energies[:: self.settings.thinning])

    def relative_density(self, delta_slope: float, halo_height: float) -> Float64:
        """Return the density of electrons relative to the Sun at each energy.

        Parameters
        ----------
        delta_slope
            Slope of the exponent of diffusion inside the saturation radius, 1/kpc.
        halo_height
            kpc.

        Returns
        -------
        Float64
            Shape [n_energy, n_radial, n_z], at `energies`, `radii` and `heights`; zero above the halo height. Above
            1 kpc the value at a height is a local mean, so that the edge of the halo passes smoothly over the heights.
        """
        wave_numbers = np.asarray((np.arange(self.settings.n_modes) + 0.5) * np.pi / halo_height)
        modes = self._modes(wave_numbers, delta_slope, halo_height)
        density = np.swapaxes(modes, 1, 2) @ self._vertical(wave_numbers, halo_height)
        sun = modes.sum(axis=1) @ self._sun_weights()
        return np.asarray(density / sun[:, None, None])

    def _vertical(self, wave_numbers: Float64, halo_height: float) -> Float64:
        """Return the cosines at the heights, shape [mode, n_z]: zero above the halo, locally averaged above 1 kpc."""
        z = self.heights
        k = wave_numbers[:, None]
        gaps = np.diff(z, prepend=2.0 * z[0] - z[1], append=2.0 * z[-1] - z[-2])
        width = np.minimum(np.minimum(gaps[1:], gaps[:-1]), _WIDEST_MEAN)

        def twice_integrated(at: Float64) -> Float64:
            inside = np.minimum(at, halo_height)
            return np.asarray(-np.cos(k * inside) / k**2 + (at - inside) * np.sin(k * halo_height) / k)

        # mean over a triangle of half-width `width`
        second_difference = twice_integrated(z + width) - 2.0 * twice_integrated(z) + twice_integrated(z - width)
        return np.where(z < _AVERAGED_ABOVE, np.cos(k * z), second_difference / width**2)

    def _sun_weights(self) -> Float64:
        """Weights of the radial cells that interpolate to the Sun, by the cubic through the four nearest."""
        first = int(np.searchsorted(self.radii, self.transport.sun_radius)) - 2
        weights = np.zeros(self.radii.size)
        near = range(first, first + 4)
        for j in near:
            others = [self.radii[k] for k in near if k != j]
            weights[j] = np.prod([(self.transport.sun_radius - r) / (self.radii[j] - r) for r in others])
        return weights

    def _modes(self, wave_numbers: Float64, delta_slope: float, halo_height: float) -> Float64:
        """Return the cosine modes of the density at the thinned energies, arbitrary units, shape [energy, mode, R]."""
        settings = self.settings
        energies = settings.energies
        n_steps = energies.size
        step = np.log(10.0) / settings.steps_per_decade
        cell = self.transport.disc_radius / settings.n_radial
        edges = np.asarray(np.arange(settings.n_radial + 1) * cell, dtype=np.float64)
        volume = self.radii * cell
        # kpc2/s
        scale = settings.diffusion_coefficient * halo_height / settings.reference_height / CENTIMETRES_PER_KILOPARSEC**2
        log_rigidity = np.log(energies / REFERENCE_RIGIDITY)[:, None]

        def diffusion(radius: Float64) -> Float64:
            exponent = settings.delta_sun + self.transport.delta_from_sun(radius, delta_slope)
            return np.asarray(scale * np.exp(exponent * log_rigidity))  # [step, radius]

        through_faces = edges * diffusion(edges) / cell
        through_faces[:, -1] *= 2.0  # free escape: the density vanishes half a cell beyond the last centre
        # rows of the matrix that do not depend on the mode: losses, and diffusion in R
        inverse_time = self.losses / energies[:, None] * volume
        radial = through_faces[:, :-1] + through_faces[:, 1:]
        vertical = diffusion(self.radii) * volume
        squares = wave_numbers[:, None] ** 2

        layers = source_layers(self.transport.sources)
        shape = np.sum(
            [
                np.outer(layer.vertical.cosine_coefficients(wave_numbers, halo_height), layer.radial(self.radii))
                for layer in layers
            ],
            axis=0,
        )  # [mode, R]
        shape = shape * volume * 1e-12  # any unit will do, this keeps numbers near one
        injected = energies ** (_TILT - settings.injection_slope) * np.exp(-energies / settings.cutoff)

        result = np.empty((settings.decades * settings.steps_per_decade // settings.thinning + 1, *shape.shape))
        # what is marched is Y = E^tilt b n. At the top losses beat diffusion, and Y follows from the sources alone:
        # with the cutoff far below the top, b n is the integral of a falling exponential
        top = energies[-1]
        falling = settings.injection_slope - 1.0 + top / settings.cutoff
        marched = shape / volume * injected[-1] * top / falling
        before = marched
        off_diagonal = np.empty(shape.shape)
        for i in range(n_steps - 1, -1, -1):
            if i < n_steps - 1:
                # second-order backward differentiation; the first step is of first order
                first = i == n_steps - 2
                lead, history = (1.0, marched) if first else (1.5, 2.0 * marched - 0.5 * before)
                diagonal = (lead / step + _TILT) * inverse_time[i] + radial[i] + vertical[i] * squares
                off_diagonal[:] = -through_faces[i, 1:]
                right = shape * injected[i] + history * (volume / (step * energies[i]))
                density = solve_tridiagonal(diagonal, off_diagonal, right)
                before, marched = marched, density * self.losses[i]
            else:
                density = marched / self.losses[i]
            if i % settings.thinning == 0:
                result[i // settings.thinning] = density
        return result
