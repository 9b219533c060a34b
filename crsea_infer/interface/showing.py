"""How objects of the front door look in a notebook: small tables of HTML, everything escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crsea_infer.support.arrays import Float64

__all__ = ["html_table", "parameter_rows"]

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
