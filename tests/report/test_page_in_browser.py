"""The page as a browser shows it: nothing overflows a phone, everything is reached by keyboard, no error is logged."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.report.pages.page_words import PageWords
from crsea_infer.report.pages.run_page import write_page

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.results.summary import RunSummary

pytestmark = pytest.mark.xdist_group("browser")

BAD = '<script>document.title = "hacked"</script> & co'

LOOK = """<!doctype html><iframe id="page" src="{page}" width="{width}" height="900"></iframe><pre id="found"></pre>
<script>
document.getElementById("page").addEventListener("load", (event) => {{
  const page = event.target.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll("body *")].filter((one) => !one.closest(".table, .skip")
    && one.getBoundingClientRect().right > root.clientWidth + 1).map((one) => one.tagName);
  const asked = [...page.querySelectorAll("a[href], .table")];
  const deaf = asked.filter((one) => {{ one.focus(); return page.activeElement !== one; }}).map((one) => one.outerHTML);
  const lost = [...page.querySelectorAll("nav a")].map((one) => one.getAttribute("href"))
    .filter((one) => !page.getElementById(one.slice(1)));
  const style = (one) => getComputedStyle(one);
  document.getElementById("found").textContent = JSON.stringify({{
    width: root.clientWidth, scrolls: root.scrollWidth, wide, deaf, lost, title: page.title,
    scripts: page.querySelectorAll("script").length, tables: page.querySelectorAll(".table").length,
    headings: page.querySelectorAll("h2").length, contents: page.querySelectorAll("nav a").length,
  }});
}});
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, nested_run: RunSummary) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "figures").mkdir()
    run = replace(nested_run.run, title=BAD, description=BAD)
    row = ("base-min", "a_very_long_name_of_a_parameter_that_does_not_break", "-1.5e-07", *["123456.7"] * 8)
    columns = ("hypothesis", "parameter", *(f"column {number}" for number in range(9)))
    sections = [Section(BAD, (SectionTable(columns, (row,), frozenset(columns[2:])),), words=("10^-3 GeV m^-2",))]
    write_page(folder, replace(nested_run, run=run), sections, {"hash": "0" * 64})
    return folder / "index.html"


def _look(page: Path, width: int) -> dict[str, Any]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here")
    asks = page.parent / f"look{width}.html"
    asks.write_text(LOOK.format(page=page.name, width=width))
    done = subprocess.run(
        [
            program,
            *("--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--disable-extensions"),
            *("--enable-logging=stderr", "--virtual-time-budget=5000", f"--user-data-dir={page.parent / 'profile'}"),
            *("--window-size=1500,1000", "--dump-dom", asks.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert not [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None
    seen: dict[str, Any] = json.loads(unescape(found[1]))
    return seen


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
def test_nothing_overflows_and_all_is_reached(page: Path, width: int) -> None:
    seen = _look(page, width)
    assert seen["scrolls"] <= seen["width"] <= width
    assert seen["wide"] == []
    assert seen["deaf"] == []
    assert seen["lost"] == []
    assert seen["scripts"] == 0
    assert seen["title"] == BAD
    assert seen["tables"] >= 4
    assert seen["headings"] == seen["contents"] >= 7


def test_a_title_is_text_wherever_it_stands(page: Path) -> None:
    text = page.read_text()
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 4  # title, heading, description, section and its place in the contents


def test_numbers_are_set_as_numbers(page: Path) -> None:
    text = page.read_text()
    assert "\u22121.5 × 10<sup>\u22127</sup>" in text
    assert "10<sup>\u22123</sup> GeV m<sup>\u22122</sup>" in text


def test_names_give_way_to_titles() -> None:
    words = PageWords({"base-min": "Base, Min", "km2a_inner": "KM2A inner", "a": "Alpha"})
    assert words.plain("a") == "Alpha"
    assert words.plain("a base-min and base-min-sources; km2a_inner_shift of km2a_inner.") == (
        "a “Base, Min” and base-min-sources; km2a_inner_shift of “KM2A inner”."
    )
    assert str(PageWords({"x-y": "<b>"}).shown("x-y")) == "&lt;b&gt;"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-2.5 +- 0.1", "\u22122.5 ± 0.1"),
        ("-1.0 / -1.0 (-3)", "\u22121.0 / \u22121.0 (\u22123)"),
        ("2026-11-28, 10.1088/0004-637X, k-hat, 1-25 TeV", "2026-11-28, 10.1088/0004-637X, k-hat, 1-25 TeV"),
        ("log-normal 4.05e+06 +- 0.1 dex", "log-normal 4.05 × 10<sup>6</sup> ± 0.1 dex"),
        ("GeV^1.8 m^-2 s^-1", "GeV<sup>1.8</sup> m<sup>\u22122</sup> s<sup>\u22121</sup>"),
        ("sha256 053b2e05da1e-09ab", "sha256 053b2e05da1e-09ab"),
        ("< 1e-4 & more", "&lt; 1 × 10<sup>\u22124</sup> &amp; more"),
    ],
)
def test_signs_and_powers(text: str, shown: str) -> None:
    assert str(PageWords().number(text)) == shown


def _colours(style: str) -> tuple[dict[str, str], dict[str, str]]:
    light, dark = (
        dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    )
    return light, {**light, **dark}


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255.0 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag_aa(page: Path) -> None:
    for colours in _colours(page.read_text()):
        for ground in ("paper", "panel"):
            for ink in ("ink", "soft", "link", "bad"):
                assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
            for edge in ("good-edge", "bad-edge"):
                assert _contrast(colours[edge], colours[ground]) >= 3.0, (edge, ground)
