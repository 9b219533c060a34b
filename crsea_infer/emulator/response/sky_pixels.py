"""Maps of the sky: mean and standard deviation of each component in each pixel, over draws of the parameters.

The intensity of a pixel is linear in the weights of the patterns of cosmic rays
(:mod:`crsea_infer.emulator.response.density_patterns`). So the draws enter through the mean of the weights and a square
root of their covariance alone, a few columns whatever the number of draws:

    mean = G m,    sd^2 = sum over columns of (G L)^2,    with m and L L^T mean and covariance of the weights,

and G, the geometry, is applied energy by energy. Nothing grows with draws times pixels.

Infrared and starlight are put before the pixels afterwards (:mod:`crsea_infer.emulator.response.pixel_light`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.sparse import csr_array

from crsea_infer.emulator.response.bound import INFRARED, LEPTON_SCALES
from crsea_infer.emulator.response.chebyshev import ResponseEmulator
from crsea_infer.emulator.response.cross_sections import Mixture
from crsea_infer.emulator.response.fold import COLUMN_UNIT, SpectralFold
from crsea_infer.emulator.response.gas_mix import GasMix
from crsea_infer.emulator.response.pixel_light import Light
from crsea_infer.physics.absorption import cmb_absorption_coefficient
from crsea_infer.physics.analytic_gas import gas_columns
from crsea_infer.physics.gas_groups import GAS_GROUPS
from crsea_infer.physics.geometry import absorption_interpolation
from crsea_infer.physics.halo_sight import cells_around
from crsea_infer.physics.leptons import LEPTON_ENERGIES, folded_kernels
from crsea_infer.physics.local_spectrum import local_intensity
from crsea_infer.physics.pixel_overlap import parts_of, seen_pixels
from crsea_infer.physics.ring_sight import GAS_KINDS, group_places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crsea_infer.emulator.response.sky_geometry import DiscSight, HaloSight
    from crsea_infer.grids.response_grid import GridSettings
    from crsea_infer.physics.analytic_gas import GasModel
    from crsea_infer.physics.hadronic import Product
    from crsea_infer.physics.healpix_pixels import Pixelisation
    from crsea_infer.support.arrays import Float64

__all__ = ["COMPONENTS_OF_MAPS", "PixelMap", "SkyPixels"]

COMPONENTS_OF_MAPS: Final = ("pion decay", "inverse Compton", "bremsstrahlung")
"""Components of maps, in their order; the sum of those that a hypothesis has is "total"."""

_BATCH: Final = 256
_LEFT_OUT: Final = 1e-9  # of the variance
_SMOOTH: Final = 256  # NSIDE at which inverse Compton is sampled within pixels


@dataclass(frozen=True)
class PixelMap:
    """One component at one energy.

    Attributes
    ----------
    mean, deviation
        Over the draws, GeV^-1 cm^-2 s^-1 sr^-1, shape [pixel]; no deviation of a single draw.
    """

    mean: Float64
    deviation: Float64 | None


@dataclass(frozen=True)
class _Weights:
    """Weights of patterns at the draws.

    Attributes
    ----------
    gas
        Per column, shape [draw, energy, pattern].
    factors
        Of each kind of gas and stretch [draw, kind, stretch].
    bremsstrahlung, inverse_compton
        Shapes [draw, energy, pattern] and [draw, energy, field * pattern]; None where they do not shine.
    """

    gas: Float64
    factors: Float64
    bremsstrahlung: Float64 | None
    inverse_compton: Float64 | None


@dataclass(frozen=True)
class SkyPixels:
    """The sky of some settings, pixel by pixel.

    Attributes
    ----------
    settings
        Of the grid.
    nuclei
        What directions receive from nuclei.
    electrons
        The same from electrons, on gas and on radiation; None where no electrons are wanted.
    absorption
        Whether gamma rays are absorbed on the CMB.
    """

    settings: GridSettings
    nuclei: DiscSight
    electrons: tuple[DiscSight, HaloSight] | None = None
    absorption: bool = True

    def maps(
        self, product: Product, energies: Sequence[float], values: Mapping[str, Float64], sky: Pixelisation
    ) -> Iterator[dict[str, PixelMap]]:
        """Give for each energy the maps by component, "total" first.

        Parameters
        ----------
        product
            "gamma" or "neutrino" (per flavour).
        energies
            GeV.
        values
            Parameters by name, each of shape [draw].
        sky
            Pixels.

        Raises
        ------
        UserError
            When an energy lies outside the range of the model.
        """
        at = np.asarray(energies, dtype=float)
        weights = self._weights(product, at, values)
        seen = _seen(self.settings.gas_model, sky)
        absorbed = self.absorption and product == "gamma"
        attenuation = absorption_interpolation(cmb_absorption_coefficient(at) if absorbed else np.zeros(at.size))
        light = Light.of(values[INFRARED], at, sky) if absorbed and INFRARED in values else None
        on_gas = _OnGas.of(self.nuclei, seen, self._columns(self.nuclei))
        on_gas_of_electrons = halo = None
        if self.electrons is not None and weights.inverse_compton is not None:
            on_gas_of_electrons = _OnGas.of(self.electrons[0], seen, self._columns(self.electrons[0])[:2])
            halo = _cells(sky)
        for e in range(at.size):
            parts: dict[str, tuple[Float64, _OnGas | csr_array]] = {}
            kinds = range(len(on_gas.columns)) if weights.factors[:, 2].any() else range(2)
            by_kind = [weights.gas[:, e] * weights.factors[:, kind, on_gas.stretch_of] for kind in kinds]
            parts["pion decay"] = np.concatenate(by_kind, axis=1), on_gas
            if weights.inverse_compton is not None and halo is not None:
                parts["inverse Compton"] = weights.inverse_compton[:, e], halo
            if weights.bremsstrahlung is not None and on_gas_of_electrons is not None:
                both = np.tile(weights.bremsstrahlung[:, e], 2)
                parts["bremsstrahlung"] = both, on_gas_of_electrons
            yield self._at_energy(parts, attenuation[e], None if light is None else light.at(e))

    def _at_energy(
        self,
        parts: Mapping[str, tuple[Float64, _OnGas | csr_array]],
        attenuation: Float64,
        light: Light | None,
    ) -> dict[str, PixelMap]:
        """Return the maps of one energy from weights [draw, weight] and geometry of each component."""
        geometries = {}
        for name, (_, geometry) in parts.items():
            if isinstance(geometry, _OnGas):
                geometries[name] = geometry.at(attenuation @ geometry.sight.transmission)
            else:
                _, halo = self.electrons or (None, None)
                cells = np.einsum("crfp,r->cfp", halo.cells, attenuation @ halo.transmission)  # type: ignore[union-attr]
                geometries[name] = [cells.reshape(len(cells), -1)]
        sizes = [
            geometry.sizes(geometries[name])[: weights.shape[1]]
            if isinstance(geometry, _OnGas)
            else _root_mean_square(geometries[name][0])
            for name, (weights, geometry) in parts.items()
        ]
        stacked = [weights for weights, _ in parts.values()]
        if light is not None:
            stacked, sizes = [*stacked, light.scale[:, None]], [*sizes, light.size(sizes, stacked)]
        combined = _mean_and_root(np.concatenate(stacked, axis=1), sizes)
        found: dict[str, PixelMap] = {}
        summed, start = None, 0
        for name, (weights, geometry) in parts.items():
            own = combined[start : start + weights.shape[1]]
            start += weights.shape[1]
            if isinstance(geometry, _OnGas):
                seen = geometry.seen(geometries[name], own)
            else:
                seen = np.asarray(geometry @ (geometries[name][0] @ own))
            if light is not None:
                seen = light.behind(seen, combined[-1, 1:])
            found[name] = _pixel_map(seen)
            summed = seen if summed is None else summed + seen
        return {"total": _pixel_map(np.asarray(summed)), **found}

    def _columns(self, sight: DiscSight) -> list[csr_array]:
        return sight.rings.columns(gas_columns(self.settings.gas_model), self.settings.line_of_sight.x_co)

    def _weights(self, product: Product, energies: Float64, values: Mapping[str, Float64]) -> _Weights:
        """Return the weights of all patterns at all draws."""
        settings = self.settings
        fold = SpectralFold.for_energies(
            product,
            energies,
            settings.rigidities,
            absorb=False,
            cross_section=settings.cross_section,
            enhancement=settings.nuclear_enhancement,
        )
        terms_of = ResponseEmulator(settings, np.empty((0, 0)), np.empty((0, 0)))
        mix = GasMix(settings.line_of_sight.x_co if settings.gas_model == "rings" else (), settings.nuclear_enhancement)
        mix.classes(values)  # refuses a gradient of X_CO that plays no part
        places = group_places()
        coefficients = np.einsum("nr,trp->tnp", fold.nodes, self.nuclei.coefficients)
        n = len(next(iter(values.values())))
        leptons = self._lepton_coefficients(energies) if product == "gamma" else {}
        found: dict[str, list[Float64]] = {name: [] for name in ("gas", "factors", *leptons)}
        for start in range(0, n, _BATCH):
            batch = {name: value[start : start + _BATCH] for name, value in values.items()}
            terms = np.asarray(terms_of.terms(batch))
            weights = (terms @ coefficients.reshape(len(coefficients), -1)).reshape(-1, *coefficients.shape[1:])
            found["gas"].append(_moments(fold, batch, settings.cross_section) @ weights / COLUMN_UNIT)
            groups = [(g,) for g, group in enumerate(GAS_GROUPS)]
            factors = mix.enhanced(batch, mix.factors(batch, tuple(groups)))
            if "ionised_gas_scale" not in values:
                factors[..., [group.component == "HII" for group in GAS_GROUPS]] = 0.0
            found["factors"].append(np.where(places >= 0, factors[:, places], 0.0))
            for name, one in leptons.items():
                scale = batch.get(LEPTON_SCALES["IC" if name == "inverse_compton" else name])
                shining = np.zeros(len(terms)) if scale is None else scale
                own = (terms @ one.reshape(len(one), -1)).reshape(len(terms), len(energies), -1)
                found[name].append(own * shining[:, None, None])
        joined = {name: np.concatenate(parts) for name, parts in found.items()}
        shines = any(scale in values for scale in LEPTON_SCALES.values())
        return _Weights(
            joined["gas"],
            joined["factors"],
            joined.get("bremsstrahlung") if shines else None,
            joined.get("inverse_compton") if shines else None,
        )

    def _lepton_coefficients(self, energies: Float64) -> dict[str, Float64]:
        """Return the coefficients of the weights of electrons at some gamma-ray energies [term, energy, ...]."""
        if self.electrons is None:
            return {}
        disc, halo = self.electrons
        settings = self.settings.electrons
        if settings is None:
            return {}
        nodes = np.log(LEPTON_ENERGIES)
        spline = CubicSpline(nodes, np.diag(LEPTON_ENERGIES**2.8))(np.minimum(np.log(energies), nodes[-1]))
        onto = np.where(energies <= LEPTON_ENERGIES[-1], spline.T * energies**-2.8, 0.0)  # [lepton energy, energy]
        kernels = np.einsum("ge,fgk->fek", onto, folded_kernels(settings.energies[:: settings.thinning]))
        return {
            "bremsstrahlung": np.einsum("ek,tkp->tep", kernels[-1], disc.coefficients),
            "inverse_compton": np.einsum("fek,tkp->tefp", kernels[:-1], halo.coefficients, optimize=True),
        }


@dataclass(frozen=True)
class _OnGas:
    """Emission on gas, from pairs of directions and stretches to the pixels of a sky."""

    sight: DiscSight
    matrix: csr_array
    columns: list[csr_array]
    stretch_of: np.typing.NDArray[np.int64]

    @classmethod
    def of(cls, sight: DiscSight, seen: csr_array, columns: list[csr_array]) -> _OnGas:
        return cls(sight, seen, columns, np.repeat(np.arange(len(sight.sizes)), sight.sizes))

    def at(self, attenuation: Float64) -> list[Float64]:
        """Return what pairs receive [pair, pattern], for each kind of gas."""
        rings = self.sight.rings
        weights = attenuation.astype(np.float32)
        return [np.einsum("prk,r->pk", rings.received[:, kind], weights) for kind in range(len(self.columns))]

    def sizes(self, received: list[Float64]) -> Float64:
        """Return about how much the weights [kind * pattern] count."""
        found = []
        for kind, one in zip(GAS_KINDS, received, strict=False):
            column = 1.0 if kind == "HII" else COLUMN_UNIT
            for stretch, size in enumerate(self.sight.sizes):
                found.append(column * _root_mean_square(one[self.sight.rings.stretch == stretch, :size]))
        return np.concatenate(found)

    def seen(self, received: list[Float64], weights: Float64) -> Float64:
        """Return pixels [pixel, column] from weights [kind * pattern, column]."""
        n_patterns = self.stretch_of.size
        total = np.zeros((self.matrix.shape[1], weights.shape[1]))
        ends = np.cumsum([0, *self.sight.sizes])
        for kind, columns in enumerate(self.columns[: len(weights) // n_patterns]):
            own = weights[kind * n_patterns : (kind + 1) * n_patterns]
            pairs = np.zeros((len(received[kind]), weights.shape[1]))
            for stretch, size in enumerate(self.sight.sizes):
                there = self.sight.rings.stretch == stretch
                pairs[there] = received[kind][there, :size] @ own[ends[stretch] : ends[stretch + 1]]
            total += columns @ pairs
        return np.asarray(self.matrix @ total)


def _moments(fold: SpectralFold, batch: Mapping[str, Float64], base: str) -> Float64:
    """Return the intensity per column at each energy and node [draw, energy, node], cross-sections mixed."""
    mixture = Mixture.of(batch, base, fold.product)  # type: ignore[arg-type]
    spectra = [np.asarray(local_intensity(one, fold.kinetic, batch)) for one in ("proton", "helium")]
    flat = np.concatenate(spectra, axis=-1)
    found = []
    for choice in mixture.choices:
        kernel = fold.kernel_of(choice)
        moments = kernel[:, :, :, None] * fold.interpolation[:, :, None, :]
        found.append((flat @ moments.reshape(flat.shape[-1], -1)).reshape(len(flat), *moments.shape[2:]))
    if mixture.weights is None:
        return np.asarray(found[0])
    return np.asarray(np.einsum("dc,cden->den", mixture.weights, np.stack(found)))


def _mean_and_root(weights: Float64, sizes: Sequence[Float64]) -> Float64:
    """Return mean and square root of the covariance of weights [draw, weight], as columns [weight, 1 + n]."""
    mean = np.asarray(weights.mean(axis=0))
    if len(weights) == 1:
        return np.asarray(mean[:, None])
    scale = np.concatenate(sizes)
    scale = np.where(scale > 0.0, scale, 1.0)
    centred = (weights - mean) * scale
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(weights) - 1))
    kept = values > _LEFT_OUT * values[-1]
    root = vectors[:, kept] * np.sqrt(values[kept]) / scale[:, None]
    return np.asarray(np.concatenate([mean[:, None], root], axis=1))


def _root_mean_square(values: Float64) -> Float64:
    """Return that of columns [row, column]."""
    return np.asarray(np.sqrt(np.mean(values.astype(float) ** 2, axis=0)))


def _pixel_map(seen: Float64) -> PixelMap:
    deviation = np.sqrt(np.sum(seen[:, 1:] ** 2, axis=1)) if seen.shape[1] > 1 else None
    return PixelMap(np.ascontiguousarray(seen[:, 0]), deviation)


@lru_cache(maxsize=1)
def _seen(gas_model: GasModel, sky: Pixelisation) -> csr_array:
    """Return the matrix [pixel, gas pixel] of shares, kept for the next map of the same pixels."""
    return seen_pixels(gas_columns(gas_model), sky)


@lru_cache(maxsize=1)
def _cells(sky: Pixelisation) -> csr_array:
    """Return the matrix [pixel, cell] that averages interpolated cells over pixels, kept as well."""
    found = []
    for which, each, longitude, latitude in parts_of(sky, _SMOOTH):
        n = which.stop - which.start
        rows = np.repeat(np.arange(n), each)
        mean = csr_array((np.full(rows.size, 1.0 / each), (rows, np.arange(rows.size))), shape=(n, rows.size))
        found.append(mean @ cells_around(longitude, latitude))
    from scipy.sparse import vstack

    return csr_array(vstack(found))
