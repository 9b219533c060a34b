"""A sky region: its box and what the mask leaves of it, in Galactic coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.report.layout.figure_words import plain_text, region_words
from crsea_infer.report.layout.style import COLOURS, PAGE, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from crsea_infer.physics.regions import Region

__all__ = ["region_figure"]

_PIXELS = 900


def region_figure(region: Region) -> Figure:
    """Draw what belongs to a region; longitude grows to the left, as on the sky.

    The frame is a little larger than the box; what the mask takes off is grey, what is left is blue.
    """
    (west, east), (south, north) = region.longitude, region.latitude
    margin = 0.04 * (east - west)
    width, height = east - west + 2 * margin, north - south + 2 * margin
    step = width / _PIXELS
    longitude = west - margin + (np.arange(_PIXELS) + 0.5) * step
    rows = max(round(height / step), 40)
    latitude = south - margin + (np.arange(rows) + 0.5) * height / rows
    box = ((longitude >= west) & (longitude <= east))[None, :] & ((latitude > south) & (latitude < north))[:, None]
    inside = np.asarray(np.clip(latitude, -90.0, 90.0), dtype=np.float64)
    kept = region.contains(np.asarray(longitude[None, :], dtype=np.float64), inside[:, None]) & box
    with styled():
        from matplotlib.colors import ListedColormap

        tall = float(np.clip(6.2 * height / width, 1.1, 4.4))
        figure = new_figure(PAGE, tall + 0.75)
        axes = figure.add_axes((0.075, 0.5 / (tall + 0.75), 0.915, tall / (tall + 0.75)))
        axes.imshow(
            np.where(kept, 2, np.where(box, 1, 0)),
            origin="lower",
            extent=(longitude[0], longitude[-1], latitude[0], latitude[-1]),
            aspect="auto",
            interpolation="nearest",
            cmap=ListedColormap(["white", "0.75", COLOURS[5]]),
            vmin=0,
            vmax=2,
        )
        axes.invert_xaxis()
        axes.axhline(0.0, color="0.3", linewidth=0.5, linestyle=":")
        axes.set_xlabel("Galactic longitude $l$  [deg]")
        axes.set_ylabel("latitude $b$  [deg]")
        name = plain_text(region_words(region.name))
        masked = "" if region.mask is None else ", grey: masked"
        axes.set_title(f"{name}: {region.solid_angle:.4f} sr{masked}", pad=4)
    return figure
