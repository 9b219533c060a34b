"""What a study says of a statement follows from its rule: power first, then convergence, then all combinations."""

from __future__ import annotations

import math
from typing import Any

import pytest

from crsea_infer.plan.claims import Claim
from crsea_infer.report.tables.claims_table import Judged

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


def test_the_range_is_of_what_is_known() -> None:
    assert judged(5.0, math.nan, 2.0).span == (2.0, 5.0)
    assert judged(5.0).span is None
