"""The table of errors inside an emulator file, and the one number that likelihoods take from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsea_infer.emulator import load
from crsea_infer.emulator.response.chebyshev import train
from crsea_infer.emulator.response.response_sky import EmulatedSky
from crsea_infer.emulator.validation_table import error_text, stated_relative_error, validation_table
from crsea_infer.grids.response_grid import Axis, GridSettings, build_grid
from crsea_infer.support.errors import UserError


def test_the_stated_error_is_one_standard_deviation_of_the_worst_spectrum() -> None:
    errors = np.abs(np.random.default_rng(1).normal(0.0, 0.03, (20000, 5)))
    table = validation_table({"good": errors / 100, "bad": errors})
    assert table["relative_error"] == pytest.approx(0.03, rel=0.04)
    assert table["relative_error"] >= table["spectra"]["bad"]["root_mean_square"]
    # the quantile is another thing: 3.29 standard deviations of a normal error
    assert table["spectra"]["bad"]["quantile_99.9"] == pytest.approx(3.29 * 0.03, rel=0.02)
    assert table["n_points"] == 20000
    assert stated_relative_error({"validation": table}) == table["relative_error"]


@given(st.floats(1e-12, 0.99))
def test_rounding_is_up_and_by_less_than_a_tenth(error: float) -> None:
    stated = validation_table({"one": np.full((3, 1), error)})["relative_error"]
    assert error * (1 - 1e-8) <= stated <= 1.1 * error


def test_an_error_that_is_not_known_does_not_count_as_none() -> None:
    with pytest.raises(UserError, match="does not state its error"):
        stated_relative_error({"grid_hash": "x"})
    settings = GridSettings(
        regions=("l=40..42,b=-1..1",),
        axes=(Axis("delta_slope", 0.0, 0.1, 2), Axis("halo_height", 4.0, 5.0, 2, "kpc", "log")),
        electrons=None,
    )
    with pytest.raises(UserError, match="does not state its error"):
        _ = EmulatedSky(train(build_grid(settings))).relative_error
    assert 0.0 < load().relative_error < 1e-4


def test_the_table_is_printed_in_per_cent() -> None:
    text = error_text(validation_table({"gamma HI somewhere": np.full((4, 3), 0.25)}))
    assert "in per cent" in text
    assert "2.50e+01" in text
    assert "all, 4 held-out points" in text
