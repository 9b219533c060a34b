"""Files of maps: what healpy, astropy and gammapy read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.io import fits

from crsea_infer.inference.sky_maps import SkyMapArrays
from crsea_infer.physics.healpix_pixels import Frame, Pixelisation
from crsea_infer.report.sky_map_files import write_sky_map
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

_ENERGIES = np.array([10.0, 1e3, 1e5])


def _maps(messenger: str = "gamma", frame: Frame = "galactic", *, nested: bool = False) -> SkyMapArrays:
    sky = Pixelisation(8, nested, frame)
    pion = np.random.default_rng(1).uniform(1e-9, 2e-9, (3, sky.n_pixels)) * (_ENERGIES[:, None] / 10.0) ** -2.7
    halo = 0.1 * pion[:, ::-1]
    mean = {"total": pion + halo, "pion decay": pion, "inverse Compton": halo}
    deviation = {name: 0.05 * one for name, one in mean.items()}
    return SkyMapArrays(messenger, _ENERGIES, sky, mean, deviation, 100, ("unresolved_fraction",))


@pytest.mark.parametrize("nested", [False, True])
def test_healpy_reads_every_component(tmp_path: Path, nested: bool) -> None:
    import healpy

    maps, path = _maps(nested=nested), tmp_path / "sky.fits"
    write_sky_map(maps, path, "healpix", {"HYPOTHES": "base-min"})
    with fits.open(path) as hdus:
        names = [hdu.name for hdu in hdus[1:-1]]
        assert hdus[0].header["HYPOTHES"] == "base-min"
        assert hdus[0].header["LEFTOUT"] == "unresolved_fraction"
        header = hdus["INVERSE_COMPTON_SD"].header
        assert (header["NSIDE"], header["ORDERING"], header["COORDSYS"]) == (8, "NESTED" if nested else "RING", "G")
        assert (header["TUNIT1"], header["E_2"]) == ("GeV-1 cm-2 s-1 sr-1", 1e3)
        np.testing.assert_array_equal(hdus["ENERGIES"].data["Energy"], _ENERGIES)
    found = healpy.read_map(path, hdu=1 + names.index("INVERSE_COMPTON_SD"), field=None, nest=nested)
    np.testing.assert_allclose(found, maps.deviation["inverse Compton"], rtol=1e-6)


def test_mapcubes_are_in_mev(tmp_path: Path) -> None:
    maps, path = _maps(), tmp_path / "cube.fits"
    write_sky_map(maps, path, "mapcube", {}, "pion decay")
    with fits.open(path) as hdus:
        table = hdus["SKYMAP"]
        np.testing.assert_allclose(hdus["ENERGIES"].data["Energy"], _ENERGIES * 1e3)
        assert hdus["ENERGIES"].columns["Energy"].unit == "MeV"
        assert [column.name for column in table.columns] == ["ENERGY1", "ENERGY2", "ENERGY3"]
        np.testing.assert_allclose(table.data["ENERGY2"], maps.mean["pion decay"][1] / 1e3, rtol=1e-6)


def test_gammapy_reads_a_mapcube_as_template(tmp_path: Path) -> None:
    pytest.importorskip("gammapy")
    from gammapy.maps import Map
    from gammapy.modeling.models import TemplateSpatialModel

    maps, path = _maps(), tmp_path / "cube.fits"
    write_sky_map(maps, path, "mapcube", {})
    cube = Map.read(path)
    assert cube.geom.is_hpx
    assert cube.geom.frame == "galactic"
    np.testing.assert_allclose(cube.geom.axes["energy_true"].center.to_value("GeV"), _ENERGIES)
    np.testing.assert_allclose(cube.quantity.to_value("GeV-1 cm-2 s-1 sr-1"), maps.mean["total"], rtol=1e-6)
    model = TemplateSpatialModel.read(path, normalize=False)
    longitude, latitude = maps.sky.centres(np.arange(5))
    from astropy import units as u

    at = model.evaluate(longitude * u.deg, latitude * u.deg, energy=np.full(5, 1e3) * u.GeV)
    np.testing.assert_allclose(at.to_value("GeV-1 cm-2 s-1 sr-1"), maps.mean["total"][1, :5], rtol=1e-5)


def test_icecube_templates_are_equatorial_and_normalised(tmp_path: Path) -> None:
    import healpy

    maps, path = _maps("neutrino", "icrs"), tmp_path / "nu.fits"
    write_sky_map(maps, path, "icecube", {})
    with fits.open(path) as hdus:
        names = [hdu.name for hdu in hdus[1:]]
        assert names == ["PER_FLAVOUR_MEAN", "PER_FLAVOUR_SD", "TEMPLATE", "ENERGIES"]
        assert hdus["TEMPLATE"].header["COORDSYS"] == "C"
    template = healpy.read_map(path, hdu=3, field=None)
    np.testing.assert_allclose(template.sum(axis=1) * maps.sky.solid_angle, 1.0, rtol=1e-6)
    np.testing.assert_allclose(healpy.read_map(path, hdu=1, field=2), maps.mean["total"][2], rtol=1e-6)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.fits"
    for maps, form, component, said in (
        (_maps(), "png", "total", "unknown format of maps"),
        (_maps(), "mapcube", "dust", "unknown component of the map"),
        (_maps(), "icecube", "total", "an IceCube template of gamma"),
    ):
        with pytest.raises(UserError, match=said):
            write_sky_map(maps, path, form, {}, component)
    assert not path.exists()
