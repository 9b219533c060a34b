"""Probit coordinates of a prior: the inverse of its transform, in both tails."""

from __future__ import annotations

import numpy as np
from scipy import special

from crsea_infer.hypotheses.distributions import Product, log_normal, log_uniform, normal, uniform

PRIOR = Product(
    (
        normal(2.0, 0.5),
        normal(0.04, 0.01, lower=0.0, upper=0.1),
        log_normal(3.0, fraction=0.1),
        log_normal(3.0, dex=0.5, lower=2.0),
        uniform(-1.0, 4.0),
        log_uniform(2.0, 12.0),
    )
)


def test_probit_coordinates_invert_the_prior_transform() -> None:
    probit = np.random.default_rng(1).standard_normal((2000, 6))
    theta = PRIOR.prior_transform(special.ndtr(probit))
    assert np.allclose(PRIOR.to_probit(theta), probit, atol=1e-8)


def test_both_tails_keep_their_precision() -> None:
    far = np.array([[-6.0] * 6, [-5.0] * 6, [5.0] * 6])
    theta = PRIOR.prior_transform(special.ndtr(far))
    assert np.allclose(PRIOR.to_probit(theta)[:, :3], far[:, :3], atol=1e-4)


def test_the_density_in_probit_coordinates_is_normal() -> None:
    theta = PRIOR.prior_transform(np.random.default_rng(2).random((50, 6)) * 0.9 + 0.05)
    step = 1e-6 * theta
    one = Product(PRIOR.distributions)
    for column, distribution in enumerate(one.distributions):
        single = Product((distribution,))
        up, down = (single.to_probit((theta + sign * step)[:, [column]])[:, 0] for sign in (1.0, -1.0))
        slope = (up - down) / (2.0 * step[:, column])
        middle = single.to_probit(theta[:, [column]])[:, 0]
        expected = -0.5 * middle**2 - 0.5 * np.log(2.0 * np.pi) + np.log(slope)
        assert np.allclose(distribution.log_pdf(theta[:, column]), expected, atol=1e-6)
