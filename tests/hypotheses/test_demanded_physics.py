"""What hypotheses demand of the sky model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crsea_infer.hypotheses.demanded_physics import NO_DEMANDS, DemandedPhysics
from crsea_infer.hypotheses.hypothesis import build_hypothesis, load_hypothesis
from crsea_infer.hypotheses.prior_sets import read_prior_set
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 'title = "x"\ndescription = "x"\nreferences = []\n'


def test_a_prior_set_demands_physics_and_may_have_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "near_rim.toml").write_text(f'{HEAD}[physics]\nrim = 12.0\nsources = "lorimer"\n')
    found = read_prior_set(tmp_path / "near_rim.toml")
    assert found.physics == DemandedPhysics(rim=12.0, sources="lorimer")
    joined = build_hypothesis("near", ["base", "min", "gas", "near_rim.toml"], base=tmp_path)
    assert joined.physics.words() == "sources lorimer, rim 12 kpc"
    assert load_hypothesis("gamma-optimized-min").physics == NO_DEMANDS


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("rim = 5.0", "at least 9.5"),
        ("rims = 12.0", "did you mean 'rim'"),
        ('gas = "clouds"', "'rings' or 'analytic'"),
        ("halo_range = [6.0, 2.0]", "low below high"),
        ("rim = 12.0\nsaturation_radius = 14.0", "at most the rim"),
        ("rim = true", "a number"),
    ],
)
def test_physics_that_cannot_be_is_refused(tmp_path: Path, table: str, words: str) -> None:
    (tmp_path / "odd.toml").write_text(f"{HEAD}[physics]\n{table}\n")
    with pytest.raises(UserError, match=r"odd\.toml") as error:
        read_prior_set(tmp_path / "odd.toml")
    assert words in str(error.value)


def test_prior_sets_that_demand_different_physics_do_not_go_together(tmp_path: Path) -> None:
    for name, rim in (("near", 12.0), ("far", 20.0)):
        (tmp_path / f"{name}.toml").write_text(f"{HEAD}[physics]\nrim = {rim}\n")
    with pytest.raises(UserError, match=r"rim = 20\.0, but an earlier prior set rim = 12\.0"):
        build_hypothesis("both", ["base", "near.toml", "far.toml"], base=tmp_path)


def test_choices_survive_being_written_and_give_way_to_later_ones() -> None:
    choices = DemandedPhysics(rim=12.0, halo_range=(2.0, 20.0), gas="analytic")
    assert DemandedPhysics.of(choices.given) == choices
    assert choices.then(DemandedPhysics(rim=15.0)) == DemandedPhysics(rim=15.0, halo_range=(2.0, 20.0), gas="analytic")
    assert not NO_DEMANDS
    assert choices
