"""How objects of the front door look in a notebook: small tables of HTML, everything escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from astropy.table import Table

    from crsea_infer.support.arrays import Float64

__all__ = ["factors_as_html", "factors_in_short", "html_table", "parameter_rows"]

_STYLE = "text-align:left;padding:0.15em 0.8em 0.15em 0"


def html_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts as HTML; `title`, headings and cells are escaped."""
    head = "".join(f'<th style="{_STYLE}">{escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_STYLE}">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f"<div><b>{escape(title)}</b><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def parameter_rows(title: str, names: Sequence[str], units: Sequence[str], draws: Float64) -> str:
    """Return a table of medians and 68 % intervals of parameters with draws [n_draws, n], as HTML."""
    low, middle, high = np.quantile(draws, [0.16, 0.5, 0.84], axis=0)
    rows = [
        (name, f"{m:.4g}", f"+{up - m:.2g}", f"\u2212{m - down:.2g}", unit)
        for name, down, m, up, unit in zip(names, low, middle, high, units, strict=True)
    ]
    return html_table(title, ("parameter", "median", "+68 %", "\u221268 %", "unit"), rows)


_MOST = 3  # of each thing in one line


def factors_in_short(directory: Path, table: Table) -> str:
    """Return in a line the first Bayes factors of a finished run, and whether its hypotheses describe the data."""
    from crsea_infer.report.tables.beside_table import beside_factors
    from crsea_infer.report.tables.goodness_of_fit_table import read_fits

    factors = [
        f"ln B ({one} : {other}) = {ln_b:.2f} +- {error:.2f} numerical, {spread}"
        for one, other, ln_b, error, spread, _ in _factors(directory, table[:_MOST])
    ]
    fits = [fit.words() for fit in list(read_fits(directory).values())[:_MOST]]
    conditional = [
        f"{one.about}: ln B ({one.hypothesis_1} : {one.hypothesis_2}) = {one.value}, {one.spread}"
        for one in beside_factors(directory)[:_MOST]
        if one.is_conditional
    ]
    return "; ".join([*conditional, *factors, *fits])


def factors_as_html(title: str, directory: Path, table: Table) -> str:
    """Return the Bayes factors of a finished run with their verdicts, as HTML."""
    from crsea_infer.report.tables.beside_table import beside_factors

    rows = [
        (f"{one} : {other}", f"{ln_b:.3f}", f"{error:.3f}", spread, verdict)
        for one, other, ln_b, error, spread, verdict in _factors(directory, table)
    ]
    beside = [
        (
            f"{one.about}: {one.hypothesis_1} : {one.hypothesis_2}",
            f"{one.ln_b:.3f}",
            f"{one.ln_b_err:.3f}",
            one.spread,
            one.verdict,
        )
        for one in beside_factors(directory)
        if one.is_conditional
    ]
    return html_table(title, ("hypotheses", "ln B", "numerical error", "over choices", "verdict"), [*beside, *rows])


def _factors(directory: Path, table: Table) -> list[tuple[str, str, float, float, str, str]]:
    """Return names, ln B, its numerical error, the spread over choices in words, and the verdict of each pair."""
    from crsea_infer.report.tables.quoted_factors import NO_SPREAD, read_spreads, spread_words
    from crsea_infer.support.output_names import FACTORS

    spreads = read_spreads(directory / FACTORS)
    found = []
    for row in table:
        one, other = str(row["hypothesis_1"]), str(row["hypothesis_2"])
        spread = spread_words(spreads.get((one, other), NO_SPREAD))
        found.append((one, other, float(row["ln_b"]), float(row["ln_b_err"]), spread, str(row["verdict"])))
    return found
