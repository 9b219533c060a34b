"""Samplers and sky models of a stranger's package: found by entry point, and used as the built-in ones are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.table import Table
from quick_run import hold_all_but

from crsea_infer import emulator
from crsea_infer.cli import commands
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.inference.samplers.registry import longest_first, make, sampler_class, sampler_names
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.schemas import schema
from crsea_infer.support.errors import UserError
from crsea_infer.workflow import runs

if TYPE_CHECKING:
    from pathlib import Path

SAMPLER = '''
"""Draws of the prior, weighted with the likelihood."""

from dataclasses import dataclass, field

import numpy as np
from pydantic import Field

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.sampler import CONVERGED, Sampler, SamplerResult
from crsea_infer.inference.samplers.options import Count, SamplerOptions


class PriorDrawsOptions(SamplerOptions):
    """Options of draws from the prior.

    Attributes
    ----------
    draws
        How many.
    """

    draws: Count = Field(default=1000, ge=100)


@dataclass(frozen=True)
class PriorDraws(Sampler):
    name = "prior-draws"
    title = "draws of the prior"
    gives_evidence = True
    duration = 10.0
    references = ("arXiv:0000.00001", "@misc{stranger, title = {Draws}}")
    Options = PriorDrawsOptions
    options: PriorDrawsOptions = field(default_factory=PriorDrawsOptions)

    def run(self, target, seed, checkpoint, progress):
        unit = np.random.default_rng(seed).random((self.options.draws, len(target.names)))
        theta = target.prior_transform(unit)
        log_l = target.log_likelihood(theta)
        top = log_l.max()
        weights = np.exp(log_l - top)
        error = float(weights.std() / weights.mean() / np.sqrt(len(unit)))
        return SamplerResult(
            sampler=self.name, names=tuple(target.names), samples=theta, unit_samples=unit, log_weights=log_l,
            log_likelihood=log_l, evidence=Evidence(float(top + np.log(weights.mean())), error, "draws of the prior"),
            n_calls=len(unit), wall_s=0.0, diagnostics={"status": CONVERGED},
        )


class NoSampler:
    name = "no-sampler"


class Nameless(PriorDraws):
    pass


class LooseOptions(PriorDraws):
    name = "loose"
    Options = dict
'''
SKY = '''
"""The shipped sky, brighter by a factor."""

from crsea_infer import emulator


class Bright:
    def __init__(self, factor):
        self.sky = emulator.load()
        self.factor = factor
        self.box, self.relative_error = self.sky.box, self.sky.relative_error
        self.fingerprint, self.description = f"{self.sky.fingerprint} x {factor}", {"sky": "brighter"}

    @classmethod
    def read(cls, path, options):
        return cls(**options)

    def parameters(self, requests):
        return self.sky.parameters(requests)

    def bind(self, requests):
        return BoundBright(self.sky.bind(requests), self.factor)


class BoundBright:
    def __init__(self, bound, factor):
        self.bound, self.factor = bound, factor

    def __call__(self, parameters):
        return tuple(self.factor * one for one in self.bound(parameters))

    def components(self, parameters):
        found = self.bound.components(parameters)
        return tuple({name: self.factor * one for name, one in parts.items()} for parts in found)


class Half:
    box = {}

    @classmethod
    def read(cls, path, options):
        return cls()
'''
ENTRY_POINTS = """
[crsea_infer.samplers]
prior-draws = stranger_sampler:PriorDraws
no-sampler = stranger_sampler:NoSampler
other-name = stranger_sampler:Nameless
loose = stranger_sampler:LooseOptions
absent = stranger_nowhere:Absent
dynesty = stranger_sampler:NoSampler

[crsea_infer.sky_models]
bright = stranger_sky:Bright
half = stranger_sky:Half
no-class = stranger_sky:emulator
"""
RUN = """
title = "T"
hypotheses = ["base-min", "base-max"]
likelihoods = ["lhaaso_km2a_inner"]
[exact_check]
samples = 0
[samplers.prior-draws]
draws = 3000
"""
RUN_OF_FLUX = (
    'title = "T"\nhypotheses = ["base-min"]\nlikelihoods = ["lhaaso_km2a_inner"]\n[samplers.emcee]\n[emulator]\n'
)


@pytest.fixture(autouse=True)
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package of a stranger, and an empty folder to work in."""
    site = tmp_path / "site"
    information = site / "stranger-1.0.dist-info"
    information.mkdir(parents=True)
    (site / "stranger_sampler.py").write_text(SAMPLER)
    (site / "stranger_sky.py").write_text(SKY)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def write(folder: Path, text: str) -> str:
    (folder / "mine.toml").write_text(text)
    return "mine.toml"


def test_a_strangers_sampler_is_one_like_the_others(stranger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "prior-draws" in sampler_names()
    assert longest_first(["dynesty", "prior-draws"]) == ["prior-draws", "dynesty"]
    assert make("prior-draws").options == sampler_class("prior-draws").Options()
    name = write(stranger, RUN)
    commands.check(name)
    assert "prior-draws (draws = 3000)" in capsys.readouterr().out
    cited = commands.cite(name)
    assert "eprint = {0000.00001}" in cited
    assert "% used for: draws of the prior\n" in cited
    assert "@misc{stranger,\n  title = {Draws},\n}" in cited
    with pytest.raises(UserError, match=r"samplers.prior-draws.draws = 10\n") as caught:
        load_run(write(stranger, RUN.replace("3000", "10")))
    assert caught.value.valid == "a number of at least 100"


def test_no_entry_point_takes_the_place_of_a_built_in_sampler() -> None:
    assert sampler_class("dynesty").__module__.startswith("crsea_infer.")


@pytest.mark.slow
def test_a_run_with_a_strangers_sampler_ends_in_tables_and_figures(stranger: Path) -> None:
    hold_all_but(("halo_height", "hi_scale", "proton_norm"), "base-min", stranger / "priors" / "held.toml")
    short = RUN.replace('hypotheses = ["base-min", "base-max"]\n', "")
    short += '[hypotheses]\nbase-min = ["base", "min", "gas", "held"]\n'
    out = runs.execute(load_run(write(stranger, short)), stranger / "out", workers=0)
    table = Table.read(out / "evidence.ecsv")
    assert set(table["sampler"]) == {"prior-draws"}
    assert np.all(np.isfinite(table["lnz"]))
    assert (out / "figures" / "corner_base-min.pdf").exists()
    assert "prior-draws" in (out / "index.html").read_text()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "cannot be loaded: ModuleNotFoundError"),
        ("no-sampler", "lacks title, gives_evidence"),
        ("other-name", "calls itself 'prior-draws'"),
        ("loose", "options of the sampler 'loose'"),
        ("prior-drawz", "did you mean 'prior-draws'"),
    ],
)
def test_what_is_no_sampler_is_told_in_one_message(stranger: Path, name: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        load_run(write(stranger, RUN.replace("prior-draws", name)))
    assert said in str(caught.value)
    assert caught.value.valid


def test_a_sampler_that_cannot_be_loaded_leaves_the_schema_of_the_others() -> None:
    tables = schema("run")["properties"]["samplers"]["properties"]
    assert tables["prior-draws"]["properties"]["draws"]["description"] == "How many."
    assert "absent" not in tables


def test_a_strangers_sky_model_is_named_in_a_run_file(stranger: Path) -> None:
    name = write(stranger, RUN_OF_FLUX + 'kind = "bright"\noptions = { factor = 2.0 }\n')
    commands.check(name)
    source = load_run(name).emulator
    model, shipped = emulator.load(source), emulator.load()
    assert model.fingerprint != shipped.fingerprint
    run = load_run(name)
    posteriors = [posterior_for(run.hypotheses[0], run.likelihoods, sky) for sky in (model, shipped)]
    bright, plain = (one.intensities(one.fiducial)["lhaaso_km2a_inner"][0] for one in posteriors)
    np.testing.assert_allclose(bright / plain, 2.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "bride"', "did you mean 'bright'"),
        ('kind = "half"', "lacks parameters, fingerprint"),
        ('kind = "no-class"', "is no class"),
        ('kind = "responses"\noptions = { factor = 2.0 }', "has no options"),
        ('kind = "spectra"', "without a file"),
        ("options = { factor = 2.0 }", "neither path nor kind"),
    ],
)
def test_what_is_no_sky_model_is_told_in_one_message(stranger: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        commands.check(write(stranger, RUN_OF_FLUX + text))
    assert said in str(caught.value)
