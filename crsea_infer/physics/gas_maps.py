"""Make the compact table of gas columns from full ring maps.

The maps are plate-carree FITS cubes, one plane per ring, for HI (cm^-2) and CO (K km/s), in the ring order of HERMES.
The table keeps 0.5 deg pixels within 10 deg of the plane, where the gas and the measurements are, and 2 x 1 deg beyond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.errors import UserError
from crsea_infer.files import atomic_netcdf, file_digest
from crsea_infer.physics.gas import RING_EDGES

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.arrays import Float64

__all__ = ["compact_gas_table"]

_PLANE: Final = 10.0  # deg: full resolution within
_KEPT_BITS: Final = 11  # of the mantissa: 0.02 per cent, far below the 3 per cent of the maps, and compresses well


def _cube(hdu: Any, path: Path, unit: str) -> tuple[Float64, Float64, Float64]:
    header = hdu.header
    if header.get("BUNIT", "").strip() != unit or hdu.data is None or hdu.data.ndim != 3 or len(hdu.data) < 12:
        raise UserError(
            f"{path}: extension {hdu.name} has unit {header.get('BUNIT', 'none')!r} and shape "
            f"{None if hdu.data is None else hdu.data.shape}",
            valid=f"12 rings on a plate-carree grid in {unit}",
        )
    axes = [
        header[f"CRVAL{i}"] + (np.arange(header[f"NAXIS{i}"]) + 1 - header[f"CRPIX{i}"]) * header[f"CDELT{i}"]
        for i in (1, 2)
    ]
    return np.asarray(hdu.data, dtype=float), axes[0], axes[1]


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


def compact_gas_table(source: Path, destination: Path) -> int:
    """Write the compact table of gas columns and return its number of pixels.

    Parameters
    ----------
    source
        FITS file with the extensions N_HI (cm-2) and W_CO (K km s-1), 12 planes each.
    destination
        netCDF file to write.

    Raises
    ------
    UserError
        When the file is missing, or its layout or units are not those.
    """
    from astropy.io import fits

    if not source.is_file():
        raise UserError(f"there is no file {source}", valid="a FITS file of ring maps with N_HI and W_CO")
    with fits.open(source) as hdus:
        missing = {"N_HI", "W_CO"} - {hdu.name for hdu in hdus}
        if missing:
            raise UserError(f"{source}: no extension {', '.join(sorted(missing))}", valid="N_HI and W_CO")
        atomic, longitude, latitude = _cube(hdus["N_HI"], source, "cm-2")
        carbon, _, _ = _cube(hdus["W_CO"], source, "K km s-1")
    n_rings = len(RING_EDGES["HI"]) - 1
    # HI: the twelfth plane is the Magellanic Clouds. CO: the innermost ring is split over the last two planes.
    atomic = atomic[:n_rings]
    carbon = np.concatenate([carbon[10:11] + carbon[11:12], carbon[: n_rings - 1]])
    for name, maps in (("N_HI", atomic), ("W_CO", carbon)):
        if not np.isfinite(maps).all() or (maps < 0).any():
            raise UserError(f"{source}: {name} has values that are negative or not finite", valid="columns >= 0")

    step = abs(latitude[1] - latitude[0])
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
        file.attrs["provenance"] = (
            f"made by 'crsea-infer grid gas' from {source.name} (sha256 {file_digest(source)}): HI and CO ring maps of "
            "HERMES (Remy et al. 2017, Dame et al. 2001), rebuilt from the published ring figures; status: digitised, "
            "about 3 per cent; values more than 1.96 dex below a ring's maximum are zero"
        )
    return int(arrays[0].size)
