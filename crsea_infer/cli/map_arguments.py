"""``crsea-infer predict --map``: what its one argument says, and the file that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.interface.sky_map import SkyMap

__all__ = ["MapArguments", "write_map"]

_KEYS: Final = ("nside", "format", "frame", "order", "component")
_ORDERS: Final = {"ring": "RING", "nested": "NESTED"}
_VALID: Final = (
    "nside=64 and, where they should differ, format=healpix|mapcube|icecube, frame=galactic|icrs, order=ring|nested, "
    "component=NAME"
)


@dataclass(frozen=True)
class MapArguments:
    """What --map says.

    Attributes
    ----------
    nside, frame, ordering
        Pixels.
    form
        Of the file.
    component
        Of a mapcube or an IceCube template.
    """

    nside: int
    form: str
    frame: str
    ordering: str
    component: str

    @classmethod
    def read(cls, text: str) -> MapArguments:
        """Read "nside=64,format=mapcube".

        Raises
        ------
        UserError
            When it cannot be read.
        """
        said: dict[str, str] = {}
        for part in text.split(","):
            key, equals, value = (one.strip() for one in part.partition("="))
            if not (equals and key and value):
                raise UserError(f"--map {text}: cannot read {part.strip()!r}", valid=_VALID)
            if key not in _KEYS:
                raise unknown_name("key of --map", key, _KEYS)
            if key in said:
                raise UserError(f"--map {text}: {key} is given twice", valid="each key once")
            said[key] = value
        try:
            nside = int(said.get("nside", "64"))
        except ValueError:
            raise UserError(f"--map {text}: nside={said['nside']} is not a whole number", valid=_VALID) from None
        form = said.get("format", "healpix")
        order = said.get("order", "ring").lower()
        if order not in _ORDERS:
            raise unknown_name("order of --map", order, _ORDERS)
        from crsea_infer.report.sky_map_files import MAP_FORMATS

        if form not in MAP_FORMATS:
            raise unknown_name("format of --map", form, MAP_FORMATS)
        frame = said.get("frame", "icrs" if form == "icecube" else "galactic")
        return cls(nside, form, frame, _ORDERS[order], said.get("component", "total"))

    @property
    def request(self) -> Mapping[str, object]:
        """What a map is asked for with."""
        return {"nside": self.nside, "frame": self.frame, "ordering": self.ordering}


def write_map(found: SkyMap, wanted: MapArguments, output: str) -> str:
    """Write the file and return what is said of it."""
    path = found.write(Path(output), wanted.form, wanted.component)
    n = len(found.energies)
    return (
        f"{path}: {wanted.form}, NSIDE {found.nside}, {found.ordering}, {found.frame}, "
        f"{n} {'energy' if n == 1 else 'energies'}, components: {', '.join(found.components)}"
    )
