"""`cite` of what is finished: from the references.bib that a run leaves, of a run, of a study, with its uses."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from crsea_infer.cli import commands
from crsea_infer.content.bibliography import bibtex, parse_bibtex
from crsea_infer.support.errors import UserError
from crsea_infer.workflow.cited_runs import cited_by

if TYPE_CHECKING:
    from pathlib import Path


def test_a_finished_run_says_what_it_used(finished: tuple[Path, Path]) -> None:
    file, out = finished
    text = (out / "references.bib").read_text()
    assert commands.cite(str(out)) == text
    keys = [work.key for work in parse_bibtex(text)]
    assert len(keys) == len(set(keys))
    assert {"crsea_infer", "LHAASO:2023gne", "Foreman-Mackey:2012any", "Speagle:2019ivv", "Vehtari:2017", "arviz"} <= {
        *keys
    }
    assert not {"Koldobskiy:2021nld", "Lange:2023ydq", "AMS:2019iwo"} & {*keys}
    assert bibtex(cited_by(str(file))) == text  # its run file says the same before it is run
    page = (out / "index.html").read_text()
    assert '<a href="references.bib">references.bib</a>' in page


def test_a_study_cites_what_its_runs_used(own_copy: tuple[Path, Path], tmp_path: Path) -> None:
    study = tmp_path / "study"
    for name in ("one", "two"):
        shutil.copytree(own_copy[1], study / name)
    bib = study / "two" / "references.bib"
    bib.write_text(bib.read_text().replace("% used for: the sampler emcee", "% used for: another thing"))
    (study / "results.md").touch()
    found = {one.work.key: one.uses for one in cited_by(str(study)) if one.work is not None}
    assert found["Foreman-Mackey:2012any"] == ("the sampler emcee", "another thing")


def test_a_run_that_does_not_say_is_refused(own_copy: tuple[Path, Path]) -> None:
    (own_copy[1] / "references.bib").unlink()
    with pytest.raises(UserError, match=r"there is no references\.bib"):
        cited_by(str(own_copy[1]))
    (own_copy[1] / "references.bib").write_text("@article{a, title = {open")
    with pytest.raises(UserError, match="cannot read the entry"):
        cited_by(str(own_copy[1]))
