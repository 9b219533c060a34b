"""smc: evidences of weighted draws and of particles, what it says of itself, and the backend jax."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from known_problems import LinearGaussian, NarrowMode, TwistedBanana, TwoModes

from crsea_infer.inference.samplers.peak_check import checked_for_peaks
from crsea_infer.inference.samplers.sampler import CONVERGED, SamplerResult, no_progress
from crsea_infer.inference.samplers.tempered_particles import Smc, SmcOptions
from crsea_infer.support.checkpoint import Checkpoint
from crsea_infer.support.errors import UserError

SMALL = {"particles": 128, "draws": 2000, "components": 4, "most_moves": 60, "least_effective": 200.0}


def run(target: Any, seed: int = 1, checkpoint: Checkpoint | None = None, **options: Any) -> SamplerResult:
    keeper = Checkpoint(None) if checkpoint is None else checkpoint
    sampler = Smc(SmcOptions(**{**SMALL, **options}))
    return sampler.run(target, np.random.SeedSequence(seed), keeper, no_progress)


def test_weighted_draws_give_the_known_evidence_to_three_hundredths() -> None:
    target = LinearGaussian.make(8, 15, 0.3)
    result = run(target, particles=256, draws=4000)
    assert result.evidence is not None
    assert result.evidence.method == "tempered Monte Carlo, weighted draws"
    assert abs(result.evidence.lnz - target.lnz) < 4.0 * result.evidence.lnz_err
    assert result.evidence.lnz_err < 0.03
    assert result.weights @ result.samples == pytest.approx(target.mean, abs=0.1)
    assert result.diagnostics["status"] == CONVERGED


def test_particles_alone_give_the_known_evidence_within_their_error() -> None:
    target = LinearGaussian.make(8, 15, 0.3)
    result = run(target, draws=0)
    assert result.evidence is not None
    assert result.evidence.method == "tempered Monte Carlo"
    assert abs(result.evidence.lnz - target.lnz) < 3.0 * result.evidence.lnz_err
    assert result.evidence.lnz_err < 0.2
    assert result.weights @ result.samples == pytest.approx(target.mean, abs=0.2)
    assert "no weighted draws" in str(result.diagnostics["draws_refused"])


def test_a_posterior_that_no_mixture_follows_has_the_evidence_of_its_particles() -> None:
    target = TwistedBanana()
    result = run(target, particles=256, most_moves=120)
    assert result.evidence is not None
    assert result.evidence.method == "tempered Monte Carlo"
    assert "effective sample" in str(result.diagnostics["draws_refused"])
    assert abs(result.evidence.lnz - target.lnz) < 4.0 * result.evidence.lnz_err
    assert result.evidence.lnz_err < 0.6


def test_particles_alone_know_the_shares_of_separate_modes() -> None:
    result = run(TwoModes(), draws=0, particles=256)
    assert result.evidence is not None
    assert abs(result.evidence.lnz) < 3.0 * result.evidence.lnz_err
    assert result.weights @ (result.samples[:, 0] > 0.5) == pytest.approx(0.7, abs=0.12)


def test_too_few_moves_are_said() -> None:
    result = run(LinearGaussian.make(8, 15, 0.3), draws=0, most_moves=4)
    assert not result.converged
    assert "remember where they started" in str(result.diagnostics["status"])
    assert "smc.most_moves" in str(result.diagnostics["status"])


def test_a_second_peak_that_particles_miss_is_said() -> None:
    target = NarrowMode()
    result = run(target, particles=64, most_moves=20)
    assert result.evidence is not None
    assert result.evidence.lnz == pytest.approx(np.log(0.5), abs=0.3)
    checked = checked_for_peaks(result, target, np.random.SeedSequence(1))
    assert not checked.converged
    assert "the samples miss a peak at x_" in str(checked.diagnostics["status"])


@pytest.mark.slow
def test_jax_gives_the_same_evidence_and_goes_on_where_it_was(tmp_path: Any) -> None:
    target = LinearGaussian.make(3, 10, 0.5)
    unbroken = run(target, backend="jax")
    assert unbroken.evidence is not None
    assert abs(unbroken.evidence.lnz - target.lnz) < 4.0 * unbroken.evidence.lnz_err

    class BrokenError(Exception):
        pass

    def interrupt(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise BrokenError(message)

    path = tmp_path / "checkpoint.h5"
    sampler = Smc(SmcOptions(**SMALL, backend="jax"))
    with pytest.raises(BrokenError):
        sampler.run(target, np.random.SeedSequence(1), Checkpoint(path, {}, interval=0.0), interrupt)
    assert path.exists()
    resumed = run(target, checkpoint=Checkpoint(path, {}, interval=0.0), backend="jax")
    assert resumed.evidence == unbroken.evidence
    assert np.array_equal(resumed.samples, unbroken.samples)
    assert resumed.n_calls == unbroken.n_calls


def test_jax_stops_at_a_likelihood_that_is_no_number() -> None:
    class Broken(LinearGaussian):
        def log_likelihood(self, theta: Any) -> Any:
            import jax.numpy as jnp

            xp = np if isinstance(theta, np.ndarray) else jnp
            return xp.where(theta[..., 0] > 1.0, np.nan, super().log_likelihood(theta))

    with pytest.raises(UserError, match="nan at coefficient_0 = "):
        run(Broken.make(3, 5, 0.5), backend="jax")


def test_without_jax_the_extra_is_named_and_numpy_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UserError, match="not installed") as caught:
        run(LinearGaussian.make(2, 5, 0.5), backend="jax")
    assert "crsea_infer[jax]" in str(caught.value)
    assert run(LinearGaussian.make(2, 5, 0.5)).converged
