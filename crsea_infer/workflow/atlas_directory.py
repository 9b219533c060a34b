"""The output directory of an atlas of robustness: whose it is, and where its finished evidences are."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.report.tables.atlas_record import record_of_choices
from crsea_infer.support.checkpoint import differences
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_write, make_directory, read_text
from crsea_infer.support.output_names import ATLAS_FILES, EVIDENCES, FIGURES, RECORD
from crsea_infer.workflow.run_directory import recorded_emulator, to_toml, versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.plan.choices import ChoiceList
    from crsea_infer.plan.run_file import RunFile

__all__ = ["AtlasDirectory"]

_EVIDENCE: Final = re.compile(r"[0-9a-f]{16,64}\.h5")
_VALID = "a new directory, that of the run, or one that holds this atlas, which is resumed"
_ELSEWHERE = "choose another directory with --output"


@dataclass(frozen=True)
class AtlasDirectory:
    """The output directory of one atlas.

    Attributes
    ----------
    path
        Where it is.
    """

    path: Path

    @property
    def evidences(self) -> Path:
        """The folder of finished evidences."""
        return self.path / EVIDENCES

    def evidence(self, key: str) -> Path:
        """Return the file of an evidence."""
        return self.evidences / f"{key}.h5"

    def holds_run(self) -> bool:
        """Return whether a run is here, finished or not, and no atlas."""
        return (self.path / RECORD).exists() and "atlas" not in self._identity()

    def refuse_other_run(self, identity: Mapping[str, str]) -> None:
        """Refuse to lie in the directory of a run that is not this one.

        Raises
        ------
        UserError
            Saying in what they differ.
        """
        reason = differences(self._identity(), identity)
        if reason:
            raise UserError(
                f"{self.path} holds another run: {reason}",
                valid="a new directory, or that of the run whose atlas it is",
                fix=_ELSEWHERE,
            )

    def _identity(self) -> Mapping[str, Any]:
        path = self.path / RECORD
        try:
            identity = tomllib.loads(read_text(path))["identity"]
        except (OSError, ValueError, KeyError, RecursionError) as error:
            raise UserError(
                f"{path} cannot be read: {error}", valid=f"the {RECORD} that was written", fix=_ELSEWHERE
            ) from error
        if not isinstance(identity, dict):
            raise UserError(f"{path} has no table [identity]", valid=f"the {RECORD} that was written", fix=_ELSEWHERE)
        return identity

    def claim(
        self,
        run: RunFile,
        choices: ChoiceList,
        left_out: Sequence[str],
        identity: Mapping[str, str],
        model: SkyModel,
        *,
        fresh: bool,
    ) -> None:
        """Make the directory this atlas': check whose it is, or write run.toml.

        Evidences that were found stay, whatever list of choices they were found for: each knows its question.

        Raises
        ------
        UserError
            When it holds another run's atlas, or files of something else.
        """
        if (self.path / RECORD).exists():
            there = {key: value for key, value in self._identity().items() if key != "atlas"}
            reason = differences(there, {key: value for key, value in identity.items() if key != "atlas"})
            if reason and not fresh:
                raise UserError(
                    f"{self.path} holds the atlas of another run: {reason}",
                    valid=_VALID,
                    fix=f"{_ELSEWHERE}, or replace what is there with --fresh",
                )
        else:
            taken = ", ".join(name for name in (*ATLAS_FILES, EVIDENCES, FIGURES) if (self.path / name).exists())
            if taken:
                raise UserError(
                    f"{self.path} holds {taken} but no {RECORD}, so it is not known whose results they are",
                    valid=_VALID,
                    fix=f"{_ELSEWHERE}, or delete yourself what you do not need",
                )
        self._write(run, record_of_choices(choices, left_out), identity, model)
        make_directory(self.evidences)
        if fresh:
            for path in self.evidences.iterdir():
                if _EVIDENCE.fullmatch(path.name) and not path.is_symlink():
                    path.unlink()

    def _write(self, run: RunFile, record: Mapping[str, Any], identity: Mapping[str, str], model: SkyModel) -> None:
        content = {
            "name": run.name,
            "title": run.title,
            "titles": {one.name: one.title for one in run.hypotheses},
            "description": run.description,
            "emulator": recorded_emulator(run.emulator),
            "identity": dict(identity),
            "versions": versions(),
            "sky_model": dict(model.description),
            "choices": record,
            "resolved": run.resolved(),
        }
        head = "# The run whose robustness was looked at here, and the choices. Written by crsea-infer.\n"
        atomic_write(self.path / RECORD, head + to_toml(content))
