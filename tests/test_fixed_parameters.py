"""A hypothesis without free parameters: its evidence is its likelihood, and a run that holds one ends well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.table import Table
from quick_run import hold_all_but

from crsea_infer import emulator
from crsea_infer.cli import commands
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.inference.samplers.point import METHOD, point_result
from crsea_infer.inference.samplers.registry import gives_conditional, make, sampler_names
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError
from crsea_infer.workflow import calibrations, runs

if TYPE_CHECKING:
    from pathlib import Path

RUN = """
title = "T"
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
[hypotheses]
still = ["still"]
free = ["base", "min", "gas", "held"]
[tension]
inner = ["lhaaso_km2a_inner"]
outer = ["lhaaso_km2a_outer"]
[exact_check]
samples = 100
[options.lhaaso_km2a_inner]
systematics = "none"
[options.lhaaso_km2a_outer]
systematics = "none"
[samplers.dynesty]
subruns = 2
live_points = 30
walks = 10
walkers = 10
remaining = 1.0
[samplers.emcee]
block = 100
max_steps = 100
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = ['title = "T"', 'description = "D"', "references = []"]
    for one in load_hypothesis("base-min").parameters:
        words = 'label = "x"\ndescription = "D"\nsource = "S"\ndistribution = { kind = "fixed" }'
        lines.append(f"[parameters.{one.name}]\nfiducial = {float(one.fiducial)!r}\n{words}")
    (tmp_path / "priors").mkdir()
    (tmp_path / "priors" / "still.toml").write_text("\n".join(lines))
    hold_all_but(("halo_height", "hi_scale", "proton_norm"), "base-min", tmp_path / "priors" / "held.toml")
    (tmp_path / "mine.toml").write_text(RUN)
    return tmp_path


def likelihood_of_still() -> float:
    run = load_run("mine.toml")
    posterior = posterior_for(run.hypotheses[0], run.likelihoods, emulator.load())
    assert posterior.names == ()
    return float(posterior.log_likelihood(posterior.fiducial))


@pytest.mark.parametrize("name", sorted(name for name in sampler_names() if not gives_conditional(name)))
def test_every_sampler_gives_the_likelihood_as_evidence(name: str) -> None:
    run = load_run("mine.toml")
    result = point_result(make(name), posterior_for(run.hypotheses[0], run.likelihoods, emulator.load()))
    assert result.converged
    assert result.names == ()
    if make(name).gives_evidence:
        assert result.evidence is not None
        assert (result.evidence.lnz, result.evidence.lnz_err) == (likelihood_of_still(), 0.0)
        assert result.evidence.method == METHOD
    else:
        assert result.evidence is None


def test_check_and_calibrate_know_what_to_do_with_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands.check("mine.toml")
    assert "still (0 free parameters)" in capsys.readouterr().out
    with pytest.raises(UserError, match="'still' has no free parameter"):
        calibrations.calibrate(load_run("mine.toml"), 20, folder / "out")


@pytest.mark.slow
def test_a_run_with_it_ends_with_its_likelihood_beside_the_others(folder: Path) -> None:
    out = runs.execute(load_run("mine.toml"), folder / "out", workers=0, accept_unconverged=True)
    table = Table.read(out / "evidence.ecsv")
    (row,) = table[(table["hypothesis"] == "still") & (table["sampler"] == "dynesty") & (table["data"] == "all")]
    assert row["lnz"] == pytest.approx(likelihood_of_still(), abs=1e-9)
    assert (row["lnz_err"], row["method"], row["status"]) == (0.0, METHOD, "converged")
    factors = Table.read(out / "bayes_factors.ecsv")
    assert np.isfinite(factors["ln_b"]).all()
    tensions = Table.read(out / "tension.ecsv")
    (still,) = tensions[tensions["hypothesis"] == "still"]
    assert still["ln_r"] == pytest.approx(0.0, abs=1e-9)
    assert still["dimensionality"] == 0.0
    assert (out / "still" / "posterior.nc").exists()
    assert not (out / "figures" / "corner_still.pdf").exists()
    assert f"{row['lnz']:.2f}" in (out / "index.html").read_text()
