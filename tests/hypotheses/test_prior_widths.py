"""Priors of one parameter in two hypotheses: equally wide, or told not to be."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from crsea_infer.hypotheses import distributions as d
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.hypotheses.prior_widths import compare_priors

ONE_SIGMA = float(stats.norm.ppf(0.84))  # 0.994: of the central 68 %


def slope(distribution: d.Distribution, name: str = "slope") -> Parameter:
    return Parameter(name, distribution, 1.0, "s")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (d.normal(-2.6, 0.05), d.normal(-2.9, 0.05)),
        (d.log_normal(3.0, dex=0.1), d.log_normal(9.0, dex=0.1)),
        (d.log_uniform(1.0, 10.0), d.log_uniform(3.0, 30.0)),
        (d.normal(1.0, 0.1), d.fixed(1.0)),
    ],
)
def test_equally_wide_priors_are_no_matter_where_they_lie(one: d.Distribution, other: d.Distribution) -> None:
    found = compare_priors([slope(one)], [slope(other)])
    assert found.widths == ()
    assert found.words("a", "b") == ""


def test_unequal_ones_are_named_with_both_widths() -> None:
    found = compare_priors(
        [slope(d.normal(-2.6, 0.02)), slope(d.normal(0.0, 1.0), "own")], [slope(d.normal(-2.7, 0.05))]
    )
    ((name, first, second),) = found.widths
    assert name == "slope"
    assert (first, second) == pytest.approx((0.02 * ONE_SIGMA, 0.05 * ONE_SIGMA))
    assert found.words("a", "b") == "widths of the priors differ: slope (0.02 and 0.05); own only a has"


def test_widths_of_priors_in_the_logarithm_are_compared_there() -> None:
    ((_, first, second),) = compare_priors([slope(d.log_uniform(1.0, 10.0))], [slope(d.uniform(1.0, 10.0))]).widths
    assert first == pytest.approx(0.34 * math.log(10.0))
    assert second == pytest.approx(0.5 * math.log(8.56 / 2.44))


def test_max_is_shipped_with_the_widths_of_min() -> None:
    """The published pair is of unequal widths; this one has the values of Max and the widths of Min."""
    lesser, published, equal = (
        load_hypothesis(f"gamma-optimized-{name}") for name in ("min", "max", "max-equal-widths")
    )
    assert {row[0] for row in compare_priors(lesser.parameters, published.parameters).widths} == {
        "proton_slope_3",
        "helium_slope_3",
    }
    found = compare_priors(lesser.parameters, equal.parameters)
    assert (found.widths, found.only_first, found.only_second) == ((), (), ())
    assert {one.name for one in lesser.free} == {one.name for one in equal.free}
    twin = {one.name: one.fiducial for one in equal.parameters}
    for nucleus in ("proton", "helium"):
        assert twin[f"{nucleus}_slope_2"] == twin[f"{nucleus}_slope_3"]
        of_max = {one.name: one.fiducial for one in published.parameters}
        assert twin[f"{nucleus}_slope_2"] == of_max[f"{nucleus}_slope_2"]
        assert twin[f"{nucleus}_slope_4"] == of_max[f"{nucleus}_slope_3"]
        assert twin[f"{nucleus}_break_3"] == of_max[f"{nucleus}_break_2"]
