"""Files that DRAGON2 and HERMES themselves wrote, read and held against the project's own emission stage."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.cli import import_commands
from crsea_infer.emulator.spectra.dragon_intensities import dragon_intensities
from crsea_infer.grids import importing
from crsea_infer.grids.dragon_output import read_dragon
from crsea_infer.grids.hermes_maps import average_hermes_map
from crsea_infer.grids.spectra_grid import read_spectra_grid
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

REGION = parse_region("l=30..60,b=-3..3")


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Path:
    return shared_data / "real"


@pytest.fixture(scope="module")
def run(real: Path) -> xr.Dataset:
    return importing.import_dragon(real / "dragon2_2d.fits.gz", [REGION])


def test_a_run_of_dragon(real: Path) -> None:
    found = read_dragon(real / "dragon2_2d.fits.gz")
    assert (found.energies.size, found.radii.size, found.heights.size) == (56, 41, 61)
    assert found.sun == (8.3, 0.0)
    assert found.n_images == {(1, 1): 2, (1, 2): 1, (1, 3): 1, (2, 3): 1, (2, 4): 1}
    assert found.setup["D0"] == pytest.approx(3.7e28)


def test_helium_is_per_nucleon(real: Path) -> None:
    """At equal energy per nucleon helium is 6 % of protons, as measured; per GeV of the nucleus it would be 1.5 %."""
    found = read_dragon(real / "dragon2_2d.fits.gz")
    at = (found.energies > 50) & (found.energies < 200)
    ratio = found.local("helium")[at] / found.local("proton")[at]
    assert ((ratio > 0.045) & (ratio < 0.075)).all()


def test_its_spectra_alone_are_refused_with_the_right_file(real: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="spectra at the Sun alone") as caught:
        read_dragon(real / "dragon2_spectrum.fits.gz")
    assert "give dragon2.fits.gz" in str(caught.value)
    (tmp_path / "m_spectrum.fits.gz").write_bytes((real / "dragon2_spectrum.fits.gz").read_bytes())
    (tmp_path / "m.fits.gz").write_bytes(b"")
    with pytest.raises(UserError, match=r"give m\.fits\.gz, which lies beside it"):
        read_dragon(tmp_path / "m_spectrum.fits.gz")


@pytest.mark.parametrize(("gas", "component"), [("HI", 0), ("H2", 1)])
def test_gamma_ray_maps_are_those_of_the_run_that_they_were_made_from(
    real: Path, run: xr.Dataset, gas: str, component: int
) -> None:
    maps = average_hermes_map(real / f"hermes_pi64_abs1_{gas}.fits.gz", [REGION])
    assert (maps.process, maps.n_side) == ("PiZeroAbsorptionIntegrator", 64)
    assert maps.energies == pytest.approx([10.0, 100.0, 1e3, 1e4], rel=1e-6)
    own = dragon_intensities(run, "gamma", maps.energies)[0, 0, component]
    assert maps.intensities[0] == pytest.approx(own, rel=0.07)


@pytest.mark.parametrize(("gas", "component"), [("HI", 0), ("H2", 1)])
def test_neutrino_maps_hold_all_flavours(real: Path, run: xr.Dataset, gas: str, component: int) -> None:
    """A third of them is 0.65 to 0.9 of one flavour by the project's cross-sections; the whole would be 2 to 2.5."""
    maps = average_hermes_map(real / f"hermes_nu_{gas}.fits.gz", [REGION])
    assert maps.process == "PiZero"  # as for gamma rays
    own = dragon_intensities(run, "neutrino", maps.energies)[0, 0, component]
    ratio = maps.intensities[0] / 3 / own
    assert ((ratio > 0.65) & (ratio < 0.9)).all()


def test_inverse_compton_of_the_full_sky(real: Path) -> None:
    regions = [parse_region(text) for text in ("full_sky", "l=30..60,b=-5..5", "l=150..210,b=-5..5")]
    maps = average_hermes_map(real / "hermes_pi0_ic_full.fits.gz", regions)
    assert (maps.process, maps.n_side) == ("InverseCompton", 16)
    whole, inner, outer = maps.intensities
    assert (inner > whole).all()
    assert (inner > outer).all()
    assert (np.diff(np.log(whole)) / np.log(10.0) < -2.0).all()


def test_a_table_of_real_maps_becomes_a_grid(real: Path, tmp_path: Path) -> None:
    names = {
        "gamma_HI": "hermes_pi64_abs1_HI",
        "gamma_inverse_compton": "hermes_pi0_ic_full",
        "neutrino_HI": "hermes_nu_HI",
    }
    row = ",".join(str(real / f"{name}.fits.gz") for name in names.values())
    (tmp_path / "models.csv").write_text(f"halo_height,{','.join(names)}\n4.0,{row}\n")
    parser = argparse.ArgumentParser()
    import_commands.add_arguments(parser)
    output = tmp_path / "grid.nc"
    arguments = ["hermes", str(tmp_path / "models.csv"), "--region", REGION.name, "--output", str(output)]
    with pytest.raises(UserError, match="--neutrino-flavours all"):
        import_commands.execute(parser.parse_args(arguments))
    import_commands.execute(parser.parse_args([*arguments, "--neutrino-flavours", "all"]))
    grid = read_spectra_grid(output)
    assert grid.provenance["neutrino_factor"] == pytest.approx(1 / 3)
    neutrinos = average_hermes_map(real / "hermes_nu_HI.fits.gz", [REGION]).intensities[0]
    assert grid.intensities[0, -2:] == pytest.approx(neutrinos / 3)
