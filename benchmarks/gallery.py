"""The figures of the gallery, from finished runs and an atlas, as pictures for the documentation.

    crsea-infer run min_vs_max --output out/mm
    crsea-infer robustness min_vs_max --output out/atlas
    python benchmarks/gallery.py --run out/mm --atlas out/atlas --work out/gallery --output docs/figures

writes spectra.png and tornado.png, and into gallery/ one picture of each other kind. Profiles, components with sources
and local spectra with data come from two runs of few draws, below, which are made in --work unless they are there
(eight minutes of a processor, most of it for sky regions that the emulator lacks).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from astropy import units as u

import crsea_infer as cr
from crsea_infer.report.layout.style import styled
from crsea_infer.support.files import atomic_path, atomic_write, make_directory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI, _DPI_OF_MAPS = 200, 120
_HYPOTHESES = """
[min-electrons]
title = "Gamma-optimized transport, Min local spectra, electrons"
prior_sets = ["gamma_optimized", "min", "gas", "leptons"]
"""
_RUNS = {
    "regions": """
title = "Regions with gamma rays of electrons"
hypotheses = ["gamma-optimized-min", "min-electrons"]
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer", "fermi_lat_masked_inner"]
seed = 1
[samplers.importance]
draws = 2000
""",
    "profiles": """
title = "Profiles and local spectra"
hypotheses = ["gamma-optimized-min", "base-max"]
likelihoods = [
    "lhaaso_km2a_longitude", "fermi_lat_longitude", "dampe_protons", "dampe_helium", "calet_protons", "icetop_protons"
]
seed = 1
[samplers.importance]
draws = 2000
""",
}


def made(work: Path) -> dict[str, cr.FinishedRun]:
    """Return the two runs, made where they are not there."""
    atomic_write(make_directory(work / "priors") / "hypotheses.toml", _HYPOTHESES)
    for name, content in _RUNS.items():
        atomic_write(work / f"{name}.toml", content)
    before = Path.cwd()
    os.chdir(work)  # where ./priors is
    try:
        for name in _RUNS:
            if not Path(name, "index.html").is_file():
                cr.Run(f"{name}.toml").execute(name, accept_unconverged=True)
    finally:
        os.chdir(before)
    return {name: cr.open_run(work / name) for name in _RUNS}


def keep(figure: Figure, path: Path, *, is_map: bool = False) -> None:
    """Write a picture; of lines and bands with few colours, which is a third of the size."""
    from PIL import Image

    with styled(), atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=_DPI_OF_MAPS if is_map else _DPI, format="png")
        if is_map:
            return
        with Image.open(temporary) as picture:
            few = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
        few.save(temporary, format="PNG", optimize=True)


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="a finished run of min_vs_max")
    parser.add_argument("--atlas", type=Path, required=True, metavar="DIR", help="its atlas of robustness")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="where the other runs are, or go")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    options = parser.parse_args()
    run, runs = cr.open_run(options.run), made(options.work)
    gallery = make_directory(options.output / "gallery")
    keep(run.figure("spectra"), options.output / "spectra.png")
    keep(cr.open_atlas(options.atlas).tornado(), options.output / "tornado.png")
    keep(run.figure("prior_sensitivity"), options.output / "trust" / "prior_sensitivity.png")
    keep(run.figure("corner_overlay"), gallery / "corner_overlay.png")
    keep(runs["regions"].figure("components_min-electrons"), gallery / "components.png")
    keep(runs["profiles"].figure("local_spectra"), gallery / "local_spectra.png")
    keep(runs["profiles"].figure("profile_lhaaso_km2a_longitude"), gallery / "profile_km2a.png")
    keep(runs["profiles"].figure("profile_fermi_lat_longitude"), gallery / "profile_fermi.png")
    sky = run.sky_map("gamma-optimized-min", energies=[10.0] * u.TeV, nside=128)
    keep(sky.figure(), gallery / "sky_map.png", is_map=True)
    keep(sky.figure(projection="strip"), gallery / "sky_strip.png", is_map=True)


if __name__ == "__main__":
    main()
