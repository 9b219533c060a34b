"""What writes the reference pages and checks the site: complete, and not blind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from page_blocks import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="the documentation is not beside the tests")


@pytest.fixture(autouse=True)
def documentation_in_reach(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "extensions"))
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if str(ROOT / "docs") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_every_command_and_option_is_in_the_reference(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import command_text

    from crsea_infer.cli.main import main

    text = command_text.commands(tmp_path)
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out.split("commands:")[1].split("examples:")[0]
    names = [line.split()[0] for line in listed.splitlines() if line.startswith("    ") and line[4] != " "]
    assert len([name for name in names if name != "COMMAND"]) >= 10
    for name in names:
        assert name == "COMMAND" or f"\n## {name}\n" in f"\n{text}", name
    for found in (
        "\n### grid import\n",
        "\n### emulator validate\n",
        "`--scheduler ADDRESS`\n",
        "`--set NAME=VALUE`\n",
    ):
        assert found in text
    assert "\n: \n" not in text  # every argument is told
    assert "==SUPPRESS==" not in text
    assert "%(default)s" not in text


def test_all_content_is_in_the_reference(tmp_path: Path) -> None:
    import content_text

    import crsea_infer as cr

    for kind, write in {
        "priors": content_text.prior_sets,
        "hypotheses": content_text.hypotheses,
        "likelihoods": content_text.data_sets,
        "runs": content_text.runs,
    }.items():
        text = write(tmp_path)
        for name in cr.available(kind):
            assert f"## {name}\n" in text or f"| `{name}` |" in text, name


def test_formulas_are_drawn_as_they_are_meant() -> None:
    pytest.importorskip("sphinx")
    nodes: Any = pytest.importorskip("docutils.nodes")
    import mathml

    def drawn(tex: str) -> str:
        return mathml._converted(None, nodes.math(tex, tex), block=False)

    assert "<mn>1</mn><mn>2</mn></mfrac>" in drawn(r"(n + \tfrac12)\pi")  # and not 12 over the bracket
    assert drawn("^{-2}").count("<msup>") == 1  # an index of the word before the formula
    assert drawn("|z| = H").count('lspace="0" rspace="0"') == 2


def test_the_check_of_the_site_sees_faults(tmp_path: Path) -> None:
    import check_site

    (tmp_path / "other.html").write_text('<h1 id="here">x</h1>')
    (tmp_path / "index.html").write_text(
        '<a href="other.html#here">good</a> <a href="other.html#there">no place</a> <a href="gone.html">no page</a>'
        '<a href="https://example.org">elsewhere</a> <script src="https://cdn.example.org/x.js"></script>'
        '<img src="gone.png"><img src="data:image/png;base64,">'
    )
    found, inside, outside = check_site.faults(tmp_path)
    assert (inside, outside) == (3, 1)
    assert sorted(line.split(" ", 1)[1].split(",")[0] for line in found) == [
        "links to gone.html",
        "links to other.html#there",
        "loads gone.png",
        "loads https://cdn.example.org/x.js",
    ]
