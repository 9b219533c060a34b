"""Sky regions: boxes in Galactic coordinates, minus a mask.

A region answers one question, whether a direction belongs to it; solid angles and the share of each gas pixel follow by
sampling it on a fine grid. Named regions are those of the published measurements. Any box may be written as
``l=25..100,b=-5..5`` (degrees; longitudes may be negative, and run from the first to the second eastward), and may end
in ``,mask=lhaaso``, in ``,mask=lhaaso*0.5`` (its discs half as wide) or in ``,mask=FILE``, a HEALPix map that is above
0.5 where the sky is kept.

A file may change, so the name of a region with a mask file says which content is meant: it ends in
``,mask=/PATH/FILE#sha256-HASH``. Whatever is kept by the name of a region (responses of an emulator, spectra, hashes of
grids and of data) is then never taken for that of another mask, on whichever machine.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.physics.healpix_mask import mask_digest, read_mask
from crsea_infer.physics.masks import LHAASO, disc_scale, lhaaso_mask
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import absolute
from crsea_infer.support.names import check_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.support.arrays import Float64

__all__ = ["REGIONS", "Region", "content_of_region", "parse_region", "region_key", "split_region"]

_NUMBER: Final = r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)"
_BOX: Final = re.compile(
    rf"^\s*l\s*=\s*{_NUMBER}\s*\.\.\s*{_NUMBER}\s*,\s*b\s*=\s*{_NUMBER}\s*\.\.\s*{_NUMBER}\s*(?:,\s*mask\s*=\s*(\S.*?)"
    r"(?:#sha256-([0-9a-f]{16}))?\s*)?$"
)
_MASK_PLACE: Final = re.compile(r"(?<=,mask=).*#(?=sha256-[0-9a-f]{16}$)")
_SAMPLING: Final = 0.1  # degrees
_DISC_SCALES: Final = (0.1, 3.0)
_ROUNDING: Final = 1e-9  # degrees: 256.681 and 616.681 are more than 360 apart in double precision


@dataclass(frozen=True)
class Region:
    """A box on the sky in Galactic coordinates, minus a mask.

    Attributes
    ----------
    name
        Name, or the text of the box.
    longitude, latitude
        Edges in degrees; longitude runs eastward from the first to the second and spans at most 360.
    mask
        None; "lhaaso", the discs around known very-high-energy sources that LHAASO left out, or "lhaaso*0.5", with a
        factor on their radii; or the absolute path of a HEALPix map in FITS, above 0.5 where the sky is kept.
    mask_sha256
        Hash of that map's content: with another one the region is another.
    description
        One line for people.
    """

    name: str
    longitude: tuple[float, float]
    latitude: tuple[float, float]
    mask: str | None = None
    description: str = ""
    mask_sha256: str | None = None

    def contains(self, longitude: Float64, latitude: Float64) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Tell which directions (degrees, broadcasting) lie in the region."""
        west, east = self.longitude
        inside = np.mod(np.asarray(longitude) - west, 360.0) < (east - west)
        inside = inside & (np.asarray(latitude) > self.latitude[0]) & (np.asarray(latitude) < self.latitude[1])
        scale = disc_scale(self.mask)
        if scale is not None and inside.any():
            left: Any = np.asarray(inside)
            directions: Any = np.broadcast_arrays(longitude, latitude, left)
            left[left] = ~lhaaso_mask(directions[0][left], directions[1][left], scale)
            inside = left
        elif scale is None and self.mask is not None and inside.any():
            inside = inside & read_mask(Path(self.mask), self.mask_sha256).keeps(longitude, latitude)
        return np.asarray(inside)

    @property
    def solid_angle(self) -> float:
        """Solid angle in sr, the mask taken off (sampled every 0.1 degree)."""
        return _solid_angle(self)


@lru_cache(maxsize=256)
def _solid_angle(region: Region) -> float:
    west, east = region.longitude
    n_longitude = max(round((east - west) / _SAMPLING), 40)
    n_latitude = max(round((region.latitude[1] - region.latitude[0]) / _SAMPLING), 40)
    longitude = west + (np.arange(n_longitude) + 0.5) * (east - west) / n_longitude
    edges = np.sin(np.radians(np.linspace(*region.latitude, n_latitude + 1)))
    latitude = np.degrees(np.arcsin((edges[1:] + edges[:-1]) / 2))
    share = region.contains(longitude[None, :], latitude[:, None]).mean(axis=1)
    return float(np.radians(east - west) * np.sum(share * np.diff(edges)))


_NAMED: Final = (
    Region("lhaaso_inner", (15.0, 125.0), (-5.0, 5.0), "lhaaso", "LHAASO inner region, known sources masked"),
    Region("lhaaso_outer", (125.0, 235.0), (-5.0, 5.0), "lhaaso", "LHAASO outer region, known sources masked"),
    Region("tibet_inner", (25.0, 100.0), (-5.0, 5.0), None, "Tibet ASgamma and ARGO-YBJ window, no mask"),
    Region("tibet_outer", (50.0, 200.0), (-5.0, 5.0), None, "Tibet ASgamma outer window, no mask"),
    Region("fermi_inner_galaxy", (-80.0, 80.0), (-8.0, 8.0), None, "Fermi-LAT inner Galaxy, no mask"),
    Region("full_sky", (-180.0, 180.0), (-90.0, 90.0), None, "the whole sky"),
)
REGIONS: Final[Mapping[str, Region]] = MappingProxyType({region.name: region for region in _NAMED})
"""The regions of the published measurements, by name."""


def parse_region(text: str, base: Path | None = None) -> Region:
    """Return the region that a name or a box stands for.

    Parameters
    ----------
    text
        Name, or box; a mask file may have the hash of its content, as in the names of regions.
    base
        Folder from which the relative path of a mask counts; the working directory if None.

    Raises
    ------
    UserError
        When it is neither a known name nor a valid box, or the mask is not there, no mask, or not of the given content.
    """
    if text in REGIONS:
        return REGIONS[text]
    match = _BOX.match(text)
    if match is None:
        if "=" in text or ".." in text:
            raise UserError(
                f"cannot read the sky region {text!r}",
                valid="l=WEST..EAST,b=SOUTH..NORTH in degrees, and optionally ,mask=lhaaso, lhaaso*0.5 or FILE",
                fix="for example --region l=25..100,b=-5..5",
            )
        raise unknown_name("region", text, REGIONS, fix="name a region, or give a box such as l=25..100,b=-5..5")
    west, east, south, north = (float(value) for value in match.groups()[:4])
    mask, stated = match.group(5), match.group(6)
    sha256 = None
    scale = disc_scale(mask)
    if scale is not None:
        mask = _scaled_mask(text, scale)
    elif mask is not None:
        path = absolute(mask, base).resolve()
        check_texts(str(path), "the path of a mask")
        sha256 = stated or mask_digest(path)
        read_mask(path, sha256)
        mask = str(path)
    if not (0.0 < east - west <= 360.0 + _ROUNDING and west >= -360.0 and east <= 720.0):
        raise UserError(
            f"the longitudes of {text!r} run from {west:g} to {east:g} degrees",
            valid="west < east, at most 360 degrees apart",
            fix="to cross the Galactic centre write l=-10..10 (or l=350..370)",
        )
    if not -90.0 <= south < north <= 90.0:
        raise UserError(
            f"the latitudes of {text!r} run from {south:g} to {north:g} degrees", valid="-90 <= south < north <= 90"
        )
    for region in _NAMED:
        if (region.longitude, region.latitude, region.mask) == ((west, east), (south, north), mask):
            return region
    return _box((west, east), (south, north), mask, sha256)


def _scaled_mask(text: str, scale: float) -> str:
    """Return the name of LHAASO's mask with discs of another width, the same for equal factors."""
    low, high = _DISC_SCALES
    if not low <= scale <= high:
        raise UserError(
            f"the discs of the mask of {text!r} are {scale:g} times as wide as LHAASO's",
            valid=f"a factor from {low:g} to {high:g}, such as mask=lhaaso*0.5",
        )
    return LHAASO if scale == 1.0 else f"{LHAASO}*{_shown(scale)}"


def _box(longitude: tuple[float, float], latitude: tuple[float, float], mask: str | None, sha256: str | None) -> Region:
    west, east, south, north = (_shown(edge) for edge in (*longitude, *latitude))
    text = f"l={west}..{east},b={south}..{north}"
    if mask is not None:
        text += f",mask={mask}" if sha256 is None else f",mask={mask}#sha256-{sha256}"
    return Region(text, longitude, latitude, mask, mask_sha256=sha256)


def _shown(edge: float) -> str:
    """Return a number in as many digits as bring it back."""
    short = f"{edge:g}"
    return short if float(short) == edge and "e" not in short else np.format_float_positional(edge)


def split_region(region: Region, axis: Literal["longitude", "latitude"], n: int) -> list[Region]:
    """Cut a region into `n` equal steps of longitude or latitude, each with the mask of the whole."""
    low, high = region.longitude if axis == "longitude" else region.latitude
    edges = np.linspace(low, high, n + 1).tolist()
    pairs = list(itertools.pairwise(edges))
    if axis == "longitude":
        return [_box(pair, region.latitude, region.mask, region.mask_sha256) for pair in pairs]
    return [_box(region.longitude, pair, region.mask, region.mask_sha256) for pair in pairs]


def region_key(text: str) -> str:
    """Return the name under which a region is stored: equal for equal regions, however they were written."""
    return parse_region(text).name


def content_of_region(key: str) -> str:
    """Return the name of a region without the place of its mask, for hashes: equal wherever the same mask lies."""
    return _MASK_PLACE.sub("", key)
