"""Gas in groups: they sum to the components, weigh as the parameters say, and cost no accuracy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crsea_infer.emulator import exact, load
from crsea_infer.emulator.response.gas_mix import GasMix
from crsea_infer.emulator.response.group_store import shipped_groups
from crsea_infer.emulator.response.response_sky import EmulatedSky
from crsea_infer.emulator.response.store import read_emulator
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.hypothesis import build_hypothesis
from crsea_infer.physics.gas_groups import GAS_GROUPS
from crsea_infer.support.errors import UserError

REQUESTS = [
    Request("gamma", (2e4, 1e5, 1e6), "lhaaso_inner"),
    Request("gamma", (30.0, 3e2), "lhaaso_inner"),
    Request("gamma", (30.0, 3e2), "lhaaso_outer"),
    Request("gamma", (2e4, 1e5, 1e6), "lhaaso_outer"),
    Request("neutrino", (1e4, 1e5), "full_sky"),
    Request("proton", (1e3,)),
]
NEUTRAL = {"xco_gradient": 1.0, "outer_disc_scale": 1.0, "ionised_gas_scale": 0.0}


def _values(*sets: str, **more: object) -> dict[str, np.ndarray]:
    hypothesis = build_hypothesis("grouped", ["gamma_optimized", "min", "gas", *sets])
    found = {parameter.name: np.asarray(float(parameter.fiducial)) for parameter in hypothesis.parameters}
    return found | {name: np.asarray(value, dtype=float) for name, value in more.items()}


def test_groups_at_their_neutral_values_are_the_components() -> None:
    bound = load().bind(REQUESTS)
    where = {"delta_slope": [0.0, 0.04, 0.1, 0.07], "halo_height": [2.0, 4.7, 12.0, 3.0], "hi_scale": [1, 1.2, 0.8, 1]}
    whole = bound(_values("leptons", **where))
    for only in ({"xco_gradient": 1.0}, {"outer_disc_scale": 1.0}, {"ionised_gas_scale": 0.0}, NEUTRAL):
        for ours, theirs in zip(bound(_values("leptons", **where, **only)), whole, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-5)


def test_components_stay_hi_and_h2_and_sum_to_the_whole() -> None:
    bound = load().bind(REQUESTS)
    values = _values("leptons", xco_gradient=[0.3, 1.2], outer_disc_scale=0.7, nuclear_enhancement=1.1)
    for total, parts in zip(bound(values), bound.components(values), strict=True):
        np.testing.assert_allclose(sum(parts.values()), np.broadcast_to(total, (2, total.shape[-1])), rtol=1e-8)
    assert list(bound.components(values)[0]) == ["IC", "bremsstrahlung", "HI", "H2"]
    assert "HII" in bound.components(values | {"ionised_gas_scale": np.asarray(1.0)})[0]


@pytest.mark.slow
def test_the_emulator_agrees_with_the_solver_wherever_gas_is() -> None:
    requests = REQUESTS[:4]
    values = _values(xco_gradient=0.4, outer_disc_scale=1.3, ionised_gas_scale=0.8, cross_section_mix=0.5)
    emulated, solved = load().bind(requests), exact().bind(requests)
    for ours, theirs in zip(emulated(values), solved(values), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5)
    for mine, parts in zip(emulated.components(values), solved.components(values), strict=True):
        for name, part in parts.items():
            np.testing.assert_allclose(mine[name], part, rtol=2e-5)


def test_a_gradient_is_what_another_x_co_of_the_grid_gives() -> None:
    """The solver with the rings' X_CO changed, against the parameter, at no new transport."""
    settings = read_emulator().settings
    inner = settings.line_of_sight.x_co[0]
    flatter = tuple(inner * (one / inner) ** 0.25 for one in settings.line_of_sight.x_co)
    changed = replace(settings, line_of_sight=replace(settings.line_of_sight, x_co=flatter))
    request = [Request("gamma", (1e3, 1e5), "l=20..40,b=-2..2")]
    from crsea_infer.emulator.response.response_sky import ExactSky

    expected = ExactSky(changed).bind(request)(_values())[0]
    ours = ExactSky(settings).bind(request)(_values(xco_gradient=0.25))[0]
    np.testing.assert_allclose(ours, expected, rtol=1e-10)


def test_x_co_that_changes_within_a_group_has_no_gradient() -> None:
    mix = GasMix((1e20, 2e20, *(3e20,) * 9), 1.0)
    with pytest.raises(UserError, match="xco_gradient"):
        mix.classes(["xco_gradient"])
    assert mix.classes(["outer_disc_scale"]) is not None


def test_only_what_the_parameters_tell_apart_is_summed_apart() -> None:
    mix = GasMix(read_emulator().settings.line_of_sight.x_co, 1.0)
    assert mix.classes(["hi_scale", "xco_scale", "nuclear_enhancement"]) is None
    assert len(mix.classes(["outer_disc_scale"]) or ()) == 4
    assert len(mix.classes(["xco_gradient"]) or ()) == 7
    assert len(mix.classes(["ionised_gas_scale"]) or ()) == 3


def test_nuclear_enhancement_is_linear_and_takes_the_place_of_the_grids() -> None:
    emulator = read_emulator()
    enhanced = EmulatedSky(replace(emulator, settings=replace(emulator.settings, nuclear_enhancement=1.5)))
    for names in ({}, {"xco_gradient": 0.5}):
        plain = load().bind(REQUESTS[:3])(_values(**names))
        for sky in (load(), enhanced):
            more = sky.bind(REQUESTS[:3])(_values(**names, nuclear_enhancement=[1.1, 1.2]))
            for one, without in zip(more, plain, strict=True):
                np.testing.assert_allclose(one, np.array([[1.1], [1.2]]) * without, rtol=1e-9)


def test_other_physics_does_not_take_the_groups_of_the_package() -> None:
    settings = read_emulator().settings
    assert shipped_groups(settings) is not None
    assert shipped_groups(replace(settings, cross_section="aafrag", nuclear_enhancement=1.1)) is not None
    assert shipped_groups(replace(settings, transport=replace(settings.transport, sources="lorimer"))) is None


@pytest.mark.slow
def test_a_region_that_the_package_lacks_is_trained_beside_those_it_has() -> None:
    requests = [Request("gamma", (1e3, 1e5), "l=30..33,b=-1..1"), Request("gamma", (1e3, 1e5), "lhaaso_inner")]
    values = _values(xco_gradient=0.2, outer_disc_scale=1.1)
    for ours, theirs in zip(load().bind(requests)(values), exact().bind(requests)(values), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5)


def test_held_out_errors_of_the_package_are_stated_and_small() -> None:
    groups = shipped_groups(read_emulator().settings)
    assert groups is not None
    validation = groups.metadata["validation"]
    assert validation["n_points"] >= 200
    assert validation["quantile_99.9"] < 2e-5
    assert groups.basis.shape[2] == len(GAS_GROUPS)


@pytest.mark.slow
def test_derivatives_are_finite_and_right() -> None:
    jax = pytest.importorskip("jax")
    bound = load().bind(REQUESTS[:4])
    names = (*NEUTRAL, "nuclear_enhancement", "delta_slope", "halo_height")
    at = np.array([0.4, 0.9, 0.5, 1.1, 0.03, 5.0])
    scales = [1.0 / np.asarray(one) for one in bound(_values())]

    def total(point: object) -> object:
        found = bound(_values() | dict(zip(names, point, strict=True)))  # type: ignore[call-overload]
        return sum(jax.numpy.sum(one * scale) for one, scale in zip(found, scales, strict=True))

    with jax.enable_x64(True):
        slope = np.asarray(jax.grad(total)(jax.numpy.asarray(at)))
        for axis in range(at.size):
            step = 1e-5 * np.eye(at.size)[axis] * max(at[axis], 0.1)
            moved = [float(total(jax.numpy.asarray(at + sign * step))) for sign in (1, -1)]  # type: ignore[arg-type]
            assert slope[axis] == pytest.approx((moved[0] - moved[1]) / (2 * step[axis]), rel=1e-5)
