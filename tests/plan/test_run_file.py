"""Run files: what they name is resolved, and what is wrong in them is told before anything runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from crsea_infer.content import finding
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.samplers.registry import sampler_class
from crsea_infer.plan.run_file import RunFile, load_run
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
title = "T"
hypotheses = ["base-min", "base-max"]
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
seed = 5

[options.lhaaso_km2a_inner]
systematics = "diagonal"

[samplers.emcee]

[samplers.dynesty]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(folder: Path, text: str = GOOD, name: str = "mine") -> RunFile:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return load_run(path)


def test_the_packaged_run_compares_min_with_max_on_both_regions() -> None:
    run = load_run("min_vs_max")
    assert [hypothesis.name for hypothesis in run.hypotheses] == ["gamma-optimized-min", "gamma-optimized-max"]
    assert [likelihood.name for likelihood in run.likelihoods] == ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
    assert run.samplers == {name: sampler_class(name).Options() for name in ("emcee", "dynesty", "importance")}
    assert run.emulator is None
    assert all(likelihood.nuisances for likelihood in run.likelihoods)


def test_a_run_is_resolved(folder: Path) -> None:
    run = read(folder)
    assert (run.name, run.seed, run.title) == ("mine", 5, "T")
    inner, outer = run.likelihoods
    assert isinstance(inner, FluxPoints)
    assert isinstance(outer, FluxPoints)
    assert (inner.systematics.kind, outer.systematics.kind) == ("diagonal", "correlated")


def test_a_run_in_the_users_folder_is_found_by_name(folder: Path) -> None:
    (folder / "runs").mkdir()
    (folder / "runs" / "mine.toml").write_text(GOOD)
    assert load_run("mine").path == folder / "runs" / "mine.toml"


def test_hypotheses_may_be_spelt_out(folder: Path) -> None:
    spelt = '[hypotheses]\nfirst = ["base", "min", "gas"]\nsecond = ["base", "max", "gas"]\n'
    run = read(folder, GOOD.replace('hypotheses = ["base-min", "base-max"]\n', "") + spelt)
    assert [hypothesis.name for hypothesis in run.hypotheses] == ["first", "second"]
    assert run.hypotheses[0].parameters == load_run("mine.toml").hypotheses[0].parameters


def test_a_path_in_a_run_file_counts_from_its_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = folder / "project" / "data" / "km2a"
    data.mkdir(parents=True)
    for file in finding.find("likelihoods", "lhaaso_km2a_inner").parent.iterdir():
        (data / file.name).write_bytes(file.read_bytes())
    text = GOOD.replace('"lhaaso_km2a_inner", ', '"data/km2a", ').replace("options.lhaaso_km2a_inner", "options.km2a")
    path = folder / "project" / "mine.toml"
    path.write_text(text)
    monkeypatch.chdir("/")
    run = load_run(path)
    assert run.likelihoods[0].name == "km2a"
    assert run.likelihoods[0].nuisances == ()


def test_sampler_options_are_taken(folder: Path) -> None:
    assert read(folder, GOOD + "live_points = 77\n").samplers["dynesty"].live_points == 77


def test_what_determines_the_numbers_determines_the_fingerprint(folder: Path) -> None:
    first = read(folder)
    json.dumps(first.resolved(), allow_nan=False)
    same = read(folder, GOOD.replace('title = "T"', 'title = "Another"\n# comment'), "renamed")
    assert same.fingerprint() == first.fingerprint()
    for old, new in (
        ("seed = 5", "seed = 6"),
        ('"diagonal"', '"none"'),
        ('"base-max"', '"gamma-optimized-max"'),
        ("[samplers.dynesty]", "[samplers.dynesty]\nlive_points = 77"),
    ):
        assert read(folder, GOOD.replace(old, new), "changed").fingerprint() != first.fingerprint()


def test_a_changed_table_or_prior_changes_the_fingerprint(folder: Path) -> None:
    first = read(folder).fingerprint()
    for kind, name in (("likelihoods", "lhaaso_km2a_outer"), ("priors", "gas")):
        source = finding.find(kind, name)  # type: ignore[arg-type]
        target = folder / kind / name if kind == "likelihoods" else folder / kind
        target.mkdir(parents=True)
        files = source.parent.iterdir() if kind == "likelihoods" else [source]
        for file in files:
            text = file.read_text().replace("1.2e-13", "1.3e-13").replace("fraction = 0.20", "fraction = 0.21")
            (target / file.name).write_text(text)
        changed = read(folder).fingerprint()
        assert changed != first
        first = changed


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("lhaaso_km2a_inner", "lhaaso_km2a_iner", ["lhaaso_km2a_iner", "did you mean 'lhaaso_km2a_inner'"]),
        ('"base-min"', '"bass-min"', ["bass-min", "did you mean 'base-min'"]),
        ('["base-min", "base-max"]', "[]", ["hypotheses", "empty"]),
        ('["base-min", "base-max"]', '["base-min", "base-min"]', ["'base-min'", "twice"]),
        ('["base-min", "base-max"]', '"base-min"', ["hypotheses", "base-min"]),
        ("[options.lhaaso_km2a_inner]", "[options.lhaaso_km2a_iner]", ["options", "did you mean"]),
        (
            'systematics = "diagonal"',
            'systematic = "diagonal"',
            ["systematic", "did you mean 'systematics'"],
        ),
        ('"diagonal"', '"diagnal"', ["systematics", "diagnal", "mine.toml"]),
        ("seed = 5", "seed = -1", ["seed = -1", "0 to"]),
        ("seed = 5", "seed = 1.5", ["seed", "whole number"]),
        ("seed = 5", "sead = 5", ["sead", "did you mean 'seed'"]),
        ("[samplers.emcee]", "[samplers.emce]", ["emce", "did you mean 'emcee'"]),
        ("[samplers.emcee]\n\n[samplers.dynesty]\n", "[samplers]\n", ["no sampler", "emcee"]),
        ("[samplers.emcee]\n\n[samplers.dynesty]\n", "", ["samplers", "missing"]),
        ("[samplers.dynesty]", "[samplers.dynesty]\nlive_point = 3", ["live_point", "did you mean 'live_points'"]),
        ("[samplers.dynesty]", '[samplers.dynesty]\nlive_points = "3"', ["live_points", "'3'", "mine.toml"]),
        ("[samplers.dynesty]", "[samplers.dynesty]\n[nonsense]\nx = 1", ["nonsense", "unknown key"]),
        ("[samplers.dynesty]", '[samplers.dynesty]\n[emulator]\npath = "no.npz"', ["no.npz", "emulator train"]),
        ('title = "T"', "title = 3", ["title = 3", "text in quotes"]),
    ],
)
def test_a_mistake_is_told_with_file_key_and_what_is_allowed(
    folder: Path, old: str, new: str, words: list[str]
) -> None:
    assert old in GOOD
    with pytest.raises(UserError) as caught:
        read(folder, GOOD.replace(old, new))
    for word in words:
        assert word in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_the_same_data_under_two_paths_are_refused(folder: Path) -> None:
    path = finding.find("likelihoods", "lhaaso_km2a_inner").parent
    text = GOOD.replace('"lhaaso_km2a_outer"', f'"{path}/"')
    with pytest.raises(UserError, match="twice"):
        read(folder, text)


def test_a_training_set_is_some_of_the_likelihoods(folder: Path) -> None:
    run = read(folder, GOOD.replace("seed = 5", 'seed = 5\ntrain_on = ["lhaaso_km2a_outer"]'))
    assert run.subsets.train_on == ("lhaaso_km2a_outer",)
    assert run.subsets.predicted == ("lhaaso_km2a_inner",)
    assert run.resolved()["train_on"] == {name: ["lhaaso_km2a_outer"] for name in ("base-min", "base-max")}
    plain = read(folder, name="plain")
    assert plain.subsets.train_on == ()
    assert "train_on" not in plain.resolved()
    assert run.fingerprint() != plain.fingerprint()


OWN = """\
title = "T"
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer", "kascade_protons"]

[[hypotheses]]
name = "one"
prior_sets = ["gamma_optimized", "local_spectrum", "gas"]
train_on = ["kascade_protons"]

[[hypotheses]]
name = "other"
title = "Another"
prior_sets = ["gamma_optimized", "local_spectrum", "gas"]
train_on = ["lhaaso_km2a_outer"]

[[hypotheses]]
name = "untrained"
prior_sets = ["gamma_optimized", "local_spectrum", "gas"]

[samplers.importance]
"""


def test_hypotheses_with_their_own_training_sets_predict_the_same_data(folder: Path) -> None:
    run = read(folder, OWN)
    assert run.subsets.predicted == ("lhaaso_km2a_inner",)
    names = {
        hypothesis.name: {data: [one.name for one in given] for data, given in run.samplings(hypothesis.name).items()}
        for hypothesis in run.hypotheses
    }
    assert names == {
        "one": {"all": ["lhaaso_km2a_inner", "kascade_protons"], "training": ["kascade_protons"]},
        "other": {"all": ["lhaaso_km2a_inner", "lhaaso_km2a_outer"], "training": ["lhaaso_km2a_outer"]},
        "untrained": {"all": ["lhaaso_km2a_inner"]},
    }
    assert run.hypotheses[1].title == "Another"


def test_an_own_training_set_stands_in_place_of_the_common_one(folder: Path) -> None:
    text = OWN.replace('train_on = ["kascade_protons"]', "train_on = []")
    run = read(folder, text.replace('"T"\n', '"T"\ntrain_on = ["kascade_protons"]\n'))
    assert run.subsets.training == {"other": ("lhaaso_km2a_outer",), "untrained": ("kascade_protons",)}


def test_each_data_set_or_named_groups_can_be_set_against_each_other(folder: Path) -> None:
    run = read(folder, GOOD.replace("seed = 5", "seed = 5\ntension = true"))
    assert run.subsets.groups == {name: (name,) for name in ("lhaaso_km2a_inner", "lhaaso_km2a_outer")}
    named = read(folder, GOOD + '[tension]\nIN = ["lhaaso_km2a_inner"]\nout = ["lhaaso_km2a_outer"]\n')
    assert list(named.samplings("base-min")) == ["all", "IN", "out"]
    assert named.fingerprint() != run.fingerprint()
    assert read(folder, GOOD.replace("seed = 5", "seed = 5\ntension = false")).subsets.groups == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OWN.replace("prior_sets =", "prior_set =", 1), ["number 1", "did you mean 'prior_sets'"]),
        (OWN.replace('"other"', '"one"'), ["'one'", "twice"]),
        (OWN.replace("train_on = [", 'train_on = ["dampe_protons", ', 1), ["one: train_on", "dampe_protons"]),
        (OWN.replace("[samplers", 'train_on = ["lhaaso_km2a_inner"]\n[samplers'), ["all the likelihoods"]),
        (OWN.replace("samplers.importance", "samplers.emcee"), ["train_on", "emcee alone", "samplers.dynesty"]),
        (
            GOOD.replace('hypotheses = ["base-min", "base-max"]', 'train_on = ["lhaaso_km2a_inner"]')
            + '[[hypotheses]]\nname = "a"\nprior_sets = ["base", "min", "gas"]\ntrain_on = ["lhaaso_km2a_outer"]\n',
            ["of no use"],
        ),
        (OWN.replace('"T"\n', '"T"\ntension = true\n'), ["train_on and tension", "two run files"]),
        (GOOD + '[tension]\na = ["lhaaso_km2a_inner"]\n', ["do not divide", "tension = true"]),
        (GOOD + '[tension]\na = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]\nb = []\n', ["do not divide"]),
        (GOOD + '[tension]\nall = ["lhaaso_km2a_inner"]\nb = ["lhaaso_km2a_outer"]\n', ["'all' cannot name"]),
        (GOOD + '[tension]\na = ["lhaaso_km2a_iner"]\nb = ["lhaaso_km2a_outer"]\n', ["tension.a", "did you mean"]),
        (
            GOOD.replace("seed = 5", "seed = 5\ntension = true").replace("[samplers.dynesty]", ""),
            ["tension with emcee alone"],
        ),
    ],
)
def test_a_mistake_in_dividing_the_data_is_told(folder: Path, text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        read(folder, text)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('train_on = ["kascade_protons"]', ["train_on", "kascade_protons", "lhaaso_km2a_inner"]),
        ('train_on = ["lhaaso_km2a_outr"]', ["did you mean 'lhaaso_km2a_outer'"]),
        ('train_on = ["lhaaso_km2a_outer", "lhaaso_km2a_inner"]', ["all the likelihoods"]),
        ('train_on = ["lhaaso_km2a_outer", "lhaaso_km2a_outer"]', ["twice"]),
        ('train_on = "lhaaso_km2a_outer"', ["train_on", "a list"]),
    ],
)
def test_a_mistake_in_the_training_set_is_told(folder: Path, line: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        read(folder, GOOD.replace("seed = 5", f"seed = 5\n{line}"))
    for word in words:
        assert word in str(caught.value)


def test_the_morphology_of_a_hypothesis_is_part_of_the_run(folder: Path) -> None:
    resolved = read(folder).resolved()["hypotheses"]
    assert resolved["base-min"]["morphology"] == "pi0"


def test_checks_after_sampling_are_on_and_do_not_make_another_run(tmp_path: Path) -> None:
    plain = load_run("min_vs_max")
    assert plain.exact_samples > 0
    assert plain.fit_replicates == 10_000
    sampled = {one.name for hypothesis in plain.hypotheses for one in hypothesis.free}
    shifts = {one.name for likelihood in plain.likelihoods for one in likelihood.nuisances}
    assert set(plain.sensitivity_parameters) == sampled | shifts
    assert {"proton_slope_3", "xco_scale", "lhaaso_km2a_systematic_1", "infrared_absorption"} <= set(
        plain.sensitivity_parameters
    )
    assert 1.0 in plain.sensitivity_factors
    text = plain.path.read_text()
    changed = tmp_path / "changed.toml"
    changed.write_text(
        text + '[exact_check]\nsamples = 0\n[prior_sensitivity]\nparameters = ["proton_norm"]\nfactors = [3, 0.5]\n'
    )
    run = load_run(changed)
    assert run.exact_samples == 0
    assert run.sensitivity_parameters == ("proton_norm",)
    assert run.sensitivity_factors == (0.5, 1.0, 3.0)
    assert run.fingerprint() == plain.fingerprint()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[exact_check]\nsamples = 7\n", "samples = 7"),
        ("[goodness_of_fit]\nreplicates = 7\n", "replicates = 7"),
        ("[exact_check]\nsample = 700\n", "sample"),
        ('[prior_sensitivity]\nparameters = ["xco_scales"]\n', "xco_scale"),
        ("[prior_sensitivity]\nfactors = [-1.0]\n", "factors"),
        ("[prior_sensitivity]\nfactors = []\n", "factors"),
    ],
)
def test_bad_options_of_the_checks_are_named(table: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(load_run("min_vs_max").path.read_text() + table)
    with pytest.raises(UserError, match=message):
        load_run(path)
