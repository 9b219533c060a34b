"""Make the table of effective depths on infrared and starlight that comes with the package, and vary transport.

    OMP_NUM_THREADS=1 python benchmarks/infrared_depth.py [--output FILE] [--sky FILE]

With --sky, the table of directions too, which maps use.

For each region of the shipped emulator and a box around the centre: by how many per cent infrared and starlight lower
the gamma rays at 20, 100, 150, 300 TeV and 1 PeV, at the published point of transport and at two others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from crsea_infer.emulator.response.store import read_emulator
from crsea_infer.physics.infrared_absorption import DEPTH_ENERGIES, region_depth
from crsea_infer.physics.infrared_sky import sky_depth
from crsea_infer.support.files import atomic_netcdf

SHOWN = (2e4, 1e5, 1.5e5, 3e5, 1e6)
POINTS = ({"delta_slope": 0.0, "halo_height": 2.5}, {"delta_slope": 0.08, "halo_height": 10.0})


def write_sky(path: Path) -> None:
    """Write the table of directions."""
    mantissa, exponent = np.frexp(sky_depth())
    depth = np.ldexp(np.round(mantissa * 4096) / 4096, exponent).astype(np.float32)  # four digits, which packs well
    with atomic_netcdf(path) as file:
        file.dimensions = dict(zip(("longitude", "latitude", "energy"), depth.shape, strict=True))
        file.create_variable(
            "depth",
            tuple(file.dimensions),
            np.float32,
            data=depth,
            compression="gzip",
            compression_opts=9,
            shuffle=True,
        )
        file.attrs["provenance"] = "made by benchmarks/infrared_depth.py: radiation field of arXiv:1002.1910"


def main() -> None:
    """Print the table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--sky", type=Path)
    options = parser.parse_args()
    if options.sky is not None:
        write_sky(options.sky)
    regions = read_emulator().settings.regions
    depths = []
    for region in (*regions, "l=-5..5,b=-2..2"):
        depths.append(region_depth(region))
        rows = [depths[-1]] if region == "full_sky" else [depths[-1], *(region_depth(region, at) for at in POINTS)]
        for row in rows:
            shown = np.interp(np.log(SHOWN), np.log(DEPTH_ENERGIES), row)
            print(f"{region:<20}", *(f"{100 * (1 - np.exp(-one)):7.2f}" for one in shown), flush=True)
    if options.output is not None:
        with atomic_netcdf(options.output) as file:
            file.dimensions = {"region": len(regions), "energy": DEPTH_ENERGIES.size}
            file.create_variable("depth", ("region", "energy"), np.float64, data=np.stack(depths[:-1]))
            file.attrs["regions"] = " ".join(regions)
            file.attrs["provenance"] = "made by benchmarks/infrared_depth.py: radiation field of arXiv:1002.1910"


if __name__ == "__main__":
    main()
