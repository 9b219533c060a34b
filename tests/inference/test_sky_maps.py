"""Maps of the sky against the region integrals of the sky model, which they must equal to 1e-3."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.hypothesis import build_hypothesis
from crsea_infer.inference.prediction import intensities
from crsea_infer.inference.sky_maps import SkyMapArrays, sky_map
from crsea_infer.physics.healpix_pixels import Pixelisation
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

_ENERGIES = (10.0, 1e3, 1e5)
_SKY = Pixelisation(16, nested=False, frame="galactic")


def _draws(prior_sets: list[str], n: int) -> dict[str, Float64]:
    """Draws about the published values, as of a posterior."""
    rng = np.random.default_rng(3)
    parameters = build_hypothesis("drawn", prior_sets).parameters
    return {one.name: one.fiducial * (1.0 + 0.03 * rng.standard_normal(n)) for one in parameters}


def _mask(folder: Path, chosen: np.typing.NDArray[np.bool_]) -> str:
    import healpy

    path = folder / "mask.fits"
    healpy.write_map(path, chosen.astype(np.float32), coord="G", dtype=np.float32)
    return f"l=-180..180,b=-90..90,mask={path}"


@pytest.fixture(scope="module")
def gamma() -> tuple[dict[str, Float64], SkyMapArrays]:
    values = _draws(["gamma_optimized", "min", "gas"], 40)
    return values, sky_map(emulator.load(), values, "gamma", _ENERGIES, _SKY)


@pytest.mark.slow
def test_pixels_sum_to_the_region(gamma: tuple[dict[str, Float64], SkyMapArrays], tmp_path: Path) -> None:
    values, found = gamma
    longitude, latitude = _SKY.centres(np.arange(_SKY.n_pixels))
    near = (np.abs(latitude) < 10.0) & (longitude > 20.0) & (longitude < 120.0)
    for region, chosen in (("full_sky", np.ones(_SKY.n_pixels, dtype=bool)), (_mask(tmp_path, near), near)):
        wanted = intensities(emulator.load(), [Request("gamma", _ENERGIES, region)], values)[0]["intensity"]
        np.testing.assert_allclose(found.mean["total"][:, chosen].mean(axis=1), wanted.mean(axis=0), rtol=1e-3)


@pytest.mark.slow
def test_a_pixel_has_the_deviation_of_its_draws(gamma: tuple[dict[str, Float64], SkyMapArrays], tmp_path: Path) -> None:
    values, found = gamma
    pixel = int(_SKY.pixels_at(np.array([30.0]), np.array([0.0]))[0])
    region = _mask(tmp_path, np.arange(_SKY.n_pixels) == pixel)
    drawn = intensities(emulator.load(), [Request("gamma", _ENERGIES, region)], values)[0]["intensity"]
    np.testing.assert_allclose(found.mean["total"][:, pixel], drawn.mean(axis=0), rtol=5e-3)
    np.testing.assert_allclose(found.deviation["total"][:, pixel], drawn.std(axis=0, ddof=1), rtol=5e-3)


@pytest.mark.slow
def test_neutrinos_in_equatorial_pixels_are_the_same_sky() -> None:
    values = _draws(["gamma_optimized", "min"], 1)
    sky = dataclasses.replace(_SKY, frame="icrs", nested=True)
    found = sky_map(emulator.load(), values, "neutrino", _ENERGIES, sky)
    wanted = intensities(emulator.load(), [Request("neutrino", _ENERGIES, "full_sky")], values)[0]["intensity"]
    np.testing.assert_allclose(found.mean["total"].mean(axis=1), wanted[0], rtol=1e-3)
    assert found.deviation == {}
    longitude, latitude = sky.centres(np.argmax(found.mean["total"], axis=1))
    assert (np.abs(latitude) < 4.0).all()  # the brightest pixel is that of the Galactic centre
    assert (np.abs(np.mod(longitude + 180.0, 360.0) - 180.0) < 4.0).all()


@pytest.mark.slow
def test_electrons_shine_as_in_the_region() -> None:
    values = _draws(["gamma_optimized", "min", "leptons"], 2)
    found = sky_map(emulator.load(), values, "gamma", _ENERGIES, dataclasses.replace(_SKY, n_side=8))
    wanted = intensities(emulator.load(), [Request("gamma", _ENERGIES, "full_sky")], values)[0]
    for name, component in (("inverse Compton", "IC"), ("bremsstrahlung", "bremsstrahlung")):
        np.testing.assert_allclose(found.mean[name].mean(axis=1), wanted[component].mean(axis=0), rtol=1e-3)


@pytest.mark.parametrize(
    ("messenger", "n_side", "said"),
    [("proton", 16, "a map of the messenger proton"), ("gamma", 3, "nside = 3"), ("gamma", 1024, "nside = 1024")],
)
def test_what_is_no_map_is_refused(messenger: str, n_side: int, said: str) -> None:
    sky = dataclasses.replace(_SKY, n_side=n_side)
    with pytest.raises(UserError, match=said):
        sky_map(emulator.load(), _draws(["base", "min"], 1), messenger, _ENERGIES, sky)


@pytest.mark.slow
def test_infrared_light_stands_before_the_pixels() -> None:
    """Mean and deviation are those of maps draw by draw, with a depth that is correlated with the gas."""
    values = _draws(["gamma_optimized", "min", "gas", "infrared"], 12)
    values["infrared_absorption"] = 1.0 + 10.0 * (values["hi_scale"] - 1.0)  # 0.3 wide
    energies, sky = (1e2, 1.5e5, 1e6), dataclasses.replace(_SKY, n_side=8)
    model = emulator.load()
    found = sky_map(model, values, "gamma", energies, sky)
    one_by_one = [
        sky_map(model, {name: value[k : k + 1] for name, value in values.items()}, "gamma", energies, sky).mean["total"]
        for k in range(12)
    ]
    np.testing.assert_allclose(found.mean["total"], np.mean(one_by_one, axis=0), rtol=1e-3)
    np.testing.assert_allclose(found.deviation["total"], np.std(one_by_one, axis=0, ddof=1), rtol=2e-2)
    clear = sky_map(model, {k: v for k, v in values.items() if k != "infrared_absorption"}, "gamma", energies, sky)
    np.testing.assert_array_equal(found.mean["total"][0], clear.mean["total"][0])
    # the depth of a region is that of its emission at one rigidity: 0.3 % of the whole sky, at 150 TeV
    fixed = {name: np.asarray([value.mean()]) for name, value in values.items()}
    wanted = intensities(model, [Request("gamma", energies, "full_sky")], fixed)[0]["intensity"][0]
    fine = sky_map(model, fixed, "gamma", energies, dataclasses.replace(_SKY, n_side=64)).mean["total"]
    np.testing.assert_allclose(fine.mean(axis=1), wanted, rtol=5e-3)
