"""Counts maps: cubes simulated from a known sky, pixel by pixel, and fitted back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import optimize, stats
from simulated_cubes import (
    EDGES,
    N_SIDE,
    NODES,
    NOMINAL,
    directions,
    exposure,
    folder,
    intensities,
    load,
    sea,
    write_cube,
)

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.inference.likelihoods.counts_map import CountsMap


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return folder(tmp_path)


def fit(likelihood: CountsMap) -> tuple[np.ndarray, np.ndarray]:
    """Maximum of ln L plus priors over (scale of the sea, isotropic norm, sources norm), and its errors."""
    base = intensities(likelihood)

    def half_chi2(at: np.ndarray) -> float:
        norms = {"isotropic_norm": np.array(at[1]), "sources_norm": np.array(at[2])}
        return 0.5 * float(likelihood.chi2(tuple(at[0] * one for one in base), norms))

    found = optimize.minimize(half_chi2, np.ones(3), method="L-BFGS-B", bounds=[(0.1, 5)] * 3, options={"ftol": 1e-12})
    norms = {"isotropic_norm": np.array(found.x[1]), "sources_norm": np.array(found.x[2])}
    mu = likelihood.binned_prediction(tuple(found.x[0] * one for one in base), norms)
    nothing = {name: np.array(0.0) for name in NOMINAL}
    design = np.stack([likelihood.binned_prediction(base, nothing), *likelihood.added], axis=-1)
    information = (design / mu[:, None]).T @ design + np.diag([0.0, 4.0, 4.0])
    return found.x, np.sqrt(np.diag(np.linalg.inv(information)))


@pytest.mark.slow
def test_injected_parameters_are_recovered_with_standard_normal_pulls(home: Path) -> None:
    truth = np.array([1.3, 0.9, 1.1])
    likelihood = load(home)
    rng = np.random.default_rng(12)
    pulls, deviance = [], []
    for _ in range(150):
        # the priors of the norms scatter the truth, as they say
        norms = 1.0 + 0.5 * rng.standard_normal(2)
        while (norms < 0.2).any():
            norms = 1.0 + 0.5 * rng.standard_normal(2)
        injected = np.array([truth[0], *norms])
        own = dict(zip(NOMINAL, norms, strict=True))
        drawn = likelihood.simulate(rng, intensities(likelihood, truth[0]), own)
        best, error = fit(drawn)
        pulls.append((best - injected) / error)
        arrays = {name: np.array(value) for name, value in own.items()}
        deviance.append(np.sum(drawn.pulls(intensities(drawn, truth[0]), arrays) ** 2))
    scaled = np.array(pulls)
    assert scaled.shape[0] >= 100
    assert np.all(np.abs(scaled.mean(axis=0)) < 4 / math.sqrt(150))
    assert np.all(np.abs(scaled.std(axis=0) - 1) < 0.2)
    for column in range(3):
        assert stats.kstest(scaled[:, column], stats.norm.cdf).pvalue > 1e-3
    assert np.mean(deviance) == pytest.approx(8.0, abs=4 * math.sqrt(16 / 150))


def expected_cubes() -> tuple[np.ndarray, list[np.ndarray]]:
    """Pixels of the two regions, and the counts [n_pixels, n_planes] that sea, isotropic and sources leave in them.

    Integrated here, pixel by pixel, without a function of the package.
    """
    longitude, latitude = directions()
    inside = np.flatnonzero((longitude > 20) & (longitude < 60) & (np.abs(latitude) < 5))
    solid_angle = math.pi / (3 * N_SIDE**2)
    sky, isotropic = np.zeros((len(inside), 4)), np.zeros((len(inside), 4))
    for plane in range(4):
        energy = np.geomspace(EDGES[plane], EDGES[plane + 1], 401)
        seas = [np.trapezoid(sea(energy, region) * exposure(energy), energy) for region in range(2)]
        sky[:, plane] = solid_angle * np.where(longitude[inside] < 40, *seas)
        background = 4e-8 * (energy / 5.0) ** (math.log(1e-15 / 4e-11) / math.log(100.0))
        isotropic[:, plane] = solid_angle * np.trapezoid(background * exposure(energy), energy)
    distance = (longitude[inside] - 25.0) ** 2 + latitude[inside] ** 2
    sources = 6.0 * np.exp(-0.5 * distance / 9.0)[:, None] * (EDGES[:-1] / 10.0) ** -0.6
    return inside, [sky, isotropic, sources]


@pytest.mark.slow
def test_cubes_drawn_pixel_by_pixel_give_standard_normal_pulls(home: Path) -> None:
    """From photons in a file to the scale of the sea: 120 skies, each with norms drawn from their priors."""
    rng = np.random.default_rng(21)
    pixels, parts = expected_cubes()
    write_cube(home / "sources.fits", parts[2], pixels=pixels)
    exposures = np.tile(exposure(NODES), (len(pixels), 1))
    write_cube(home / "exposure.fits", exposures, kind="exposure", pixels=pixels)
    pulls = []
    for _ in range(120):
        norms = 1.0 + 0.5 * rng.standard_normal(2)
        while (norms < 0.2).any():
            norms = 1.0 + 0.5 * rng.standard_normal(2)
        injected = np.array([1.3, *norms])
        counts = rng.poisson(np.tensordot(injected, np.stack(parts), axes=1)).astype(float)
        write_cube(home / "counts.fits", counts, pixels=pixels)
        likelihood = load(home)
        assert likelihood.values.sum() == counts.sum()
        best, error = fit(likelihood)
        pulls.append((best - injected) / error)
    scaled = np.array(pulls)
    assert np.all(np.abs(scaled.mean(axis=0)) < 4 / math.sqrt(120))
    assert np.all(np.abs(scaled.std(axis=0) - 1) < 0.25)
    for column in range(3):
        assert stats.kstest(scaled[:, column], stats.norm.cdf).pvalue > 1e-3


def test_counts_are_read_from_the_cube_into_the_right_region_and_bin(tmp_path: Path) -> None:
    """A cube drawn pixel by pixel from the sky gives back the scale of the sea."""
    rng = np.random.default_rng(7)
    longitude, latitude = directions()
    solid_angle = math.pi / (3 * N_SIDE**2)
    counts = np.zeros((12 * N_SIDE**2, 4))
    for region, (west, east) in enumerate(((20, 40), (40, 60))):
        inside = (longitude > west) & (longitude < east) & (np.abs(latitude) < 5)
        for plane in range(4):
            energy = np.geomspace(EDGES[plane], EDGES[plane + 1], 401)
            expected = 1.5 * solid_angle * np.trapezoid(sea(energy, region) * exposure(energy), energy)
            counts[inside, plane] = rng.poisson(expected, inside.sum())
    home = folder(tmp_path, counts=counts)
    text = (home / "likelihood.toml").read_text()
    (home / "likelihood.toml").write_text(text[: text.index("[isotropic]")])
    likelihood = load(home)
    assert likelihood.nuisances == ()
    scales = np.linspace(1.3, 1.7, 81)
    batch = tuple(scales[:, None] * one for one in intensities(likelihood))
    best = scales[int(np.argmax(likelihood.log_likelihood(batch, {})))]
    error = 1.5 / math.sqrt(float(likelihood.values.sum()))
    assert best == pytest.approx(1.5, abs=4 * error)
