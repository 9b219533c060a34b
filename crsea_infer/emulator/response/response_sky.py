"""The two sky models: one backed by the response emulator, one by the transport solver itself.

Both answer the same requests through the same contraction; they differ only in where the responses come from, which is
what the exact check of an inference compares. A region that the emulator was not trained on is added when it is first
asked for, by solving transport on the emulator's own design for that region (a few seconds; electrons more), and kept
(:mod:`crsea_infer.emulator.response.region_cache`).
"""

from __future__ import annotations

import dataclasses
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from scipy.interpolate import CubicSpline

from crsea_infer.emulator.response.bound import Bound, CosmicRayRequest, gather_energies
from crsea_infer.emulator.response.chebyshev import ResponseEmulator
from crsea_infer.emulator.response.chosen_settings import emulator_of, with_physics
from crsea_infer.emulator.response.contraction import Family, SkyRequest, Transport, group_requests
from crsea_infer.emulator.response.cross_sections import MIX_PARAMETERS
from crsea_infer.emulator.response.fold import SpectralFold
from crsea_infer.emulator.response.galactic_parameters import galactic_parameters
from crsea_infer.emulator.response.gas_mix import GasMix
from crsea_infer.emulator.response.group_store import shipped_groups
from crsea_infer.emulator.response.physics_references import physics_references
from crsea_infer.emulator.response.region_cache import RegionCache
from crsea_infer.emulator.response.solved import Solve, Solved, Solving
from crsea_infer.emulator.response.trained import Amplitudes, Trained
from crsea_infer.emulator.sky_model import BoundModel, Request, SkyModel
from crsea_infer.emulator.source import refuse_options
from crsea_infer.emulator.validation_table import stated_relative_error
from crsea_infer.physics.infrared_absorption import effective_depth
from crsea_infer.physics.leptons import LEPTON_ENERGIES
from crsea_infer.physics.local_spectrum import Species, kinetic_energy, rigidity
from crsea_infer.physics.regions import parse_region, region_key
from crsea_infer.physics.transport import relative_density
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import arrays_digest, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.parameters import SkyParameters
    from crsea_infer.grids.response_grid import GridSettings
    from crsea_infer.hypotheses.demanded_physics import DemandedPhysics
    from crsea_infer.physics.hadronic import Product
    from crsea_infer.support.arrays import Array, Float64

__all__ = ["EmulatedSky", "ExactSky"]

_CROSS_SECTIONS: Final = {
    "kelner-aharonian": "Kelner, Aharonian and Bugayov 2006 (Phys. Rev. D 74, 034018)",
    "aafrag": "AAfrag, Koldobskiy et al. 2021 (Phys. Rev. D 104, 123027)",
}
_ARRAYS: Final = ("coefficients", "basis", "lepton_coefficients", "lepton_basis")
_PHYSICS: Final = {
    "absorption": "pair production on the CMB (2.725 K); on infrared and starlight by infrared_absorption alone",
    "losses": "no hadronic energy losses: delta_sun and D0 cancel in the density relative to the Sun",
}


def _describe(settings: GridSettings) -> dict[str, str]:
    transport, sight = settings.transport, settings.line_of_sight
    return {
        **_PHYSICS,
        "cross_section": f"{_CROSS_SECTIONS[settings.cross_section]}, unless {' or '.join(MIX_PARAMETERS)} mixes them",
        "nuclei": "helium in beam and target (He/H = 0.1); factor "
        f"{settings.nuclear_enhancement:g} for heavier nuclei in the beam",
        "leptons": "none"
        if settings.electrons is None
        else "inverse Compton and bremsstrahlung of propagated electrons, "
        "in hypotheses that name the prior set 'leptons'",
        "sources": transport.sources,
        "geometry": f"Sun at {transport.sun_radius:g} kpc (transport) and {sight.sun_radius:g} kpc (gas rings); free "
        f"escape at {transport.disc_radius:g} kpc and at the halo height; exponent of diffusion constant beyond "
        f"{transport.saturation:g} kpc",
        "gas": settings.as_json()["gas"],
        "x_co": "per ring, 1e20 cm^-2 / (K km/s): " + " ".join(f"{value / 1e20:g}" for value in sight.x_co),
    }


def _disc_densities(settings: GridSettings, request: Request, parameters: Mapping[str, Array]) -> Float64:
    """Density in the plane at the radius of a request relative to the Sun [..., energy], by the solver."""
    species, energies = _species_and_energies(request)
    at = np.asarray(rigidity(species, energies))
    slopes, heights = np.asarray(parameters["delta_slope"]), np.asarray(parameters["halo_height"])
    pairs = zip(slopes.ravel(), heights.ravel(), strict=True)
    found = [
        _disc_density(settings, float(request.radius or 0.0), at, float(one), float(other)) for one, other in pairs
    ]
    return np.stack(found).reshape(*slopes.shape, energies.size)


def _disc_density(settings: GridSettings, radius: float, at: Float64, slope: float, height: float) -> Float64:
    """Density in the plane at `radius` relative to the Sun, at the rigidities `at`, by the solver."""
    nodes = settings.rigidities
    density = relative_density(nodes, np.zeros(1), delta_slope=slope, halo_height=height, settings=settings.transport)[
        ..., 0
    ]
    in_log = CubicSpline(settings.transport.radii, np.log(density), axis=1)(radius)
    return np.exp(CubicSpline(np.log(nodes), in_log)(np.log(at)))


def _check_requests(requests: Sequence[Request], settings: GridSettings) -> list[str]:
    """Hold the requests against the model, and return the keys of the sky regions they need, without repetition."""
    regions: dict[str, None] = {}
    for request in requests:
        if request.region is not None:
            regions[region_key(request.region)] = None
        else:
            energies = np.asarray(request.energies)
            top = float(kinetic_energy(request.messenger, settings.rigidities.max()))  # type: ignore[arg-type]
            if energies.max() > top or energies.min() < 1.0:
                raise UserError(
                    f"cosmic-ray energies run from {energies.min():g} to {energies.max():g} GeV",
                    valid=f"1 to {top:.3g} GeV (per nucleon for helium)",
                )
            if request.radius is not None and not 0.5 <= request.radius <= settings.transport.disc_radius - 1.0:
                raise UserError(
                    f"radius {request.radius:g} kpc is outside the modelled disc",
                    valid=f"0.5 to {settings.transport.disc_radius - 1.0:g} kpc",
                )
    return list(regions)


class _Sky:
    """What the two sky models share."""

    def __init__(self, settings: GridSettings, *, absorption: bool = True) -> None:
        self.settings = settings
        self.absorption = absorption

    @property
    def box(self) -> Mapping[str, tuple[float, float]]:
        return {axis.name: (axis.lower, axis.upper) for axis in self.settings.axes}

    @property
    def description(self) -> Mapping[str, str]:
        description = _describe(self.settings)
        return description if self.absorption else description | {"absorption": "none"}

    def parameters(self, requests: Sequence[Request]) -> SkyParameters:
        """Transport, gas and local spectra; those of electrons when the grid has them."""
        return galactic_parameters(self.box, requests, electrons=self.settings.electrons is not None)

    def references(self, requests: Sequence[Request], parameters: Collection[str]) -> list[tuple[str, str]]:
        """Return what is to be cited; see :class:`crsea_infer.emulator.cited_physics.CitesPhysics`."""
        return physics_references(self.settings, requests, parameters, absorbed=self.absorption)

    def _fold(self, request: Request) -> SpectralFold:
        product: Product = "gamma" if request.messenger == "gamma" else "neutrino"
        return SpectralFold.for_energies(
            product,
            np.asarray(request.energies, dtype=float),
            self.settings.rigidities,
            absorb=self.absorption,
            cross_section=self.settings.cross_section,
            enhancement=self.settings.nuclear_enhancement,
        )

    def _bound(
        self,
        requests: Sequence[Request],
        families: Mapping[str, Family],
        transport: Callable[[Mapping[str, Array]], Transport],
    ) -> BoundModel:
        """Fix the model to its requests, given the family of each region and what makes the transport of a call."""
        wanted = [self._fold(one) if one.is_on_sky else _species_and_energies(one) for one in requests]
        energies = gather_energies(wanted)
        sky: list[SkyRequest] = []
        infrared: dict[int, Callable[[], Float64]] = {}
        cosmic_rays: list[CosmicRayRequest] = []
        own = iter(energies.own)
        for number, (request, one) in enumerate(zip(requests, wanted, strict=True)):
            if isinstance(one, SpectralFold) and request.region is not None:
                is_gamma = request.messenger == "gamma"
                leptons = _lepton_interpolation(np.asarray(request.energies, dtype=float)) if is_gamma else None
                if is_gamma and self.absorption:
                    infrared[number] = cache(partial(effective_depth, region_key(request.region), request.energies))
                sky.append(SkyRequest(number, region_key(request.region), request.energies, one, leptons))
            else:
                species, _ = _species_and_energies(request)
                density = None if request.radius is None else partial(_disc_densities, self.settings, request)
                cosmic_rays.append(CosmicRayRequest(number, species, next(own), density))
        has_transport = bool(sky) or any(request.radius is not None for request in requests)
        groups = group_requests(families, sky, energies.offsets)
        return Bound(
            needs=tuple(self.box) if has_transport else (),
            energies=energies,
            sky=groups,
            cosmic_rays=tuple(cosmic_rays),
            transport=transport,
            infrared=infrared,
            gas=GasMix(
                self.settings.line_of_sight.x_co if self.settings.gas_model == "rings" else (),
                self.settings.nuclear_enhancement,
            ),
            cross_section=self.settings.cross_section,
        )


def _species_and_energies(request: Request) -> tuple[Species, Float64]:
    species: Species = "proton" if request.messenger == "proton" else "helium"
    return species, np.asarray(request.energies, dtype=float)


def _lepton_interpolation(energies: Float64) -> Float64:
    """Return the matrix [lepton energy, energy] of a cubic spline through E^2.8 times the intensity; 0 above 1 PeV."""
    nodes = np.log(LEPTON_ENERGIES)
    spline = CubicSpline(nodes, np.diag(LEPTON_ENERGIES**2.8))(np.minimum(np.log(energies), nodes[-1]))
    return np.asarray(np.where(energies <= LEPTON_ENERGIES[-1], spline.T * energies**-2.8, 0.0))


class EmulatedSky(_Sky, SkyModel):
    """The sky through the response emulator.

    Parameters
    ----------
    emulator
        Trained responses.
    absorption
        Whether gamma rays are absorbed on their way.
    regions
        Where regions that the emulator lacks are kept; default: the user's cache directory.
    """

    def __init__(
        self, emulator: ResponseEmulator, *, absorption: bool = True, regions: RegionCache | None = None
    ) -> None:
        super().__init__(emulator.settings, absorption=absorption)
        self.emulator = emulator
        self.regions = RegionCache.of_user() if regions is None else regions
        self._chosen: dict[DemandedPhysics, EmulatedSky] = {}

    @classmethod
    def read(cls, path: Path | None, options: Mapping[str, Any]) -> Self:
        """Return the sky of an emulator file; see :mod:`crsea_infer.emulator.source`."""
        from crsea_infer.emulator.response.store import read_emulator

        refuse_options("responses", options)
        return cls(read_emulator(path))

    def with_physics(self, choices: DemandedPhysics) -> EmulatedSky:
        """Return the sky of other physics, which keeps its regions where this one does."""
        if choices not in self._chosen:
            emulator = emulator_of(self.emulator, with_physics(self.settings, choices))
            self._chosen[choices] = EmulatedSky(emulator, absorption=self.absorption, regions=self.regions)
        return self._chosen[choices]

    @property
    def fingerprint(self) -> str:
        """Hash of the grid settings, of every trained number and of the error that is stated of them.

        Regions that the emulator lacks follow from the settings, wherever they were trained.
        """
        arrays = {name: getattr(self.emulator, name) for name in _ARRAYS}
        return digest(
            {
                "grid": self.settings.as_json(),
                "numbers": arrays_digest({name: array for name, array in arrays.items() if array is not None}),
                "validation": self.emulator.metadata.get("validation"),
                "physics": dict(self.description),
            }
        )

    @property
    def relative_error(self) -> float:
        """Held-out relative error, one sigma; see :mod:`crsea_infer.emulator.validation_table`."""
        return stated_relative_error(self.emulator.metadata)

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        """Fix the model to its requests; see :class:`crsea_infer.emulator.sky_model.SkyModel`."""
        wanted = _check_requests(requests, self.settings)
        groups = self._groups(wanted)
        known = Trained(self.emulator, self.settings.regions, lambda: self.emulator, groups)
        families = dict.fromkeys(self.settings.regions, known)
        new = tuple(name for name in wanted if name not in families)
        if new:
            families |= self._trained_apart(new, groups)
        return self._bound(requests, families, Amplitudes)

    def _groups(self, wanted: Sequence[str]) -> Callable[[str], tuple[ResponseEmulator, int]]:
        """Return what gives the emulator of groups of gas of a region, and the place of the region there."""
        shipped = shipped_groups(self.settings)
        if shipped is not None:  # with the same axes, of which amplitudes are then computed once
            settings = dataclasses.replace(self.settings, regions=shipped.settings.regions)
            shipped = dataclasses.replace(shipped, settings=settings)
        with_package = () if shipped is None else shipped.settings.regions
        others = tuple(name for name in wanted if name not in with_package)

        @cache
        def trained() -> dict[str, ResponseEmulator]:
            fits = self.regions.fits(self.settings, "gas groups", others)
            return {
                name: ResponseEmulator(dataclasses.replace(self.settings, regions=(name,)), fit.coefficients, fit.basis)
                for name, fit in fits.items()
            }

        def of(region: str) -> tuple[ResponseEmulator, int]:
            if shipped is not None and region in with_package:
                return shipped, with_package.index(region)
            return trained()[region], 0

        return of

    def _trained_apart(
        self, names: tuple[str, ...], groups: Callable[[str], tuple[ResponseEmulator, int]]
    ) -> dict[str, Trained]:
        """Return a family of its own for each region that the emulator lacks."""
        # electrons take longer than nuclei, and most hypotheses leave their gamma rays out: only when asked for
        electrons = cache(lambda: self.regions.fits(self.settings, "electrons", names))

        def with_electrons(name: str, nuclei: ResponseEmulator) -> ResponseEmulator:
            if self.settings.electrons is None:
                return nuclei  # which says that it has none
            fit = electrons()[name]
            return dataclasses.replace(nuclei, lepton_coefficients=fit.coefficients, lepton_basis=fit.basis)

        found = {}
        for name, fit in self.regions.fits(self.settings, "nuclei", names).items():
            nuclei = ResponseEmulator(dataclasses.replace(self.settings, regions=(name,)), fit.coefficients, fit.basis)
            found[name] = Trained(nuclei, (name,), cache(partial(with_electrons, name, nuclei)), groups)
        return found


class ExactSky(_Sky, SkyModel):
    """The sky through the transport solver: milliseconds per point, no emulation error.

    Parameters
    ----------
    settings
        Physics choices and numerics.
    absorption
        Whether gamma rays are absorbed on their way.
    """

    def with_physics(self, choices: DemandedPhysics) -> ExactSky:
        """Return the sky of other physics."""
        return ExactSky(with_physics(self.settings, choices), absorption=self.absorption)

    @property
    def fingerprint(self) -> str:
        """Hash of the settings."""
        return digest({"exact": self.settings.as_json(), "physics": dict(self.description)})

    @property
    def relative_error(self) -> float:
        """The solver is the reference."""
        return 0.0

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        """Fix the model to its requests; see :class:`crsea_infer.emulator.sky_model.SkyModel`."""
        wanted = _check_requests(requests, self.settings)
        nuclei, electrons = self._solvers(wanted)
        ranges = tuple(self.box.values())
        groups = cache(lambda: self.settings.group_solver([parse_region(name) for name in wanted]))

        def transport(parameters: Mapping[str, Array]) -> Transport:
            return Solved(parameters, ranges, nuclei, electrons, groups)

        families = dict.fromkeys(wanted, Solving(tuple(wanted)))
        return self._bound(requests, families, transport)

    def _solvers(self, wanted: Sequence[str]) -> tuple[Solve | None, Callable[[], Solve | None]]:
        """Return what solves transport of nuclei for some regions, and what gives the same for electrons if asked."""
        regions = [parse_region(name) for name in wanted]
        return self.settings.solver(regions) if regions else None, cache(lambda: self.settings.lepton_solver(regions))
