"""One validation before the first sample: what it refuses, `check`, `run`, studies and calibrations all refuse."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

from crsea_infer import emulator
from crsea_infer.cli import commands
from crsea_infer.plan.run_check import check_run
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.study_file import is_study, load_study
from crsea_infer.support.errors import UserError
from crsea_infer.workflow import calibrations, runs, studies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN = """
title = "T"
likelihoods = ["lhaaso_km2a_inner"]
[exact_check]
samples = 0
"""
PROTONS_ALONE = """
title = "protons"
description = "D"
references = []
[parameters.proton_norm]
fiducial = 3.0e4
label = "N"
description = "D"
source = "S"
distribution = { kind = "normal", mean = 3.0e4, standard_deviation = 1.0e3 }
[parameters.proton_slope_1]
fiducial = -2.7
label = "s"
description = "D"
source = "S"
distribution = { kind = "fixed" }
"""
NO_SLOPES = (
    PROTONS_ALONE
    + """
[parameters.helium_norm]
fiducial = 3.0e3
label = "H"
description = "D"
source = "S"
distribution = { kind = "fixed" }
"""
)
OUTSIDE = """
title = "outside"
description = "D"
references = []
[parameters.halo_height]
override = true
fiducial = 12.0
label = "H"
description = "D"
source = "S"
distribution = { kind = "uniform", lower = 11.9999, upper = 40.0 }
"""
CASES = {
    "helium is not described": ('h = ["base", "protons_alone", "gas"]', "[samplers.emcee]", "helium_norm"),
    "helium has no slopes": ('h = ["base", "no_slopes", "gas"]', "[samplers.emcee]", "helium_slope_1"),
    "nuts without JAX": ('h = ["base", "min", "gas"]', "[samplers.nuts]", r"crsea_infer\[jax\]"),
    "jax-nested without JAX": ('h = ["base", "min", "gas"]', "[samplers.jax-nested]", r"crsea_infer\[jax\]"),
    "too few walkers": ('h = ["base", "min", "gas"]', "[samplers.importance]\nwalkers = 16", "twice the number"),
    "a prior outside the sky model": (
        'h = ["base", "min", "gas", "outside"]',
        "[samplers.emcee]",
        "draws from the prior have a finite likelihood",
    ),
}


def execute(path: Path) -> None:
    runs.execute(load_run(path), path.parent / "out", workers=0)


def checked(path: Path) -> None:
    commands.check(str(path))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "priors").mkdir()
    for name, text in (("protons_alone", PROTONS_ALONE), ("no_slopes", NO_SLOPES), ("outside", OUTSIDE)):
        (tmp_path / "priors" / f"{name}.toml").write_text(text)
    return tmp_path


@pytest.fixture
def without_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in {"jax", "blackjax"} else found(name, *more)
    )


@pytest.mark.usefixtures("without_jax")
@pytest.mark.parametrize("do", [execute, checked])
@pytest.mark.parametrize("case", list(CASES))
def test_what_a_run_would_stop_at_is_refused_before_it_starts(
    folder: Path, case: str, do: Callable[[Path], None]
) -> None:
    hypothesis, sampler, said = CASES[case]
    path = folder / "mine.toml"
    path.write_text(f"{RUN}{sampler}\n[hypotheses]\n{hypothesis}\n")
    with pytest.raises(UserError, match=said) as caught:
        do(path)
    assert caught.value.fix
    assert not list((folder / "out").rglob("*.toml"))


@pytest.mark.parametrize("do", ["check", "execute"])
def test_a_study_is_refused_before_its_first_combination_is_sampled(folder: Path, do: str) -> None:
    (folder / "mine.toml").write_text(
        'title = "T"\nhypotheses = ["base-min", "base-max"]\n[samplers.emcee]\n'
        '[combinations.good]\ntitle = "G"\nlikelihoods = ["lhaaso_km2a_inner"]\n'
        '[combinations.bad]\ntitle = "B"\nlikelihoods = ["lhaaso_km2a_inner"]\nwithout_prior_sets = ["min"]\n'
        'hypotheses = ["base-min"]\n'
    )
    assert is_study("mine.toml")
    with pytest.raises(UserError, match=r"combinations\.bad: .*proton_norm"):
        commands.check("mine.toml") if do == "check" else studies.execute_study(load_study("mine.toml"), folder / "out")
    assert not list((folder / "out").rglob("*.h5"))


def test_a_calibration_is_refused_before_its_first_data_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    light = calibrations.LIGHT.model_copy(update={"walkers": 16})
    monkeypatch.setattr(calibrations, "LIGHT", light)
    (folder / "mine.toml").write_text(f'hypotheses = ["base-min"]\n{RUN}[samplers.emcee]\n')
    with pytest.raises(UserError, match="twice the number"):
        calibrations.calibrate(load_run("mine.toml"), 20, folder / "out")


def test_a_part_of_the_data_is_not_held_against_samplers_that_do_not_sample_it(folder: Path) -> None:
    (folder / "mine.toml").write_text(
        'title = "T"\nhypotheses = ["base-min"]\nlikelihoods = ["lhaaso_km2a_inner", "dampe_protons"]\n'
        'train_on = ["dampe_protons"]\n[samplers.emcee]\n[samplers.importance]\n'
    )
    found = check_run(load_run("mine.toml"), emulator.load())
    assert list(found["base-min"]) == ["all", "training"]


@pytest.mark.slow
def test_a_finished_run_needs_its_samplers_no_longer(
    own_copy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise UserError("not installed")

    path, out = own_copy
    monkeypatch.setattr("crsea_infer.inference.samplers.sampler.refuse_missing_packages", refuse)
    runs.execute(load_run(path), out, accept_unconverged=True)
    with pytest.raises(UserError, match="not installed"):
        runs.execute(load_run(path), out.parent / "another")
