"""FITS files of each kind that the package reads, and their headers changed card by card, as no library would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from crsea_infer.grids.dragon_output import read_dragon
from crsea_infer.grids.hermes_maps import average_hermes_map
from crsea_infer.inference.likelihoods.healpix_cubes import read_counts_cube, read_exposure_cube
from crsea_infer.physics.healpix_mask import read_mask
from crsea_infer.physics.regions import parse_region

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BLOCK = 2880
N_SIDE = 8
N_PIXELS = 12 * N_SIDE**2
REGION = parse_region("l=10..60,b=-20..20")
ENERGIES = np.array([10.0, 20.0, 40.0])  # GeV


def _healpix(table: fits.BinTableHDU, **keys: object) -> fits.BinTableHDU:
    table.header.update(
        PIXTYPE="HEALPIX", ORDERING="RING", COORDSYS="GAL", NSIDE=N_SIDE, FIRSTPIX=0, LASTPIX=N_PIXELS - 1
    )
    table.header.update(keys)
    return table


def write_counts(path: Path, *, pixels: np.ndarray | None = None, **keys: object) -> Path:
    """As gtbin; with pixels, EXPLICIT."""
    n_rows = N_PIXELS if pixels is None else len(pixels)
    columns = [fits.Column(f"CHANNEL{i}", "D", array=np.full(n_rows, float(i))) for i in (1, 2)]
    if pixels is not None:
        columns.insert(0, fits.Column("PIX", "J", array=pixels))
    table = fits.BinTableHDU.from_columns(columns, name="SKYMAP")
    scheme = {"INDXSCHM": "IMPLICIT" if pixels is None else "EXPLICIT"}
    bounds = fits.BinTableHDU.from_columns(
        [
            fits.Column("E_MIN", "1E", unit="keV", array=ENERGIES[:-1] * 1e6),
            fits.Column("E_MAX", "1E", unit="keV", array=ENERGIES[1:] * 1e6),
        ],
        name="EBOUNDS",
    )
    hdus = [fits.PrimaryHDU(), _healpix(table, ORDER=3, **scheme, **keys), bounds]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_exposure(path: Path) -> Path:
    """As gtexpcube2, but for the frame."""
    columns = [fits.Column(f"ENERGY{i}", "D", array=np.full(N_PIXELS, 2e11 + i)) for i in (1, 2, 3)]
    table = _healpix(fits.BinTableHDU.from_columns(columns, name="HPXEXPOSURES"), ORDER=3)
    nodes = fits.BinTableHDU.from_columns([fits.Column("Energy", "1D", array=ENERGIES * 1e3)], name="ENERGIES")
    fits.HDUList([fits.PrimaryHDU(), table, nodes]).writeto(path, overwrite=True)
    return path


def write_mask(path: Path) -> Path:
    """As healpy."""
    import healpy

    values = (np.arange(N_PIXELS) % 3 > 0).astype(float)
    healpy.write_map(path, values, coord="G", nest=False, dtype=np.float64, overwrite=True)
    return path


def write_hermes(path: Path) -> Path:
    """As HERMES, two energies."""
    hdus = [fits.PrimaryHDU()]
    hdus[0].header["VERSION"] = "0.9"
    for energy in ENERGIES[:2]:
        values = np.full(N_PIXELS, energy**-2.7, dtype=np.float32)
        column = fits.Column("TFLOAT", "1E", unit="GeV^-1 m^-2 s^-1 sr^-1", array=values)
        table = fits.BinTableHDU.from_columns([column], name="xtension")
        keys = {"INDXSCHM": "IMPLICIT", "BAD_DATA": -1.6375e30, "PROCESS": "PiZero", "ENERGY": energy * 1.602176634e-10}
        hdus.append(_healpix(table, **keys))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_dragon(path: Path) -> Path:
    """As DRAGON2, a run of 4 x 5 x 6 points."""
    shape = (4, 5, 6)
    primary = fits.PrimaryHDU(np.zeros(shape, dtype=np.float32))
    primary.header.update(
        {"RMIN": 0.0, "RMAX": 12.0, "ZMIN": -4.0, "ZMAX": 4.0, "ROBS": 8.3, "ZOBS": 0.0, "D0": 3.7e28, "EKMAX": 1e4}
    )
    primary.header.update({"EKMIN": 0.1, "EKIN_FAC": 1.4, "DIMZ": 4, "DIMR": 5, "DIME": 6})
    hdus = [primary]
    for charge, mass in ((1, 1), (2, 4)):
        image = fits.ImageHDU(np.ones(shape, dtype=np.float32))
        image.header.update({"Z_": charge, "A": mass, "SEC": 0})
        hdus.append(image)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def _read_counts(path: Path) -> float:
    cube = read_counts_cube(path)
    return float(cube.checked(cube.rows_in(REGION)).sum())


def _read_exposure(path: Path) -> float:
    longitude, latitude = np.meshgrid(np.linspace(11, 59, 20), np.linspace(-19, 19, 20))
    return float(read_exposure_cube(path, "galactic").at(longitude.ravel(), latitude.ravel()).sum())


def _read_mask(path: Path) -> float:
    return float(read_mask(path).kept.sum())


def _read_hermes(path: Path) -> float:
    return float(average_hermes_map(path, [REGION]).intensities.sum())


def _read_dragon(path: Path) -> float:
    return float(read_dragon(path).local("proton").sum())


WRITE: dict[str, Callable[[Path], Path]] = {
    "counts": write_counts,
    "exposure": write_exposure,
    "mask": write_mask,
    "hermes": write_hermes,
    "dragon": write_dragon,
}
READ: dict[str, Callable[[Path], float]] = {
    "counts": _read_counts,
    "exposure": _read_exposure,
    "mask": _read_mask,
    "hermes": _read_hermes,
    "dragon": _read_dragon,
}


def change_card(content: bytes, hdu: int, key: str, value: str | None) -> bytes:
    """Return a file with a card of one HDU replaced, added, or (None) removed; the value is written as it stands."""
    start = _starts(content)[hdu]
    end = start
    while b"END".ljust(80) not in [content[end + i : end + i + 80] for i in range(0, BLOCK, 80)]:
        end += BLOCK
    end += BLOCK
    cards = [content[i : i + 80] for i in range(start, end, 80)]
    cards = cards[: cards.index(b"END".ljust(80))]
    own = [i for i, card in enumerate(cards) if card[:8].strip() == key.encode()]
    if value is None:
        cards = [card for i, card in enumerate(cards) if i not in own]
    else:
        card = f"{key:<8}= {value:>20}".encode().ljust(80)[:80]
        if own:
            cards[own[0]] = card
        else:
            cards.append(card)
    header = b"".join([*cards, b"END".ljust(80)])
    return content[:start] + header.ljust(-(-len(header) // BLOCK) * BLOCK) + content[end:]


def _starts(content: bytes) -> list[int]:
    return [
        i for i in range(0, len(content), BLOCK) if content[i : i + 9] in {b"SIMPLE  =", b"XTENSION="}
    ]  # no data here begin so
