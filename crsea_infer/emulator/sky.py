"""The two sky models: one backed by the response emulator, one by the transport solver itself.

Both answer the same requests through the same contraction; they differ only in where the responses come from, which is
what the exact check of an inference compares. A region that the emulator was not trained on is added when it is first
asked for, by solving transport on the emulator's own design for that region (a few seconds).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.interpolate import CubicSpline

from crsea_infer.arrays import Array, Float64, array_namespace
from crsea_infer.emulator.fold import SpectralFold
from crsea_infer.emulator.model import BoundModel, Request, SkyModel
from crsea_infer.emulator.response import ResponseEmulator, train
from crsea_infer.errors import UserError
from crsea_infer.files import digest
from crsea_infer.grids.response import GridSettings, build_grid
from crsea_infer.physics.geometry import COMPONENTS
from crsea_infer.physics.leptons import LEPTON_COMPONENTS, LEPTON_ENERGIES
from crsea_infer.physics.local_spectrum import kinetic_energy, local_intensity, rigidity
from crsea_infer.physics.regions import parse_region, region_key
from crsea_infer.physics.transport import relative_density

if TYPE_CHECKING:
    from crsea_infer.physics.hadronic import Product

__all__ = ["COMPONENT_SCALES", "LEPTON_SCALES", "EmulatedSky", "ExactSky"]

COMPONENT_SCALES: Final[Mapping[str, str]] = {"HI": "hi_scale", "H2": "xco_scale"}
"""Parameter that scales each component of pion decay; absent parameters count as 1."""

LEPTON_SCALES: Final[Mapping[str, str]] = {"IC": "inverse_compton_scale", "bremsstrahlung": "bremsstrahlung_scale"}
"""Parameter that scales each component of electrons; a component whose parameter is absent is left out."""

_CROSS_SECTIONS: Final = {
    "kelner-aharonian": "Kelner, Aharonian and Bugayov 2006 (Phys. Rev. D 74, 034018)",
    "aafrag": "AAfrag, Koldobskiy et al. 2021 (Phys. Rev. D 104, 123027), through aafragpy",
}
_PHYSICS: Final = {
    "absorption": "pair production on the CMB (2.725 K); no infrared",
    "losses": "no hadronic energy losses: delta_sun and D0 cancel in the density relative to the Sun",
}


def _describe(settings: GridSettings) -> dict[str, str]:
    transport, sight = settings.transport, settings.line_of_sight
    return {
        **_PHYSICS,
        "cross_section": _CROSS_SECTIONS[settings.cross_section],
        "nuclei": "helium in beam and target (He/H = 0.1); factor "
        f"{settings.nuclear_enhancement:g} for heavier nuclei in the beam",
        "leptons": "none"
        if settings.electrons is None
        else "inverse Compton and bremsstrahlung of propagated electrons, "
        "in hypotheses that name the prior set 'leptons'",
        "sources": transport.sources,
        "geometry": f"Sun at {transport.sun_radius:g} kpc (transport) and {sight.sun_radius:g} kpc (gas rings); free "
        f"escape at {transport.disc_radius:g} kpc and at the halo height",
        "gas": settings.as_json()["gas"],
        "x_co": "per ring, 1e20 cm^-2 / (K km/s): " + " ".join(f"{value / 1e20:g}" for value in sight.x_co),
    }


def _batch(parameters: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    """Return the parameters as arrays of one batch shape."""
    xp = array_namespace(*parameters.values())
    missing = [name for name in names if name not in parameters]
    if missing:
        raise UserError(
            f"the sky model needs a value for {', '.join(missing)}",
            valid="a prior set that defines it",
            fix="add the prior set 'base' or 'gamma_optimized' to the hypothesis",
        )
    arrays = [xp.asarray(value, dtype=xp.float64) if xp is np else xp.asarray(value) for value in parameters.values()]
    return dict(zip(parameters, xp.broadcast_arrays(*arrays), strict=True))


Contract = Callable[[Mapping[str, Array], Array], dict[str, Array]]
"""From parameters and moments [..., energy, node] to intensities per component [..., energy]."""


@dataclass(frozen=True)
class _SkyRequest:
    """Gamma rays or neutrinos of one region; `leptons` gives intensities at the lepton energies, for gamma rays."""

    fold: SpectralFold
    contract: Contract
    leptons: Callable[[Mapping[str, Array]], Array] | None
    lepton_interpolation: Float64

    def _lepton_components(self, parameters: Mapping[str, Array]) -> dict[str, Array]:
        wanted = [name for name, scale in LEPTON_SCALES.items() if scale in parameters]
        if self.leptons is None or not wanted:
            return {}
        intensities = self.leptons(parameters)
        xp = array_namespace(intensities)
        at_energies = xp.matmul(intensities, xp.asarray(self.lepton_interpolation))
        return {
            name: at_energies[..., LEPTON_COMPONENTS.index(name), :] * parameters[LEPTON_SCALES[name]][..., None]
            for name in wanted
        }

    def components(self, parameters: Mapping[str, Array]) -> dict[str, Array]:
        parts = self.contract(parameters, self.fold.moments(parameters))
        return self._lepton_components(parameters) | {
            name: intensity * parameters[COMPONENT_SCALES[name]][..., None]
            if COMPONENT_SCALES.get(name) in parameters
            else intensity
            for name, intensity in parts.items()
        }


@dataclass(frozen=True)
class _CosmicRayRequest:
    """Protons or helium at the Sun, or elsewhere in the disc."""

    request: Request
    settings: GridSettings

    def components(self, parameters: Mapping[str, Array]) -> dict[str, Array]:
        request = self.request
        species = request.messenger
        energies = np.asarray(request.energies)
        local = local_intensity(species, energies, parameters)  # type: ignore[arg-type]
        if request.radius is None:
            return {species: local}
        at = np.asarray(rigidity(species, energies))  # type: ignore[arg-type]
        slopes, heights = np.ravel(parameters["delta_slope"]), np.ravel(parameters["halo_height"])
        factors = np.stack(
            [
                _disc_density(self.settings, request.radius, at, float(slope), float(height))
                for slope, height in zip(slopes, heights, strict=True)
            ]
        )
        return {species: local * factors.reshape(local.shape)}


def _disc_density(settings: GridSettings, radius: float, at: Float64, slope: float, height: float) -> Float64:
    """Density in the plane at `radius` relative to the Sun, at the rigidities `at`, by the solver."""
    nodes = settings.rigidities
    density = relative_density(nodes, np.zeros(1), delta_slope=slope, halo_height=height, settings=settings.transport)[
        ..., 0
    ]
    in_log = CubicSpline(settings.transport.radii, np.log(density), axis=1)(radius)
    return np.exp(CubicSpline(np.log(nodes), in_log)(np.log(at)))


@dataclass(frozen=True)
class _Bound:
    """A sky model fixed to its requests."""

    needs: tuple[str, ...]
    requests: tuple[_SkyRequest | _CosmicRayRequest, ...]

    def components(self, parameters: Mapping[str, Array]) -> tuple[dict[str, Array], ...]:
        batch = _batch(parameters, self.needs)
        return tuple(request.components(batch) for request in self.requests)

    def __call__(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return tuple(sum(parts.values()) for parts in self.components(parameters))


def _check_requests(requests: Sequence[Request], settings: GridSettings) -> list[str]:
    """Check the requests and return the keys of the sky regions they need, without repetition."""
    regions: dict[str, None] = {}
    for request in requests:
        energies = np.asarray(request.energies, dtype=float)
        if energies.size == 0 or not (np.isfinite(energies) & (energies > 0)).all():
            raise UserError(f"energies {list(request.energies)} are not all positive numbers", valid="energies > 0 GeV")
        if request.messenger in {"gamma", "neutrino"}:
            if request.region is None:
                raise UserError(f"a request for {request.messenger} rays names no sky region")
            regions[region_key(request.region)] = None
        else:
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
        contract: Callable[[str, SpectralFold], Contract],
        leptons: Callable[[str], Callable[[Mapping[str, Array]], Array]],
    ) -> BoundModel:
        bound: list[_SkyRequest | _CosmicRayRequest] = []
        for request in requests:
            if request.region is not None and request.messenger in {"gamma", "neutrino"}:
                fold, region = self._fold(request), region_key(request.region)
                interpolation = _lepton_interpolation(np.asarray(request.energies, dtype=float))
                electrons = leptons(region) if request.messenger == "gamma" else None
                bound.append(_SkyRequest(fold, contract(region, fold), electrons, interpolation))
            else:
                bound.append(_CosmicRayRequest(request, self.settings))
        sky = any(request.messenger in {"gamma", "neutrino"} or request.radius is not None for request in requests)
        return _Bound(tuple(self.box) if sky else (), tuple(bound))


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
    """

    def __init__(self, emulator: ResponseEmulator, *, absorption: bool = True) -> None:
        super().__init__(emulator.settings, absorption=absorption)
        self.emulator = emulator

    @property
    def fingerprint(self) -> str:
        """Hash of the grid settings and of the trained numbers."""
        return digest(
            {
                "grid": self.settings.as_json(),
                "sums": [float(np.abs(self.emulator.coefficients).sum()), float(np.abs(self.emulator.basis).sum())],
                "physics": dict(self.description),
            }
        )

    @property
    def relative_error(self) -> float:
        """Held-out relative error of the intensities, at 99.9 per cent of the points, from the validation table."""
        validation: Mapping[str, Any] = self.emulator.metadata.get("validation", {})
        return float(validation.get("quantile_99.9", 0.0))

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        """Fix the model to its requests; see :class:`crsea_infer.emulator.model.SkyModel`."""
        wanted = _check_requests(requests, self.settings)
        trained = {name: (self.emulator, i) for i, name in enumerate(self.settings.regions)}
        new = tuple(name for name in wanted if name not in trained)
        extra = dataclasses.replace(self.settings, regions=new)
        if new:
            # electrons take longer than nuclei, and most hypotheses leave their gamma rays out: only when asked for
            nuclei = train(build_grid(dataclasses.replace(extra, electrons=None)))
            trained |= {name: (nuclei, i) for i, name in enumerate(new)}
        with_electrons = cache(lambda: train(build_grid(extra)))

        def leptons(region: str) -> Callable[[Mapping[str, Array]], Array]:
            def evaluate(parameters: Mapping[str, Array]) -> Array:
                emulator = with_electrons() if region in new else self.emulator
                return emulator.lepton_intensities(parameters)[..., trained[region][1], :, :]

            return evaluate

        def contract(region: str, fold: SpectralFold) -> Contract:
            emulator, index = trained[region]
            columns = fold.columns(emulator.basis[:, index])  # [rank, component, energy, node]
            flat = np.ascontiguousarray(columns.reshape(columns.shape[0], -1))

            def evaluate(parameters: Mapping[str, Array], moments: Array) -> dict[str, Array]:
                amplitudes = emulator.amplitudes(parameters)
                xp = array_namespace(amplitudes)
                product = xp.matmul(amplitudes, xp.asarray(flat))
                product = xp.reshape(product, (*product.shape[:-1], *columns.shape[1:]))
                intensities = xp.sum(product * moments[..., None, :, :], axis=-1)
                return {name: intensities[..., i, :] for i, name in enumerate(COMPONENTS)}

            return evaluate

        return self._bound(requests, contract, leptons)


class ExactSky(_Sky, SkyModel):
    """The sky through the transport solver: milliseconds per point, no emulation error.

    Parameters
    ----------
    settings
        Physics choices and numerics.
    absorption
        Whether gamma rays are absorbed on their way.
    """

    @property
    def fingerprint(self) -> str:
        """Hash of the settings."""
        return digest({"exact": self.settings.as_json(), "physics": dict(self.description)})

    @property
    def relative_error(self) -> float:
        """The solver is the reference."""
        return 0.0

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        """Fix the model to its requests; see :class:`crsea_infer.emulator.model.SkyModel`."""
        wanted = _check_requests(requests, self.settings)
        solver = self.settings.solver([parse_region(name) for name in wanted]) if wanted else None
        # transport does not know of regions: what one request solves, those of other regions at the same points reuse
        solve = lru_cache(maxsize=256)(solver) if solver is not None else None

        def contract(region: str, fold: SpectralFold) -> Contract:
            if solver is None or solve is None:
                raise AssertionError("a sky request always has a region")
            index = wanted.index(region)

            def evaluate(parameters: Mapping[str, Array], moments: Array) -> dict[str, Array]:
                slopes, heights = np.asarray(parameters["delta_slope"]), np.asarray(parameters["halo_height"])
                ranges = self.box.values()
                responses = np.full((slopes.size, *solver.weights.shape[1:-1], solver.rigidities.size), np.nan)
                for i, point in enumerate(zip(slopes.ravel(), heights.ravel(), strict=True)):
                    if all(low <= value <= high for value, (low, high) in zip(point, ranges, strict=True)):
                        responses[i] = solve(float(point[0]), float(point[1]))[index]
                columns = fold.columns(responses).reshape(*slopes.shape, len(COMPONENTS), *moments.shape[-2:])
                intensities = np.sum(columns * moments[..., None, :, :], axis=-1)
                return {name: intensities[..., i, :] for i, name in enumerate(COMPONENTS)}

            return evaluate

        lepton_solver = cache(lambda: self.settings.lepton_solver([parse_region(name) for name in wanted]))

        def leptons(region: str) -> Callable[[Mapping[str, Array]], Array]:
            def evaluate(parameters: Mapping[str, Array]) -> Array:
                electrons = lepton_solver()
                if electrons is None:
                    raise UserError("this model was set up without electrons", fix="leave the prior set 'leptons' out")
                slopes, heights = np.asarray(parameters["delta_slope"]), np.asarray(parameters["halo_height"])
                pairs = zip(slopes.ravel(), heights.ravel(), strict=True)
                index = wanted.index(region)
                found = np.stack([electrons(float(slope), float(height))[index] for slope, height in pairs])
                return found.reshape(*slopes.shape, *found.shape[1:])

            return evaluate

        return self._bound(requests, contract, leptons)
