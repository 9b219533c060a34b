"""Counts maps: cubes in the form of the Fermi-LAT tools, simulated from a known sky and fitted back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import optimize, stats

from crsea_infer.errors import UserError
from crsea_infer.inference.likelihoods.base import Likelihood, load_likelihood
from crsea_infer.inference.likelihoods.counts_map import CountsMap
from crsea_infer.inference.likelihoods.healpix_cubes import read_counts_cube, read_exposure_cube

if TYPE_CHECKING:
    from pathlib import Path

N_SIDE = 32
EDGES = np.geomspace(10.0, 160.0, 5)  # GeV
NODES = np.geomspace(10.0, 160.0, 9)
REGIONS = ("l=20..40,b=-5..5", "l=40..60,b=-5..5")
SETTINGS = """\
kind = "counts-map"
title = "my selection"
label = "mine"
citations = []
reference = "arXiv:0000.00000"
selection = "a test"
counts = "counts.fits"
exposure = "exposure.fits"
regions = ["l=20..40,b=-5..5", "l=40..60,b=-5..5"]
{more}
[isotropic]
table = "isotropic.ecsv"
label = "isotropic"
norm_name = "isotropic_norm"
norm_error = 0.5

[[sources]]
cube = "sources.fits"
label = "sources"
norm_name = "sources_norm"
norm_error = 0.5
"""
ISOTROPIC = """\
# %ECSV 1.0
# ---
# datatype:
# - {name: energy, unit: MeV, datatype: float64, description: energy}
# - {name: intensity, unit: 1 / (MeV cm2 s sr), datatype: float64, description: isotropic background}
# delimiter: ','
# meta: !!omap
# - {reference: a test}
# - {table_or_figure: a test}
# - {status: published-table}
# - {transcribed_from: a test}
# schema: astropy-2.0
energy,intensity
5000.0,4.0e-11
500000.0,1.0e-15
"""


def sea(energy: np.ndarray, region: int) -> np.ndarray:
    """Mean intensity of the two regions, GeV^-1 cm^-2 s^-1 sr^-1."""
    return (2.0e-7, 1.2e-7)[region] * (energy / 10.0) ** -2.6


def exposure(energy: np.ndarray) -> np.ndarray:
    return 2.0e11 * (energy / 30.0) ** 0.15


def write_cube(
    path: Path,
    values: np.ndarray,
    *,
    kind: str = "counts",
    frame: str = "GAL",
    nested: bool = False,
    pixels: np.ndarray | None = None,
    **changes: Any,
) -> None:
    """Write [n_pixels, n_planes] as gtbin (counts) or gtexpcube2 (exposure) lay it out."""
    from astropy.io import fits

    stem, name = ("CHANNEL", "SKYMAP") if kind == "counts" else ("ENERGY", "HPXEXPOSURES")
    columns = [fits.Column(f"{stem}{plane + 1}", "D", array=values[:, plane]) for plane in range(values.shape[1])]
    if pixels is not None:
        columns.insert(0, fits.Column("PIX", "J", array=pixels))
    table = fits.BinTableHDU.from_columns(columns, name=name)
    table.header.update(
        PIXTYPE="HEALPIX",
        ORDERING="NESTED" if nested else "RING",
        ORDER=int(math.log2(N_SIDE)),
        COORDSYS=frame,
        NSIDE=N_SIDE,
        FIRSTPIX=0,
        LASTPIX=12 * N_SIDE**2 - 1,
        INDXSCHM="IMPLICIT" if pixels is None else "EXPLICIT",
    )
    for key, value in changes.items():
        if value is None:
            del table.header[key]
        else:
            table.header[key] = value
    if kind == "counts":
        companion = fits.BinTableHDU.from_columns(
            [
                fits.Column("CHANNEL", "I", array=np.arange(1, len(EDGES))),
                fits.Column("E_MIN", "1E", unit="keV", array=EDGES[:-1] * 1e6),
                fits.Column("E_MAX", "1E", unit="keV", array=EDGES[1:] * 1e6),
            ],
            name="EBOUNDS",
        )
    else:
        companion = fits.BinTableHDU.from_columns(
            [fits.Column("Energy", "1D", unit="MeV", array=NODES * 1e3)], name="ENERGIES"
        )
    fits.HDUList([fits.PrimaryHDU(), table, companion]).writeto(path, overwrite=True)


def directions(frame: str = "GAL", *, nested: bool = False) -> tuple[np.ndarray, np.ndarray]:
    import healpy

    longitude, latitude = healpy.pix2ang(N_SIDE, np.arange(12 * N_SIDE**2), nest=nested, lonlat=True)
    if frame == "CEL":
        from astropy.coordinates import SkyCoord

        there = SkyCoord(ra=longitude, dec=latitude, unit="deg", frame="icrs").galactic
        return there.l.deg, there.b.deg
    return longitude, latitude


def folder(tmp_path: Path, more: str = "", frame: str = "GAL", *, nested: bool = False, counts: Any = None) -> Path:
    home = tmp_path / "mine"
    home.mkdir(parents=True, exist_ok=True)
    n_pixels = 12 * N_SIDE**2
    longitude, latitude = directions(frame, nested=nested)
    planes = len(EDGES) - 1
    zeros = np.zeros((n_pixels, planes))
    write_cube(home / "counts.fits", zeros if counts is None else counts, frame=frame, nested=nested)
    write_cube(
        home / "exposure.fits", np.tile(exposure(NODES), (n_pixels, 1)), kind="exposure", frame=frame, nested=nested
    )
    # sources: brighter towards longitude 25 deg, hard
    source = np.exp(-0.5 * ((longitude - 25.0) ** 2 + latitude**2) / 9.0)[:, None] * (EDGES[:-1] / 10.0) ** -0.6
    write_cube(home / "sources.fits", 6.0 * source, frame=frame, nested=nested)
    (home / "isotropic.ecsv").write_text(ISOTROPIC)
    (home / "likelihood.toml").write_text(SETTINGS.format(more=more))
    return home


def load(home: Path, **options: Any) -> CountsMap:
    likelihood = load_likelihood(f"{home}/", options)
    assert isinstance(likelihood, CountsMap)
    return likelihood


def intensities(likelihood: CountsMap, scale: float = 1.0) -> tuple[np.ndarray, ...]:
    return tuple(scale * sea(np.array(request.energies), region) for region, request in enumerate(likelihood.requests))


NOMINAL = {"isotropic_norm": np.array(1.0), "sources_norm": np.array(1.0)}


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


# --- injected and recovered


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
        ({"NSIDE": 16}, ["12 NSIDE^2"]),
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
