"""Maps of the sky as FITS files that other packages read.

*healpix*: a table for mean and one for standard deviation of each component, a column for each energy, in GeV; healpy
reads them. *mapcube*: the mean alone, in MeV, as FERMITOOLS and gammapy want a diffuse template: a table SKYMAP with a
column for each energy, and a table ENERGIES. *icecube*: neutrinos of one flavour in equatorial coordinates, with the
same maps normalised to 1 over the sky, which a template fit takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import atomic_path
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.inference.sky_maps import SkyMapArrays
    from crsea_infer.support.arrays import Float64

__all__ = ["MAP_FORMATS", "write_sky_map"]

MAP_FORMATS: Final = ("healpix", "mapcube", "icecube")
"""Formats of maps."""

_UNIT: Final = "GeV-1 cm-2 s-1 sr-1"
_UNIT_OF_CUBES: Final = "cm-2 s-1 MeV-1 sr-1"
_FRAMES: Final[Mapping[str, str]] = {"galactic": "G", "icrs": "C"}
_MEV: Final = 1e3  # MeV per GeV


def write_sky_map(maps: SkyMapArrays, path: Path, form: str, meta: Mapping[str, str], component: str = "total") -> None:
    """Write a file, whole or not at all; one that is there is replaced.

    Parameters
    ----------
    maps
        What is written.
    path
        FITS file.
    form
        One of :data:`MAP_FORMATS`.
    meta
        Cards of the primary header: keyword -> what it says.
    component
        That of a mapcube or an IceCube template.

    Raises
    ------
    UserError
        When there is no such format or component, or the maps are none of that format.
    """
    from astropy.io import fits

    if form not in MAP_FORMATS:
        raise unknown_name("format of maps", form, MAP_FORMATS)
    if component not in maps.mean:
        raise unknown_name("component of the map", component, maps.mean)
    if form == "icecube" and (maps.messenger != "neutrino" or maps.sky.frame != "icrs"):
        raise UserError(
            f"an IceCube template of {maps.messenger} in the frame {maps.sky.frame}",
            valid="neutrinos in the frame icrs",
        )
    primary = fits.PrimaryHDU()
    primary.header["CREATOR"] = f"crsea_infer {__version__}"
    primary.header["MESSENGR"] = (maps.messenger, "neutrinos: nu + anti-nu of one flavour")
    primary.header["NDRAWS"] = (maps.n_draws, "draws of the posterior; 1: published values")
    for key, said in meta.items():
        primary.header[key] = said
    if maps.left_out:
        primary.header["LEFTOUT"] = (", ".join(maps.left_out), "parameters without a part")
    tables = {"healpix": _healpix, "mapcube": _mapcube, "icecube": _icecube}[form](maps, component)
    with atomic_path(path) as temporary:
        fits.HDUList([primary, *tables]).writeto(temporary, overwrite=True)


def _table(
    maps: SkyMapArrays, name: str, values: np.typing.NDArray[np.floating[Any]], unit: str, energy_unit: str
) -> Any:
    """Return a table with a column [pixel] for each energy."""
    from astropy.io import fits

    columns = [
        fits.Column(name=f"ENERGY{number}", format="E" if unit != "sr-1" else "D", unit=unit, array=one)
        for number, one in enumerate(values, start=1)
    ]
    table = fits.BinTableHDU.from_columns(columns, name=name)
    header = table.header
    header["PIXTYPE"] = "HEALPIX"
    header["ORDERING"] = "NESTED" if maps.sky.nested else "RING"
    header["COORDSYS"] = (_FRAMES[maps.sky.frame], "G: Galactic, C: equatorial (ICRS)")
    header["NSIDE"] = maps.sky.n_side
    header["ORDER"] = maps.sky.n_side.bit_length() - 1
    header["FIRSTPIX"], header["LASTPIX"] = 0, maps.sky.n_pixels - 1
    header["INDXSCHM"] = "IMPLICIT"
    header["OBJECT"] = "FULLSKY"
    header["BUNIT"] = unit
    factor = 1.0 if energy_unit == "GeV" else _MEV
    for number, energy in enumerate(maps.energies, start=1):
        header[f"E_{number}"] = (float(energy * factor), f"energy of column {number}, {energy_unit}")
    return table


def _energies(maps: SkyMapArrays, unit: str) -> Any:
    from astropy.io import fits

    values = maps.energies * (1.0 if unit == "GeV" else _MEV)
    return fits.BinTableHDU.from_columns(
        [fits.Column(name="Energy", format="D", unit=unit, array=values)], name="ENERGIES"
    )


def _single(values: Float64) -> np.typing.NDArray[np.float32]:
    """Return numbers in single precision, which holds intensities down to 1e-38."""
    return np.asarray(values, dtype=np.float32)


def _healpix(maps: SkyMapArrays, _: str) -> list[Any]:
    tables = []
    for name, mean in maps.mean.items():
        upper = name.upper().replace(" ", "_")
        tables.append(_table(maps, f"{upper}_MEAN", _single(mean), _UNIT, "GeV"))
        if name in maps.deviation:
            tables.append(_table(maps, f"{upper}_SD", _single(maps.deviation[name]), _UNIT, "GeV"))
    return [*tables, _energies(maps, "GeV")]


def _mapcube(maps: SkyMapArrays, component: str) -> list[Any]:
    table = _table(maps, "SKYMAP", _single(maps.mean[component] / _MEV), _UNIT_OF_CUBES, "MeV")
    return [table, _energies(maps, "MeV")]


def _icecube(maps: SkyMapArrays, component: str) -> list[Any]:
    mean = maps.mean[component]
    shape = mean / (mean.sum(axis=1, keepdims=True) * maps.sky.solid_angle)
    tables = [_table(maps, "PER_FLAVOUR_MEAN", _single(mean), _UNIT, "GeV")]
    if component in maps.deviation:
        tables.append(_table(maps, "PER_FLAVOUR_SD", _single(maps.deviation[component]), _UNIT, "GeV"))
    tables.append(_table(maps, "TEMPLATE", shape, "sr-1", "GeV"))
    for table in tables:
        table.header["FLAVOUR"] = ("any of three", "nu + anti-nu; 1:1:1 at Earth")
    return [*tables, _energies(maps, "GeV")]
