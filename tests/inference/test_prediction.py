"""Profiles and the text that predict prints."""

from __future__ import annotations

import json

import numpy as np
import pytest

from crsea_infer.cli.main import main
from crsea_infer.emulator import load
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.prediction import predict, predict_profile, request_for
from crsea_infer.physics.regions import REGIONS, split_region


@pytest.mark.slow
def test_the_steps_of_a_profile_average_to_the_region() -> None:
    hypothesis = load_hypothesis("gamma-optimized-min")
    request, model = request_for((1e4,), region="lhaaso_inner"), load()
    profile = predict_profile(hypothesis, request, model, "longitude", 4)
    weights = [part.solid_angle for part in split_region(REGIONS["lhaaso_inner"], "longitude", 4)]
    whole = predict(hypothesis, request, model)["intensity"][0]
    assert np.average(profile["intensity"], weights=weights) == pytest.approx(whole, rel=3e-3)
    assert profile["intensity"][0] > 2 * profile["intensity"][-1]  # brighter toward the centre


@pytest.mark.slow
def test_a_step_without_sky_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    region = "l=193..197,b=2..5,mask=lhaaso"  # within the halo of Geminga: all of it is masked
    arguments = ["predict", "base-min", "--region", "l=193..233,b=2..5,mask=lhaaso", "--energies", "100"]
    assert main([*arguments, "--profile", "longitude", "--bins", "10", "--format", "json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["longitude_low_deg"][0] == 193.0
    assert table["intensity"][0] is None
    assert table["intensity"][-1] > 0
    assert main(["predict", "base-min", "--region", region, "--energies", "100"]) == 1
    assert "mask" in capsys.readouterr().err


def test_three_flavours_are_three_times_one(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["predict", "base-min", "--region", "full_sky", "--energies", "1e4", "--messenger", "neutrino"]
    arguments += ["--format", "json"]
    assert main(arguments) == 0
    one = json.loads(capsys.readouterr().out)
    assert main([*arguments, "--all-flavours"]) == 0
    every = json.loads(capsys.readouterr().out)
    assert every["intensity"][0] == pytest.approx(3 * one["intensity"][0])
    assert every["energy_gev"] == one["energy_gev"]


def test_choices_of_physics_may_be_set_where_the_hypothesis_leaves_them_out(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["predict", "base-min", "--region", "lhaaso_inner", "--energies", "1e5", "--format", "json"]
    assert main(arguments) == 0
    plain = json.loads(capsys.readouterr().out)
    assert main([*arguments, "--set", "xco_gradient=0.5", "--set", "cross_section_kafexhiu=1"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["H2"][0] < other["intensity"][0] < plain["intensity"][0]
    assert main([*arguments, "--set", "xco_gradiant=0.5"]) == 1
    assert "xco_gradient" in capsys.readouterr().err


def test_the_width_of_a_break_may_be_set_where_the_hypothesis_leaves_it_out(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["predict", "base-min", "--messenger", "proton", "--energies", "2e4", "--format", "json"]
    assert main(arguments) == 0
    sharp = json.loads(capsys.readouterr().out)
    assert main([*arguments, "--set", "proton_smoothness_2=0.1"]) == 0
    assert json.loads(capsys.readouterr().out)["intensity"][0] == pytest.approx(sharp["intensity"][0], rel=1e-12)
    assert main([*arguments, "--set", "proton_smoothness_2=0.5"]) == 0
    assert json.loads(capsys.readouterr().out)["intensity"][0] < 0.97 * sharp["intensity"][0]
    assert main([*arguments, "--set", "proton_smoothness_4=0.5"]) == 1
    assert "proton_smoothness_3" in capsys.readouterr().err
    assert main([*arguments, "--set", "proton_smoothness_2=0"]) == 1
    assert "a value above 0" in capsys.readouterr().err
