"""What panels of corners have in common, be they axes or drawn on a sheet: densities, ranges, ticks, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.content.labels import unit_in_tex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.report.results.shown_run import Drawn
    from crsea_infer.support.arrays import Float64

__all__ = [
    "LEVELS",
    "PRIOR_LINE",
    "PUBLISHED_LINE",
    "columns_of",
    "density_of",
    "faded",
    "inner_ticks",
    "is_large",
    "label_of",
    "prior_density",
    "ranges_of",
]

LEVELS: Final = (0.393, 0.865)
"""One and two sigma of a normal distribution in two dimensions."""
PUBLISHED_LINE: Final[dict[str, Any]] = {"color": "black", "linestyle": "--", "linewidth": 0.6, "zorder": 5}
PRIOR_LINE: Final[dict[str, Any]] = {"color": "0.55", "linewidth": 1.0, "zorder": 0}
_LARGE: Final = 1e3  # parameters beyond this are drawn as logarithms


def density_of(drawn: Float64, limits: tuple[float, float]) -> tuple[Float64, Float64]:
    """Return values of a parameter, and the smoothed density of its samples there."""
    from scipy.ndimage import gaussian_filter1d

    counts, edges = np.histogram(drawn, bins=40, range=limits)
    density = gaussian_filter1d(counts.astype(np.float64), 1.2) / (len(drawn) * (edges[1] - edges[0]))
    return 0.5 * (edges[1:] + edges[:-1]), density


def prior_density(parameter: Parameter, limits: tuple[float, float], *, as_log: bool) -> tuple[Float64, Float64]:
    """Return values of a parameter, or of its logarithm, and the density of its prior there."""
    grid = np.linspace(*limits, 200)
    theta = 10.0**grid if as_log else grid
    density = np.exp(np.asarray(parameter.distribution.log_pdf(theta)))
    return grid, density * theta * np.log(10.0) if as_log else density


def inner_ticks(low: float, high: float) -> list[float]:
    """Return few ticks, far enough from the ends of a range that the numbers of neighbouring panels never touch."""
    from matplotlib.ticker import MaxNLocator

    margin = 0.12 * (high - low)
    ticks: list[float] = []
    for n_bins in (4, 5, 7, 10):
        found = MaxNLocator(n_bins, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        ticks = [float(tick) for tick in found if low + margin <= tick <= high - margin]
        if len(ticks) >= 2:
            break
    return ticks


def columns_of(item: Drawn, names: Sequence[str], as_log: Sequence[bool]) -> Float64:
    """Return the samples of some parameters [n, parameter], those that are shown as logarithms as log10."""
    index = [item.names.index(name) for name in names]
    drawn = item.draws[:, index]
    return np.where(np.asarray(as_log), np.log10(np.where(drawn > 0.0, drawn, 1.0)), drawn)


def is_large(items: Sequence[Drawn], name: str) -> bool:
    """Return whether a parameter is shown as its logarithm."""
    drawn = items[0].draws[:, items[0].names.index(name)]
    return bool(np.all(drawn > 0.0) and np.median(drawn) > _LARGE)


def ranges_of(samples: Sequence[Float64], published: Sequence[float] | None) -> list[tuple[float, float]]:
    """Return limits that hold nearly all samples, and the published value unless it is far away."""
    low = np.min([np.quantile(drawn, 0.002, axis=0) for drawn in samples], axis=0)
    high = np.max([np.quantile(drawn, 0.998, axis=0) for drawn in samples], axis=0)
    if published is not None:
        value, width = np.asarray(published), high - low
        near = (value > low - width) & (value < high + width)
        low = np.where(near, np.minimum(low, value - 0.08 * width), low)
        high = np.where(near, np.maximum(high, value + 0.08 * width), high)
    # samples that are all the same, of a sampler that failed, still need an axis
    width = np.where(high > low, 0.0, 1e-6 + 1e-3 * np.abs(low))
    return [(float(a), float(b)) for a, b in zip(low - width, high + width, strict=True)]


def label_of(parameter: Parameter, *, as_log: bool) -> str:
    """Return the label of an axis, with the unit."""
    unit = unit_in_tex(parameter.unit)
    if as_log:
        inside = rf"{parameter.label}/\mathrm{{{unit}}}" if unit and "^" not in unit else parameter.label
        return rf"$\log_{{10}}\,{inside}$"
    return rf"${parameter.label}$" + (rf" [$\mathrm{{{unit}}}$]" if unit else "")


def faded(colour: str, share: float) -> tuple[float, float, float, float]:
    """Return a colour with an opacity."""
    from matplotlib.colors import to_rgba

    red, green, blue, _ = to_rgba(colour)
    return (red, green, blue, share)
