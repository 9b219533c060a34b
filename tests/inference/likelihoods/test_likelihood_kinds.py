"""Where the class of a data set may come from: the package, an entry point, or a file that the user allowed."""

from __future__ import annotations

import importlib
import json
import os
import py_compile
import sys
from typing import TYPE_CHECKING, Any

import pytest
from dask_on_loopback import dask_cluster

from crsea_infer.cli.main import main
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.likelihood import kinds_of_likelihood, load_likelihood
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.schemas import schema
from crsea_infer.support.errors import UserError
from crsea_infer.support.jobs import run_jobs
from crsea_infer.support.user_code import ALLOWED_BY, allowing_code, code_is_allowed

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """
kind = "KIND"
title = "Two points"
label = "Two points"
region = "l=25..100,b=-5..5"
messenger = "gamma"
systematics = "none"
table = "flux.ecsv"
citations = []
"""
TABLE = """\
# %ECSV 1.0
# ---
# datatype:
# - {name: energy_min, unit: GeV, datatype: float64}
# - {name: energy_max, unit: GeV, datatype: float64}
# - {name: intensity, unit: 1 / (GeV cm2 s sr), datatype: float64}
# - {name: error_low, unit: 1 / (GeV cm2 s sr), datatype: float64}
# - {name: error_high, unit: 1 / (GeV cm2 s sr), datatype: float64}
# delimiter: ','
# meta: !!omap
# - {reference: 'arXiv:2305.05372'}
# - {table_or_figure: none}
# - {status: digitised}
# - {transcribed_from: nothing}
# schema: astropy-2.0
energy_min,energy_max,intensity,error_low,error_high
80.0,120.0,1.6e-9,2e-10,2e-10
800.0,1200.0,4e-12,5e-13,5e-13
"""
CODE = '''
"""Flux points under another name; whoever executes this leaves a mark."""

from dataclasses import dataclass
from pathlib import Path

from crsea_infer.inference.likelihoods.flux_points import FluxPoints

Path(__file__).with_name("executed").touch()
NUMBER = 3


@dataclass(frozen=True, eq=False)
class Mine(FluxPoints):
    pass


class Half:
    pass
'''
RUN = """
title = "T"
hypotheses = ["base-min", "base-max"]
likelihoods = ["mine"]
seed = 2
[exact_check]
samples = 0
[prior_sensitivity]
parameters = []
[samplers.importance]
walkers = 96
steps = 80
draws = 3000
scouts = 0
"""

Data = Any
"""What writes a data set; see :func:`data`."""
MODULES = ["this:Poem", "mine:Mine", "os:system", "antigravity:x", "a.b:C.d", ":", "x:", "mine:py"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Data:
    """Return what writes a data set with code beside it into an empty folder, in which the test works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ALLOWED_BY, raising=False)

    def write(kind: str = "mine.py:Mine", code: str = CODE) -> Path:
        folder = tmp_path / "likelihoods" / "mine"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "likelihood.toml").write_text(SETTINGS.replace("KIND", kind))
        (folder / "flux.ecsv").write_text(TABLE)
        (folder / "mine.py").write_text(code)
        (tmp_path / "mine.toml").write_text(RUN)
        return folder

    return write


def refused(folder: Path) -> UserError:
    """What is said of a data set, whose code was not executed."""
    with pytest.raises(UserError) as caught:
        load_likelihood("mine")
    assert not (folder / "executed").exists()
    return caught.value


def test_no_code_is_executed_before_the_user_allows_it(data: Data) -> None:
    said = refused(data())
    assert "mine.py:Mine" in said.given
    assert "would execute the Python file" in said.given
    assert "--allow-code" in said.fix
    assert f"{ALLOWED_BY}=1" in said.fix


@pytest.mark.parametrize("value", ["", "0", "no", "true"])
def test_only_one_value_of_the_variable_allows_it(data: Data, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(ALLOWED_BY, value)
    refused(data())


def test_a_file_that_the_user_allowed_gives_a_kind(data: Data) -> None:
    folder = data()
    with allowing_code():
        likelihood = load_likelihood("mine")
    assert isinstance(likelihood, FluxPoints)
    assert type(likelihood).__name__ == "Mine"
    assert (folder / "executed").exists()
    assert not code_is_allowed()
    assert not (folder / "__pycache__").exists()


@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize("kind", MODULES)
def test_no_module_is_imported_because_a_file_names_it(data: Data, kind: str, allow: bool) -> None:
    data(kind)
    with allowing_code(allow):
        said = refused(data(kind))
    assert "names a module" in said.given
    assert "crsea_infer.likelihoods" in said.fix
    assert "--allow-code" in said.fix
    assert not {"this", "antigravity"} & sys.modules.keys()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("../mine/mine.py:Mine", "names no class beside it"),
        ("/mine.py:Mine", "names no class beside it"),
        (".py:Mine", "names no class beside it"),
        ("mine.py:", "names no class beside it"),
        ("mine.py:Mine.read", "names no class beside it"),
        ("other.py:Mine", "there is no file"),
        ("..py:Mine", "there is no file"),
        ("pipe.py:Mine", "named pipe"),
        ("folder.py:Mine", "folder"),
    ],
)
def test_code_is_a_file_beside_its_data(data: Data, kind: str, said: str) -> None:
    folder = data(kind)
    os.mkfifo(folder / "pipe.py")
    (folder / "folder.py").mkdir()
    with allowing_code():
        assert said in str(refused(folder))


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        ("mine.py:Mien", CODE, "cannot be loaded: AttributeError: 'mine.py' has no attribute 'Mien'"),
        ("mine.py:NUMBER", CODE, "is no class"),
        ("mine.py:Half", CODE, "lacks read"),
        ("mine.py:Mine", "import nowhere_at_all", "cannot be loaded: ModuleNotFoundError"),
        ("mine.py:Mine", "raise SystemExit(3)", "cannot be loaded: SystemExit"),
        ("mine.py:Mine", "def", "cannot be loaded: SyntaxError"),
        ("mine.py:Mine", "x = '\0'", "cannot be loaded"),
        ("mine.py:Mine", "class Mine:\n    read = staticmethod(lambda folder: folder)", "lacks "),
    ],
)
def test_what_is_wrong_with_the_code_is_one_message(data: Data, kind: str, code: str, said: str) -> None:
    data(kind, code)
    with allowing_code(), pytest.raises(UserError) as caught:
        load_likelihood("mine")
    assert said in str(caught.value)
    assert "likelihood.toml" in str(caught.value)


def test_compiled_code_that_lies_beside_it_is_not_executed(data: Data, tmp_path: Path) -> None:
    """A file that reads well may come with a __pycache__ that holds something else."""
    folder = data()
    other = tmp_path / "other.py"
    other.write_text("raise RuntimeError('the other one')".ljust((folder / "mine.py").stat().st_size))
    state = (folder / "mine.py").stat()
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    cached = folder / "__pycache__" / f"mine.{sys.implementation.cache_tag}.pyc"
    cached.parent.mkdir()
    py_compile.compile(str(other), cfile=str(cached), dfile=str(folder / "mine.py"))
    with allowing_code():
        assert type(load_likelihood("mine")).__name__ == "Mine"


def test_other_code_makes_another_run(data: Data) -> None:
    folder = data()
    with allowing_code():
        first, again = load_run("mine.toml"), load_run("mine.toml")
        (folder / "mine.py").write_text(CODE + "\n# another thought\n")
        changed = load_run("mine.toml")
    assert first.fingerprint() == again.fingerprint() != changed.fingerprint()


@pytest.fixture
def describe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Work that workers can import: tell of a likelihood what its class is called."""
    (tmp_path / "describing.py").write_text(
        "def describe(task, tell):\n    return f'{type(task).__name__} {task.n_data}'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "describing", raising=False)
    return importlib.import_module("describing").describe


def test_worker_processes_are_sent_the_code(describe: Any, data: Data) -> None:
    folder = data()
    with allowing_code():
        likelihood = load_likelihood("mine")
    (folder / "mine.py").unlink()
    heard: dict[int, str] = {}
    run_jobs(describe, [likelihood], ["one"], lambda *_: None, workers=1, take=heard.__setitem__)
    assert heard == {0: "Mine 2"}


@pytest.mark.slow
def test_workers_of_a_cluster_are_sent_the_code(describe: Any, data: Data, tmp_path: Path) -> None:
    folder = data()
    with allowing_code():
        likelihood = load_likelihood("mine")
    (folder / "mine.py").unlink()
    heard: dict[int, str] = {}
    with dask_cluster(tmp_path) as (address, _):
        run_jobs(describe, [likelihood], ["one"], lambda *_: None, scheduler=address, take=heard.__setitem__)
    assert heard == {0: "Mine 2"}


@pytest.mark.slow
def test_commands_take_the_flag(data: Data, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data()
    assert main(["check", "mine.toml"]) == 1
    assert "--allow-code" in capsys.readouterr().err
    assert main(["list", "likelihoods"]) == 0
    assert not (folder / "executed").exists()
    assert main(["check", "mine.toml", "--allow-code"]) == 0
    assert "The run is valid" in capsys.readouterr().out
    assert main(["list", "likelihoods", "--allow-code"]) == 0
    assert "Two points" in capsys.readouterr().out
    assert main(["cite", "mine.toml", "--allow-code"]) == 0
    assert not code_is_allowed()


def test_the_schema_knows_kinds_and_files_of_ones_own() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    found = json.loads(json.dumps(schema("likelihood")))
    assert set(kinds_of_likelihood()) <= set(found["$defs"])
    jsonschema.validate({"kind": "mine.py:Mine", "whatever": 1}, found)
    for kind in ("mine:Mine", "a/mine.py:Mine", "os:system"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"kind": kind}, found)
