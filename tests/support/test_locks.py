"""Output directories on disks with and without locks."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from typing import TYPE_CHECKING

import pytest

from crsea_infer.support.errors import UserError
from crsea_infer.support.locks import lock

if TYPE_CHECKING:
    from pathlib import Path

_NO_PROCESS = 2**22 + 1  # above the largest number that Linux gives


@pytest.fixture(params=[errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS])
def without_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has no locks."""

    def refuse(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.usefixtures("without_locks")
def test_a_disk_without_locks_is_held_by_a_file(tmp_path: Path) -> None:
    with lock(tmp_path):
        assert (tmp_path / ".lock.held").is_file()
        with pytest.raises(UserError, match="has no locks") as caught, lock(tmp_path):
            pass
        assert f"process {os.getpid()} of {socket.gethostname()}" in str(caught.value)
        assert "delete" in caught.value.fix
    assert not (tmp_path / ".lock.held").exists()
    with lock(tmp_path):
        pass


@pytest.mark.usefixtures("without_locks")
def test_the_file_of_a_dead_process_of_this_machine_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / ".lock.held").write_text(json.dumps({"host": socket.gethostname(), "process": _NO_PROCESS}))
    with lock(tmp_path):
        assert json.loads((tmp_path / ".lock.held").read_text())["process"] == os.getpid()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.usefixtures("without_locks")
@pytest.mark.parametrize("content", [json.dumps({"host": "elsewhere", "process": _NO_PROCESS}), "", "[1]", "{}"])
def test_a_file_of_another_machine_or_of_nobody_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / ".lock.held").write_text(content)
    with pytest.raises(UserError, match="or was killed there"), lock(tmp_path):
        pass
    assert (tmp_path / ".lock.held").read_text() == content


@pytest.mark.usefixtures("without_locks")
def test_the_file_goes_when_the_run_ends_in_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock(tmp_path):
        raise ZeroDivisionError
    assert not (tmp_path / ".lock.held").exists()


def test_a_machine_with_locks_heeds_one_without(tmp_path: Path) -> None:
    (tmp_path / ".lock.held").write_text(json.dumps({"host": "elsewhere", "process": 1}))
    with pytest.raises(UserError, match="process 1 of elsewhere"), lock(tmp_path):
        pass


def test_any_other_fault_of_a_lock_is_told_as_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UserError, match="cannot be locked: Input/output error"), lock(tmp_path):
        pass


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_lock_that_is_no_file_is_refused_at_once(tmp_path: Path, make: object) -> None:
    make(tmp_path / ".lock")  # type: ignore[operator]
    with pytest.raises(UserError, match="is no file"), lock(tmp_path):
        pass
