"""index.html: the tables and figures of a run on one page, which opens anywhere the folder is copied to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.samplers.sampler import CONVERGED
from crsea_infer.plan.subsets import ALL
from crsea_infer.report.figures import corner_figures
from crsea_infer.report.layout.checksums import Checksums
from crsea_infer.report.layout.number_words import lnz_text, number_with_error
from crsea_infer.report.layout.style import PAGE as PAGE_WIDTH
from crsea_infer.report.layout.style import RESOLUTION
from crsea_infer.report.pages.page_words import PageWords, page_template
from crsea_infer.report.tables.beside_table import beside_factors
from crsea_infer.report.tables.goodness_of_fit_table import read_fits
from crsea_infer.report.tables.pile_up_table import sides_with_heaps
from crsea_infer.report.tables.quoted_factors import (
    factor_value,
    fit_words,
    read_spreads,
    spread_of,
    spread_words,
    verdict_words,
)
from crsea_infer.report.tables.run_tables import chi2_rows, evidence_rows
from crsea_infer.report.tables.shifts_in_common import shift_words
from crsea_infer.support.files import atomic_write
from crsea_infer.support.output_names import FACTORS, PAGE, RECORD, REFERENCES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.hypotheses.demanded_physics import DemandedPhysics
    from crsea_infer.report.layout.sections import Section
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary
    from crsea_infer.report.tables.beside_table import BesideFactor

_HALF = 0.6

__all__ = ["lnz_text", "number_with_error", "write_page"]


def write_page(
    directory: Path,
    summary: RunSummary,
    sections: Sequence[Section],
    versions: Mapping[str, str],
    missing: Sequence[str] = (),
) -> None:
    """Write index.html beside the tables, figures and posteriors of the run; `missing` says what could not be made."""
    fits, spreads = read_fits(directory), read_spreads(directory / FACTORS)
    beside = beside_factors(directory) if summary.run.beside else []
    corners = _figures(directory, corner_figures.figure_names(summary))
    page = page_template("page.html.j2", PageWords.of_run(summary)).render(
        contents=[
            *("Evidence", "Goodness of fit", *(section.title for section in sections)),
            *(["Posteriors"] if corners else []),
            *("Parameters", "Data", "Physics", "Files and versions"),
        ],
        title=summary.run.title,
        description=summary.run.description,
        factors=[
            *(_beside(factor) for factor in beside if factor.is_conditional),
            *(
                {
                    "about": "",
                    "hypothesis_1": factor.hypothesis_1,
                    "hypothesis_2": factor.hypothesis_2,
                    "verdict": _capital(verdict_words(factor, fits)),
                    "text": factor_value(factor),
                    "priors": summary.unequal_priors.get((factor.hypothesis_1, factor.hypothesis_2), ""),
                    "spread": spread_words(spread_of(factor, spreads)),
                    "method": factor.method,
                }
                for factor in summary.bayes_factors
            ),
        ],
        warnings=[*missing, *summary.warnings, *(text for section in sections for text in section.cautions)],
        sections=[_section(directory, section) for section in sections],
        condition=summary.condition,
        evidences=_evidences(summary),
        described=fit_words(fits),
        parts=any(item.samplings.keys() != {ALL} for item in summary.hypotheses),
        subruns=_scatter(summary),
        fits=_fits(summary),
        pulls=[
            f"{item.name}: its parameters leave the middle of their priors by {item.best_fit.prior_pull:.1f} in χ² "
            f"({len(item.posterior.names)} parameters)."
            for item in summary.hypotheses
        ],
        corners=corners,
        hypotheses=[_hypothesis(item) for item in summary.hypotheses],
        data=[
            {
                "name": likelihood.name,
                "title": likelihood.title,
                "reference": f"{likelihood.provenance.reference}, {likelihood.provenance.table_or_figure}",
                "status": likelihood.provenance.status,
                "n_data": likelihood.n_data,
                "systematics": likelihood.settings.get("systematics", ""),
            }
            for likelihood in summary.run.likelihoods
        ],
        shifts=shift_words(summary.run.likelihoods),
        physics=[
            *((name.replace("_", " "), text) for name, text in summary.model.description.items()),
            *((f"physics of {item.name}", physics.words()) for item, physics in _demanded(summary)),
        ],
        files=_files(directory, summary),
        versions=list(versions.items()),
    )
    atomic_write(directory / PAGE, page)


def _beside(factor: BesideFactor) -> dict[str, str]:
    """Return a Bayes factor of a run beside in the form of the run's own."""
    return {
        "about": factor.about,
        "hypothesis_1": factor.hypothesis_1,
        "hypothesis_2": factor.hypothesis_2,
        "verdict": _capital(factor.verdict),
        "text": factor.value,
        "priors": "",
        "spread": factor.spread,
        "method": f"run {factor.run}, below",
    }


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _evidences(summary: RunSummary) -> list[dict[str, Any]]:
    return [
        {
            "hypothesis": row.hypothesis,
            "sampler": row.sampler,
            "data": row.data,
            "lnz": lnz_text(row.lnz, row.lnz_err),
            "n_calls": f"{row.n_calls:,}".replace(",", "\u202f"),
            "time": f"{row.wall_s:.0f} s",
            "status": row.status if row.status == CONVERGED else f"not converged: {row.status}",
            "converged": row.status == CONVERGED,
        }
        for item in summary.hypotheses
        for row in evidence_rows(item)
    ]


def _demanded(summary: RunSummary) -> list[tuple[HypothesisSummary, DemandedPhysics]]:
    """Return the hypotheses that demand physics of their own, and what they demand."""
    demanded = [(item, item.posterior.hypothesis.physics) for item in summary.hypotheses]
    return [(item, physics) for item, physics in demanded if physics]


def _scatter(summary: RunSummary) -> list[str]:
    lines = []
    for item in summary.hypotheses:
        for name, result in item.results.items():
            if result.evidence is None or "lnz_err_simulated" not in result.diagnostics:
                continue
            simulated, scatter = (float(result.diagnostics[f"lnz_err_{kind}"]) for kind in ("simulated", "scatter"))
            lines.append(
                f"{item.name}, {name}: error {simulated:.2f} from simulated shrinkage, {scatter:.2f} from the scatter "
                "of its sub-runs; the larger is quoted."
            )
    return lines


def _fits(summary: RunSummary) -> list[dict[str, str]]:
    return [
        {
            "hypothesis": row["hypothesis"],
            "likelihood": row["likelihood"],
            "n_data": str(row["n_data"]),
            "chi2_published": f"{row['chi2_published']:.1f}",
            "reduced_published": f"{row['reduced_chi2_published']:.2f}",
            "chi2_best": f"{row['chi2_best_fit']:.1f}",
            "reduced_best": f"{row['reduced_chi2_best_fit']:.2f}",
        }
        for item in summary.hypotheses
        for row in chi2_rows(item)
    ]


def _section(directory: Path, section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "tables": [
            {
                "columns": [(name, name in table.numbers) for name in table.columns],
                "rows": [
                    [(text, name in table.numbers) for name, text in zip(table.columns, row, strict=True)]
                    for row in table.rows
                ],
            }
            for table in section.tables
        ],
        "words": section.words,
        "figures": _figures(directory, section.figures),
    }


def _figures(directory: Path, names: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "png": f"figures/{name}.png",
            "pdf": f"figures/{name}.pdf",
            "all": f"figures/{name}_all.pdf" if (directory / "figures" / f"{name}_all.pdf").exists() else "",
            "caption": caption,
            "narrow": _is_narrow(directory / "figures" / f"{name}.png"),
        }
        for name, caption in names.items()
        if (directory / "figures" / f"{name}.png").exists()
    ]


def _is_narrow(picture: Path) -> bool:
    """Tell whether a PNG file is a figure of one column, by the width in its header."""
    with picture.open("rb") as file:
        return int.from_bytes(file.read(20)[16:]) < _HALF * RESOLUTION * PAGE_WIDTH


def _hypothesis(item: HypothesisSummary) -> dict[str, Any]:
    low, middle, high = np.quantile(item.draws, [0.16, 0.5, 0.84], axis=0)
    rows, heaps = [], sides_with_heaps(item)
    for index, parameter in enumerate(item.posterior.parameters):
        unit, scale = parameter.unit, max(abs(middle[index]), high[index] - low[index])
        shown = 3 if scale < 1e3 else 0
        width = 0.5 * (high[index] - low[index])
        if 0.0 < width < 1e3:
            shown = max(0, 1 - int(np.floor(np.log10(width))))
        rows.append(
            {
                "name": parameter.name,
                "prior": parameter.distribution.describe(),
                "description": parameter.description,
                "posterior": _interval(low[index], middle[index], high[index], shown),
                "best": _plain(item.best_fit.parameters[index], shown),
                "unit": unit,
                "heaps": heaps.get(parameter.name, ""),
            }
        )
    return {
        "name": item.name,
        "title": item.title,
        "prior_sets": ", ".join(item.posterior.hypothesis.prior_sets),
        "shown": item.shown_words,
        "parameters": rows,
    }


def _interval(low: float, middle: float, high: float, digits: int) -> str:
    below, above = _plain(middle - low, digits), _plain(high - middle, digits)
    return f"{_plain(middle, digits)} (+{above}, \u2212{below})"


def _plain(value: float, digits: int) -> str:
    return f"{value:.3g}" if abs(value) >= 1e5 else f"{value:.{digits}f}"


def _files(directory: Path, summary: RunSummary) -> list[str]:
    """Return the tables and posteriors that the run wrote, relative to the page."""
    written = sorted(Checksums(directory).names)
    names = [RECORD, *(name for name in written if name.endswith(".ecsv")), REFERENCES]
    for item in summary.hypotheses:
        names += [name for name in written if name.startswith(f"{item.name}/") and name.endswith(".nc")]
    return [name for name in names if (directory / name).exists()]
