"""The house: no two modules of one name, and files of one idea each."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from pathlib import Path

PACKAGE = Path(str(files("crsea_infer")))
TESTS = Path(__file__).parent


def test_no_two_modules_have_one_name() -> None:
    names = Counter(path.stem for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
    assert [name for name, count in names.items() if count > 1] == []


def test_no_module_is_a_wall() -> None:
    folders = (PACKAGE, TESTS, TESTS.parent / "benchmarks")
    long = {str(path): path.read_text().count("\n") for folder in folders for path in folder.rglob("*.py")}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
