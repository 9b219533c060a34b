"""Every block of code of the documentation and the README: executed as it stands, or marked with the reason why not."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from page_blocks import ROOT, blocks, pages

if TYPE_CHECKING:
    from pathlib import Path

    from page_blocks import Block

_EXECUTED = {"sh", "python"}
_PAGES = pages()
_NAMES = [str(page.relative_to(ROOT)) for page in _PAGES]
pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="the documentation is not beside the tests")


def _is_run(block: Block) -> bool:
    return block.language in _EXECUTED and block.mark != "not run"


@pytest.mark.parametrize("page", _PAGES, ids=_NAMES)
def test_blocks_are_of_known_languages_and_marks_have_reasons(page: Path) -> None:
    for number, block in enumerate(found := blocks(page)):
        where = f"{page.name}, line {block.line}"
        assert block.language in {"", "sh", "python", "toml", "text", "yaml"}, where
        assert block.mark != "not run" or len(block.reason.split()) > 2, where
        if block.mark == "refused":
            assert found[number + 1].language == "text", where
        if block.language == "python":
            compile(block.body, where, "exec")
        if block.language == "toml":
            tomllib.loads(block.body)


def _run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", "")))  # noqa: PTH120 -- not resolved
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "400", "MPLBACKEND": "Agg"}
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=name) for page, name in zip(_PAGES, _NAMES, strict=True) if any(map(_is_run, blocks(page)))],
)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    found = blocks(page)
    for number, block in enumerate(found):
        if block.file:
            place = tmp_path / block.file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(block.body)
        elif _is_run(block):
            command = ["bash", "-ec"] if block.language == "sh" else [sys.executable, "-c"]
            done = _run([*command, block.body], tmp_path)
            said = f"{page.name}, line {block.line}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
            assert done.returncode == (1 if block.mark == "refused" else 0), said
            if block.mark == "refused":
                assert "Traceback" not in done.stderr
                for line in found[number + 1].body.splitlines():
                    assert line in done.stderr.splitlines(), said
