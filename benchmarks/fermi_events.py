"""Photons of Fermi-LAT against the digitised curves of the same regions, and what large pixels do to a masked region.

    python benchmarks/fermi_events.py COUNTS EXPOSURE

with the all-sky cubes of the 3FHL selection (10 GeV to 2 TeV, SOURCE class). The digitised points are of the CLEAN
class, which has fewer residual cosmic rays, so from each side its own isotropic background is taken off: from the
photons 0.66 of the mean intensity beyond 60 degrees of latitude, from the points the curve that comes with them.
Their bins differ, so photons are interpolated as a power law between the middles of their bins and averaged over
each digitised bin. What leaks at the edge of the mask is asked of the photons: the pixels that no disc touches, against
all, for the photons and for the prediction.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from astropy.table import Table
from published_curves import fiducial

from crsea_infer.content.finding import packaged_root
from crsea_infer.emulator import exact
from crsea_infer.emulator.sky_model import Request
from crsea_infer.inference.likelihoods import counts_reduction
from crsea_infer.physics.masks import lhaaso_mask
from crsea_infer.physics.regions import REGIONS, parse_region

if TYPE_CHECKING:
    from crsea_infer.inference.likelihoods.counts_reduction import Reduction
    from crsea_infer.support.arrays import Float64

_NORM: Final = 0.66
_LEPTONS: Final = {"inverse_compton_scale": np.asarray(1.0), "bremsstrahlung_scale": np.asarray(1.0)}
_ENERGIES: Final = (12.0, 25.0, 60.0, 150.0)  # GeV
_REACH: Final = 0.65  # degrees, from the centre of a pixel of 0.92 degrees to its corner


def _average(middle: Float64, intensity: Float64, low: float, high: float) -> float:
    energy = np.geomspace(low, high, 200)
    values = np.exp(np.interp(np.log(energy), np.log(middle), np.log(intensity)))
    return float(np.trapezoid(values, energy) / (high - low))


def against_digitised(cubes: Reduction, side: str) -> list[tuple[float, float, float]]:
    """Return middle of a digitised bin, photons / points as they are, and with each one's isotropic part taken off."""
    folder = packaged_root() / "likelihoods" / f"fermi_lat_masked_{side}"
    points, parts = (Table.read(folder / f"{name}.ecsv") for name in ("flux", "components"))
    edges = cubes.edges
    middle = np.sqrt(edges[1:] * edges[:-1])
    found = counts_reduction.reduce_region(cubes, REGIONS[f"lhaaso_{side}"])
    unit = counts_reduction.expected_counts(edges, found.exposure, middle, middle**-2.6)
    photons = found.counts / unit * middle**-2.6
    beyond = counts_reduction.high_latitude_intensity(cubes, 60.0)
    rows = []
    for point, isotropic in zip(points, parts["isotropic"], strict=True):
        low, high = float(point["energy_min"]), float(point["energy_max"])
        if not (low > 10.0 and high < 80.0):
            continue
        ours, level = (_average(middle, values, low, high) for values in (photons, beyond))
        theirs = float(point["intensity"])
        rows.append((np.sqrt(low * high), ours / theirs, (ours - _NORM * level) / (theirs - float(isotropic))))
    return rows


def at_the_mask(cubes: Reduction, side: str) -> None:
    """Print what pixels do to the region, and what the discs' edges add to the photons."""
    region = REGIONS[f"lhaaso_{side}"]
    found = counts_reduction.reduce_region(cubes, region)
    sky = cubes.counts.sky
    longitude, latitude = sky.centres(found.pixels)
    angle = np.arange(16) * np.pi / 8
    touched = np.zeros(len(longitude), dtype=bool)
    for turn in angle:  # a pixel is touched when a disc comes as near to its centre as its corner is
        across = _REACH * np.cos(turn) / np.cos(np.radians(latitude))
        touched |= lhaaso_mask(longitude + across, latitude + _REACH * np.sin(turn))
    clear = counts_reduction.RegionCounts(region, found.pixels[~touched], found.counts, found.exposure)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cubes.write(folder, {"all": found, "clear": clear}, {}, {}, {"reference": "this", "table_or_figure": "this"})
        west, east = region.longitude
        boxes = [f"l={west - 2:g}..{east + 2:g},b=-7..7,mask={folder}/{mask}.fits.gz" for mask in ("all", "clear")]
        keys = [region.name, *(parse_region(box).name for box in boxes)]
        bound = exact().bind([Request("gamma", _ENERGIES, key) for key in keys])
        within, pixels, inside = bound(fiducial("gamma-optimized-min") | _LEPTONS)
    shown = " ".join(f"{value:.3f}" for value in pixels / within)
    print(f"{side}: prediction of the pixels / of the region at {_ENERGIES} GeV: {shown}")
    rows = np.searchsorted(np.sort(cubes.counts.pixels), found.pixels)
    order = np.argsort(cubes.counts.pixels)[rows]
    photons = cubes.counts.values[order][:, cubes.bins].sum(axis=1)
    depth = cubes.exposure.at(longitude, latitude).mean(axis=1)
    level = photons[~touched].sum() / depth[~touched].sum() / (photons.sum() / depth.sum())
    error = 1.0 / np.sqrt(photons[~touched].sum())
    print(
        f"{side}: {int(touched.sum())} of {len(touched)} pixels are touched by a disc; photons of the others / of all"
    )
    print(f"  {level:.3f} +- {error:.3f}, predicted " + " ".join(f"{value:.3f}" for value in inside / pixels))


def main(counts: str, exposure: str) -> None:
    """Print all comparisons."""
    cubes = counts_reduction.read_cubes(Path(counts), Path(exposure), energy_max=310.0)
    for side in ("inner", "outer"):
        rows = against_digitised(cubes, side)
        print(f"{side}: GeV, photons / digitised, the same without isotropic background")
        for energy, plain, without in rows:
            print(f"  {energy:6.1f} {plain:.3f} {without:.3f}")
        print(f"  mean   {np.mean([row[1] for row in rows]):.3f} {np.mean([row[2] for row in rows]):.3f}")
    for side in ("inner", "outer"):
        at_the_mask(cubes, side)
    bound = exact().bind([Request("gamma", _ENERGIES, f"l=0..360,b={b}") for b in ("60..90", "-90..-60")])
    poles = np.mean(bound(fiducial("gamma-optimized-min") | _LEPTONS), axis=0)
    middle = np.sqrt(cubes.edges[1:] * cubes.edges[:-1])
    level = counts_reduction.high_latitude_intensity(cubes, 60.0)
    share = poles / np.exp(np.interp(np.log(_ENERGIES), np.log(middle), np.log(level)))
    print("share of the Galaxy, as predicted, beyond 60 degrees: " + " ".join(f"{value:.2f}" for value in share))


if __name__ == "__main__":
    main(*sys.argv[1:])
