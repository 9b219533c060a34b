"""Photons may not count twice: which data sets of one instrument may stand side by side."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from crsea_infer.cli.main import main
from crsea_infer.content.finding import available
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.likelihoods.same_events import refuse_same_events, shared_sky
from crsea_infer.plan.study_file import load_study
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def fermi() -> dict[str, Any]:
    """All data sets of Fermi-LAT."""
    names = [item.name for item in available("likelihoods") if item.name.startswith("fermi_lat")]
    return {name.removeprefix("fermi_lat_"): load_likelihood(name) for name in names}


def test_all_data_sets_of_fermi_lat_are_photons_of_one_instrument(fermi: dict[str, Any]) -> None:
    assert len(fermi) > 10
    assert {one.settings["photons"] for one in fermi.values()} == {"fermi-lat"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("masked_inner", "counts_inner"),
        ("masked_outer", "counts_outer"),
        ("longitude", "counts_longitude"),
        ("longitude", "longitude_20_30"),
        ("longitude_m10_10", "counts_longitude"),
        ("counts_inner", "counts_longitude"),
        ("masked_inner", "window_25_100"),
        ("window_25_100", "window_50_200"),
        ("inner_galaxy", "masked_inner"),
        ("inner_galaxy", "longitude"),
    ],
)
def test_the_same_sky_twice_is_refused_and_may_be_allowed(one: str, other: str, fermi: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="photons of fermi-lat from the same sky") as caught:
        refuse_same_events([fermi[one], fermi[other]])
    assert f"[options.fermi_lat_{other}] photons" in str(caught.value.fix)
    refuse_same_events([fermi[one], load_likelihood(f"fermi_lat_{other}", {"photons": "counted twice"})])


@pytest.mark.parametrize(
    "names",
    [
        ("masked_inner", "masked_outer"),
        ("counts_inner", "counts_outer"),
        tuple(f"longitude_{window}" for window in ("m10_10", "20_30", "30_40", "60_70", "70_80", "80_90")),
        ("counts_longitude", "masked_outer"),
    ],
)
def test_windows_beside_each_other_are_not(names: tuple[str, ...], fermi: dict[str, Any]) -> None:
    refuse_same_events([fermi[name] for name in names])


def test_the_share_of_sky_is_that_of_the_smaller_region() -> None:
    assert shared_sky("l=0..10,b=-5..5", "l=-90..90,b=-5..5") == pytest.approx(1.0, abs=0.01)
    assert shared_sky("l=0..10,b=-5..5", "l=5..25,b=-5..5") == pytest.approx(0.5, abs=0.03)
    assert shared_sky("l=350..370,b=-5..5", "l=0..20,b=-5..5") == pytest.approx(0.5, abs=0.03)
    assert shared_sky("l=0..10,b=-5..5", "l=10..20,b=-5..5") == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["paper", "fermi_events"])
def test_no_study_that_ships_counts_photons_twice(name: str) -> None:
    for run in load_study(name).runs.values():
        refuse_same_events(run.likelihoods)


def test_a_run_with_curves_and_counts_of_one_sky_is_refused_in_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "both.toml"
    path.write_text(
        'title = "Both"\nhypotheses = ["gamma-optimized-min"]\n'
        'likelihoods = ["fermi_lat_masked_inner", "fermi_lat_counts_inner"]\n[samplers.importance]\n'
    )
    for command in (["check", str(path)], ["run", str(path), "--output", str(tmp_path / "out")]):
        assert main(command) == 1
        said = capsys.readouterr().err
        assert "'fermi_lat_masked_inner' and 'fermi_lat_counts_inner' are photons of fermi-lat" in said
        assert "Traceback" not in said


def test_pairs_are_found_wherever_they_stand(fermi: dict[str, Any]) -> None:
    far = [fermi["masked_outer"], fermi["longitude_m10_10"], fermi["counts_outer"]]
    for order in combinations(far, 3):
        with pytest.raises(UserError, match="masked_outer"):
            refuse_same_events(order)


def test_the_study_of_all_data_has_photons_where_they_reach() -> None:
    runs = load_study("paper").runs
    names = {label: [one.name for one in runs[label].likelihoods] for label in ("all", "all_events")}
    assert names["all_events"] == [name.replace("fermi_lat_masked", "fermi_lat_counts") for name in names["all"]]
    assert "fermi_lat_counts_inner" in names["all_events"]
    without_sources = [one.name for one in runs["all"].hypotheses if not one.name.endswith("-sources")]
    assert [one.name for one in runs["all_events"].hypotheses] == without_sources


def test_bins_beyond_limits_of_energy_do_not_count_and_leave_their_photons_to_others() -> None:
    whole, cut = (load_likelihood("fermi_lat_masked_inner", options) for options in ({}, {"energy_max": 10.0}))
    assert (whole.n_data, cut.n_data) == (9, 2)
    assert max(cut.requests[0].energies) < 10.0
    refuse_same_events([cut, load_likelihood("fermi_lat_counts_inner")])
    with pytest.raises(UserError, match="photons of fermi-lat from the same sky"):
        refuse_same_events([whole, load_likelihood("fermi_lat_counts_inner")])
    with pytest.raises(UserError, match="no energy bin lies between 500 and"):
        load_likelihood("fermi_lat_masked_inner", {"energy_min": 500.0})
