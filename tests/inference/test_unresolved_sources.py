"""Unresolved sources: the formula, what they leave alone, and their place in a posterior."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.emulator.response.galactic_parameters import galactic_parameters
from crsea_infer.emulator.sky_model import Request, SkyModel
from crsea_infer.hypotheses.hypothesis import build_hypothesis, load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.parameter_checks import check_parameters
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.inference.unresolved_sources import UNRESOLVED_PARAMETERS, SkyWithSources, with_unresolved_sources
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.parameters import SkyParameters
    from crsea_infer.emulator.sky_model import BoundModel

REQUESTS = (
    Request("gamma", (1e3, 1e4, 1e5), "lhaaso_inner"),
    Request("gamma", (2e4,), "lhaaso_outer"),
    Request("neutrino", (1e3, 1e5), "full_sky"),
    Request("proton", (1e3,)),
)


@dataclasses.dataclass(frozen=True)
class PowerLaws:
    requests: tuple[Request, ...]

    def __call__(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(sum(parts.values()) for parts in self.components(parameters))

    def components(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        assert not set(UNRESOLVED_PARAMETERS) & set(parameters)  # they are none of the sea's business
        found = []
        for request in self.requests:
            level = 3.0 if request.region == "lhaaso_outer" else 5.0
            shape = level * (np.array(request.energies) / 1e4) ** -2.8
            found.append({"HI": parameters["hi_scale"][..., None] * shape, "H2": 0.0 * shape})
        return tuple(found)


@dataclasses.dataclass(frozen=True)
class TestSky:
    __test__ = False
    relative_error: float = 0.01
    fingerprint: str = "power laws"
    box: Mapping[str, tuple[float, float]] = dataclasses.field(
        default_factory=lambda: {"delta_slope": (0.0, 0.1), "halo_height": (2.0, 12.0)}
    )
    description: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def parameters(self, requests: Sequence[Request]) -> SkyParameters:
        return galactic_parameters(self.box, requests)

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        return PowerLaws(tuple(requests))


def parameters(fraction: Any = 0.3) -> dict[str, Any]:
    fraction = np.asarray(fraction)
    values = {"hi_scale": 2.0, "unresolved_index": 2.4, "unresolved_cutoff": 5e4}
    return {"unresolved_fraction": fraction, **{name: np.full(fraction.shape, one) for name, one in values.items()}}


def test_sources_are_a_fraction_of_the_sea_at_ten_tev_in_each_region() -> None:
    model: SkyModel = SkyWithSources(TestSky())
    inner, outer, neutrinos, protons = model.bind(REQUESTS)(parameters())
    energies = np.array([1e3, 1e4, 1e5])
    sources = 0.3 * 10.0 * (energies / 1e4) ** -2.4 * np.exp(-(energies - 1e4) / 5e4)
    np.testing.assert_allclose(inner, 10.0 * (energies / 1e4) ** -2.8 + sources)
    assert inner[1] == pytest.approx(1.3 * 10.0)
    assert outer[0] == pytest.approx(6.0 * 2.0**-2.8 + 0.3 * 6.0 * 2.0**-2.4 * np.exp(-0.2))
    np.testing.assert_allclose(neutrinos, 10.0 * np.array([0.1, 10.0]) ** -2.8)
    np.testing.assert_allclose(protons, 10.0 * 0.1**-2.8)


def test_components_sum_to_the_whole() -> None:
    bound = SkyWithSources(TestSky()).bind(REQUESTS)
    values = parameters([[0.0, 0.2], [0.5, 1.0]])
    for whole, parts in zip(bound(values), bound.components(values), strict=True):
        np.testing.assert_allclose(sum(parts.values()), whole)
        assert whole.shape[:2] == (2, 2)
    assert "unresolved sources" in bound.components(values)[0]
    assert "unresolved sources" not in bound.components(values)[2]


def test_a_hypothesis_without_them_keeps_its_model() -> None:
    model = TestSky()
    assert with_unresolved_sources(model, ["hi_scale"]) is model
    wrapped = with_unresolved_sources(model, UNRESOLVED_PARAMETERS)
    assert isinstance(wrapped, SkyWithSources)
    assert wrapped.box == model.box
    assert "unresolved_sources" in wrapped.description


def test_without_sources_the_posterior_is_that_of_the_sea() -> None:
    data = [load_likelihood("lhaaso_km2a_inner")]
    sky = TestSky(relative_error=0.0)  # far from the data, where an error of the model would leave nothing to see
    plain = posterior_for(load_hypothesis("base-min"), data, sky)
    wide = posterior_for(load_hypothesis("base-min-sources"), data, sky)
    assert set(wide.names) - set(plain.names) == set(UNRESOLVED_PARAMETERS)
    assert float(wide.log_likelihood(wide.fiducial)) == pytest.approx(float(plain.log_likelihood(plain.fiducial)))
    more = wide.fiducial.copy()
    more[wide.names.index("unresolved_fraction")] = 0.5
    assert float(wide.log_likelihood(more)) != pytest.approx(float(wide.log_likelihood(wide.fiducial)))


def test_half_a_description_is_refused() -> None:
    hypothesis = load_hypothesis("base-min-sources")
    kept = tuple(one for one in hypothesis.parameters if one.name != "unresolved_cutoff")
    with pytest.raises(UserError, match="unresolved_cutoff") as caught:
        check_parameters(dataclasses.replace(hypothesis, parameters=kept), TestSky(), REQUESTS)
    assert "unresolved_sources" in caught.value.fix


def test_lepton_scales_are_known() -> None:
    check_parameters(build_hypothesis("h", ["base", "min", "gas", "leptons"]), TestSky(), REQUESTS)


def test_jax_gives_the_same_numbers() -> None:
    jax = pytest.importorskip("jax")
    bound = SkyWithSources(TestSky()).bind(REQUESTS[:1])
    (expected,) = bound(parameters([0.1, 0.9]))
    with jax.enable_x64(True):
        traced = {name: jax.numpy.asarray(value) for name, value in parameters([0.1, 0.9]).items()}
        (found,) = jax.jit(bound)(traced)
        np.testing.assert_allclose(np.asarray(found), expected)
