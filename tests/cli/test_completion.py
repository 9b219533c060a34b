"""Completion: what each shell itself offers after the words that were typed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crsea_infer.cli.completion import script
from crsea_infer.cli.main import _parser, main

SHELLS = ("bash", "zsh", "fish")
ASK = {
    "bash": ". {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _crsea_infer; "
    'printf "%s\\n" "${{COMPREPLY[@]}}"',
    "zsh": ". {script}; line=({words}); _crsea_infer_found; print -l -- ${{(M)found:#$line[-1]*}}",
    "fish": 'source {script}; complete -C "{line}"',
}


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        (folder / shell).write_text(script(_parser("*"), shell))
    return {shell: folder / shell for shell in SHELLS}


def _offered(shell: str, path: Path, line: str) -> list[str]:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not here")
    words = " ".join(f"'{word}'" for word in line.split(" "))
    ask = ASK[shell].format(script=path, words=words, line=line)
    bare = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(path.parent)}
    done = subprocess.run([program, *bare, "-c", ask], capture_output=True, text=True, env=environment, check=True)
    assert done.stderr == ""
    return [offer.partition("\t")[0] for offer in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "some", "others"),
    [
        ("crsea-infer ", ["run", "compare", "robustness", "completion"], ["--fresh", "regions"]),
        ("crsea-infer co", ["compare", "completion"], ["run"]),
        ("crsea-infer run --", ["--output", "--accept-unconverged"], ["--long", "--exact"]),
        ("crsea-infer predict --mess", ["--messenger"], ["--output"]),
        ("crsea-infer predict --messenger n", ["neutrino"], ["gamma"]),
        ("crsea-infer list re", ["regions"], ["runs"]),
        ("crsea-infer grid ", ["build", "import"], ["run"]),
        ("crsea-infer grid build --mess", [], ["--accept-unconverged"]),
        ("crsea-infer emulator validate --", ["--help"], ["--fresh"]),
        ("crsea-infer check min_vs_max --l", ["--long"], ["--fresh"]),
    ],
)
def test_a_shell_offers_what_may_follow(
    shell: str, line: str, some: list[str], others: list[str], scripts: dict[str, Path]
) -> None:
    offered = _offered(shell, scripts[shell], line)
    assert set(some) <= set(offered)
    assert not set(others) & set(offered)


@pytest.mark.parametrize("shell", SHELLS)
def test_names_of_runs_are_those_of_the_folder(
    shell: str, scripts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "minimal.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert {"min_vs_max", "minimal"} <= set(_offered(shell, scripts[shell], "crsea-infer run mi"))


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("completion", "bash")) == 0
    assert "complete -o bashdefault" in capsys.readouterr().out
    assert main(("completion", "tcsh")) == 1
    assert "bash" in capsys.readouterr().err
