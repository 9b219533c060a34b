"""Directions between the cells of the folded sky."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.physics.halo_sight import cells_around
from crsea_infer.physics.paths import band_centres, cell_longitudes


def test_directions_between_cells_follow_a_curved_sky() -> None:
    """Linear interpolation is wrong by an eighth of the curvature times the square of a cell; a cubic is not."""
    rng = np.random.default_rng(1)
    longitude, latitude = rng.uniform(-180.0, 180.0, 2000), rng.uniform(-80.0, 80.0, 2000)
    latitude[:1000] *= 0.1

    def sky(l: np.ndarray, b: np.ndarray) -> np.ndarray:  # noqa: E741
        return np.asarray(np.exp(2.0 * np.cos(np.radians(l)) - np.hypot(b, 2.0) / 15.0))

    cells = sky(cell_longitudes()[None, :], band_centres()[:, None])
    matrix = cells_around(longitude, latitude)
    assert matrix.sum(axis=1) == pytest.approx(np.ones(2000))
    np.testing.assert_allclose(matrix @ cells.ravel(), sky(longitude, latitude), rtol=2e-4)


def test_a_direction_at_the_middle_of_a_cell_sees_that_cell() -> None:
    bands, longitudes = band_centres(), cell_longitudes()
    matrix = cells_around(np.array([-longitudes[7], longitudes[0], 359.5]), np.array([-bands[3], bands[0], bands[-1]]))
    wanted = [3 * longitudes.size + 7, 0, (bands.size - 1) * longitudes.size]
    assert np.argmax(matrix.toarray(), axis=1).tolist() == wanted
    assert matrix.toarray()[np.arange(3), wanted] == pytest.approx(1.0)
