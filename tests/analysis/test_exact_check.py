"""The exact check: shifts that are known in closed form, and an emulator that is right or wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.analysis.exact_check import Solver, check_with_solver, compare_likelihoods, solver_of
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run

if TYPE_CHECKING:
    from crsea_infer.emulator.sky_model import SkyModel


def tilted(slope: float, n_samples: int, seed: int = 1) -> Any:
    """A standard normal posterior of two parameters; the solver's ln L differs by 0.2 + slope x_0."""
    samples = np.random.default_rng(seed).normal(size=(n_samples, 2))
    emulated = -0.5 * np.sum(samples**2, axis=1)
    return compare_likelihoods("h", ("x_0", "x_1"), samples, emulated, emulated + 0.2 + slope * samples[:, 0])


def test_shifts_are_those_of_a_tilted_normal() -> None:
    check = tilted(0.3, 40000)
    assert check.status == "passed"
    assert check.lnz_shift == pytest.approx(0.2 + 0.5 * 0.3**2, abs=4 * check.lnz_shift_err)
    assert check.mean_shifts == pytest.approx([0.3, 0.0], abs=0.02)
    assert check.effective_samples / check.n_samples == pytest.approx(np.exp(-(0.3**2)), abs=0.03)
    assert check.largest > 0.2 + 0.3


def test_errors_are_those_of_the_scatter_over_seeds() -> None:
    checks = [tilted(0.3, 500, seed) for seed in range(200)]
    for scatter, quoted in (
        (np.std([check.lnz_shift for check in checks]), np.mean([check.lnz_shift_err for check in checks])),
        (np.std([check.mean_shifts[0] for check in checks]), np.mean([check.mean_shift_errs[0] for check in checks])),
        (np.std([check.mean_shifts[1] for check in checks]), np.mean([check.mean_shift_errs[1] for check in checks])),
    ):
        assert scatter == pytest.approx(quoted, rel=0.25)


def test_a_constant_change_shifts_the_evidence_and_nothing_else() -> None:
    check = tilted(0.0, 300)
    assert check.lnz_shift == pytest.approx(0.2)
    assert check.lnz_shift_err < 1e-12
    assert check.mean_shifts == pytest.approx([0.0, 0.0], abs=1e-12)
    assert check.status == "passed"


def test_an_emulator_that_is_far_off_is_not_believed() -> None:
    check = tilted(6.0, 2000)
    assert not check.believable
    assert "effective" in check.status


@pytest.fixture(scope="module")
def sky() -> SkyModel:
    return emulator.load()


@pytest.mark.slow
def test_the_shipped_emulator_moves_nothing(sky: SkyModel) -> None:
    run = load_run("min_vs_max")
    solver = solver_of(sky)
    assert solver is not None
    hypothesis = run.hypotheses[0]
    emulated = posterior_for(hypothesis, run.likelihoods, sky)
    exact = posterior_for(hypothesis, run.likelihoods, solver)
    spread = np.random.default_rng(2).uniform(0.2, 0.8, size=(40, len(emulated.names)))
    samples = emulated.prior_transform(spread)
    check = check_with_solver(emulated, exact, samples)
    assert check.status == "passed"
    assert 0.0 < check.largest < 0.02
    assert abs(check.lnz_shift) < 0.005
    assert np.all(np.abs(check.mean_shifts) < 0.005)
    assert check.wall_s > 0.0
    # a hypothesis with the same data costs no second preparation of the regions
    requests = [request for likelihood in run.likelihoods for request in likelihood.requests]
    assert solver.bind(requests) is solver.bind(requests)


def test_absorption_is_that_of_the_emulated_sky() -> None:
    clear = emulator.load(absorption=False)
    solver = solver_of(clear)
    assert solver is not None
    assert solver.description["absorption"] == "none"


def test_models_of_another_code_have_no_solver(sky: SkyModel) -> None:
    assert isinstance(solver_of(sky), Solver)

    class Foreign:
        box = sky.box

    assert solver_of(Foreign()) is None  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_wrong_emulator_is_found_out(sky: SkyModel) -> None:
    """A trained number that is 3 % off shows in the evidence."""
    run = load_run("min_vs_max")
    solver = solver_of(sky)
    assert solver is not None
    off = emulator.load()
    off.emulator = replace(off.emulator, coefficients=1.03 * off.emulator.coefficients)  # type: ignore[attr-defined]
    hypothesis = run.hypotheses[0]
    emulated = posterior_for(hypothesis, run.likelihoods, off)
    exact = posterior_for(hypothesis, run.likelihoods, solver)
    samples = emulated.prior_transform(np.random.default_rng(2).uniform(0.4, 0.6, size=(30, len(emulated.names))))
    assert check_with_solver(emulated, exact, samples).largest > 0.05
