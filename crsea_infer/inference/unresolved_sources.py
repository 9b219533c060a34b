"""Unresolved sources: gamma rays that the cosmic-ray sea does not make.

Sources too faint for a catalogue glow like the sea. They are added outside the transport model, to each gamma-ray
region for itself, as a power law with an exponential cutoff,

    I_sources(E) = f I_sea(E_0) (E / E_0)^-index exp(-(E - E_0) / E_cutoff),    E_0 = 10 TeV,

where I_sea is the sea's own intensity in that region at the same parameters: f is the ratio of sources to sea at 10
TeV. Sources then follow the sea from region to region, and carry their own spectrum. Neutrinos and cosmic rays get
none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from crsea_infer.inference.catalogue_population import POPULATION_PARAMETERS, SkyWithPopulation
from crsea_infer.inference.widened_sky import WidenedSky, is_widened, without
from crsea_infer.support.arrays import Array, Float64, array_namespace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from crsea_infer.emulator.sky_model import BoundModel, Request, SkyModel

__all__ = ["PIVOT_ENERGY", "UNRESOLVED_PARAMETERS", "SkyWithSources", "with_unresolved_sources"]

UNRESOLVED_PARAMETERS: Final = ("unresolved_fraction", "unresolved_index", "unresolved_cutoff")
"""f, index and E_cutoff (GeV) of the module's formula."""

PIVOT_ENERGY: Final = 1.0e4
"""Energy at which f is the ratio of sources to sea, GeV."""


def with_unresolved_sources(model: SkyModel, parameters: Collection[str]) -> SkyModel:
    """Return `model`, with unresolved sources and the catalogue's population if any of `parameters` is theirs.

    Parameters
    ----------
    parameters
        Names of the parameters of a hypothesis.
    """
    if any(name in parameters for name in UNRESOLVED_PARAMETERS):
        model = SkyWithSources(model)
    if any(name in parameters for name in POPULATION_PARAMETERS):
        model = SkyWithPopulation(model)
    return model


@dataclass(frozen=True)
class SkyWithSources(WidenedSky):
    """A sky model with unresolved sources; itself a sky model."""

    added: ClassVar[tuple[str, ...]] = UNRESOLVED_PARAMETERS
    key: ClassVar[str] = "unresolved_sources"
    words: ClassVar[str] = "power law with exponential cutoff, a fraction of the sea at 10 TeV in each gamma-ray region"

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        """Prepare the sea for the requests, and for 10 TeV in each gamma-ray region."""
        wider = [
            replace(request, energies=(*request.energies, PIVOT_ENERGY)) if is_widened(request) else request
            for request in requests
        ]
        return _BoundWithSources(tuple(requests), self.sea.bind(wider))


@dataclass(frozen=True)
class _BoundWithSources:
    """The sky with sources, fixed to its requests."""

    requests: tuple[Request, ...]
    sea: BoundModel

    @cached_property
    def _energies(self) -> dict[tuple[float, ...], slice]:
        """Where each distinct set of energies of gamma rays stands when they are put one after the other."""
        distinct = list(dict.fromkeys(request.energies for request in self.requests if is_widened(request)))
        ends = np.cumsum([0, *(len(energies) for energies in distinct)]).tolist()
        return {energies: slice(*pair) for energies, pair in zip(distinct, pairwise(ends), strict=True)}

    @cached_property
    def _exponents(self) -> tuple[Float64, Float64]:
        """What the index and 1 / E_cutoff are multiplied with [n], at all distinct energies."""
        energies = np.array([energy for one in self._energies for energy in one])
        return -np.log(energies / PIVOT_ENERGY), PIVOT_ENERGY - energies

    def __call__(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        ratios, sea = self._ratios(parameters), self.sea(without(parameters, UNRESOLVED_PARAMETERS))
        return tuple(
            intensity[..., :-1] + ratios[..., self._energies[request.energies]] * intensity[..., -1:]
            if is_widened(request)
            else intensity
            for request, intensity in zip(self.requests, sea, strict=True)
        )

    def components(self, parameters: Mapping[str, Array]) -> tuple[dict[str, Array], ...]:
        ratios, sea = self._ratios(parameters), self.sea.components(without(parameters, UNRESOLVED_PARAMETERS))
        found = []
        for request, parts in zip(self.requests, sea, strict=True):
            if not is_widened(request):
                found.append(parts)
                continue
            total: Array = sum(parts.values())
            cut = {name: part[..., :-1] for name, part in parts.items()}
            sources = ratios[..., self._energies[request.energies]] * total[..., -1:]
            found.append({**cut, "unresolved sources": sources})
        return tuple(found)

    def _ratios(self, parameters: Mapping[str, Array]) -> Array:
        """Return I_sources(E) / I_sea(E_0) [..., n], the same in all regions, at all distinct energies."""
        xp = array_namespace(*(parameters[name] for name in UNRESOLVED_PARAMETERS))
        fraction, index, cutoff = (xp.asarray(parameters[name])[..., None] for name in UNRESOLVED_PARAMETERS)
        of_index, of_cutoff = (xp.asarray(factor) for factor in self._exponents)
        return fraction * xp.exp(index * of_index + of_cutoff / cutoff)
