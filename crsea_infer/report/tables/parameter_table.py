"""What each hypothesis makes of its parameters: parameters.ecsv for programs, parameters.tex for papers.

Medians and intervals are those of the posterior that figures show, of the same equally weighted draws; the table in
LaTeX needs no package, and gives each number with two figures of the smaller side of its interval.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.content.labels import unit_in_tex
from crsea_infer.report.layout.ecsv import Column, write_table
from crsea_infer.report.results.spectrum_curves import BANDS
from crsea_infer.support.files import atomic_write
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary

__all__ = [
    "FILES",
    "files",
    "interval_in_latex",
    "latex_text",
    "parameter_rows",
    "unit_in_latex",
    "words_in_latex",
    "write_parameters",
]

FILES = PRODUCTS["parameters"].tables

_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "parameter": Column("name of the parameter", str),
    "label": Column("what stands for it in figures, in LaTeX", str),
    "unit": Column("unit of the parameter, and of all numbers of its row but information", str),
    "median": Column("median of the posterior"),
    "low68": Column("16 % quantile of the posterior"),
    "high68": Column("84 % quantile of the posterior"),
    "low95": Column("2.5 % quantile of the posterior"),
    "high95": Column("97.5 % quantile of the posterior"),
    "mean": Column("mean of the posterior"),
    "standard_deviation": Column("standard deviation of the posterior"),
    "prior": Column("prior in words", str),
    "published": Column("value of the published model, or the middle of the prior where there is none"),
    "best_fit": Column("value where the posterior density is largest"),
    "information": Column("how much the data say beyond the prior, in nats, by itself and in the normal approximation"),
    "sampler": Column("whose posterior it is", str),
    "converged": Column("whether that sampler says that it converged", bool),
}


def files(_summary: RunSummary) -> list[str]:
    """Return the tables."""
    return list(FILES)


def parameter_rows(item: HypothesisSummary) -> list[dict[str, Any]]:
    """Return a row for each sampled parameter of a hypothesis, by names of columns."""
    quantiles = np.quantile(item.draws, list(BANDS.values()), axis=0)
    mean, spread = item.draws.mean(axis=0), item.draws.std(axis=0)
    return [
        {
            "hypothesis": item.name,
            "parameter": one.name,
            "label": one.label,
            "unit": one.unit,
            **{name: float(value) for name, value in zip(BANDS, quantiles[:, index], strict=True)},
            "mean": float(mean[index]),
            "standard_deviation": float(spread[index]),
            "prior": one.distribution.describe(),
            "published": float(one.fiducial),
            "best_fit": float(item.best_fit.parameters[index]),
            "information": float(item.informativeness[index]),
            "sampler": item.shown,
            "converged": item.results[item.shown].converged,
        }
        for index, one in enumerate(item.parameters)
    ]


def write_parameters(directory: Path, summary: RunSummary) -> None:
    """Write both tables."""
    rows = {item.name: parameter_rows(item) for item in summary.hypotheses}
    write_table(directory / FILES[0], _COLUMNS, [row for own in rows.values() for row in own], summary.table_meta)
    tables = [_latex(item, rows[item.name]) for item in summary.hypotheses]
    head = f"% {summary.run.name}: {' '.join(summary.run.title.split())}\n"
    atomic_write(directory / FILES[1], head + "\n".join(tables))


def _latex(item: HypothesisSummary, rows: list[dict[str, Any]]) -> str:
    """Return the table of one hypothesis."""
    lines = [
        f"% {item.name}: posterior of {item.shown_words}",
        r"\begin{tabular}{llll}",
        r"\hline",
        rf"\multicolumn{{4}}{{l}}{{{latex_text(item.title)}}} \\",
        r"parameter & median and 68\,\% interval & unit & prior \\",
        r"\hline",
    ]
    for row in rows:
        label = f"${row['label']}$"  # labels are LaTeX without dollar signs
        interval = interval_in_latex(row["low68"], row["median"], row["high68"])
        lines.append(rf"{label} & {interval} & {unit_in_latex(row['unit'])} & {words_in_latex(row['prior'])} \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def interval_in_latex(low: float, middle: float, high: float) -> str:
    r"""Write a median with its interval as $4.02^{+0.31}_{-0.28}$, to two figures of the smaller side.

    Large and small numbers have a power of ten in common. An interval of no width is written as the number alone.
    """
    upper, lower = high - middle, middle - low
    sides = [side for side in (upper, lower) if side > 0.0]
    if not sides or not all(map(math.isfinite, (low, middle, high))):
        return f"${middle:.4g}$"
    largest = max(abs(middle), upper, lower)
    power = math.floor(math.log10(largest))
    power = 0 if -3 <= power < 5 else power  # as numbers are read in papers
    unit = 10.0**power
    digits = max(0, 1 - math.floor(math.log10(min(sides) / unit)))
    body = f"{middle / unit:.{digits}f}^{{+{upper / unit:.{digits}f}}}_{{-{lower / unit:.{digits}f}}}"
    return f"${body}$" if power == 0 else rf"$\left({body}\right)\times10^{{{power}}}$"


def unit_in_latex(unit: str) -> str:
    """Write a unit such as "kpc^-1" with its powers raised, and a dash for none."""
    escaped = "".join(sign if sign == "^" else _SPECIAL.get(sign, sign) for sign in unit)
    return rf"$\mathrm{{{unit_in_tex(escaped)}}}$" if unit else "--"


def words_in_latex(words: str) -> str:
    r"""Write words with numbers in them: the -2.79 of a prior with a true minus, and 5.9e+06 as $5.9\times10^{6}$."""
    return _SIGNED.sub(_in_mathematics, latex_text(words))


def _in_mathematics(found: re.Match[str]) -> str:
    digits, _, power = found[0].partition("e")
    return rf"${digits}\times10^{{{int(power)}}}$" if power else f"${digits}$"


_SIGNED: Final = re.compile(r"(?<![\w.])(?:-\d+(?:\.\d+)?(?:e[+-]?\d+)?|\d+(?:\.\d+)?e[+-]?\d+)")
"""A negative number, or one with a power of ten."""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "χ": r"$\chi$",
    "γ": r"$\gamma$",
    "π": r"$\pi$",
    "±": r"$\pm$",
    "\N{MINUS SIGN}": r"$-$",
    "×": r"$\times$",
    "²": "$^2$",
}


def latex_text(text: str) -> str:
    """Return a text as LaTeX prints it: special signs escaped, `+-` as plus or minus."""
    return "".join(_SPECIAL.get(sign, sign) for sign in text.replace("+-", "±"))
