"""Single precision, wherever JAX offers it: ln L is that of double precision to 0.01, on any device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.content.finding import packaged_root
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crsea_infer.inference.posterior import Posterior

jax = pytest.importorskip("jax")
# with other templates: icecube_galactic_plane
OBSERVED_ONCE = {"icecube_pi0", "icecube_kra5", "icecube_kra50", "icecube_averaged", "icecube_pi0_counts"}
MANY_REGIONS = {"lhaaso_km2a_longitude"}  # 22 that the emulator lacks: tested by itself
NEAR = 100.0
"""How far below its best ln L is compared to 0.01; further down nothing weighs, and seven digits are left."""


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    """Every data set of the package."""
    folders = sorted({path.parent.name for path in (packaged_root() / "likelihoods").glob("*/*.ecsv")})
    names = [name for name in folders if name not in OBSERVED_ONCE | MANY_REGIONS and not name.startswith((".", "_"))]
    assert len(names) > 25
    apart = {name: {"photons": name} if name.startswith("fermi_lat") else {} for name in names}  # some count them twice
    likelihoods = [load_likelihood(name, options) for name, options in apart.items()]
    return posterior_for(load_hypothesis("gamma-optimized-min"), likelihoods, emulator.load())


@pytest.mark.slow
def test_single_precision_gives_every_data_set_to_a_hundredth(posterior: Posterior) -> None:
    theta = posterior.prior_transform(np.random.default_rng(1).random((500, len(posterior.names))))
    single = jax.jit(posterior.log_likelihood_per_data_set)(jax.numpy.asarray(theta, dtype="float32"))
    for name, double in posterior.log_likelihood_per_data_set(theta).items():
        assert single[name].dtype == np.float32, name
        near = double > double.max() - NEAR
        assert np.abs(np.asarray(single[name]) - double)[near].max() < 0.01, name


def products(jaxpr: Any) -> Iterator[Any]:
    """Yield every matrix product of a traced function."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation
        for parameter in equation.params.values():
            inner = getattr(parameter, "jaxpr", parameter)
            if hasattr(inner, "eqns"):
                yield from products(inner)


@pytest.mark.parametrize("gradient", [False, True])
def test_devices_are_asked_for_products_in_full_precision(gradient: bool) -> None:
    """Without, a GPU multiplies single precision with ten bits, and ln L is wrong by 0.1 to 3."""
    run = load_run("min_vs_max")
    posterior = posterior_for(run.hypotheses[0], run.likelihoods, emulator.load())
    theta = jax.numpy.asarray(posterior.fiducial, dtype="float32")
    function = jax.grad(posterior.log_likelihood) if gradient else posterior.log_likelihood
    found = list(products(jax.make_jaxpr(function)(theta).jaxpr))
    assert len(found) > 3
    highest = jax.lax.Precision.HIGHEST
    assert {equation.params["precision"] for equation in found} == {(highest, highest)}


def test_the_sky_model_alone_asks_for_it_too() -> None:
    from crsea_infer.emulator.sky_model import Request

    bound = emulator.load().bind([Request("gamma", (1e4, 1e5), "lhaaso_inner"), Request("helium", (1e4, 1e5))])
    values = {
        name: jax.numpy.asarray(value, dtype="float32")
        for name, value in load_hypothesis("gamma-optimized-min").fiducial.items()
    }
    for function in (bound, bound.components):
        found = list(products(jax.make_jaxpr(function)(values).jaxpr))
        assert found
        assert all(equation.params["precision"] is not None for equation in found)


def test_many_counts_keep_their_digits() -> None:
    """Half a million counts in a bin: n ln mu - mu - ln n! is a difference of millions."""
    from crsea_infer.inference.likelihoods.counts_map import CountsMap

    values = np.array([0.0, 3.0, 5e3, 5e5])

    class Plain(CountsMap):
        """Counts whose prediction is given."""

        def _expected(self, predictions: Any, _nuisances: Any) -> Any:
            from crsea_infer.support.arrays import array_namespace

            return array_namespace(*predictions), predictions[0]

    likelihood: Any = object.__new__(Plain)
    object.__setattr__(likelihood, "values", values)
    mu = np.maximum(values, 1.0) * np.linspace(0.995, 1.005, 11)[:, None]
    from scipy import stats

    expected = stats.poisson.logpmf(values, mu)
    np.testing.assert_allclose(likelihood.log_likelihood_pointwise((mu,), {}), expected, rtol=1e-9, atol=1e-9)
    mu = np.asarray(mu, dtype=np.float32)
    found = likelihood.log_likelihood_pointwise((jax.numpy.asarray(mu),), {})
    exact = stats.poisson.logpmf(values, mu.astype(float))
    np.testing.assert_allclose(np.asarray(found), exact, atol=0.01, rtol=0)
