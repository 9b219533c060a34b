"""Counts and exposure cubes of the Fermi-LAT tools, as HEALPix FITS.

gtbin (algorithm HEALPIX) writes a table SKYMAP with a column CHANNELn per energy bin and the bins' edges in EBOUNDS,
in keV. gtexpcube2 writes a table HPXEXPOSURES with a column ENERGYn per energy and the energies in ENERGIES, in MeV;
exposures are in cm2 s, and in the frame of the counts cube when they do not say COORDSYS, as those of gtexpcube2 do
not. Columns without TUNIT are in these units; a TUNIT is converted, or refused. Rows are all pixels of the sky, or
those of a column PIX (EXPLICIT). What a file leaves open is refused, and so is a region that it covers only in part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.healpix_pixels import Frame, Pixelisation, read_pixel_numbers, read_pixelisation
from crsea_infer.physics.region_pixels import pixels_in
from crsea_infer.support.errors import UserError
from crsea_infer.support.fits import Key, read_hdus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.fits import Hdu

__all__ = ["HealpixCube", "read_counts_cube", "read_exposure_cube"]

_GEV: Final[Mapping[str, float]] = {"EV": 1e-9, "KEV": 1e-6, "MEV": 1e-3, "GEV": 1.0, "TEV": 1e3}
_COUNTS: Final[Mapping[str, float]] = dict.fromkeys(("COUNT", "COUNTS", "CT", "CTS", "PHOTON", "PHOTONS", "PH"), 1.0)
_FIX: Final = "write it with gtbin (algorithm HEALPIX) or gtexpcube2 of the Fermi-LAT tools"
_UNSEEN: Final = -1.6375e30  # healpy's mark of a pixel without data


@dataclass(frozen=True, eq=False)
class HealpixCube:
    """Planes of HEALPix pixels.

    Attributes
    ----------
    path
        Of the file.
    pixels, values
        Pixel of each row [n_rows], and its values [n_rows, n_planes].
    sky
        How the pixels are to be read.
    energies
        Edges of the bins [n_planes + 1] of counts, or energies of the planes [n_planes] of an exposure, GeV.
    """

    path: Path
    pixels: np.typing.NDArray[np.int64]
    values: Float64
    sky: Pixelisation
    energies: Float64

    def rows_in(self, region: Region) -> np.typing.NDArray[np.int64]:
        """Return the rows of all pixels whose centres lie in a region.

        Raises
        ------
        UserError
            When there is no such pixel, or the cube lacks one.
        """
        wanted = pixels_in(region, self.sky)
        if not wanted.size:
            raise UserError(
                f"{self.path}: has no pixel in the region {region.name!r}", valid="regions larger than a pixel"
            )
        row, there = self._rows(wanted)
        if not there.all():
            raise UserError(
                f"{self.path}: lacks {int((~there).sum())} of the {wanted.size} pixels in the region {region.name!r}, "
                f"{self._pixel(int(wanted[~there][0]))} among them",
                valid="a cube that covers its regions",
                fix="choose smaller regions, or write the cube of a larger part of the sky",
            )
        return row

    def at(self, longitude: Float64, latitude: Float64) -> Float64:
        """Return the values [n, n_planes] of the pixels that hold the directions [n] (Galactic, degrees).

        Raises
        ------
        UserError
            When a direction is not covered, or a value there is not above 0.
        """
        wanted = self.sky.pixels_at(longitude, latitude)
        row, there = self._rows(wanted)
        if not there.all():
            raise UserError(
                f"{self.path}: lacks {self._pixel(int(wanted[~there][0]))} in a region of the counts",
                valid="a cube of the same sky",
            )
        return self.checked(row, above_zero=True)

    def checked(
        self,
        rows: np.typing.NDArray[np.int64],
        planes: np.typing.NDArray[np.int64] | None = None,
        *,
        above_zero: bool = False,
    ) -> Float64:
        """Return the values [n_rows, n_planes] of some rows, known to be finite and not below 0 (or above it).

        Raises
        ------
        UserError
            When one is not: its pixel is named.
        """
        values = self.values[rows] if planes is None else self.values[rows][:, planes]
        good = np.isfinite(values) & ((values > 0) if above_zero else (values >= 0))
        if not good.all():
            row, plane = (int(i) for i in np.argwhere(~good)[0])
            value = values[row, plane]
            said = "UNSEEN" if np.isclose(value, _UNSEEN) else f"{value:g}"
            number = plane if planes is None else int(planes[plane])
            raise UserError(
                f"{self.path}: {self._pixel(int(self.pixels[rows[row]]))} is {said} in plane {number + 1}",
                valid=f"finite numbers {'above 0' if above_zero else 'not below 0'} in every pixel of the regions",
                fix="leave the pixel out with a mask, or choose another region",
            )
        return values

    def _rows(
        self, wanted: np.typing.NDArray[np.int64]
    ) -> tuple[np.typing.NDArray[np.int64], np.typing.NDArray[np.bool_]]:
        """Return the row of each pixel, and whether there is one."""
        order = np.argsort(self.pixels)
        row = order[np.clip(np.searchsorted(self.pixels[order], wanted), 0, len(order) - 1)]
        return row, self.pixels[row] == wanted

    def _pixel(self, pixel: int) -> str:
        longitude, latitude = self.sky.centres(np.array([pixel]))
        return f"pixel {pixel} (l = {longitude[0]:.2f}, b = {latitude[0]:.2f} deg)"


def read_counts_cube(path: Path) -> HealpixCube:
    """Read a counts cube, or a model cube of the same form.

    Raises
    ------
    UserError
        When the file is absent, damaged or of another form, does not say how it is to be read, or holds anything but
        counts.
    """
    table, bounds = _tables(path, "SKYMAP", "EBOUNDS")
    low, high = (bounds.numbers(name) * _energy_unit(bounds, name, "KEV") for name in ("E_MIN", "E_MAX"))
    rising = low.shape == high.shape and bool(np.all((low > 0) & (low < high) & (high < np.inf)))
    if not (rising and np.allclose(low[1:], high[:-1], rtol=1e-4)):
        raise bounds.refuse("the bins of EBOUNDS are not one after the other", "rising bins without gaps")
    columns = _planes(table, "CHANNEL", len(low))
    for name in columns:
        number = table.column(name).number
        table.value(
            Key(
                f"TUNIT{number}",
                str,
                "counts in each pixel (no TUNIT, or counts)",
                "multiply by the solid angle of a pixel, or by the exposure, to get counts",
                default=1.0,
                choices=_COUNTS,
            )
        )
    return _cube(table, columns, np.ones(len(columns)), np.append(low, high[-1]), None)


def read_exposure_cube(path: Path, frame: Frame | None = None) -> HealpixCube:
    """Read an exposure cube; raises as :func:`read_counts_cube`.

    Parameters
    ----------
    path
        Of the file.
    frame
        Of the counts, which an exposure has that does not say COORDSYS; None: it must say it.
    """
    table, nodes = _tables(path, "HPXEXPOSURES", "ENERGIES")
    energies = nodes.numbers("ENERGY") * _energy_unit(nodes, "ENERGY", "MEV")
    if len(energies) < 2 or not (energies[0] > 0 and np.all(np.diff(energies) > 0) and energies[-1] < np.inf):
        raise nodes.refuse("the energies of the exposure do not rise", "at least two rising energies")
    columns = _planes(table, "ENERGY", len(energies))
    units = np.array([table.unit(name, "cm2 s", usual="cm2 s", fix="give the exposure in cm2 s") for name in columns])
    return _cube(table, columns, units, energies, frame)


def _tables(path: Path, name: str, energies: str) -> tuple[Hdu, Hdu]:
    """Return the table of the pixels, and the table of its energies."""
    found = {}
    for hdu in read_hdus(path, what="HEALPix cube", written_by="the Fermi-LAT tools", fix=_FIX):
        if hdu.kind == "table" and hdu.name in {name, energies}:
            if hdu.name in found:
                raise hdu.refuse(f"a second table {hdu.name}", f"tables {name} and {energies}, one of each", _FIX)
            found[hdu.name] = hdu
    for wanted in (name, energies):
        if wanted not in found:
            raise UserError(f"{path}: has no table {wanted}", valid=f"tables {name} and {energies}", fix=_FIX)
    return found[name], found[energies]


def _planes(table: Hdu, stem: str, n_planes: int) -> list[str]:
    """Return the columns of the planes in their order."""
    found = [name for name in table.columns if re.fullmatch(rf"{stem}[0-9]+", name)]
    wanted = [f"{stem}{plane + 1}" for plane in range(n_planes)]
    if set(found) != set(wanted):
        raise table.refuse(
            f"{len(found)} columns {stem}n, and energies for {n_planes}",
            f"as many of each: {stem}1 to {stem}{n_planes}",
            _FIX,
        )
    return wanted


def _cube(table: Hdu, columns: list[str], units: Float64, energies: Float64, frame: Frame | None) -> HealpixCube:
    sky = read_pixelisation(table, frame=frame, fix=_FIX)
    planes = [table.numbers(name) for name in columns]
    if len({len(plane) for plane in planes}) != 1:
        raise table.refuse("its columns are not of one length", "one value of each for a pixel", _FIX)
    pixels = read_pixel_numbers(table, sky, len(planes[0]), _FIX)
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused in the regions
        values = np.stack(planes, axis=-1) * units
    return HealpixCube(table.path, pixels, values, sky, energies)


def _energy_unit(table: Hdu, column: str, usual: str) -> float:
    """Return the GeV in a unit of a column, by its TUNIT or, when it has none, the usual unit of the tools."""
    key = Key(f"TUNIT{table.column(column).number}", str, "eV, keV, MeV, GeV or TeV", default=_GEV[usual], choices=_GEV)
    return float(table.value(key))
