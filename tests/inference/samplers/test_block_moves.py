"""Fresh draws of a block leave a target as it is, and forget where points were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.inference.samplers.block_moves import fresh_moves, taking_the_rest_along, where_the_rest_says
from crsea_infer.inference.samplers.training_walk import growth

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

COVARIANCE = np.array([[1.0, 0.8, 0.6, 0.0], [0.8, 1.0, 0.7, 0.0], [0.6, 0.7, 1.0, 0.3], [0.0, 0.0, 0.3, 1.0]])
MEAN = np.array([1.0, -2.0, 0.5, 3.0])


def log_target(points: Float64) -> tuple[Float64, ...]:
    offset = points - MEAN
    value = -0.5 * np.sum(offset @ np.linalg.inv(COVARIANCE) * offset, axis=-1)
    return value, 2.0 * points[..., 0]


@pytest.mark.parametrize("fit", [where_the_rest_says, taking_the_rest_along])
def test_fresh_draws_of_a_block_keep_the_target(fit: object) -> None:
    rng = np.random.default_rng(5)
    narrow = MEAN + 0.6 * rng.multivariate_normal(np.zeros(4), COVARIANCE, size=2000)
    draws = fit(narrow[None], np.array([1, 2]), rng)  # type: ignore[operator]
    points = rng.multivariate_normal(MEAN, COVARIANCE, size=(4, 3000))
    start, values = points.copy(), log_target(points)

    for _ in range(12):
        fresh_moves(points, values, draws, log_target, rng)

    flat = points.reshape(-1, 4)
    assert np.allclose(flat.mean(axis=0), MEAN, atol=0.05)
    assert np.allclose(np.cov(flat.T), COVARIANCE, atol=0.06)
    assert np.allclose(values[1], 2.0 * points[..., 0])
    offset, before = flat[:, 1] - MEAN[1], start[..., 1].ravel() - MEAN[1]
    conditional = fit is where_the_rest_says  # what the others say of a point stays, as they do not move
    assert abs(np.corrcoef(offset, before)[0, 1]) < (0.8 if conditional else 0.1)


def test_walkers_that_still_spread_grow() -> None:
    rng = np.random.default_rng(1)
    steady = rng.standard_normal((10, 4, 64, 3))

    assert growth(steady) < 0.1
    assert growth(steady * np.linspace(0.7, 1.0, 10)[:, None, None, None]) > 0.1
    assert growth(steady[:1]) == np.inf
