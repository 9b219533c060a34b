"""calibration.html: findings, tables and figures of a calibration on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.report.figures.calibration_figures import calibration_figures
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.pages.page_words import page_template
from crsea_infer.report.tables.calibration_tables import FILES, summary_words
from crsea_infer.support.files import atomic_write
from crsea_infer.support.output_names import CALIBRATION_FILES

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.tables.calibration_tables import CalibrationReport

__all__ = ["write_calibration_page"]


def write_calibration_page(directory: Path, report: CalibrationReport) -> None:
    """Write calibration.html beside the tables and figures."""
    page = page_template("calibration.html.j2").render(
        title=report.run.title,
        findings=summary_words(report),
        factors=_factors(report),
        figures=[{"name": name, "caption": caption} for name, caption in calibration_figures(report).items()],
        ranks=[
            {
                "hypothesis": report.found.hypotheses[truth],
                "parameter": name,
                "n": test.n,
                "mean": number_with_error(test.mean, test.mean_err),
                "chi2": f"{test.chi2_p:.3f}",
                "ks": f"{test.ks_p:.3f}",
                "truth": f"{report.truth_p(truth, name):.3f}".replace("nan", "–"),
            }
            for truth, tests in enumerate(report.tests)
            for name, test in tests.items()
        ],
        files=FILES,
        identity=[*report.identity.items(), *report.versions.items()],
    )
    atomic_write(directory / CALIBRATION_FILES[-1], page)


def _factors(report: CalibrationReport) -> list[dict[str, str]]:
    names = report.found.hypotheses
    return [
        {
            "truth": names[truth],
            "other": names[other],
            "threshold": f"{count.threshold:g}",
            "n": str(count.n),
            "refused": str(report.n_refused(truth, other)),
            "misled": str(count.against),
            "upper": f"{100 * count.share_upper:.1f} %",
            "bound": f"{100 * count.bound:.1f} %",
            "supported": str(count.supporting),
        }
        for one, second in report.pairs
        for truth, other in ((one, second), (second, one))
        for count in report.misleading(truth, other)
    ]
