"""The two sky models: they agree, they scale as physics says, and they refuse what they cannot do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from published_curves import published_curve

from crsea_infer.emulator import exact, load
from crsea_infer.emulator.response.response_sky import EmulatedSky
from crsea_infer.emulator.response.store import read_emulator
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.prediction import predict, request_for
from crsea_infer.support.errors import UserError

ENERGIES = (10.0, 1e3, 1e5, 1e6)


def _fiducial(name: str) -> dict[str, np.ndarray]:
    return {parameter.name: np.asarray(float(parameter.fiducial)) for parameter in load_hypothesis(name).parameters}


@pytest.mark.slow
@pytest.mark.parametrize("messenger", ["gamma", "neutrino"])
def test_emulator_and_solver_agree(messenger: str) -> None:
    requests = [Request(messenger, ENERGIES, region) for region in ("lhaaso_inner", "lhaaso_outer")]  # type: ignore[arg-type]
    values = _fiducial("gamma-optimized-min")
    for emulated, solved in zip(load().bind(requests)(values), exact().bind(requests)(values), strict=True):
        assert emulated == pytest.approx(solved, rel=2e-5)


def test_a_batch_gives_what_single_points_give() -> None:
    bound = load().bind([Request("gamma", ENERGIES, "lhaaso_inner")])
    values = _fiducial("gamma-optimized-min")
    batch = {name: np.full((3, 2), value) for name, value in values.items()}
    batch["halo_height"] = np.linspace(3, 9, 6).reshape(3, 2)
    (together,) = bound(batch)
    assert together.shape == (3, 2, len(ENERGIES))
    (alone,) = bound(values | {"halo_height": np.asarray(batch["halo_height"][2, 0])})
    assert together[2, 0] == pytest.approx(alone, rel=1e-12)


def test_requests_of_one_model_give_what_each_gives_alone() -> None:
    """Energies with and without absorption, shared or not; lattices of neutrinos from odd and from even nodes."""
    requests = [
        Request("gamma", (2e4, 1e5, 1e6), "lhaaso_inner"),
        Request("neutrino", (870.0, 1e4), "full_sky"),
        Request("gamma", (3.0, 50.0), "lhaaso_outer"),
        Request("proton", (100.0, 1e5)),
        Request("gamma", (2e4, 1e5, 1e6), "lhaaso_outer"),
        Request("neutrino", (1.001e4, 1e5, 2e5), "lhaaso_inner"),
        Request("gamma", (3.0, 50.0), "lhaaso_inner"),
        Request("helium", (2e3,)),
        Request("gamma", (1e3,), "tibet_inner"),
        Request("gamma", (3e5, 1e6), "tibet_outer"),
        Request("neutrino", (920.0, 2e3), "full_sky"),
    ]
    values = _fiducial("gamma-optimized-min")
    values |= {"inverse_compton_scale": np.asarray(1.2), "bremsstrahlung_scale": np.asarray(0.9)}
    batch = {name: np.repeat(value, 3) for name, value in values.items()}
    batch["delta_slope"] = np.array([0.0, 0.03, 0.08])
    model = load()
    together = model.bind(requests)
    for request, found, parts in zip(requests, together(batch), together.components(batch), strict=True):
        alone = model.bind([request])
        assert found == pytest.approx(alone(batch)[0], rel=1e-12)
        assert sum(parts.values()) == pytest.approx(found, rel=1e-12)
        assert list(parts) == list(alone.components(batch)[0])


def test_gas_scales_act_on_their_component_alone() -> None:
    bound = load().bind([Request("gamma", ENERGIES, "lhaaso_inner")])
    values = _fiducial("gamma-optimized-min")
    (before,), (after,) = bound.components(values), bound.components(values | {"xco_scale": np.asarray(2.0)})
    assert after["H2"] == pytest.approx(2 * before["H2"])
    assert after["HI"] == pytest.approx(before["HI"])


def test_a_region_that_was_not_shipped_is_learned_when_asked() -> None:
    request = [Request("gamma", (100.0, 1e5), "l=60..63,b=-1..1")]
    values = _fiducial("gamma-optimized-max")
    assert load().bind(request)(values)[0] == pytest.approx(exact().bind(request)(values)[0], rel=2e-5)


@pytest.mark.parametrize("name", ["coefficients", "basis", "lepton_coefficients", "lepton_basis"])
def test_the_fingerprint_sees_every_number(name: str) -> None:
    emulator = read_emulator()
    before = EmulatedSky(emulator).fingerprint
    assert EmulatedSky(read_emulator()).fingerprint == before
    array = getattr(emulator, name)
    last = array.copy()
    last.flat[-1] = np.nextafter(last.flat[-1], np.inf)
    for changed in (-array, array[:, ::-1].copy(), array.astype(np.float32), array[None], last):
        assert EmulatedSky(replace(emulator, **{name: changed})).fingerprint != before


def test_the_fingerprint_sees_the_stated_error() -> None:
    """It enters every likelihood."""
    emulator = read_emulator()
    other = replace(emulator, metadata={**emulator.metadata, "validation": {"relative_error": 0.5}})
    assert EmulatedSky(other).fingerprint != EmulatedSky(emulator).fingerprint


def test_published_curves_in_the_tibet_window() -> None:
    """Shape within 5 per cent and normalisation within 15, 10 GeV to 500 TeV, for the four published models."""
    for hypothesis in ("gamma-optimized-min", "gamma-optimized-max", "base-min", "base-max"):
        energies, flux = published_curve("gamma", hypothesis)
        assert energies.size > 30
        ours = predict(load_hypothesis(hypothesis), request_for(energies.tolist(), region="l=25..100,b=-5..5"), load())[
            "intensity"
        ]
        ratio = ours * energies**2.8 / flux
        normalisation = np.exp(np.log(ratio).mean())
        assert normalisation == pytest.approx(1.0, abs=0.15)
        assert np.abs(ratio / normalisation - 1).max() < 0.05


def test_absorption_takes_what_the_distance_to_the_gas_says() -> None:
    """At 2 PeV half to three quarters survive from the inner Galaxy; at 10 TeV all do; neutrinos always do."""
    values = _fiducial("base-min")
    requests = [Request("gamma", (1e4, 2e6), "fermi_inner_galaxy"), Request("neutrino", (2e6,), "fermi_inner_galaxy")]
    with_it, without = load().bind(requests)(values), load(absorption=False).bind(requests)(values)
    survival = with_it[0] / without[0]
    assert survival[0] == pytest.approx(1.0, abs=1e-5)
    assert 0.4 < survival[1] < 0.75
    assert with_it[1] == pytest.approx(without[1], rel=1e-12)


def test_cosmic_rays_at_the_sun_and_toward_the_centre() -> None:
    hypothesis, model = load_hypothesis("gamma-optimized-min"), load()
    here = predict(hypothesis, request_for((1e4,), "proton"), model)["intensity"]
    inside = predict(hypothesis, request_for((1e4,), "proton", radius=4.0), model)["intensity"]
    assert here[0] * 1e4**2.8 == pytest.approx(3.285e4, rel=1e-6)
    assert 2.0 < inside[0] / here[0] < 8.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"energies": (0.5,), "region": "lhaaso_inner"}, "outside the range"),
        ({"energies": (1e9,), "region": "lhaaso_inner"}, "outside the range"),
        ({"energies": (10.0,)}, "no region"),
        ({"energies": (10.0,), "messenger": "proton", "region": "lhaaso_inner"}, "gamma and neutrino"),
        ({"energies": (10.0,), "messenger": "proton", "radius": 25.0}, "outside the modelled disc"),
        ({"energies": (10.0,), "region": "lhaaso_inner", "changes": {"halo_height": 1e3}}, "2 to 12"),
        ({"energies": (10.0,), "region": "lhaaso_inner", "changes": {"halo_hight": 4.0}}, "halo_height"),
        ({"energies": (10.0,), "region": "lhaaso_inner", "changes": {"hi_scale": -1.0}}, "above 0"),
    ],
)
def test_what_cannot_be_predicted_is_explained(arguments: dict[str, Any], said: str) -> None:
    changes = arguments.pop("changes", None)
    with pytest.raises(UserError, match=said):
        predict(load_hypothesis("gamma-optimized-min"), request_for(**arguments), load(), changes)
