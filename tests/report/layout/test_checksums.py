"""What was written is known again, what was changed is told, and files of others are left alone."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from crsea_infer.report.layout.checksums import FILE, Checksums

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("loo.ecsv", "figures/pulls.png")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A directory with two products and their checksums."""
    (tmp_path / "figures").mkdir()
    for name in NAMES:
        (tmp_path / name).write_text(f"this is {name}")
    Checksums(tmp_path).keep([*NAMES, "absent.ecsv"])
    return tmp_path


def test_what_is_as_it_was_written_is_whole(written: Path) -> None:
    known = Checksums(written)
    assert known.names == NAMES
    assert all(known.is_whole(name) and not known.is_changed(name) for name in NAMES)
    if shutil.which("sha256sum"):
        assert subprocess.run(["sha256sum", "-c", FILE], cwd=written, check=False).returncode == 0


def test_what_was_changed_is_told_from_what_is_missing_or_unknown(written: Path) -> None:
    (written / NAMES[0]).write_text("this")
    (written / NAMES[1]).unlink()
    (written / "chi2.ecsv").write_text("unknown")
    known = Checksums(written)
    assert not any(known.is_whole(name) for name in (*NAMES, "chi2.ecsv"))
    assert [known.is_changed(name) for name in (*NAMES, "chi2.ecsv")] == [True, False, False]


def test_what_a_run_no_longer_has_is_removed_unless_somebody_changed_it(written: Path) -> None:
    (written / NAMES[0]).write_text("mine now")
    Checksums(written).forget_all_but([])
    assert (written / NAMES[0]).read_text() == "mine now"
    assert not (written / NAMES[1]).exists()
    assert Checksums(written).names == ()


@pytest.mark.parametrize("name", ["../loo.ecsv", "/loo.ecsv", "figures/../../loo.ecsv", "run.toml", "a/dynesty.h5"])
def test_files_of_others_are_never_known(written: Path, name: str) -> None:
    (written / FILE).write_text(f"{'0' * 64}  {name}\nnot a line\n\n")
    assert Checksums(written).names == ()


def test_a_damaged_list_makes_nothing_whole(written: Path) -> None:
    (written / FILE).write_bytes(b"\xff\x00" * 100)
    assert not any(Checksums(written).is_whole(name) for name in NAMES)
