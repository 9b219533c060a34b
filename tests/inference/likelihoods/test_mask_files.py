"""Mask files count by what they hold, wherever they lie, and from the folder of the file that names them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import healpy
import numpy as np
import pytest
from simulated_cubes import folder as write_folder

from crsea_infer.content import finding
from crsea_infer.grids.response_build import ResponseTask, response_build
from crsea_infer.grids.response_grid import GridSettings
from crsea_infer.physics.regions import content_of_region, parse_region, region_key
from crsea_infer.plan.run_file import RunFile, load_run
from crsea_infer.plan.study_file import load_study
from crsea_infer.plan.tasks import data_digest
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

BOX = "l=20..40,b=-5..5"
RUN = """
title = "T"
hypotheses = ["gamma-optimized-min"]
likelihoods = ["data/mine"]
[samplers.dynesty]
{more}
"""


def write_mask(path: Path, below: float) -> None:
    """Keep what lies above a latitude (degrees)."""
    latitude = healpy.pix2ang(32, np.arange(12 * 32**2), lonlat=True)[1]
    healpy.write_map(path, (latitude > below).astype(float), coord="G", nest=False, dtype=np.float64, overwrite=True)


def copied(folder: Path, name: str, region: str) -> None:
    source = finding.find("likelihoods", name).parent
    shutil.copytree(source, folder)
    path = folder / "likelihood.toml"
    lines = [f'region = "{region}"' if line.startswith("region =") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")


def flux_points(folder: Path, mask: str) -> None:
    copied(folder, "lhaaso_km2a_inner", f"{BOX},mask={mask}")


def spectral_index(folder: Path, mask: str) -> None:
    copied(folder, "lhaaso_wcda_inner", f"{BOX},mask={mask}")


def template_normalisation(folder: Path, mask: str) -> None:
    copied(folder, "icecube_pi0", f"l=0..360,b=-90..90,mask={mask}")


def counts_map(folder: Path, mask: str) -> None:
    write_folder(folder.parent, f'mask = "{mask}"')


def counts_map_regions(folder: Path, mask: str) -> None:
    write_folder(folder.parent)
    path = folder / "likelihood.toml"
    path.write_text(path.read_text().replace(f'"{BOX}"', f'"{BOX},mask={mask}"'))


KINDS = (flux_points, spectral_index, template_normalisation, counts_map, counts_map_regions)


def project(folder: Path, kind: Callable[[Path, str], None], more: str = "") -> Path:
    """Write a run file and its data set with a mask beside the data; return the run file."""
    (folder / "data").mkdir(parents=True)
    kind(folder / "data" / "mine", "mask.fits")
    write_mask(folder / "data" / "mine" / "mask.fits", 0.0)
    path = folder / "mine.toml"
    path.write_text(RUN.format(more=more))
    return path


def masks(run: RunFile) -> list[str]:
    regions = [request.region for request in run.likelihoods[0].requests if request.region]
    return [str(parse_region(region).mask) for region in regions]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_another_content_of_a_mask_is_other_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Callable[[Path, str], None]
) -> None:
    path = project(tmp_path / "here", kind)
    monkeypatch.chdir("/")
    first = load_run(path)
    mask = tmp_path / "here" / "data" / "mine" / "mask.fits"
    assert str(mask) in masks(first)
    assert data_digest(load_run(path)) == data_digest(first)
    moved = shutil.move(tmp_path / "here", tmp_path / "there")  # the same data in another place
    assert load_run(Path(moved) / "mine.toml").resolved() == first.resolved()
    write_mask(tmp_path / "there" / "data" / "mine" / "mask.fits", 2.0)
    assert data_digest(load_run(Path(moved) / "mine.toml")) != data_digest(first)


@pytest.mark.parametrize("kind", [flux_points, counts_map])
def test_a_mask_in_options_counts_from_the_run_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Callable[[Path, str], None]
) -> None:
    key = 'mask = "own.fits"' if kind is counts_map else f'region = "{BOX},mask=own.fits"'
    path = project(tmp_path / "project", kind, f"[options.mine]\n{key}")
    write_mask(tmp_path / "project" / "own.fits", 2.0)
    (tmp_path / "elsewhere").mkdir()
    write_mask(tmp_path / "elsewhere" / "own.fits", 3.0)
    monkeypatch.chdir(tmp_path / "elsewhere")  # a mask of the same name in the current directory is nobody's
    assert set(masks(load_run(path))) == {str(tmp_path / "project" / "own.fits")}


def test_a_mask_in_a_study_counts_from_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path / "project", flux_points)
    write_mask(tmp_path / "project" / "own.fits", 2.0)
    path = tmp_path / "project" / "study.toml"
    path.write_text(
        'title = "T"\nhypotheses = ["gamma-optimized-min"]\n[samplers.dynesty]\n'
        '[combinations.one]\ntitle = "one"\nlikelihoods = ["data/mine"]\n'
        f'[combinations.one.options.mine]\nregion = "{BOX},mask=own.fits"\n'
    )
    monkeypatch.chdir("/")
    assert masks(load_study(path).runs["one"]) == [str(tmp_path / "project" / "own.fits")]


def test_a_mask_that_is_absent_is_told_with_the_file_that_names_it(tmp_path: Path) -> None:
    path = project(tmp_path / "project", flux_points)
    (tmp_path / "project" / "data" / "mine" / "mask.fits").unlink()
    with pytest.raises(UserError, match=r"likelihood\.toml: there is no mask file"):
        load_run(path)


def test_the_name_of_a_region_says_what_its_mask_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_mask(tmp_path / "mask.fits", 0.0)
    key = region_key(f"{BOX},mask=mask.fits")
    assert key.startswith(f"{BOX},mask={tmp_path}/mask.fits#sha256-")
    assert region_key(key) == key
    assert content_of_region(key) == f"{BOX},mask=" + key.rpartition("#")[2]
    kept = parse_region(key).solid_angle
    write_mask(tmp_path / "mask.fits", 2.0)
    changed = parse_region(f"{BOX},mask=mask.fits")
    assert changed.name != key
    assert changed.solid_angle < 0.8 * kept
    assert parse_region(key).solid_angle == kept  # what was read is kept, by its content
    other = key.replace(key[-4:], "0000")
    with pytest.raises(UserError, match="holds something else than it did"):
        parse_region(other)


def test_grids_of_other_masks_are_other_grids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_mask(tmp_path / "mask.fits", 0.0)
    first = response_build(GridSettings(regions=(f"{BOX},mask=mask.fits",), electrons=None))
    write_mask(tmp_path / "mask.fits", 2.0)
    second = response_build(GridSettings(regions=(f"{BOX},mask=mask.fits",), electrons=None))
    assert first.hash != second.hash
    stale = {**first.settings, "regions": [first.settings["regions"][0].replace("#sha256-", "#sha256-")[:-4] + "0000"]}
    with pytest.raises(UserError, match="holds something else"):  # as on a worker with a file of its own
        ResponseTask.from_json(stale)


def test_edges_of_boxes_come_back_as_they_were() -> None:
    region = parse_region("l=12.3456789..100,b=-0.00001..5")
    assert parse_region(region.name) == region
