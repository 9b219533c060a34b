"""Counts and exposure cubes in the form of the Fermi-LAT tools, of a sky that is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.likelihoods.counts_map import CountsMap
from crsea_infer.inference.likelihoods.likelihood import load_likelihood

if TYPE_CHECKING:
    from pathlib import Path

N_SIDE = 32
EDGES = np.geomspace(10.0, 160.0, 5)  # GeV
NODES = np.geomspace(10.0, 160.0, 9)
REGIONS = ("l=20..40,b=-5..5", "l=40..60,b=-5..5")
SETTINGS = """\
kind = "counts-map"
title = "my selection"
label = "mine"
citations = []
reference = "arXiv:0000.00000"
selection = "a test"
counts = "counts.fits"
exposure = "exposure.fits"
regions = ["l=20..40,b=-5..5", "l=40..60,b=-5..5"]
{more}
[isotropic]
table = "isotropic.ecsv"
label = "isotropic"
norm_name = "isotropic_norm"
norm_error = 0.5

[[sources]]
cube = "sources.fits"
label = "sources"
norm_name = "sources_norm"
norm_error = 0.5
"""
ISOTROPIC = """\
# %ECSV 1.0
# ---
# datatype:
# - {name: energy, unit: MeV, datatype: float64, description: energy}
# - {name: intensity, unit: 1 / (MeV cm2 s sr), datatype: float64, description: isotropic background}
# delimiter: ','
# meta: !!omap
# - {reference: a test}
# - {table_or_figure: a test}
# - {status: published-table}
# - {transcribed_from: a test}
# schema: astropy-2.0
energy,intensity
5000.0,4.0e-11
500000.0,1.0e-15
"""


def sea(energy: np.ndarray, region: int) -> np.ndarray:
    """Mean intensity of the two regions, GeV^-1 cm^-2 s^-1 sr^-1."""
    return (2.0e-7, 1.2e-7)[region] * (energy / 10.0) ** -2.6


def exposure(energy: np.ndarray) -> np.ndarray:
    return 2.0e11 * (energy / 30.0) ** 0.15


def write_cube(
    path: Path,
    values: np.ndarray,
    *,
    kind: str = "counts",
    frame: str = "GAL",
    nested: bool = False,
    pixels: np.ndarray | None = None,
    **changes: Any,
) -> None:
    """Write [n_pixels, n_planes] as gtbin (counts) or gtexpcube2 (exposure) lay it out."""
    from astropy.io import fits

    stem, name = ("CHANNEL", "SKYMAP") if kind == "counts" else ("ENERGY", "HPXEXPOSURES")
    columns = [fits.Column(f"{stem}{plane + 1}", "D", array=values[:, plane]) for plane in range(values.shape[1])]
    if pixels is not None:
        columns.insert(0, fits.Column("PIX", "J", array=pixels))
    table = fits.BinTableHDU.from_columns(columns, name=name)
    table.header.update(
        PIXTYPE="HEALPIX",
        ORDERING="NESTED" if nested else "RING",
        ORDER=int(math.log2(N_SIDE)),
        COORDSYS=frame,
        NSIDE=N_SIDE,
        FIRSTPIX=0,
        LASTPIX=12 * N_SIDE**2 - 1,
        INDXSCHM="IMPLICIT" if pixels is None else "EXPLICIT",
    )
    for key, value in changes.items():
        if value is None:
            del table.header[key]
        else:
            table.header[key] = value
    if kind == "counts":
        companion = fits.BinTableHDU.from_columns(
            [
                fits.Column("CHANNEL", "I", array=np.arange(1, len(EDGES))),
                fits.Column("E_MIN", "1E", unit="keV", array=EDGES[:-1] * 1e6),
                fits.Column("E_MAX", "1E", unit="keV", array=EDGES[1:] * 1e6),
            ],
            name="EBOUNDS",
        )
    else:
        companion = fits.BinTableHDU.from_columns(
            [fits.Column("Energy", "1D", unit="MeV", array=NODES * 1e3)], name="ENERGIES"
        )
    fits.HDUList([fits.PrimaryHDU(), table, companion]).writeto(path, overwrite=True)


def directions(frame: str = "GAL", *, nested: bool = False) -> tuple[np.ndarray, np.ndarray]:
    import healpy

    longitude, latitude = healpy.pix2ang(N_SIDE, np.arange(12 * N_SIDE**2), nest=nested, lonlat=True)
    if frame == "CEL":
        from astropy.coordinates import SkyCoord

        there = SkyCoord(ra=longitude, dec=latitude, unit="deg", frame="icrs").galactic
        return there.l.deg, there.b.deg
    return longitude, latitude


def folder(tmp_path: Path, more: str = "", frame: str = "GAL", *, nested: bool = False, counts: Any = None) -> Path:
    home = tmp_path / "mine"
    home.mkdir(parents=True, exist_ok=True)
    n_pixels = 12 * N_SIDE**2
    longitude, latitude = directions(frame, nested=nested)
    planes = len(EDGES) - 1
    zeros = np.zeros((n_pixels, planes))
    write_cube(home / "counts.fits", zeros if counts is None else counts, frame=frame, nested=nested)
    write_cube(
        home / "exposure.fits", np.tile(exposure(NODES), (n_pixels, 1)), kind="exposure", frame=frame, nested=nested
    )
    # sources: brighter towards longitude 25 deg, hard
    source = np.exp(-0.5 * ((longitude - 25.0) ** 2 + latitude**2) / 9.0)[:, None] * (EDGES[:-1] / 10.0) ** -0.6
    write_cube(home / "sources.fits", 6.0 * source, frame=frame, nested=nested)
    (home / "isotropic.ecsv").write_text(ISOTROPIC)
    (home / "likelihood.toml").write_text(SETTINGS.format(more=more))
    return home


def load(home: Path, **options: Any) -> CountsMap:
    likelihood = load_likelihood(f"{home}/", options)
    assert isinstance(likelihood, CountsMap)
    return likelihood


def intensities(likelihood: CountsMap, scale: float = 1.0) -> tuple[np.ndarray, ...]:
    return tuple(scale * sea(np.array(request.energies), region) for region, request in enumerate(likelihood.requests))


NOMINAL = {"isotropic_norm": np.array(1.0), "sources_norm": np.array(1.0)}
