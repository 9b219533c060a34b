"""The order of names in run files and prior sets: it changes columns, and no number."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray
from astropy.table import Table
from quick_run import QUICK, evidences, numbers_alone

from crsea_infer.inference.samplers.sampler import SamplerResult
from crsea_infer.plan import tasks
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.checkpoint import Checkpoint
from crsea_infer.support.errors import UserError
from crsea_infer.workflow import runs, samplings

if TYPE_CHECKING:
    from collections.abc import Callable

BOTH = '["lhaaso_km2a_inner", "lhaaso_km2a_outer"]'
SWAPPED = '["lhaaso_km2a_outer", "lhaaso_km2a_inner"]'
ONE = """
title = "One hypothesis"
hypotheses = ["gamma-optimized-min"]
likelihoods = {likelihoods}
[exact_check]
samples = 0
[samplers.emcee]
block = 100
max_steps = 400
"""


def posteriors(out: Path) -> dict[str, xarray.Dataset]:
    names = ("posterior.nc", "posterior_emcee.nc")
    paths = [out / hypothesis / name for hypothesis in ("gamma-optimized-min", "gamma-optimized-max") for name in names]
    return {
        str(path.relative_to(out)): xarray.load_dataset(path, group="posterior", engine="h5netcdf") for path in paths
    }


def swap_data_sets(folder: Path) -> None:
    (folder / "quick.toml").write_text(QUICK.format(subruns=2, walks=10).replace(BOTH, SWAPPED))


def swap_priors(folder: Path) -> None:
    """Put the tables of the packaged prior set of the gas in the opposite order."""
    (folder / "quick.toml").write_text(QUICK.format(subruns=2, walks=10))
    packaged = Path(__file__).parents[1] / "priors" / "gas.toml"
    head, first, second = packaged.read_text().split("[parameters.")
    assert {first.split("]")[0], second.split("]")[0]} == {"hi_scale", "xco_scale"}
    (folder / "priors").mkdir()
    (folder / "priors" / "gas.toml").write_text(f"{head}[parameters.{second}\n[parameters.{first}")


@pytest.mark.slow
@pytest.mark.parametrize("swap", [swap_data_sets, swap_priors])
def test_swapping_names_of_a_finished_run_changes_no_number(
    swap: Callable[[Path], None], own_copy: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers_alone(monkeypatch, "prior sensitivity")
    monkeypatch.chdir(tmp_path)
    _, out = own_copy
    before, lnz = posteriors(out), evidences(out)
    widened = Table.read(out / "prior_sensitivity.ecsv")
    chi2 = Table.read(out / "chi2.ecsv")
    for name in (*before, "prior_sensitivity.ecsv", "chi2.ecsv"):
        (out / name).unlink()
    swap(tmp_path)
    again = load_run(tmp_path / "quick.toml")
    monkeypatch.setattr(samplings, "run_jobs", None)
    runs.execute(again, out, accept_unconverged=True)
    assert evidences(out) == lnz
    for name, dataset in posteriors(out).items():
        assert list(dataset.data_vars) != list(before[name].data_vars)
        xarray.testing.assert_equal(dataset, before[name])
    for column in ("chi2_best_fit", "chi2_published", "prior_pull"):
        old, new = (
            {(row["hypothesis"], row["likelihood"]): row[column] for row in table}
            for table in (chi2, Table.read(out / "chi2.ecsv"))
        )
        assert new == pytest.approx(old, abs=1e-2, nan_ok=True)
    old, new = (
        {(row["hypothesis"], row["parameter"], round(row["factor"], 6)): row["lnz_shift"] for row in table}
        for table in (widened, Table.read(out / "prior_sensitivity.ecsv"))
    )
    assert new == pytest.approx(old, nan_ok=True)
    names = list(tomllib.loads((out / "run.toml").read_text())["resolved"]["likelihoods"])
    assert names == [likelihood.name for likelihood in again.likelihoods]


@pytest.mark.slow
def test_unfinished_work_in_another_order_is_refused_and_goes_on_in_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers_alone(monkeypatch)
    path, out = tmp_path / "one.toml", tmp_path / "out"
    path.write_text(ONE.format(likelihoods=BOTH))
    whole = runs.execute(load_run(path), tmp_path / "whole", workers=0, accept_unconverged=True)

    def stop(fraction: float, _message: str) -> None:
        if fraction > 0.4:
            raise KeyboardInterrupt

    sample = tasks.Task.sample
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "offer", lambda self, arrays: self.save(arrays()) or True)
        patch.setattr(tasks.Task, "sample", lambda self, target, _progress: sample(self, target, stop))
        with pytest.raises(KeyboardInterrupt):
            runs.execute(load_run(path), out, workers=0)
    assert list(out.glob("*/emcee.checkpoint.h5"))
    path.write_text(ONE.format(likelihoods=SWAPPED))
    with pytest.raises(UserError, match="the order of the parameters") as caught:
        runs.execute(load_run(path), out, workers=0)
    assert "in the order that stands there" in str(caught.value.fix)
    path.write_text(ONE.format(likelihoods=BOTH))
    runs.execute(load_run(path), out, workers=0, accept_unconverged=True)
    file = Path("gamma-optimized-min") / "posterior.nc"
    one, other = (xarray.load_dataset(run / file, group="posterior", engine="h5netcdf") for run in (out, whole))
    xarray.testing.assert_equal(one, other)
    assert np.isfinite(one["hi_scale"]).all()


def test_samples_of_other_parameters_are_refused() -> None:
    points = np.arange(6.0).reshape(3, 2)
    result = SamplerResult("x", ("a", "b"), points, points / 6, None, points[:, 0], None, 3, 0.0, {}, points[None])
    turned = result.in_order(("b", "a"))
    assert turned.names == ("b", "a")
    for array in (turned.samples, turned.unit_samples * 6, turned.chains[0]):  # type: ignore[index]
        assert np.array_equal(array, points[:, ::-1])
    for names in (("a",), ("a", "c"), ("a", "a"), ("a", "b", "c")):
        with pytest.raises(UserError, match="samples of x with the parameters a, b"):
            result.in_order(names)
