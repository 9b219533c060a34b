"""The compact gas table: same totals as the full maps, and clear refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.io import fits

from crsea_infer.physics.gas import load_gas
from crsea_infer.physics.gas_maps import compact_gas_table
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def _write(path: Path, *, unit: str = "cm-2", value: float = 1.0) -> None:
    rng = np.random.default_rng(3)
    maps = rng.uniform(0.0, value, (12, 360, 720)).astype(np.float32)
    hdus = [
        fits.PrimaryHDU(maps),
        fits.ImageHDU(maps, name="W_CO"),
    ]
    hdus[0].header["EXTNAME"] = "N_HI"
    for hdu, bunit in zip(hdus, (unit, "K km s-1"), strict=True):
        hdu.header.update(
            {
                "BUNIT": bunit,
                "CRVAL1": -179.75,
                "CRPIX1": 1.0,
                "CDELT1": 0.5,
                "CRVAL2": -89.75,
                "CRPIX2": 1.0,
                "CDELT2": 0.5,
            }
        )
    fits.HDUList(hdus).writeto(path)


def test_totals_survive_compaction(tmp_path: Path) -> None:
    _write(tmp_path / "maps.fits")
    compact_gas_table([tmp_path / "maps.fits"], tmp_path / "gas.nc")
    gas = load_gas(tmp_path / "gas.nc")
    assert gas.solid_angle.sum() == pytest.approx(4 * np.pi, rel=1e-6)
    with fits.open(tmp_path / "maps.fits") as hdus:
        latitude = np.arange(360) * 0.5 - 89.75
        weight = np.cos(np.radians(latitude))
        expected = (hdus[0].data[3] * weight[:, None]).sum() / (weight.sum() * 720)
    assert (gas.atomic[3] * gas.solid_angle).sum() / (4 * np.pi) == pytest.approx(expected, rel=1e-3)


def test_the_shipped_table_is_made_by_the_command(shared_data: Path, tmp_path: Path) -> None:
    compact_gas_table([shared_data / "gas_rings.fits.gz"], tmp_path / "gas.nc")
    shipped, rebuilt = load_gas(), load_gas(tmp_path / "gas.nc")
    assert np.array_equal(shipped.atomic, rebuilt.atomic)
    assert np.array_equal(shipped.carbon_monoxide, rebuilt.carbon_monoxide)
    assert shipped.provenance == rebuilt.provenance


def test_bad_maps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no ring map file"):
        compact_gas_table([tmp_path / "absent.fits"], tmp_path / "gas.nc")
    _write(tmp_path / "unit.fits", unit="K")
    with pytest.raises(UserError, match="cm-2"):
        compact_gas_table([tmp_path / "unit.fits"], tmp_path / "gas.nc")
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "empty.fits")
    with pytest.raises(UserError, match="N_HI"):
        compact_gas_table([tmp_path / "empty.fits"], tmp_path / "gas.nc")


# --- HERMES's own two files


def _known(*, n_latitude: int = 360, n_longitude: int = 720) -> tuple[np.ndarray, np.ndarray]:
    """HI and CO of the shipped table on a full grid in HERMES's order of rings and axes, with the Magellanic Clouds."""
    gas = load_gas()
    longitude = 180.0 - (np.arange(n_longitude) + 0.5) * 360 / n_longitude
    latitude = (np.arange(n_latitude) + 0.5) * 180 / n_latitude - 90.0
    lookup = np.zeros((n_latitude, n_longitude), dtype=int)  # the pixel of the table that holds each pixel of the grid
    for width, height in ((0.5, 0.5), (2.0, 1.0)):
        own = np.flatnonzero(gas.longitude_width == width)
        place = np.full((round(180 / height), round(360 / width)), -1)
        rows, columns = (gas.latitude[own] + 90) // height, (gas.longitude[own] + 180) // width
        place[rows.astype(int), columns.astype(int)] = own
        found = place[np.ix_(((latitude + 90) // height).astype(int), ((longitude + 180) // width).astype(int))]
        lookup = np.where(found >= 0, found, lookup)
    planes = np.empty((2, 12, n_latitude, n_longitude), dtype=np.float32)
    atomic, carbon = gas.atomic[:, lookup], gas.carbon_monoxide[:, lookup]
    planes[0, :11] = atomic
    clouds = (np.abs(longitude + 80) < 5)[None, :] & (np.abs(latitude + 33) < 5)[:, None]
    planes[0, 11] = 4e21 * clouds
    planes[1, :10] = carbon[1:]
    planes[1, 10], planes[1, 11] = 0.4 * carbon[0], 0.6 * carbon[0]
    return planes[0], planes[1]


def _write_hermes(folder: Path, atomic: np.ndarray, carbon: np.ndarray, **keys: float) -> list[Path]:
    """One primary image each; the axes that the header states are not used by HERMES."""
    paths = [folder / "NHrings_Ts300K.fits", folder / "WCOrings_COGAL.fits"]  # unpacked: packing takes ten seconds
    for path, maps in zip(paths, (atomic, carbon), strict=True):
        image = fits.PrimaryHDU(maps)
        image.header.update({"CRVAL1": 180.0, "CDELT1": -0.5, "CRVAL2": -90.0, "CDELT2": 0.5, **keys})
        image.writeto(path, overwrite=True)
    return paths


@pytest.fixture(scope="module")
def known() -> tuple[np.ndarray, np.ndarray]:
    return _known()


@pytest.mark.slow
def test_the_two_files_of_hermes_give_the_table_that_they_hold(
    known: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    paths = _write_hermes(tmp_path, *known)
    shipped = load_gas()
    for name, order in (("a.nc", paths), ("b.nc", paths[::-1])):
        compact_gas_table(order, tmp_path / name)
        made = load_gas(tmp_path / name)
        np.testing.assert_array_equal(made.longitude, shipped.longitude)
        np.testing.assert_array_equal(made.latitude, shipped.latitude)
        # the table is rounded to 11 bits
        np.testing.assert_allclose(made.atomic, shipped.atomic, rtol=1e-3)
        np.testing.assert_allclose(made.carbon_monoxide, shipped.carbon_monoxide, rtol=1e-3, atol=1e-6)
    assert "NHrings_Ts300K.fits" in made.provenance
    assert "digitised" not in made.provenance


def test_the_axes_of_the_header_are_not_taken_as_hermes_does_not(
    known: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    compact_gas_table(_write_hermes(tmp_path, *known, CRVAL1=-180.0, CDELT1=0.5), tmp_path / "gas.nc")
    np.testing.assert_allclose(load_gas(tmp_path / "gas.nc").atomic, load_gas().atomic, rtol=1e-3)


@pytest.mark.slow
def test_another_resolution_keeps_the_columns(tmp_path: Path) -> None:
    """Steps of 0.4 and 0.5 deg of longitude do not divide each other: all gas is kept, and regions to a per cent."""
    maps = _known(n_longitude=900)
    compact_gas_table(_write_hermes(tmp_path, *maps), tmp_path / "gas.nc")
    made, shipped = load_gas(tmp_path / "gas.nc"), load_gas()
    latitude = (np.arange(360) + 0.5) * 0.5 - 90.0
    weights = np.cos(np.radians(latitude)) / np.cos(np.radians(latitude)).sum()
    mean = (maps[0][:11].mean(axis=2) * weights).sum(axis=1)
    np.testing.assert_allclose(made.atomic @ made.solid_angle / (4 * np.pi), mean, rtol=2e-3)
    inner = (np.abs(shipped.latitude) < 5) & (shipped.longitude > 15) & (shipped.longitude < 125)
    for found, expected in ((made.atomic, shipped.atomic), (made.carbon_monoxide, shipped.carbon_monoxide)):
        assert found[:, inner].mean() == pytest.approx(expected[:, inner].mean(), rel=0.01)


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("gas", [0, 1])
def test_mirrored_maps_are_refused(gas: int, axis: int, known: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    maps = list(known)
    maps[gas] = np.flip(maps[gas], axis)
    with pytest.raises(UserError, match=("Magellanic Clouds", "Orion")[gas]):
        compact_gas_table(_write_hermes(tmp_path, *maps), tmp_path / "gas.nc")


def test_what_is_not_a_pair_of_ring_maps_is_refused(known: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    atomic, carbon = known
    paths = _write_hermes(tmp_path, atomic, carbon)
    for sources, said in (
        (paths[:1], "give both of HERMES's files"),
        ([paths[0], paths[0]], "it holds HI, as the other file does"),
        ([*paths, paths[0]], "3 files of ring maps"),
        ([paths[0], tmp_path / "absent.fits"], "absent.fits"),
    ):
        with pytest.raises(UserError, match=said):
            compact_gas_table(sources, tmp_path / "gas.nc")
    for changed, said in (
        (atomic * np.float32(1e-20), "CO is not|Orion|largest value|it holds CO"),
        (-atomic, "negative"),
        (atomic[:11], "12 rings"),
        (np.where(atomic > 1e22, np.nan, atomic), "not finite"),
    ):
        with pytest.raises(UserError, match=said):
            compact_gas_table(_write_hermes(tmp_path, changed, carbon), tmp_path / "gas.nc")


def test_the_digitised_rings_in_the_form_of_hermes_give_the_shipped_table(shared_data: Path, tmp_path: Path) -> None:
    with fits.open(shared_data / "gas_rings.fits.gz") as hdus:
        atomic, carbon = (hdus[name].data[..., ::-1] for name in ("N_HI", "W_CO"))
        compact_gas_table(_write_hermes(tmp_path, atomic, carbon), tmp_path / "gas.nc")
    made, shipped = load_gas(tmp_path / "gas.nc"), load_gas()
    np.testing.assert_array_equal(made.atomic, shipped.atomic)
    np.testing.assert_array_equal(made.carbon_monoxide, shipped.carbon_monoxide)
