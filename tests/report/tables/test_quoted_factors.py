"""What is said of a Bayes factor: its error called numerical, its spread, and whether the winner describes the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from crsea_infer.analysis.predictive_checks import Probability
from crsea_infer.inference.evidence import Evidence, Spread, bayes_factor
from crsea_infer.report.layout.ecsv import Column, write_table
from crsea_infer.report.tables.goodness_of_fit_table import Fit
from crsea_infer.report.tables.quoted_factors import (
    factor_line,
    read_spreads,
    spread_of,
    spread_words,
    unmeasured_line,
    verdict_words,
)

if TYPE_CHECKING:
    from pathlib import Path

FACTOR = bayes_factor("min", Evidence(30.0, 0.01, "sums"), "max", Evidence(0.9, 0.01, "sums"))
CLOSE = bayes_factor("min", Evidence(30.0, 1.0, "sums"), "max", Evidence(29.9, 1.0, "sums"))


def fit(name: str, p: float, what: str = "") -> Fit:
    return Fit(name, Probability(p, 0.0, 10_000), what)


GOOD, BAD, WORST = 0.3, 0.0003, 1 / 10_001


@pytest.mark.parametrize(
    ("p_min", "p_max", "tail"),
    [
        (GOOD, BAD, "; min describes these data (p = 0.3)"),
        (BAD, GOOD, "; but min does not describe these data (p = 0.0003)"),
        (BAD, WORST, "; but min does not describe these data (p = 0.0003), nor does max (p < 0.0001)"),
    ],
)
def test_the_verdict_says_whether_the_winner_describes_the_data(p_min: float, p_max: float, tail: str) -> None:
    fits = {"min": fit("min", p_min), "max": fit("max", p_max)}
    assert verdict_words(FACTOR, fits) == f"very strong evidence for min over max{tail}"
    turned = bayes_factor("max", Evidence(0.9, 0.01, "sums"), "min", Evidence(30.0, 0.01, "sums"))
    assert verdict_words(turned, fits) == verdict_words(FACTOR, fits)


def test_where_nothing_is_favoured_both_are_told() -> None:
    fits = {"min": fit("min", GOOD), "max": fit("max", BAD, " for the runs of its residuals")}
    assert verdict_words(CLOSE, fits).endswith(
        "; min describes these data (p = 0.3), but max does not describe these data "
        "(p = 0.0003 for the runs of its residuals)"
    )
    both = {"min": fit("min", BAD), "max": fit("max", BAD)}
    assert verdict_words(CLOSE, both).endswith(
        "but min does not describe these data (p = 0.0003), nor does max (p = 0.0003)"
    )


def test_where_nobody_asked_nothing_is_said() -> None:
    assert verdict_words(FACTOR, {}) == FACTOR.verdict
    assert verdict_words(FACTOR, {"max": fit("max", BAD)}) == FACTOR.verdict
    stuck = bayes_factor("min", Evidence(30.0, 0.01, ""), "max", Evidence(0.9, 0.01, ""), ["max"])
    assert verdict_words(stuck, {"min": fit("min", BAD)}).endswith(
        "does not describe these data (p = 0.0003) (not converged)"
    )


def test_a_line_calls_the_error_numerical_and_has_the_spread() -> None:
    line = factor_line(FACTOR, {"min": fit("min", BAD)}, {})
    assert line == (
        "ln B (min : max) = 29.100 ± 0.014 (numerical)   very strong evidence for min over max; "
        "but min does not describe these data (p = 0.0003)"
    )
    spreads = {("min", "max"): Spread(7.4, 3.1, 33.9)}
    assert "= 29.100 ± 0.014 (numerical)   over choices: 3.1 to 33.9, averaged 7.4   very" in factor_line(
        FACTOR, {}, spreads
    )
    assert unmeasured_line([FACTOR], spreads) == []
    (said,) = unmeasured_line([FACTOR], {})
    assert said == "Errors of ln B are numerical alone; spread over choices: not measured (crsea-infer robustness RUN)."


def test_a_spread_turns_with_its_pair() -> None:
    spreads = {("max", "min"): Spread(-7.4, -33.9, -3.1)}
    assert spread_of(FACTOR, spreads) == Spread(7.4, 3.1, 33.9)
    assert not spread_of(FACTOR, {}).is_known
    assert spread_words(spread_of(FACTOR, {})).endswith("not measured (crsea-infer robustness RUN)")


def test_spreads_are_read_where_choices_were_varied(tmp_path: Path) -> None:
    path = tmp_path / "bayes_factors.ecsv"
    assert read_spreads(path) == {}
    names = {"hypothesis_1": Column("", str), "hypothesis_2": Column("", str)}
    numbers = {f"ln_b_{name}": Column("") for name in ("averaged", "low", "high")}
    rows = [
        {"hypothesis_1": "a", "hypothesis_2": "b", "ln_b_averaged": 7.4, "ln_b_low": 3.1, "ln_b_high": 33.9},
        {"hypothesis_1": "a", "hypothesis_2": "c", **dict.fromkeys(numbers, math.nan)},
    ]
    write_table(path, names | numbers, rows, {})
    assert read_spreads(path) == {("a", "b"): Spread(7.4, 3.1, 33.9)}
    write_table(path, names, rows, {})
    assert read_spreads(path) == {}
