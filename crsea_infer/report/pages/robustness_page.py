"""Page of an atlas: the Bayes factors to quote, the tornado, and the tables, on one page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from crsea_infer.report.figures.robustness_figures import caption, figure_names, write_figures
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.pages.page_words import page_template
from crsea_infer.report.tables.robustness_tables import AtlasReport, choice_name, quoted, verdict
from crsea_infer.support.files import atomic_write, make_directory
from crsea_infer.support.output_names import ATLAS_FILES, FIGURES, PAGE, RECORD

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_page"]

_MOST_SHARES = 12


def write_page(directory: Path, report: AtlasReport) -> None:
    """Write the figures, and index.html beside the tables."""
    write_figures(make_directory(directory / FIGURES), report)
    page = page_template("robustness.html.j2").render(
        title=report.title,
        description=report.choices.description,
        findings=[
            {"pair": f"{pair[0]} : {pair[1]}", "quoted": quoted(factor), "verdict": verdict(pair, factor)}
            for pair, factor in report.factors.items()
        ],
        cautions=report.cautions,
        figures=[{"name": name, "caption": caption(report, pair)} for pair, name in figure_names(report).items()],
        axes=[_axis(report, axis.name) for axis in report.choices.axes],
        pairs=[f"{pair[0]} : {pair[1]}" for pair in report.factors],
        shares=_shares(report),
        methods=_methods(report),
        left_out=list(report.left_out),
        files=[*ATLAS_FILES[:-1], RECORD],
        identity=[*report.identity.items(), *report.versions.items()],
    )
    atomic_write(directory / PAGE, page)


def _axis(report: AtlasReport, name: str) -> dict[str, Any]:
    axis = next(one for one in report.choices.axes if one.name == name)
    rows = [
        {
            "words": f"{axis.shipped} (as shipped)",
            "why": "",
            "weight": f"{axis.shipped_weight:.2f}",
            "ln_b": [number_with_error(*report.ln_b(pair, ())) for pair in report.factors],
        }
    ]
    for option in axis.options:
        one = ((axis.name, option.name),)
        if one in report.weights:
            rows.append(
                {
                    "words": option.title,
                    "why": option.why,
                    "weight": f"{option.weight:.2f}",
                    "ln_b": [number_with_error(*report.ln_b(pair, one)) for pair in report.factors],
                }
            )
    return {"title": axis.title, "rows": rows}


def _shares(report: AtlasReport) -> list[dict[str, Any]]:
    """Return the combinations that make up most of the averages."""
    found = []
    for name, shares in report.shares.items():
        known = sorted(((share, one) for one, share in shares.items() if math.isfinite(share)), reverse=True)
        found.append(
            {
                "hypothesis": name,
                "rows": [
                    {
                        "choice": choice_name(one),
                        "words": report.choices.words(one),
                        "share": f"{100.0 * share:.1f} %",
                        "lnz": number_with_error(report.evidences[name][one].lnz, report.evidences[name][one].lnz_err),
                    }
                    for share, one in known[:_MOST_SHARES]
                    if share > 0.005
                ],
            }
        )
    return found


def _methods(report: AtlasReport) -> str:
    """Return how many evidences were found in which way, in words."""
    count: dict[str, int] = {}
    for by_choice in report.evidences.values():
        for evidence in by_choice.values():
            method = "none of the choices touches the hypothesis" if evidence.same_as is not None else evidence.method
            count[method] = count.get(method, 0) + 1
    return ", ".join(f"{number} by {method}" for method, number in sorted(count.items(), key=lambda item: -item[1]))
