"""An atlas of robustness in a folder, of numbers that a test made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.report.pages.robustness_page import write_page
from crsea_infer.report.tables.atlas_record import record_of_choices
from crsea_infer.report.tables.robustness_tables import write_tables
from crsea_infer.workflow.run_directory import to_toml

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.tables.robustness_tables import AtlasReport

__all__ = ["write_atlas"]


def write_atlas(run: Path, atlas: AtlasReport) -> None:
    """Write an atlas beside the run in a folder, and that it is of this run."""
    beside = run / "robustness"
    beside.mkdir()
    record = {
        "title": atlas.title,
        "identity": dict(atlas.identity),
        "versions": dict(atlas.versions),
        "choices": record_of_choices(atlas.choices, atlas.left_out),
    }
    (beside / "run.toml").write_text(to_toml(record))
    own = {key: value for key, value in atlas.identity.items() if key != "atlas"}
    (run / "run.toml").write_text(to_toml({"identity": own}))
    write_tables(beside, atlas)
    write_page(beside, atlas)
