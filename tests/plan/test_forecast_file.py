"""Forecasts as files: what ships is valid, regions scale errors, and what makes no sense is one message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.content.finding import available
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.physics.regions import parse_region
from crsea_infer.plan.forecast_file import EXPOSURES, load_forecast
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

BODY = """
title = "Mine"
hypotheses = ["gamma-optimized-min", "gamma-optimized-max"]
[instruments.one]
title = "One"
label = "one"
basis = "Published errors."
likelihoods = ["lhaaso_km2a_inner"]
"""


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    return {item.name: load_forecast(item.name) for item in available("forecasts")}


@pytest.fixture(scope="module")
def instruments(shipped: dict[str, Any]) -> dict[str, Any]:
    return {one.name: one for one in shipped["instruments"].instruments}


def test_every_forecast_that_ships_is_valid_and_says_where_its_errors_come_from(shipped: dict[str, Any]) -> None:
    for forecast in shipped.values():
        assert forecast.data_sets == 200
        for one in forecast.instruments:
            assert one.basis
            if any(data.provenance.status == "assumption" for data in one.run.likelihoods):
                assert one.basis.startswith("Assumption")


def test_assumed_tables_are_no_data_sets() -> None:
    names = {item.name for item in available("likelihoods")}
    assert not names & {"swgo_inner_plane", "km3net_arca"}


def test_a_narrower_mask_has_more_sky_and_so_smaller_errors(instruments: Any) -> None:
    whole, half = instruments["km2a"], instruments["km2a_mask_050"]
    sky = parse_region("l=15..125,b=-5..5,mask=lhaaso*0.5").solid_angle / parse_region("lhaaso_inner").solid_angle
    assert half.sky_ratios[0] == pytest.approx(sky)
    assert sky == pytest.approx(0.2907 / 0.2084, rel=2e-3)
    before, after = whole.at(2.0).likelihoods[0], half.at(2.0).likelihoods[0]
    assert after.error_low == pytest.approx(before.error_low / np.sqrt(sky))
    assert whole.sky_ratios == (1.0, 1.0)
    assert half.solid_angle > whole.solid_angle


def test_ten_times_the_exposure_of_icecube_is_gen2_at_one(instruments: Any) -> None:
    gen2 = instruments["icecube_gen2"]
    assert gen2.exposures_of_data(1.0) == [10.0]
    assert gen2.budget(1.0)[0].statistical == pytest.approx(0.12, abs=0.02)


def test_a_run_is_a_forecast_of_its_own_data() -> None:
    forecast = load_forecast("min_vs_max")
    assert forecast.exposures == EXPOSURES
    assert forecast.hypotheses == ("gamma-optimized-min", "gamma-optimized-max")
    now = forecast.instruments[0].at(1.0).likelihoods[0]
    assert np.array_equal(now.error_low, forecast.instruments[0].run.likelihoods[0].error_low)  # type: ignore[attr-defined]
    other = load_forecast("min_vs_max", ["base-min", "gamma-optimized-min"])
    assert other.hypotheses == ("base-min", "gamma-optimized-min")
    base, optimized = other.instruments[0].run.hypotheses
    assert "infrared" in optimized.prior_sets  # as the run has it, not as the package does
    assert "infrared" not in base.prior_sets


def test_hypotheses_written_out_in_a_run_keep_what_they_are(tmp_path: Path) -> None:
    tables = "".join(
        f'[[hypotheses]]\nname = "{name}"\ntitle = "{name}"\nprior_sets = ["gamma_optimized", "{name}"]\n'
        for name in ("min", "max")
    )
    path = tmp_path / "mine.toml"
    path.write_text(f'title = "Mine"\nlikelihoods = ["lhaaso_km2a_inner"]\n{tables}[samplers.importance]\n')
    forecast = load_forecast(str(path), ["max", "base-min"])
    assert [one.prior_sets for one in forecast.instruments[0].run.hypotheses] == [
        ("gamma_optimized", "max"),
        load_hypothesis("base-min").prior_sets,
    ]


def test_asking_for_less_or_for_more(shipped: dict[str, Any]) -> None:
    forecast = shipped["instruments"].asked([10.0, 1.0, 1.0], 40, ["swgo"], 7)
    assert forecast.exposures == (1.0, 10.0)
    assert forecast.data_sets == 40
    assert [one.name for one in forecast.instruments] == ["swgo"]
    assert forecast.instruments[0].run.seed == 7
    with pytest.raises(UserError, match="instrument"):
        forecast.asked(instruments=["swga"])
    with pytest.raises(UserError, match="exposures 0, 1"):
        forecast.asked([0.0, 1.0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"lhaaso_km2a_inner"', '"lhaaso_km2a_iner"', "lhaaso_km2a_inner"),
        ('"lhaaso_km2a_inner"', '"dampe_protons"', "not known to go with exposure"),
        ('"gamma-optimized-min", ', "", "one hypothesis"),
        ('basis = "Published errors."', "", "basis"),
        ('"One"', '"One"\nexposure = 0.0', "exposure"),
        ('"One"', '"One"\nsystematic_floor = -1', "systematic_floor"),
        ('"Mine"', '"Mine"\ndata_sets = 3', "data_sets"),
        ('"Mine"', '"Mine"\nexposures = []', "exposures"),
        ('["lhaaso_km2a_inner"]', '["icecube_galactic_plane"]\n#', "pi0"),
    ],
)
def test_what_makes_no_sense_is_one_message(old: str, new: str, message: str, tmp_path: Path) -> None:
    hypotheses = BODY.replace('"gamma-optimized-min"', '"base-min"') if "icecube" in new else BODY
    path = tmp_path / "mine.toml"
    path.write_text(hypotheses.replace(old, new))
    with pytest.raises(UserError, match=message):
        load_forecast(path)


def test_runs_that_cannot_be_forecast_are_refused() -> None:
    for name, message in (("conditional", "training sets"), ("min_vs_max_variants", "variants")):
        with pytest.raises(UserError, match=message):
            load_forecast(name)
    with pytest.raises(UserError, match="instruments"):
        load_forecast("instrments")
