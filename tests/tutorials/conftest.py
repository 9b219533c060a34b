"""Tutorials, done as a stranger would: the blocks of the page, in an empty directory, with the installed command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK = re.compile(
    r"^```(?:\{code-block\} (?P<language>\w+)|(?P<shell>sh))\n(?::caption: (?P<caption>[^\n]*)\n)?(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
DOCS = Path(__file__).resolve().parents[2] / "docs" / "tutorials"


@dataclass
class Tutorial:
    """A page of docs/tutorials and the directory in which it is done.

    Blocks whose caption is the name of a file become that file, `sh` blocks are run, and other blocks with a caption
    are messages that the page promises.
    """

    page: Path
    home: Path
    environment: dict[str, str]
    output: list[str] = field(default_factory=list)

    def blocks(self) -> list[tuple[str, str]]:
        """Every block, in order: ("sh", commands), (name of a file, content) or (caption, message)."""
        found = _BLOCK.finditer(self.page.read_text())
        return [("sh" if one["shell"] else one["caption"] or "", one["body"]) for one in found]

    @property
    def messages(self) -> dict[str, str]:
        return {name: body for name, body in self.blocks() if name != "sh" and not _is_file(name)}

    def file(self, name: str) -> str:
        """The first content that the page gives to a file."""
        return next(body for caption, body in self.blocks() if caption == name)

    def write(self, name: str, content: str) -> None:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def do(self) -> None:
        """Do the page from its first to its last block."""
        for name, body in self.blocks():
            if name == "sh":
                done = self.shell(body)
                assert done.returncode == 0, f"{body}\n{done.stdout}\n{done.stderr}"
                self.output.append(done.stdout)
            elif _is_file(name):
                self.write(name, body)

    def shell(self, commands: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-ec", commands],
            cwd=self.home,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def refused(self, command: str, **variables: str) -> str:
        """What a command that fails says, with the home directory as '...'; one message and status 1, no traceback."""
        done = self.shell(command, **variables)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr.replace(str(self.home.resolve()), "...").replace(str(self.home), "...")

    def table(self, name: str) -> Any:
        from astropy.table import Table

        return Table.read(self.home / name, format="ascii.ecsv")


def _is_file(name: str) -> bool:
    return name.endswith((".toml", ".ecsv", ".csv", ".py"))


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tutorial]:
    """Return a function that gives a tutorial in an empty directory outside the repository."""

    def begin(name: str) -> Tutorial:
        if not (DOCS / name).is_file():
            pytest.skip("the documentation is not beside the tests")
        home = tmp_path_factory.mktemp(name.removesuffix(".md"))
        tools = home.parent / f"{home.name}-tools"
        (tools / "bin").mkdir(parents=True)
        # What the page installs goes to a folder of its own, not into the environment of the tests, without a network.
        options = f'--no-deps --no-build-isolation --no-index --disable-pip-version-check --target "{tools / "site"}"'
        pip = tools / "bin" / "pip"
        pip.write_text(f'#!/bin/sh\ncommand="$1"; shift\nexec "{sys.executable}" -m pip "$command" {options} "$@"\n')
        pip.chmod(0o755)
        inherited = os.environ.get("PYTHONPATH", "")
        path = [str(tools / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        environment = {
            **os.environ,
            "PATH": os.pathsep.join(path),
            "PYTHONPATH": os.pathsep.join(part for part in (str(tools / "site"), inherited) if part),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "400",
        }
        return Tutorial(DOCS / name, home, environment)

    return begin
