"""The geometry of the whole sky, kept in the user's cache directory: a second map of the same physics is fast.

Entries lie beside the trained regions of :mod:`crsea_infer.emulator.response.region_cache`, under the same rules: named
by a hash of everything that their numbers follow from, ignored when damaged, and made again when absent.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.emulator.archive import read_archive, write_archive
from crsea_infer.emulator.response import chebyshev, density_patterns, sky_geometry
from crsea_infer.emulator.response.region_cache import code_and_tables, user_folder
from crsea_infer.emulator.response.sky_geometry import DiscSight, HaloSight, electron_geometry, nuclei_geometry
from crsea_infer.grids.description import GeometryHeader
from crsea_infer.physics.ring_sight import RingSight
from crsea_infer.support.array_schema import ArraySpec
from crsea_infer.support.errors import UserError
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.emulator.archive import Layout
    from crsea_infer.grids.response_grid import GridSettings

__all__ = ["electrons_of_sky", "nuclei_of_sky"]

_KIND: Final = "whole sky"
_FORMAT: Final = 1
_RINGS: Final[Mapping[str, ArraySpec]] = {
    "of_pixel": ArraySpec(("pixel",), ("i8",)),
    "direction": ArraySpec(("pair",), ("i8",)),
    "stretch": ArraySpec(("pair",), ("i8",)),
    "received": ArraySpec(("pair", "kind", "transmission", "widest"), ("f4",)),
    "coefficients": ArraySpec(("term", "energy", "pattern"), ("f8",)),
    "transmission": ArraySpec(("absorption", "transmission"), ("f8",)),
}
_HALO: Final[Mapping[str, ArraySpec]] = {
    "cells": ArraySpec(("cell", "transmission", "field", "halo_pattern"), ("f4",)),
    "halo_coefficients": ArraySpec(("term", "energy", "halo_pattern"), ("f8",)),
    "halo_transmission": ArraySpec(("absorption", "transmission"), ("f8",)),
}
Particles = Literal["nuclei", "electrons"]


def nuclei_of_sky(settings: GridSettings) -> DiscSight:
    """Return the geometry of nuclei, computed now (ten seconds) where nobody has done so before."""
    return _of_sky(_Settings(settings, "nuclei"))[0]


def electrons_of_sky(settings: GridSettings) -> tuple[DiscSight, HaloSight]:
    """Return the geometry of electrons, likewise (half a minute).

    Raises
    ------
    UserError
        When the settings leave electrons out.
    """
    if settings.electrons is None:
        raise UserError(
            "this emulator was trained on a grid without electrons",
            fix="build the grid without --no-leptons, or leave the prior set 'leptons' out",
        )
    disc, halo = _of_sky(_Settings(settings, "electrons"))
    if halo is None:
        raise ValueError("an entry of electrons without halo")
    return disc, halo


class _Settings:
    """Settings and particles, equal when the geometry is."""

    def __init__(self, settings: GridSettings, particles: Particles) -> None:
        self.settings, self.particles = settings, particles
        content = asdict(settings)
        for other in ("regions", "cross_section", "nuclear_enhancement"):
            del content[other]
        del content["electrons" if particles == "nuclei" else "n_rigidity"]
        content["line_of_sight"]["heights"] = settings.line_of_sight.heights.tolist()
        del content["line_of_sight"]["x_co"]  # acts on columns, which are not in it
        own = hashlib.sha256()
        for module in (chebyshev, density_patterns, sky_geometry):
            own.update(Path(str(module.__file__)).read_bytes())
        text = json.dumps(
            {
                "format": _FORMAT,
                "version": __version__,
                "code": [code_and_tables(), own.hexdigest()],
                "particles": particles,
                "settings": content,
            },
            sort_keys=True,
        )
        self.hash = hashlib.sha256(text.encode()).hexdigest()[:32]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Settings) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)


@lru_cache(maxsize=4)
def _of_sky(wanted: _Settings) -> tuple[DiscSight, HaloSight | None]:
    folder = user_folder()
    path = None if folder is None else folder / f"sky-{wanted.particles}-{wanted.hash}.npz"
    found = None if path is None else _read(path, wanted)
    if found is not None:
        return found
    if wanted.particles == "nuclei":
        made: tuple[DiscSight, HaloSight | None] = nuclei_geometry(wanted.settings), None
    else:
        made = electron_geometry(wanted.settings)
    if path is not None:
        _write(path, wanted, *made)
    return made


def _write(path: Path, wanted: _Settings, disc: DiscSight, halo: HaloSight | None) -> None:
    """Write an entry, whole or not at all; a folder that cannot be written is left as it is."""
    arrays: dict[str, Any] = {
        "of_pixel": disc.rings.of_pixel,
        "direction": disc.rings.direction,
        "stretch": disc.rings.stretch,
        "received": disc.rings.received,
        "coefficients": disc.coefficients,
        "transmission": disc.transmission,
    }
    if halo is not None:
        arrays |= {
            "cells": halo.cells,
            "halo_coefficients": halo.coefficients,
            "halo_transmission": halo.transmission,
        }
    header = {"key": wanted.hash, "particles": wanted.particles, "sizes": list(disc.sizes)}
    with suppress(OSError, UserError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_archive(path, _KIND, header, arrays)


def _layout(_: str, header: GeometryHeader) -> Layout:
    """Return what an entry with that header must hold."""
    arrays = {**_RINGS, **_HALO} if header.particles == "electrons" else dict(_RINGS)
    return arrays, {"pattern": sum(header.sizes), "widest": max(header.sizes)}


def _read(path: Path, wanted: _Settings) -> tuple[DiscSight, HaloSight | None] | None:
    """Read an entry; None when it is absent, damaged, or not what its name says."""
    try:
        header, arrays = read_archive(path, {_KIND: GeometryHeader}, _layout)
    except (OSError, UserError):
        return None
    if header["key"] != wanted.hash or header["particles"] != wanted.particles:
        return None
    rings = RingSight(*(np.asarray(arrays[name]) for name in ("of_pixel", "direction", "stretch", "received")))
    disc = DiscSight(rings, tuple(header["sizes"]), arrays["coefficients"], arrays["transmission"])
    if wanted.particles == "nuclei":
        return disc, None
    return disc, HaloSight(arrays["cells"], arrays["halo_coefficients"], arrays["halo_transmission"])
