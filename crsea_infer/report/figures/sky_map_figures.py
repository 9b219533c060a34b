"""A map of the sky as a figure: the whole of it, or strips along the plane, with outlines of regions and their masks.

Longitude grows to the left, as on the sky. Colours are logarithmic, in a scale whose lightness grows evenly, so that
colour-blind readers and printers see what all others see. An outline is where a region ends: at its box, and at each
disc of its mask.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.report.layout.figure_words import plain_text, region_words, wrapped
from crsea_infer.report.layout.style import PAGE, legend_size, new_figure, styled
from crsea_infer.support.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.physics.healpix_pixels import Pixelisation
    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

__all__ = ["PROJECTIONS", "sky_map_figure"]

PROJECTIONS: Final = ("mollweide", "strip")
"""Projections: the whole sky in equal areas, or the plane in strips of degrees."""

_COLOURS: Final = "viridis"
_DECADES: Final = 4.0  # what is darker is drawn as the darkest
_LINES: Final = ("-", (0, (4, 1.5)), (0, (1, 1)))
_ACROSS: Final = 1600  # pixels of a row
_IN_A_ROW: Final = 125.0  # degrees of longitude
_LETTERS: Final = 100


def sky_map_figure(
    values: Float64,
    sky: Pixelisation,
    *,
    title: str,
    label: str,
    regions: Sequence[Region] = (),
    projection: str = "mollweide",
    latitude: float = 8.0,
) -> Figure:
    """Draw a map.

    Parameters
    ----------
    values
        Of each pixel [pixel]; not above 0 is drawn as the darkest colour.
    sky
        Pixels.
    title
        Above the map.
    label
        Of the bar of colours, with the unit.
    regions
        To outline.
    projection
        One of :data:`PROJECTIONS`.
    latitude
        Where strips end, degrees, unless a region reaches farther.

    Raises
    ------
    UserError
        When there is no such projection.
    """
    if projection not in PROJECTIONS:
        raise unknown_name("projection", projection, PROJECTIONS)
    with styled():
        figure = new_figure(PAGE, 1.0)
        words = wrapped(plain_text(title), _LETTERS)
        head, foot = 0.3 + 0.15 * words.count("\n"), _foot(figure, regions)
        draw = _whole if projection == "mollweide" else _strips
        shown = draw(figure, values, sky, regions, latitude, (head, foot))
        height = figure.get_figheight()
        figure.text(0.5, 1.0 - 0.06 / height, words, ha="center", va="top", fontsize=9)
        bar = figure.add_axes((0.2, (foot - 0.22) / height, 0.6, 0.1 / height))
        figure.colorbar(shown, cax=bar, orientation="horizontal", label=label)
        bar.tick_params(which="both", direction="out", top=False)
    return figure


def _colours(values: Float64) -> dict[str, Any]:
    """Return how values are drawn as an image."""
    from matplotlib.colors import LogNorm

    top = float(values.max())
    lowest = float(values[values > 0.0].min()) if top > 0.0 else 1.0
    norm = LogNorm(max(lowest, top * 10.0**-_DECADES), top if top > 0.0 else 10.0, clip=True)
    return {"cmap": _COLOURS, "norm": norm, "interpolation": "nearest", "origin": "lower"}


def _foot(figure: Figure, regions: Sequence[Region]) -> float:
    """Put the legend of regions at the foot of a figure, and return what it and the bar of colours take, inches."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], color="0.2", linewidth=1.0, linestyle=_line(index), label=wrapped(region_words(one.name), _LETTERS)
        )
        for index, one in enumerate(regions)
    ]
    if not handles:
        return 0.72
    columns, height = legend_size(handles, PAGE, handlelength=2.4)
    options: dict[str, Any] = {"ncols": columns, "handlelength": 2.4, "borderaxespad": 0.3}
    figure.legend(handles=handles, loc="lower center", **options)
    return 0.72 + height


def _line(index: int) -> Any:
    return _LINES[index % len(_LINES)]


def _whole(
    figure: Figure,
    values: Float64,
    sky: Pixelisation,
    regions: Sequence[Region],
    _latitude: float,
    room: tuple[float, float],
) -> Any:
    """Draw the whole sky in Mollweide's projection, and return the image."""
    from matplotlib.patches import Ellipse

    wide = PAGE - 0.5
    head, foot = room
    height = head + 0.5 * wide + 0.1 + foot
    figure.set_figheight(height)
    axes = figure.add_axes((0.25 / PAGE, (foot + 0.1) / height, wide / PAGE, 0.5 * wide / height))
    x, y = np.meshgrid(np.linspace(-2.0, 2.0, _ACROSS), np.linspace(-1.0, 1.0, _ACROSS // 2))
    angle = np.arcsin(np.clip(y, -1.0, 1.0))
    at_latitude = np.degrees(np.arcsin(np.clip((2.0 * angle + np.sin(2.0 * angle)) / np.pi, -1.0, 1.0)))
    with np.errstate(divide="ignore", invalid="ignore"):
        at_longitude = np.where(np.cos(angle) > 1e-6, -90.0 * x / np.cos(angle), 0.0)
    inside = (0.5 * x) ** 2 + y**2 <= 1.0
    pixels = sky.pixels_at(np.where(inside, at_longitude, 0.0), np.where(inside, at_latitude, 0.0))
    options = _colours(values)
    drawn = np.where(inside, np.maximum(values[pixels], options["norm"].vmin), np.nan)
    shown = axes.imshow(drawn, extent=(-2.0, 2.0, -1.0, 1.0), **options)
    axes.add_patch(Ellipse((0.0, 0.0), 4.0, 2.0, facecolor="none", edgecolor="black", linewidth=0.8))
    _graticule(axes)
    for index, region in enumerate(regions):
        within = region.contains(at_longitude, at_latitude) & inside
        _outline(axes, x, y, within, index)
    axes.set_axis_off()
    axes.set_xlim(-2.01, 2.01)
    axes.set_ylim(-1.01, 1.01)
    return shown


def _graticule(axes: Axes) -> None:
    """Draw circles of longitude and latitude, and say which they are."""
    style: dict[str, Any] = {"color": "white", "linewidth": 0.4, "alpha": 0.5}
    along = np.linspace(-90.0, 90.0, 181)
    for longitude in range(-120, 180, 60):
        x, y = _projected(np.full_like(along, longitude), along)
        axes.plot(x, y, **style)
        x, y = _projected(np.array([longitude]), np.array([-8.0]))
        words = f"{longitude % 360}\u00b0"
        axes.text(float(x[0]) + 0.01, float(y[0]), words, color="white", fontsize=7, va="top", ha="left")
    around = np.linspace(-180.0, 180.0, 181)
    for latitude in (-60, -30, 30, 60):
        x, y = _projected(around, np.full_like(around, latitude))
        axes.plot(x, y, **style)
        words = f"{latitude}\u00b0".replace("-", "\u2212")
        axes.text(float(x.min()) - 0.07, float(y[0]), words, fontsize=7, va="center", ha="right")


def _projected(longitude: Float64, latitude: Float64) -> tuple[Float64, Float64]:
    """Return Mollweide's coordinates, -2 to 2 and -1 to 1, of directions in degrees."""
    target = np.pi * np.sin(np.radians(latitude))
    angle = np.radians(latitude)
    for _ in range(60):  # Newton; slow at the poles only, where it ends on the pole all the same
        slope = np.maximum(2.0 + 2.0 * np.cos(2.0 * angle), 1e-9)
        angle = np.clip(angle - (2.0 * angle + np.sin(2.0 * angle) - target) / slope, -np.pi / 2, np.pi / 2)
    return -longitude / 90.0 * np.cos(angle), np.sin(angle)


def _strips(
    figure: Figure,
    values: Float64,
    sky: Pixelisation,
    regions: Sequence[Region],
    latitude: float,
    room: tuple[float, float],
) -> Any:
    """Draw the plane, or the part of it that the regions cover, in rows one below another; return an image."""
    west, east = _covered(regions)
    south, north = (min(-latitude, *_ends(regions, 0)), max(latitude, *_ends(regions, 1)))
    rows = math.ceil((east - west) / _IN_A_ROW)
    part = (east - west) / rows
    left, wide = 0.5, PAGE - 0.58
    tall = float(np.clip(wide * (north - south) / part, 0.5, 3.5))
    head, foot = room
    height = head + rows * (tall + 0.22) + 0.2 + foot
    figure.set_figheight(height)
    n = max(round(_ACROSS * (north - south) / part), 40)
    across = south + (np.arange(n) + 0.5) * (north - south) / n
    grids = [
        np.meshgrid(west + (row + (np.arange(_ACROSS) + 0.5) / _ACROSS) * part, np.clip(across, -90.0, 90.0))
        for row in reversed(range(rows))  # the first row is the one farthest to the left on the sky
    ]
    seen = [values[sky.pixels_at(*grid)] for grid in grids]
    options = _colours(np.stack(seen))
    for row, (grid, intensity) in enumerate(zip(grids, seen, strict=True)):
        low = west + (rows - 1 - row) * part
        bottom = (foot + 0.38 + (rows - 1 - row) * (tall + 0.22)) / height
        axes = figure.add_axes((left / PAGE, bottom, wide / PAGE, tall / height))
        drawn = np.maximum(intensity, options["norm"].vmin)
        shown = axes.imshow(drawn, extent=(low, low + part, south, north), aspect="auto", **options)
        for index, region in enumerate(regions):
            _outline(axes, *grid, region.contains(*grid), index)
        axes.set_xlim(low + part, low)
        axes.set_ylim(south, north)
        _degrees(axes)
    axes.set_xlabel("Galactic longitude $l$  [deg]", labelpad=2)
    figure.text(
        0.015, (foot + 0.38 + 0.5 * rows * (tall + 0.22)) / height, "latitude $b$  [deg]", rotation=90, va="center"
    )
    return shown


def _degrees(axes: Axes) -> None:
    """Write longitudes between 0 and 360 degrees."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 3, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value % 360:g}"))
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    axes.tick_params(which="both", direction="out", top=False, right=False, pad=2)


def _covered(regions: Sequence[Region]) -> tuple[float, float]:
    """Return the range of longitudes that regions cover, with a margin; all of it without any."""
    if not regions:
        return -180.0, 180.0
    west, east = min(one.longitude[0] for one in regions), max(one.longitude[1] for one in regions)
    margin = min(3.0, 0.5 * max(360.0 - (east - west), 0.0))
    return (west - margin, east + margin) if east - west < 360.0 else (-180.0, 180.0)


def _ends(regions: Sequence[Region], end: int) -> list[float]:
    margin = (-1.5, 1.5)[end]
    return [float(np.clip(one.latitude[end] + margin, -90.0, 90.0)) for one in regions if abs(one.latitude[end]) < 30.0]


def _outline(axes: Axes, x: Float64, y: Float64, within: np.typing.NDArray[np.bool_], index: int) -> None:
    """Draw where a region ends: white, on a dark edge that shows it on bright parts too."""
    if not within.any() or within.all():
        return
    mask = within.astype(float)
    axes.contour(x, y, mask, levels=[0.5], colors="black", linewidths=1.5, alpha=0.55)
    axes.contour(x, y, mask, levels=[0.5], colors="white", linewidths=0.8, linestyles=[_line(index)])
