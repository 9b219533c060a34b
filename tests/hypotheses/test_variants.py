"""Hypotheses that may have any of several physics, and the whole number that tells which."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from crsea_infer.hypotheses.demanded_physics import DemandedPhysics
from crsea_infer.hypotheses.distributions import Distribution, Product, categorical, normal, uniform
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.hypotheses.variants import VARIANT, Variant, variants_from
from crsea_infer.hypotheses.varied_hypothesis import of_variant, with_variants

VARIANTS = (
    Variant("one", "One", 0.2, DemandedPhysics(rim=12.0)),
    Variant("other", "Other", 0.8, DemandedPhysics(sources="lorimer")),
)


def test_a_whole_number_has_the_weights_as_its_prior() -> None:
    prior = Product((normal(0.0, 1.0), categorical([1.0, 2.0, 5.0]), uniform(0.0, 2.0)))
    unit = np.random.default_rng(1).random((80_000, 3))
    theta = prior.prior_transform(unit)
    shares = [np.mean(theta[:, 1] == number) for number in (1.0, 2.0, 3.0)]
    np.testing.assert_allclose(shares, [1 / 8, 2 / 8, 5 / 8], atol=5e-3)
    np.testing.assert_array_equal(
        theta[:, [0, 2]], Product((normal(0.0, 1.0), uniform(0.0, 2.0))).prior_transform(unit[:, [0, 2]])
    )
    # densities of the others times the probability of the number
    rest = Product((normal(0.0, 1.0), uniform(0.0, 2.0))).log_pdf(theta[:, [0, 2]])
    np.testing.assert_allclose(prior.log_pdf(theta) - rest, np.log([1 / 8, 2 / 8, 5 / 8])[theta[:, 1].astype(int) - 1])
    assert prior.log_pdf(np.array([0.0, 4.0, 1.0])) == -np.inf


def test_ends_of_the_unit_interval_are_numbers_too() -> None:
    one = categorical([1.0])
    assert one.prior_transform(np.array([0.0, 0.5, 1.0])).tolist() == [1.0, 1.0, 1.0]
    assert float(one.log_pdf(np.array(1.0))) == 0.0
    assert categorical([1.0, 1.0]).prior_transform(np.array([0.0, 0.5, 0.51, 1.0])).tolist() == [1.0, 1.0, 2.0, 2.0]
    with pytest.raises(ValueError, match="above 0"):
        categorical([1.0, 0.0])


def test_a_whole_number_survives_being_written() -> None:
    one = categorical([1.0, 3.0])
    again = Distribution(**json.loads(json.dumps(dataclasses.asdict(one))))
    assert again.describe() == one.describe() == "whole number from 1 to 2, weights 0.25 0.75"
    np.testing.assert_array_equal(
        again.prior_transform(np.linspace(0, 1, 9)), one.prior_transform(np.linspace(0, 1, 9))
    )


def test_a_hypothesis_with_variants_has_their_number_as_a_parameter() -> None:
    plain = load_hypothesis("gamma-optimized-min")
    mixed = with_variants(plain, VARIANTS)
    assert [one.name for one in mixed.free][-1] == VARIANT
    assert mixed.fiducial[VARIANT] == 1.0
    assert mixed.free[-1].description == "number of the physics variant: 1 one, 2 other"
    assert with_variants(plain, ()) is plain
    near = dataclasses.replace(plain, physics=DemandedPhysics(rim=15.0, gas="analytic"))
    assert of_variant(near, VARIANTS[0]).physics == DemandedPhysics(rim=12.0, gas="analytic")
    assert of_variant(near, VARIANTS[1]).physics == DemandedPhysics(rim=15.0, gas="analytic", sources="lorimer")
    assert variants_from({one.name: one.content() for one in VARIANTS}) == VARIANTS
