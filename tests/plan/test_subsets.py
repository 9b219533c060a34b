"""Conditional evidence where it is known in closed form, and what the divisions of data mean for its samplings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from crsea_infer.inference.evidence import conditional
from crsea_infer.inference.samplers.importance import Importance, ImportanceOptions
from crsea_infer.inference.samplers.registry import sampler_class
from crsea_infer.inference.samplers.sampler import no_progress
from crsea_infer.plan.subsets import Subsets
from crsea_infer.support.checkpoint import Checkpoint

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Array, Float64

SIZES = (4, 3)  # of the training set and of the data
DESIGN = np.random.default_rng(4).normal(size=(sum(SIZES), 3))
VALUES = np.random.default_rng(5).normal(scale=2.0, size=sum(SIZES))
WIDTHS = np.array([0.3] * SIZES[0] + [0.8] * SIZES[1])
PRIOR_WIDTH = 30.0  # broad: the conditional evidence must hardly depend on it


@dataclass(frozen=True)
class Linear:
    """Data = design @ theta + noise, with a normal prior: everything about it is Gaussian."""

    rows: slice
    prior_width: float = PRIOR_WIDTH
    names: tuple[str, ...] = ("a", "b", "c")

    def prior_transform(self, unit: Array) -> Array:
        return self.prior_width * ndtri(unit)

    def log_likelihood(self, theta: Array) -> Array:
        pulls = (VALUES[self.rows] - theta @ DESIGN[self.rows].T) / WIDTHS[self.rows]
        return stats.norm.logpdf(pulls).sum(axis=-1) - np.log(WIDTHS[self.rows]).sum()


def exact(prior_width: float) -> float:
    """ln p(D | T): the data under the normal that the training leaves for them."""
    covariance = prior_width**2 * DESIGN @ DESIGN.T + np.diag(WIDTHS**2)
    trained, new = np.arange(SIZES[0]), np.arange(SIZES[0], sum(SIZES))
    gain: Float64 = covariance[np.ix_(new, trained)] @ np.linalg.inv(covariance[np.ix_(trained, trained)])
    mean = gain @ VALUES[trained]
    left = covariance[np.ix_(new, new)] - gain @ covariance[np.ix_(trained, new)]
    return float(stats.multivariate_normal(mean, left).logpdf(VALUES[new]))


def test_the_difference_of_two_evidences_is_the_conditional_one_of_a_linear_gaussian() -> None:
    sampler = Importance(ImportanceOptions(walkers=64, steps=200, draws=6000, components=4))
    joint, training = (
        sampler.run(Linear(rows), np.random.SeedSequence(seed), Checkpoint(None), no_progress).evidence
        for seed, rows in enumerate((slice(None), slice(SIZES[0])))
    )
    assert joint is not None
    assert training is not None
    found = conditional(joint, training)
    assert found.lnz_err < 0.05
    assert found.lnz == pytest.approx(exact(PRIOR_WIDTH), abs=4.0 * found.lnz_err)
    # what training narrows: ten times the prior width costs each evidence 3 ln 10, and their difference nothing
    assert exact(10.0 * PRIOR_WIDTH) == pytest.approx(exact(PRIOR_WIDTH), abs=0.05)


def test_samplings_follow_the_order_of_the_run() -> None:
    subsets = Subsets(("a", "b", "c", "d"), {"one": ("d", "b"), "two": ("b",)})
    assert subsets.predicted == ("a", "c")
    assert subsets.samplings("one") == {"all": ("a", "b", "c", "d"), "training": ("b", "d")}
    assert subsets.samplings("two") == {"all": ("a", "b", "c"), "training": ("b",)}
    assert subsets.samplings("plain") == {"all": ("a", "c")}


def test_samplers_of_posteriors_alone_weigh_nothing() -> None:
    weighs = {name for name in ("emcee", "nuts", "dynesty", "importance") if sampler_class(name).gives_evidence}
    assert weighs == {"dynesty", "importance"}
