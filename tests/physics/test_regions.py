"""Regions, boxes and the mask: solid angles and what belongs where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from crsea_infer.physics.healpix_mask import read_mask
from crsea_infer.physics.regions import REGIONS, parse_region, region_key, split_region
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def test_masked_solid_angles_are_the_published_ones() -> None:
    assert REGIONS["lhaaso_inner"].solid_angle == pytest.approx(0.206, rel=0.03)
    # 0.268 sr published, with sources of other experiments that are not at hand
    assert REGIONS["lhaaso_outer"].solid_angle == pytest.approx(0.268, rel=0.06)


def test_full_sky_is_four_pi() -> None:
    assert REGIONS["full_sky"].solid_angle == pytest.approx(4 * np.pi, rel=1e-9)


@given(west=st.floats(-300, 300), width=st.floats(0.5, 360), south=st.floats(-90, 80), height=st.floats(0.5, 10))
def test_solid_angle_of_a_box(west: float, width: float, south: float, height: float) -> None:
    west, width, south = round(west, 3), round(width, 3), round(south, 3)
    region = parse_region(f"l={west}..{west + width:.3f},b={south}..{south + height:.3f}")
    expected = np.radians(width) * (np.sin(np.radians(south + height)) - np.sin(np.radians(south)))
    assert region.solid_angle == pytest.approx(expected, rel=2e-3, abs=1e-6)


def test_a_whole_circle_may_begin_anywhere() -> None:
    assert 616.681 - 256.681 > 360.0  # by rounding
    region = parse_region("l=256.681..616.681,b=0..1")
    assert region.solid_angle == pytest.approx(2 * np.pi * np.sin(np.radians(1.0)), rel=2e-3)
    assert region.contains(np.array([0.0, 100.0, 256.681, 300.0]), 0.5).all()


def test_boxes_may_cross_the_galactic_centre() -> None:
    for text in ("l=-10..10,b=-5..5", "l=350..370,b=-5..5"):
        region = parse_region(text)
        assert region.contains(np.array([0.0, 355.0, 9.0, 11.0]), np.zeros(4)).tolist() == [True, True, True, False]


def test_sources_are_masked_and_empty_plane_is_not() -> None:
    inner = REGIONS["lhaaso_inner"]
    assert not inner.contains(np.array(75.0), np.array(0.0)).any()  # Cygnus
    assert not inner.contains(np.array(40.5), np.array(-0.7)).any()  # 1LHAASO J1908+0615u
    assert inner.contains(np.array(90.0), np.array(-4.0)).all()


def test_equal_regions_have_one_name() -> None:
    assert region_key("l=25..100,b=-5..5") == region_key(" l = 25 .. 100 , b = -5 .. 5") == "tibet_inner"
    assert region_key("l=25..101,b=-5..5") == "l=25..101,b=-5..5"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lhaaso_iner", "lhaaso_inner"),
        ("l=100..25,b=-5..5", "west < east"),
        ("l=0..400,b=-5..5", "360"),
        ("l=0..10,b=5..-5", "south < north"),
        ("l=0..10,b=0..95", "-90"),
        ("l=0..10", "l=WEST..EAST"),
        ("l=a..b,b=-5..5", "degrees"),
        ("", "region"),
    ],
)
def test_bad_regions_are_explained(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_region(text)


def test_a_region_splits_into_steps_that_make_it_up() -> None:
    parts = split_region(REGIONS["lhaaso_inner"], "longitude", 11)
    assert [part.longitude for part in parts[:2]] == [(15.0, 25.0), (25.0, 35.0)]
    total = sum(part.solid_angle for part in parts)
    assert total == pytest.approx(REGIONS["lhaaso_inner"].solid_angle, rel=1e-3)


def test_masked_boxes_are_the_named_regions() -> None:
    assert region_key("l=15..125,b=-5..5,mask=lhaaso") == "lhaaso_inner"


@pytest.mark.parametrize("spelling", ["G", "GAL", "Galactic", "C", "CEL", "EQU", "EQUATORIAL", "ICRS"])
def test_masks_and_cubes_know_the_same_frames(tmp_path: Path, spelling: str) -> None:
    """The spellings of healpy, of gtbin and of gammapy: a mask north of the equator of its frame."""
    from astropy.io import fits

    _, latitude = healpy.pix2ang(16, np.arange(3072), lonlat=True)
    healpy.write_map(tmp_path / "mask.fits", (latitude > 0).astype(float), coord="G", dtype=np.float64)
    with fits.open(tmp_path / "mask.fits", mode="update") as hdus:
        hdus[1].header["COORDSYS"] = spelling
    mask = read_mask(tmp_path / "mask.fits")
    longitude, south = np.array([123.0, 123.0]), np.array([20.0, -20.0])
    # the celestial north pole is at l = 123, b = 27
    assert mask.keeps(longitude, south).tolist() == (
        [True, False] if spelling.upper().startswith("G") else [True, True]
    )


def test_a_mask_with_values_that_are_no_flags_names_the_pixel(tmp_path: Path) -> None:
    values = np.ones(3072)
    values[1234] = healpy.UNSEEN
    healpy.write_map(tmp_path / "mask.fits", values, coord="G", dtype=np.float64)
    with pytest.raises(UserError, match="1 pixels are no 0 or 1, pixel 1234 is"):
        read_mask(tmp_path / "mask.fits")


def test_a_real_mask_of_gammapy_is_read(shared_data: Path) -> None:
    mask = read_mask(shared_data / "real" / "mask_GAL.fits")
    assert (mask.sky.n_side, mask.sky.frame, mask.sky.nested) == (64, "galactic", False)
    assert 0 < mask.kept.mean() < 1


@pytest.mark.parametrize(("frame", "nested"), [("G", False), ("G", True), ("C", False)])
def test_healpix_masks_are_read_in_their_own_frame(tmp_path: Path, frame: str, nested: bool) -> None:
    """A disc around Cygnus X-3 written with healpy alone is left out whatever the frame it is written in."""
    n_side = 128
    centre = SkyCoord(l=79.85, b=0.70, unit="deg", frame="galactic")
    longitude, latitude = (79.85, 0.70) if frame == "G" else (centre.icrs.ra.deg, centre.icrs.dec.deg)
    mask = np.ones(healpy.nside2npix(n_side))
    mask[healpy.query_disc(n_side, healpy.ang2vec(longitude, latitude, lonlat=True), np.radians(2.0), nest=nested)] = 0
    healpy.write_map(tmp_path / "mask.fits", mask, coord=frame, nest=nested, dtype=np.float64)
    region = parse_region(f"l=75..85,b=-5..5,mask={tmp_path / 'mask.fits'}")
    assert region.contains(np.array([79.85, 81.2, 82.2]), np.array([0.7, 0.7, 0.7])).tolist() == [False, False, True]
    box = parse_region("l=75..85,b=-5..5")
    assert box.solid_angle - region.solid_angle == pytest.approx(2 * np.pi * (1 - np.cos(np.radians(2.0))), rel=0.03)


def test_masks_that_do_not_say_how_to_be_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.fits"
    with pytest.raises(UserError, match="no mask file"):
        parse_region(f"l=0..10,b=0..5,mask={path}")
    healpy.write_map(path, np.ones(48), coord=None, dtype=np.float64)
    with pytest.raises(UserError, match="COORDSYS"):
        parse_region(f"l=0..10,b=0..5,mask={path}")
    path.write_text("no FITS")
    with pytest.raises(UserError, match="is no FITS file"):
        parse_region(f"l=0..10,b=0..5,mask={path}")


def test_the_discs_of_the_mask_may_be_wider_or_narrower() -> None:
    assert region_key("l=15..125,b=-5..5,mask=lhaaso*1.0") == "lhaaso_inner"
    half, three_quarters = (parse_region(f"l=15..125,b=-5..5,mask=lhaaso*{text}") for text in (".50", "0.75"))
    assert half.name == "l=15..125,b=-5..5,mask=lhaaso*0.5"
    whole, bare = REGIONS["lhaaso_inner"].solid_angle, parse_region("l=15..125,b=-5..5").solid_angle
    assert whole < three_quarters.solid_angle < half.solid_angle < bare
    assert half.solid_angle == pytest.approx(0.2907, rel=2e-3)
    for factor in ("0.01", "7"):
        with pytest.raises(UserError, match="times as wide"):
            parse_region(f"l=15..125,b=-5..5,mask=lhaaso*{factor}")
