"""The output directory of a run: whose it is, and what lies in it.

run.toml says what was run: the resolved run file, hashes of data and sky model, versions and the seed. It is written
before anything else and read back whenever the directory is met again: the same run goes on, another one is refused.
"""

from __future__ import annotations

import json
import platform
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from crsea_infer.emulator.source import SkyModelSource
from crsea_infer.support.checkpoint import differences
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_write, read_text, remove_leftovers
from crsea_infer.support.names import is_name
from crsea_infer.support.output_names import (
    CALIBRATION_FILES,
    DATA_SETS,
    FIGURES,
    RECORD,
    RUN_FILES,
    SKY_REGION_FILE,
    SKY_REGIONS,
    run_figures,
    sampling_files,
)
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.plan.run_file import RunFile

__all__ = ["RunDirectory", "recorded_emulator", "to_toml", "versions"]

_VALID = "a new directory, or one that holds this run, which is resumed"
_ELSEWHERE = "choose another directory with --output"
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
        return self.path / FIGURES

    @property
    def sky_regions(self) -> Path:
        """The folder of trained sky regions that the emulator lacks."""
        return self.path / SKY_REGIONS

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders in which the run that is recorded here writes, this one first."""
        return (self.path, self.figures, self.sky_regions, *(self.folder(name) for name in _hypotheses(self.read())))

    def results(self) -> list[str]:
        """Return the names of what a run, finished or not, left here; figures may be a calibration's."""
        return [name for name in (RECORD, *RUN_FILES) if (self.path / name).exists()]

    def claim(self, run: RunFile, identity: Mapping[str, str], model: SkyModel, *, fresh: bool) -> None:
        """Make the directory this run's: check whose it is, or write run.toml. What is not a run's is left alone.

        Raises
        ------
        UserError
            When it holds another run, files of a run without a readable run.toml, or a calibration.
        """
        calibration = [name for name in (DATA_SETS, *CALIBRATION_FILES) if (self.path / name).exists()]
        if calibration:  # even when what was there is to be replaced: its data sets took hours, and are no run's
            raise UserError(
                f"{self.path} holds a calibration ({', '.join(calibration)}), which would mix with a run",
                valid=_VALID,
                fix=_ELSEWHERE,
            )
        if not (self.path / RECORD).exists():
            self._refuse_taken([*RUN_FILES, FIGURES, *(item.name for item in run.hypotheses)])
            self._write(run, identity, model)
            return
        there = self.read(
            fix=f"{_ELSEWHERE}, or delete what is there yourself: without its {RECORD} nobody can tell what a run wrote"
        )
        if fresh:
            self._refuse_taken([item.name for item in run.hypotheses if item.name not in _hypotheses(there)])
            self._clear(there)
            self._write(run, identity, model)  # in place of the other, so that the directory is a run's at any moment
            return
        reason = differences(there["identity"], identity)
        if reason:
            raise UserError(
                f"{self.path} holds another run: {reason}",
                valid=_VALID,
                fix=f"{_ELSEWHERE}, or replace what is there with --fresh",
            )
        # what adds to a run and changes none of its numbers: the order of names, and where the same emulator lies
        moved = there.get("emulator") != recorded_emulator(run.emulator)
        if moved or to_toml(there["resolved"]) != to_toml(run.resolved()):
            self._write(run, identity, model)

    def _refuse_taken(self, names: Sequence[str]) -> None:
        """Refuse to write where something lies that no run.toml tells of."""
        taken = ", ".join(name for name in names if (self.path / name).exists())
        if taken:
            known = (self.path / RECORD).exists()
            raise UserError(
                f"{self.path} holds {taken} "
                + (f"of which its {RECORD} says nothing" if known else f"but no {RECORD}")
                + ", so it is not known whose results they are",
                valid=_VALID,
                fix=f"{_ELSEWHERE}, or delete yourself what you do not need: --fresh deletes only what a run wrote",
            )

    def _write(self, run: RunFile, identity: Mapping[str, str], model: SkyModel) -> None:
        content = {
            "name": run.name,
            "title": run.title,
            "description": run.description,
            "emulator": recorded_emulator(run.emulator),
            "identity": dict(identity),
            "versions": versions(),
            "sky_model": dict(model.description),
            "resolved": run.resolved(),
        }
        head = "# What was run here, with everything resolved. Written by crsea-infer; resuming compares [identity].\n"
        atomic_write(self.path / RECORD, head + to_toml(content))

    def read(self, fix: str = "give the directory that 'crsea-infer run' wrote") -> dict[str, Any]:
        """Read run.toml.

        Parameters
        ----------
        fix
            What to do when it cannot be read.

        Raises
        ------
        UserError
            When it is absent, damaged, or lacks the identity of the run.
        """
        path = self.path / RECORD
        try:
            content = tomllib.loads(read_text(path))
            content["identity"]["data"]
            if "atlas" in content["identity"]:
                raise UserError(
                    f"{self.path} holds an atlas of robustness, not a run",
                    valid="the output directory of a run",
                    fix=f"crsea-infer robustness goes on with it; {_ELSEWHERE}",
                )
            resolved = content["resolved"]
            if not all(isinstance(resolved[name], dict) for name in ("hypotheses", "likelihoods", "samplers")):
                raise TypeError("[resolved] is not that of a run")  # noqa: TRY301 -- told as the other faults are
        except (FileNotFoundError, NotADirectoryError) as error:
            why = f"there is no {RECORD}" if self.path.is_dir() else "it is not a directory"
            raise UserError(
                f"{self.path} holds no run: {why}", valid="the output directory of a run", fix=fix
            ) from error
        except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:  # ValueError: not TOML, not UTF-8
            reason = error.strerror if isinstance(error, OSError) else error
            if isinstance(error, KeyError):
                reason = f"it lacks {error}"
            raise UserError(
                f"{path} cannot be read: {reason}", valid=f"the {RECORD} that 'crsea-infer run' wrote", fix=fix
            ) from error
        return content

    def _clear(self, there: Mapping[str, Any]) -> None:
        """Remove the files of the run whose run.toml says `there`, and its folders when nothing else is in them.

        Raises
        ------
        UserError
            When one of its folders is a link: what it points to may be in use elsewhere.
        """
        from crsea_infer.inference.samplers.registry import sampler_names

        resolved, folders = there["resolved"], [self.folder(name) for name in _hypotheses(there)]
        for folder in (self.figures, self.sky_regions, *folders):
            if folder.is_symlink():
                raise UserError(
                    f"{folder} is a link: --fresh does not delete files elsewhere",
                    valid="an output directory whose folders lie in it",
                    fix=f"remove the link, or {_ELSEWHERE}",
                )
        for path in (
            *(self.path / name for name in RUN_FILES),
            *(self.figures / name for name in run_figures(resolved)),
        ):
            _remove(path)
        ours = sampling_files([*sampler_names(), *resolved["samplers"]])
        for folder in folders:
            for path in folder.iterdir() if folder.is_dir() else ():
                if ours.fullmatch(path.name):
                    _remove(path)
        for path in self.sky_regions.iterdir() if self.sky_regions.is_dir() else ():
            if SKY_REGION_FILE.fullmatch(path.name):
                _remove(path)
        for folder in (self.figures, self.sky_regions, *folders):
            remove_leftovers(folder)
            with suppress(OSError):  # it is not there, or something else is in it
                folder.rmdir()


def recorded_emulator(source: Path | SkyModelSource | None) -> str | dict[str, Any] | None:
    """Return how run.toml names a sky model, for whoever reads the run: a file, or the table of a model by name.

    None for the emulator of the package, which is where the package is. It is no part of the identity of a run: that
    has the fingerprint of the model, wherever it lies.
    """
    if source is None:
        return None
    if not isinstance(source, SkyModelSource):
        return str(source.absolute())
    path = None if source.path is None else str(source.path.absolute())
    given = {"kind": source.kind, "path": path, "options": dict(source.options)}
    return {key: value for key, value in given.items() if value}


def _hypotheses(there: Mapping[str, Any]) -> list[str]:
    """Return the hypotheses that a run.toml names, as far as they are names that a run accepts."""
    return [name for name in there["resolved"]["hypotheses"] if is_name(name)]


def _remove(path: Path) -> None:
    """Remove a file; a folder in its place is not ours."""
    if path.is_symlink() or path.is_file():
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
