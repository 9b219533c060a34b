"""Study files: each combination is an ordinary run, and whatever is wrong is said with file, key and nearest name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.study_file import is_study, load_runs, load_study
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

STUDY = """
title = "Two choices"
hypotheses = ["base-min", "gamma-optimized-max"]
seed = 7

[samplers.importance]

[[comparisons]]
title = "Which sea"
pairs = [["base-min", "gamma-optimized-max"]]

[[claims]]
statement = "Max fits badly"
source = "text"
quantity = "reduced_chi2_published"
combination = "fixed_gas"
hypothesis = "gamma-optimized-max"
against = "base-min"
at_least = 2.0

[combinations.usual]
title = "Inner region"
likelihoods = ["lhaaso_km2a_inner"]

[combinations.fixed_gas]
title = "Gas fixed, electrons free"
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
without_prior_sets = ["gas"]
with_prior_sets = ["leptons"]
options.lhaaso_km2a_inner.systematics = "diagonal"
samplers.dynesty.live_points = 100
"""


def _write(folder: Path, text: str = STUDY) -> Path:
    path = folder / "choices.toml"
    path.write_text(text)
    return path


def test_each_combination_is_a_run_of_its_own(tmp_path: Path) -> None:
    study = load_study(_write(tmp_path))
    usual, fixed = study.runs["usual"], study.runs["fixed_gas"]
    assert study.name == "choices"
    assert [run.seed for run in study.runs.values()] == [7, 7]
    assert [likelihood.name for likelihood in usual.likelihoods] == ["lhaaso_km2a_inner"]
    assert usual.hypotheses[0].prior_sets == ("base", "min", "gas")
    assert fixed.hypotheses[0].prior_sets == ("base", "min", "leptons")
    assert "hi_scale" not in {parameter.name for parameter in fixed.hypotheses[0].free}
    assert fixed.likelihoods[0].settings["systematics"] == "diagonal"
    assert usual.likelihoods[0].settings["systematics"] == "correlated"
    assert set(usual.samplers) == {"importance"}
    assert set(fixed.samplers) == {"importance", "dynesty"}


def test_a_combination_equals_the_run_file_that_says_the_same(tmp_path: Path) -> None:
    study = load_study(_write(tmp_path))
    alone = tmp_path / "alone.toml"
    alone.write_text(
        'title = "Inner region"\nhypotheses = ["base-min", "gamma-optimized-max"]\n'
        'likelihoods = ["lhaaso_km2a_inner"]\nseed = 7\n[samplers.importance]\n'
    )
    assert study.runs["usual"].fingerprint() == load_run(alone).fingerprint()


COMMON = """seed = 7
options.lhaaso_km2a_inner = { systematics = "none", reference_index = 2.5 }
options.lhaaso_km2a_outer.systematics = "diagonal"
with_prior_sets = ["infrared"]
"""


def test_what_all_combinations_have_is_said_once(tmp_path: Path) -> None:
    study = load_study(_write(tmp_path, STUDY.replace("seed = 7\n", COMMON)))
    usual, fixed = study.runs["usual"], study.runs["fixed_gas"]
    assert [one.settings["systematics"] for one in usual.likelihoods] == ["none"]
    assert [one.settings["systematics"] for one in fixed.likelihoods] == ["diagonal", "diagonal"], "its own come last"
    assert [run.likelihoods[0].settings["reference_index"] for run in (usual, fixed)] == [2.5, 2.5]
    assert usual.hypotheses[0].prior_sets == ("base", "min", "gas", "infrared")
    assert fixed.hypotheses[0].prior_sets == ("base", "min", "infrared", "leptons")
    without = 'without_prior_sets = ["gas", "infrared"]'
    other = STUDY.replace("seed = 7\n", COMMON).replace('without_prior_sets = ["gas"]', without)
    assert load_study(_write(tmp_path, other)).runs["fixed_gas"].hypotheses[0].prior_sets == ("base", "min", "leptons")


def test_a_study_is_told_from_a_run(tmp_path: Path) -> None:
    assert is_study(_write(tmp_path))
    assert not is_study("min_vs_max")
    assert len(load_runs(tmp_path / "choices.toml")) == 2
    assert len(load_runs("min_vs_max")) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('combination = "fixed_gas"', 'combination = "fixed_gass"', "fixed_gas"),
        ('without_prior_sets = ["gas"]', 'without_prior_sets = ["gass"]', "gas"),
        ('against = "base-min"', 'against = "base-mim"', "base-min"),
        ('likelihoods = ["lhaaso_km2a_inner"]', 'likelihoods = ["lhaaso_km2a_iner"]', "combinations.usual"),
        ('["base-min", "gamma-optimized-max"]]', '["base-min"]]', "pairs of two"),
        ('quantity = "reduced_chi2_published"', 'quantity = "chi"', "quantity"),
        ("seed = 7", 'seed = 7\noptions.lhaaso_km2a_iner.systematics = "none"', "did you mean 'lhaaso_km2a_inner'"),
        ("seed = 7", 'seed = 7\nwith_prior_sets = ["infrered"]', "infrared"),
        ("at_least = 2.0", "atleast = 2.0", "at_least"),
    ],
)
def test_what_is_wrong_is_said_with_the_nearest_name(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in STUDY
    with pytest.raises(UserError, match=said):
        load_study(_write(tmp_path, STUDY.replace(old, new, 1)))


@pytest.mark.parametrize(
    "label", ["../../escaped", "/escaped", "", ".", "..", "a/b", "results.md", "Figures", "x" * 101]
)
def test_a_combination_cannot_be_called_what_is_no_folder_of_its_own(tmp_path: Path, label: str) -> None:
    with pytest.raises(UserError, match=r"\[combinations\]: .* cannot name a combination"):
        load_study(_write(tmp_path, STUDY.replace("combinations.usual]", f'combinations."{label}"]')))
