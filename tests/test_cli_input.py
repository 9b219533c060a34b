"""The command line: one message and the right exit status for whatever a user types."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crsea_infer import __version__
from crsea_infer.cli import commands, main, predict_command
from crsea_infer.content import finding

PREDICT = ("predict", "gamma-optimized-min", "--region", "lhaaso_inner", "--energies")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    packaged = finding.find("runs", "min_vs_max").read_text()
    (tmp_path / "a.toml").write_text("not toml [")
    (tmp_path / "e.toml").write_text("")
    (tmp_path / "b.toml").write_text(packaged.replace("lhaaso_km2a_inner", "lhaaso_km2a_iner"))
    (tmp_path / "c.toml").write_text(packaged + "\n[nonsense]\nx = 1\n")
    (tmp_path / "file").write_text("")
    return tmp_path


def outcome(*arguments: str) -> int:
    """Exit status, whether returned or raised by the parser."""
    try:
        return main.main(arguments)
    except SystemExit as error:
        return int(error.code or 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nosuchrun"), ["nosuchrun", "min_vs_max"]),
        (("check", "a.toml"), ["a.toml", "TOML"]),
        (("check", "e.toml"), ["e.toml", "empty"]),
        (("check", "b.toml"), ["b.toml", "lhaaso_km2a_iner", "did you mean 'lhaaso_km2a_inner'"]),
        (("check", "c.toml"), ["c.toml", "nonsense"]),
        (("check", "."), ["no run file|unknown run"]),
        (("check", "nowhere/r.toml"), ["nowhere/r.toml"]),
        (("cite", "nosuchrun"), ["nosuchrun"]),
        (("run", "min_vs_max", "--seed", "-1"), ["--seed -1", "from 0 to"]),
        (("run", "min_vs_max", "--seed", "x"), ["--seed x", "whole number"]),
        (("run", "min_vs_max", "--seed", "9" * 5000), ["--seed 999", "whole number"]),
        (("calibrate", "min_vs_max", "-n", "x"), ["-n x", "from 20 to"]),
        (("calibrate", "paper", "-n", "20"), ["is a study", "lhaaso_fixed_gas", "run file"]),
        (("list", "priorities"), ["priorities", "did you mean 'priors'"]),
        (("predict", "base-min", "--format", "xml"), ["'xml'", "ecsv, json"]),
        (("predict", "base-min", "--region", "lhaaso_inner", "--bins", "0"), ["--bins 0", "from 1 to 360"]),
        (("predict", "base-min", "--radius", "far"), ["--radius far", "number"]),
        (("grid", "build", "--workers", "0"), ["--workers 0", "at least 1"]),
        (("grid", "build", "--nuclear-enhancement", "much"), ["--nuclear-enhancement much"]),
        (("emulator", "train", "grid.nc", "-n", "0"), ["-n 0", "at least 1"]),
        (("compare", "e.toml"), ["e.toml", "not a directory"]),
        (("init", "file"), ["file"]),
        (("init", "/proc/nope"), ["/proc/nope"]),
        (("predict", "gamma-optimised-min", "--region", "lhaaso_inner", "--energies", "10"), ["gamma-optimized-min"]),
        (("predict", "base-min", "--region", "nowhere", "--energies", "10"), ["nowhere", "lhaaso_inner"]),
        (("predict", "base-min", "--energies", "10"), ["--region"]),
        (("predict", "base-min", "--messenger", "proton", "--region", "lhaaso_inner"), ["--region", "--radius"]),
        (("predict", "base-min", "--region", "lhaaso_inner", "--radius", "6"), ["--radius", "proton"]),
        (("predict", "base-min", "--messenger", "proton", "--radius", "-1"), ["--radius", "-1"]),
        ((*PREDICT, "ten"), ["'ten'", "not a number"]),
        ((*PREDICT, "-10"), ["-10", "above 0"]),
        ((*PREDICT, "10,nan"), ["nan"]),
        ((*PREDICT, "10,,20"), ["''", "commas"]),
        ((*PREDICT, "10", "--set", "nosuch=1"), ["nosuch"]),
        ((*PREDICT, "10", "--set", "halo_height"), ["halo_height", "NAME=VALUE"]),
        ((*PREDICT, "10", "--set", "halo_height=tall"), ["halo_height=tall", "finite number"]),
        ((*PREDICT, "10", "--set", "halo_height=nan"), ["finite number"]),
        ((*PREDICT, "10", "--set", "halo_height=1000"), ["halo_height", "1000"]),
        ((*PREDICT, "10", "--set", "halo_height=5", "--set", "halo_height=6"), ["halo_height", "twice"]),
    ],
)
def test_bad_input_is_one_message_and_status_1(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: list[str]
) -> None:
    assert outcome(*arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("crsea-infer: ")
    assert "Traceback" not in captured.err
    for word in words:
        assert any(choice in captured.err for choice in word.split("|")), captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("frobnicate",),
        ("run",),
        ("run", "min_vs_max", "--out", "x"),  # abbreviations are off: they would change meaning with every new option
        ("compare",),
    ],
)
def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert outcome(*arguments) == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "compare", "predict", "check", "list", "cite", "init", "grid", "emulator"])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert outcome("--help") == 0
    assert command in capsys.readouterr().out
    assert outcome(command, "--help") == 0
    assert "usage: crsea-infer " + command in capsys.readouterr().out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome("--version") == 0
    assert capsys.readouterr().out == f"crsea-infer {__version__}\n"


def test_settings_and_energies_are_read() -> None:
    assert predict_command._settings(["halo_height=6", " proton_norm = 3e4 "]) == {
        "halo_height": 6.0,
        "proton_norm": 3e4,
    }
    assert predict_command._energies("10,1e3") == (10.0, 1e3)
    assert len(predict_command._energies(None)) == 21


def test_an_interrupt_is_status_130_and_says_that_nothing_is_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(run: str, **_: object) -> None:
        raise KeyboardInterrupt(run)

    monkeypatch.setattr(commands, "check", interrupted)
    assert outcome("check", "min_vs_max") == 130
    assert "resumes" in capsys.readouterr().err


def test_a_full_disk_is_a_message(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(run: str, **_: object) -> None:
        raise OSError(28, "No space left on device", run)

    monkeypatch.setattr(commands, "check", full)
    assert outcome("check", "min_vs_max") == 1
    assert "No space left on device" in capsys.readouterr().err


def test_a_reader_that_stops_early_is_no_error() -> None:
    code = "import sys; from crsea_infer.cli.main import main; sys.exit(main(['list', 'priors']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == b""


@pytest.mark.slow
def test_a_character_that_the_terminal_lacks_is_shown_as_its_escape() -> None:
    code = "import sys; from crsea_infer.cli.main import main; sys.exit(main(['list', 'runs']))"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    Path("runs").mkdir()
    Path("runs/mine.toml").write_text(
        finding.find("runs", "min_vs_max").read_text().replace('title = "', 'title = "± ', 1), encoding="utf-8"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\\xb1" in done.stdout
    assert done.stderr == ""


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys\nfrom crsea_infer.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'scipy', 'astropy', 'pydantic', 'matplotlib', 'arviz', 'dynesty', 'rich', 'healpy', 'xarray'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded: []\n")
