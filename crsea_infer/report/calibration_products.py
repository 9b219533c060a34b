"""Everything that a calibration leaves to be looked at: tables, figures and a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.report.figures.calibration_figures import draw_bayes_factors, draw_ranks
from crsea_infer.report.pages.calibration_page import write_calibration_page
from crsea_infer.report.tables.calibration_tables import write_calibration_tables
from crsea_infer.support.files import make_directory

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.tables.calibration_tables import CalibrationReport

__all__ = ["write_calibration"]


def write_calibration(directory: Path, report: CalibrationReport) -> None:
    """Write tables, figures and page."""
    write_calibration_tables(directory, report)
    figures = make_directory(directory / "figures")
    draw_ranks(figures, report)
    draw_bayes_factors(figures, report)
    write_calibration_page(directory, report)
