"""A study from the command line: every combination is run, the page is written, and a second call only goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from quick_run import numbers_alone

from crsea_infer.cli.main import main
from crsea_infer.plan.study_file import load_study
from crsea_infer.support.errors import UserError
from crsea_infer.workflow import studies

if TYPE_CHECKING:
    from pathlib import Path

STUDY = """
title = "Two systematics"
hypotheses = ["base-min", "base-max"]

[samplers.importance]
walkers = 64
steps = 200
draws = 6000
least_effective = 100

[exact_check]
samples = 0

[prior_sensitivity]
parameters = []

[[comparisons]]
title = "Min against Max"
pairs = [["base-min", "base-max"]]

[combinations.correlated]
title = "Correlated"
likelihoods = ["lhaaso_km2a_outer"]

[combinations.diagonal]
title = "Diagonal"
likelihoods = ["lhaaso_km2a_outer"]
options.lhaaso_km2a_outer.systematics = "diagonal"
"""


@pytest.mark.slow
def test_a_study_runs_all_its_combinations_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.toml").write_text(STUDY)
    assert main(["check", "two.toml"]) == 0
    assert "The study is valid: 2 runs." in capsys.readouterr().out
    with monkeypatch.context() as patch:
        numbers_alone(patch, "goodness of fit")
        studies.execute_study(load_study("two.toml"), tmp_path / "out", workers=0, accept_unconverged=True)
    page = (tmp_path / "out" / "results.md").read_text()
    assert "| ln B | base-min : base-max |" in page
    assert all(
        any(line.startswith(f"| {title} | ") for line in page.splitlines()) for title in ("Correlated", "Diagonal")
    )
    assert not list(tmp_path.glob("out/*/figures/*.pdf"))
    assert main(["run", "two.toml", "--output", "out", "--accept-unconverged"]) == 0
    said = capsys.readouterr().out
    assert said.count("nothing is sampled again") == 2
    assert "Combination 1 of 2: Correlated (correlated)" in said
    assert (tmp_path / "out" / "results.md").read_text() == page
    for name in ("correlated", "diagonal"):  # by other processes
        assert (tmp_path / "out" / name / "index.html").exists()
        assert (tmp_path / "out" / name / "figures" / "corner_overlay.pdf").exists()


def test_a_page_that_no_study_wrote_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "two.toml").write_text(STUDY)
    (tmp_path / "results.md").write_text("mine")
    monkeypatch.setattr(studies, "carry_out", None)
    with pytest.raises(UserError, match="is not the page of a study"):
        studies.execute_study(load_study(tmp_path / "two.toml"), tmp_path)
    assert (tmp_path / "results.md").read_text() == "mine"
