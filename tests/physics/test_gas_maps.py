"""The compact gas table: same totals as the full maps, and clear refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.io import fits

from crsea_infer.errors import UserError
from crsea_infer.physics.gas import load_gas
from crsea_infer.physics.gas_maps import compact_gas_table

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
