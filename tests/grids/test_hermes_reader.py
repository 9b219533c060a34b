"""HERMES maps against the DRAGON2 run beside them: what its reader does, and what its neutrinos are made from."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.emulator.spectra.dragon_intensities import dragon_intensities
from crsea_infer.grids.dragon_output import SPECIES, DragonOutput, dragon_response, read_dragon
from crsea_infer.grids.hermes_maps import average_hermes_map
from crsea_infer.grids.importing import import_dragon
from crsea_infer.physics.geometry import LineOfSight
from crsea_infer.physics.regions import parse_region

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from crsea_infer.physics.hadronic import Product

REGIONS = [parse_region(f"l={west}..{west + 20},b=-3..3") for west in (20, 80, 160, 280)]
OBSERVER = LineOfSight(sun_radius=8.3)  # where HERMES had the Sun for these maps


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Path:
    return shared_data / "real"


@pytest.fixture(scope="module")
def run(real: Path) -> DragonOutput:
    return read_dragon(real / "dragon2_2d.fits.gz")


@pytest.fixture(scope="module")
def imported(real: Path) -> xr.Dataset:
    return import_dragon(real / "dragon2_2d.fits.gz", REGIONS)


def ratios(real: Path, run: DragonOutput, imported: xr.Dataset, product: Product, stem: str) -> np.ndarray:
    """Intensities of a run, by the way of an imported grid, over those of the maps: [gas, region, energy]."""
    seen = dragon_response(run, REGIONS, line_of_sight=OBSERVER)
    changed = imported.copy(deep=True)
    changed["local"].values[0] = [run.local(species) for species in SPECIES]
    changed["response"].values[0] = [seen.responses[species] for species in SPECIES]
    maps = [average_hermes_map(real / f"hermes_{stem}_{gas}.fits.gz", REGIONS) for gas in ("HI", "H2")]
    own = dragon_intensities(changed, product, maps[0].energies)[0]
    flavours = 3.0 if product == "neutrino" else 1.0
    return np.stack([own[:, i] / (one.intensities / flavours) for i, one in enumerate(maps)])


@pytest.mark.slow
def test_gamma_ray_maps_were_read_one_cell_too_far_in(real: Path, run: DragonOutput, imported: xr.Dataset) -> None:
    """As it is the run lies 8 % below its maps, the more the farther out; moved in by one cell it agrees."""
    inward = {
        nuclide: np.concatenate([density[:, :1], density[:, :-1]], axis=1) for nuclide, density in run.densities.items()
    }
    moved = dataclasses.replace(run, densities=inward)
    as_it_is = ratios(real, run, imported, "gamma", "pi64_abs1")[:, :, 1:3]  # 100 GeV and 1 TeV
    one_cell = ratios(real, moved, imported, "gamma", "pi64_abs1")[:, :, 1:3]
    assert 0.89 < float(np.exp(np.log(as_it_is).mean())) < 0.94
    assert float(np.exp(np.log(one_cell).mean())) == pytest.approx(1.0, abs=0.025)
    scatter = [np.log(one[0]).std(axis=0).max() for one in (as_it_is, one_cell)]
    assert scatter[1] < 0.7 * scatter[0]


@pytest.mark.slow
def test_neutrino_maps_have_the_same_cosmic_rays_everywhere(
    real: Path, run: DragonOutput, imported: xr.Dataset
) -> None:
    """They were not made from the run's densities, but from its spectrum at the Sun, in all directions alike."""
    at = int(np.argmin(np.abs(run.heights)))
    sun = {
        nuclide: np.array([np.interp(run.sun[0], run.radii, values) for values in density[at].T])
        for nuclide, density in run.densities.items()
    }
    shape = next(iter(run.densities.values())).shape
    uniform = dataclasses.replace(
        run,
        radii=np.linspace(0.0, 30.0, run.radii.size),
        densities={nuclide: np.broadcast_to(spectrum, shape) for nuclide, spectrum in sun.items()},
    )
    from_the_run = ratios(real, run, imported, "neutrino", "nu")
    from_the_sun = ratios(real, uniform, imported, "neutrino", "nu")
    assert from_the_run[0].max() / from_the_run[0].min() > 2.0
    np.testing.assert_allclose(from_the_sun[0], 0.98, atol=0.03)
    np.testing.assert_allclose(from_the_sun[1], 0.98, atol=0.13)  # H2 towards the anticentre is a few clouds
