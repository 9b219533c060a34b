"""Counts maps: what is expected from cubes in the form of the Fermi-LAT tools, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import optimize, stats
from simulated_cubes import (
    EDGES,
    N_SIDE,
    NODES,
    NOMINAL,
    REGIONS,
    directions,
    exposure,
    folder,
    intensities,
    load,
    sea,
    write_cube,
)

from crsea_infer.inference.likelihoods.healpix_cubes import read_counts_cube, read_exposure_cube
from crsea_infer.inference.likelihoods.likelihood import Likelihood
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return folder(tmp_path)


# --- what is expected


def test_it_asks_for_each_region_at_energies_inside_the_bins(home: Path) -> None:
    likelihood = load(home)
    assert isinstance(likelihood, Likelihood)
    assert [request.region for request in likelihood.requests] == list(REGIONS)
    assert likelihood.n_data == 8
    assert 10.0 < min(likelihood.requests[0].energies) < max(likelihood.requests[0].energies) < 160.0
    assert [nuisance.name for nuisance in likelihood.nuisances] == ["isotropic_norm", "sources_norm"]


@pytest.mark.parametrize(("frame", "nested"), [("GAL", False), ("GAL", True), ("CEL", False), ("EQU", True)])
def test_expected_counts_are_those_of_an_integral_by_hand(tmp_path: Path, frame: str, nested: bool) -> None:
    likelihood = load(folder(tmp_path, frame=frame, nested=nested))
    longitude, latitude = directions("CEL" if frame == "EQU" else frame, nested=nested)
    found = likelihood.binned_prediction(
        intensities(likelihood), {"isotropic_norm": np.array(0.0), "sources_norm": np.array(0.0)}
    )
    for region, (west, east) in enumerate(((20, 40), (40, 60))):
        inside = (longitude > west) & (longitude < east) & (np.abs(latitude) < 5)
        solid_angle = inside.sum() * math.pi / (3 * N_SIDE**2)
        for plane in range(4):
            energy = np.geomspace(EDGES[plane], EDGES[plane + 1], 4001)
            by_hand = solid_angle * np.trapezoid(sea(energy, region) * exposure(energy), energy)
            assert found[4 * region + plane] == pytest.approx(by_hand, rel=1e-4)


def test_norms_add_isotropic_and_source_counts(home: Path) -> None:
    likelihood = load(home)
    nothing = {name: np.array(0.0) for name in NOMINAL}
    without, nominal = (likelihood.binned_prediction(intensities(likelihood), norms) for norms in (nothing, NOMINAL))
    np.testing.assert_allclose(nominal, likelihood.binned_prediction(intensities(likelihood)))
    longitude, latitude = directions()
    first = (longitude > 20) & (longitude < 40) & (np.abs(latitude) < 5)
    energy = np.geomspace(EDGES[0], EDGES[1], 4001)
    isotropic = 4e-8 * (energy / 5.0) ** (math.log(1e-15 / 4e-11) / math.log(100.0))
    by_hand = first.sum() * math.pi / (3 * N_SIDE**2) * np.trapezoid(isotropic * exposure(energy), energy)
    sources = 6.0 * np.exp(-0.5 * ((longitude[first] - 25.0) ** 2 + latitude[first] ** 2) / 9.0).sum()
    assert nominal[0] - without[0] == pytest.approx(by_hand + sources, rel=1e-4)


def test_the_likelihood_is_poisson(home: Path) -> None:
    likelihood = load(home).simulate(np.random.default_rng(0), intensities(load(home)), dict.fromkeys(NOMINAL, 1.0))
    mu = likelihood.binned_prediction(intensities(likelihood), NOMINAL)
    expected = stats.poisson(mu).logpmf(likelihood.values.astype(int))
    np.testing.assert_allclose(likelihood.log_likelihood_pointwise(intensities(likelihood), NOMINAL), expected)
    assert float(likelihood.log_likelihood(intensities(likelihood), NOMINAL)) == pytest.approx(expected.sum())


def test_counts_are_drawn_in_batches(home: Path) -> None:
    likelihood = load(home)
    batch = tuple(np.repeat(np.asarray(part)[None], 300, axis=0) for part in intensities(likelihood))
    norms = {name: np.full(300, float(value)) for name, value in dict(NOMINAL).items()}
    drawn = likelihood.simulate(np.random.default_rng(0), batch, norms)  # type: ignore[arg-type]
    assert drawn.values.shape == (300, likelihood.n_data)
    expected = np.asarray(likelihood.binned_prediction(intensities(likelihood), NOMINAL))
    assert np.all(np.abs(drawn.values.mean(axis=0) - expected) < 5 * np.sqrt(expected / 300))
    single = replace(drawn, values=drawn.values[7])
    for name in ("chi2", "pulls"):
        whole = np.asarray(getattr(drawn, name)(batch, norms))
        np.testing.assert_allclose(whole[7], getattr(single, name)(intensities(likelihood), NOMINAL))
    np.testing.assert_allclose(drawn.chi2_profiled(batch)[7], single.chi2_profiled(intensities(likelihood)), rtol=1e-6)


def test_a_mask_takes_pixels_from_counts_and_model_alike(tmp_path: Path) -> None:
    import healpy

    home = folder(tmp_path, more='mask = "mask.fits"')
    longitude, _ = directions()
    healpy.write_map(home / "mask.fits", (longitude > 25).astype(float), coord="G", dtype=float)
    masked, whole = load(home), load(folder(tmp_path / "whole"))
    assert "mask.fits" in str(masked.requests[0].region)
    ratio = masked.binned_prediction(intensities(masked)) / whole.binned_prediction(intensities(masked))
    assert ratio[0] < 0.8
    np.testing.assert_allclose(ratio[4:], 1.0)


def test_partial_cubes_are_read_by_their_pixels(home: Path) -> None:
    longitude, latitude = directions()
    kept = np.flatnonzero((np.abs(latitude) < 10) & (longitude < 90))
    whole = load(home)
    values = read_counts_cube(home / "sources.fits").values
    for name in ("counts.fits", "sources.fits"):
        write_cube(home / name, values[kept], pixels=kept)
    write_cube(home / "exposure.fits", np.tile(exposure(NODES), (len(kept), 1)), kind="exposure", pixels=kept)
    part = load(home)
    np.testing.assert_allclose(part.binned_prediction(intensities(part)), whole.binned_prediction(intensities(whole)))
    assert part.values.sum() > 0  # the source cube stands in for counts here


# --- nuisances and batches


def test_the_profiled_chi2_is_the_least_over_norms_and_exposure(tmp_path: Path) -> None:
    likelihood = load(folder(tmp_path, more="exposure_error = 0.05"))
    assert [nuisance.name for nuisance in likelihood.nuisances][-1] == "mine_exposure"
    truth = {"isotropic_norm": 0.7, "sources_norm": 1.4, "mine_exposure": 0.8}
    drawn = likelihood.simulate(np.random.default_rng(3), intensities(likelihood), truth)
    names = [nuisance.name for nuisance in drawn.nuisances]
    for scale in (0.7, 1.0, 2.5):
        prediction = intensities(drawn, scale)

        def chi2(at: np.ndarray, prediction: tuple[np.ndarray, ...] = prediction) -> float:
            return float(drawn.chi2(prediction, dict(zip(names, map(np.asarray, at), strict=True))))

        bounds = [(0, None), (0, None), (None, None)]
        found = optimize.minimize(chi2, [1.0, 1.0, 0.0], method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14})
        assert float(drawn.chi2_profiled(prediction)) == pytest.approx(found.fun, rel=1e-5)


def test_a_batch_and_jax_give_the_same_numbers(tmp_path: Path) -> None:
    likelihood = load(folder(tmp_path, more="exposure_error = 0.05"))
    drawn = likelihood.simulate(
        np.random.default_rng(3), intensities(likelihood), {**dict.fromkeys(NOMINAL, 1.0), "mine_exposure": 0.0}
    )
    rng = np.random.default_rng(1)
    scale = rng.uniform(0.5, 1.5, (2, 3, 1))
    batch = tuple(scale * one for one in intensities(drawn))
    own = {nuisance.name: rng.uniform(0.5, 1.5, (2, 3)) for nuisance in drawn.nuisances}
    values = drawn.log_likelihood(batch, own)
    single = drawn.log_likelihood(tuple(one[1, 0] for one in batch), {name: value[1, 0] for name, value in own.items()})
    assert float(single) == pytest.approx(float(values[1, 0]))
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        found = drawn.log_likelihood(
            tuple(jax.numpy.asarray(one) for one in batch),
            {name: jax.numpy.asarray(value) for name, value in own.items()},
        )
        np.testing.assert_allclose(np.asarray(found), values)


# --- what is refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ORDERING": None}, ["counts.fits", "ORDERING"]),
        ({"COORDSYS": None}, ["counts.fits", "COORDSYS"]),
        ({"NSIDE": None}, ["NSIDE"]),
        ({"NSIDE": 16, "ORDER": 4}, ["12 NSIDE^2"]),
        ({"NSIDE": 16}, ["NSIDE is 16 and ORDER 5"]),
        ({"EXTNAME": "OTHER"}, ["no table SKYMAP"]),
    ],
)
def test_a_cube_that_does_not_say_how_to_read_it_is_refused(
    home: Path, changes: dict[str, Any], words: list[str]
) -> None:
    write_cube(home / "counts.fits", np.zeros((12 * N_SIDE**2, 4)), **changes)
    with pytest.raises(UserError) as caught:
        load(home)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("energy_min = 500.0", ["no energy bin", "10 to 160"]),
        ('mask = "nothing.fits"', ["nothing.fits"]),
        ("exposure_eror = 0.05", ["did you mean 'exposure_error'"]),
    ],
)
def test_a_mistake_in_the_folder_is_told(tmp_path: Path, more: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load(folder(tmp_path, more=more))
    for word in words:
        assert word in str(caught.value)


def test_regions_that_overlap_or_are_empty_are_refused(home: Path) -> None:
    with pytest.raises(UserError, match="overlaps"):
        load(home, regions=["l=20..40,b=-5..5", "l=30..50,b=-5..5"])
    with pytest.raises(UserError, match="no pixel"):
        load(home, regions=["l=20..20.1,b=-0.1..0.1"])


def test_an_exposure_that_does_not_cover_the_counts_is_refused(home: Path) -> None:
    cube = read_exposure_cube(home / "exposure.fits")
    np.testing.assert_allclose(cube.energies, NODES)
    from astropy.io import fits

    with fits.open(home / "exposure.fits", mode="update") as hdus:
        hdus["ENERGIES"].data["Energy"] = NODES / 3 * 1e3
    with pytest.raises(UserError, match="gtexpcube2"):
        load(home)


def test_bins_may_be_left_out(home: Path) -> None:
    likelihood = load(home, energy_min=20.0, energy_max=80.0)
    assert likelihood.n_data == 4
    np.testing.assert_allclose(likelihood.energy_min, [20.0, 40.0, 20.0, 40.0], rtol=1e-6)
