"""What evidences say, and when they say nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsea_infer.inference.evidence import Evidence, bayes_factor, combine, conditional, disagreements, quotable

FINITE = st.floats(-1e4, 1e4)
ERROR = st.floats(1e-3, 10.0)


@pytest.mark.parametrize(
    ("ln_b", "words"),
    [
        (0.5, "barely any"),
        (0.99, "barely any"),
        (1.01, "positive"),
        (2.99, "positive"),
        (3.01, "strong"),
        (4.99, "strong"),
        (5.01, "very strong"),
        (30.0, "very strong"),
    ],
)
def test_verdicts_follow_kass_and_raftery_in_both_directions(ln_b: float, words: str) -> None:
    one, other = Evidence(-10.0, 0.01, "nested"), Evidence(-10.0 - ln_b, 0.01, "nested")
    assert bayes_factor("min", one, "max", other).verdict == f"{words} evidence for min over max"
    assert bayes_factor("max", other, "min", one).verdict == f"{words} evidence for min over max"


def test_a_conditional_evidence_is_the_difference_with_both_errors() -> None:
    found = conditional(Evidence(-30.0, 0.3, "nested sampling"), Evidence(-20.0, 0.4, "nested sampling"))
    assert found.lnz == -10.0
    assert found.lnz_err == pytest.approx(0.5)
    assert found.method == "nested sampling, with and without the data"


def test_a_difference_within_its_error_is_not_resolved() -> None:
    factor = bayes_factor("min", Evidence(-10.0, 0.4, "a"), "max", Evidence(-10.9, 0.3, "a"))
    assert factor.ln_b_err == pytest.approx(0.5)
    assert factor.verdict.startswith("not resolved")
    assert not factor.resolved


@given(one=FINITE, other=FINITE, error_1=ERROR, error_2=ERROR)
def test_bayes_factors_are_antisymmetric(one: float, other: float, error_1: float, error_2: float) -> None:
    there = bayes_factor("a", Evidence(one, error_1, "m"), "b", Evidence(other, error_2, "m"))
    back = bayes_factor("b", Evidence(other, error_2, "m"), "a", Evidence(one, error_1, "m"))
    assert there.ln_b == -back.ln_b
    assert there.ln_b_err == back.ln_b_err
    assert there.resolved == back.resolved


def test_samplers_that_agree_are_represented_by_the_most_precise() -> None:
    evidences = {"dynesty": Evidence(-10.2, 0.15, "nested"), "importance": Evidence(-10.0, 0.01, "importance")}
    assert disagreements(evidences) == []
    assert combine(evidences) == evidences["importance"]


def test_an_evidence_that_did_not_converge_is_quoted_only_where_there_is_no_other() -> None:
    evidences = {"dynesty": Evidence(-10.2, 0.15, "nested"), "importance": Evidence(-11.0, 0.01, "importance")}
    assert quotable(evidences, {"dynesty"}) == {"dynesty": evidences["dynesty"]}
    assert quotable(evidences, set()) == evidences
    assert quotable(evidences, {"emcee"}) == evidences


def test_samplers_that_disagree_are_named_and_widen_the_error() -> None:
    evidences = {"dynesty": Evidence(-12.0, 0.15, "nested"), "importance": Evidence(-10.0, 0.01, "importance")}
    (words,) = disagreements(evidences)
    assert "dynesty" in words
    assert "importance" in words
    quoted = combine(evidences)
    assert quoted is not None
    assert quoted.lnz == pytest.approx(-11.0)
    assert quoted.lnz_err == pytest.approx(1.0)
    assert "disagreement" in quoted.method


def test_an_error_that_is_not_a_number_is_no_agreement() -> None:
    evidences = {"a": Evidence(-1.0, math.nan, "nested"), "b": Evidence(-9.0, 0.1, "importance")}
    found = disagreements(evidences)
    assert len(found) == 1
    assert "+8.00 +- nan" in found[0]
    quoted = combine(evidences)
    assert quoted is not None
    assert math.isnan(quoted.lnz_err)
    assert not bayes_factor("min", quoted, "max", Evidence(-99.0, 0.1, "nested")).resolved


def test_no_sampler_with_an_evidence_gives_none() -> None:
    assert combine({}) is None


@given(values=st.lists(st.tuples(FINITE, ERROR), min_size=1, max_size=4))
def test_the_quoted_evidence_lies_among_those_given(values: list[tuple[float, float]]) -> None:
    quoted = combine({str(i): Evidence(lnz, error, "m") for i, (lnz, error) in enumerate(values)})
    assert quoted is not None
    slack = 1e-9 * max(1.0, *(abs(lnz) for lnz, _ in values))
    assert min(values)[0] - slack <= quoted.lnz <= max(values)[0] + slack
    assert math.isfinite(quoted.lnz_err)
    assert quoted.lnz_err > 0.0
