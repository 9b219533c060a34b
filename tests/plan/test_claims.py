"""Published statements: limits, what they need, and which combinations they are about."""

from __future__ import annotations

from typing import Any

import pytest

from crsea_infer.plan.claims import Claim, check_claim
from crsea_infer.plan.run_file import load_run
from crsea_infer.plan.study_file import load_study
from crsea_infer.support.errors import UserError

RUN = {"min_vs_max": load_run("min_vs_max")}
COMMON: dict[str, Any] = {
    "statement": "Min is favoured",
    "source": "text",
    "quantity": "ln_b",
    "combination": "min_vs_max",
    "hypothesis": "gamma-optimized-min",
    "against": "gamma-optimized-max",
    "at_least": 3.0,
}


def claim(**changes: Any) -> Claim:
    return Claim(**{**COMMON, **changes})


def test_claims_hold_within_their_limits() -> None:
    between = claim(at_least=9.0, at_most=10.0)
    assert between.holds(9.5)
    assert not between.holds(8.9)
    assert between.condition == "at least 9 and at most 10"
    small = claim(at_least=-1e300, size_at_most=1.0)
    assert small.holds(-0.9)
    assert not small.holds(-1.1)
    assert small.condition == "within ±1"


def test_a_number_within_two_errors_of_a_limit_is_not_clear() -> None:
    assert claim().is_clear(3.5, 0.2)
    assert not claim().is_clear(3.5, 0.3)
    assert not claim().is_clear(2.9, 0.06)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"against": None}, "ln_b without against"),
        ({"quantity": "excess_sigma"}, "excess_sigma without likelihood"),
        ({"quantity": "index_difference_sigma", "likelihood": "lhaaso_km2a_inner"}, "without other_likelihood"),
        ({"quantity": "flux_ratio", "region": "lhaaso_inner"}, "flux_ratio without energy"),
        (
            {"quantity": "flux_ratio", "region": "lhaaso_inner", "energy": 1e4, "against": None},
            "flux_ratio of one hypothesis in one region",
        ),
        ({"quantity": "component_share", "region": "lhaaso_inner", "energy": 1e4}, "without component"),
        ({"at_least": -1e300}, "has no condition"),
        ({"hypothesis": "gamma-optimised-min"}, "gamma-optimised-min"),
        ({"likelihood": "lhaaso_km2a_iner"}, "lhaaso_km2a_iner"),
        ({"combination": "minvsmax"}, "minvsmax"),
    ],
)
def test_a_claim_that_lacks_something_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_claim(claim(**changes), RUN, "claims")


def test_a_claim_is_about_the_runs_that_have_what_it_names() -> None:
    run = RUN["min_vs_max"]
    assert claim().is_about(run)
    assert not claim(against="base-min").is_about(run)
    assert not claim(likelihood="lhaaso_wcda_inner").is_about(run)


@pytest.mark.slow
def test_the_shipped_registry_says_for_each_statement_what_else_could_be() -> None:
    claims = load_study("paper").claims
    assert len(claims) >= 20
    assert [one.statement for one in claims if not (one.null and one.why and one.source)] == []
    assert len({one.statement for one in claims}) == len(claims)
