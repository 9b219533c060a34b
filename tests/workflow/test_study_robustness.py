"""Atlases of a study: which hypotheses they are of, and what is refused before anything is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crsea_infer.plan.choices import load_choices
from crsea_infer.plan.study_file import load_study
from crsea_infer.support.errors import UserError
from crsea_infer.workflow.study_robustness import hypotheses_asked_for, study_robustness

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_it_is_of_the_main_hypotheses_and_of_those_that_statements_compare() -> None:
    study = load_study("paper")

    assert hypotheses_asked_for(study, "lhaaso") == (*study.main_hypotheses, "gamma-optimized-min-sources")
    assert hypotheses_asked_for(study, "all_diagonal") == study.main_hypotheses
    assert hypotheses_asked_for(study, "lhaaso", ["base-max-sources", "base-min"]) == ("base-min", "base-max-sources")


@pytest.mark.slow
def test_a_study_that_was_not_carried_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run of lhaaso, ") as refused:
        study_robustness(load_study("paper"), load_choices("standard"), tmp_path)

    assert str(refused.value.fix) == f"crsea-infer run paper --output {tmp_path}"


def test_a_list_may_be_cut_down_to_some_axes_and_options() -> None:
    choices = load_choices("standard").only(["scatter", "gas=flat"])

    assert choices.singles == ((("scatter", "free"),), (("gas", "flat"),))
    assert [axis.shipped_weight for axis in choices.axes] == [0.5, 0.5]


def test_a_choice_that_the_list_lacks_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="gas=flatt") as refused:
        load_choices("standard").only(["gas=flatt"])

    assert "gas=flat" in str(refused.value)
