"""Directories of runs: another's is refused, a damaged one mended, and nothing but a run's files is ever deleted."""

from __future__ import annotations

import tomllib
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import h5netcdf
import pytest
from quick_run import evidences, numbers_alone, without_figures, write_run

from crsea_infer.cli.console import ConsoleListener
from crsea_infer.emulator.source import SkyModelSource
from crsea_infer.plan.run_file import load_run
from crsea_infer.report import products
from crsea_infer.report.layout.checksums import Checksums
from crsea_infer.support import output_names
from crsea_infer.support.errors import UserError
from crsea_infer.support.output_names import RUN_FILES, run_figures, sampling_files
from crsea_infer.workflow import runs, samplings
from crsea_infer.workflow.run_directory import recorded_emulator

if TYPE_CHECKING:
    from pathlib import Path


def test_the_directory_of_another_run_is_refused_and_left_alone(finished: tuple[Path, Path], tmp_path: Path) -> None:
    path, out = finished
    before = {file: file.read_bytes() for file in out.rglob("*.ecsv")}
    with pytest.raises(UserError, match="the seed: there 3, here 4") as caught:
        runs.execute(load_run(path), out, seed=4)
    assert "--output" in caught.value.fix
    with pytest.raises(UserError, match="the run file"):
        runs.execute(load_run(write_run(tmp_path, walks=11)), out)
    assert {file: file.read_bytes() for file in out.rglob("*.ecsv")} == before


def read(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((out / "run.toml").read_text())
    return content


def test_run_toml_names_the_emulator_file_as_it_is_now_and_the_run_goes_on(
    own_copy: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_figures(monkeypatch)
    monkeypatch.setattr(samplings, "run_jobs", None)
    path, out = own_copy
    assert "emulator" not in read(out)
    before = read(out)
    (tmp_path / "mine").mkdir()
    with as_file(files("crsea_infer") / "emulator" / "data" / "response_emulator.npz") as shipped:
        for name in ("here.npz", "mine/there.npz"):
            (tmp_path / name).write_bytes(shipped.read_bytes())
    own = tmp_path / "own.toml"
    for name in ("here.npz", "mine/there.npz"):
        own.write_text(f'{path.read_text()}[emulator]\npath = "{name}"\n')
        runs.execute(load_run(own), out, accept_unconverged=True)
        assert read(out).pop("emulator") == str(tmp_path / name)
        assert read(out)["identity"] == before["identity"]
    runs.execute(load_run(path), out, accept_unconverged=True)
    assert read(out) == before


def test_a_sky_model_of_another_package_is_recorded_by_its_name() -> None:
    assert recorded_emulator(SkyModelSource("flat", None, {"level": 2.0})) == {
        "kind": "flat",
        "options": {"level": 2.0},
    }
    assert recorded_emulator(SkyModelSource("flat")) == {"kind": "flat"}
    assert recorded_emulator(None) is None


def test_a_damaged_result_or_run_toml_is_refused(own_copy: tuple[Path, Path]) -> None:
    path, copy = own_copy
    result = copy / "gamma-optimized-min" / "dynesty.h5"
    result.write_bytes(result.read_bytes()[:5000])
    with pytest.raises(UserError, match="damaged or truncated"):
        runs.execute(load_run(path), copy)
    (copy / "run.toml").write_text("[identity")
    with pytest.raises(UserError, match=r"run\.toml cannot be read"):
        runs.execute(load_run(path), copy)
    (copy / "run.toml").unlink()
    with pytest.raises(UserError, match="not known whose"):
        runs.execute(load_run(path), copy)


@pytest.mark.slow
def test_a_damaged_table_posterior_or_figure_is_said_and_made_again(
    own_copy: tuple[Path, Path],
    finished: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_figures(monkeypatch)
    path, copy = own_copy
    posterior = "gamma-optimized-min/posterior.nc"
    damaged = {posterior: 3000, "pulls.ecsv": 2500, "exact_check.ecsv": 100}
    for name, size in damaged.items():
        (copy / name).write_bytes((copy / name).read_bytes()[:size])
    untouched = (copy / "loo.ecsv").stat().st_mtime_ns
    monkeypatch.setattr(samplings, "run_jobs", None)
    runs.execute(load_run(path), copy, accept_unconverged=True, listener=ConsoleListener())
    said = capsys.readouterr().out
    for name, size in damaged.items():
        assert f"{name} is not as it was written" in said
        assert (copy / name).stat().st_size > size
    assert (copy / "pulls.ecsv").read_bytes() == (finished[1] / "pulls.ecsv").read_bytes()
    h5netcdf.File(copy / posterior).close()
    assert (copy / "loo.ecsv").stat().st_mtime_ns == untouched
    assert not [name for name in Checksums(copy).names if not Checksums(copy).is_whole(name)]


def test_what_is_turned_off_leaves_neither_tables_nor_links(
    own_copy: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copy = own_copy
    other = tmp_path / "quick.toml"
    other.write_text(
        path.read_text().replace("samples = 100", "samples = 0") + "[prior_sensitivity]\nparameters = []\n"
    )
    monkeypatch.setattr(samplings, "run_jobs", None)
    runs.execute(load_run(other), copy, accept_unconverged=True)
    gone = ["exact_check.ecsv", "prior_sensitivity.ecsv", "prior_sensitivity_bayes_factors.ecsv"]
    page = (copy / "index.html").read_text()
    assert [name for name in [*gone, "figures/prior_sensitivity.png"] if (copy / name).exists()] == []
    assert not any(name in page for name in gone)
    assert "loo.ecsv" in page
    assert "gamma-optimized-min/posterior_emcee.nc" in page


@pytest.mark.slow
def test_fresh_replaces_results_and_nothing_else(
    own_copy: tuple[Path, Path], finished: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copy = own_copy
    kept = [
        copy / name for name in ("notes.txt", "figures/corner_mine.pdf", "gamma-optimized-min/notes.h5", "old/a.nc")
    ]
    for mine in kept:
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("mine")
    record = copy / "run.toml"
    record.write_text(f'{record.read_text()}\n[resolved.hypotheses.old]\n[resolved.hypotheses."../copy/old"]\n')
    monkeypatch.setattr(samplings, "run_jobs", lambda *_, **__: left.extend(copy.rglob("*")))
    left: list[Path] = []
    with pytest.raises(RuntimeError, match="without a result"):
        runs.execute(load_run(path), copy, fresh=True, workers=0, accept_unconverged=True)
    folders = [copy / name for name in ("figures", "gamma-optimized-min", "gamma-optimized-max", "old")]
    assert set(left) == {*kept, *folders, record, copy / ".lock"}
    monkeypatch.undo()
    numbers_alone(monkeypatch)
    runs.execute(load_run(path), copy, workers=0, accept_unconverged=True)
    assert all(mine.read_text() == "mine" for mine in kept)
    assert evidences(copy) == evidences(finished[1])


def test_every_file_of_a_run_has_a_name_that_is_known_to_be_a_runs(finished: tuple[Path, Path]) -> None:
    """Else --fresh would leave it."""
    path, out = finished
    run = load_run(path)
    names = {".lock", "run.toml", *RUN_FILES, *(f"figures/{name}" for name in run_figures(run.resolved()))}
    found = {str(one.relative_to(out)): one.name for one in out.rglob("*") if one.is_file()}
    ours = sampling_files(run.samplers)
    unknown = {name for name in found if name not in names}
    assert unknown
    assert all(ours.fullmatch(found[name]) and name.split("/")[0].startswith("gamma-opt") for name in unknown)
    for name in ("dynesty_on_training.h5", "emcee.checkpoint.h5", "dynesty_on_my_group.checkpoint.h5"):
        assert ours.fullmatch(name)


def test_every_product_has_its_names_and_what_makes_it() -> None:
    assert [product.name for product in products.PRODUCTS] == list(output_names.PRODUCTS)


FOREIGN = ("figures/mine.pdf", "index.html", ".session-0123abcd", "sub/.notes-deadbeef.txt", "sub/.a.crsea-01234567.h5")


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    "record",
    [
        None,
        "[identity",
        "[resolved.hypotheses.notes]\n",
        '[identity]\ndata = "0"\n[resolved]\nhypotheses = [[1, 2]]\nlikelihoods = {}\nsamplers = {}\n',
    ],
)
def test_a_directory_that_is_not_known_to_be_a_runs_keeps_every_file(
    finished: tuple[Path, Path], tmp_path: Path, fresh: bool, record: str | None
) -> None:
    path, _ = finished
    mine = [tmp_path / name for name in (*FOREIGN, "notes/mine.txt", ".lock", "run.toml")[: 7 + (record is not None)]]
    for one in mine:
        one.parent.mkdir(exist_ok=True)
        one.write_text(record if record and one.name == "run.toml" else "mine")
    with pytest.raises(UserError, match=r"not known whose|cannot be read") as caught:
        runs.execute(load_run(path), tmp_path, fresh=fresh)
    assert "yourself" in caught.value.fix
    assert "with --fresh" not in caught.value.fix
    assert {one for one in tmp_path.rglob("*") if one.is_file()} == set(mine)
    assert all(one.read_text() == (record if record and one.name == "run.toml" else "mine") for one in mine)


def test_fresh_goes_through_no_link_and_into_no_folder_that_the_run_there_did_not_have(
    own_copy: tuple[Path, Path], tmp_path: Path
) -> None:
    path, copy = own_copy
    (copy / "gamma-optimized-max").rename(tmp_path / "elsewhere")
    (copy / "gamma-optimized-max").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link"):
        runs.execute(load_run(path), copy, fresh=True)
    (copy / "gamma-optimized-max").unlink()
    (copy / "base-min").mkdir()
    other = tmp_path / "other.toml"
    other.write_text(path.read_text().replace('"gamma-optimized-max"', '"base-min"'))
    with pytest.raises(UserError, match=r"holds base-min of which its run\.toml says nothing"):
        runs.execute(load_run(other), copy, fresh=True)
    assert (tmp_path / "elsewhere" / "dynesty.h5").exists()
    assert (copy / "evidence.ecsv").exists()


def test_an_output_that_cannot_be_is_one_message(finished: tuple[Path, Path], tmp_path: Path) -> None:
    path, _ = finished
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot create"):
        runs.execute(load_run(path), tmp_path / "file")
