"""Prior sensitivity in the report: tables of ln Z and ln B against the width of a prior, and the figure.

Parameters stand in the order of their effect: the largest change, among the factors on the width for which it is known,
of any ln B, or of ln Z where there are no two hypotheses. The figure has the dozen that matter most. Two hypotheses
that share a parameter have its prior widened in both; a parameter that only one has is widened there. Points that
reweighting cannot give are in the tables with the reason, and marked in the figure.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from crsea_infer.analysis.prior_sensitivity import Reweighted, prior_sensitivity
from crsea_infer.plan.subsets import ALL, TRAINING
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.figure_words import wrapped
from crsea_infer.report.layout.sections import Section
from crsea_infer.report.layout.style import FEW, LONG, PAGE, legend_size, look, marker_size, new_figure, save, styled
from crsea_infer.report.results.shown_run import titles_of
from crsea_infer.report.results.summary import shown_sampler
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.report.results.shown_run import ShownRun
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary, Sampling

__all__ = ["FIGURE", "FILES", "draw_sensitivity", "files", "is_current", "sensitivity_section", "write_sensitivity"]

FILES = PRODUCTS["prior sensitivity"].tables
(FIGURE,) = PRODUCTS["prior sensitivity"].figures

_FINE = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0)
_MOST_PANELS = 12
_LETTERS = 100  # of a line of the legend
_ONE_LINE = 0.17  # inches of a legend for which there is room
_Curve: TypeAlias = tuple[str, str, float, float, "Mapping[str, Any]"]
_DECADES = (0.01, 0.1, 1.0, 10.0, 100.0)

_EVIDENCE_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "parameter": Column("parameter whose prior width changes", str),
    "factor": Column("factor on the width of its prior"),
    "prior": Column("the new prior", str),
    "lnz": Column("natural log of the evidence with it; nan when withheld, or when no sampler gave an evidence"),
    "lnz_err": Column("one-sigma error of lnz, that of the sampler included"),
    "lnz_shift": Column("change of ln Z; nan when withheld"),
    "lnz_shift_err": Column("one-sigma error of lnz_shift, from reweighting alone"),
    "k_hat": Column("Pareto k-hat of the new weights; -inf when they do not vary, inf when nothing was sampled there"),
    "effective_samples": Column("effective number of samples with the new weights"),
    "sampler": Column("whose samples were reweighted", str),
    "withheld": Column("why there is no number; empty when there is one", str),
}
_FACTOR_COLUMNS = {
    "hypothesis_1": Column("first hypothesis", str),
    "hypothesis_2": Column("second hypothesis", str),
    "parameter": Column("parameter whose prior width changes, in each of the two that has it", str),
    "factor": Column("factor on the width of its prior"),
    "ln_b": Column("natural log of the Bayes factor, lnz_1 - lnz_2; nan when withheld"),
    "ln_b_err": Column("one-sigma error of ln_b: of the samplers, and of reweighting"),
    "withheld": Column("hypotheses for which the point is withheld; empty when there is a number", str),
}


def files(summary: RunSummary) -> list[str]:
    """Return the files; none when no hypothesis that can be reweighted samples a chosen parameter."""
    if not any(name in item.posterior.names for item in _known(summary) for name in _chosen(summary)):
        return []
    return [*FILES, f"figures/{FIGURE}.pdf", f"figures/{FIGURE}.png"]


def is_current(directory: Path, summary: RunSummary) -> bool:
    """Return whether what is there is of the parameters, factors and order of hypotheses that the run file has."""
    rows = read_table(directory / FILES[0])
    wanted = [
        (item.name, name, round(factor, 9))
        for item in _known(summary)
        for name in _chosen(summary)
        if name in item.posterior.names
        for factor in summary.run.sensitivity_factors
    ]
    there = [(row["hypothesis"], row["parameter"], round(row["factor"], 9)) for row in rows]
    # ln B is that of a pair in one order, in which the page looks for it
    in_order = list(dict.fromkeys(row[0] for row in there)) == list(dict.fromkeys(row[0] for row in wanted))
    return set(there) == set(wanted) and in_order


def write_sensitivity(directory: Path, summary: RunSummary) -> None:
    """Reweight, and write the tables and the figure."""
    found = {item.name: _reweighted(item, summary) for item in summary.hypotheses}
    rows = [_evidence_row(item, row) for item in summary.hypotheses for row in found[item.name]]
    pairs = [
        row for one, other in combinations(summary.hypotheses, 2) for row in _pair_rows(one, other, found, summary)
    ]
    order = {name: place for place, name in enumerate(_by_effect(rows, pairs))}
    place_of = {item.name: place for place, item in enumerate(summary.hypotheses)}
    rows.sort(key=lambda row: (place_of[row["hypothesis"]], order[row["parameter"]], row["factor"]))
    pairs.sort(
        key=lambda row: (
            place_of[row["hypothesis_1"]],
            place_of[row["hypothesis_2"]],
            order[row["parameter"]],
            row["factor"],
        )
    )
    write_table(directory / FILES[0], _EVIDENCE_COLUMNS, rows, summary.table_meta)
    write_table(directory / FILES[1], _FACTOR_COLUMNS, pairs, summary.table_meta)
    with styled():  # last: a figure that fails leaves the tables
        save(draw_sensitivity(summary, rows, pairs), directory / "figures", FIGURE)


def _by_effect(rows: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the parameters, that with the largest effect first; ties as they stand."""
    effects = dict.fromkeys((row["parameter"] for row in rows), 0.0)
    unchanged = {_pair(row): row["ln_b"] for row in pairs if row["factor"] == 1.0}
    changes = [(row["parameter"], row["ln_b"] - unchanged[_pair(row)]) for row in pairs if _pair(row) in unchanged]
    for name, change in changes or [(row["parameter"], row["lnz_shift"]) for row in rows]:
        if np.isfinite(change):
            effects[name] = max(effects[name], abs(change))
    return sorted(effects, key=lambda name: -effects[name])


def _pair(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["hypothesis_1"], row["hypothesis_2"], row["parameter"]


def _is_known(item: HypothesisSummary) -> bool:
    """Return whether a hypothesis can be reweighted: of a trained one, samples of the training set are needed too."""
    return TRAINING not in item.samplings or bool(item.samplings[TRAINING].results)


def _known(summary: RunSummary) -> list[HypothesisSummary]:
    return [item for item in summary.hypotheses if _is_known(item)]


def _chosen(summary: RunSummary) -> tuple[str, ...]:
    return summary.run.sensitivity_parameters


def _source(sampling: Sampling) -> SamplerResult:
    """Return the samples to reweight: those that know the evidence best, converged if any are; else those shown."""
    known = [result for result in sampling.results.values() if result.evidence is not None]
    known = [result for result in known if result.converged] or known
    if not known:
        return sampling.results[shown_sampler(sampling.results)]
    return min(known, key=lambda result: result.evidence.lnz_err if result.evidence is not None else math.inf)


def _reweighted(item: HypothesisSummary, summary: RunSummary) -> list[Reweighted]:
    """Reweight the samples; of a trained hypothesis those of all data and of the training set, and subtract."""
    if not _is_known(item):
        return []
    joint, *training = (
        prior_sensitivity(sampling.posterior, _source(sampling), _chosen(summary), summary.run.sensitivity_factors)
        for data, sampling in item.samplings.items()
        if data in {ALL, TRAINING}
    )
    if not training:
        return joint
    of_training = {(row.parameter, row.factor): row for row in training[0]}
    return [_less(row, of_training.get((row.parameter, row.factor))) for row in joint]


def _less(both: Reweighted, trained: Reweighted | None) -> Reweighted:
    """Return the shift of a conditional evidence; data that do not know the parameter do not shift."""
    if trained is None:
        return both
    return replace(
        both,
        shift=both.shift - trained.shift,
        shift_err=math.hypot(both.shift_err, trained.shift_err),
        k_hat=max(both.k_hat, trained.k_hat),
        effective_samples=min(both.effective_samples, trained.effective_samples),
        withheld=both.withheld or (f"training: {trained.withheld}" if trained.withheld else ""),
    )


def _evidence_row(item: HypothesisSummary, row: Reweighted) -> dict[str, Any]:
    lnz, error = (np.nan, np.nan) if item.evidence is None else (item.evidence.lnz, item.evidence.lnz_err)
    return {
        **vars(row),
        "lnz": lnz + row.shift,
        "lnz_err": math.hypot(error, row.shift_err),
        "lnz_shift": row.shift,
        "lnz_shift_err": row.shift_err,
        "sampler": _source(item.samplings[ALL]).sampler,
    }


def _pair_rows(
    one: HypothesisSummary, other: HypothesisSummary, found: dict[str, list[Reweighted]], summary: RunSummary
) -> list[dict[str, Any]]:
    if one.evidence is None or other.evidence is None:
        return []
    rows = []
    for name in _chosen(summary):
        for factor in summary.run.sensitivity_factors:
            here = {
                item.name: row
                for item in (one, other)
                for row in found[item.name]
                if row.parameter == name and row.factor == factor
            }
            if not here:
                continue
            shift = {key: row.shift for key, row in here.items()}
            errors = [one.evidence.lnz_err, other.evidence.lnz_err, *(row.shift_err for row in here.values())]
            rows.append(
                {
                    "hypothesis_1": one.name,
                    "hypothesis_2": other.name,
                    "parameter": name,
                    "factor": factor,
                    "ln_b": one.evidence.lnz
                    - other.evidence.lnz
                    + shift.get(one.name, 0.0)
                    - shift.get(other.name, 0.0),
                    "ln_b_err": math.hypot(*errors),
                    "withheld": ", ".join(key for key, row in here.items() if row.withheld),
                }
            )
    return rows


def draw_sensitivity(run: ShownRun, rows: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw one panel per parameter: ln B of each pair, or the shift of ln Z when there are no pairs, or too many.

    Parameters
    ----------
    run
        Whose hypotheses they are.
    rows, pairs
        Of the tables of evidences and Bayes factors, in their order.
    """
    words = {name: wrapped(title, _LETTERS) for name, title in titles_of(run).items()}
    curves: list[_Curve]
    if _shows_pairs(len(run.hypotheses), pairs):
        curves = [
            (
                wrapped(f"{words[row['hypothesis_1']]} : {words[row['hypothesis_2']]}", _LETTERS),
                row["parameter"],
                row["factor"],
                row["ln_b"],
                row,
            )
            for row in pairs
        ]
        label, error = r"$\ln B$", "ln_b_err"
        titles = list(dict.fromkeys(curve[0] for curve in curves))
    else:
        curves = [(words[row["hypothesis"]], row["parameter"], row["factor"], row["lnz_shift"], row) for row in rows]
        label, error = r"change of $\ln Z$", "lnz_shift_err"
        titles = list(words.values())  # all: each looks as in other figures
    order = {name: place for place, name in enumerate(_by_effect(rows, pairs))}
    names = list(dict.fromkeys(curve[1] for curve in sorted(curves, key=lambda curve: order[curve[1]])))[:_MOST_PANELS]
    labels = _labels(run)
    factors = sorted({row["factor"] for row in rows})
    across = min(len(names), 4)
    down = math.ceil(len(names) / across)
    width = PAGE if across > 1 else 0.5 * PAGE
    figure = new_figure(width, 2.3 * down + 0.35)
    panels = list(figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel())
    for panel, name in zip(panels, names, strict=False):
        for index, title in enumerate(titles):
            own = [curve for curve in curves if curve[0] == title and curve[1] == name]
            if own:
                _curve(panel, index, title, np.array([[c[2], c[3], c[4][error]] for c in own]), len(titles))
        panel.set_title(labels[name], pad=4)
        panel.axvline(1.0, color="0.6", linewidth=0.6, linestyle=":")
        panel.set_xscale("log")
        _width_axis(panel, factors)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    for index in range(0, len(names), across):
        panels[index].set_ylabel(label)
    figure.supxlabel("factor on the width of the prior", fontsize=9)
    _mark_withheld(panels, names, titles, curves)
    handles = _unique(panels)
    options: dict[str, Any] = {"handlelength": LONG} if len(titles) > FEW else {}
    options["ncols"], height = legend_size(handles, width, **options)
    figure.set_figheight(figure.get_figheight() + max(height - _ONE_LINE, 0.0))
    figure.legend(handles=handles, loc="outside upper center", **options)
    figure.set_layout_engine("constrained")
    return figure


def _curve(panel: Axes, index: int, title: str, points: np.typing.NDArray[np.float64], n: int) -> None:
    factor, value, error = points.T
    own = look(index)
    good = np.isfinite(value)
    # Both break where a point is withheld.
    panel.fill_between(factor, value - error, value + error, where=good, color=own.colour, alpha=0.25, linewidth=0)
    panel.plot(
        factor,
        value,
        color=own.colour,
        linestyle=own.line,
        marker=own.marker,
        label=title,
        **marker_size(2.6, n),
    )


def _mark_withheld(
    panels: Sequence[Axes], names: Sequence[str], titles: Sequence[str], curves: Sequence[tuple[Any, ...]]
) -> None:
    """Put a cross at the foot of the panel for each point that is withheld."""
    for panel, name in zip(panels, names, strict=False):
        for index, title in enumerate(titles):
            missing = [c[2] for c in curves if c[0] == title and c[1] == name and not np.isfinite(c[3])]
            if missing:
                panel.plot(
                    missing,
                    np.full(len(missing), 0.06 + (0.06 if len(titles) <= FEW else 0.5 / len(titles)) * index),
                    look(index).cross,
                    color=look(index).colour,
                    markersize=4,
                    transform=panel.get_xaxis_transform(),
                    label="withheld",
                    clip_on=False,
                )


def _width_axis(panel: Axes, factors: Sequence[float]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    reach = factors[-1] / factors[0]
    ticks = _FINE if reach < 40.0 else _DECADES if reach < 2e4 else _DECADES[::2]  # so that their numbers never touch
    inside = [tick for tick in ticks if factors[0] <= tick <= factors[-1]]
    panel.xaxis.set_major_locator(FixedLocator(inside))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _shows_pairs(n_hypotheses: int, pairs: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the figure has ln B of pairs, of which there are dozens once there are many hypotheses."""
    return bool(pairs) and n_hypotheses <= FEW


def _unique(panels: Sequence[Axes]) -> list[Any]:
    """Return one handle for each label."""
    found: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values())


def _labels(run: ShownRun) -> dict[str, str]:
    return {
        parameter.name: f"${parameter.label}$" if parameter.label else parameter.name
        for item in run.hypotheses
        for parameter in item.parameters
    }


def _caption(*, ln_b: bool) -> str:
    quantity = "ln B of each pair of hypotheses" if ln_b else "Change of ln Z"
    return (
        f"{quantity} against the factor on the width of one prior at a time, by reweighting the samples (bands: one "
        "sigma), largest effects first. Crosses: withheld, because the samples do not cover that prior. Other priors "
        f"unchanged. At most {_MOST_PANELS} parameters; all are in {FILES[0]}."
    )


def sensitivity_section(directory: Path, summary: RunSummary) -> Section:
    """Return what the page says: the range of each Bayes factor, and the figure."""
    pairs = read_table(directory / FILES[1])
    words = []
    for factor in summary.bayes_factors:
        own = [row for row in pairs if (row["hypothesis_1"], row["hypothesis_2"]) == _names(factor)]
        known = [row for row in own if np.isfinite(row["ln_b"])]
        if not known:
            continue
        low, high = (pick(known, key=lambda row: row["ln_b"]) for pick in (min, max))
        words.append(
            f"{factor.marked(f'ln B({factor.hypothesis_1} : {factor.hypothesis_2})')} lies between {low['ln_b']:.2f} "
            f"({low['parameter']}, width × {low['factor']:.3g}) and {high['ln_b']:.2f} ({high['parameter']}, width × "
            f"{high['factor']:.3g}); {len(own) - len(known)} of {len(own)} points are withheld."
        )
    caption = _caption(ln_b=_shows_pairs(len(summary.hypotheses), pairs))
    return Section("Prior sensitivity", words=tuple(words), figures={FIGURE: caption})


def _names(factor: Any) -> tuple[str, str]:
    return factor.hypothesis_1, factor.hypothesis_2
