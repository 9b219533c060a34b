"""Mixed cross-sections: the ends are the parametrisations themselves, between them everything is linear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crsea_infer.emulator.response.cross_sections import Mixture, kernel
from crsea_infer.emulator.response.response_sky import EmulatedSky
from crsea_infer.emulator.response.store import read_emulator
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.hypothesis import build_hypothesis
from crsea_infer.support.errors import UserError

REQUESTS = [
    Request("gamma", (2e4, 1e5, 1e6), "lhaaso_inner"),  # absorbed
    Request("gamma", (30.0, 3e2), "lhaaso_inner"),  # not absorbed, two regions of the same energies
    Request("gamma", (30.0, 3e2), "lhaaso_outer"),
    Request("neutrino", (1e4, 1e5), "full_sky"),
    Request("proton", (1e3,)),
]


def _values(**more: object) -> dict[str, np.ndarray]:
    hypothesis = build_hypothesis("mixed", ["gamma_optimized", "min", "gas", "leptons"])
    found = {parameter.name: np.asarray(float(parameter.fiducial)) for parameter in hypothesis.parameters}
    return found | {name: np.asarray(value, dtype=float) for name, value in more.items()}


def _sky(cross_section: str) -> EmulatedSky:
    emulator = read_emulator()
    return EmulatedSky(replace(emulator, settings=replace(emulator.settings, cross_section=cross_section)))  # type: ignore[arg-type]


@pytest.mark.parametrize("grid", ["kelner-aharonian", "aafrag"])
@pytest.mark.parametrize(("mix", "same_as"), [(0.0, "kelner-aharonian"), (1.0, "aafrag")])
def test_the_ends_are_the_two_cross_sections_whatever_the_grid_says(grid: str, mix: float, same_as: str) -> None:
    mixed = _sky(grid).bind(REQUESTS)(_values(cross_section_mix=mix))
    for ours, theirs in zip(mixed, _sky(same_as).bind(REQUESTS)(_values()), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_it_is_linear_in_the_shares_in_batches_and_by_component() -> None:
    bound = _sky("kelner-aharonian").bind(REQUESTS)
    mix, share = np.array([[0.2, 0.7, 0.4]]), np.array([[0.0], [0.3]])
    values = _values()
    mixed = bound(values | {"cross_section_mix": mix, "cross_section_kafexhiu": share})
    parts = bound.components(values | {"cross_section_mix": mix, "cross_section_kafexhiu": share})
    kelner, aafrag, third = (
        bound(_values(cross_section_mix=m, cross_section_kafexhiu=k)) for m, k in ((0, 0), (1, 0), (0, 1))
    )
    for number, request in enumerate(REQUESTS):
        k = (share if request.messenger == "gamma" else 0.0 * share)[..., None]
        m = mix[..., None]
        expected = (1 - k) * ((1 - m) * kelner[number] + m * aafrag[number]) + k * third[number]
        np.testing.assert_allclose(mixed[number], np.broadcast_to(expected, mixed[number].shape), rtol=1e-10)
        np.testing.assert_allclose(sum(parts[number].values()), mixed[number], rtol=1e-10)


def test_a_third_parametrisation_stands_in_place_of_its_share_of_the_grid() -> None:
    bound = _sky("aafrag").bind(REQUESTS[:2])
    half = bound(_values(cross_section_kafexhiu=0.5))
    none, all_of_it = (bound(_values(cross_section_kafexhiu=share)) for share in (0.0, 1.0))
    for one, low, high in zip(half, none, all_of_it, strict=True):
        np.testing.assert_allclose(one, 0.5 * (low + high), rtol=1e-12)
        assert np.all(np.abs(high / low - 1.0) > 0.02)


def test_kafexhiu_has_no_neutrinos() -> None:
    with pytest.raises(UserError, match="neutrinos"):
        kernel("kafexhiu", "proton", "neutrino", np.array([1e3]), np.array([1e5]))
    mixture = Mixture.of({"cross_section_kafexhiu": np.array([0.5])}, "kelner-aharonian", "neutrino")
    assert mixture.choices == ("kelner-aharonian",)


@pytest.mark.slow
def test_derivatives_are_finite_and_right() -> None:
    jax = pytest.importorskip("jax")
    bound = _sky("kelner-aharonian").bind(REQUESTS[:4])
    values = _values()

    def total(shares: object) -> object:
        mix, share = shares[0], shares[1]  # type: ignore[index]
        found = bound(values | {"cross_section_mix": mix, "cross_section_kafexhiu": share})
        return sum(jax.numpy.sum(one * scale) for one, scale in zip(found, scales, strict=True))

    scales = [1.0 / np.asarray(one) for one in bound(values)]
    with jax.enable_x64(True):
        at = jax.numpy.asarray([0.3, 0.2])
        slope = np.asarray(jax.grad(total)(at))
        step = 1e-4
        for axis in range(2):
            moved = [float(total(at.at[axis].add(sign * step))) for sign in (1, -1)]
            assert slope[axis] == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=1e-6)
