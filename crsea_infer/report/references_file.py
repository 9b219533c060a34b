"""The bibliography of a finished run, references.bib: everything that it used, each work once, with its uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.content.bibliography import bibtex, merged
from crsea_infer.plan.used_references import LEAVE_ONE_OUT, references_used
from crsea_infer.support.files import atomic_write
from crsea_infer.support.output_names import PRODUCTS, REFERENCES

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.results.summary import RunSummary

__all__ = ["write_references"]


def write_references(directory: Path, summary: RunSummary) -> None:
    """Write references.bib; leave-one-out is in it when its table was made."""
    uses = references_used(summary.run, summary.model)
    if all((directory / name).exists() for name in PRODUCTS["leave-one-out"].tables):
        uses += LEAVE_ONE_OUT
    atomic_write(directory / REFERENCES, bibtex(merged(uses)))
