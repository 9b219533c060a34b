"""Sources with a prior from a catalogue: light that leaks through the mask, and a population below the threshold.

Beside the free power law of :mod:`crsea_infer.inference.unresolved_sources` stands what the first LHAASO catalogue says
itself. To each gamma-ray region is added

    I_sources(E) = (E / 50 TeV)^-t [ k L(E) + p U S(E) / S(50 TeV) ],

with L the light of catalogued sources that leaks through LHAASO's mask into the region (none elsewhere: data of other
regions bring their resolved sources as components of their own), U the intensity at 50 TeV of sources below the
threshold, S the summed spectrum of the catalogue's sources in the plane, and k, p and t free with priors from the
catalogue: `population_leak`, `population_unresolved`, `population_tilt`. See
:mod:`crsea_infer.physics.source_catalogue` and :mod:`crsea_infer.physics.source_population`. Neutrinos and cosmic rays
get none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from crsea_infer.inference.widened_sky import WidenedSky, is_widened, without
from crsea_infer.physics.regions import parse_region
from crsea_infer.physics.source_catalogue import leaked_light, plane_spectrum
from crsea_infer.physics.source_population import unresolved_intensity
from crsea_infer.support.arrays import Array, Float64, array_namespace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.sky_model import BoundModel, Request

__all__ = ["POPULATION_PARAMETERS", "SkyWithPopulation"]

POPULATION_PARAMETERS: Final = ("population_leak", "population_unresolved", "population_tilt")
"""k, p and t of the module's formula."""

_PIVOT: Final = 5.0e4  # GeV


@dataclass(frozen=True)
class SkyWithPopulation(WidenedSky):
    """A sky model with the catalogue's sources; itself a sky model."""

    added: ClassVar[tuple[str, ...]] = POPULATION_PARAMETERS
    key: ClassVar[str] = "source_population"
    words: ClassVar[str] = "light of the first LHAASO catalogue through the mask, and sources below its threshold"

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        """Prepare the sea, and the spectra of leaks and of faint sources in each gamma-ray region."""
        spectra = [_spectra(one.region or "", one.energies) if is_widened(one) else None for one in requests]
        return _BoundWithPopulation(tuple(requests), tuple(spectra), self.sea.bind(requests))


@dataclass(frozen=True, eq=False)
class _Spectra:
    """Leak and unresolved light at the energies of a request [n], and ln(E / 50 TeV)."""

    leak: Float64
    unresolved: Float64
    log_energy: Float64


@lru_cache(maxsize=64)
def _spectra(region: str, energies: tuple[float, ...]) -> _Spectra:
    at, pivot = np.array(energies), np.array([_PIVOT])
    box = parse_region(region)
    leak = leaked_light(box)
    shape = plane_spectrum()
    unresolved = unresolved_intensity(box) * shape(at) / shape(pivot)
    return _Spectra(np.zeros_like(at) if leak is None else leak(at), unresolved, np.log(at / _PIVOT))


@dataclass(frozen=True)
class _BoundWithPopulation:
    """The sky with the catalogue's sources, fixed to its requests."""

    requests: tuple[Request, ...]
    spectra: tuple[_Spectra | None, ...]
    sea: BoundModel

    def __call__(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return tuple(
            intensity if own is None else intensity + sum(_light(own, parameters))
            for own, intensity in zip(self.spectra, self.sea(without(parameters, POPULATION_PARAMETERS)), strict=True)
        )

    def components(self, parameters: Mapping[str, Array]) -> tuple[dict[str, Array], ...]:
        found = []
        for own, parts in zip(
            self.spectra, self.sea.components(without(parameters, POPULATION_PARAMETERS)), strict=True
        ):
            if own is None:
                found.append(parts)
                continue
            leak, unresolved = _light(own, parameters)
            found.append({**parts, "leaked sources": leak, "faint sources": unresolved})
        return tuple(found)


def _light(spectra: _Spectra, parameters: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return the intensities of leaks and of faint sources [..., n]."""
    given = [parameters[name] for name in POPULATION_PARAMETERS]
    xp = array_namespace(*given)
    leak, unresolved, tilt = (xp.asarray(value)[..., None] for value in given)
    tilted = xp.exp(-tilt * xp.asarray(spectra.log_energy))
    return leak * xp.asarray(spectra.leak) * tilted, unresolved * xp.asarray(spectra.unresolved) * tilted
