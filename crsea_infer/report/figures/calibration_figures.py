"""Figures of a calibration: rank histograms with bands, Bayes factors under each truth, and reliability."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.analysis.calibration_statistics import THRESHOLDS, bins_for, rank_counts
from crsea_infer.report.layout.figure_words import legend_words, wrapped
from crsea_infer.report.layout.style import COLOURS, INDEXED, PAGE, new_figure, save, styled

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from crsea_infer.analysis.calibration_statistics import RankTest
    from crsea_infer.report.tables.calibration_tables import CalibrationReport

__all__ = ["calibration_figures", "draw_bayes_factors", "draw_ranks"]

_ACROSS = 6
_BANDS = ((0.999, "0.92"), (0.95, "0.82"))


def calibration_figures(report: CalibrationReport) -> dict[str, str]:
    """Return figure name -> caption."""
    names = {
        f"calibration_ranks_{name}": (
            f"Ranks of true parameters among {report.found.draws} posterior draws, for data simulated under {title}. "
            "Flat is right; grey: 95 % and 99.9 % of the counts of one bin when it is. A hump: posteriors too wide; a "
            "trough: too narrow; a slope: shifted. p: the smaller p-value of two tests, times two."
        )
        for truth, (name, title) in enumerate(zip(report.found.hypotheses, _words(report), strict=True))
        if _bins(report, truth)
    }
    if report.pairs:
        names["calibration_bayes_factors"] = (
            "Left: ln B of data simulated under either hypothesis. Dotted: thresholds ±1, ±2.5, ±5. Right: share of "
            "data sets that came from the first hypothesis, against the probability that ln B gives to it (even prior "
            "odds; 68 % intervals; numbers: data sets). On the diagonal, the Bayes factor is calibrated."
        )
    return names


def _bins(report: CalibrationReport, truth: int) -> int:
    known = int(np.sum(report.found.ranks[truth][:, 0] >= 0))
    return bins_for(known, report.found.draws)


def draw_ranks(folder: Path, report: CalibrationReport) -> None:
    """Draw the rank histograms of every hypothesis that has enough of them."""
    for truth, name in enumerate(report.found.hypotheses):
        bins = _bins(report, truth)
        if not bins:
            continue
        with styled():
            parameters = report.found.parameters[truth]
            across = min(_ACROSS, len(parameters))
            down = math.ceil(len(parameters) / across)
            figure = new_figure(PAGE, 1.12 * down + 0.45)
            panels = list(figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel())
            ranks = report.found.ranks[truth]
            histograms = [rank_counts(column, report.found.draws, bins) for column in ranks.T]
            for panel, parameter, counts in zip(panels, parameters, histograms, strict=False):
                _histogram(panel, counts, report.tests[truth][parameter], _label(report, parameter))
            # The axis is common to all panels: the highest bar of any must fit.
            highest, expected = max(int(counts.max()) for counts in histograms), int(histograms[0].sum()) / bins
            panels[0].set_ylim(0.0, max(2.2 * expected, 1.05 * highest))
            for panel in panels[len(parameters) :]:
                panel.set_visible(False)
            figure.supxlabel(r"rank / $L$", fontsize=9)
            figure.supylabel("data sets", fontsize=9)
            figure.set_layout_engine("constrained")
            save(figure, folder, f"calibration_ranks_{name}")


def _label(report: CalibrationReport, parameter: str) -> str:
    return f"${report.labels[parameter]}$" if report.labels.get(parameter) else r"$\ln L$"


def _histogram(panel: Axes, counts: np.typing.NDArray[np.int64], test: RankTest, label: str) -> None:
    from scipy.stats import binom

    total, bins = int(counts.sum()), len(counts)
    for share, grey in _BANDS:
        low, high = binom.interval(share, total, 1.0 / bins)
        panel.axhspan(low, high, color=grey, linewidth=0)
    panel.axhline(total / bins, color="0.4", linewidth=0.6)
    edges = np.linspace(0.0, 1.0, bins + 1)
    panel.stairs(counts, edges, color=COLOURS[0], linewidth=1.0)
    panel.set_title(f"{label}  $p={test.p:.2f}$", fontsize=INDEXED, pad=3)
    panel.set_xlim(0.0, 1.0)
    panel.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
    panel.tick_params(labelsize=7)


def draw_bayes_factors(folder: Path, report: CalibrationReport) -> None:
    """Draw, for every pair of hypotheses, ln B under each of them and the reliability of its probabilities."""
    if not report.pairs:
        return
    with styled():
        figure = new_figure(PAGE, 2.5 * len(report.pairs) + 0.2)
        panels = figure.subplots(len(report.pairs), 2, squeeze=False, width_ratios=(1.45, 1.0))
        for (left, right), (one, other) in zip(panels, report.pairs, strict=True):
            _factors(left, report, one, other)
            _reliability(right, report, one, other)
        figure.set_layout_engine("constrained")
        save(figure, folder, "calibration_bayes_factors")


def _factors(panel: Axes, report: CalibrationReport, one: int, other: int) -> None:
    from matplotlib.ticker import MaxNLocator

    words = _words(report)
    values: list[Any] = []
    for truth in (one, other):
        ln_b = report.ln_b(truth, one, other)
        values.append(ln_b[np.isfinite(ln_b)])
    joined = np.concatenate(values)
    if not joined.size:
        panel.text(0.5, 0.5, "no evidence was quoted", transform=panel.transAxes, ha="center")
        return
    edges = np.histogram_bin_edges(joined, bins=30).tolist()
    for index, (truth, ln_b) in enumerate(zip((one, other), values, strict=True)):
        panel.hist(
            ln_b,
            edges,
            histtype="stepfilled",
            color=COLOURS[index],
            alpha=0.3,
            label=wrapped(f"data from {words[truth]}", 52),
        )
        panel.hist(ln_b, edges, histtype="step", color=COLOURS[index], linewidth=1.0)
    for threshold in THRESHOLDS:
        for sign in (-1.0, 1.0):
            # below the legend
            panel.axvline(sign * threshold, 0.0, 0.76, color="0.5", linewidth=0.5, linestyle=":" if threshold else "-")
    panel.set_xlabel(wrapped(rf"$\ln B$({words[one]} : {words[other]})", 60))
    panel.set_ylabel("data sets")
    low, high = panel.get_ylim()
    panel.set_ylim(low, 1.3 * high)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    panel.legend(loc="upper left")


def _words(report: CalibrationReport) -> list[str]:
    """Return what the hypotheses are called in figures, in the order of what was found."""
    words = legend_words({one.name: one.title for one in report.run.hypotheses})
    return [words.get(name, name) for name in report.found.hypotheses]


def _reliability(panel: Axes, report: CalibrationReport, one: int, other: int) -> None:
    result = report.reliability(one, other)
    some = result.counts > 0
    errors = np.stack([result.share - result.low, result.high - result.share])[:, some]
    panel.plot([0.0, 1.0], [0.0, 1.0], color="0.5", linewidth=0.6)
    panel.errorbar(
        result.probability[some],
        result.share[some],
        yerr=np.maximum(errors, 0.0),
        fmt="o",
        color="black",
        markersize=3,
        elinewidth=0.8,
    )
    for x, y, count in zip(result.probability[some], result.share[some], result.counts[some], strict=True):
        below = y > 0.5
        panel.annotate(
            str(count),
            (x, y),
            xytext=(4, -8) if below else (4, 4),
            textcoords="offset points",
            fontsize=6.5,
            color="0.35",
        )
    panel.set_xlim(-0.04, 1.1)
    panel.set_ylim(-0.04, 1.04)
    panel.set_xlabel(wrapped(f"probability of {_words(report)[one]}", 40), fontsize=8)
    panel.set_ylabel("share that is true", fontsize=8)
