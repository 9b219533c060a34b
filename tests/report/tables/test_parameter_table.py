"""Parameters to take away: for programs what the posterior says, for papers rounded well and sound LaTeX."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.tables.parameter_table import (
    FILES,
    interval_in_latex,
    latex_text,
    unit_in_latex,
    words_in_latex,
    write_parameters,
)

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.results.summary import RunSummary


def test_every_sampled_parameter_has_a_row_of_its_posterior(nested_run: RunSummary, tmp_path: Path) -> None:
    write_parameters(tmp_path, nested_run)
    rows = read_table(tmp_path / FILES[0])
    assert [(row["hypothesis"], row["parameter"]) for row in rows] == [
        (item.name, name) for item in nested_run.hypotheses for name in item.names
    ]
    item = nested_run.hypotheses[1]
    own = {row["parameter"]: row for row in rows if row["hypothesis"] == item.name}
    for index, one in enumerate(item.parameters):
        row = own[one.name]
        assert row["median"] == pytest.approx(np.median(item.draws[:, index]))
        assert np.mean(
            (item.draws[:, index] >= row["low68"]) & (item.draws[:, index] <= row["high68"])
        ) == pytest.approx(0.68, abs=0.02)
        assert (row["prior"], row["unit"]) == (one.distribution.describe(), one.unit)
        assert row["best_fit"] == item.best_fit.parameters[index]


def test_the_table_for_papers_is_sound_latex(nested_run: RunSummary, tmp_path: Path) -> None:
    write_parameters(tmp_path, nested_run)
    text = (tmp_path / FILES[1]).read_text()
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == len(nested_run.hypotheses)
    body = [line for line in text.splitlines() if line.endswith(r"\\") and not line.startswith(r"\multicolumn")]
    assert len(body) == sum(len(item.names) + 1 for item in nested_run.hypotheses)
    for line in body:
        assert len(re.findall(r"(?<!\\)&", line)) == 3
        assert line.count("$") % 2 == 0
        assert line.count("{") == line.count("}")
        outside = re.sub(r"\$[^$]*\$", "", line.replace(r"\$", ""))
        assert not re.search(r"(?<!\\)[_^#%]", outside), line


@pytest.mark.parametrize(
    ("low", "middle", "high", "text"),
    [
        (3.74, 4.02, 4.33, "$4.02^{+0.31}_{-0.28}$"),
        (2.6581, 2.66, 2.6612, "$2.6600^{+0.0012}_{-0.0019}$"),
        (1.2e6, 1.5e6, 1.9e6, r"$\left(1.50^{+0.40}_{-0.30}\right)\times10^{6}$"),
        (-0.42, -0.4, -0.37, "$-0.400^{+0.030}_{-0.020}$"),
        (80.0, 120.0, 150.0, "$120^{+30}_{-40}$"),
        (2.0, 2.0, 2.0, "$2$"),
        (0.0, 0.0, 0.5, "$0.00^{+0.50}_{-0.00}$"),
        (1e-5, 2e-5, 4e-5, r"$\left(2.0^{+2.0}_{-1.0}\right)\times10^{-5}$"),
    ],
)
def test_numbers_have_two_figures_of_their_smaller_error(low: float, middle: float, high: float, text: str) -> None:
    assert interval_in_latex(low, middle, high) == text


def test_texts_are_escaped() -> None:
    assert latex_text(r"10 % of a_b & c\d, 1 +- 2") == r"10 \% of a\_b \& c\textbackslash{}d, 1 $\pm$ 2"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("normal -2.79 +- 0.02", r"normal $-2.79$ $\pm$ 0.02"),
        ("log-normal 5.9e+06 +- 0.1 dex", r"log-normal $5.9\times10^{6}$ $\pm$ 0.1 dex"),
        ("uniform -1e-05 to 2", r"uniform $-1\times10^{-5}$ to 2"),
        ("log-uniform 2 to 12", "log-uniform 2 to 12"),
    ],
)
def test_numbers_of_priors_are_printed_as_papers_print_them(given: str, written: str) -> None:
    assert words_in_latex(given) == written


def test_units_have_their_powers_raised() -> None:
    assert unit_in_latex("GeV^1.8 m^-2") == r"$\mathrm{GeV^{1.8}\,m^{-2}}$"
    assert unit_in_latex("") == "--"
