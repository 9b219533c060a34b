"""Make the compact table of gas columns from full ring maps.

The maps are plate-carree cubes in FITS, one plane per ring, for HI (cm^-2) and CO (K km/s), in the ring order of
HERMES: either one file with the extensions N_HI and W_CO, whose headers say the axes, or HERMES's own two files,
``NHrings_Ts300K.fits.gz`` and ``WCOrings_COGAL.fits.gz``. Of these HERMES takes no axes from the header: longitude
falls from +180 deg at the first pixel, latitude rises from -90 deg. They are read so too, and known places must then be
where they belong: the Magellanic Clouds in the twelfth plane of HI, Orion in CO.

The table keeps 0.5 deg pixels within 10 deg of the plane, where the gas and the measurements are, and 2 x 1 deg beyond.
Maps of other resolutions are averaged over these pixels first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.gas import RING_EDGES
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_netcdf, file_digest
from crsea_infer.support.fits import Key, read_hdus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.fits import Hdu

__all__ = ["compact_gas_table"]

_PLANE: Final = 10.0  # deg: full resolution within
_STEP: Final = 0.5  # deg
_KEPT_BITS: Final = 11  # of the mantissa: 0.02 per cent, far below the 3 per cent of the maps, and compresses well
_FILES: Final = (
    "one FITS file with the extensions N_HI and W_CO, or HERMES's NHrings_Ts300K.fits.gz and WCOrings_COGAL.fits.gz"
)
_LANDMARKS: Final = {
    "HI": ("the Magellanic Clouds", (-90.0, -50.0), (-50.0, -25.0)),
    "CO": ("Orion", (-156.0, -143.0), (-22.0, -10.0)),
}
_LARGEST: Final = {"HI": (1e20, 1e24), "CO": (1.0, 1e5)}  # where the largest value of a map lies, cm-2 and K km/s
_REBUILT: Final = (
    ", rebuilt from the published ring figures; status: digitised, about 3 per cent; values more than 1.96 dex below a "
    "ring's maximum are zero"
)


@dataclass(frozen=True)
class _Maps:
    """Planes of rings [ring, latitude, longitude], and the edges of the pixels in degrees, rising."""

    values: Float64
    longitude: Float64
    latitude: Float64


def _cube(hdu: Hdu) -> Float64:
    values = hdu.image()
    if values.ndim != 3 or len(values) < 12 or min(values.shape) < 2:
        raise hdu.refuse(
            f"has the shape {values.shape}", "12 rings on a plate-carree grid: (ring, latitude, longitude)"
        )
    if not np.isfinite(values).all() or (values < 0).any():
        raise hdu.refuse("has values that are negative or not finite", "columns >= 0")
    return values


def _described(hdu: Hdu, unit: str) -> _Maps:
    """Return the maps of an extension whose header says unit and axes."""
    said = hdu.value(Key("BUNIT", str, default="none"))
    if said != unit:
        raise hdu.refuse(f"{hdu.name} has the unit {said!r}", unit)
    values = _cube(hdu)
    edges = []
    for axis, size, whole in ((1, values.shape[2], 360.0), (2, values.shape[1], 180.0)):
        step = hdu.value(Key(f"CDELT{axis}", float, f"the width of a pixel, {whole / size:g} deg"))
        first = hdu.value(Key(f"CRVAL{axis}", float)) + (1 - hdu.value(Key(f"CRPIX{axis}", float))) * step
        if not np.isclose(abs(step) * size, whole, rtol=1e-3) or abs(first) > 360.0:
            raise hdu.refuse(
                f"CDELT{axis} is {step:g} with {size} pixels", f"the whole sky, {whole / size:g} deg a pixel"
            )
        if step < 0:
            values = values[..., ::-1] if axis == 1 else values[:, ::-1]
            first, step = first + (size - 1) * step, -step
        edges.append(first + (np.arange(size + 1) - 0.5) * step)
    if not np.isclose(edges[1][0], -90.0, atol=0.6 * (edges[1][1] - edges[1][0])):
        raise hdu.refuse(f"its latitudes begin at {edges[1][0]:g} deg", "-90 deg")
    return _Maps(values, edges[0], edges[1])


def _hermes(path: Path) -> tuple[str, Hdu, _Maps]:
    """Return what gas a file of HERMES holds, its HDU, and the maps in HERMES's own reading of the axes."""
    hdu = next(read_hdus(path, what="ring map", written_by="HERMES"))
    values = _cube(hdu)
    largest = float(values.max())
    gas = next((name for name, (low, high) in _LARGEST.items() if low <= largest <= high), None)
    if gas is None:
        raise hdu.refuse(f"its largest value is {largest:.3g}", "columns of HI in cm-2, or CO intensities in K km/s")
    edges = [np.linspace(-half, half, size + 1) for half, size in ((180.0, values.shape[2]), (90.0, values.shape[1]))]
    maps = _on_half_degrees(_Maps(values[..., ::-1], edges[0], edges[1]))
    name, (west, east), (south, north) = _LANDMARKS[gas]
    plane = maps[11] if gas == "HI" else maps.sum(axis=0)
    longitude, latitude = (np.arange(-limit, limit, _STEP) + _STEP / 2 for limit in (180, 90))
    box = np.ix_((latitude > south) & (latitude < north), (longitude > west) & (longitude < east))
    there, *mirrored = (view[box].sum() for view in (plane, plane[:, ::-1], plane[::-1], plane[::-1, ::-1]))
    if there <= max(mirrored):
        raise hdu.refuse(
            f"{name} is not where it belongs, at l = {west:g} to {east:g} and b = {south:g} to {north:g} deg",
            "longitudes falling from +180 deg, latitudes rising from -90 deg, as HERMES reads them",
            "write the maps with HERMES's axes, or as extensions N_HI and W_CO whose headers say the axes",
        )
    return gas, hdu, _Maps(maps, np.arange(-180.0, 180.1, _STEP), np.arange(-90.0, 90.1, _STEP))


def _on_half_degrees(maps: _Maps) -> Float64:
    """Return the means over pixels of 0.5 deg, from -180 and -90 deg on, shape [ring, 360, 720]."""
    longitude, latitude = np.arange(-180.0, 180.1, _STEP), np.arange(-90.0, 90.1, _STEP)
    same = maps.longitude.shape == longitude.shape and np.allclose(maps.longitude, longitude, atol=1e-6)
    if same and maps.latitude.shape == latitude.shape and np.allclose(maps.latitude, latitude, atol=1e-6):
        return maps.values
    turns = [maps.longitude + turn for turn in (-360.0, 0.0, 360.0)]
    along = np.sum([_overlap(longitude, edges) for edges in turns], axis=0)
    sines = (np.sin(np.radians(np.clip(edges, -90.0, 90.0))) for edges in (latitude, maps.latitude))
    across = _overlap(*sines)
    along, across = (matrix / matrix.sum(axis=1, keepdims=True) for matrix in (along, across))
    return np.stack([across @ plane @ along.T for plane in maps.values])


def _overlap(wanted: Float64, given: Float64) -> Float64:
    """Return how much of each given interval [m] lies in each wanted one [n], from their edges, shape [n, m]."""
    high = np.minimum(wanted[1:, None], given[1:])
    return np.asarray(np.maximum(high - np.maximum(wanted[:-1, None], given[:-1]), 0.0))


def _rounded(values: Float64) -> Float64:
    single = values.astype(np.float32).view(np.uint32)
    drop = 23 - _KEPT_BITS
    return ((single + (1 << (drop - 1))) & ~np.uint32((1 << drop) - 1)).view(np.float32)


def _block_mean(maps: Float64, weights: Float64, rows: int, columns: int) -> Float64:
    rings, n_latitude, n_longitude = maps.shape
    shape = (rings, n_latitude // rows, rows, n_longitude // columns, columns)
    weighted = (maps * weights[:, None]).reshape(shape).sum(axis=(2, 4))
    total = np.broadcast_to(weights[:, None], maps.shape[1:]).reshape(shape[1:]).sum(axis=(1, 3))
    return np.asarray(weighted / total)


def _read(sources: Sequence[Path]) -> tuple[Float64, Float64, str]:
    """Return the planes of HI and of CO [ring, 360, 720], and how they came about."""
    if len(sources) == 1:
        hdus = {hdu.name: hdu for hdu in read_hdus(sources[0], what="ring map", written_by="its author", fix=_FILES)}
        missing = {"N_HI", "W_CO"} - set(hdus)
        if missing:
            alone = "give both of HERMES's files" if len(hdus) == 1 else ""
            raise UserError(f"{sources[0]}: no extension {', '.join(sorted(missing))}", valid=_FILES, fix=alone)
        maps = [_described(hdus[name], unit) for name, unit in (("N_HI", "cm-2"), ("W_CO", "K km s-1"))]
        return _on_half_degrees(maps[0]), _on_half_degrees(maps[1]), _REBUILT
    if len(sources) != 2:
        raise UserError(f"{len(sources)} files of ring maps", valid=_FILES)
    found = {}
    for source in sources:
        gas, hdu, read = _hermes(source)
        if gas in found:
            raise hdu.refuse(f"it holds {gas}, as the other file does", _FILES)
        found[gas] = read.values
    return found["HI"], found["CO"], ""


def compact_gas_table(sources: Sequence[Path], destination: Path) -> int:
    """Write the compact table of gas columns and return its number of pixels.

    Parameters
    ----------
    sources
        One FITS file with the extensions N_HI (cm-2) and W_CO (K km s-1), 12 planes each, or the two files of HERMES,
        in any order.
    destination
        netCDF file to write.

    Raises
    ------
    UserError
        When a file is missing or damaged, its layout or units are not those, or known places are not where they belong.
    """
    atomic, carbon, made = _read(sources)
    n_rings = len(RING_EDGES["HI"]) - 1
    # HI: the twelfth plane is the Magellanic Clouds. CO: the innermost ring is split over the last two planes.
    atomic = atomic[:n_rings]
    carbon = np.concatenate([carbon[10:11] + carbon[11:12], carbon[: n_rings - 1]])
    longitude, latitude = (np.arange(-limit, limit, _STEP) + _STEP / 2 for limit in (180, 90))
    step = _STEP
    weights = np.cos(np.radians(latitude))
    plane = np.abs(latitude) < _PLANE
    pieces: list[tuple[Float64, ...]] = []
    for rows, kept, columns, width, height in (
        (1, plane, 1, step, step),
        (round(1 / step), latitude > _PLANE, round(2 / step), 2.0, 1.0),
        (round(1 / step), latitude < -_PLANE, round(2 / step), 2.0, 1.0),
    ):
        lon = longitude.reshape(-1, columns).mean(axis=1)
        lat = latitude[kept].reshape(-1, rows).mean(axis=1)
        grid_lat, grid_lon = np.meshgrid(lat, lon, indexing="ij")
        pieces.append(
            (
                grid_lon.ravel(),
                grid_lat.ravel(),
                np.full(grid_lon.size, width),
                np.full(grid_lon.size, height),
                _block_mean(atomic[:, kept], weights[kept], rows, columns).reshape(n_rings, -1),
                _block_mean(carbon[:, kept], weights[kept], rows, columns).reshape(n_rings, -1),
            )
        )
    names = ("longitude", "latitude", "longitude_width", "latitude_width", "atomic", "carbon_monoxide")
    units = ("degree", "degree", "degree", "degree", "cm-2", "K km s-1")
    arrays = [np.concatenate([piece[i] for piece in pieces], axis=-1) for i in range(len(names))]
    with atomic_netcdf(destination) as file:
        file.dimensions = {"ring": n_rings, "pixel": arrays[0].size}
        for name, unit, array in zip(names, units, arrays, strict=True):
            dimensions = ("pixel",) if array.ndim == 1 else ("ring", "pixel")
            variable = file.create_variable(
                name, dimensions, np.float32, data=_rounded(array), compression="gzip", compression_opts=9, shuffle=True
            )
            variable.attrs["units"] = unit
        named = " and ".join(f"{source.name} (sha256 {file_digest(source)})" for source in sources)
        file.attrs["provenance"] = (
            f"made by 'crsea-infer grid gas' from {named}: HI and CO ring maps of "
            f"HERMES (Remy et al. 2017, Dame et al. 2001){made}"
        )
    return int(arrays[0].size)
