"""The output directory of a run: whose it is, and what lies in it.

run.toml says what was run: the resolved run file, hashes of data and sky model, versions and the seed. It is written
before anything else and read back whenever the directory is met again: the same run goes on, another one is refused.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from crsea_infer import __version__
from crsea_infer.errors import UserError
from crsea_infer.files import atomic_write
from crsea_infer.inference.checkpoint import differences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.emulator.model import SkyModel
    from crsea_infer.inference.run_file import RunFile

__all__ = ["RunDirectory", "to_toml", "versions"]

_OURS = (
    "run.toml",
    "evidence.ecsv",
    "bayes_factors.ecsv",
    "chi2.ecsv",
    "savage_dickey.ecsv",
    "tension.ecsv",
    "data_sets.ecsv",
    "pulls.ecsv",
    "loo.ecsv",
    "exact_check.ecsv",
    "prior_sensitivity.ecsv",
    "prior_sensitivity_bayes_factors.ecsv",
    "index.html",
    "figures",
)
_CALIBRATION = ("data_sets", "calibration.ecsv", "calibration.html")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LIBRARIES = ("numpy", "scipy", "emcee", "dynesty", "nautilus-sampler", "jax", "blackjax", "xarray", "astropy")


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    found = {"crsea_infer": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@dataclass(frozen=True)
class RunDirectory:
    """The output directory of one run.

    Attributes
    ----------
    path
        Where it is.
    """

    path: Path

    def folder(self, hypothesis: str) -> Path:
        """Return the folder of a hypothesis."""
        return self.path / hypothesis

    @property
    def figures(self) -> Path:
        """The folder of figures."""
        return self.path / "figures"

    def results(self) -> list[str]:
        """Return the names of what a run, finished or not, left here; figures may be a calibration's."""
        return [name for name in _OURS if name != "figures" and (self.path / name).exists()]

    def claim(self, run: RunFile, identity: Mapping[str, str], model: SkyModel, *, fresh: bool) -> None:
        """Make the directory this run's: check whose it is, or write run.toml.

        Raises
        ------
        UserError
            When it holds another run, files of a run without a readable run.toml, or a calibration.
        """
        calibration = [name for name in _CALIBRATION if (self.path / name).exists()]
        if calibration:  # even when what was there is to be replaced: its data sets took hours, and are no run's
            raise UserError(
                f"{self.path} holds a calibration ({', '.join(calibration)}), which would mix with a run",
                valid="a new directory, or one that holds this run, which is resumed",
                fix="choose another directory with --output",
            )
        if fresh:
            self._clear(run)
        if (self.path / "run.toml").exists():
            reason = differences(self.read()["identity"], identity)
            if reason:
                raise UserError(
                    f"{self.path} holds another run: {reason}",
                    valid="a new directory, or one that holds this run, which is resumed",
                    fix="choose another directory with --output, or replace what is there with --fresh",
                )
            if self.read().get("resolved") != run.resolved():  # what adds to a run and changes none of its numbers
                self._write(run, identity, model)
            return
        taken = [name for name in (*_OURS, *(item.name for item in run.hypotheses)) if (self.path / name).exists()]
        if taken:
            raise UserError(
                f"{self.path} holds {', '.join(taken)} but no run.toml, so it is not known whose results they are",
                valid="a new directory, or one that holds this run, which is resumed",
                fix="choose another directory with --output, or replace what is there with --fresh",
            )
        self._write(run, identity, model)

    def _write(self, run: RunFile, identity: Mapping[str, str], model: SkyModel) -> None:
        content = {
            "name": run.name,
            "title": run.title,
            "description": run.description,
            "identity": dict(identity),
            "versions": versions(),
            "sky_model": dict(model.description),
            "resolved": run.resolved(),
        }
        head = "# What was run here, with everything resolved. Written by crsea-infer; resuming compares [identity].\n"
        atomic_write(self.path / "run.toml", head + to_toml(content))

    def read(self) -> dict[str, Any]:
        """Read run.toml.

        Raises
        ------
        UserError
            When it is absent, damaged, or lacks the identity of the run.
        """
        path = self.path / "run.toml"
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
            content["identity"]["data"]
        except FileNotFoundError as error:
            raise UserError(
                f"{self.path} holds no run: there is no run.toml",
                valid="the output directory of a run",
                fix="give the directory that 'crsea-infer run' wrote",
            ) from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} cannot be read: {error}",
                valid="the run.toml that 'crsea-infer run' wrote",
                fix="choose another directory with --output, or replace what is there with --fresh",
            ) from error
        return content

    def _clear(self, run: RunFile) -> None:
        """Remove the results of whatever run was here, and nothing else."""
        hypotheses = {item.name for item in run.hypotheses}
        with suppress(UserError, KeyError, TypeError):  # damaged: the names of this run's hypotheses must do
            hypotheses |= set(self.read()["resolved"]["hypotheses"])
        for name in (*_OURS, *hypotheses):
            path = self.path / name
            if path.parent != self.path:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def to_toml(content: Mapping[str, Any], prefix: str = "") -> str:
    """Write nested mappings of texts, numbers, truth values and lists of them as TOML; None is left out."""
    lines, tables = [], []
    for key, value in content.items():
        name = str(key) if _BARE_KEY.fullmatch(str(key)) else _toml_text(str(key))
        if hasattr(value, "items"):
            path = f"{prefix}.{name}" if prefix else name
            tables.append(f"\n[{path}]\n{to_toml(value, path)}")
        elif value is not None:
            lines.append(f"{name} = {_toml_value(value)}\n")
    return "".join(lines + tables)


def _toml_value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if hasattr(value, "items"):
        return "{" + ", ".join(f"{_toml_text(str(key))} = {_toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return _toml_text(str(value))


def _toml_text(text: str) -> str:
    """Write a basic string: that of JSON, but without escapes of half characters, and with that of DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
