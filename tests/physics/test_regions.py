"""Regions, boxes and the mask: solid angles and what belongs where."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsea_infer.errors import UserError
from crsea_infer.physics.regions import REGIONS, parse_region, region_key


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
