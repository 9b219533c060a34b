"""The same function bodies on JAX: the same numbers in double and single precision, and true gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.emulator import load
from crsea_infer.emulator.response.store import read_emulator
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.hypothesis import load_hypothesis

if TYPE_CHECKING:
    from collections.abc import Iterator

jax = pytest.importorskip("jax")
ENERGIES = (1e4, 1e5, 1e6)
VARIED = ("delta_slope", "halo_height", "proton_slope_3", "proton_break_3", "xco_scale")


@pytest.fixture(params=[True, False], ids=["double", "single"])
def double(request: pytest.FixtureRequest) -> Iterator[bool]:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", request.param)
    yield request.param
    jax.config.update("jax_enable_x64", before)


def _fiducial() -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in load_hypothesis("gamma-optimized-min").fiducial.items()}


def test_responses_are_those_of_numpy(double: bool) -> None:
    emulator = read_emulator()
    point = {"delta_slope": np.linspace(0.0, 0.1, 7), "halo_height": np.linspace(2.0, 12.0, 7)}
    on_jax = jax.jit(emulator.responses)({name: jax.numpy.asarray(values) for name, values in point.items()})
    assert on_jax.dtype == (np.float64 if double else np.float32)
    assert np.asarray(on_jax) == pytest.approx(emulator.responses(point), rel=1e-9 if double else 2e-4)


@pytest.mark.slow
def test_intensities_are_those_of_numpy(double: bool) -> None:
    bound = load().bind([Request("gamma", ENERGIES, "lhaaso_inner"), Request("neutrino", ENERGIES, "full_sky")])
    values = _fiducial()
    on_jax = bound({name: jax.numpy.asarray(value) for name, value in values.items()})
    for ours, theirs in zip(bound(values), on_jax, strict=True):
        assert np.asarray(theirs) == pytest.approx(ours, rel=1e-9 if double else 1e-3)


@pytest.mark.slow
def test_gradients_are_finite_differences() -> None:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        bound = load().bind([Request("gamma", ENERGIES, "lhaaso_inner")])
        values = _fiducial()

        def log_intensity(varied: dict[str, Any]) -> Any:
            return jax.numpy.log(bound({**values, **varied})[0])

        point = {name: jax.numpy.asarray(float(values[name])) for name in VARIED}
        gradients = jax.jacfwd(log_intensity)(point)
        for name in VARIED:
            step = 1e-5 * abs(float(values[name]))
            up, down = (log_intensity({**point, name: point[name] + sign * step}) for sign in (1, -1))
            expected = np.asarray(up - down) / (2 * step)
            assert np.asarray(gradients[name]) == pytest.approx(expected, rel=1e-5, abs=1e-9)
    finally:
        jax.config.update("jax_enable_x64", before)
