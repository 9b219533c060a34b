"""What the page of a run says of the atlas that lies beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.report.figures.robustness_figures import caption, figure_names
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.report.tables.atlas_record import atlas_beside, read_atlas
from crsea_infer.report.tables.robustness_tables import quoted, verdict
from crsea_infer.support.output_names import ATLAS, FIGURES, PAGE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["robustness_section"]


def robustness_section(directory: Path) -> Section | None:
    """Return the section on the atlas of the run in a directory; None without a finished one of this very run."""
    beside = atlas_beside(directory)
    if beside is None:
        return None
    report = read_atlas(beside)
    headings = [f"ln B ({one} : {other})" for one, other in report.factors]
    rows = [("as shipped", "", *(number_with_error(*report.ln_b(pair, ())) for pair in report.factors))]
    for axis in report.choices.axes:
        for option in axis.options:
            one = ((axis.name, option.name),)
            if one in report.weights:
                values = (number_with_error(*report.ln_b(pair, one)) for pair in report.factors)
                rows.append((axis.title, option.title, *values))
    words = [
        f"ln B ({pair[0]} : {pair[1]}) averaged over {factor.n} combinations of choices: {quoted(factor)}. "
        f"{verdict(pair, factor)[0].upper()}{verdict(pair, factor)[1:]}."
        for pair, factor in report.factors.items()
    ]
    words.append(f"All combinations, and what each average rests on: {ATLAS}/{PAGE}.")
    return Section(
        "Robustness",
        tables=(SectionTable(("choice", "option", *headings), tuple(rows), frozenset(headings)),),
        words=tuple(words),
        figures={f"../{ATLAS}/{FIGURES}/{name}": caption(report, pair) for pair, name in figure_names(report).items()},
        cautions=tuple(report.cautions),
    )
