"""Source distributions: continuity, and the vertical profiles against quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from crsea_infer.physics.sources import SOURCE_DISTRIBUTIONS, VerticalProfile, source_layers
from crsea_infer.support.errors import UserError

PROFILES = [VerticalProfile("gaussian", 0.212), VerticalProfile("exponential", 0.325)]


@pytest.mark.parametrize("name", SOURCE_DISTRIBUTIONS)
def test_sources_are_positive_and_continuous(name: str) -> None:
    r = np.linspace(0.05, 19.9, 4000)
    for layer in source_layers(name):
        density = layer.radial(r)
        assert np.all(density > 0)
        assert np.abs(np.diff(density)).max() < 0.03 * density.max()  # no jump where branches meet


@pytest.mark.parametrize("profile", PROFILES)
def test_slab_solution_solves_its_equation(profile: VerticalProfile) -> None:
    halo_height, z, step = 4.0, np.array([0.0, 0.1, 0.5, 2.0]), 1e-3
    around = np.stack([profile.slab_solution(np.abs(z + shift), halo_height) for shift in (-step, 0.0, step)])
    second = (around[0] - 2 * around[1] + around[2]) / step**2
    # at z = 0 an exponential has a cusp: its second difference is that of the cell average
    assert -second[1:] == pytest.approx(profile(z[1:]), rel=2e-3, abs=1e-6)
    assert profile.slab_solution(np.array(halo_height), halo_height) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("profile", [*PROFILES, VerticalProfile("gaussian", 1.0e4), VerticalProfile("gaussian", 0.01)])
def test_cosine_coefficients_agree_with_quadrature(profile: VerticalProfile) -> None:
    halo_height = 12.0
    for n in (0, 5, 23):
        k = (n + 0.5) * np.pi / halo_height
        expected, _ = quad(
            lambda z, k=k: np.cos(k * z) * profile(np.array(z)), 0, halo_height, epsabs=1e-12, points=(0.02, 0.5)
        )
        (coefficient,) = profile.cosine_coefficients(np.array([k]), halo_height)
        assert coefficient == pytest.approx(2 / halo_height * expected, abs=1e-9)


def test_unknown_distribution_names_the_nearest() -> None:
    with pytest.raises(UserError, match="ferriere"):
        source_layers("ferrier")
