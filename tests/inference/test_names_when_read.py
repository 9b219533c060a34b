"""Names and texts in the files of a run: what could not be written later is refused when it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.table import Table

from crsea_infer.cli import commands, main
from crsea_infer.content import finding
from crsea_infer.content.measurements import Column, read_table
from crsea_infer.grids.model_table import read_model_table
from crsea_infer.hypotheses.prior_sets import read_prior_set
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError

RUN = """
title = "T"
hypotheses = ["base-min"]
likelihoods = [{likelihoods}]
[samplers.dynesty]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data(folder: Path, name: str) -> Path:
    return Path(shutil.copytree(finding.find("likelihoods", "lhaaso_km2a_outer").parent, folder / "likelihoods" / name))


def run(folder: Path, *likelihoods: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(RUN.format(likelihoods=", ".join(f'"{name}"' for name in likelihoods)))
    return path


@pytest.mark.parametrize("name", ["draw", "chain", "sample", "a/b", "a b", " ", "x" * 240, "é"])
@pytest.mark.parametrize(
    ("key", "source"), [("systematic_name", "lhaaso_km2a_outer"), ("energy_scale_name", "kascade_protons")]
)
def test_a_nuisance_that_no_posterior_could_hold_is_refused(name: str, key: str, source: str) -> None:
    with pytest.raises(UserError, match="cannot name a nuisance"):
        load_likelihood(source, {key: name}, options_where="options")


@pytest.mark.parametrize("name", ["draw", "chain", "d_expected", "d_point", "x" * 120])
def test_a_data_folder_that_no_posterior_could_hold_is_refused(folder: Path, name: str) -> None:
    data(folder, name)
    with pytest.raises(UserError, match="cannot name a data set"):
        load_run(run(folder, name))


@pytest.mark.parametrize("name", ["draw", "chain", "sample", "x" * 240])
def test_a_parameter_that_no_posterior_could_hold_is_refused(folder: Path, name: str) -> None:
    path = folder / "mine.toml"
    path.write_text(finding.find("priors", "gas").read_text().replace("hi_scale", name))
    with pytest.raises(UserError, match="cannot name a parameter"):
        read_prior_set(path)


def test_two_nuisances_of_one_data_set_are_not_one() -> None:
    with pytest.raises(UserError, match="two nuisances are called 's'"):
        load_likelihood("kascade_protons", {"systematic_name": "s", "energy_scale_name": "s"}, options_where="options")


def test_a_linked_folder_is_called_as_the_link(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data(folder, "original")
    for name in ("first", "second"):
        (folder / "likelihoods" / name).symlink_to("original")
    path = run(folder, "first", "likelihoods/second")
    names = [likelihood.name for likelihood in load_run(path).likelihoods]
    assert names == ["first", "second"]
    assert load_likelihood("likelihoods/../likelihoods/first/likelihood.toml").name == "first"
    assert load_likelihood("likelihoods/first/").name == "first"
    commands.list_content(("likelihoods",))
    listed = capsys.readouterr().out
    assert {"first", "second", "original"} <= {line.split()[0] for line in listed.splitlines() if line.strip()}
    path.write_text(path.read_text() + '[options.second]\nsystematics = "none"\n')
    assert load_run(path).likelihoods[1].nuisances == ()


def test_names_that_differ_in_capitals_only_are_refused_together(folder: Path) -> None:
    data(folder, "mine")
    data(folder, "Mine")
    with pytest.raises(UserError, match="differ in capital letters only"):
        load_run(run(folder, "mine", "Mine"))


def test_a_column_of_pairs_is_one_message(folder: Path) -> None:
    table = Table({"energy": [1.0, 2.0] * units.GeV, "error": np.ones((2, 2))})
    table.meta |= dict.fromkeys(("reference", "table_or_figure", "transcribed_from"), "a")
    table.meta["status"] = "published-table"
    table.write(folder / "t.ecsv", format="ascii.ecsv")
    with pytest.raises(UserError, match="'error' holds 2 values in each row"):
        read_table(folder / "t.ecsv", [Column("energy", "GeV"), Column("error", "")])
    Table({"H": np.ones((2, 2)), "gamma_pi0": ["a", "b"]}).write(folder / "m.ecsv", format="ascii.ecsv")
    with pytest.raises(UserError, match="several values in each row"):
        read_model_table(folder / "m.ecsv")


def test_a_parameter_of_a_grid_that_its_file_could_not_hold_is_refused(folder: Path) -> None:
    for name in ("a.fits", "b.fits"):
        (folder / name).write_text("")
    (folder / "m.csv").write_text("region,gamma_pi0\n1,a.fits\n2,b.fits\n")
    with pytest.raises(UserError, match="'region' cannot name a parameter of a grid"):
        read_model_table(folder / "m.csv")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('title = "', 'title = "\\u001b[2J'),
        ('label = "', 'label = "\\u0000'),
        ('label = "', 'label = "\\u202E'),
        ("citations = [", 'citations = ["@misc{a\\u0007b}", '),
        ('table = "', 'table = "\\u001b'),
    ],
)
def test_characters_that_act_on_a_terminal_are_refused(folder: Path, old: str, new: str) -> None:
    file = data(folder, "mine") / "likelihood.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=r"likelihood\.toml: \w+: holds the character U\+"):
        load_likelihood("mine")


def test_those_in_the_metadata_of_a_table_too(folder: Path) -> None:
    path = data(folder, "mine")
    table = next(path.glob("*.ecsv"))
    table.write_text(table.read_text().replace("- {reference: ", '- {note: "\\e[2J"}\n# - {reference: ', 1))
    with pytest.raises(UserError, match=r"metadata: note: holds the character U\+001B"):
        load_likelihood("mine")


def test_markup_and_odd_file_names_are_shown_as_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "priors").mkdir()
    text = finding.find("priors", "gas").read_text()
    (folder / "priors" / "[red]mine.toml").write_text(text.replace('title = "', 'title = "[bold]'))
    Path(b"priors/bytes\xff\x1b[2J.toml".decode(errors="surrogateescape")).write_text(text)
    assert main.main(["list", "priors"]) == 0
    shown = capsys.readouterr().out
    assert "[red]mine" in shown
    assert "[bold]" in shown
    assert "bytes\\udcff\\x1b[2J" in shown
