"""Spectra emulators: they learn what they should, state an error that holds, and refuse what lies outside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crsea_infer.emulator import load
from crsea_infer.emulator.archive import archive_kind, write_archive
from crsea_infer.emulator.sky_model import Request
from crsea_infer.emulator.spectra.gaussian_process import _solve, fit_gaussian_process
from crsea_infer.emulator.spectra.generate import SkyTask, generate_spectra_grid
from crsea_infer.emulator.spectra.polynomial_chaos import (
    GrowthSettings,
    PolynomialChaos,
    Terms,
    fit_polynomial_chaos,
    grow_terms,
    legendre,
)
from crsea_infer.emulator.spectra.spectra_emulator import SpectraEmulator, read_spectra_emulator, write_spectra_emulator
from crsea_infer.emulator.spectra.spectra_sky import SpectraSky
from crsea_infer.emulator.spectra.training import TrainingSettings, held_out_errors, train_spectra_emulator
from crsea_infer.grids.design import sobol_design
from crsea_infer.grids.spectra_grid import Parameter, SpectraGrid, Spectrum
from crsea_infer.hypotheses.hypothesis import Hypothesis, load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.parameter_checks import check_parameters
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

ENERGIES = tuple(np.geomspace(10.0, 1e5, 9).tolist())
PARAMETERS = (
    Parameter("index", -3.0, -2.5),
    Parameter("cutoff", 1e3, 1e6, "GeV", "log"),
    Parameter("hi_scale", 0.5, 2.0, "", "log"),
)
SPECTRA = (
    Spectrum("gamma", "lhaaso_inner", "HI", ENERGIES),
    Spectrum("gamma", "lhaaso_inner", "inverse_compton", ENERGIES),
    Spectrum("gamma", "lhaaso_outer", "HI", ENERGIES),
)


def _model(points: np.ndarray) -> np.ndarray:
    """Power laws with a cutoff: smooth in the parameters, known everywhere."""
    index, cutoff, scale = points.T[:, :, None]
    energy = np.asarray(ENERGIES)
    hadrons = 1e-6 * scale * energy**index * np.exp(-np.sqrt(energy / cutoff))
    electrons = 1e-7 * energy**-2.4 * np.exp(-energy / 1e5) * (1.0 + 0.1 * (index + 2.7))
    return np.concatenate([hadrons, electrons, 0.6 * hadrons], axis=-1)


def _grid(n_points: int, seed: int = 1) -> SpectraGrid:
    points = sobol_design(PARAMETERS, n_points, seed)
    return SpectraGrid(PARAMETERS, points, SPECTRA, _model(points), {"code": "a formula"})


@pytest.fixture(scope="module")
def emulator() -> SpectraEmulator:
    return train_spectra_emulator(_grid(600), TrainingSettings(max_terms=200))


@pytest.fixture(scope="module")
def process() -> SpectraEmulator:
    return train_spectra_emulator(_grid(60), TrainingSettings(method="gaussian process"))


def test_legendre_polynomials_are_orthonormal() -> None:
    nodes, weights = np.polynomial.legendre.leggauss(20)
    values = legendre(nodes, 9)
    assert (values * weights / 2) @ values.T == pytest.approx(np.eye(10), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=12, unique=True))
def test_terms_are_products_of_polynomials(degrees: list[tuple[int, int, int]]) -> None:
    unit = np.random.default_rng(0).uniform(-1, 1, (3, 7))
    terms = Terms.ordered(np.array(degrees))
    expected = [
        np.prod([legendre(unit[i], max(d, 1))[d] for i, d in enumerate(row)], axis=0) for row in terms.degrees.tolist()
    ]
    assert terms(unit) == pytest.approx(np.array(expected), abs=1e-12)


def test_a_polynomial_is_found_exactly_with_few_terms() -> None:
    unit = np.random.default_rng(1).uniform(-1, 1, (5, 400))
    values = (3.0 * unit[0] ** 5 + unit[1] * unit[2] ** 2)[None]
    stages = grow_terms(unit, values, GrowthSettings(tolerance=1e-8))
    assert stages[-1][1] < 1e-8
    assert len(stages[-1][0]) < 120  # of 252 of degree 5 in 5 parameters


def test_leave_one_out_residuals_are_those_of_leaving_one_out() -> None:
    rng = np.random.default_rng(2)
    unit, values = rng.uniform(-1, 1, (2, 30)), rng.normal(size=(1, 30))
    terms = Terms.ordered(np.array([(0, 0), (1, 0), (0, 1), (1, 1), (2, 0)]))
    _, _, left_out = fit_polynomial_chaos(unit, values, terms)
    for i in (0, 17):
        kept = np.arange(30) != i
        fitted, _, _ = fit_polynomial_chaos(unit[:, kept], values[:, kept], terms)
        assert left_out[0, i] == pytest.approx(values[0, i] - fitted(unit[:, [i]])[0, 0], rel=1e-9)


def test_gaussian_process_interpolates_and_its_gradient_is_right() -> None:
    rng = np.random.default_rng(3)
    unit = rng.uniform(-1, 1, (2, 40))
    values = np.sin(2 * unit[0]) * np.exp(unit[1])
    terms = Terms.ordered(np.array([(0, 0), (1, 0), (0, 1)]))
    process, left_out = fit_gaussian_process(unit, values[None], terms)
    assert process(unit)[0] == pytest.approx(values, abs=1e-4)
    there = rng.uniform(-0.9, 0.9, (2, 200))
    assert process(there)[0] == pytest.approx(np.sin(2 * there[0]) * np.exp(there[1]), abs=2e-2)
    assert np.sqrt(np.mean(left_out**2)) < 0.02
    at = np.log([0.7, 1.3, 1e-4])
    solved = _solve(at, unit, terms(unit).T, values)
    for i in range(3):
        step = np.eye(3)[i] * 1e-5
        above = _solve(at + step, unit, terms(unit).T, values).negative_log_likelihood
        below = _solve(at - step, unit, terms(unit).T, values).negative_log_likelihood
        assert solved.gradient[i] == pytest.approx((above - below) / 2e-5, rel=1e-4)


def test_the_stated_error_holds_on_points_never_seen(emulator: SpectraEmulator, process: SpectraEmulator) -> None:
    test = _grid(1000, seed=99)
    for trained, target in ((emulator, 1e-3), (process, 3e-2)):
        stated = trained.metadata["validation"]
        found = held_out_errors(trained, test)
        assert stated["quantile_99.9"] < target
        assert np.quantile(found, 0.999) < 2 * stated["quantile_99.9"]
        assert np.sqrt(np.mean(found**2)) < 2 * stated["root_mean_square"]
    assert emulator.kind == "polynomial chaos"
    assert process.kind == "gaussian process"


def test_auto_keeps_the_method_with_the_smaller_error() -> None:
    grid = _grid(45)
    errors = {
        method: train_spectra_emulator(grid, TrainingSettings(method=method)).metadata["validation"]["root_mean_square"]
        for method in ("polynomial chaos", "gaussian process")
    }
    chosen = train_spectra_emulator(grid)
    assert chosen.kind == min(errors, key=lambda method: errors[method])
    assert chosen.metadata["validation"]["root_mean_square"] == min(errors.values())


def test_outside_the_box_the_parameter_is_named(emulator: SpectraEmulator) -> None:
    inside = {"index": -2.7, "cutoff": 1e4, "hi_scale": 1.0}
    assert emulator.predict(inside).shape == (27,)
    with pytest.raises(UserError, match="cutoff = 2e\\+06 is outside") as caught:
        emulator.predict(inside | {"cutoff": np.array([1e4, 2e6])})
    assert caught.value.valid == "1000 to 1e+06 GeV"
    with pytest.raises(UserError, match="needs a value for hi_scale"):
        emulator.predict({"index": -2.7, "cutoff": 1e4})
    logs = emulator.log_intensities({"index": np.array([-2.7, -2.4, np.nan]), "cutoff": 1e4, "hi_scale": 1.0})
    assert np.isfinite(logs).all(axis=-1).tolist() == [True, False, False]


def test_batches_of_any_shape_give_what_single_points_give(emulator: SpectraEmulator, process: SpectraEmulator) -> None:
    points = _grid(300, seed=5).points.reshape(3, 100, 3)
    values = {parameter.name: points[..., i] for i, parameter in enumerate(PARAMETERS)}
    for trained in (emulator, process):
        together = trained.predict(values)
        assert together.shape == (3, 100, 27)
        alone = trained.predict({name: value[2, 41] for name, value in values.items()})
        assert together[2, 41] == pytest.approx(alone, rel=1e-10)


@pytest.mark.parametrize("which", ["emulator", "process"])
def test_files_come_back_as_they_were(tmp_path: Path, which: str, request: pytest.FixtureRequest) -> None:
    trained: SpectraEmulator = request.getfixturevalue(which)
    write_spectra_emulator(trained, tmp_path / "a.npz")
    again = read_spectra_emulator(tmp_path / "a.npz")
    values = {"index": -2.61, "cutoff": 3e4, "hi_scale": 1.2}
    assert np.array_equal(again.predict(values), trained.predict(values))
    assert again.metadata == trained.metadata
    assert again.metadata["grid_hash"] == _grid(len(_grid(600).points) if which == "emulator" else 60).hash
    assert archive_kind(tmp_path / "a.npz") == trained.kind
    write_spectra_emulator(again, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_damaged_files_are_refused(tmp_path: Path, emulator: SpectraEmulator) -> None:
    path = tmp_path / "e.npz"
    with pytest.raises(UserError, match="no emulator file"):
        read_spectra_emulator(path)
    write_spectra_emulator(emulator, path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match="not a readable emulator"):
        read_spectra_emulator(path)
    write_archive(path, "response", {}, {"a": np.ones(2)})
    with pytest.raises(UserError, match="kind 'response'"):
        read_spectra_emulator(path)
    write_archive(path, "polynomial chaos", {"parameters": []}, {"a": np.ones(2)})
    with pytest.raises(UserError, match="'spectra' is missing"):
        read_spectra_emulator(path)


def test_grids_that_no_emulator_could_learn_are_refused() -> None:
    good = _grid(8)
    with pytest.raises(UserError, match="8 points in 3 parameters"):
        train_spectra_emulator(good)
    zero = good.intensities.copy()
    zero[3, 10] = 0.0
    with pytest.raises(UserError, match=r"gamma inverse_compton lhaaso_inner at 31.6.* GeV is 0 at point 3 \(index="):
        replace(good, intensities=zero)
    with pytest.raises(UserError, match="same parameters"):
        replace(good, points=np.repeat(good.points[:4], 2, axis=0))
    with pytest.raises(UserError, match="index = -4"):
        replace(good, points=np.where(good.points == good.points[2, 0], -4.0, good.points))


def test_a_longer_design_prolongs_a_shorter_one() -> None:
    assert np.array_equal(sobol_design(PARAMETERS, 1000, 3)[:100], sobol_design(PARAMETERS, 100, 3))
    unit = np.stack([p.to_unit(x) for p, x in zip(PARAMETERS, sobol_design(PARAMETERS, 256, 3).T, strict=True)])
    assert np.abs(unit.mean(axis=1)).max() < 0.01


def test_a_sky_of_another_code_answers_like_every_other(emulator: SpectraEmulator) -> None:
    sky = SpectraSky(emulator)
    assert sky.box["cutoff"] == (1e3, 1e6)
    assert 0 < sky.relative_error < 1e-3
    bound = sky.bind([Request("gamma", (10.0, 2e3, 1e5), "lhaaso_inner")])
    values: dict[str, Any] = {"index": np.full(4, -2.7), "cutoff": 1e5, "hi_scale": 1.0, "inverse_compton_scale": 1.0}
    (parts,), (total,) = bound.components(values), bound(values)
    assert total == pytest.approx(parts["HI"] + parts["inverse_compton"])
    expected = 1e-6 * 2e3**-2.7 * np.exp(-np.sqrt(2e3 / 1e5))
    assert parts["HI"][2, 1] == pytest.approx(expected, rel=2e-3)
    (doubled,) = bound.components(values | {"inverse_compton_scale": 2.0})
    assert doubled["inverse_compton"] == pytest.approx(2 * parts["inverse_compton"])
    # a parameter of the grid acts through the emulator alone, not twice
    (scaled,) = bound.components(values | {"hi_scale": 2.0})
    assert scaled["HI"] == pytest.approx(2 * parts["HI"], rel=2e-3)


def hypothesis(*names: str) -> Hypothesis:
    """Return a hypothesis with parameters of these names, all of one prior set."""
    some = load_hypothesis("base-min").free[0]
    values = {"index": -2.7, "cutoff": 1e5}
    made = [replace(some, name=name, fiducial=values.get(name, 1.0), prior_set="mine") for name in names]
    return Hypothesis("mine", "mine", ("mine",), tuple(made))


GAMMA = Request("gamma", (2e3,), "lhaaso_inner")
GRID = ("index", "cutoff", "hi_scale", "inverse_compton_scale")


def test_maps_without_local_spectra_ask_for_none_and_take_none(emulator: SpectraEmulator) -> None:
    sky = SpectraSky(emulator)
    check_parameters(hypothesis(*GRID), sky, [GAMMA])
    assert sky.parameters([GAMMA]).required == ("index", "cutoff", "hi_scale")
    for name in ("proton_norm", "helium_slope_1", "proton_break_2", "xco_scale", "bremsstrahlung_scale", "delta_sun"):
        with pytest.raises(UserError, match=f"'{name}', which acts on nothing") as caught:
            check_parameters(hypothesis(*GRID, name), sky, [GAMMA])
        assert "inverse_compton_scale" in caught.value.valid
    with pytest.raises(UserError, match="'cutoff', which the sky model needs"):
        check_parameters(hypothesis("index", "hi_scale"), sky, [GAMMA])
    with pytest.raises(UserError, match="does not know") as caught:
        check_parameters(hypothesis(*GRID[:-1], "inverse_compton_scal"), sky, [GAMMA])
    assert caught.value.fix == "did you mean 'inverse_compton_scale'?"


def test_local_spectra_are_asked_for_as_soon_as_data_need_them(emulator: SpectraEmulator) -> None:
    sky = SpectraSky(emulator)
    both = [GAMMA, Request("proton", (1e3,))]
    with pytest.raises(UserError, match="'proton_norm', which the sky model needs"):
        check_parameters(hypothesis(*GRID), sky, both)
    check_parameters(hypothesis(*GRID, "proton_norm", "proton_slope_1", "helium_norm"), sky, both)


def test_a_part_of_the_data_is_sampled_with_the_parameters_of_all(emulator: SpectraEmulator) -> None:
    data = [load_likelihood("lhaaso_km2a_inner"), load_likelihood("dampe_protons")]
    mine = hypothesis("index", "cutoff", "hi_scale", "proton_norm", "proton_slope_1")
    everything = posterior_for(mine, [data[1]], SpectraSky(emulator), all_likelihoods=data)
    assert everything.names[:5] == ("index", "cutoff", "hi_scale", "proton_norm", "proton_slope_1")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request("gamma", (100.0,), "tibet_inner"), "no gamma spectrum of the region tibet_inner"),
        (Request("neutrino", (100.0,), "lhaaso_inner"), "no neutrino"),
        (Request("gamma", (1e6,), "lhaaso_inner"), "10 to 100000 GeV"),
        (Request("proton", (100.0,), radius=4.0), "cosmic rays at the Sun"),
    ],
)
def test_what_the_grid_does_not_hold_is_told(emulator: SpectraEmulator, request_: Request, said: str) -> None:
    with pytest.raises(UserError, match=said):
        SpectraSky(emulator).bind([request_])


def test_the_fingerprint_sees_every_number(emulator: SpectraEmulator, process: SpectraEmulator) -> None:
    for trained in (emulator, process):
        before = SpectraSky(trained).fingerprint
        names = [("basis", -trained.basis), ("mean", -trained.mean), ("mean", trained.mean[::-1].copy())]
        for name, changed in names:
            assert SpectraSky(replace(trained, **{name: changed})).fingerprint != before
        others = tuple(replace(p, upper=p.upper + abs(p.upper)) for p in trained.parameters)
        assert SpectraSky(replace(trained, parameters=others)).fingerprint != before
    polynomials = emulator.amplitudes
    assert isinstance(polynomials, PolynomialChaos)
    flipped = replace(emulator, amplitudes=replace(polynomials, coefficients=-polynomials.coefficients))
    assert SpectraSky(flipped).fingerprint != SpectraSky(emulator).fingerprint


def test_local_cosmic_rays_come_from_their_parameters(emulator: SpectraEmulator) -> None:
    request = [Request("proton", (1e3, 1e4))]
    values = {p.name: np.asarray(float(p.fiducial)) for p in load_hypothesis("gamma-optimized-min").parameters}
    points = {"index": np.asarray(-2.7), "cutoff": np.asarray(1e5)}
    assert SpectraSky(emulator).bind(request)(values | points)[0] == pytest.approx(load().bind(request)(values)[0])


@pytest.mark.slow
@pytest.mark.parametrize("which", ["emulator", "process"])
def test_numpy_and_jax_agree_and_gradients_are_right(which: str, request: pytest.FixtureRequest) -> None:
    jax = pytest.importorskip("jax")
    jnp = pytest.importorskip("jax.numpy")
    trained: SpectraEmulator = request.getfixturevalue(which)
    values = {"index": np.array([-2.7, -2.55]), "cutoff": np.array([1e4, 5e5]), "hi_scale": np.array([1.0, 0.8])}
    with jax.experimental.enable_x64() if hasattr(jax.experimental, "enable_x64") else jax.enable_x64(True):
        logs = jax.jit(trained.log_intensities)({name: jnp.asarray(value) for name, value in values.items()})
        assert np.asarray(logs) == pytest.approx(trained.log_intensities(values), rel=1e-9)

        def total(index: Any) -> Any:
            return jnp.sum(trained.log_intensities({"index": index, "cutoff": 1e4, "hi_scale": 1.0}))

        gradient = float(jax.grad(total)(jnp.asarray(-2.7)))
        difference = float(total(jnp.asarray(-2.7 + 1e-5)) - total(jnp.asarray(-2.7 - 1e-5))) / 2e-5
        assert gradient == pytest.approx(difference, rel=1e-5)


def test_single_precision_stays_single_and_close(emulator: SpectraEmulator) -> None:
    single = {
        "index": np.array([-2.7], np.float32),
        "cutoff": np.array([1e4], np.float32),
        "hi_scale": np.array([1.0], np.float32),
    }
    logs = emulator.log_intensities(single)
    assert logs.dtype == np.float32
    double = emulator.log_intensities({name: value.astype(float) for name, value in single.items()})
    assert logs == pytest.approx(double, abs=1e-4)


def _nine_parameters() -> tuple[tuple[Parameter, ...], dict[str, float], tuple[Request, ...]]:
    parameters = (
        Parameter("delta_slope", 0.0, 0.1, "1/kpc"),
        Parameter("halo_height", 2.0, 12.0, "kpc", "log"),
        Parameter("proton_slope_2", -2.70, -2.58),
        Parameter("proton_break_2", 1.2e4, 4.8e4, "GV", "log"),
        Parameter("proton_slope_3", -3.08, -2.78),
        Parameter("proton_break_3", 1.95e6, 7.8e6, "GV", "log"),
        Parameter("proton_slope_4", -4.315, -3.415),
        Parameter("hi_scale", 0.74, 1.35, "", "log"),
        Parameter("xco_scale", 0.55, 1.8, "", "log"),
    )
    varied = {parameter.name for parameter in parameters}
    fiducial = {p.name: float(p.fiducial) for p in load_hypothesis("gamma-optimized-min").parameters}
    fixed = {name: value for name, value in fiducial.items() if name not in varied}
    return parameters, fixed, (Request("gamma", tuple(np.geomspace(10, 1e6, 16).tolist()), "lhaaso_inner"),)


def test_the_generator_predicts_what_the_sky_model_predicts() -> None:
    parameters, fixed, requests = _nine_parameters()
    grid = generate_spectra_grid(parameters, fixed, requests, 20)
    point = dict(zip((p.name for p in parameters), grid.points[7].tolist(), strict=True))
    content = {
        "requests": [{"messenger": "gamma", "energies": list(requests[0].energies), "region": "lhaaso_inner"}],
        "fixed": fixed,
    }
    assert SkyTask.from_json(content)(point) == pytest.approx(grid.intensities[7], rel=1e-12)
    with pytest.raises(UserError, match="halo_height from 1 to 3"):
        generate_spectra_grid((Parameter("halo_height", 1.0, 3.0),), fixed, requests, 20)


@pytest.mark.slow
def test_nine_parameters_within_target() -> None:
    """99.9 per cent of held-out intensities within 1e-3, with 20000 points."""
    parameters, fixed, requests = _nine_parameters()
    trained = train_spectra_emulator(
        generate_spectra_grid(parameters, fixed, requests, 20000, seed=1), TrainingSettings(max_terms=1000)
    )
    errors = held_out_errors(trained, generate_spectra_grid(parameters, fixed, requests, 2000, seed=5))
    assert np.quantile(errors, 0.999) <= 1e-3
    assert trained.metadata["validation"]["quantile_99.9"] <= 1e-3
