"""Events that would count twice: which data sets may not stand side by side in one posterior.

Two ways to see one measurement twice are known by name: data sets that give the same `observation` are the same events,
such as one fit with two templates; data sets that give the same `photons` are parts of the events of one instrument,
such as curves that were read off figures and counts that were made from cubes, and are the same where their skies and
their energies overlap.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.regions import parse_region
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.inference.likelihoods.likelihood import Likelihood

__all__ = ["refuse_same_events", "shared_sky"]

_STEP: Final = 0.25  # degrees: of the directions that are asked for
_TOUCHING: Final = 0.05
"""Share of the smaller of two regions up to which they only touch: pixels of a map that lie across a common edge."""


def refuse_same_events(likelihoods: Sequence[Likelihood]) -> None:
    """Refuse data sets that have events in common.

    Raises
    ------
    UserError
        Naming two of them, and how to use both all the same.
    """
    for one, other in combinations(likelihoods, 2):
        observation = one.settings.get("observation")
        if observation is not None and observation == other.settings.get("observation"):
            raise UserError(
                f"the likelihoods {one.name!r} and {other.name!r} are the same observation",
                valid="each observation once, because its events may not count twice",
                fix="keep one of them",
            )
        photons = one.settings.get("photons")
        shared = _shared(one, other) if photons is not None and photons == other.settings.get("photons") else None
        if shared is not None:
            share, low, high = shared
            raise UserError(
                f"the likelihoods {one.name!r} and {other.name!r} are photons of {photons} from the same sky "
                f"({100 * share:.0f} % of the smaller region, {low:.3g} to {high:.3g} GeV)",
                valid="data sets of an instrument whose regions or energies are apart: photons may not count twice",
                fix="keep one of them; or, to use both all the same, write other photons for one in the run file: "
                f'[options.{other.name}] photons = "counted twice"',
            )


def _shared(one: Likelihood, other: Likelihood) -> tuple[float, float, float] | None:
    """Return the share of sky and the energies in GeV that two data sets have in common; None where they have none."""
    found: tuple[float, float, float] | None = None
    for first in one.requests:
        for second in other.requests:
            if first.region is None or second.region is None or first.messenger != second.messenger:
                continue
            low = max(min(first.energies), min(second.energies))
            high = min(max(first.energies), max(second.energies))
            if low >= high:
                continue
            share = shared_sky(first.region, second.region)
            if share > _TOUCHING and (found is None or share > found[0]):
                found = (share, low, high)
    return found


@lru_cache(maxsize=1024)
def shared_sky(first: str, second: str) -> float:
    """Return the solid angle that two regions have in common, relative to that of the smaller one."""
    regions = [parse_region(name) for name in (first, second)]
    (west, east), (south, north) = regions[0].longitude, regions[0].latitude
    n_longitude, n_latitude = max(round((east - west) / _STEP), 1), max(round((north - south) / _STEP), 1)
    longitude = west + (np.arange(n_longitude) + 0.5) * (east - west) / n_longitude
    edges = np.radians(np.linspace(south, north, n_latitude + 1))
    latitude = np.degrees(0.5 * (edges[1:] + edges[:-1]))
    areas = np.radians(east - west) / n_longitude * np.diff(np.sin(edges))[:, None]
    inside = [region.contains(longitude[None, :], latitude[:, None]) for region in regions]
    common = float(np.sum(areas * (inside[0] & inside[1])))
    smaller = min(regions[0].solid_angle, regions[1].solid_angle)
    return min(common / smaller, 1.0) if smaller else 0.0
