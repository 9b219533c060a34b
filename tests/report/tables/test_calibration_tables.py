"""What a calibration says: counts that add up, words that match the numbers, figures and a page that stand."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.analysis.calibration import DRAWS, LOG_LIKELIHOOD, Calibration
from crsea_infer.report.calibration_products import write_calibration
from crsea_infer.report.figures.calibration_figures import calibration_figures
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.tables.calibration_tables import CalibrationReport, summary_words

if TYPE_CHECKING:
    from pathlib import Path

N = 80


def report_of(
    distance: float = 1.5, bias: float = 0.0, refused: int = 0, not_comparable: str = ""
) -> CalibrationReport:
    """Two hypotheses whose ln B is that of two normal distributions at a distance; `bias` spoils the ranks."""
    rng = np.random.default_rng(1)
    lnz = np.zeros((2, N, 2))
    for truth, sign in enumerate((1, -1)):
        lnz[truth, :, 0] = distance * rng.normal(sign * distance / 2, 1.0, size=N)
    tries = np.ones((2, N, 2), dtype=np.int64)
    tries[0, :refused, 0] = -1
    lnz[tries < 0] = np.nan
    ranks = [np.floor((DRAWS + 1) * rng.random((N, 3)) ** (1.0 + bias)).astype(np.int64) for _ in range(2)]
    ranks[0][:refused] = -1
    found = Calibration(
        hypotheses=("one", "two"),
        parameters=(("halo_height", "hi_scale", LOG_LIKELIHOOD),) * 2,
        tries=tries,
        lnz=lnz,
        lnz_err=np.where(np.isfinite(lnz), 0.03, np.nan),
        ranks=tuple(ranks),
        draws=DRAWS,
        seconds=np.full((2, N), 6.0),
        truths=tuple(rng.random((N, 2)) ** (1.0 + bias) for _ in range(2)),
    )
    hypotheses = [SimpleNamespace(name=name, title=f"Hypothesis {name}") for name in ("one", "two")]
    run: Any = SimpleNamespace(title="A <calibration>", name="test", seed=1, hypotheses=hypotheses)
    labels = {"halo_height": "H", "hi_scale": r"s_\mathrm{HI}"}
    return CalibrationReport(run, {"seed": "1"}, {"numpy": "2"}, found, np.zeros(2), labels, not_comparable)


@pytest.mark.slow
def test_everything_is_written_and_counts_add_up(tmp_path: Path) -> None:
    report = report_of(refused=5)
    write_calibration(tmp_path, report)
    ranks = read_table(tmp_path / "calibration.ecsv")
    assert len(ranks) == 6
    for row in ranks:
        assert row["n_ranks"] + row["n_refused"] == N
        assert 0.0 < row["chi2_p"] <= 1.0
        assert row["mean"] == pytest.approx(0.5, abs=4 * row["mean_err"])
    factors = read_table(tmp_path / "calibration_bayes_factors.ecsv")
    assert len(factors) == 2 * 4
    for row in factors:
        assert row["n_data_sets"] + row["n_refused"] == N
        assert row["misled"] + row["supported"] <= row["n_data_sets"]
        assert row["misled_share"] <= row["misled_upper"]
        ln_b = report.ln_b(0, 0, 1) if row["truth"] == "one" else report.ln_b(1, 1, 0)
        assert row["misled"] == np.sum(ln_b < -row["threshold"])
    data_sets = read_table(tmp_path / "calibration_data_sets.ecsv")
    assert len(data_sets) == 2 * N * 2
    assert sum(row["tries"] < 0 for row in data_sets) == 5
    assert all(np.isnan(row["lnz"]) == (row["tries"] < 0) for row in data_sets)
    for name in calibration_figures(report):
        for suffix in ("pdf", "png"):
            assert (tmp_path / "figures" / f"{name}.{suffix}").stat().st_size > 5_000
    page = (tmp_path / "calibration.html").read_text()
    assert "A &lt;calibration&gt;" in page
    for link in re.findall(r'(?:href|src)="([^"]+)"', page):
        if link == "data:," or link.startswith("#"):  # no icon, so that no browser asks for one
            continue
        assert (tmp_path / link).is_file(), link


def test_words_tell_a_good_calibration_from_a_bad_one() -> None:
    good, bad = summary_words(report_of()), summary_words(report_of(bias=1.0))
    assert any("no sign of a wrong posterior" in text for text in good)
    assert any("fewer than one in twenty" in text for text in bad)
    assert any("6 p-values" in text for text in good)
    assert not any("unevenly spread" in text for text in good)
    _, _, _, where = report_of(bias=1.0).smallest
    assert where is not None
    assert any("unevenly spread" in text for text in bad) == (where[1] != LOG_LIKELIHOOD)
    wrong = int(np.sum(report_of().ln_b(0, 0, 1) < 0))
    assert any(f"wrong sign in {wrong}," in text for text in good)


def test_refused_estimates_are_said() -> None:
    words = summary_words(report_of(refused=7))
    assert "7 estimates of its own posterior refused" in words[0]
    assert any("(7 refused)" in text for text in words)


@pytest.mark.slow
def test_many_refused_estimates_are_called_a_selection(tmp_path: Path) -> None:
    """More than 5 % of 80: ranks and ln B of the others may look right, or wrong, because they are the others."""
    report = report_of(refused=5)
    cautions = [text for text in summary_words(report) if text.startswith("Caution")]
    assert len(cautions) == 2
    assert "from one are left out of the ranks" in cautions[0]
    assert "from one are left out of ln B against two" in cautions[1]
    assert all("5 of 80 data sets (6 %)" in text for text in cautions)
    write_calibration(tmp_path, report)
    assert all(text in (tmp_path / "calibration.html").read_text() for text in cautions)
    assert not any("selection" in text for text in summary_words(report_of(refused=4)))


def test_hypotheses_far_apart_are_decided_not_calibrated() -> None:
    assert "all are decided" in summary_words(report_of(distance=12.0))[-1]


def test_too_few_bayes_factors_are_not_called_decided() -> None:
    assert any("too few data sets" in text for text in summary_words(report_of(refused=N - 1)))


def test_a_kept_share_shifts_the_bayes_factor() -> None:
    report = report_of()
    shifted = CalibrationReport(
        report.run, report.identity, report.versions, report.found, np.array([-1.0, 0.0]), report.labels
    )
    assert shifted.ln_b(0, 0, 1) == pytest.approx(report.ln_b(0, 0, 1) + 1.0)


def test_what_cannot_be_compared_has_no_bayes_factors(tmp_path: Path) -> None:
    report = report_of(not_comparable="x is a fit with a sky template")
    write_calibration(tmp_path, report)
    assert read_table(tmp_path / "calibration_bayes_factors.ecsv") == []
    assert "calibration_bayes_factors" not in calibration_figures(report)
    assert any("not calibrated: x is a fit" in text for text in summary_words(report))


def test_too_few_data_sets_draw_no_histogram() -> None:
    report = report_of(refused=N - 4)
    assert "calibration_ranks_one" not in calibration_figures(report)
    assert "calibration_ranks_two" in calibration_figures(report)
