"""Fixtures shared by all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

os.environ.pop("COLUMNS", None)  # processes of pytest-xdist have it, and commands obey it
for _one in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_one, "1")  # a process of pytest-xdist for each core: threads would only wait for each other
sys.path.insert(0, str(Path(__file__).parent))  # makes quick_run importable, wherever the tests are run from


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test of a finished run is as slow as the run, whichever of them makes it; tutorials and pages begin.

    Those are the longest tests: at the end, one process would work on them and the others have nothing left to do.
    """
    items.sort(key=lambda item: item.path.parent.name != "tutorials")
    for item in items:
        if "finished" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep trained sky regions for all tests together, and away from the user's own."""
    from common_folder import common_folder

    folder = common_folder(tmp_path_factory, "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRSEA_INFER_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A run file and the directory of its finished run, which tests leave as it is: other processes read it, too."""
    from common_folder import common_folder
    from quick_run import write_run

    from crsea_infer.plan.run_file import load_run
    from crsea_infer.workflow import runs

    folder = common_folder(tmp_path_factory, "run")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process makes it, the others wait
        if not (folder / "done").exists():
            runs.execute(load_run(write_run(folder)), folder / "out", workers=0, accept_unconverged=True)
            (folder / "done").touch()
    before = _stamps(folder / "out")
    yield folder / "quick.toml", folder / "out"
    assert _stamps(folder / "out") == before, "a test changed the finished run that all share: own_copy is to change"


def _stamps(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


@pytest.fixture
def own_copy(finished: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """The same run file, and a copy of the directory to change."""
    path, out = finished
    return path, Path(shutil.copytree(out, tmp_path / "copy"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of measured and published numbers beside the repository; tests that need it skip without it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of measured numbers is not beside this repository")
    return folder
