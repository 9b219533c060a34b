"""Runs from a script without a guard, from standard input, a notebook and a thread, and beside files of any name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN = """
title = "Tiny"
hypotheses = ["gamma-optimized-min"]
likelihoods = ["lhaaso_km2a_inner"]
seed = 3
[exact_check]
samples = 0
[samplers.emcee]
block = 100
max_steps = 100
"""
# what is made of samples takes longer than they do, and has tests of its own
PROGRAM = """
from pathlib import Path
from crsea_infer.workflow import runs
from crsea_infer.plan.run_file import load_run
print("begun")
runs.write_products = lambda *_: []
runs.sections = lambda *_: ([], [])
runs.write_page = lambda *_: None
runs.show_result = lambda *_: None
"""
EXECUTE = 'runs.execute(load_run(Path("tiny.toml")), Path("out"), workers=2, accept_unconverged=True)\n'
THREAD = """
import threading
failed = []
def tell(what):
    failed.append(what.exc_value)
    threading.__excepthook__(what)
threading.excepthook = tell  # an exception ends a thread, and leaves the exit status at 0
thread = threading.Thread(target=lambda: {execute})
thread.start()
thread.join()
raise SystemExit(len(failed))
"""
SHADOWS = ("signal", "select", "selectors", "types", "queue", "random", "numpy", "jax")


def begin(folder: Path, program: str = "", shadows: bool = False) -> None:
    (folder / "tiny.toml").write_text(RUN)
    if program:
        (folder / "program.py").write_text(program)
    for name in SHADOWS if shadows else ():
        (folder / f"{name}.py").write_text('raise SystemExit("a file of the user\'s was imported")\n')


def python(folder: Path, *arguments: str, text: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        input=text,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_sampled(ended: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("begun") <= 1, "the script was run once more"
    assert (folder / "out" / "gamma-optimized-min" / "emcee.h5").is_file(), ended.stdout + ended.stderr


@pytest.mark.slow
def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    begin(tmp_path, PROGRAM + EXECUTE)
    assert_sampled(python(tmp_path, "program.py"), tmp_path)


@pytest.mark.slow
def test_standard_input_will_do(tmp_path: Path) -> None:
    """A notebook is the same to worker processes: there is no file of the main module."""
    begin(tmp_path)
    assert_sampled(python(tmp_path, "-", text=PROGRAM + EXECUTE), tmp_path)


@pytest.mark.slow
def test_a_thread_will_do(tmp_path: Path) -> None:
    begin(tmp_path, PROGRAM + THREAD.format(execute=EXECUTE.strip()))
    assert_sampled(python(tmp_path, "program.py"), tmp_path)


def test_what_goes_wrong_in_a_thread_would_be_seen(tmp_path: Path) -> None:
    begin(tmp_path, THREAD.format(execute='exec("raise ValueError(1)")'))
    ended = python(tmp_path, "program.py")
    assert ended.returncode == 1
    assert "ValueError: 1" in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("how", ["script", "command"])
def test_files_of_the_current_directory_are_no_modules_of_workers(tmp_path: Path, how: str) -> None:
    """The installed command does not search the current directory; its workers must not either."""
    begin(tmp_path, PROGRAM + EXECUTE, shadows=True)
    elsewhere = tmp_path / "bin"
    elsewhere.mkdir()
    (elsewhere / "command.py").write_text(PROGRAM + CLI)
    command = ["-P", "program.py"] if how == "script" else [str(elsewhere / "command.py")]
    assert_sampled(python(tmp_path, *command), tmp_path)


CLI = """
from crsea_infer.cli.main import main
raise SystemExit(main(["run", "tiny.toml", "--output", "out", "--accept-unconverged"]))
"""

FIND = """
import json, sys
from crsea_infer.support.jobs import run_jobs
from work_here import work
found = []
run_jobs(work, [None], ["work"], lambda *_: None, take=lambda _index, value: found.append(value))
print(json.dumps(found[0]))
"""
WORK = """
import os, sys
def work(task, tell):
    import importlib.util
    return [os.getcwd(), sys.path, importlib.util.find_spec("stranger") is not None, __file__]
"""


def _found(folder: Path, script: Path, variables: Mapping[str, str]) -> tuple[str, list[str], bool, str]:
    import json

    ended = python(folder, str(script), **variables)
    assert ended.returncode == 0, ended.stderr
    here, path, stranger, file = json.loads(ended.stdout)
    return here, path, stranger, file


def test_workers_load_a_module_beside_the_script_and_no_other_file_there(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(FIND)
    (tmp_path / "work_here.py").write_text(WORK)
    (tmp_path / "stranger.py").write_text("")
    here, path, stranger, file = _found(tmp_path, tmp_path / "program.py", {})
    assert file == str(tmp_path.resolve() / "work_here.py")
    assert here == str(tmp_path.resolve())
    assert not {here, "", "."} & set(path)
    assert not stranger


@pytest.mark.parametrize("entry", [".", "modules"])
def test_workers_find_modules_through_pythonpath(tmp_path: Path, entry: str) -> None:
    scripts, folder = tmp_path / "scripts", tmp_path / entry
    for one in (scripts, folder):
        one.mkdir(exist_ok=True)
    (scripts / "program.py").write_text(FIND)
    (folder / "work_here.py").write_text(WORK)
    (folder / "stranger.py").write_text("")
    _, path, stranger, file = _found(tmp_path, scripts / "program.py", {"PYTHONPATH": entry})
    assert Path(file).parent.samefile(folder)
    assert stranger
    assert str(scripts) not in path
    if entry == ".":  # asked for, but last
        assert Path(path[-1]).samefile(folder)


OWN = """
import importlib.util, sys
from crsea_infer.support.jobs import run_jobs
{hide}
class Own:
    def __init__(self, number): self.number = number
def work(task, tell):
    return task.number + 1
run_jobs(work, [Own(1)], ["own"], lambda *_: None, take=lambda _index, value: print("found", value))
"""
HIDE = """
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "cloudpickle" else found(name)
"""


def test_what_a_script_defines_itself_travels_whole(tmp_path: Path) -> None:
    pytest.importorskip("cloudpickle")
    ended = python(tmp_path, "-", text=OWN.format(hide=""))
    assert ended.stdout == "found 2\n", ended.stderr


def test_what_a_script_defines_itself_is_told_where_it_cannot_travel(tmp_path: Path) -> None:
    ended = python(tmp_path, "-", text=OWN.format(hide=HIDE))
    assert "UserError: own: a worker process cannot load what it shall work on" in ended.stderr
    assert "pip install cloudpickle" in ended.stderr
