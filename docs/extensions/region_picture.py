"""The named regions on the sky: boxes in Galactic coordinates, what a mask takes out, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.physics.regions import REGIONS
from crsea_infer.report.layout.style import COLOURS, new_figure, styled

if TYPE_CHECKING:
    from pathlib import Path

_STEP = 0.25  # degrees
_WIDTH = 5.0  # inches: less than a page, so that it can be read on a phone


def draw(folder: Path) -> str:
    """Write a picture of all regions that are not the whole sky into a folder, and return its name."""
    shown = [region for region in REGIONS.values() if region.longitude[1] - region.longitude[0] < 360.0]
    longitude = np.arange(-180.0 + _STEP / 2, 180.0, _STEP)
    latitude = np.arange(-10.0 + _STEP / 2, 10.0, _STEP)
    with styled():
        figure = new_figure(_WIDTH, 0.72 * len(shown) + 0.5)
        panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        for place, (panel, region) in enumerate(zip(panels, shown, strict=True)):
            inside = region.contains(longitude[None, :], latitude[:, None])
            panel.contourf(longitude, latitude, inside, levels=[0.5, 1.5], colors=[COLOURS[place % len(COLOURS)]])
            panel.set_ylim(-10, 10)
            panel.set_xlim(180, -180)
            panel.set_yticks([-5, 0, 5])
            panel.set_title(region.name, fontsize=8, loc="left", pad=2)
        panels[-1].set_xticks(range(180, -181, -60))
        panels[-1].set_xlabel("Galactic longitude [deg]")
        figure.supylabel("Galactic latitude [deg]", fontsize=9, x=0.01)
        figure.subplots_adjust(left=0.115, right=0.96, top=0.955, bottom=0.115, hspace=0.55)
        folder.mkdir(exist_ok=True)
        figure.savefig(folder / "regions.png", dpi=200)
    return "regions.png"
