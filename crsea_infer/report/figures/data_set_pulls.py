"""How each data set fares under each hypothesis: data_sets.ecsv, pulls.ecsv, the figure of pulls.

At two points: the best fit (largest posterior density) and the posterior mean. chi2 and ln L are those of each data set
with the nuisances that the point has; a pull is that of one data point.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.figure_words import wrapped
from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.report.layout.style import FEW, INDEXED, PAGE, legend_size, look, marker_size, new_figure
from crsea_infer.report.results.shown_run import PULLS, common_words, titles_of
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.report.results.shown_run import ShownRun
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary
    from crsea_infer.support.arrays import Float64

__all__ = ["FIGURE", "FILES", "data_sets_section", "draw_pulls", "figures", "files", "read_pulls", "write_data_sets"]

FILES = PRODUCTS["data sets"].tables
(FIGURE,) = PRODUCTS["data sets"].figures
_ENERGY, _NUMBER = "energy [TeV]", "number of the data point"
_POINTS = PULLS
_LETTERS = 110  # of a line of the legend

_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "likelihood": Column("name of the data set, or all", str),
    "n_data": Column("data points", int),
    "chi2_best_fit": Column("chi2 at the best fit, with the nuisances of the best fit and their pulls"),
    "lnl_best_fit": Column("natural log of the likelihood at the best fit"),
    "largest_pull_best_fit": Column("pull of the data point that is farthest off at the best fit"),
    "chi2_posterior_mean": Column("chi2 at the posterior mean of all parameters"),
    "lnl_posterior_mean": Column("natural log of the likelihood at the posterior mean"),
    "largest_pull_posterior_mean": Column("pull of the data point that is farthest off at the posterior mean"),
}
_PULL_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "likelihood": Column("name of the data set", str),
    "point": Column("number of the data point, from 1", int),
    "energy": Column("energy of the point, of helium per nucleon; nan where the data set has none", unit="GeV"),
    "pull_best_fit": Column("(data - prediction) / error at the best fit"),
    "pull_posterior_mean": Column("(data - prediction) / error at the posterior mean"),
}


def files(_summary: RunSummary) -> list[str]:
    """Return the tables and the figure."""
    return [*FILES, f"figures/{FIGURE}.pdf", f"figures/{FIGURE}.png"]


def figures(run: ShownRun) -> dict[str, Callable[[], Figure]]:
    """Return what draws the figure, by name."""
    return {FIGURE: partial(draw_pulls, run)}


def read_pulls(directory: Path) -> dict[str, dict[str, Float64]]:
    """Return the pulls of the table of a run, hypothesis -> data set -> [2, n_data].

    Raises
    ------
    UserError
        When the table is absent or damaged.
    """
    found: dict[str, dict[str, list[list[float]]]] = {}
    for row in read_table(directory / FILES[1]):
        of_data = found.setdefault(row["hypothesis"], {}).setdefault(row["likelihood"], [])
        of_data.append([float(row[key]) for key in _PULL_KEYS])
    return {
        name: {data: np.asarray(points, dtype=np.float64).T for data, points in of_hypothesis.items()}
        for name, of_hypothesis in found.items()
    }


def write_data_sets(directory: Path, summary: RunSummary) -> None:
    """Write the tables."""
    rows = [row for item in summary.hypotheses for row in _rows(item)]
    write_table(directory / FILES[0], _COLUMNS, rows, summary.table_meta)
    known = {one.name: point_energies(one) for item in summary.hypotheses for one in item.posterior.likelihoods}
    points = [
        {
            "hypothesis": name,
            "likelihood": data_set,
            "point": number,
            "energy": math.nan if (energies := known[data_set]) is None else float(energies[number - 1]),
            **dict(zip(_PULL_KEYS, values, strict=True)),
        }
        for name, of_hypothesis in summary.pulls.items()
        for data_set, of_data_set in of_hypothesis.items()
        for number, values in enumerate(of_data_set.T.tolist(), start=1)
    ]
    write_table(directory / FILES[1], _PULL_COLUMNS, points, summary.table_meta)


_PULL_KEYS = tuple(f"pull_{where}" for where in _POINTS)


def _points(item: HypothesisSummary) -> Float64:
    """Return best fit and posterior mean [2, n]."""
    return np.stack([item.best_fit.parameters, item.draws.mean(axis=0)])


def _rows(item: HypothesisSummary) -> list[dict[str, Any]]:
    theta, pulls = _points(item), item.pulls
    chi2, lnl = item.posterior.chi2(theta), item.posterior.log_likelihood_per_data_set(theta)
    rows = [
        {
            "hypothesis": item.name,
            "likelihood": likelihood.name,
            "n_data": likelihood.n_data,
            **{
                key: value
                for index, where in enumerate(_POINTS)
                for key, value in (
                    (f"chi2_{where}", float(chi2[likelihood.name][index])),
                    (f"lnl_{where}", float(lnl[likelihood.name][index])),
                    (f"largest_pull_{where}", _largest(pulls[likelihood.name][index])),
                )
            },
        }
        for likelihood in item.posterior.likelihoods
    ]
    total: dict[str, Any] = {"hypothesis": item.name, "likelihood": "all"}
    for key in _COLUMNS:
        if key.startswith("largest_pull"):
            total[key] = _largest(np.array([row[key] for row in rows]))
        elif key not in total:
            total[key] = sum(row[key] for row in rows)
    once = item.posterior.chi2_of_all(theta)  # the pull of an error that data sets share counts once
    total |= {f"chi2_{where}": float(once[index]) for index, where in enumerate(_POINTS)}
    return [*rows, total]


def _largest(pulls: Float64) -> float:
    """Return the pull with the largest absolute value; 0 when there is none."""
    return float(pulls[np.argmax(np.abs(pulls))]) if pulls.size else 0.0


def draw_pulls(run: ShownRun) -> Figure:
    """Draw one panel per data set: the pull of each point, at best fit (filled) and posterior mean (open)."""
    shown = [one for one in run.data_sets if any(one.name in of_data for of_data in run.pulls.values())]
    across = min(3, len(shown))
    down = math.ceil(len(shown) / across)
    handles = _handles(list(titles_of(run).values()))
    columns, height = legend_size(handles, PAGE)
    figure = new_figure(PAGE, 0.8 + 1.25 * down + height)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for panel, data in zip(panels, shown, strict=False):
        _draw_panel(panel, [run.pulls[item.name].get(data.name) for item in run.hypotheses], _energies(data.columns))
        panel.set_title(data.words, fontsize=8, pad=3)
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    for panel in panels[::across]:
        panel.set_ylabel("pull")
    kinds = {"" if _energies(one.columns) is None else _ENERGY for one in shown}
    figure.supxlabel(f"{_ENERGY}, or number of the data point" if len(kinds) > 1 else max(kinds) or _NUMBER, fontsize=9)
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)
    figure.set_layout_engine("constrained")
    return figure


def point_energies(likelihood: Likelihood) -> Float64 | None:
    """Return the energy of each data point [n_data], GeV (per nucleon where it is quoted so); None if it has none."""
    column = getattr(likelihood, "columns", {}).get("energy_reference")
    known = None if column is None else np.asarray(column.values, dtype=np.float64)
    return None if known is None or np.shape(known) != (likelihood.n_data,) else _positive(known)


def _energies(columns: Mapping[str, Float64]) -> Float64 | None:
    """Return the energy of each point of a data set, if points are told apart by it; else None."""
    known = columns.get("energy_reference")
    if known is None or known.shape != columns["values"].shape or np.unique(known).size < known.size:
        return None
    return _positive(known)


def _positive(energies: Float64) -> Float64 | None:
    return energies if np.all(energies > 0.0) else None


def _draw_panel(panel: Axes, by_hypothesis: Sequence[Float64 | None], energies: Float64 | None) -> None:
    from matplotlib.ticker import MaxNLocator

    panel.axhspan(-1.0, 1.0, color="0.9", linewidth=0)
    panel.axhline(0.0, color="0.4", linewidth=0.6)
    largest, n = 2.0, len(by_hypothesis)
    for index, pulls in enumerate(by_hypothesis):
        if pulls is None:
            continue
        colour, marker = look(index).colour, look(index).marker
        aside = (0.5 if n <= FEW else 0.8) * (index - 0.5 * (n - 1)) / n  # in steps from point to point
        where = _along(pulls.shape[1], energies, aside)
        panel.plot(where, pulls[1], marker, color=colour, markersize=3.4, markerfacecolor="none", markeredgewidth=0.6)
        panel.plot(where, pulls[0], marker, color=colour, **marker_size(2.4, n))
        largest = max(largest, float(np.max(np.abs(pulls))))
        panel.set_xlim(*(_along(pulls.shape[1], energies, aside)[place] for aside, place in ((-0.7, 0), (0.7, -1))))
    panel.set_ylim(-1.15 * largest, 1.15 * largest)
    if energies is None:
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    else:
        panel.set_xscale("log")
    panel.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], symmetric=True))
    panel.tick_params(labelsize=7)
    if energies is not None:
        panel.tick_params(axis="x", labelsize=INDEXED)


def _along(n: int, energies: Float64 | None, aside: float) -> Float64:
    """Return where points stand [n]: at their energies in TeV, or numbers; a part of the step between them aside."""
    if energies is None:
        return np.asarray(np.arange(1, n + 1) + aside, dtype=np.float64)
    step = float(np.median(np.diff(np.log(np.sort(energies))))) if n > 1 else 0.5
    return np.asarray(energies / 1e3 * np.exp(aside * (step or 0.5)), dtype=np.float64)


def _handles(names: Sequence[str]) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=look(index).colour,
            marker=look(index).marker,
            linestyle="",
            label=wrapped(name, _LETTERS if len(names) <= FEW else _LETTERS // 2),
            **marker_size(3, len(names)),
        )
        for index, name in enumerate(names)
    ]
    handles.append(Line2D([], [], color="0.3", marker="o", linestyle="", markersize=3, label="best fit"))
    handles.append(
        Line2D(
            [],
            [],
            color="0.3",
            marker="o",
            linestyle="",
            markersize=3.6,
            markerfacecolor="none",
            label="posterior mean",
        )
    )
    return handles


def data_sets_section(directory: Path, summary: RunSummary) -> Section:
    """Return what the page says."""
    rows = read_table(directory / FILES[0])
    columns = ("hypothesis", "data set", "points", "χ²", "ln L", "largest pull")
    formats = {"chi2": "{:.1f}", "lnl": "{:.1f}", "largest_pull": "{:+.1f}"}
    table = SectionTable(
        columns,
        tuple(
            (
                row["hypothesis"],
                row["likelihood"],
                str(row["n_data"]),
                *(
                    " / ".join(form.format(row[f"{what}_{where}"]) for where in _POINTS)
                    for what, form in formats.items()
                ),
            )
            for row in rows
        ),
        frozenset(columns[2:]),
    )
    words = (
        (
            "Each at the best fit (largest posterior density) / at the posterior mean of all parameters. χ² and ln L "
            "have the systematic shifts of that point, and χ² their pulls; the zero point of ln L differs between data "
            "sets."
        ),
    )
    caption = (
        "(data − prediction) / error of each data point: filled at the best fit, open at the posterior mean. Grey: "
        "one sigma. Energies are per nucleon, or rigidities in TV, where a data set is quoted so; hypotheses stand "
        f"side by side. Every number is in pulls.ecsv.{common_words(summary)}{summary.unconverged_shown}"
    )
    return Section("Data sets one by one", (table,), words, figures={FIGURE: caption})
