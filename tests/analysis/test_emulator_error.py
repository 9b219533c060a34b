"""What an emulator's error does to data: shifts that are known, what is left out, and posteriors that it widens."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.analysis.emulator_error import EmulatorCheck, check_emulator, shift_text
from crsea_infer.cli.main import main
from crsea_infer.emulator import load
from crsea_infer.emulator.response.chebyshev import train
from crsea_infer.emulator.response.store import write_emulator
from crsea_infer.emulator.sky_model import Request
from crsea_infer.emulator.spectra.generate import generate_spectra_grid
from crsea_infer.emulator.spectra.spectra_emulator import SpectraEmulator, write_spectra_emulator
from crsea_infer.emulator.spectra.training import train_spectra_emulator
from crsea_infer.grids.response_grid import Axis, GridSettings, build_grid
from crsea_infer.grids.spectra_grid import Parameter, write_spectra_grid
from crsea_infer.hypotheses.distributions import fixed, log_uniform
from crsea_infer.hypotheses.hypothesis import Hypothesis, load_hypothesis
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.parameters import SkyParameters
    from crsea_infer.emulator.sky_model import BoundModel, SkyModel


@dataclasses.dataclass(frozen=True)
class Distorted:
    """A sky model that is wrong by a known factor of energy, and states an error that may be another."""

    sky: SkyModel
    factor: Callable[[np.ndarray], np.ndarray]
    relative_error: float = 0.0

    @property
    def box(self) -> Mapping[str, tuple[float, float]]:
        return self.sky.box

    @property
    def fingerprint(self) -> str:
        return "distorted"

    @property
    def description(self) -> Mapping[str, str]:
        return {}

    def parameters(self, requests: Sequence[Request]) -> SkyParameters:
        return self.sky.parameters(requests)

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        factors = [
            self.factor(np.asarray(one.energies)) if one.messenger in {"gamma", "neutrino"} else np.ones(1)
            for one in requests
        ]
        return _BoundDistorted(self.sky.bind(requests), tuple(factors))


@dataclasses.dataclass(frozen=True)
class _BoundDistorted:
    sky: BoundModel
    factors: tuple[np.ndarray, ...]

    def __call__(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(one * factor for one, factor in zip(self.sky(parameters), self.factors, strict=True))

    def components(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        parts = zip(self.sky.components(parameters), self.factors, strict=True)
        return tuple({name: part * factor for name, part in own.items()} for own, factor in parts)


HYPOTHESIS = load_hypothesis("gamma-optimized-free-min")
POINTS = {"delta_slope": np.array([0.0, 0.05, 0.1]), "halo_height": np.array([3.0, 5.0, 11.0])}


def _check(*names: str, factor: float) -> EmulatorCheck:
    likelihoods = [load_likelihood(name) for name in names]
    sky = load()
    return check_emulator(Distorted(sky, lambda e: np.full(e.shape, factor)), sky, POINTS, likelihoods, HYPOTHESIS)


def test_a_shift_of_known_size_is_found_in_units_of_the_errors() -> None:
    """Every prediction too high by 1e-3: the shift is 1e-3 of the prediction over the error, point by point."""
    sky = load()
    likelihood = load_likelihood("lhaaso_km2a_inner", {"systematics": "none"})
    assert isinstance(likelihood, FluxPoints)
    hypothesis = _with_a_free_norm(HYPOTHESIS, free="")
    check = check_emulator(Distorted(sky, lambda e: np.full(e.shape, 1.001)), sky, POINTS, [likelihood], hypothesis)
    values = {name: np.full(3, value) for name, value in HYPOTHESIS.fiducial.items()} | POINTS
    predicted = likelihood.binned_prediction(sky.bind(likelihood.requests)(values))
    expected = 1e-3 * predicted / np.where(predicted > likelihood.values, likelihood.error_high, likelihood.error_low)
    (shift,) = check.shifts
    assert check.n_draws >= 2000
    assert shift.pulls[0] == pytest.approx(np.median(expected), rel=1e-2)
    assert shift.pulls[2] == pytest.approx(expected.max(), rel=1e-2)


def test_the_shift_of_the_log_likelihood_is_the_difference() -> None:
    """For an index measured as a + b sigma away, ln L shifts by the difference of two parabolas."""
    likelihood = load_likelihood("lhaaso_wcda_inner")
    sky, tilt = load(), 0.01
    tilted = Distorted(sky, lambda e: (e / 1e4) ** tilt)
    (shift,) = check_emulator(tilted, sky, POINTS, [likelihood], HYPOTHESIS).shifts
    sigma = tilt / shift.pulls[0]
    assert sigma == pytest.approx(0.05, rel=0.01)  # that of the measurement
    # |d ln L| = |x dx + dx^2 / 2| with x the pull, dx = 0.2: pulls of up to several sigma among prior draws
    assert 0.01 < shift.log_likelihood[0] < 0.2 * 3 + 0.02
    assert shift.log_likelihood[2] > shift.log_likelihood[0]


def test_what_is_not_emulated_does_not_shift_and_what_is_unknown_is_left_out() -> None:
    check = _check("lhaaso_protons", "lhaaso_km2a_outer", factor=1.01)
    by_name = {shift.name: shift for shift in check.shifts}
    assert by_name["lhaaso_protons"].pulls == (0.0, 0.0, 0.0)
    assert by_name["lhaaso_km2a_outer"].pulls[0] > 0.0
    assert "nothing of them is emulated: lhaaso_protons" in shift_text(check)


@pytest.fixture(scope="module")
def spectra_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An emulator of another code's spectra, and a second grid of that code; the code is the built-in one."""
    folder = tmp_path_factory.mktemp("spectra")
    parameters = (Parameter("halo_height", 3.0, 9.0, "kpc", "log"), Parameter("xco_scale", 0.6, 1.6, "", "log"))
    fiducial = {name: float(value) for name, value in HYPOTHESIS.fiducial.items()}
    rest = {name: value for name, value in fiducial.items() if name not in {"halo_height", "xco_scale"}}
    energies = tuple(np.geomspace(1e3, 2e6, 12).tolist())
    requests = [Request("gamma", energies, region) for region in ("lhaaso_inner", "lhaaso_outer")]
    emulator = train_spectra_emulator(generate_spectra_grid(parameters, rest, requests, 60, seed=1))
    write_spectra_emulator(emulator, folder / "emulator.npz")
    write_spectra_emulator(dataclasses.replace(emulator, held_out=None), folder / "old.npz")
    write_spectra_grid(generate_spectra_grid(parameters, rest, requests, 30, seed=2), folder / "second.nc")
    return folder / "emulator.npz", folder / "second.nc"


@pytest.mark.slow
def test_emulators_of_spectra_are_compared_from_their_file_alone(
    spectra_files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    emulator, second = spectra_files
    assert main(["emulator", "validate", str(emulator)]) == 0
    alone = capsys.readouterr().out
    assert "60 held-out points" in alone
    assert "tibet_asgamma_inner was left out: the imported grid holds no gamma spectrum of the region" in alone
    assert "icecube_pi0 was left out" in alone
    assert main(["emulator", "validate", str(emulator), "--grid", str(second)]) == 0
    with_grid = capsys.readouterr().out
    assert "30 held-out points" in with_grid

    def of(text: str) -> np.ndarray:
        (line,) = (line for line in text.splitlines() if line.startswith("lhaaso_km2a_inner "))
        return np.array(line.split()[1:], dtype=float)

    for medians in zip(of(alone)[[0, 3]], of(with_grid)[[0, 3]], strict=True):
        # cross-validation trains on fewer points, so its errors are the larger ones, by less than a factor of ten
        assert 0.2 < medians[0] / medians[1] < 10
    assert main(["emulator", "validate", str(emulator.with_name("old.npz"))]) == 0
    assert "data set" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{emulator}", "--likelihood", "icecube_pi0"], "no neutrino"),
        (["{emulator}", "--likelihood", "lhaaso_km2a_iner"], "did you mean 'lhaaso_km2a_inner'"),
        (["{emulator}", "--hypothesis", "gama-optimized-min"], "did you mean"),
        (["--grid", "{second}"], "--grid for emulators of spectra"),
        (["{emulator}", "-n", "0"], "at least 1"),
        (["absent.npz"], "no emulator file"),
    ],
)
def test_what_cannot_be_compared_is_told(
    spectra_files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    emulator, second = spectra_files
    given = [argument.format(emulator=emulator, second=second) for argument in arguments]
    assert main(["emulator", "validate", *given]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_emulators_of_responses_are_compared_with_the_solver(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A coarse emulator of one region: its data sets are compared, others are left out until they are asked for."""
    axes = (Axis("delta_slope", 0.0, 0.1, 4, "1/kpc"), Axis("halo_height", 3.0, 8.0, 4, "kpc", "log"))
    grid = build_grid(GridSettings(regions=("lhaaso_outer",), axes=axes, electrons=None))
    write_emulator(train(grid), tmp_path / "coarse.npz")
    command = ["emulator", "validate", str(tmp_path / "coarse.npz"), "-n", "20"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "gamma H2 lhaaso_outer" in printed
    assert "24 held-out points" in printed
    assert "tibet_asgamma_outer was left out: the emulator was not trained on the region tibet_outer" in printed
    (line,) = (line for line in printed.splitlines() if line.startswith("lhaaso_km2a_outer "))
    assert 1e-4 < float(line.split()[3]) < 1.0
    assert main([*command, "--likelihood", "tibet_asgamma_outer"]) == 0
    printed = capsys.readouterr().out
    assert "\ntibet_asgamma_outer " in printed
    assert "gamma H2 tibet_outer" not in printed


def _with_a_free_norm(hypothesis: Hypothesis, free: str = "proton_norm") -> Hypothesis:
    """The same hypothesis with the norm of the protons alone free, over a factor of nine."""
    parameters = []
    for parameter in hypothesis.parameters:
        value = parameter.fiducial
        distribution = log_uniform(value / 3, value * 3) if parameter.name == free else fixed(value)
        parameters.append(dataclasses.replace(parameter, distribution=distribution))
    return dataclasses.replace(hypothesis, parameters=tuple(parameters))


def _pull_of_the_truth(factor: Callable[[np.ndarray], np.ndarray], stated: float, seed: int) -> tuple[float, float]:
    """Return (mean - truth) / sigma and sigma of ln proton_norm, for data precise to 3 per cent."""
    sky = load()
    hypothesis = _with_a_free_norm(HYPOTHESIS)
    likelihood = load_likelihood("lhaaso_km2a_inner", {"systematics": "none"})
    assert isinstance(likelihood, FluxPoints)
    exact = posterior_for(hypothesis, [likelihood], Distorted(sky, np.ones_like))
    predicted = exact.intensities(exact.fiducial)["lhaaso_km2a_inner"]
    errors = 0.03 * likelihood.binned_prediction(predicted)
    precise = dataclasses.replace(likelihood, error_low=errors, error_high=errors)
    data = precise.simulate(np.random.default_rng(seed), predicted, {})
    posterior = posterior_for(hypothesis, [data], Distorted(sky, factor, stated))
    logs = np.linspace(np.log(1 / 3), np.log(3), 1001)[1:-1]
    log_l = np.asarray(posterior.log_likelihood(exact.fiducial * np.exp(logs)[:, None]))
    weights = np.exp(log_l - log_l.max())
    weights /= weights.sum()
    mean = float(weights @ logs)
    sigma = float(np.sqrt(weights @ (logs - mean) ** 2))
    return mean / sigma, sigma


@pytest.mark.parametrize("cycles", [0.0, 0.5, 1.0, 2.0])
def test_a_bad_emulator_widens_the_posterior_instead_of_biasing_it(cycles: float) -> None:
    """An error of 20 per cent, smooth in energy: the truth is outside when it is not stated, and inside when it is.

    From an error that all points have in common to one that swings twice over the data.
    """
    hidden, stated = [], []
    for seed in range(12):
        phase = 2.0 * np.pi * seed / 12

        def factor(energy: np.ndarray, phase: float = phase) -> np.ndarray:
            place = np.log(energy / 1e4) / np.log(100.0)
            swing = np.sqrt(2.0) * np.sin(2.0 * np.pi * cycles * place + phase) if cycles else np.sign(phase - 3.0)
            return np.asarray(1.0 + 0.2 * swing + 0.0 * energy)

        hidden.append(_pull_of_the_truth(factor, 0.0, seed))
        stated.append(_pull_of_the_truth(factor, 0.2, seed))
    pulls_hidden, pulls_stated = (np.abs([pull for pull, _ in found]) for found in (hidden, stated))
    assert np.mean(pulls_hidden > 3.0) > 0.5
    assert pulls_stated.max() < 2.0
    for (_, narrow), (_, wide) in zip(hidden, stated, strict=True):
        assert wide > 3.0 * narrow


@pytest.mark.parametrize(
    "name", ["lhaaso_km2a_inner", "tibet_asgamma_inner", "fermi_lat_inner_galaxy", "lhaaso_wcda_inner", "icecube_pi0"]
)
def test_every_kind_of_sky_data_allows_for_the_error_of_the_model(name: str) -> None:
    """With an error stated, ln L is less sensitive to a wrong prediction."""
    likelihood = load_likelihood(name)
    sky = load().bind(likelihood.requests)
    values = {parameter.name: np.asarray(float(parameter.fiducial)) for parameter in HYPOTHESIS.parameters}
    predictions = tuple(
        one * (np.asarray(r.energies) / 1e4) ** 0.3 * 2 for one, r in zip(sky(values), likelihood.requests, strict=True)
    )
    nuisances = {nuisance.name: np.asarray(nuisance.fiducial) for nuisance in likelihood.nuisances}
    strict, lenient = (one.chi2(predictions, nuisances) for one in (likelihood, likelihood.with_model_error(0.5)))
    assert float(lenient) < 0.9 * float(strict)


@pytest.mark.slow
def test_an_emulator_without_an_error_stops_a_run() -> None:
    settings = GridSettings(
        regions=("lhaaso_outer",),
        axes=(Axis("delta_slope", 0.0, 0.1, 2), Axis("halo_height", 4.0, 5.0, 2, "kpc", "log")),
        electrons=None,
    )
    from crsea_infer.emulator.response.response_sky import EmulatedSky

    with pytest.raises(UserError, match="does not state its error"):
        posterior_for(HYPOTHESIS, [load_likelihood("lhaaso_km2a_outer")], EmulatedSky(train(build_grid(settings))))


def test_residuals_in_the_file_are_few_and_honest(spectra_files: tuple[Path, Path]) -> None:
    from crsea_infer.emulator.spectra.spectra_emulator import read_spectra_emulator

    emulator: SpectraEmulator = read_spectra_emulator(spectra_files[0])
    assert emulator.held_out is not None
    assert emulator.held_out.points.shape == (60, 2)
    stated = emulator.metadata["validation"]["root_mean_square"]
    found = np.sqrt(np.mean(np.expm1(emulator.held_out.logs.astype(float)) ** 2))
    assert found == pytest.approx(stated, rel=1e-3)
