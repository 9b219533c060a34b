"""What a notebook does: posteriors by name, arrays in and out, samples, runs, finished runs, predictions."""

from __future__ import annotations

import doctest
import importlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy import units as u

import crsea_infer as cr
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.sky_maps import SkyMapArrays
from crsea_infer.inference.target import Target
from crsea_infer.interface.sky_map import SkyMap
from crsea_infer.physics.healpix_pixels import Pixelisation

if TYPE_CHECKING:
    from pathlib import Path

KM2A = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
HYPOTHESIS = "gamma-optimized-min"
MODULES = (
    "catalogue",
    "finished_run",
    "named_posterior",
    "predict",
    "quantities",
    "run",
    "sampled",
    "sampling",
    "sky_map",
)


def made_up_map() -> SkyMap:
    """A map that is brightest in the plane, at 1 and 10 TeV."""
    sky = Pixelisation(16, nested=False, frame="galactic")
    _, latitude = sky.centres(np.arange(sky.n_pixels))
    mean = np.array([[1e-13], [1e-16]]) * np.exp(-np.abs(latitude) / 10.0)
    return SkyMap(SkyMapArrays("gamma", np.array([1e3, 1e4]), sky, {"total": mean}, {}, 1, ()), {})


@pytest.fixture(scope="module")
def post() -> cr.Posterior:
    return cr.Posterior(HYPOTHESIS, data=KM2A)


@pytest.fixture(scope="module")
def result(post: cr.Posterior) -> cr.Sampled:
    return cr.sample(post, "importance", draws=4000, seed=1)


@pytest.fixture(scope="module")
def run(finished: tuple[Path, Path]) -> cr.FinishedRun:
    return cr.open_run(finished[1])


# --- the door itself


def test_the_door_is_narrow_and_every_name_is_explained() -> None:
    assert len(cr.__all__) <= 15
    assert dir(cr) == sorted(cr.__all__)
    for name in cr.__all__:
        if name != "__version__":
            assert getattr(cr, name).__doc__


@pytest.mark.parametrize(
    "module", [pytest.param(one, marks=[pytest.mark.slow] * (one in {"sampling", "sampled"})) for one in MODULES]
)
def test_the_examples_in_the_docstrings_run(module: str, finished: tuple[Path, Path]) -> None:
    found = doctest.testmod(
        importlib.import_module(f"crsea_infer.interface.{module}"),
        extraglobs={"run": cr.open_run(finished[1]), "sky": made_up_map()},
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert found.attempted > 0
    assert found.failed == 0


# --- posteriors


def test_names_paths_and_objects_make_the_same_posterior(post: cr.Posterior) -> None:
    theta = post.draw_prior(16, seed=2)
    objects = cr.Posterior(load_hypothesis(HYPOTHESIS), data=[load_likelihood(name) for name in KM2A])
    sets = cr.Posterior(["gamma_optimized", "min", "gas"], data=KM2A)
    for other in (objects, sets):
        assert other.names == post.names
        np.testing.assert_array_equal(other.log_likelihood(theta), post.log_likelihood(theta))
    assert isinstance(post.inner, Target)


def test_options_of_a_data_set_take_the_place_of_its_file(post: cr.Posterior) -> None:
    other = cr.Posterior(HYPOTHESIS, data=KM2A, options={KM2A[0]: {"systematics": "diagonal"}})
    assert len(other.names) == len(post.names) - 1
    with pytest.raises(cr.UserError, match="did you mean 'lhaaso_km2a_inner'"):
        cr.Posterior(HYPOTHESIS, data=KM2A, options={"lhaaso_km2a_iner": {}})


def test_prior_draws_are_the_prior_transform_of_the_unit_cube(post: cr.Posterior) -> None:
    theta = post.draw_prior(64, seed=3)
    assert theta.shape == (64, len(post.names))
    np.testing.assert_array_equal(theta, post.draw_prior(64, seed=3))
    unit = np.random.default_rng(3).random((64, len(post.names)))
    np.testing.assert_array_equal(theta, post.prior_transform(unit))
    assert np.isfinite(post.log_prior(theta)).all()


def test_likelihoods_and_chi2_add_up(post: cr.Posterior) -> None:
    theta = post.draw_prior(8)
    apart = post.log_likelihood_per_data_set(theta)
    assert set(apart) == set(post.chi2(theta)) == set(KM2A)
    np.testing.assert_allclose(sum(apart.values()), post.log_likelihood(theta), rtol=1e-12)


def test_points_are_made_by_name(post: cr.Posterior) -> None:
    theta = post.point(halo_height=6.0)
    assert theta[post.names.index("halo_height")] == 6.0
    assert np.sum(theta != post.point()) == 1
    with pytest.raises(cr.UserError, match="did you mean 'halo_height'"):
        post.point(halo_heigth=6.0)


@pytest.mark.parametrize("theta", [np.zeros(3), 1.0, np.zeros((4, 2))])
def test_arrays_of_a_wrong_shape_are_one_message(post: cr.Posterior, theta: object) -> None:
    with pytest.raises(cr.UserError, match="theta has the shape"):
        post.log_likelihood(theta)


def test_what_does_not_exist_is_one_message_in_the_words_of_python() -> None:
    with pytest.raises(cr.UserError, match="gamma-optimized-min"):
        cr.Posterior("gamma-optimised-min", data=KM2A)
    with pytest.raises(cr.UserError, match="there is no file"):
        cr.Posterior(HYPOTHESIS, data=KM2A, emulator="nowhere.npz")
    with pytest.raises(cr.UserError, match="kind of content") as caught:
        cr.available("prior")
    assert "--" not in str(caught.value)


# --- samples


@pytest.mark.slow
def test_a_sample_has_evidence_samples_and_labels(post: cr.Posterior, result: cr.Sampled) -> None:
    assert result.evidence.lnz == pytest.approx(612.806, abs=0.1)
    assert result.names == post.names
    assert result.samples.shape == (len(result.weights), len(post.names))
    assert result.weights.sum() == pytest.approx(1.0)
    table = result.summary()
    assert (table["low68"] < table["median"]).all()
    assert (table["median"] < table["high68"]).all()
    assert f"ln Z = {result.evidence.lnz:.3f}" in repr(result)
    assert "<table" in result._repr_html_()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_result(post: cr.Posterior, result: cr.Sampled) -> None:
    again = cr.sample(post, "importance", draws=4000, seed=1)
    assert again.evidence == result.evidence
    np.testing.assert_array_equal(again.samples, result.samples)


@pytest.mark.slow
def test_samples_go_to_arviz_and_back_from_a_file(result: cr.Sampled, tmp_path: Path) -> None:
    tree = result.to_datatree()
    for group in ("posterior", "prior", "observed_data", "constant_data", "posterior_predictive", "log_likelihood"):
        assert tree[group] is not None
    assert tree["posterior"]["halo_height"].attrs["units"] == "kpc"
    result.write(tmp_path / "posterior.nc")
    import xarray

    written = xarray.load_dataset(tmp_path / "posterior.nc", group="posterior", engine="h5netcdf")
    np.testing.assert_array_equal(written["halo_height"], tree["posterior"]["halo_height"])


@pytest.mark.slow
def test_figures_come_as_figures_that_belong_to_no_window(result: cr.Sampled) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    before = plt.get_fignums()
    corner = result.corner(["halo_height", "xco_scale"])
    assert isinstance(corner, Figure)
    assert len(corner.axes) == 3
    assert len(result.corner().axes) == 36
    spectrum = result.plot_spectrum(KM2A[0])
    assert spectrum.axes[0].get_xscale() == "log"
    assert plt.get_fignums() == before
    assert corner._repr_png_().startswith(b"\x89PNG")  # what a notebook shows
    with pytest.raises(cr.UserError, match="halo_height"):
        result.corner(["halo_heigth"])


@pytest.mark.slow
def test_the_spectrum_is_a_table_with_units_whose_bands_hold_the_median(result: cr.Sampled) -> None:
    table = result.spectrum(KM2A[0])
    assert len(table) == 10
    assert table["energy_reference"].unit == u.GeV
    assert table["data"].unit.is_equivalent("TeV-1 cm-2 s-1 sr-1")
    for low, high in (("low95", "low68"), ("low68", "median"), ("median", "high68"), ("high68", "high95")):
        assert (table[low] < table[high]).all()


@pytest.mark.slow
def test_a_posterior_predicts_any_region_with_bands(result: cr.Sampled) -> None:
    table = result.predict(region="tibet_inner", energies=[1, 10] * u.TeV, messenger="neutrino")
    assert table["energy"].unit == u.TeV
    assert (table["low68"] < table["high68"]).all()
    protons = result.predict(energies=[10] * u.TeV, messenger="proton")
    assert protons["median"].unit.is_equivalent("GeV-1 m-2 s-1 sr-1")


@pytest.mark.slow
def test_a_target_of_ones_own_is_sampled_too() -> None:
    class Gaussian:
        names = ("x", "y")

        def prior_transform(self, unit: np.ndarray) -> np.ndarray:
            return 10.0 * unit - 5.0

        def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
            return -0.5 * np.sum(theta**2, axis=-1) - np.log(2 * np.pi)

    found = cr.sample(Gaussian(), "importance", draws=4000)
    assert found.evidence.lnz == pytest.approx(-np.log(100.0), abs=0.05)
    with pytest.raises(cr.UserError, match=r"crsea_infer\.Posterior"):
        found.corner()


def test_samplers_without_an_evidence_say_so(post: cr.Posterior) -> None:
    found = cr.sample(post, "emcee", block=100, max_steps=100)
    with pytest.raises(cr.UserError, match="gives no evidence"):
        _ = found.evidence
    with pytest.raises(cr.UserError, match="draws"):
        cr.sample(post, "importance", drawz=100)
    with pytest.raises(cr.UserError, match="importance"):
        cr.sample(post, "importence")


# --- runs


def test_a_run_is_checked_and_gives_its_posteriors() -> None:
    run = cr.Run("min_vs_max")
    assert run.data == tuple(KM2A)
    run.check()
    assert run.posterior("gamma-optimized-max").n_data == 15
    with pytest.raises(cr.UserError, match="hypothesis of the run"):
        run.posterior("base-min")
    with pytest.raises(cr.UserError, match="min_vs_max"):
        cr.Run("min_vs_mx")


def test_a_finished_run_is_read_without_sampling(run: cr.FinishedRun, finished: tuple[Path, Path]) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished[1].rglob("*") if path.is_file()}
    assert set(run) == {"gamma-optimized-min", "gamma-optimized-max"}
    factor = run.bayes_factors[0]
    difference = run[HYPOTHESIS].evidence.lnz - run["gamma-optimized-max"].evidence.lnz
    assert factor["ln_b"] == pytest.approx(difference)
    assert set(run[HYPOTHESIS].evidences) == {"dynesty"}
    assert "ln B" in repr(run)
    assert "ln B" in run._repr_html_()
    assert len(run.goodness_of_fit) == 6
    assert "p_posterior" in run.goodness_of_fit.colnames
    assert "numerical, spread over choices: not measured" in repr(run)
    assert "these data (p" in repr(run)
    assert len(repr(run)) < 2000
    assert run.page.is_file()
    assert "spectra" in run.figures
    assert len(run.table("chi2")) == 6
    assert {path: path.stat().st_mtime_ns for path in finished[1].rglob("*") if path.is_file()} == before


def test_a_finished_hypothesis_has_posterior_prior_data_and_predictions(run: cr.FinishedRun) -> None:
    item = run[HYPOTHESIS]
    post = cr.Posterior(HYPOTHESIS, data=KM2A)
    assert item.names == post.names
    assert item.parameters == tuple(
        type(one)(one.name, one.distribution, one.fiducial, one.label, one.unit, one.description)
        for one in post.parameters
    )
    assert item.posterior["halo_height"].dims == ("chain", "draw")
    assert item.prior.sizes["draw"] == 1000
    assert item.data == tuple(KM2A)
    expected = np.quantile(post.inner.predictions(item.draws)[KM2A[0]], 0.5, axis=0)
    np.testing.assert_allclose(item.spectrum(KM2A[0])["median"].value, expected, rtol=1e-9)
    bands = item.predict(region="lhaaso_inner", energies=[10, 100] * u.TeV)
    values = {name: value for name, value in post.inner.values(item.draws).items() if "systematic" not in name}
    from crsea_infer.inference.prediction import intensities, request_for

    drawn = intensities(post.model, [request_for((1e4, 1e5), region="lhaaso_inner")], values)[0]["intensity"]
    np.testing.assert_allclose(bands["high95"].value, np.quantile(drawn, 0.975, axis=0), rtol=1e-9)
    assert len(item.corner(["halo_height", "xco_scale"]).axes) == 3
    assert item.plot_spectrum(KM2A[0]).axes
    assert item.to_datatree()["posterior"] is not None


def test_what_a_finished_run_lacks_is_one_message(run: cr.FinishedRun, own_copy: tuple[Path, Path]) -> None:
    with pytest.raises(cr.UserError, match="hypothesis of the run"):
        _ = run["base-min"]
    with pytest.raises(cr.UserError, match="table of the run"):
        run.table("chi3")
    (own_copy[1] / HYPOTHESIS / "posterior.nc").unlink()
    with pytest.raises(cr.UserError, match="not finished"):
        cr.open_run(own_copy[1])
    (own_copy[1] / HYPOTHESIS / "posterior.nc").write_bytes(b"no netCDF")
    with pytest.raises(cr.UserError, match="cannot be read"):
        _ = cr.open_run(own_copy[1])[HYPOTHESIS].posterior


def test_a_run_carries_itself_out_and_tells_how_far_it_is(
    finished: tuple[Path, Path], own_copy: tuple[Path, Path]
) -> None:
    told: list[str] = []
    found = cr.Run(finished[0]).execute(own_copy[1], workers=0, accept_unconverged=True, tell=told.append)
    assert isinstance(found, cr.FinishedRun)
    assert any("nothing is sampled again" in line for line in told)


# --- predictions


def test_a_prediction_is_a_table_with_units_and_components() -> None:
    table = cr.predict("base-min", region="l=25..100,b=-5..5", energies=[1, 10] * u.TeV)
    assert table.colnames == ["energy", "intensity", "HI", "H2"]
    np.testing.assert_allclose(table["HI"] + table["H2"], table["intensity"], rtol=1e-12)
    assert table.meta["solid_angle_sr"] == pytest.approx(np.radians(75) * 2 * np.sin(np.radians(5)), rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "no region"),
        ({"region": "nowhere"}, "nowhere"),
        ({"region": "tibet_inner", "radius": 4 * u.kpc}, "radius"),
        ({"region": "tibet_inner", "energies": [1.0, 2.0]}, "energies"),
        ({"region": "tibet_inner", "messenger": "photon"}, "messenger"),
        ({"region": "tibet_inner", "changes": {"halo_height": 1e3}}, "outside the box"),
        ({"region": "tibet_inner", "profile": ("length", 3)}, "profile"),
        ({"region": "tibet_inner", "profile": ("longitude", 0)}, "profile"),
        ({"region": "tibet_inner", "all_flavours": True}, "flavours"),
    ],
)
def test_what_cannot_be_predicted_is_one_message_without_flags(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(cr.UserError, match=message) as caught:
        cr.predict("base-min", **arguments)  # type: ignore[arg-type]
    assert "--" not in caught.value.given + caught.value.fix
