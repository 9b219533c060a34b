"""A run with variants, from its file to its directory, held against a Monte-Carlo integral over everything at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from quick_run import without_figures

import crsea_infer as cr
from crsea_infer import emulator
from crsea_infer.cli import commands
from crsea_infer.emulator.response.chebyshev import ResponseEmulator
from crsea_infer.emulator.response.region_training import train_regions
from crsea_infer.emulator.response.store import read_emulator, write_emulator
from crsea_infer.grids.response_grid import Axis
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError
from crsea_infer.workflow import runs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

FREE = {
    "halo_height": '{ kind = "log_uniform", lower = 2.0, upper = 12.0 }',
    "xco_scale": '{ kind = "log_normal", median = 1.0, fraction = 0.2 }',
}
FIXED = '{ kind = "fixed" }'
RUN = """
title = "Two seas, two Galaxies"
likelihoods = ["lhaaso_km2a_outer"]
[emulator]
path = "coarse.npz"
[hypotheses]
steep = ["min.toml"]
flat = ["max.toml"]
[[variants]]
name = "usual"
weight = 3.0
[[variants]]
name = "near-rim"
rim = 10.5
[samplers.importance]
walkers = 64
steps = 150
components = 4
draws = 4000
scouts = 0
[exact_check]
samples = 100
[prior_sensitivity]
parameters = ["xco_scale"]
"""


def _prior_set(hypothesis: str) -> str:
    """A whole hypothesis in one prior set, most of it fixed."""
    head = f'title = "{hypothesis}"\ndescription = "x"\nreferences = []\n'
    tables = [
        f'[parameters.{one.name}]\nfiducial = {one.fiducial!r}\nlabel = "p"\ndescription = "x"\nsource = "x"\n'
        f"distribution = {FREE.get(one.name, FIXED)}\n"
        for one in load_hypothesis(hypothesis).parameters
    ]
    return head + "".join(tables)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run file with its prior sets, an emulator of one region on a coarse design, and the run carried out."""
    path = tmp_path_factory.mktemp("variants")
    for name in ("min", "max"):
        (path / f"{name}.toml").write_text(_prior_set(f"gamma-optimized-{name}"))
    shipped = read_emulator()
    axes = (Axis("delta_slope", 0.0, 0.1, 5, "1/kpc"), Axis("halo_height", 2.0, 12.0, 7, "kpc", "log"))
    settings = dataclasses.replace(shipped.settings, axes=axes, regions=("lhaaso_outer",), electrons=None)
    fit = train_regions(settings, "nuclei", settings.regions)["lhaaso_outer"]
    write_emulator(
        ResponseEmulator(settings, fit.coefficients, fit.basis, metadata=shipped.metadata), path / "coarse.npz"
    )
    (path / "run.toml").write_text(RUN)
    with pytest.MonkeyPatch.context() as patch:
        without_figures(patch)
        runs.execute(load_run(path / "run.toml"), path / "out", workers=0)
    return path


def test_averaged_evidences_are_integrals_over_all_variants(folder: Path) -> None:
    """Prior draws of all parameters and of the variant, weighed by nothing but their likelihood."""
    run = cr.Run(folder / "run.toml")
    found = cr.open_run(folder / "out")
    for name in ("steep", "flat"):
        posterior = run.posterior(name)
        assert posterior.names == ("halo_height", "xco_scale", "variant", "lhaaso_km2a_outer_systematic")
        log_l = posterior.log_likelihood(posterior.draw_prior(60_000, seed=5))
        relative = np.exp(log_l - log_l.max())
        lnz = float(np.log(relative.mean()) + log_l.max())
        error = float(relative.std() / relative.mean() / np.sqrt(len(relative)))
        assert found[name].evidence.lnz == pytest.approx(lnz, abs=4.0 * np.hypot(error, found[name].evidence.lnz_err))
        assert found[name].evidence.lnz_err < 0.05
        assert error < 0.05


def test_the_table_of_shares_is_what_the_evidence_is_made_of(folder: Path) -> None:
    table = Table.read(folder / "out" / "variants.ecsv")
    assert list(table["variant"]) == ["usual", "near-rim"] * 2
    assert list(table["weight"]) == [0.75, 0.25] * 2
    assert list(table["number"]) == [1, 2] * 2
    assert set(table["physics"]) == {"as the sky model", "rim 10.5 kpc"}
    evidence = {row["hypothesis"]: row["lnz"] for row in Table.read(folder / "out" / "evidence.ecsv")}
    for name in ("steep", "flat"):
        rows = table[table["hypothesis"] == name]
        terms = np.log(rows["weight"]) + rows["lnz"]
        assert evidence[name] == pytest.approx(np.logaddexp.reduce(terms), abs=1e-9)
        np.testing.assert_allclose(rows["share"], np.exp(terms - evidence[name]), rtol=1e-9)
        # the posterior is the mixture: as many draws of each variant as is its share
        drawn = cr.open_run(folder / "out")[name].posterior["variant"].to_numpy().ravel()
        assert set(drawn) <= {1.0, 2.0}
        assert np.mean(drawn == 2.0) == pytest.approx(rows["share"][1], abs=0.03)


def test_bayes_factors_have_their_range_over_the_variants(folder: Path) -> None:
    (factor,) = Table.read(folder / "out" / "bayes_factors.ecsv")
    table = Table.read(folder / "out" / "variants.ecsv")
    lnz = {(row["hypothesis"], row["variant"]): row["lnz"] for row in table}
    each = sorted(lnz["steep", one] - lnz["flat", one] for one in ("usual", "near-rim"))
    assert (factor["ln_b_low"], factor["ln_b_high"]) == pytest.approx(each, abs=1e-9)
    assert factor["ln_b_averaged"] == factor["ln_b"]
    assert each[0] - 2.0 < factor["ln_b"] < each[1] + 2.0


def test_the_solver_confirms_the_mixture(folder: Path) -> None:
    for row in Table.read(folder / "out" / "exact_check.ecsv"):
        assert row["status"] == "passed"
        # a coarse design: five by seven nodes
        assert row["largest_change"] < 0.02


def test_finished_runs_predict_with_every_variant(folder: Path) -> None:
    found = cr.open_run(folder / "out")["steep"]
    table = found.predict(region="lhaaso_outer", energies=[10.0, 100.0] * u.TeV)
    exact = emulator.exact()
    assert found.model.description["variants"] == "usual, near-rim"
    assert exact.fingerprint != found.model.fingerprint
    usual = cr.predict(["gamma_optimized", "min", "gas"], "lhaaso_outer", [10.0, 100.0] * u.TeV)
    assert np.all(np.abs(np.log(table["median"] / usual["intensity"])) < 0.5)
    assert found.corner().axes
    assert found.fixed["delta_slope"] == 0.04


def test_page_and_check_show_the_variants(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (folder / "out" / "index.html").read_text()
    assert "Physics variants" in page
    assert "near-rim" in page
    commands.check(str(folder / "run.toml"))
    shown = capsys.readouterr().out
    assert "near-rim" in shown
    assert "rim 10.5 kpc" in shown


def test_a_finished_run_resumes_and_other_variants_are_another_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_figures(monkeypatch)
    before = (folder / "out" / "evidence.ecsv").read_bytes()
    (folder / "out" / "variants.ecsv").unlink()
    (folder / "out" / "steep" / "importance_with_near-rim.h5").rename(folder / "away.h5")
    runs.execute(
        load_run(folder / "run.toml"), folder / "out", workers=0
    )  # samples what is missing, with equal numbers
    again = Table.read(folder / "out" / "evidence.ecsv")
    assert [row["lnz"] for row in again] == [
        row["lnz"] for row in Table.read(before.decode().splitlines(), format="ascii.ecsv")
    ]
    other = folder / "other.toml"
    other.write_text(RUN.replace("weight = 3.0", "weight = 2.0"))
    with pytest.raises(UserError, match="holds another run"):
        runs.execute(load_run(other), folder / "out", workers=0)


def test_runs_with_variants_are_not_calibrated(folder: Path) -> None:
    from crsea_infer.workflow.calibrations import calibrate

    with pytest.raises(UserError, match=r"\[\[variants\]\]"):
        calibrate(load_run(folder / "run.toml"), folder / "calibration", 10)
