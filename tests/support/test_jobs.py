"""Worker processes: done, failed, killed, orphaned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from crsea_infer.support.errors import UserError
from crsea_infer.support.jobs import run_jobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORK = """
import os, signal, time
from pathlib import Path
from crsea_infer.support.errors import UserError

def work(task, progress):
    what, path = task
    progress(0.5, what)
    if what == "fail":
        raise UserError("bad point", valid="good points", fix="move")
    if what == "bug":
        raise ZeroDivisionError("oh")
    if what == "huge":
        raise MemoryError("Unable to allocate 1 PiB")
    if what == "die once" and not Path(path + ".died").exists():
        Path(path + ".died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "sleep":
        Path(path).write_text(str(os.getpid()))
        time.sleep(60)
    Path(path).write_text(os.environ["OMP_NUM_THREADS"])
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    (tmp_path / "work_for_tests.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    return importlib.import_module("work_for_tests").work  # type: ignore[no-any-return]


def run(work: Any, tasks: list[tuple[str, str]], n_workers: int = 2) -> list[tuple[int, float, str]]:
    said: list[tuple[int, float, str]] = []
    run_jobs(work, tasks, [what for what, _ in tasks], lambda *words: said.append(words), workers=n_workers)
    return said


def test_all_tasks_are_done_with_one_thread_each(work: Any, tmp_path: Path) -> None:
    tasks = [("write", str(tmp_path / f"{index}")) for index in range(5)]
    said = run(work, tasks)
    assert [(tmp_path / f"{index}").read_text() for index in range(5)] == ["1"] * 5
    assert sorted(index for index, fraction, _ in said if fraction == 1.0) == list(range(5))


def test_what_the_user_did_wrong_comes_back_as_such(work: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fail: bad point") as caught:
        run(work, [("fail", ""), ("sleep", str(tmp_path / "pid"))])
    assert caught.value.fix == "move"


def test_a_want_of_memory_is_told_with_what_to_lower(work: Any) -> None:
    with pytest.raises(UserError, match=r"huge: not enough memory .*1 PiB") as caught:
        run(work, [("huge", "")])
    assert "options of the sampler" in caught.value.fix


def test_a_bug_comes_back_with_its_trace(work: Any) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError: oh"):
        run(work, [("bug", "")])


def test_a_killed_worker_is_told_and_resuming_suggested(work: Any) -> None:
    with pytest.raises(UserError, match="killed by signal 9") as caught:
        run(work, [("die", "")])
    assert "again" in caught.value.fix


def test_a_task_whose_worker_was_killed_is_done_again(work: Any, tmp_path: Path) -> None:
    tasks = [(what, str(tmp_path / f"{index}")) for index, what in enumerate(["write", "die once", "write"])]
    run(work, tasks)
    assert (tmp_path / "1.died").exists()
    assert [(tmp_path / f"{index}").read_text() for index in range(3)] == ["1"] * 3


@pytest.mark.parametrize("n_workers", [0, 1, 2])
def test_a_task_that_waits_for_others_comes_next_when_they_are_done(work: Any, tmp_path: Path, n_workers: int) -> None:
    tasks = [("die once" if n_workers and index == 1 else "write", str(tmp_path / f"{index}")) for index in range(6)]
    there: dict[int, list[bool]] = {}  # when a task is done: which are there

    def take(index: int, _value: Any) -> None:
        there[index] = [(tmp_path / f"{one}").exists() for one in range(6)]

    run_jobs(
        work,
        tasks,
        [str(index) for index in range(6)],
        lambda *_: None,
        workers=n_workers,
        take=take,
        after={2: range(2), 5: range(3, 5)},
    )
    assert all(there[2][:3])
    assert all(there[5][3:])
    if n_workers < 2:  # it did not wait for what stood behind it
        assert there[2] == [True, True, True, False, False, False]


@pytest.mark.slow
def test_workers_do_not_outlive_their_parent(work: Any, tmp_path: Path) -> None:
    assert work
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from work_for_tests import work\nfrom crsea_infer.support.jobs import run_jobs\n"
        f"run_jobs(work, [('sleep', {str(tmp_path / 'pid')!r})], ['sleep'], print)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.DEVNULL)
    limit = time.monotonic() + 30.0
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()) and time.monotonic() < limit:
        time.sleep(0.05)
    child = int((tmp_path / "pid").read_text())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    while _is_running(child) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not _is_running(child)


def _is_running(number: int) -> bool:
    from pathlib import Path

    status = Path(f"/proc/{number}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
