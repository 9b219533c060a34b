"""Lists of choices: what they may say, and the run that a combination is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crsea_infer.emulator import load
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.atlas_tasks import question_key
from crsea_infer.plan.choices import Changes, ChoiceList, ContradictionError, load_choices
from crsea_infer.plan.run_file import RunFile, load_run
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

LIST = """
title = "Test"
[axes.errors]
title = "Errors"
shipped = "one shift"
shipped_weight = 2.0
[axes.errors.options.independent]
title = "independent"
why = "w"
[[axes.errors.options.independent.data]]
match = ["lhaaso_*"]
keys = { systematics = "diagonal" }
[axes.errors.options.shared]
title = "shared"
why = "w"
[[axes.errors.options.shared.data]]
match = ["lhaaso_*"]
keys = { systematics = { kind = "energy-correlated", length_dex = 1.0, shared_with = ["{matched}"] } }
[axes.widths]
title = "Widths"
shipped = "as published"
[axes.widths.options.max]
title = "Max as Min"
why = "w"
widths = [{ parameters = ["proton_slope_2", "helium_slope_2"], prior_set = "max", factor = 2.5 }]
[axes.gas]
title = "Gas"
shipped = "free"
[axes.gas.options.fixed]
title = "fixed"
why = "w"
values = { xco_scale = 0.9 }
[axes.gas.options.flat]
title = "flat"
why = "w"
priors = { xco_scale = { kind = "uniform", lower = 0.5, upper = 2.0 } }
[axes.gas.options.none]
title = "none"
why = "w"
without_prior_sets = ["gas"]
[axes.sources]
title = "Sources"
shipped = "none"
[axes.sources.options.some]
title = "some"
why = "w"
with_prior_sets = ["unresolved_sources"]
"""
AGAIN = """
[axes.again]
title = "Again"
shipped = "s"
[axes.again.options.none]
title = "none"
why = "w"
[[axes.again.options.none.data]]
match = ["lhaaso_*"]
keys = { systematics = "none" }
"""


@pytest.fixture
def choices(tmp_path: Path) -> ChoiceList:
    (tmp_path / "mine.toml").write_text(LIST)
    return load_choices(tmp_path / "mine.toml")


@pytest.fixture(scope="module")
def run() -> RunFile:
    return load_run("min_vs_max")


def changed(run: RunFile, choices: ChoiceList, *combination: tuple[str, str]) -> RunFile:
    return Changes(run, choices).run(combination)


def prior(run: RunFile, hypothesis: str, parameter: str) -> str:
    one = next(one for one in run.hypotheses if one.name == hypothesis)
    return next(item for item in one.parameters if item.name == parameter).distribution.describe()


def test_weights_are_a_product_and_sum_to_one(choices: ChoiceList) -> None:
    assert choices.weight(()) == pytest.approx(0.5 * 0.5 * 0.25 * 0.5)
    assert choices.weight((("errors", "shared"), ("widths", "max"))) == pytest.approx(0.25 * 0.5 * 0.25 * 0.5)
    left = choices.without([("errors", "shared"), ("widths", "max")])
    assert [axis.name for axis in left.axes] == ["errors", "gas", "sources"]
    assert left.weight((("errors", "independent"),)) == pytest.approx(0.25 * 0.5 / 3.0 * 3.0 / 4.0 * 4.0 / 3.0)


def test_combinations_are_what_ships_then_options_then_pairs_of_different_axes(choices: ChoiceList) -> None:
    assert choices.declared[0] == ()
    assert len(choices.singles) == 7
    pairs = [one for one in choices.declared if len(one) == 2]
    assert len(pairs) == 2 * 1 + 2 * 3 + 2 * 1 + 1 * 3 + 1 * 1 + 3 * 1
    assert all(one[0][0] != one[1][0] for one in pairs)


def test_keys_of_data_sets_change(run: RunFile, choices: ChoiceList) -> None:
    independent = changed(run, choices, ("errors", "independent"))
    assert all(not likelihood.nuisances for likelihood in independent.likelihoods)
    shared = changed(run, choices, ("errors", "shared"))
    inner, outer = shared.likelihoods
    assert inner.nuisances
    assert [one.name for one in inner.nuisances] == [one.name for one in outer.nuisances]


def test_widths_change_in_one_prior_set_alone(run: RunFile, choices: ChoiceList) -> None:
    wide = changed(run, choices, ("widths", "max"))
    assert prior(wide, "gamma-optimized-max", "proton_slope_2") == "normal -2.703 +- 0.05"
    assert prior(wide, "gamma-optimized-min", "proton_slope_2") == prior(run, "gamma-optimized-min", "proton_slope_2")


def test_what_a_choice_does_not_touch_is_the_same_question(run: RunFile, choices: ChoiceList) -> None:
    wide = changed(run, choices, ("widths", "max"))
    for hypothesis, same in (("gamma-optimized-min", True), ("gamma-optimized-max", False)):
        keys = {question_key(one, hypothesis, "all", "model") for one in (run, wide)}
        assert (len(keys) == 1) is same


def test_values_priors_and_prior_sets_change(run: RunFile, choices: ChoiceList) -> None:
    fixed = changed(run, choices, ("gas", "fixed"))
    assert prior(fixed, "gamma-optimized-min", "xco_scale") == "fixed at 0.9"
    assert all(one.fiducial["xco_scale"] == 0.9 for one in fixed.hypotheses)
    flat = changed(run, choices, ("gas", "flat"))
    assert "uniform" in prior(flat, "gamma-optimized-max", "xco_scale")
    both = changed(run, choices, ("gas", "none"), ("sources", "some"))
    for hypothesis in both.hypotheses:
        assert "gas" not in hypothesis.prior_sets
        assert hypothesis.prior_sets[-1] == "unresolved_sources"
        assert hypothesis.name in {one.name for one in run.hypotheses}


@pytest.mark.slow
def test_every_packaged_option_makes_a_posterior(run: RunFile) -> None:
    model, standard = load(), load_choices("standard")
    changes = Changes(run, standard)
    unchanged = []
    for single in standard.singles:
        made = changes.run(single)
        if made.fingerprint() == run.fingerprint():
            unchanged.append(single)
        if any(hypothesis.physics for hypothesis in made.hypotheses):  # sky models of their own take long to train
            continue
        for hypothesis in made.hypotheses:
            assert posterior_for(hypothesis, made.likelihoods, model).names
    assert unchanged == [(("systematics", "half_decade"),), (("absorption", "infrared"),)], "what the run does itself"


def test_a_pair_that_changes_one_thing_twice_is_a_contradiction(run: RunFile, tmp_path: Path) -> None:
    text = LIST.replace("[axes.widths]", AGAIN + "[axes.widths]")
    (tmp_path / "twice.toml").write_text(text)
    choices = load_choices(tmp_path / "twice.toml")
    with pytest.raises(ContradictionError, match="both change"):
        changed(run, choices, ("errors", "shared"), ("again", "none"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "Test"', 'title = "Test"\ntitel = "x"', "titel"),
        ("factor = 2.5", "factor = 0.0", "factor"),
        ('systematics = "diagonal"', 'systematics = "diagnal"', "diagnal"),
        ('with_prior_sets = ["unresolved_sources"]', 'with_prior_sets = ["unresolved"]', "unresolved"),
        ("values = { xco_scale = 0.9 }", "values = { xco_scale = -1.0 }", "lies outside"),
        ('kind = "uniform", lower = 0.5', 'kind = "uniform", lower = 1.5', "lies outside"),
        ('kind = "uniform", lower = 0.5', 'kind = "unifrom", lower = 0.5', "unifrom"),
        ("shipped_weight = 2.0", "shipped_weight = 0.0", "shipped_weight"),
        ("values = { xco_scale = 0.9 }", "", "changes nothing"),
        ("values = { xco_scale = 0.9 }", "run = { seed = 2 }", "seed"),
        ("[axes.gas.options.none]", "[axes.gas.options.shipped]", "shipped"),
        ("[axes.gas.options.none]", "[axes.gas.options.Fixed]", "Fixed"),
    ],
)
def test_what_is_wrong_is_one_message(run: RunFile, tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in LIST
    (tmp_path / "bad.toml").write_text(LIST.replace(old, new))
    with pytest.raises(UserError, match=words):
        _make_all(run, tmp_path / "bad.toml")


def _make_all(run: RunFile, path: Path) -> None:
    changes = Changes(run, load_choices(path))
    for single in load_choices(path).singles:
        changes.run(single)
