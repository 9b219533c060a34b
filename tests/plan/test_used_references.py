"""A run with X cites X and not Y."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crsea_infer import emulator
from crsea_infer.content.bibliography import merged
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.used_references import references_used

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel

RUN = """
title = "A run"
likelihoods = [{likelihoods}]
[hypotheses]
h = [{sets}]
[samplers.{sampler}]
"""


@pytest.fixture(scope="module")
def model() -> SkyModel:
    return emulator.load()


def keys(
    folder: Path, model: SkyModel, *sets: str, data: str = "lhaaso_km2a_inner", sampler: str = "emcee"
) -> set[str]:
    named = ", ".join(f'"{name}"' for name in (*sets, "gas"))
    (folder / "r.toml").write_text(RUN.format(likelihoods=f'"{data}"', sets=named, sampler=sampler))
    run = load_run(folder / "r.toml")
    return {one.work.key for one in merged(references_used(run, model)) if one.work is not None}


PLAIN = {
    "Kelner:2006tc",
    "Ferriere:2001rg",
    "Remy:2017fjk",
    "Gould:1967zzb",
    "LHAASO:2023rpg",
    "Foreman-Mackey:2012any",
}


@pytest.mark.parametrize(
    ("sets", "there", "absent"),
    [
        (("base", "min"), PLAIN | {"KASCADE:2005ynk"}, {"IceCube:2019hmk", "Koldobskiy:2021nld", "AMS:2019iwo"}),
        (("base", "max"), {"IceCube:2019hmk"}, {"KASCADE:2005ynk", "CALET:2022vro"}),
        (("base", "gsf"), {"Fedynitch:2026ugq"}, {"KASCADE:2005ynk", "IceCube:2019hmk"}),
        (("base", "min", "cross_section"), {"Kelner:2006tc", "Koldobskiy:2021nld"}, {"Kafexhiu:2014cua"}),
        (("base", "min", "leptons"), {"AMS:2019iwo", "Misiriotis:2006qq", "Strong:1998fr"}, {"Cordes:1991zz"}),
        (("base", "min", "infrared"), {"Bland-Hawthorn:2016"}, {"AMS:2019iwo"}),
        (("base", "min", "ionised_gas"), {"Cordes:1991zz"}, {"Bronfman:1988"}),
        (("base", "min", "heavy_nuclei"), {"Kachelriess:2014mga"}, {"Cordes:1991zz"}),
    ],
)
def test_prior_sets(tmp_path: Path, model: SkyModel, sets: tuple[str, ...], there: set[str], absent: set[str]) -> None:
    found = keys(tmp_path, model, *sets)
    assert there <= found
    assert not absent & found


@pytest.mark.parametrize(
    ("physics", "there", "absent"),
    [
        ('sources = "lorimer"', {"Lorimer:2006qs"}, {"Ferriere:2001rg"}),
        ('cross_section = "aafrag"', {"Kachelriess:2019ifk"}, {"Kelner:2006tc"}),
        ('gas = "analytic"', {"Bronfman:1988", "Ferriere:2007yq"}, {"Remy:2017fjk", "Dame:2000sp"}),
        ("sun_radius = 8.3", set(), {"GRAVITY:2018ofz"}),
    ],
)
def test_demanded_physics(
    tmp_path: Path, model: SkyModel, monkeypatch: pytest.MonkeyPatch, physics: str, there: set[str], absent: set[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "priors").mkdir()
    text = f'title = "T"\ndescription = "D"\nreferences = []\n[physics]\n{physics}\n'
    (tmp_path / "priors" / "mine.toml").write_text(text)
    found = keys(tmp_path, model, "base", "min", "mine")
    assert there <= found
    assert not absent & found
    plain = keys(tmp_path, model, "base", "min")
    assert absent <= plain
    assert not there - {"Ferriere:2001rg"} & plain


def test_neutrinos_are_not_absorbed_and_local_spectra_have_no_sky(tmp_path: Path, model: SkyModel) -> None:
    neutrinos = keys(tmp_path, model, "base", "min", data="icecube_pi0")
    assert {"Kelner:2006tc", "Remy:2017fjk", "IceCube:2023ame"} <= neutrinos
    assert not {"Gould:1967zzb", "LHAASO:2023gne"} & neutrinos
    protons = keys(tmp_path, model, "base", "min", data="dampe_protons")
    assert "DAMPE:2026" in protons
    assert not {"Kelner:2006tc", "Remy:2017fjk", "Ferriere:2001rg"} & protons


def test_samplers(tmp_path: Path, model: SkyModel) -> None:
    found = keys(tmp_path, model, "base", "min", sampler="dynesty")
    assert "Speagle:2019ivv" in found
    assert not {"Foreman-Mackey:2012any", "Lange:2023ydq"} & found
