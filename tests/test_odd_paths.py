"""Paths that lead nowhere, and what stands where a file should: one message each, at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crsea_infer.cli import main
from crsea_infer.content import finding
from crsea_infer.content.measurements import read_table
from crsea_infer.content.toml_files import read_toml
from crsea_infer.hypotheses.prior_sets import read_prior_set
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.physics.regions import parse_region
from crsea_infer.plan.run_file import load_run
from crsea_infer.report.layout.ecsv import read_table as read_result
from crsea_infer.support.checkpoint import read_arrays
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import absolute, check_regular, file_digest, read_text
from crsea_infer.workflow.run_directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Callable


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _run_directory(path: Path) -> object:
    path.rename(path.with_name("run.toml"))
    return RunDirectory(path.parent).read()


def _likelihood(path: Path) -> object:
    path.rename(path.with_name("likelihood.toml"))
    return load_likelihood(f"{path.parent}/")


READERS: tuple[Callable[[Path], object], ...] = (
    read_text,
    read_toml,
    file_digest,
    read_prior_set,
    load_run,
    _likelihood,
    _run_directory,
    read_result,
    lambda path: read_table(path, []),
    lambda path: read_arrays(path, {}),
    lambda path: parse_region(f"l=0..10,b=0..5,mask={path}"),
)


@pytest.mark.parametrize("make", [pipe, folder, device])
@pytest.mark.parametrize("read", READERS)
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, read: Callable[[Path], object], make: Callable[[Path], None]
) -> None:
    path = tmp_path / "there.toml"
    make(path)
    told: list[BaseException] = []

    def attempt() -> None:
        try:
            read(path)
        except BaseException as error:  # noqa: BLE001 -- looked at below
            told.append(error)

    thread = threading.Thread(target=attempt, daemon=True)  # one that hangs ends with the tests
    thread.start()
    thread.join(20.0)
    assert not thread.is_alive()
    assert isinstance(told[0], UserError), told
    assert f"is a {'named pipe' if make is pipe else make.__name__}, not a file" in str(told[0])


def test_what_is_absent_or_a_file_passes(tmp_path: Path) -> None:
    check_regular(tmp_path / "absent")
    (tmp_path / "file").write_text("é", encoding="utf-8")
    (tmp_path / "link").symlink_to("file")
    assert read_text(tmp_path / "link") == "é"
    for name in ("x" * 300, "a\0b"):
        with pytest.raises(UserError, match="cannot be read"):
            check_regular(tmp_path / name)


def test_a_pipe_among_prior_sets_spoils_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "priors").mkdir()
    os.mkfifo(tmp_path / "priors" / "mine.toml")
    assert main.main(["list", "priors"]) == 0
    assert "not valid" in capsys.readouterr().out


def test_the_home_folder_of_nobody_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no home folder of ~nobody-of-that-name"):
        absolute("~nobody-of-that-name/x")
    with pytest.raises(UserError, match="no home folder"):
        finding.find("runs", "~nobody-of-that-name/x.toml")
    assert absolute("~/x") == Path.home() / "x"
    assert absolute("x", tmp_path) == tmp_path / "x"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "min_vs_max", "--output", ""], "--output ''"),
        (["run", "min_vs_max", "--output", " "], "--output ' '"),
        (["calibrate", "min_vs_max", "-n", "20", "--output", ""], "--output ''"),
        (["grid", "build", "--output", ""], "--output ''"),
        (["emulator", "train", ""], "GRID ''"),
        (["init", ""], "DIR ''"),
        (["compare", "", "a"], "DIR ''"),
        (["run", "min_vs_max", "--output", "~nobody-of-that-name/x"], "no home folder"),
        (["check", "~nobody-of-that-name/x.toml"], "no home folder"),
        (["check", "x\udcff.toml"], "bytes that are no text"),
        (["init", "x\x1b[2J"], "U+001B"),
        (["check", "./" + "x" * 300 + ".toml"], "File name too long"),
        (["predict", "base-min", "--region", f"l=0..10,b=0..5,mask={'x' * 300}"], "File name too long"),
        (["predict", "base-min", "--region", "l=0..10,b=0..5,mask=~nobody-of-that-name/x"], "no home folder"),
    ],
)
def test_paths_that_lead_nowhere_are_one_message(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.main(arguments) == 1
    told = capsys.readouterr().err
    assert words in told
    assert "\x1b" not in told
    assert list(tmp_path.iterdir()) == []


def test_a_working_directory_that_has_vanished_is_told(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom crsea_infer.cli import main\n"
        f"os.mkdir({str(tmp_path / 'gone')!r})\nos.chdir({str(tmp_path / 'gone')!r})\n"
        f"os.rmdir({str(tmp_path / 'gone')!r})\n"
        "sys.exit(main.main(['check', 'min_vs_max']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("crsea-infer: the working directory cannot be found")
    assert "Traceback" not in done.stderr
