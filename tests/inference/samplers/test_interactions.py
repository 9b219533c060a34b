"""Which parameters act on each other is seen from ln L alone, and blocks are what ties hold together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.samplers.interactions import blocks_of, interactions, known_parameters, split

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

POINTS = 0.7 * np.random.default_rng(0).standard_normal((4, 10))


def two_spectra(points: Float64) -> Float64:
    """Two triples that act on each other within, each shifted by the energy scale 6; 7 by itself, 8 and 9 unknown."""
    scale = points[:, 6]
    first = (points[:, 0] * np.exp(points[:, 1]) + points[:, 2] ** 2 * points[:, 0] + scale) ** 2
    other = (np.sin(points[:, 3] + points[:, 4]) * points[:, 5] - 2.0 * scale) ** 2
    return -1300.0 - first - other - points[:, 7] ** 2


def test_known_parameters_are_those_that_ln_l_moves_with() -> None:
    assert list(known_parameters(two_spectra, POINTS)) == list(range(8))


def test_parameters_of_different_terms_do_not_act_on_each_other() -> None:
    acts = interactions(two_spectra, POINTS, np.arange(8))

    expected = np.zeros((8, 8), dtype=bool)
    expected[:3, :3] = expected[3:6, 3:6] = True
    expected[6, :6] = expected[:6, 6] = True
    np.fill_diagonal(expected, val=False)
    assert np.array_equal(acts, expected)


def test_the_energy_scale_ties_two_blocks_together() -> None:
    found = blocks_of(two_spectra, POINTS, np.arange(8))

    assert [list(block) for block in found.blocks] == [[0, 1, 2], [3, 4, 5], [7]]
    assert list(found.ties) == [6]


def test_what_all_acts_on_all_is_one_block() -> None:
    found = blocks_of(lambda points: -(np.sum(points, axis=1) ** 2), POINTS, np.array([1, 3, 4, 5, 8, 9, 2]))

    assert [list(block) for block in found.blocks] == [[1, 3, 4, 5, 8, 9, 2]]
    assert len(found.ties) == 0


def test_a_likelihood_that_knows_nothing_has_no_blocks() -> None:
    assert blocks_of(lambda points: np.zeros(len(points)), POINTS, np.empty(0, dtype=np.intp)).blocks == ()


def test_a_long_ring_is_not_cut_to_pieces() -> None:
    ring = np.roll(np.eye(5, dtype=bool), 1, axis=1)

    assert split(ring | ring.T) == ([[0, 1, 2, 3, 4]], [])
