"""`crsea-infer forecast` from the command line to the directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.cli.main import main
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.support.output_names import FORECAST_FILES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def forecast(tmp_path: Path) -> Path:
    """A forecast of seconds: the norm of one template."""
    path = tmp_path / "mine.toml"
    path.write_text(
        """
title = "Mine"
hypotheses = ["gamma-optimized-min", "gamma-optimized-max"]
data_sets = 20
[instruments.icecube]
title = "IceCube"
label = "IceCube"
basis = "Published errors."
likelihoods = ["icecube_pi0"]
"""
    )
    return path


@pytest.mark.slow
def test_the_whole_way_and_on_from_there(
    forecast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from crsea_infer.workflow import forecasts

    done: list[str] = []
    here = forecasts.run_jobs

    def counted(work: Any, tasks: Any, names: Any, report: Any, **options: Any) -> None:
        done.extend(names)
        here(work, tasks, names, report, **{**options, "workers": 0})

    monkeypatch.setattr(forecasts, "run_jobs", counted)
    out = tmp_path / "out"
    assert main(["forecast", str(forecast), "--exposures", "0.01,1", "--output", str(out)]) == 0
    assert len(done) == 4
    said = capsys.readouterr().out
    assert "Probability of ln B > 5" in said
    assert "0 refused" in said
    assert "Published errors." in said
    rows = read_table(out / FORECAST_FILES[0])
    assert [(row["exposure"], row["truth"]) for row in rows] == [
        (exposure, truth) for exposure in (0.01, 1.0) for truth in ("gamma-optimized-min", "gamma-optimized-max")
    ]
    assert {row["n_data_sets"] for row in rows} == {20}
    assert rows[2]["statistical"] == pytest.approx(0.1 * rows[0]["statistical"])
    assert all(row["cpu_s"] > 0 for row in rows)
    content = json.loads((out / FORECAST_FILES[1]).read_text())
    assert content["ln_b_50"] == pytest.approx([row["ln_b_50"] for row in rows])
    assert content["instruments"]["icecube"]["basis"] == "Published errors."
    each = read_table(out / FORECAST_FILES[2])
    assert len(each) == 160
    for name in ("forecast", "forecast_ln_b"):
        assert (out / "figures" / f"{name}.png").stat().st_size > 10_000
    before = (out / FORECAST_FILES[0]).read_text()
    assert main(["forecast", str(forecast), "--exposures", "0.01,1", "--output", str(out)]) == 0
    assert len(done) == 4  # everything was there
    assert (out / FORECAST_FILES[0]).read_text() == before
    assert main(["forecast", str(forecast), "--exposures", "1,3", "--output", str(out)]) == 0
    assert done[4:] == [name for name in done[4:] if "x 3" in name]  # what is new
    assert len(done) == 6
    assert "Resuming: 2 of 4" in capsys.readouterr().out
    again = [row for row in read_table(out / FORECAST_FILES[2]) if row["exposure"] == 1.0]
    assert np.array_equal([row["lnz"] for row in again], [row["lnz"] for row in each if row["exposure"] == 1.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["instrments"], "instruments"),
        (["instruments", "--exposures", "1,many"], "--exposures 1,many"),
        (["min_vs_max", "--exposures", "0"], "the exposures 0"),
        (["instruments", "-n", "3"], "-n 3"),
        (["min_vs_max", "--instruments", "swga"], "min_vs_max"),
        (["instruments", "--hypotheses", "base-min"], "one hypothesis"),
        (["min_vs_max", "--hypotheses", "base-min,base-mox"], "base-max"),
        (["conditional"], "training sets"),
        (["paper"], "study"),
    ],
)
def test_what_makes_no_sense_is_one_message(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["forecast", *arguments, "--output", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["run.toml", "calibration.ecsv", "forecast.ecsv", "data_sets"])
def test_the_directory_of_something_else_is_refused(
    name: str, tmp_path: Path, forecast: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("[identity]\n")
    assert main(["forecast", str(forecast), "--output", str(out)]) == 1
    assert name in capsys.readouterr().err
