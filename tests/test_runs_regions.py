"""Runs with a sky region that the emulator lacks: trained once, kept beside run.toml, and found there by everybody."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from quick_run import without_figures

from crsea_infer.content.finding import find
from crsea_infer.emulator.response import region_cache
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.names import is_name
from crsea_infer.support.output_names import SKY_REGION_FILE, SKY_REGIONS
from crsea_infer.workflow import runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crsea_infer.grids.response_grid import GridSettings

REGION = "l=41..44,b=-2..2"
RUN = """
title = "A region of its own"
likelihoods = ["{likelihood}"]
seed = 3
hypotheses = ["gamma-optimized-min", "gamma-optimized-max"]
[exact_check]
samples = 100
[samplers.emcee]
block = 100
max_steps = 100
"""


@pytest.fixture
def own_run(tmp_path: Path) -> Path:
    """A run on a data set of a custom region."""
    folder = tmp_path / "likelihoods" / "mine"
    shutil.copytree(find("likelihoods", "lhaaso_km2a_inner").parent, folder)
    text = (folder / "likelihood.toml").read_text()
    (folder / "likelihood.toml").write_text(text.replace('"lhaaso_inner"', f'"{REGION}"'))
    path = tmp_path / "run.toml"
    path.write_text(RUN.format(likelihood=folder))
    return path


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """What was solved: nuclei or electrons, and for which regions."""
    calls: list[tuple[str, tuple[str, ...]]] = []
    solve = region_cache.train_regions

    def counted(settings: GridSettings, particles: region_cache.Particles, names: Sequence[str]) -> object:
        calls.append((particles, tuple(names)))
        return solve(settings, particles, names)

    monkeypatch.setattr(region_cache, "train_regions", counted)
    return calls


@pytest.mark.slow
def test_a_run_trains_its_region_once_without_a_home_and_keeps_it(
    own_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, solved: list[tuple[str, tuple[str, ...]]]
) -> None:
    """Check, two hypotheses, tables and exact check; resumed, it is found beside run.toml; --fresh removes it."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CRSEA_INFER_CACHE", str(tmp_path / "file" / "cache"))  # no place that can be written
    without_figures(monkeypatch)
    out = tmp_path / "out"
    runs.execute(load_run(own_run), out, workers=0, accept_unconverged=True)
    assert solved == [("nuclei", (REGION,))]
    (entry,) = (out / SKY_REGIONS).iterdir()
    assert SKY_REGION_FILE.fullmatch(entry.name)
    table = (out / "chi2.ecsv").read_bytes()
    identity = (out / "run.toml").read_text()

    (out / "chi2.ecsv").unlink()
    runs.execute(load_run(own_run), out, workers=0, accept_unconverged=True)
    assert len(solved) == 1
    assert (out / "chi2.ecsv").read_bytes() == table
    assert (out / "run.toml").read_text() == identity

    whole = entry.read_bytes()
    entry.write_bytes(whole[:1000])
    (out / SKY_REGIONS / "mine.txt").write_text("not a run's")
    stale = out / SKY_REGIONS / f"region-{'0' * 32}.npz"
    stale.write_bytes(whole)
    monkeypatch.setattr(runs, "sample", _stop)
    with pytest.raises(KeyboardInterrupt):
        runs.execute(load_run(own_run), out, workers=0, fresh=True)
    assert len(solved) == 2  # the damaged one was made again
    assert entry.read_bytes() == whole
    assert not stale.exists()
    assert (out / SKY_REGIONS / "mine.txt").exists()


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_leaves_the_same_entry_in_the_cache_and_beside_run_toml(
    own_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRSEA_INFER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runs, "sample", _stop)
    with pytest.raises(KeyboardInterrupt):
        runs.execute(load_run(own_run), tmp_path / "out")
    (kept,) = (tmp_path / "cache" / SKY_REGIONS).iterdir()
    assert (tmp_path / "out" / SKY_REGIONS / kept.name).read_bytes() == kept.read_bytes()


@pytest.mark.slow
def test_electrons_are_made_before_workers_ask(
    own_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, solved: list[tuple[str, tuple[str, ...]]]
) -> None:
    monkeypatch.setenv("CRSEA_INFER_CACHE", str(tmp_path / "cache"))
    names = 'hypotheses = ["gamma-optimized-min", "gamma-optimized-max"]'
    sets = '[hypotheses]\nwith_electrons = ["gamma_optimized", "min", "gas", "leptons"]'
    text = own_run.read_text().replace(names, "")
    own_run.write_text(text.replace("[exact_check]", f"{sets}\n[exact_check]"))
    monkeypatch.setattr(runs, "sample", _stop)
    with pytest.raises(KeyboardInterrupt):
        runs.execute(load_run(own_run), tmp_path / "out", workers=0)
    assert solved == [("nuclei", (REGION,)), ("electrons", (REGION,))]
    assert len(list((tmp_path / "out" / SKY_REGIONS).iterdir())) == 2


def test_nothing_else_can_have_the_name_of_the_folder() -> None:
    assert not is_name(SKY_REGIONS)
