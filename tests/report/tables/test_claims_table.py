"""What a study says of a statement follows from its rule: power first, then convergence, then all combinations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from crsea_infer.plan.claims import Claim
from crsea_infer.report.tables.claims_table import Judged
from crsea_infer.report.tables.finished_combination import Finished

COMMON: dict[str, Any] = {"statement": "s", "source": "t", "quantity": "ln_b", "combination": "a", "hypothesis": "h"}
CLAIM = Claim(**COMMON, against="g", at_least=3.0)


def judged(*values: float, error: float = 0.01, power: float = math.nan, unconverged: tuple[str, ...] = ()) -> Judged:
    named = {name: (value, error) for name, value in zip("abc", values, strict=False)}
    return Judged(CLAIM, named, unconverged, power)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (judged(5.0, 6.0, power=4.0), "agrees"),
        (judged(5.0), "agrees"),
        (judged(1.0, 2.0), "**does not agree**"),
        (judged(5.0, 6.0, 2.0), "**depends on** the data and choices: not in c"),
        (judged(5.0, 1.0, 2.0), "**depends on** the data and choices: holds only in a"),
        (judged(5.0, math.nan, 6.0), "agrees"),
        (judged(math.nan, 6.0), "withheld: no number"),
        (judged(5.0, power=0.07), "**no power**"),
        (judged(3.01, 6.0), "not decided: the limit lies within two numerical errors"),
        (judged(5.0, unconverged=("h",)), "not decided: h not converged"),
    ],
)
def test_verdicts(found: Judged, verdict: str) -> None:
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("values", "by_choice", "verdict"),
    [
        ((5.0, 6.0), {"flat gas": 4.0, "AAfrag": 9.0}, "agrees"),
        ((5.0, 6.0), {"flat gas": 0.5, "AAfrag": 9.0}, "**depends on** choices: not with flat gas"),
        ((1.0, 2.0), {"flat gas": 0.5, "AAfrag": 9.0}, "**depends on** choices: only with AAfrag"),
        ((1.0, 2.0), {"flat gas": 0.5}, "**does not agree**"),
        (
            (5.0, 1.0, 6.0),
            {"flat gas": 0.5, "AAfrag": 1.0},
            "**depends on** the data and choices: not in b; in a not with flat gas, AAfrag",
        ),
        ((1.0, 5.0, 6.0), {"AAfrag": 9.0}, "**depends on** the data and choices: not in a; in a only with AAfrag"),
    ],
)
def test_a_choice_that_takes_the_number_across_its_limit_is_named(
    values: tuple[float, ...], by_choice: dict[str, float], verdict: str
) -> None:
    assert replace(judged(*values), by_choice=by_choice).verdict == verdict


def test_bayes_factors_by_choice_are_of_what_both_hypotheses_have() -> None:
    found = Finished(
        {}, frozenset(), (), {}, lnz_by_choice={"h": {"x": 5.0, "y": 7.0, "z": math.nan}, "g": {"x": 3.0, "z": 1.0}}
    )
    assert found.ln_b_by_choice("h", "g") == {"x": 2.0}
    assert found.ln_b_by_choice("g", "h") == {"x": -2.0}
    assert found.ln_b_by_choice("h", "nobody") == {}


def test_the_range_is_of_what_is_known() -> None:
    assert judged(5.0, math.nan, 2.0).span == (2.0, 5.0)
    assert judged(5.0).span is None
