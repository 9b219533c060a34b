"""Finished atlases, read from their directories alone: what run.toml and the tables of one say.

The run beside which an atlas lies reads the spread of its Bayes factors from here, and a notebook the whole atlas.
"""

from __future__ import annotations

import math
import tomllib
from typing import TYPE_CHECKING, Any

from crsea_infer.hypotheses.hypothesis import available_hypotheses
from crsea_infer.plan.choices import Axis, ChoiceList, Option
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.tables.robustness_tables import EVIDENCE, AtlasEvidence, AtlasReport
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import read_text
from crsea_infer.support.output_names import ATLAS, ATLAS_FILES, RECORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

from crsea_infer.plan.choices import Combination

__all__ = ["atlas_beside", "read_atlas", "record_of_choices"]


def record_of_choices(choices: ChoiceList, left_out: Sequence[str]) -> dict[str, Any]:
    """Return a list of choices as run.toml keeps it."""
    return {
        "title": choices.title,
        "description": choices.description,
        "left_out": list(left_out),
        "axes": {
            axis.name: {
                "title": axis.title,
                "shipped": axis.shipped,
                "shipped_weight": axis.shipped_weight,
                "options": {
                    option.name: {"title": option.title, "why": option.why, "weight": option.weight}
                    for option in axis.options
                },
            }
            for axis in choices.axes
        },
    }


def read_atlas(directory: Path) -> AtlasReport:
    """Read a finished atlas.

    Raises
    ------
    UserError
        When there is none, or a file of it is damaged.
    """
    path = directory / RECORD
    try:
        content = tomllib.loads(read_text(path))
        choices = _choices(path, content["choices"])
        rows = read_table(directory / EVIDENCE)
        evidences: dict[str, dict[Combination, AtlasEvidence]] = {}
        for row in rows:
            evidences.setdefault(row["hypothesis"], {})[_combination(row["choice"])] = _evidence(row)
        return AtlasReport(
            title=content["title"],
            choices=choices,
            evidences=evidences,
            left_out=tuple(content["choices"]["left_out"]),
            identity=content["identity"],
            versions=content["versions"],
            titles=content.get("titles") or _titles(evidences),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{directory} holds no finished atlas of robustness: {error}",
            valid="the output directory of 'crsea-infer robustness'",
            fix="give that command first, and let it end",
        ) from error


def atlas_beside(directory: Path) -> Path | None:
    """Return the directory of the finished atlas of the run in a directory; None when there is none of this run."""
    beside = directory / ATLAS
    if not all((beside / name).is_file() for name in (RECORD, *ATLAS_FILES)):
        return None
    try:
        own, its = (tomllib.loads(read_text(where / RECORD))["identity"] for where in (directory, beside))
        same = {**its, "atlas": ""} == {**own, "atlas": ""}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return beside if same else None


def _titles(names: Iterable[str]) -> dict[str, str]:
    """Return the titles of hypotheses, of an atlas that does not say them: those that such names have now."""
    known = available_hypotheses()
    return {name: known[name][0] for name in names if name in known}


def _choices(path: Path, given: Mapping[str, Any]) -> ChoiceList:
    axes = tuple(
        Axis(
            name,
            axis["title"],
            axis["shipped"],
            float(axis["shipped_weight"]),
            tuple(
                Option(key, option["title"], option["why"], float(option["weight"]))
                for key, option in axis["options"].items()
            ),
        )
        for name, axis in given["axes"].items()
    )
    return ChoiceList(path, given["title"], given["description"], pairs=True, axes=axes)


def _combination(text: str) -> Combination:
    """Return the combination that a table calls so."""
    if text == "shipped":
        return ()
    pairs = (part.partition("=") for part in text.split(" + "))
    return tuple((axis, option) for axis, _, option in pairs)


def _evidence(row: Mapping[str, Any]) -> AtlasEvidence:
    values = {name: row[name] for name in AtlasEvidence.__dataclass_fields__ if name != "same_as"}
    same_as = _combination(row["same_as"]) if row["same_as"] else None
    found = AtlasEvidence(**values, same_as=same_as)
    if not isinstance(found.lnz, float) or (math.isnan(found.lnz) and not found.status):
        raise ValueError("an evidence is no number")
    return found
