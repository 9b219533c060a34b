"""Files: whole or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_path, atomic_write, remove_leftovers

if TYPE_CHECKING:
    from pathlib import Path


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_up_keeps_the_old_file_and_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "evidence.ecsv"
    atomic_write(path, "old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(UserError, match="No space left") as caught:
        atomic_write(path, "new")
    assert "free space" in caught.value.fix
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["evidence.ecsv"]


def test_a_file_system_with_a_limit_on_files_keeps_the_old_one(tmp_path: Path) -> None:
    """The kernel itself refuses the bytes: as on a full disk, and with a quota."""
    path = tmp_path / "file"
    atomic_write(path, "old")
    code = (
        "import resource, signal; from pathlib import Path; from crsea_infer.support.files import atomic_write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        f"atomic_write(Path({str(path)!r}), 'x' * 100_000)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "cannot write" in ended.stderr
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "min").mkdir()
    (tmp_path / "elsewhere").mkdir()
    kept = [".lock", "notes.txt", ".mine-draft.txt", ".session-0123abcd", "min/dynesty.h5", ".piece-0123456z.npz"]
    kept += [".notes-deadbeef.txt", ".piece.crsea-0123456z.npz", "elsewhere/.piece.crsea-01234567.npz"]
    for name in kept:
        (tmp_path / name).write_text("")
    code = (
        "import os, signal; from pathlib import Path; from crsea_infer.support.files import atomic_path\n"
        f"with atomic_path(Path({str(tmp_path / 'min' / 'dynesty.checkpoint.h5')!r})) as path:\n"
        "    path.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list((tmp_path / "min").iterdir())) == 2
    remove_leftovers(tmp_path, tmp_path / "min", tmp_path / "absent")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_a_folder_in_the_place_of_a_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "evidence.ecsv").mkdir()
    with pytest.raises(UserError, match="a folder stands in its place") as caught:
        atomic_write(tmp_path / "evidence.ecsv", "new")
    assert "rename the folder evidence.ecsv" in caught.value.fix
    assert "free space" not in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["evidence.ecsv"]


def test_an_error_inside_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> None:
        with atomic_path(tmp_path / "file") as path:
            path.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert list(tmp_path.iterdir()) == []
