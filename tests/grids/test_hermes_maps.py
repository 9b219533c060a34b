"""HERMES maps, written here as HERMES writes them (astropy and healpy alone), averaged and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import healpy
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from crsea_infer.grids.hermes_maps import average_hermes_map, pixel_shares
from crsea_infer.grids.importing import import_hermes
from crsea_infer.grids.spectra_grid import read_spectra_grid, write_spectra_grid
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

GEV = 1.602176634e-10  # joule
N_SIDE = 32
ENERGIES = np.array([10.0, 100.0, 1e3, 1e4, 1e5])
UNSEEN = -1.6375e30
BOX = parse_region("l=30..90,b=-5..5")


def _gradient(n_side: int = N_SIDE) -> np.ndarray:
    """Intensity 1 + l / 180 with l from 0 to 360, per m2."""
    longitude, _ = healpy.pix2ang(n_side, np.arange(12 * n_side**2), lonlat=True)
    return 1.0 + longitude / 180.0


def write_hermes(
    path: Path,
    maps: list[np.ndarray],
    energies: np.ndarray = ENERGIES,
    *,
    changes: dict[str, Any] | None = None,
    in_table: int | None = None,
) -> Path:
    """Write maps as HERMES does; `changes` alter keys (None removes one), in all tables or in one."""
    primary = fits.PrimaryHDU()
    primary.header["SOFTWARE"] = ("HERMES", "Created by Hermes, cosmicrays.github.io/hermes")
    primary.header["VERSION"] = "1.1.0-3-gdeadbee"
    hdus = [primary]
    for number, (energy, values) in enumerate(zip(energies, maps, strict=True), start=1):
        unit = (changes or {}).get("TUNIT1", "GeV^-1 m^-2 s^-1 sr^-1")
        column = fits.Column("TFLOAT", "1E", unit=unit, array=np.asarray(values, dtype=np.float32))
        table = fits.BinTableHDU.from_columns([column], name="xtension")
        n_side = round((len(values) / 12) ** 0.5)
        table.header["PIXTYPE"] = "HEALPIX"
        table.header["INDXSCHM"] = "IMPLICIT"
        table.header["FIRSTPIX"] = 0
        table.header["LASTPIX"] = 12 * n_side**2 - 1
        table.header["BAD_DATA"] = UNSEEN
        table.header["ORDERING"] = "RING"
        table.header["COORDSYS"] = "G"
        table.header["NSIDE"] = n_side
        table.header["OBJECT"] = "FULLSKY"
        table.header["PROCESS"] = "Pi0 decay"
        table.header["ENERGY"] = (energy * GEV, "joule")
        if in_table is None or in_table == number:
            for key, value in (changes or {}).items():
                if key == "TUNIT1":
                    continue
                if value is None:
                    del table.header[key]
                else:
                    table.header[key] = value
        hdus.append(table)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def _maps(scale: float = 1.0) -> list[np.ndarray]:
    return [scale * _gradient() * energy**-2.7 for energy in ENERGIES]


def test_means_units_and_energies(tmp_path: Path) -> None:
    """The mean of 1 + l/180 over 30 < l < 90 is 4/3; per m2 becomes per cm2; joule becomes GeV."""
    spectra = average_hermes_map(write_hermes(tmp_path / "pi0.fits.gz", _maps()), [BOX])
    assert spectra.energies == pytest.approx(ENERGIES, rel=1e-9)
    assert spectra.intensities[0] == pytest.approx(4 / 3 * 1e-4 * ENERGIES**-2.7, rel=1e-3)
    assert (spectra.process, spectra.version, spectra.n_side) == ("Pi0 decay", "1.1.0-3-gdeadbee", N_SIDE)


@pytest.mark.parametrize("text", ["l=-10..10,b=-5..5", "l=350..370,b=60..90", "l=25..100,b=-5..5", "full_sky"])
def test_shares_of_pixels_add_up_to_the_solid_angle(text: str) -> None:
    region = parse_region(text)
    shares = pixel_shares(region, 16)
    # pixels are sampled every 0.06 degree, at least 150 times across each of these regions
    assert shares.sum() * healpy.nside2pixarea(16) == pytest.approx(region.solid_angle, rel=4e-3)
    assert shares.max() <= 1.0


@pytest.mark.slow
def test_masks_take_pixels_away(tmp_path: Path) -> None:
    """Where only the discs of known sources are bright, the masked region sees nothing of it."""
    inner = parse_region("lhaaso_inner")
    shares = pixel_shares(inner, 64)
    box = pixel_shares(parse_region("l=15..125,b=-5..5"), 64)
    bright = np.where((box > 0.999) & (shares == 0.0), 1e6, 1.0)
    path = write_hermes(tmp_path / "m.fits", [bright], ENERGIES[:1])
    masked, whole = average_hermes_map(path, [inner, parse_region("l=15..125,b=-5..5")]).intensities[:, 0]
    assert masked == pytest.approx(1e-4, rel=1e-6)
    assert whole > 100 * masked


def test_a_partial_sky_serves_the_regions_it_covers(tmp_path: Path) -> None:
    longitude, latitude = healpy.pix2ang(N_SIDE, np.arange(12 * N_SIDE**2), lonlat=True)
    computed = (np.abs(latitude) < 12) & (longitude < 120)
    maps = [np.where(computed, values, UNSEEN) for values in _maps()]
    path = write_hermes(tmp_path / "partial.fits", maps, changes={"OBJECT": "PARTIAL"})
    assert average_hermes_map(path, [BOX]).intensities[0] == pytest.approx(4 / 3 * 1e-4 * ENERGIES**-2.7, rel=1e-3)
    with pytest.raises(UserError, match=r"4\d.* % of the region l=90..160,b=-5..5 has data"):
        average_hermes_map(path, [parse_region("l=90..160,b=-5..5")])


@pytest.mark.parametrize(
    ("changes", "in_table", "said"),
    [
        ({"ORDERING": "NESTED"}, None, "ORDERING is NESTED"),
        ({"ORDERING": None}, None, "ORDERING is absent"),
        ({"COORDSYS": "C"}, None, "COORDSYS is C"),
        ({"COORDSYS": None}, None, "COORDSYS is absent"),
        ({"TUNIT1": None}, None, "TUNIT1, the unit, is absent"),
        ({"TUNIT1": "K"}, None, "TUNIT1 is 'K'"),
        ({"TUNIT1": "bananas"}, None, "TUNIT1 is 'bananas'"),
        ({"TUNIT1": "dex(GeV^-1 m^-2 s^-1 sr^-1)"}, None, "TUNIT1 is 'dex("),
        ({"PIXTYPE": None}, None, "PIXTYPE is absent"),
        ({"INDXSCHM": "EXPLICIT"}, None, "INDXSCHM is EXPLICIT"),
        ({"NSIDE": 64}, None, "12288 pixels with NSIDE 64"),
        ({"ENERGY": None}, 3, "table 3: ENERGY is absent"),
        ({"ENERGY": 5.0 * GEV}, 3, "energy 5 GeV follows 100 GeV"),
        ({"ENERGY": 100.0 * GEV}, 3, "energy 100 GeV follows 100 GeV"),
        ({"ENERGY": 1e5}, 4, "in joule"),
    ],
)
def test_what_is_not_as_hermes_writes_is_refused_in_one_message(
    tmp_path: Path, changes: dict[str, Any], in_table: int | None, said: str
) -> None:
    path = write_hermes(tmp_path / "bad.fits", _maps(), changes=changes, in_table=in_table)
    with pytest.raises(UserError) as caught:
        average_hermes_map(path, [BOX])
    assert said in str(caught.value)
    assert "bad.fits" in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, -1.0, np.inf])
def test_senseless_pixels_are_refused(tmp_path: Path, value: float) -> None:
    maps = _maps()
    pixel = healpy.ang2pix(N_SIDE, 60.0, 0.0, lonlat=True)
    maps[2][pixel] = value
    with pytest.raises(UserError, match=f"table 3: pixel {pixel} is"):
        average_hermes_map(write_hermes(tmp_path / "bad.fits", maps), [BOX])


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
@pytest.mark.parametrize("kept", [0.99, 0.6, 0.01])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = write_hermes(tmp_path / f"cut{suffix}", _maps())
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UserError, match="damaged or cut off"):
        average_hermes_map(path, [BOX])


def test_files_that_are_no_maps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no map file"):
        average_hermes_map(tmp_path / "absent.fits", [BOX])
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(UserError, match="holds no map"):
        average_hermes_map(tmp_path / "empty.fits", [BOX])


def _models(folder: Path, **columns: list[Any]) -> Path:
    table = Table({"halo_height": [2.0, 4.0, 8.0], **columns})
    table["halo_height"].unit = "kpc"
    table.meta["ranges"] = {"halo_height": [2.0, 12.0]}
    table.meta["log"] = ["halo_height"]
    table.write(folder / "models.ecsv", format="ascii.ecsv")
    return folder / "models.ecsv"


def test_several_models_become_one_spectra_grid(tmp_path: Path) -> None:
    names: dict[str, list[Any]] = {"gamma_pi0": [], "gamma_inverse_compton": [], "neutrino_pi0": []}
    for i, scale in enumerate((1.0, 2.0, 3.0)):
        for column, factor in (("gamma_pi0", 1.0), ("gamma_inverse_compton", 0.1), ("neutrino_pi0", 0.3)):
            path = write_hermes(tmp_path / f"{column}_{i}.fits", _maps(scale * factor))
            names[column].append(path.name)
    regions = [BOX, parse_region("tibet_outer")]
    grid = import_hermes(_models(tmp_path, **names, source_model=[1.0, 1.0, 1.0]), regions, neutrino_factor=0.5)
    assert [(p.name, p.lower, p.upper, p.unit, p.scale) for p in grid.parameters] == [
        ("halo_height", 2.0, 12.0, "kpc", "log")
    ]
    labels = [spectrum.label for spectrum in grid.spectra]
    assert labels[0] == "gamma pi0 l=30..90,b=-5..5"
    assert labels[-1] == "neutrino pi0 tibet_outer"
    per_spectrum = grid.intensities.reshape(3, len(labels), len(ENERGIES))
    assert per_spectrum[2] == pytest.approx(3 * per_spectrum[0], rel=1e-6)
    assert per_spectrum[:, 4:] == pytest.approx(0.15 * per_spectrum[:, :2], rel=1e-6)
    assert grid.provenance["fixed"] == {"source_model": 1.0}
    assert grid.provenance["code"] == "HERMES 1.1.0-3-gdeadbee"
    write_spectra_grid(grid, tmp_path / "grid.nc")
    again = read_spectra_grid(tmp_path / "grid.nc")
    assert again.hash == grid.hash
    assert again.spectra == grid.spectra
    assert np.array_equal(again.intensities, grid.intensities)


def test_tables_of_models_are_checked(tmp_path: Path) -> None:
    good = write_hermes(tmp_path / "a.fits", _maps()).name
    other = write_hermes(tmp_path / "b.fits", _maps(), ENERGIES * 2).name
    with pytest.raises(UserError, match="other energies"):
        import_hermes(_models(tmp_path, gamma_pi0=[good, other, good]), [BOX])
    (tmp_path / "models.ecsv").unlink()
    with pytest.raises(UserError, match=r"row 2: gamma_pi0 names .*absent.fits, which does not exist"):
        import_hermes(_models(tmp_path, gamma_pi0=[good, "absent.fits", good]), [BOX])
    (tmp_path / "models.ecsv").unlink()
    with pytest.raises(UserError, match="gama_pi0"):
        import_hermes(_models(tmp_path, gama_pi0=[good, good, good]), [BOX])
    (tmp_path / "none.csv").write_text("halo_height\n4\n")
    with pytest.raises(UserError, match="names no files"):
        import_hermes(tmp_path / "none.csv", [BOX])
    (tmp_path / "hole.csv").write_text(f"halo_height,gamma_pi0\n4,{good}\n,{good}\n")
    with pytest.raises(UserError, match="row 2: halo_height is empty"):
        import_hermes(tmp_path / "hole.csv", [BOX])
