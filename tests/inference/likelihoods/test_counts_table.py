"""Counts of regions in a table: what is expected of them, how cubes become one, and the three that ship."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.table import Table
from scipy import optimize, stats
from simulated_cubes import EDGES, REGIONS, folder, intensities, load

from crsea_infer.cli.main import main
from crsea_infer.content import finding
from crsea_infer.inference.likelihoods import counts_reduction
from crsea_infer.inference.likelihoods.counts_table import CountsTable
from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood
from crsea_infer.physics.regions import REGIONS as NAMED
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHIPPED = ("fermi_lat_counts_inner", "fermi_lat_counts_outer", "fermi_lat_counts_longitude")
CUBES = ("real/fermi_3fhl_counts_cube_hpx.fits.gz", "real/fermi_3fhl_exposure_cube_hpx.fits.gz")
SETTINGS = """\
kind = "counts-table"
title = "my counts"
label = "mine"
citations = []
table = "counts.ecsv"
regions = ["l=20..40,b=-5..5", "l=40..60,b=-5..5"]
exposure_error = 0.05
exposure_error_name = "area"
exposure_tilt = 0.03
exposure_tilt_name = "tilt"
region_error = 0.1

[[components]]
column = "sources"
label = "sources"
norm_name = "sources_norm"
norm_error = 0.3
each_region = true

[[components]]
column = "isotropic"
label = "isotropic"
norm_name = "isotropic_norm"
norm_error = 0.5
"""
HEADER = """\
# %ECSV 1.0
# ---
# datatype:
# - {name: region, datatype: int64, description: region}
# - {name: energy_min, unit: GeV, datatype: float64, description: edge}
# - {name: energy_max, unit: GeV, datatype: float64, description: edge}
# - {name: counts, datatype: float64, description: photons}
# - {name: exposure_min, unit: cm2 s sr, datatype: float64, description: exposure}
# - {name: exposure_max, unit: cm2 s sr, datatype: float64, description: exposure}
# - {name: sources, datatype: float64, description: expected}
# - {name: isotropic, datatype: float64, description: expected}
# delimiter: ','
# meta: !!omap
# - {reference: a test}
# - {table_or_figure: a test}
# - {status: counts}
# - {transcribed_from: a test}
# schema: astropy-2.0
region,energy_min,energy_max,counts,exposure_min,exposure_max,sources,isotropic
"""
ROWS = """\
1,10,20,52,1e9,1e9,3,2
1,20,40,9,1e9,1e9,2,1
2,10,20,0,2e9,2e9,1,4
2,20,40,3,2e9,2e9,1,2
"""
AT = {"sources_norm_1": 1.2, "sources_norm_2": 0.5, "isotropic_norm": 1.5, "area": 0.4, "tilt": -1.0}


def written(path: Path, rows: str = ROWS, settings: str = SETTINGS) -> Path:
    home = path / "mine"
    home.mkdir()
    (home / "counts.ecsv").write_text(HEADER + rows)
    (home / "likelihood.toml").write_text(settings)
    return home


def read(home: Path) -> CountsTable:
    likelihood = load_likelihood(f"{home}/")
    assert isinstance(likelihood, CountsTable)
    return likelihood


def nuisances(likelihood: Any, shape: tuple[int, ...] = (), seed: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {one.name: np.abs(rng.normal(1.0, 0.3, shape)) for one in likelihood.nuisances}


def spectra(likelihood: Any, batch: tuple[int, ...] = ()) -> tuple[np.ndarray, ...]:
    scale = 1.0 + 0.1 * np.arange(int(np.prod(batch, dtype=int))).reshape(*batch, 1) if batch else 1.0
    return tuple(scale * 2e-9 * (np.array(one.energies) / 10.0) ** -2.0 for one in likelihood.requests)


# --- statistics


def test_counts_are_poisson_around_what_can_be_computed_by_hand(tmp_path: Path) -> None:
    likelihood = read(written(tmp_path))
    assert isinstance(likelihood, Likelihood)
    names = ["sources_norm_1", "sources_norm_2", "isotropic_norm", "area", "tilt", "mine_region_1", "mine_region_2"]
    assert [one.name for one in likelihood.nuisances] == names
    # E^-2 from 2e-9 at 10 GeV: the integral from a to b is 2e-7 (1/a - 1/b)
    sea = np.array([1e9, 1e9, 2e9, 2e9]) * 2e-7 * np.array([1 / 20, 1 / 40, 1 / 20, 1 / 40])
    mu = sea + np.array([1.2 * 3, 1.2 * 2, 0.5 * 1, 0.5 * 1]) + 1.5 * np.array([2.0, 1.0, 4.0, 2.0])
    middle = np.sqrt([10 * 20, 20 * 40, 10 * 20, 20 * 40])
    mu *= np.exp(0.05 * 0.4 - 0.03 * np.log10(middle / 30.0) + 0.1 * np.array([0.5, 0.5, -0.7, -0.7]))
    given = AT | {"mine_region_1": 0.5, "mine_region_2": -0.7}
    given = {name: np.asarray(value) for name, value in given.items()}
    found = likelihood.log_likelihood_pointwise(spectra(likelihood), given)
    np.testing.assert_allclose(found, stats.poisson.logpmf([52, 9, 0, 3], mu), rtol=1e-5)
    assert float(likelihood.log_likelihood(spectra(likelihood), given)) == pytest.approx(found.sum())


@pytest.mark.parametrize("name", ["own", *SHIPPED])
def test_a_batch_and_jax_give_what_one_gives(tmp_path: Path, name: str) -> None:
    likelihood = read(written(tmp_path)) if name == "own" else load_likelihood(name)
    given, predictions = nuisances(likelihood, (3,)), spectra(likelihood, (3,))
    found = likelihood.log_likelihood(predictions, given)
    for k in range(3):
        one = likelihood.log_likelihood(tuple(each[k] for each in predictions), {n: v[k] for n, v in given.items()})
        assert float(found[k]) == pytest.approx(float(one), rel=1e-12)
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        traced = jax.jit(likelihood.log_likelihood)(
            tuple(map(jax.numpy.asarray, predictions)), {n: jax.numpy.asarray(v) for n, v in given.items()}
        )
    np.testing.assert_allclose(np.asarray(traced), found, rtol=1e-12)


def test_the_best_nuisances_are_those_of_a_general_minimiser(tmp_path: Path) -> None:
    likelihood = read(written(tmp_path))
    predictions = spectra(likelihood)
    names = [one.name for one in likelihood.nuisances]

    def cost(values: np.ndarray) -> float:
        return float(likelihood.chi2(predictions, dict(zip(names, map(np.asarray, values), strict=True))))

    start = np.array([one.fiducial for one in likelihood.nuisances])
    bounds = [(getattr(one.distribution, "lower", None), None) for one in likelihood.nuisances]
    least = optimize.minimize(cost, start, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10})
    assert float(likelihood.chi2_profiled(predictions)) == pytest.approx(least.fun, abs=1e-5)


def test_simulated_counts_scatter_around_the_prediction(tmp_path: Path) -> None:
    likelihood = read(written(tmp_path))
    given = {one.name: np.asarray(one.fiducial) for one in likelihood.nuisances}
    mu = likelihood.binned_prediction(spectra(likelihood))
    drawn = likelihood.simulate(
        np.random.default_rng(3), tuple(np.tile(one, (4000, 1)) for one in spectra(likelihood)), given
    )
    np.testing.assert_allclose(drawn.values.mean(axis=0), mu, atol=5 * np.sqrt(mu.max() / 4000))


# --- from cubes to a table


def reduced(tmp_path: Path) -> tuple[Path, counts_reduction.Reduction]:
    rng = np.random.default_rng(5)
    counts = rng.poisson(3.0, (12 * 32**2, len(EDGES) - 1)).astype(float)
    home = folder(tmp_path, counts=counts)
    return home, counts_reduction.read_cubes(home / "counts.fits", home / "exposure.fits")


def test_a_table_made_of_cubes_expects_and_holds_what_the_cubes_do(tmp_path: Path) -> None:
    home, cubes = reduced(tmp_path)
    of_cubes = load(home)
    regions = {
        name: counts_reduction.reduce_region(cubes, parse_region(box)) for name, box in zip("ab", REGIONS, strict=True)
    }
    target = tmp_path / "made"
    cubes.write(target, regions, {}, {}, {"reference": "a test", "table_or_figure": "a test"})
    lines = SETTINGS[: SETTINGS.index("exposure_error")]
    (target / "likelihood.toml").write_text(lines)
    of_table = read(target)
    np.testing.assert_array_equal(of_table.values, of_cubes.values)
    predictions = intensities(of_cubes)
    bare = of_cubes.binned_prediction(predictions, {n.name: np.asarray(0.0) for n in of_cubes.norms})
    np.testing.assert_allclose(of_table.binned_prediction(intensities(of_table)), bare, rtol=1e-6)
    # the mask has the very pixels: counted through it, the numbers are the same
    for name, one in regions.items():
        again = parse_region(f"l=10..70,b=-9..9,mask={target}/{name}.fits.gz")
        np.testing.assert_array_equal(cubes.counts.pixels[cubes.counts.rows_in(again)], one.pixels)


def test_the_intensity_of_high_latitudes_has_the_counts_that_were_seen(tmp_path: Path) -> None:
    _, cubes = reduced(tmp_path)
    intensity = counts_reduction.high_latitude_intensity(cubes, 60.0)
    poles = [parse_region("l=0..360,b=60..90"), parse_region("l=0..360,b=-90..-60")]
    parts = [counts_reduction.reduce_region(cubes, one) for one in poles]
    middle = np.sqrt(EDGES[1:] * EDGES[:-1])
    expected = [counts_reduction.expected_counts(EDGES, one.exposure, middle, intensity) for one in parts]
    np.testing.assert_allclose(np.sum(expected, axis=0), parts[0].counts + parts[1].counts, rtol=1e-3)


def test_the_command_writes_a_table_that_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, _ = reduced(tmp_path)
    words = ["counts", str(home / "counts.fits"), str(home / "exposure.fits"), "--region", f"one={REGIONS[0]}"]
    words += ["--high-latitudes", "60", "--reference", "a test", "--output", str(tmp_path / "out")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "regions = [" in said
    text = 'title = "t"\nlabel = "t"\ncitations = []\n' + said[said.index("kind = ") :]
    (tmp_path / "out" / "likelihood.toml").write_text(text)
    likelihood = read(tmp_path / "out")
    np.testing.assert_array_equal(likelihood.values, load(home).values[: len(EDGES) - 1])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--region", "one"], "--region 'one'"),
        (["--region", "a=lhaaso_inner", "--components", "b=x.ecsv", "--column", "y"], "--components names"),
        (["--region", "a=lhaaso_inner", "--column", "y"], "go together"),
        (["--region", "a=nowhere"], "nowhere"),
        (["--region", "a=lhaaso_inner", "--energy-min", "900"], "no energy bin"),
        (["--region", "a=lhaaso_inner", "--high-latitudes", "95"], "95 degrees"),
    ],
)
def test_what_the_command_cannot_do_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    home, _ = reduced(tmp_path)
    words = ["counts", str(home / "counts.fits"), str(home / "exposure.fits"), "--reference", "t"]
    assert main([*words, "--output", str(tmp_path / "out"), *more]) == 1
    assert said in capsys.readouterr().err


# --- what is refused


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows, settings: (rows.replace(",52,", ",52.5,"), settings), "fractions"),
        (lambda rows, settings: (rows.replace("2,10", "3,10"), settings), "not 1 to 2"),
        (lambda rows, settings: (rows.replace("2,20,40", "2,20,50"), settings), "other bins"),
        (lambda rows, settings: (rows, settings.replace("40..60", "20..40")), "names one twice"),
        (lambda rows, settings: (rows, settings.replace('"sources"\nl', '"counts"\nl')), "column of the counts"),
        (lambda rows, settings: (rows, "energy_min = 90.0\n" + settings), "no energy bin"),
        (lambda rows, settings: (rows, settings.replace("0.03", "-0.03")), "exposure_tilt"),
    ],
)
def test_a_folder_that_does_not_fit_together_is_refused(
    tmp_path: Path, change: Callable[[str, str], tuple[str, str]], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        read(written(tmp_path, *change(ROWS, SETTINGS)))


# --- the data sets that ship


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_table_is_what_the_cubes_say(shared_data: Path, tmp_path: Path, name: str) -> None:
    home = finding.packaged_root() / "likelihoods"
    table = Table.read(home / name / "counts.ecsv", format="ascii.ecsv")
    columns = [one for one in table.colnames[6:] if one != counts_reduction.HIGH_LATITUDES]
    words = ["counts", *(str(shared_data / cube) for cube in CUBES), "--energy-max", "310", "--high-latitudes", "60"]
    for mask in sorted((home / name).glob("*.fits.gz")):
        short = mask.name.removesuffix(".fits.gz")
        box, source = f"lhaaso_{short}", f"fermi_lat_masked_{short}"
        if box not in NAMED:
            low, high = short.removeprefix("l").replace("m", "-").split("_")
            box, source = f"l={low}..{high},b=-5..5", f"fermi_lat_longitude_{short.removeprefix('l')}"
        words += ["--region", f"{short}={box}", "--components", f"{short}={home / source / 'components.ecsv'}"]
    words += itertools.chain(*(("--column", one) for one in columns))
    assert main([*words, "--reference", "arXiv:1702.00664", "--output", str(tmp_path)]) == 0
    made = Table.read(tmp_path / "counts.ecsv", format="ascii.ecsv")
    order = [str(mask).split("mask=")[1].split(".fits")[0] for mask in _regions_of(home / name)]
    order = [sorted(order).index(one) + 1 for one in order]  # the command was given the masks in order of their names
    for number, place in enumerate(order, start=1):
        for one in table.colnames[1:]:
            np.testing.assert_allclose(made[one][made["region"] == place], table[one][table["region"] == number])
    for mask in (home / name).glob("*.fits.gz"):
        assert (tmp_path / mask.name).read_bytes() == mask.read_bytes()


def _regions_of(home: Path) -> list[str]:
    import tomllib

    found: list[str] = tomllib.loads((home / "likelihood.toml").read_text())["regions"]
    return found


@pytest.mark.parametrize(("side", "limit"), [("inner", 0.03), ("outer", 0.07)])
def test_photons_agree_with_the_digitised_points(side: str, limit: float) -> None:
    """From 10 to 80 GeV, each with its own isotropic background taken off: the classes of events are not the same."""
    home = finding.packaged_root() / "likelihoods"
    table = Table.read(home / f"fermi_lat_counts_{side}" / "counts.ecsv", format="ascii.ecsv")
    points, parts = (Table.read(home / f"fermi_lat_masked_{side}" / f"{one}.ecsv") for one in ("flux", "components"))
    low, high = np.asarray(table["energy_min"]), np.asarray(table["energy_max"])
    middle = np.sqrt(low * high)
    depth = np.sqrt(table["exposure_min"] * table["exposure_max"]) * (high - low)
    photons = np.asarray((table["counts"] - 0.66 * table["high_latitudes"]) / depth)
    used = (points["energy_min"] > 10) & (points["energy_max"] < 80)
    theirs = np.asarray(points["intensity"] - parts["isotropic"])[used]
    at = np.log(np.asarray(points["energy_reference"])[used])
    ours = np.exp(np.interp(at, np.log(middle), np.log(photons)))
    assert abs(np.mean(ours / theirs) - 1.0) < limit
