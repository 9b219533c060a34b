"""What the JAX samplers need: the same likelihood traced, its gradient, and clear words where that fails."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from known_problems import QUICK, LinearGaussian

from crsea_infer.inference.samplers.jax_tracing import double_precision, traced_log_likelihood
from crsea_infer.inference.samplers.registry import make
from crsea_infer.inference.samplers.sampler import Counted, no_progress
from crsea_infer.support.arrays import array_namespace
from crsea_infer.support.checkpoint import Checkpoint
from crsea_infer.support.errors import UserError

JAX_SAMPLERS = ("jax-nested", "nuts")


def run(sampler: str, target: Any) -> Any:
    return make(sampler, QUICK[sampler]).run(target, np.random.SeedSequence(1), Checkpoint(None), no_progress)


@pytest.fixture(scope="module")
def posterior() -> Any:
    from crsea_infer import emulator
    from crsea_infer.inference.posterior import posterior_for
    from crsea_infer.plan.run_file import load_run

    run_file = load_run("min_vs_max")
    return posterior_for(run_file.hypotheses[0], run_file.likelihoods, emulator.load(run_file.emulator))


@pytest.mark.slow
def test_jax_gives_the_likelihood_of_the_sky_to_ten_digits(posterior: Any) -> None:
    import jax

    probit = np.random.default_rng(1).standard_normal((64, len(posterior.names)))
    counted = Counted(posterior)
    with double_precision():
        traced = jax.jit(jax.vmap(traced_log_likelihood(counted, "nuts", probit)))
        values = np.asarray(traced(jax.numpy.asarray(probit)))
    expected = counted.from_probit(probit)
    assert values.dtype == np.float64
    assert values == pytest.approx(expected, rel=1e-10)


@pytest.mark.slow
def test_gradient_of_the_likelihood_of_the_sky_is_that_of_finite_differences(posterior: Any) -> None:
    import jax

    probit = np.random.default_rng(2).standard_normal((8, len(posterior.names)))
    counted = Counted(posterior)
    with double_precision():
        traced = traced_log_likelihood(counted, "nuts", probit)
        gradient = np.asarray(jax.jit(jax.vmap(jax.grad(traced)))(jax.numpy.asarray(probit)))
    step = 1e-5
    for column in range(probit.shape[1]):
        shift = step * np.eye(probit.shape[1])[column]
        difference = (counted.from_probit(probit + shift) - counted.from_probit(probit - shift)) / (2.0 * step)
        assert gradient[:, column] == pytest.approx(difference, rel=1e-5, abs=1e-5 * np.abs(gradient).max())


def test_double_precision_ends_with_its_context() -> None:
    import jax

    with double_precision():
        assert jax.numpy.ones(1).dtype == np.float64
    assert jax.numpy.ones(1).dtype == np.float32


@pytest.mark.parametrize("sampler", JAX_SAMPLERS)
def test_without_jax_the_extra_is_named(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UserError, match="not installed") as caught:
        run(sampler, LinearGaussian.make(2, 5, 0.5))
    assert "crsea_infer[jax]" in str(caught.value)


@pytest.mark.parametrize("sampler", JAX_SAMPLERS)
def test_a_likelihood_that_jax_cannot_trace_is_refused_with_another_sampler(sampler: str) -> None:
    class Untraceable(LinearGaussian):
        def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
            return np.asarray(super().log_likelihood(theta))

    with pytest.raises(UserError, match="cannot be traced") as caught:
        run(sampler, Untraceable.make(2, 5, 0.5))
    assert "dynesty" in str(caught.value)


@pytest.mark.parametrize("sampler", JAX_SAMPLERS)
def test_a_likelihood_that_differs_between_jax_and_numpy_is_refused(sampler: str) -> None:
    class TwoFaced(LinearGaussian):
        def log_likelihood(self, theta: Any) -> Any:
            extra = 0.0 if array_namespace(theta) is np else 1e-3
            return super().log_likelihood(theta) + extra

    with pytest.raises(UserError, match="different values"):
        run(sampler, TwoFaced.make(2, 5, 0.5))


@pytest.mark.slow
@pytest.mark.parametrize("sampler", JAX_SAMPLERS)
def test_a_nan_deep_in_the_posterior_stops_compiled_code_with_the_parameters(sampler: str) -> None:
    class Broken(LinearGaussian):
        def log_likelihood(self, theta: Any) -> Any:
            xp = array_namespace(theta)
            distance = xp.sum((theta - xp.asarray(self.mean)) ** 2, axis=-1)
            return xp.where(distance < 0.04, np.nan, super().log_likelihood(theta))

    with pytest.raises(UserError, match="the likelihood is nan at coefficient_0 = "):
        run(sampler, Broken.make(4, 20, 1.0))


def test_the_list_of_samplers_loads_none_of_their_libraries() -> None:
    code = (
        "import sys, crsea_infer.inference.samplers.registry; "
        "print({'jax', 'blackjax', 'nautilus', 'sklearn', 'dynesty', 'emcee'} & set(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.strip() == "set()"
