"""Geometry of sky regions, computed once for grids that differ in sources or saturation alone.

How much gas or radiation a region sees at each place takes longer to compute than all transport solutions of a grid,
and it does not depend on where cosmic rays come from. So the solver of the grid before is used again, with other
transport.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.physics.masks import disc_scale
from crsea_infer.support.files import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crsea_infer.physics.regions import Region

__all__ = ["solver_with_geometry"]

_OF_TRANSPORT: Final = ("disc_radius", "n_radial")
"""What geometry follows from, of the settings of transport."""
_ELSEWHERE: Final = ("regions", "axes", "cross_section", "nuclear_enhancement", "transport")
"""Settings that it does not follow from; heights of electrons, which axes decide, stand for themselves."""


@dataclass(frozen=True)
class _Geometry:
    """What a solver is known by, and how it is made."""

    key: str
    make: Callable[[], Any] = field(compare=False)


@lru_cache(maxsize=4)
def _kept(geometry: _Geometry) -> Any:
    return geometry.make()


def solver_with_geometry(
    kind: str, settings: Mapping[str, Any], regions: Sequence[Region], make: Callable[[], Any]
) -> Any:
    """Return a solver with the geometry of some regions, whose sources and saturation may be those of another grid.

    Parameters
    ----------
    kind
        Of solver.
    settings
        Of the grid, as JSON.
    regions
        Through which it looks.
    make
        Computes it when there is none.
    """
    if any(one.mask is not None and disc_scale(one.mask) is None and one.mask_sha256 is None for one in regions):
        return make()  # nobody knows what the file of the mask held before
    asked = {name: value for name, value in settings.items() if name not in _ELSEWHERE}
    transport = [settings["transport"][name] for name in _OF_TRANSPORT]
    return _kept(_Geometry(digest([kind, asked, transport, [repr(one) for one in regions]]), make))
