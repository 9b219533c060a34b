"""How much the intensities of the LHAASO regions change with the psf that sets the radius of the masked discs.

    python benchmarks/mask_sensitivity.py

computes both regions with discs of 2.5 sqrt(psf^2 + r39^2) for several psf, as HEALPix masks, through the solver at the
published parameters, and prints solid angles and intensities relative to psf = 0.36 deg. The fractions under
[[prediction_errors]] of `likelihoods/lhaaso_*` are half the difference between 0.26 and 0.46 deg.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import healpy
import numpy as np
from astropy.io import fits

from crsea_infer import emulator
from crsea_infer.emulator.response.response_sky import ExactSky
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.physics.masks import DISC_FACTOR, POINT_SPREAD, lhaaso_discs
from crsea_infer.physics.regions import parse_region

_PSFS = (0.20, 0.26, 0.36, 0.46, 0.55)
_ENERGIES = (1e3, 3e3, 1.26e4, 3.16e4, 1.0e5, 3.16e5, 8e5)
_BOXES = {"inner": "l=15..125,b=-5..5", "outer": "l=125..235,b=-5..5"}
_N_SIDE = 512


def write_mask(path: Path, psf: float) -> None:
    """Write a mask with discs of another psf: 1 where the sky is kept."""
    n_pixels = 12 * _N_SIDE**2
    longitude, latitude = np.radians(healpy.pix2ang(_N_SIDE, np.arange(n_pixels), lonlat=True))
    kept = np.ones(n_pixels, dtype=np.float32)
    discs = lhaaso_discs()
    extensions = np.sqrt(np.maximum((discs[2] / DISC_FACTOR) ** 2 - POINT_SPREAD**2, 0.0))
    plane = np.flatnonzero(np.abs(latitude) < np.radians(15.0))
    for l0, b0, extension in zip(np.radians(discs[0]), np.radians(discs[1]), extensions, strict=True):
        radius = np.radians(DISC_FACTOR * np.hypot(psf, extension))
        cosine = np.sin(b0) * np.sin(latitude[plane])
        cosine += np.cos(b0) * np.cos(latitude[plane]) * np.cos(longitude[plane] - l0)
        kept[plane[cosine > np.cos(radius)]] = 0.0
    table = fits.BinTableHDU.from_columns([fits.Column("KEEP", "E", array=kept)])
    table.header.update(
        {"PIXTYPE": "HEALPIX", "ORDERING": "RING", "COORDSYS": "G", "NSIDE": _N_SIDE, "INDXSCHM": "IMPLICIT"}
    )
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


def main() -> None:
    """Print solid angles and relative intensities."""
    settings = emulator.load(None).settings  # type: ignore[attr-defined]
    values = {one.name: np.asarray(one.fiducial) for one in load_hypothesis("gamma-optimized-min").parameters}
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for psf in _PSFS:
            path = Path(folder) / f"psf_{psf:.2f}.fits"
            write_mask(path, psf)
            names += [parse_region(f"{box},mask={path}").name for box in _BOXES.values()]
        sky = ExactSky(replace(settings, regions=tuple(names)))
        found = np.array(sky.bind([Request("gamma", _ENERGIES, name) for name in names])(values))
        angles = [parse_region(name).solid_angle for name in names]
    found = found.reshape(len(_PSFS), len(_BOXES), -1)
    print("energies, GeV:", " ".join(f"{energy:.3g}" for energy in _ENERGIES))
    for k, psf in enumerate(_PSFS):
        for j, name in enumerate(_BOXES):
            change = 100 * (found[k, j] / found[_PSFS.index(POINT_SPREAD), j] - 1)
            shown = " ".join(f"{value:+.2f}" for value in change)
            print(f"psf {psf:.2f} {name}: {angles[2 * k + j]:.4f} sr, change in %: {shown}")
    for j, name in enumerate(_BOXES):
        half = (found[1, j] - found[3, j]) / (2 * found[2, j])
        print(f"fraction, {name}:", " ".join(f"{value:.4f}" for value in half))


if __name__ == "__main__":
    main()
