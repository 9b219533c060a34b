"""Hypotheses: prior sets joined in order, contradictions refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crsea_infer.hypotheses.hypothesis import available_hypotheses, build_hypothesis, load_hypothesis
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

PRIOR = """\
title = "Mine"
description = "D"
references = ["arXiv:2502.18268"]

[parameters.hi_scale]
fiducial = 1.0
label = 's'
description = "d"
source = "s"
distribution = { kind = "normal", mean = 1.0, standard_deviation = 0.3, lower = 0.0 }
"""


@pytest.fixture(autouse=True)
def own_priors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "priors"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("transport", ["base", "gamma-optimized", "gamma-optimized-free"])
@pytest.mark.parametrize("spectra", ["min", "max"])
def test_the_published_hypotheses_are_there(transport: str, spectra: str) -> None:
    hypothesis = load_hypothesis(f"{transport}-{spectra}")
    assert hypothesis.prior_sets == (transport.replace("-", "_"), spectra, "gas")
    names = {parameter.name for parameter in hypothesis.free}
    assert {"delta_sun", "halo_height", "proton_norm", "hi_scale", "xco_scale"} <= names
    assert ("delta_slope" in names) == (transport != "base")
    assert "helium_norm" in {parameter.name for parameter in hypothesis.fixed}
    assert len(hypothesis.free) + len(hypothesis.fixed) == len(hypothesis.parameters) == len(hypothesis.fiducial)


def test_a_user_adds_a_hypothesis_by_a_file(own_priors: Path) -> None:
    (own_priors / "mine.toml").write_text(PRIOR)
    (own_priors / "hypotheses.toml").write_text('[my-sea]\ntitle = "Mine"\nprior_sets = ["base", "min", "mine"]\n')
    assert load_hypothesis("my-sea").prior_sets == ("base", "min", "mine")
    assert "base-min" in available_hypotheses()


def test_two_sets_may_not_give_one_parameter(own_priors: Path) -> None:
    (own_priors / "mine.toml").write_text(PRIOR)
    with pytest.raises(UserError) as caught:
        build_hypothesis("h", ["base", "min", "gas", "mine"])
    for word in ("mine.toml", "hi_scale", "'gas'", "override = true"):
        assert word in str(caught.value)


def test_an_override_is_taken_when_it_says_so(own_priors: Path) -> None:
    (own_priors / "mine.toml").write_text(PRIOR + "override = true\n")
    hypothesis = build_hypothesis("h", ["base", "min", "gas", "mine"])
    (scale,) = (parameter for parameter in hypothesis.parameters if parameter.name == "hi_scale")
    assert scale.prior_set == "mine"


def test_min_and_max_together_are_no_spectrum() -> None:
    with pytest.raises(UserError, match="proton_norm is already given by the prior set 'min'"):
        build_hypothesis("h", ["base", "min", "max"])


def test_a_broken_power_law_without_its_break_is_refused(own_priors: Path) -> None:
    (own_priors / "mine.toml").write_text(PRIOR.replace("hi_scale", "proton_slope_5").replace(", lower = 0.0", ""))
    with pytest.raises(UserError) as caught:
        build_hypothesis("h", ["base", "min", "mine"])
    assert "slopes [1, 2, 3, 4, 5] and breaks [1, 2, 3]" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[my-sea]\ntitle = "x"\nprior_set = ["base"]\n', ["my-sea", "prior_set", "did you mean 'prior_sets'"]),
        ('[my-sea]\ntitle = "x"\nprior_sets = ["bass"]\n', ["bass", "did you mean 'base'", "hypotheses.toml"]),
        ('[my-sea]\ntitle = "x"\nprior_sets = []\n', ["empty"]),
        ('[my-sea]\ntitle = "x"\nprior_sets = ["base", "base"]\n', ["'base'", "twice"]),
        ('["my/sea"]\ntitle = "x"\nprior_sets = ["base"]\n', ["my/sea", "letters"]),
        ('[figures]\ntitle = "x"\nprior_sets = ["base"]\n', ["figures"]),
        ("my-sea = 3\n", ["my-sea"]),
    ],
)
def test_a_mistake_in_the_names_is_told(own_priors: Path, content: str, words: list[str]) -> None:
    (own_priors / "hypotheses.toml").write_text(content)
    with pytest.raises(UserError) as caught:
        load_hypothesis("my-sea")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "name", ["data_sets", "run.toml", "figures", "FIGURES", "index.html", "chi2.ecsv", "calibration.html", "overlay"]
)
def test_a_hypothesis_cannot_be_called_what_a_run_or_calibration_writes(name: str) -> None:
    with pytest.raises(UserError, match="a file or folder of the output is called so") as caught:
        build_hypothesis(name, ["gamma_optimized", "min", "gas"])
    assert name.lower() in caught.value.valid


def test_a_hypothesis_whose_files_could_not_be_named_is_refused() -> None:
    with pytest.raises(UserError, match="at most 100 letters"):
        build_hypothesis("h" * 101, ["gamma_optimized", "min", "gas"])


def test_an_unknown_hypothesis_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'gamma-optimized-min'"):
        load_hypothesis("gamma-optimised-min")


def test_every_model_of_the_paper_comes_with_and_without_sources() -> None:
    for transport, morphology in (
        ("base", "pi0"),
        ("gamma-optimized", "kra_gamma"),
        ("gamma-optimized-free", "kra_gamma"),
    ):
        for local in ("min", "max"):
            plain = load_hypothesis(f"{transport}-{local}")
            sources = load_hypothesis(f"{transport}-{local}-sources")
            assert plain.morphology == sources.morphology == morphology
            added = [parameter.name for parameter in sources.parameters if parameter not in plain.parameters]
            assert added == ["unresolved_fraction", "unresolved_index", "unresolved_cutoff"]


def test_the_last_prior_set_that_names_a_morphology_gives_it(own_priors: Path) -> None:
    (own_priors / "mine.toml").write_text(
        'morphology = "kra_gamma"\n' + PRIOR.replace("[parameters.hi_scale]", "[parameters.other_gas_scale]")
    )
    assert build_hypothesis("h", ["base", "min", "gas", "mine"]).morphology == "kra_gamma"
    assert build_hypothesis("h", ["min", "gas"]).morphology is None
