"""Every figure of a run by name, drawn when it is asked for: what a notebook asks of a finished run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from crsea_infer.report.figures import (
    component_figures,
    corner_figures,
    data_set_pulls,
    local_figures,
    prior_sensitivity_figures,
    profile_figures,
    spectrum_figures,
)
from crsea_infer.report.figures.robustness_figures import figure_names, tornado
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.layout.style import styled
from crsea_infer.report.tables.atlas_record import atlas_beside, read_atlas

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

    from crsea_infer.report.results.shown_run import ShownRun

__all__ = ["draw", "figures_of"]


def figures_of(run: ShownRun, directory: Path) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure of a finished run, by the name of its file.

    Parameters
    ----------
    run
        What it found.
    directory
        Where its tables are, and perhaps its atlas.
    """
    found: dict[str, Callable[[], Figure]] = {}
    modules = (spectrum_figures, component_figures, local_figures, profile_figures, corner_figures, data_set_pulls)
    for module in modules:
        found |= module.figures(run)
    tables = [directory / name for name in prior_sensitivity_figures.FILES]
    if all(path.is_file() for path in tables):
        found[prior_sensitivity_figures.FIGURE] = lambda: prior_sensitivity_figures.draw_sensitivity(
            run, *(read_table(path) for path in tables)
        )
    beside = atlas_beside(directory)
    if beside is not None:
        report = read_atlas(beside)
        found |= {name: partial(tornado, report, pair) for pair, name in figure_names(report).items()}
    return found


def draw(drawing: Callable[[], Figure]) -> Figure:
    """Draw a figure in the project's style."""
    with styled():
        return drawing()
