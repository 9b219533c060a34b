"""The functions with units: any convertible unit, the same numbers, clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u

import crsea_infer
from crsea_infer.support.errors import UserError


def test_units_do_not_change_the_answer() -> None:
    there = crsea_infer.predict("base-min", "lhaaso_inner", [1e3, 1e5] * u.GeV)["intensity"]
    here = crsea_infer.predict("base-min", "lhaaso_inner", [1.0, 100.0] * u.TeV)["intensity"]
    assert there.to_value("TeV-1 m-2 s-1 sr-1") == pytest.approx(here.to_value("TeV-1 m-2 s-1 sr-1"))
    assert here.unit.is_equivalent("GeV-1 cm-2 s-1 sr-1")


def test_flux_is_intensity_times_solid_angle() -> None:
    energies = [10.0] * u.TeV
    mean = crsea_infer.predict("base-min", "tibet_inner", energies)["intensity"]
    ratio = crsea_infer.flux("base-min", energies, "tibet_inner") / mean
    expected = np.radians(75) * 2 * np.sin(np.radians(5))
    assert ratio.to_value("sr") == pytest.approx([expected], rel=1e-3)


def test_optical_depth_at_two_pev() -> None:
    assert float(crsea_infer.optical_depth(2 * u.PeV, 8.5 * u.kpc)[0]) == pytest.approx(1.2, rel=0.03)


def test_density_is_one_at_the_sun_and_zero_at_the_edge() -> None:
    radii, density = crsea_infer.cosmic_ray_density(
        [10.0] * u.GV, [0.0, 4.0] * u.kpc, delta_slope=0.04 / u.kpc, halo_height=4000 * u.pc
    )
    assert np.interp(8.122, radii.to_value("kpc"), density[0, :, 0].value) == pytest.approx(1.0, abs=1e-3)
    assert np.all(density[0, :, 1] == 0)


def test_cosmic_rays_come_per_square_centimetre_too() -> None:
    protons = crsea_infer.predict("gamma-optimized-min", energies=[10.0] * u.TeV, messenger="proton")["intensity"]
    assert protons.to_value("GeV-1 m-2 s-1 sr-1") * 1e4**2.8 == pytest.approx([3.285e4], rel=1e-6)


def test_wrong_units_are_explained() -> None:
    with pytest.raises(UserError, match="energies"):
        crsea_infer.predict("base-min", "lhaaso_inner", [1.0] * u.kpc)
    with pytest.raises(AttributeError, match="no attribute"):
        _ = crsea_infer.intensities
