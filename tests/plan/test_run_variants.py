"""Variants in run files: what is accepted, what they become, and what is trained for them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.emulator.response.chosen_settings import emulator_of
from crsea_infer.emulator.response.region_cache import RegionCache, entries
from crsea_infer.emulator.response.response_sky import EmulatedSky
from crsea_infer.grids.response_grid import Axis
from crsea_infer.hypotheses.demanded_physics import DemandedPhysics
from crsea_infer.plan.run_check import check_run
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.schemas import schema
from crsea_infer.plan.sky_preparation import missing_regions, prepare_skies
from crsea_infer.plan.tasks import Task, run_identity
from crsea_infer.support.errors import UserError
from crsea_infer.support.output_names import sampling_files

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.plan.run_file import RunFile

HEAD = """
title = "Variants"
hypotheses = ["gamma-optimized-min", "base-min"]
likelihoods = ["lhaaso_km2a_outer", "tibet_asgamma_outer"]
"""
VARIANTS = """
[[variants]]
name = "usual"
weight = 3
[[variants]]
name = "near-rim"
title = "A rim at 12 kpc"
rim = 12
[[variants]]
name = "smooth"
gas = "analytic"
saturation_radius = 10.0
"""
SAMPLER = "[samplers.importance]\n"


def written(folder: Path, variants: str = VARIANTS, samplers: str = SAMPLER, head: str = HEAD) -> RunFile:
    path = folder / "run.toml"
    path.write_text(head + variants + samplers)
    return load_run(path)


@pytest.fixture
def sky(tmp_path: Path) -> EmulatedSky:
    """The shipped sky on a coarse design, without any trained region."""
    shipped = emulator.load()
    assert isinstance(shipped, EmulatedSky)
    axes = (Axis("delta_slope", 0.0, 0.1, 4, "1/kpc"), Axis("halo_height", 2.0, 12.0, 4, "kpc", "log"))
    coarse = dataclasses.replace(shipped.settings, axes=axes)
    return EmulatedSky(emulator_of(shipped.emulator, coarse), regions=RegionCache([tmp_path / "regions"]))


def test_variants_have_normalised_weights_and_their_physics(tmp_path: Path) -> None:
    run = written(tmp_path)
    assert [one.name for one in run.variants] == ["usual", "near-rim", "smooth"]
    assert [one.weight for one in run.variants] == [0.6, 0.2, 0.2]
    assert run.variants[0].physics == DemandedPhysics()
    assert run.variants[2].physics == DemandedPhysics(gas="analytic", saturation_radius=10.0)
    assert run.variants[1].title == "A rim at 12 kpc"
    assert run.variants[0].title == "usual"


@pytest.mark.parametrize(
    ("variants", "samplers", "words"),
    [
        ('[[variants]]\nname = "a"\nrimm = 12.0\n', SAMPLER, "did you mean 'rim'"),
        ("[[variants]]\nrim = 12.0\n", SAMPLER, "'name' is missing"),
        ('[[variants]]\nname = "a"\nweight = 0.0\n', SAMPLER, "above 0"),
        ('[[variants]]\nname = "a"\n[[variants]]\nname = "a"\nrim = 12.0\n', SAMPLER, "given twice"),
        ('[[variants]]\nname = "a"\n[[variants]]\nname = "b"\n', SAMPLER, "are the same physics"),
        ('[[variants]]\nname = "a/b"\n', SAMPLER, "a/b"),
        ('[[variants]]\nname = "a_on_training"\n', SAMPLER, "_on_"),
        ('[[variants]]\nname = "a"\n', "[samplers.emcee]\n", "no sampler that gives an evidence"),
        ("variants = 3\n", SAMPLER, "a list"),
    ],
)
def test_variants_that_cannot_be_are_refused(tmp_path: Path, variants: str, samplers: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        written(tmp_path, variants, samplers)
    assert words in str(error.value)


def test_unknown_sources_and_another_sky_model_are_told_before_sampling(tmp_path: Path, sky: EmulatedSky) -> None:
    with pytest.raises(UserError, match="lorimmer"):
        check_run(written(tmp_path, '[[variants]]\nname = "a"\nsources = "lorimmer"\n'), sky)

    class Other:
        """A sky model with physics of its own."""

    with pytest.raises(UserError, match="has its own physics"):
        check_run(written(tmp_path), Other())  # type: ignore[arg-type]


def test_the_schema_knows_the_keys_of_variants() -> None:
    keys = schema("run")["properties"]["variants"]["items"]
    assert {"name", "title", "weight", "sources", "rim", "gas", "halo_range"} <= keys["properties"].keys()
    assert keys["properties"]["rim"]["description"]


def test_they_are_a_part_of_what_a_run_is_and_tell_tasks_apart(tmp_path: Path) -> None:
    run, plain = written(tmp_path), written(tmp_path, "")
    assert run_identity(run, "m")["run"] != run_identity(plain, "m")["run"]
    heavier = written(tmp_path, VARIANTS.replace("weight = 3", "weight = 4"))
    assert run_identity(run, "m")["run"] != run_identity(heavier, "m")["run"]
    tasks = [Task(run, "base-min", "importance", tmp_path, {}, (), variant=name) for name in ("", "usual", "near-rim")]
    assert len({task.result_path for task in tasks}) == 3
    assert len({tuple(task.seed.spawn_key) for task in tasks}) == 3
    assert tasks[2].name == "base-min, near-rim, with importance"
    assert tasks[2].hypothesis_object().physics == DemandedPhysics(rim=12.0)
    assert tasks[0].hypothesis_object().physics == DemandedPhysics()
    pattern = sampling_files(["importance"])
    assert all(pattern.fullmatch(path.name) for task in tasks for path in (task.result_path, task.checkpoint_path))


@pytest.mark.slow
def test_what_variants_lack_is_trained_side_by_side_and_kept(
    tmp_path: Path, sky: EmulatedSky, capsys: pytest.CaptureFixture[str]
) -> None:
    run = written(tmp_path)
    jobs = missing_regions(run, sky)
    # the two hypotheses share the sky models; the region of either data set
    assert [(job.particles, set(job.regions)) for job in jobs] == 3 * [("nuclei", {"lhaaso_outer", "tibet_outer"})]
    assert sorted(job.name for job in jobs) == [
        "2 regions of nuclei, as shipped",
        "2 regions of nuclei, rim 12 kpc",
        "2 regions of nuclei, saturation radius 10 kpc, gas analytic",
    ]
    prepare_skies(run, sky, workers=2)
    assert missing_regions(run, sky) == []
    kept = entries(tmp_path / "regions")
    assert len(kept) == 6
    assert {one.physics for one in kept} == {"", "rim 12 kpc", "saturation radius 10 kpc, gas analytic"}
    # what workers found is what this process would have found
    alone = EmulatedSky(sky.emulator, regions=RegionCache([]))
    both = [check_run(run, one)["base-min"]["all"] for one in (sky, alone)]
    theta = both[0].prior_transform(np.random.default_rng(0).random((40, len(both[0].names))))
    np.testing.assert_allclose(both[0].log_likelihood(theta), both[1].log_likelihood(theta), rtol=1e-9)
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_hypotheses_of_one_run_may_have_different_sky_models(tmp_path: Path, sky: EmulatedSky) -> None:
    (tmp_path / "near.toml").write_text('title = "x"\ndescription = "x"\nreferences = []\n[physics]\nrim = 11.0\n')
    tables = '[hypotheses]\nfar = ["base", "min", "gas"]\nnear = ["base", "min", "gas", "near.toml"]\n'
    head = 'title = "x"\nlikelihoods = ["lhaaso_km2a_outer"]\n'
    run = written(tmp_path, "", head=head + tables)
    assert run.resolved()["hypotheses"]["near"]["physics"] == {"rim": 11.0}
    assert "physics" not in run.resolved()["hypotheses"]["far"]
    found = {name: by_data["all"] for name, by_data in check_run(run, sky).items()}
    theta = np.stack([found["far"].fiducial] * 3)
    theta[:, found["far"].names.index("halo_height")] = [3.0, 5.0, 9.0]
    far, near = (found[name].predictions(theta)["lhaaso_km2a_outer"] for name in ("far", "near"))
    # nothing shines beyond the rim, and less inside it; more so when a higher halo lets cosmic rays come to the rim
    ratio = (near / far).mean(axis=-1)
    assert ratio == pytest.approx([0.824, 0.777, 0.734], abs=0.02)  # of the solver, at 100 TeV
