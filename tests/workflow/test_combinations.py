"""Several runs in one queue: each comes out as by itself, is held until it is sampled, and says what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from astropy.table import Table
from quick_run import numbers_alone

from crsea_infer.plan.study_file import load_study
from crsea_infer.report import products
from crsea_infer.support.checkpoint import lock
from crsea_infer.support.errors import UserError
from crsea_infer.workflow import combinations, runs
from crsea_infer.workflow.combinations import carry_out
from crsea_infer.workflow.listening import Told

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.plan.study_file import Study

STUDY = """
title = "Two systematics"
hypotheses = ["base-min"]

[samplers.importance]
walkers = 64
steps = 100
draws = 3000
least_effective = 100

[exact_check]
samples = 0

[prior_sensitivity]
parameters = []

[combinations.correlated]
title = "Correlated"
likelihoods = ["lhaaso_km2a_outer"]

[combinations.diagonal]
title = "Diagonal"
likelihoods = ["lhaaso_km2a_outer"]
options.lhaaso_km2a_outer.systematics = "diagonal"
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    numbers_alone(monkeypatch)
    (tmp_path / "two.toml").write_text(STUDY)
    return load_study(tmp_path / "two.toml")


def is_held(folder: Path) -> bool:
    try:
        with lock(folder):
            return False
    except UserError:
        return True


@pytest.mark.slow
def test_each_run_comes_out_as_by_itself_and_a_second_call_goes_on(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {tmp_path / "all" / name: run for name, run in study.runs.items()}
    held: list[list[bool]] = []
    finish = combinations.finish

    def watched(*given: Any, **options: Any) -> list[str]:
        held.append([is_held(folder) for folder in folders])
        return finish(*given, **options)

    monkeypatch.setattr(combinations, "finish", watched)
    lines: list[str] = []
    missing = carry_out(folders, 7, workers=0, listener=Told(lines.append))
    assert held == [[False, True], [False, False]]  # a run that is to be sampled yet is nobody else's
    assert missing == {folder: [] for folder in folders}
    for name, run in study.runs.items():
        runs.execute(run, tmp_path / "alone" / name, 7, workers=0)
        one, other = (Table.read(tmp_path / where / name / "evidence.ecsv") for where in ("all", "alone"))
        for column in ("lnz", "lnz_err", "n_calls"):
            assert one[column].tolist() == other[column].tolist()
        chi2 = [(tmp_path / where / name / "chi2.ecsv").read_text() for where in ("all", "alone")]
        assert chi2[0] == chi2[1]
        assert (tmp_path / "all" / name / "index.html").exists()
    begins = [number for number, line in enumerate(lines) if line.startswith("Combination ")]
    assert [lines[number] for number in begins] == [
        "Combination 1 of 2: Correlated (correlated)",
        "Combination 2 of 2: Diagonal (diagonal)",
    ]
    assert all(lines[number + 1].startswith("ln Z (base-min) = ") for number in begins)
    (tmp_path / "all" / "diagonal" / "base-min" / "importance.h5").unlink()
    lines.clear()
    carry_out(folders, 7, workers=0, listener=Told(lines.append))
    assert "Resuming: 1 of 2 samplings are finished." in lines
    assert sum("nothing is sampled again" in line for line in lines) == 1


@pytest.mark.slow
def test_what_cannot_be_made_of_one_run_keeps_no_other_from_its_end(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = products._write_posteriors

    def fails_once(directory: Path, summary: Any) -> None:
        if directory.name == "correlated":
            raise RuntimeError("out of ink")
        write(directory, summary)

    kept = tuple(
        products.Product(one.name, one.words, one.files, fails_once) if one.name == "posteriors" else one
        for one in products.PRODUCTS
    )
    monkeypatch.setattr(products, "PRODUCTS", kept)
    lines: list[str] = []
    folders = {tmp_path / name: run for name, run in study.runs.items()}
    missing = carry_out(folders, workers=0, listener=Told(lines.append))
    assert missing == {
        tmp_path / "correlated": ["base-min/posterior.nc cannot be made: RuntimeError: out of ink"],
        tmp_path / "diagonal": [],
    }
    assert (tmp_path / "diagonal" / "base-min" / "posterior.nc").exists()
    assert sum("out of ink" in line for line in lines) == 1


def test_a_directory_that_another_run_holds_is_refused_before_anything_is_sampled(tmp_path: Path, study: Study) -> None:
    folders = {tmp_path / name: run for name, run in study.runs.items()}
    (tmp_path / "diagonal").mkdir()
    with lock(tmp_path / "diagonal"), pytest.raises(UserError, match=r"at work in .*diagonal"):
        carry_out(folders, workers=0)
    assert not list(tmp_path.glob("*/*/*.h5"))
    assert not is_held(tmp_path / "correlated")
