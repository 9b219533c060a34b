"""Runs beside a run: carried out with it, shown on its page, and no part of its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from astropy.table import Table
from quick_run import without_figures

import crsea_infer as cr
from crsea_infer.cli import commands
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.runs_beside import runs_beside
from crsea_infer.report.tables.beside_table import beside_factors
from crsea_infer.support.errors import UserError
from crsea_infer.workflow import runs
from crsea_infer.workflow.comparison import compare

if TYPE_CHECKING:
    from pathlib import Path

RUN = """
title = "T"
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
[hypotheses]
min = ["still_min"]
max = ["still_max"]
[exact_check]
samples = 0
[prior_sensitivity]
parameters = []
[options.lhaaso_km2a_inner]
systematics = "none"
[options.lhaaso_km2a_outer]
systematics = "none"
[samplers.importance]
"""

HYPOTHESES = """[hypotheses]
min = ["still_min"]
max = ["still_max"]
"""
TITLED = """[[hypotheses]]
name = "low-sea"
title = "The sea is low"
prior_sets = ["still_min"]
[[hypotheses]]
name = "high-sea"
title = "The sea is high"
prior_sets = ["still_max"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs of hypotheses without free parameters, of which the first has the second beside it."""
    monkeypatch.chdir(tmp_path)
    without_figures(monkeypatch)
    (tmp_path / "priors").mkdir()
    words = 'label = "x"\ndescription = "D"\nsource = "S"\ndistribution = { kind = "fixed" }'
    for local in ("min", "max"):
        parameters = load_hypothesis(f"base-{local}").parameters
        lines = ['title = "T"', 'description = "D"', "references = []"]
        lines += [f"[parameters.{one.name}]\nfiducial = {float(one.fiducial)!r}\n{words}" for one in parameters]
        (tmp_path / "priors" / f"still_{local}.toml").write_text("\n".join(lines))
    trained = RUN.replace('title = "T"', 'title = "Trained?"\ntrain_on = ["lhaaso_km2a_outer"]')
    (tmp_path / "trained.toml").write_text(trained.replace(HYPOTHESES, TITLED))
    (tmp_path / "main.toml").write_text(RUN.replace('title = "T"', 'title = "T"\nbeside = ["./trained.toml"]'))
    return tmp_path


@pytest.mark.slow
def test_they_are_carried_out_and_shown(folder: Path) -> None:
    run = load_run("./main.toml")
    out = runs.execute(run, folder / "out", workers=0)
    inner = Table.read(out / "beside" / "trained" / "bayes_factors.ecsv")
    (row,) = Table.read(out / "beside.ecsv")
    assert (row["run"], row["title"]) == ("trained", "Trained?")
    assert (row["hypothesis_1"], row["hypothesis_2"]) == ("low-sea", "high-sea")
    assert row["predicted"] == "lhaaso_km2a_inner"
    assert row["trained_1"] == row["trained_2"] == "lhaaso_km2a_outer"
    assert row["ln_b"] == inner["ln_b"][0]
    assert row["status"] == "converged"
    page = (out / "index.html").read_text()
    said = "Conditional on local data (trained): "
    assert page.index(said) < page.index("ln&thinsp;B") < page.index('"verdict"', page.index(said))
    (factor,) = beside_factors(out)
    assert factor.is_conditional
    unmeasured = "spread over choices: not measured (crsea-infer robustness trained)"
    assert factor.line.startswith(f"{said}ln B (low-sea : high-sea) = {row['ln_b']:.2f} (numerical)   {unmeasured}")
    assert unmeasured in page
    shown = repr(cr.open_run(out))
    assert shown.index(said) < shown.index("; ln B (min : max)")
    lines = compare([out]).lines
    assert lines.index(factor.line) < min(number for number, line in enumerate(lines) if line.startswith("ln B"))
    assert "Beside it" in page
    assert "Trained?" in page
    assert "over “The sea is high”" in page or "over “The sea is low”" in page
    assert "high-sea" not in page.replace("high-sea.", "")  # files alone are named so
    # the sum of logs: conditional on the outer region is what the inner one adds
    whole = Table.read(out / "bayes_factors.ecsv")["ln_b"][0]
    evidences = Table.read(out / "beside" / "trained" / "evidence.ecsv")
    training = {str(one["hypothesis"]): one["lnz"] for one in evidences if one["data"] == "training"}
    assert row["ln_b"] == pytest.approx(whole - (training["low-sea"] - training["high-sea"]))


def test_they_are_no_part_of_what_a_run_is(folder: Path) -> None:
    plain = folder / "plain.toml"
    plain.write_text(RUN)
    assert load_run("./plain.toml").fingerprint() == load_run("./main.toml").fingerprint()


def test_check_looks_at_them_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands.check("./main.toml")
    assert capsys.readouterr().out
    (folder / "trained.toml").write_text(RUN.replace('"still_min"', '"still_mni"'))
    with pytest.raises(UserError, match="still_mni"):
        commands.check("./main.toml")


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ('["./main.toml"]', "other runs"),
        ('["./trained.toml", "./trained.toml"]', "each once"),
        ('["no_such_run"]', "no_such_run"),
        ('["./nested.toml"]', "has runs beside it"),
    ],
)
def test_what_goes_round_in_circles_is_refused(folder: Path, beside: str, message: str) -> None:
    (folder / "nested.toml").write_text(RUN.replace('title = "T"', 'title = "T"\nbeside = ["./trained.toml"]'))
    (folder / "main.toml").write_text(RUN.replace('title = "T"', f'title = "T"\nbeside = {beside}'))
    with pytest.raises(UserError) as caught:
        runs_beside(load_run("./main.toml"))
    assert message in str(caught.value)
