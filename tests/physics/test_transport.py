"""Transport against closed-form solutions of the diffusion equation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import j0, jn_zeros

from crsea_infer.physics import transport
from crsea_infer.physics.sources import SOURCE_DISTRIBUTIONS, Layer, VerticalProfile
from crsea_infer.physics.transport import TransportSettings, relative_density, solve_tridiagonal

UNIFORM_IN_HEIGHT = VerticalProfile("gaussian", 1.0e4)


@pytest.mark.parametrize("halo_height", [2.0, 4.7])
def test_uniform_sources_in_a_slab_give_a_parabola(monkeypatch: pytest.MonkeyPatch, halo_height: float) -> None:
    layers = (Layer(np.ones_like, UNIFORM_IN_HEIGHT),)
    monkeypatch.setattr(transport, "source_layers", lambda _: layers)
    numerics = TransportSettings(disc_radius=60.0, n_radial=1200)  # the rim is many halo heights away
    z = np.linspace(0.0, halo_height, 9)
    density = relative_density(np.array([4.0, 1e3]), z, delta_slope=0.0, halo_height=halo_height, settings=numerics)
    at_8_kpc = np.argmin(np.abs(numerics.radii - 8.0))
    assert density[:, at_8_kpc] == pytest.approx(np.tile(1 - (z / halo_height) ** 2, (2, 1)), abs=2e-5)


def test_bessel_sources_in_a_cylinder_give_the_known_eigenfunction(monkeypatch: pytest.MonkeyPatch) -> None:
    """q = J0(k R), uniform in z: f = J0(k R) (1 - cosh(k z) / cosh(k H)) / k^2 with free escape at the rim."""
    numerics = TransportSettings()
    halo_height = 5.0
    k = jn_zeros(0, 1)[0] / numerics.disc_radius
    monkeypatch.setattr(transport, "source_layers", lambda _: (Layer(lambda r: j0(k * r), UNIFORM_IN_HEIGHT),))
    z = np.linspace(0.0, 4.0, 5)
    density = relative_density(np.array([10.0]), z, delta_slope=0.0, halo_height=halo_height, settings=numerics)[0]

    def exact(r: np.ndarray, height: np.ndarray) -> np.ndarray:
        return j0(k * r)[:, None] * (1 - np.cosh(k * height) / np.cosh(k * halo_height))

    radii = numerics.radii[:350]
    sun = exact(np.array([numerics.sun_radius]), np.zeros(1))
    assert density[:350] == pytest.approx(exact(radii, z) / sun, rel=3e-4)


@given(n=st.integers(2, 40), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_tridiagonal_solver_agrees_with_a_dense_one(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    off = -rng.uniform(0.1, 1.0, (3, n))
    diagonal = 2.1 + rng.uniform(0.0, 1.0, (3, n))
    right = rng.normal(size=(3, n))
    solution = solve_tridiagonal(diagonal, off, right)
    for i in range(3):
        matrix = np.diag(diagonal[i]) + np.diag(off[i, :-1], 1) + np.diag(off[i, :-1], -1)
        assert solution[i] == pytest.approx(np.linalg.solve(matrix, right[i]), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("sources", SOURCE_DISTRIBUTIONS)
def test_shipped_numerics_are_converged(sources: str) -> None:
    """Three times the cells and four times the modes change the density in the disc by 2e-4, 8e-4 at worst."""
    rigidities, z = np.array([10.0, 1e4, 1e7]), np.array([0.0, 0.1, 0.5])
    coarse, fine = TransportSettings(sources), TransportSettings(sources, n_radial=1200, n_modes=72)
    for halo_height in (2.0, 4.7, 12.0):
        point = {"delta_slope": 0.04, "halo_height": halo_height}
        a = relative_density(rigidities, z, settings=coarse, **point)
        b = relative_density(rigidities, z, settings=fine, **point)[:, 1::3]  # every third fine cell is a coarse one
        disc = (coarse.radii > 2.0) & (coarse.radii < 15.0)
        assert np.abs(a / b - 1.0)[:, disc].max() < 8e-4  # of the density at one place; intensities average over many
        assert np.sqrt(np.mean((a / b - 1.0)[:, disc] ** 2)) < 2.5e-4


def test_constant_diffusion_gives_the_same_density_at_all_rigidities() -> None:
    density = relative_density(
        np.geomspace(1, 1e9, 5), np.array([0.0, 1.0]), delta_slope=0.0, halo_height=4.7, settings=TransportSettings()
    )
    assert density == pytest.approx(np.broadcast_to(density[:1], density.shape), rel=1e-9)


def test_gamma_optimized_transport_is_harder_toward_the_centre_and_unity_at_the_sun() -> None:
    numerics = TransportSettings()
    density = relative_density(np.array([1e2, 1e5]), np.zeros(1), delta_slope=0.04, halo_height=4.7, settings=numerics)[
        ..., 0
    ]
    at = {radius: np.argmin(np.abs(numerics.radii - radius)) for radius in (2.0, 4.0, 6.0, 8.122, 12.0)}
    hardening = np.log(density[1] / density[0]) / np.log(1e3)  # change of spectral slope
    assert hardening[at[2.0]] > hardening[at[4.0]] > hardening[at[6.0]] > 0.02
    assert abs(hardening[at[8.122]]) < 1e-3
    assert density[:, at[8.122]] == pytest.approx([1.0, 1.0], abs=5e-3)


def test_density_vanishes_at_and_above_the_halo_height() -> None:
    z = np.array([0.0, 1.9, 2.0, 3.0])
    density = relative_density(np.array([10.0]), z, delta_slope=0.04, halo_height=2.0, settings=TransportSettings())
    assert np.all(density[..., 2:] == 0.0)
    assert np.all(density[..., :2] > 0.0)
