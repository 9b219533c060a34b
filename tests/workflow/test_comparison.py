"""Comparing finished runs: their own factors, marked and refused where they do not compare."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from astropy.table import Table

from crsea_infer.cli.main import main
from crsea_infer.support.errors import UserError
from crsea_infer.workflow.comparison import compare


def test_compare_gives_the_factor_of_the_run(
    finished: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = finished
    found = compare([out])
    text = "\n".join(found.lines)
    assert capsys.readouterr().out == ""
    assert main(["compare", str(out)]) == 0
    assert capsys.readouterr().out == f"{text}\n"
    ln_b = float(Table.read(out / "bayes_factors.ecsv")["ln_b"][0])
    assert f"= {ln_b:.1f}" in text or f"= {ln_b:.2f}" in text
    with pytest.raises(UserError, match="holds no run"):
        compare([tmp_path])
    with pytest.raises(UserError, match="is not a directory") as caught:
        compare([out / "run.toml"])
    assert "--" not in caught.value.fix
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "run.toml").write_text("[identity")
    with pytest.raises(UserError, match="cannot be read") as caught:
        compare([damaged])
    assert "--" not in caught.value.fix
    other = tmp_path / "other"
    other.mkdir()
    (other / "run.toml").write_text((out / "run.toml").read_text())
    with pytest.raises(UserError, match=r"evidence\.ecsv"):
        compare([other])


def test_compare_marks_evidences_that_did_not_converge(finished: tuple[Path, Path], tmp_path: Path) -> None:
    _, out = finished
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "run.toml").write_text((out / "run.toml").read_text())
    table = Table.read(out / "evidence.ecsv")
    table["status"] = ["converged" if name == "gamma-optimized-min" else "stuck" for name in table["hypothesis"]]
    table.write(copy / "evidence.ecsv")
    found = compare([copy])
    first, second, factor = found.lines[:3]
    assert found.unconverged == ("gamma-optimized-max",)
    assert first.startswith("ln Z (gamma-optimized-min)")
    assert "not converged" not in first
    assert "(not converged)" in second
    assert "(not converged)" in factor


def test_compare_refuses_evidences_of_different_data(finished: tuple[Path, Path], tmp_path: Path) -> None:
    _, out = finished
    data = tomllib.loads((out / "run.toml").read_text())["identity"]["data"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "evidence.ecsv").write_text((out / "evidence.ecsv").read_text().replace("gamma-optimized", "base"))
    (other / "run.toml").write_text((out / "run.toml").read_text().replace(data, "0123456789abcdef"))
    with pytest.raises(UserError, match="different data"):
        compare([out, other])


@pytest.mark.parametrize("other", ["out", "./out", "link"])
def test_compare_refuses_a_directory_given_twice(
    finished: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    _, out = finished
    (tmp_path / "link").symlink_to(out)
    monkeypatch.chdir(tmp_path if other == "link" else out.parent)
    with pytest.raises(UserError, match="given twice"):
        compare([out, Path(other)])
